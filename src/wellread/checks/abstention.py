"""Does an answer decline, wholly or in part?

A sentence declines where it says that the sources (or the speaker) lack what is asked: "the
passages do not say …", "I could not find …", "steht nicht in den Quellen". Sentences that only tell
what the sources do cover, or what would be needed, go with it. Where nothing else is left the whole
answer abstains; where something is, the answer declines in part.

    find sentences -> cut at "but", "however", "aber" -> mark each clause -> whole, part or no
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from wellread.checks.reading.units import unit_of
from wellread.ingest.sentences import sentence_spans

Declining = Literal["whole", "part", "no"]
Mark = Literal["declines", "meta", "claim"]

# Words that hardly mean anything but what lies before the speaker, and words that may also be the
# subject of a claim ("documents do not contain …") and need a sign that they do not.
_STRONG = (
    r"(?:passages?|sources?|chunks?|context|excerpts?|snippets?|search results?|"
    r"(?:materials?|documents?|texts?|information|data|files?) (?:that )?(?:i|we) (?:have|had|"
    r"was given|were given|received)|"
    r"what (?:i|we) (?:was|were) given|(?:provided|given|available|retrieved|supplied|above|these|"
    r"present|your) (?:\w+ )?(?:documents?|texts?|materials?|articles?|information|data|files?))"
)
_SOURCES = rf"(?:{_STRONG}|documents?|texts?|materials?|articles?|information|data)"
_SAYS = (
    r"(?:say|state|mention|specify|tell|answer|explain|describe|discuss|clarify|address|indicate|"
    r"(?:provide|give|contain|include|offer|have) (?:\w+ ){0,3}?(?:information|details?|answers?|"
    r"instructions?|guidance|data|mention|figures?|explanation))"
)
_HOLDS = (
    r"(?:contain|include|provide|give|cover|list|offer|have(?! to)|hold|reveal|help|show|name|"
    r"settle)"
)
_DO_NOT = r"(?:do not|does not|did not|don['’]t|doesn['’]t|didn['’]t|cannot|can['’]t)"
_NOT = rf"(?:(?:{_DO_NOT}|never) )"
# Said of sources these decline; said of "they" they may be claims ("They do not talk about it").
_TREATS = (
    r"(?:touch (?:up)?on|talk about|speak of|go into|cover (?:this|that|the) (?:topic|question|"
    r"subject|matter|issue|point)|(?:allow|permit|support)(?: (?:me|us|any|an?|the|to|for))* "
    r"(?:conclusion|answer|determin|say|tell))"
)
_HOW = r"(?:\w+ly )?"
_CANNOT = (
    r"(?:can ?not|can['’]t|could not|couldn['’]t|(?:am|was|were|are) (?:not able|unable) to|"
    r"(?:was|were)n['’]t able to|['’](?:m|re) (?:not able|unable) to|(?:do|did)(?: not|n['’]t)|"
    r"(?:have|had)(?: not|n['’]t)(?: been able to)?)"
)
_GAP = r"[^.!?;]"
_BE_NOT = r"(?:is|are|was|were)(?: not|n['’]t)"
_LITTLE = (
    r"(?:not enough|n['’]t enough|no|insufficient|(?:a )?lack of|n['’]t any|not any|too little)"
)
_KIND_OF = (
    r"(?:(?:enough|sufficient|any|specific|direct|relevant|further|clear|detailed|such|useful|more|"
    r"explicit) )*"
)
_WHAT = r"(?:information|details?|mention|indication|answers?|hints?|clues?|reference|explanation)"
_ENGLISH = (
    rf"\b{_SOURCES}\b{_GAP}{{0,60}}\b{_NOT}{_HOW}{_SAYS}s?\b",
    rf"\b(?:they|these)\b{_GAP}{{0,60}}\b{_DO_NOT} {_HOW}{_SAYS}\b",
    rf"\b{_STRONG}\b{_GAP}{{0,60}}\b{_NOT}{_HOW}{_HOLDS}s?\b",
    rf"\b{_SOURCES}\b{_GAP}{{0,40}}\b{_NOT}{_HOW}{_TREATS}",
    rf"\b(?:none|neither|nothing|no part)\b{_GAP}{{0,15}}\b(?:of|in)\b{_GAP}{{0,25}}\b{_STRONG}\b",
    rf"\bno {_STRONG}\b{_GAP}{{0,40}}\b(?:{_SAYS}s?|{_HOLDS}s?|available|given|found)\b",
    rf"\b(?:is|are|was|were)(?: not|n['’]t) (?:\w+ly )?(?:stated|mentioned|given|provided|included|"
    rf"contained|specified|covered|answered|found|addressed|available|in|part of)\b{_GAP}{{0,40}}"
    rf"\b{_STRONG}\b",
    rf"\b{_STRONG}\b{_GAP}{{0,50}}\b(?:(?:is|are) silent|leaves? (?:this |it |that )?open|"
    r"(?:is|are)(?: not|n['’]t) (?:\w+ly )?(?:sufficient|enough|helpful|relevant)|lacks?|fails? to|"
    r"(?:is|are) (?:insufficient|unrelated))\b",
    r"\b(?:is|are)(?: not|n['’]t) (?:\w+ly )?(?:mentioned|specified|stated)\W*$",
    rf"(?:^\W*(?:unfortunately,? |sorry,? )?|\b(?:there|i|we|{_SOURCES})\b{_GAP}{{0,40}}?)"
    rf"\b(?:not|no|insufficient|lack of|n['’]t \w+)\W{{0,2}}{_KIND_OF}information\b"
    r"(?! (?:may|must|shall|should|will|can|could|was|were|is given) )",
    rf"^\W*(?:that|this|it|the answer){_GAP}{{0,20}}\bn(?:ot|['’]t) {_KIND_OF}information\b",
    rf"\b{_SOURCES}\b(?: at hand| above| provided| given)?(?: \w+ly)? (?:makes?|made|"
    rf"contains?|has|have|gives?|offers?|provides?|"
    rf"includes?|holds?) (?:absolutely )?(?:no|not any) {_KIND_OF}{_WHAT}\b",
    rf"\b(?:from|in|based on|with)\b{_GAP}{{0,20}}\b{_STRONG}\b{_GAP}{{0,20}}\b(?:cannot|can['’]t|"
    r"could not|couldn['’]t) be (?:answered|determined|found|known|inferred|derived|said)\b",
    rf"^\W*no {_KIND_OF}{_WHAT}\b{_GAP}{{0,40}}\b(?:in|from|among)\b{_GAP}{{0,10}}\b{_SOURCES}\W*$",
    rf"^\W*nothing\b{_GAP}{{0,40}}\b(?:appears|stands|is (?:said|mentioned|stated|given|found))\b"
    rf"{_GAP}{{0,20}}\b{_SOURCES}\b",
    rf"\b(?:outside|beyond|not within) (?:of )?(?:the )?(?:scope|range|reach) of\b{_GAP}{{0,15}}"
    rf"\b{_STRONG}\b",
    rf"\b(?:information|detail|answer|fact)s?(?: \w+)? {_BE_NOT} (?:\w+ly )?(?:present|available|"
    rf"included|contained|found)\b{_GAP}{{0,15}}\b{_SOURCES}\b",
    r"\b(?:not|n['’]t) something (?:that )?(?:i|we) (?:can|could|am able to|are able to) (?:answer|"
    r"say|tell|find|determine)\b",
    rf"\b(?:no|not any) {_KIND_OF}{_WHAT}\b{_GAP}{{0,20}}\b(?:can|could) be (?:derived|found|"
    rf"given|drawn|determined|inferred)\b{_GAP}{{0,30}}\b{_STRONG}\b",
    rf"\b{_BE_NOT} something\b{_GAP}{{0,10}}\b{_SOURCES}\b{_GAP}{{0,10}}\b(?:talk|mention|cover|"
    r"discuss|say|address|tell|speak|go)",
    rf"^\W*(?:this |that |it )?(?:is )?(?:not|nowhere|never) (?:\w+ly )?(?:mentioned|stated|"
    rf"specified|given|provided|found|available|covered|addressed|included|discussed)(?: anywhere)?"
    rf" (?:in|by|from|among)\b{_GAP}{{0,20}}\b{_SOURCES}\b",
    r"^\W*(?:the answer is |answer: )?(?:n/?a|unknown|unanswerable|unspecified|undetermined|"
    r"not (?:available|answerable|specified|stated|mentioned|given|known|found)|no (?:idea|answer|"
    r"data|results?|relevant information found|match(?:es)?)|unbekannt|unklar|nicht (?:bekannt|"
    r"beantwortbar|angegeben|erwähnt|genannt|verfügbar)|k\. ?a\.)\W*$",
    rf"\b(?:the|these|those|my|your|this|that) {_SOURCES} (?:\w+ ){{0,2}}?(?:is|are|remains?) "
    r"(?:\w+ly )?(?:silent|unclear|vague|inconclusive)\b",
    rf"\b(?:there is|there['’]s|there are|i have|we have)\b(?: \w+ly)? {_LITTLE} (?:detail|context|"
    rf"data|evidence|material)s?\b{_GAP}{{0,30}}(?:\b{_STRONG}\b|\bto (?:say|tell|answer|know|"
    r"determine)(?: this| that)?\W*$)",
    rf"\b{_SOURCES} (?:\w+ )?(?:says?|tells?|states?|reveals?|contains?|has|have|"
    rf"holds?) (?:us |me )?(?:nothing|"
    r"(?:very )?little)\b",
    r"^\W*(?:we|i) (?:are|were|am|was)(?: not|n['’]t) told\b",
    rf"\b(?:it )?(?:remains|is|['’]s|stays) (?:unclear|open|unknown)\b{_GAP}{{0,6}}\bfrom\b"
    rf"{_GAP}{{0,15}}\b{_SOURCES}\b",
    rf"\b{_STRONG}\b{_GAP}{{0,20}}\b(?:leaves? out|omits?)\b",
    rf"\b{_SOURCES} (?:\w+ )?fails? to {_SAYS}\b",
    rf"\b(?:that|this|the|such|these) (?:detail|information|fact|point|answer|data|figure|name|"
    rf"date|number)s? (?:\w+ )?(?:is|are) (?:missing|absent|lacking) (?:from|in)\b{_GAP}{{0,15}}"
    rf"\b{_SOURCES}\b",
    r"\b(?:i|we)(?: would|['’]d| will)? need (?:more|further|additional|other) (?:information|"
    r"details?|context|documents?|sources?)\b",
    r"\bi(?: am|['’]m) not (?:sure|certain)\b",
    rf"\b(?:i|we)\b{_GAP}{{0,20}}{_CANNOT} (?:\w+ )?(?:find|found|tell|say|see|answer|"
    rf"determine|know|"
    r"confirm|verify|locate|located|provide|give|have)\b",
    r"\b(?:it is|it['’]s) (?:not (?:clear|stated|possible to (?:say|tell|determine|answer)|"
    r"specified|"
    r"mentioned)|unclear|impossible to (?:say|tell|determine|answer|know))\b",
    r"^\W*(?:unfortunately,? |sorry,? )?unable to (?:answer|determine|find|provide|locate)\b",
    rf"\b(?:cannot|can['’]t|could not) be (?:answered|determined|found) (?:from|in|based|"
    rf"with){_GAP}*"
    rf"\b{_STRONG}\b",
    rf"\b(?:there (?:is|are)(?:n['’]t any|)|there['’]s|i have|i see|i find)"
    rf"(?: (?:no|not any|nothing)|(?<=any))\b{_GAP}{{0,60}}"
    rf"\b(?:{_STRONG}|mention|answer)\b",
    rf"\b(?:this|it|that|the answer) is (?:not|nowhere) (?:to be found )?(?:in|"
    rf"among) {_GAP}{{0,15}}"
    rf"\b{_STRONG}\b",
    r"\bi (?:do not|don['’]t) know\b",
)
_QUELLEN = (
    r"(?:textstellen?|quellen?|passagen?|textpassagen?|chunks?|kontext|auszüge?n?|ausschnitte?n?|"
    r"(?:vorliegenden|gegebenen|bereitgestellten|diesen?|diesem|diesem|genannten|dem|den|im) "
    r"(?:\w+en )?(?:dokumente?n?|texte?n?|stellen|unterlagen|informationen|abschnitte?n?))"
)
_KEINE = r"(?:nicht|nichts|keine?[nrsm]?|nirgends|nie)"
_SAGEN = (
    r"(?:sagen?|sagt|enthalten|enthält|nennen|nennt|erwähnen|erwähnt|geben|gibt|beantworten|"
    r"beantwortet|helfen|hilft|klären|klärt|behandeln|behandelt|machen)"
)
_GERMAN = (
    rf"\b(?:aus|in|laut)\b{_GAP}{{0,25}}\b{_QUELLEN}\b{_GAP}{{0,40}}\b{_KEINE}\b",
    rf"^\W*(?:dazu|hierzu|darüber|hierüber|davon|(?:zu|"
    rf"über){_GAP}{{3,40}})\b{_GAP}{{0,10}}\b{_SAGEN} "
    rf"(?:der|die|das|dieser?|dieses) (?:text|{_QUELLEN}|dokumente?)\b{_GAP}{{0,20}}\b{_KEINE}\b",
    rf"\b{_QUELLEN}\b{_GAP}{{0,30}}\b{_SAGEN}\b{_GAP}{{0,30}}\b{_KEINE}\b",
    rf"\b{_QUELLEN}\b{_GAP}{{0,30}}\b(?:offen|schweigen|schweigt|reich(?:en|t) nicht)\b",
    rf"\b(?:keine|keiner|keines|kein) (?:der |dieser )?(?:\w+en )?{_QUELLEN}\b",
    rf"\b(?:steht|stehen|findet sich|finden sich|ist|sind|wird|werden)\b{_GAP}{{0,40}}\b{_KEINE}\b"
    rf"{_GAP}{{0,30}}\b(?:in|den|aus)\b{_GAP}{{0,20}}\b{_QUELLEN}\b",
    rf"\b{_KEINE} hervor\b|\b{_KEINE} (?:erwähnt|angegeben)\W*$",
    rf"\bich\b{_GAP}{{0,40}}\b{_KEINE}\b{_GAP}{{0,40}}\b(?:finden|gefunden|angaben?|sagen|"
    r"beantworten|information(?:en)?|antworten)\b",
    rf"\bich (?:kann|konnte|finde|weiß) {_GAP}{{0,50}}\b{_KEINE}\b",
    rf"\b{_QUELLEN}\b{_GAP}{{0,20}}\bnicht zu (?:entnehmen|finden)\b",
    r"\b(?:angaben|informationen) reichen\b[^.!?;]{0,40}\bnicht\b",
    rf"\b(?:lässt|lassen) sich\b{_GAP}{{0,60}}\bnicht (?:beantworten|sagen|feststellen|"
    rf"entnehmen)\b",
    r"\b(?:lässt|lassen) (?:das |dies |es )?offen\b|\bbleibt offen\b|\bist unklar\b",
    rf"(?:^\W*(?:\w+ )?|\b(?:dazu|hierzu|darüber|hierüber|davon|ich|mir|uns|gibt es|{_QUELLEN}|"
    rf"text|dokumente?n?|unterlagen)\b{_GAP}{{0,50}})\bkeine (?:angaben?|informationen?|antwort|"
    r"hinweise?|auskunft|rede)\b",
)
_OTHERS = (
    r"\b(?:les (?:passages|sources|documents|textes)|le (?:texte|document|contexte))\b[^.!?;]{0,30}"
    r"\bne\b[^.!?;]{0,30}\bpas\b",
    r"\bje (?:ne |n['’])[^.!?;]{0,20}\b(?:trouve|sais|peux)\b[^.!?;]{0,5}\bpas\b",
    r"\b(?:los (?:pasajes|textos|documentos)|las fuentes|el (?:texto|contexto|documento))\b"
    r"[^.!?;]{0,10}\bno\b",
    r"\bno (?:puedo|pude|se puede) (?:encontrar|responder|determinar|decir)\b",
    r"\b(?:i (?:passaggi|testi|documenti)|le fonti|il (?:testo|contesto))\b[^.!?;]{0,10}\bnon\b",
    r"\b(?:de (?:passages|bronnen|teksten|documenten)|de (?:tekst|context))\b[^.!?;]{0,40}\bniet\b",
    r"(?:文[中章本]|段落|资料|資料|来源|上下文|文档|原文)[^。！？]{0,12}(?:没有|沒有|未|并未|無|无)",
    r"(?:无法|無法|不能)(?:确定|確定|回答|找到|得知)",
    r"(?:記載|情報|記述|言及)[^。]{0,8}(?:ありません|ない|見つかりません)",
)
_DECLINES = re.compile("|".join((*_ENGLISH, *_GERMAN, *_OTHERS)), re.IGNORECASE)

# Headings, openings and closings that claim nothing, wherever they stand.
_PHRASES = re.compile(
    "|".join(
        (
            r"^\s*#{1,6}\s[^\d\n]{0,120}$",
            r"^\W*\*\*[^*\d\n]{1,80}:?\*\*:\W*$|^\W*\*\*[^*\d\n]{1,80}:\*\*\W*$",
            r"^\W*(?:sure|certainly|of course|ok(?:ay)?|great question|thanks?(?: you)?|yes|no|ja|"
            r"nein|"
            r"gerne?|natürlich|hello|hi|enjoy)\W*$",
            r"^\W*(?:no|nein),? (?:it|that|this|das|es) (?:is|ist) (?:not|nicht) (?:so|allowed|"
            r"permitted|"
            r"the case|possible|erlaubt|möglich|der fall)\W*$",
            r"^\W*(?:sure\b|based\b|according\b|here\b|the following\b)[^.!?:]{0,200}:\W*$",
            rf"^[^.!?:]{{0,80}}\b(?:{_STRONG}|here(?:['’]s| is| are)|the following|answer|question|"
            r"steps|summary)\b[^.!?:]{0,120}:\W*$",
            rf"\b(?:please )?note (?:that|:) (?:\w+ ){{0,2}}?(?!source)(?:{_STRONG}|information)\b"
            r"[^.!?\d]{0,80}$",
            # "Sorry, it may explode" and "feel free to open it" are claims.
            r"^\W*(?:\w+['’]?\w* ){0,3}?(?:sorry|apologi(?:[sz]e|es)|tut mir leid)"
            r"(?:\W*$|,? (?:but )?(?:for|about|if|to hear|i|we|ich|wir|dass)\b[^\d:;]*$)",
            r"\bfeel free to (?:ask|reach out|contact|let me know|share|provide)\b[^\d:;]*$",
            r"\blet me know (?:if|whether|when|how|what|should|which)\b[^\d:;]*$",
        )
    ),
    re.IGNORECASE,
)
# What goes with declining, once an answer has declined: what the sources do speak of, what would
# be needed. Anywhere else the same words may be a claim ("They cover the lid").
_AFTERWARDS = re.compile(
    "|".join(
        (
            rf"\b(?:they|these|{_STRONG})\b(?: \w+){{0,3}}? (?:deals? with|covers?|(?:is|"
            rf"are) (?:only )?"
            r"about|discuss(?:es)?|speaks? of|talks? about|focus(?:es)? on|concerns?|describes?|"
            r"(?:is|are) limited to|only mentions?|mentions?|mainly)\b",
            r"^\W*(?:and |und )?(?:instead,? )?(?:what they|their (?:subjects?|topics?|content))\b",
            r"\b(?:sie|darin|stattdessen|themen|inhalt|textstellen|"
            r"quellen)\b[^.!?]{0,40}\b(?:behandel\w+|"
            r"handel\w+|geht es|gehen|sind|ist|beschränkt|drehen|beschreiben)\b|"
            r"\bgeht es (?:darin )?um\b"
            r"|\bzu finden ist darin\b",
            r"\b(?:source|document|text|manual|information|context|details?|guide|record|report|"
            r"passage)s?\b[^.!?]{0,120}\b(?:would|could|should|might|may|needed|required|"
            r"necessary)\b",
            r"\b(?:would|could|should|might|need)\b[^.!?]{0,60}\b(?:source|document|text|manual|"
            r"information|context|details?|guide|record|report|passage)s?\b",
            r"\bwould be (?:needed|required|necessary)\b|\bplease (?:give|provide|consult|check|"
            r"share)\b",
            r"\b(?:consult|check with|refer to|contact)\b",
            r"\b(?:wäre|wären|bräuchte|könnte|müsste|ließe|brauche|nötig)\b|\bbitte geben sie\b",
            r"\b(?:will|would|['’]ll) not guess\b",
        )
    ),
    re.IGNORECASE,
)
_TURN = re.compile(
    r"(?:[,;:–—]\s*|\.\s+)(?:but|however|though|yet|although|aber|jedoch|allerdings|doch)\b,?\s*"
    r"|[;:]\s+",
    re.IGNORECASE,
)
_SAYS_WHAT = re.compile(r"\w")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_LONGEST = 4_000


def clauses(answer: str, language: str = "") -> Iterator[tuple[int, int, Mark]]:
    """Start, end and mark of every clause of `answer`, in order.

    Clauses are sentences; one that declines is cut again where it turns ("…, but …", "…: …").
    """
    declined = False
    for start, end in answer_sentences(answer, language):
        parts = list(_parts(answer, start, end))
        # "They discuss seals, but do not say who makes them": what comes before goes with it too.
        about = declined or (len(parts) > 1 and bool(_DECLINES.search(answer[start:end])))
        for at, stop in parts:
            mark = _mark(answer[at:stop], about)
            declined = declined or mark == "declines"
            yield at, stop, mark


def _parts(answer: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """A sentence whole, or cut at its turns where it declines."""
    sentence = answer[start:end]
    if len(sentence) > _LONGEST or not _DECLINES.search(sentence):
        yield start, end
        return
    at = start
    for match in _TURN.finditer(sentence):
        if start + match.start() > at:
            yield at, start + match.start()
        at = start + match.end()
    if at < end:
        yield at, end


def answer_sentences(answer: str, language: str = "") -> Iterator[tuple[int, int]]:
    """Spans of the sentences of an answer; a line break always ends one."""
    at = 0
    for line in answer.split("\n"):
        if line.strip():
            yield from sentence_spans(answer, at, at + len(line), language)
        at += len(line) + 1


def declines(answer: str, language: str = "") -> Declining:
    """Whether `answer` declines wholly, in part, or not at all.

    >>> declines("The passages do not say when it was built. They deal with its colour.")
    'whole'
    >>> declines("It is red. The passages do not say when it was built.")
    'part'
    >>> declines("It was built in 1960, not in 1950.")
    'no'
    """
    marks = [mark for start, end, mark in clauses(answer, language)]
    if "declines" not in marks:
        return "no"
    return "part" if "claim" in marks else "whole"


def _mark(clause: str, declined: bool) -> Mark:
    if len(clause) > _LONGEST:
        return "claim"
    if _DECLINES.search(clause):
        return "declines"
    if _PHRASES.search(clause) or not _SAYS_WHAT.search(clause):
        return "meta"
    # A number with a unit is a claim whatever is said around it; others may be in a title.
    measured = any(unit_of(clause, *found.span())[0] for found in _NUMBER.finditer(clause))
    return "meta" if declined and _AFTERWARDS.search(clause) and not measured else "claim"
