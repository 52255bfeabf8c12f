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

from wellread.ingest.sentences import sentence_spans

Declining = Literal["whole", "part", "no"]
Mark = Literal["declines", "meta", "claim"]

_SOURCES = (
    r"(?:passages?|sources?|chunks?|documents?|contexts?|texts?|excerpts?|snippets?|materials?|"
    r"articles?|search results?|information|data|what (?:i|we) (?:was|were) given)"
)
_SAYS = (
    r"(?:say|state|mention|contain|include|provide|specify|tell|give|cover|address|answer|indicate|"
    r"explain|describe|discuss|list|offer|have|hold|reveal|clarify|help|show|name|settle)"
)
_NOT = r"(?:do not|does not|did not|don['’]t|doesn['’]t|didn['’]t|cannot|can['’]t|never)"
_CANNOT = (
    r"(?:can ?not|can['’]t|could not|couldn['’]t|am not able to|am unable to|was unable to|"
    r"(?:is|are) unable to|unable to|not possible to|impossible to|do not|don['’]t|did not|didn['’]t)"
)
_ENGLISH = (
    rf"\b{_SOURCES}\b[^.!?;]{{0,60}}\b{_NOT}\s+(?:\w+ly\s+|directly\s+|actually\s+)?{_SAYS}",
    rf"\b(?:none|neither|nothing|no part)\b[^.!?;]{{0,20}}\b(?:of|in)\b[^.!?;]{{0,30}}\b"
    rf"(?:{_SOURCES}|here|these|them)\b(?![^.!?;]*\b(?:wrong|harmful)\b)",
    rf"\bno {_SOURCES}\b[^.!?;]{{0,40}}\b(?:{_SAYS}s?|available|given|provided|about|on|found)\b",
    rf"\b(?:is|are|was|were)(?: not|n['’]t) (?:\w+ly )?(?:stated|mentioned|given|provided|included|"
    rf"contained|specified|covered|answered|found|addressed|available|in|part of)\b[^.!?;]{{0,60}}"
    rf"\b{_SOURCES}\b",
    rf"\b{_SOURCES}\b[^.!?;]{{0,50}}\b(?:(?:is|are) silent|leaves? (?:this|it|that )?open|"
    rf"(?:is|are)(?: not|n['’]t) (?:sufficient|enough|helpful|relevant)|lacks?|fails? to|"
    rf"(?:is|are) missing|(?:is|are) insufficient)\b",
    rf"\b(?:not|n['’]t|no|insufficient|lacks? (?:of )?)\s*(?:enough |sufficient |any |specific |direct |"
    rf"relevant |further |clear )*information\b",
    rf"\b(?:i|we)\b[^.!?;]{{0,20}}\b{_CANNOT} (?:\w+ )?(?:find|tell|say|see|answer|determine|know|"
    rf"locate|provide|give|have)\b",
    r"\b(?:it is|it['’]s) (?:not (?:clear|stated|possible|specified|mentioned|known)|unclear|"
    r"impossible|unknown)\b",
    rf"\b(?:unable|not possible|impossible|cannot be|can['’]t be|could not be|not enough|insufficient)"
    rf"(?: to be| to)? (?:answer(?:ed)?|determined?|sa(?:y|id)|tell|told|found|find|known|context)\b",
    rf"\b(?:there is|there['’]s|there are|there was|i have|i see|i find) (?:no|not any|nothing)\b"
    rf"[^.!?;]{{0,60}}\b(?:{_SOURCES}|mention|answer|here)\b",
    r"\b(?:this|it|that|the answer) is (?:not|nowhere) (?:to be found )?(?:in|among) (?:the|these|my)\b",
    r"\bi (?:do not|don['’]t) know\b",
)
_QUELLEN = (
    r"(?:textstellen?|quellen?|passagen?|textpassagen?|abschnitte?n?|chunks?|dokumente?n?|"
    r"kontext|texte?n?|stellen|auszüge?n?|unterlagen|informationen|angaben?|ausschnitte?n?)"
)
_KEINE = r"(?:nicht|nichts|keine?[nrsm]?|nirgends|nie)"
_GERMAN = (
    rf"\b(?:aus|in|laut)\b[^.!?;]{{0,40}}\b{_QUELLEN}\b[^.!?;]{{0,40}}\b{_KEINE}\b",
    rf"\b{_QUELLEN}\b[^.!?;]{{0,40}}\b(?:sagen?|sagt|enthalten|enthält|nennen|nennt|erwähnen|erwähnt|"
    rf"geben|gibt|beantworten|beantwortet|helfen|hilft|klären|klärt|behandeln|behandelt|machen)\b"
    rf"[^.!?;]{{0,40}}\b{_KEINE}\b",
    rf"\b{_QUELLEN}\b[^.!?;]{{0,30}}\b(?:offen|schweigen|schweigt|reich(?:en|t) nicht)\b",
    rf"\b(?:keine|keiner|keines|kein) (?:der |dieser )?(?:\w+en )?{_QUELLEN}\b",
    rf"\b(?:steht|stehen|findet sich|finden sich|ist|sind|wird|werden|geht)\b[^.!?;]{{0,50}}\b{_KEINE}\b"
    rf"[^.!?;]{{0,40}}\b(?:{_QUELLEN}|hervor|erwähnt|angegeben|enthalten)\b",
    rf"\bich\b[^.!?;]{{0,40}}\b{_KEINE}\b[^.!?;]{{0,40}}\b(?:finden|gefunden|angabe|angaben|sagen|"
    rf"beantworten|information(?:en)?|antworten)\b",
    rf"\bich (?:kann|konnte|finde|weiß|habe)\b[^.!?;]{{0,50}}\b{_KEINE}\b",
    r"\b(?:lässt|lassen) sich\b[^.!?;]{0,60}\bnicht (?:beantworten|sagen|feststellen|entnehmen)\b",
    r"\b(?:lässt|lassen) (?:das |dies |es )?offen\b|\bbleibt offen\b|\bist unklar\b|\bes ist nicht klar\b",
    r"\bkeine (?:angaben?|informationen?|antwort|hinweise?)\b",
)
_OTHERS = (
    r"\b(?:les (?:passages|sources|documents|textes)|le (?:texte|document|contexte))\b[^.!?;]{0,30}"
    r"\bne\b[^.!?;]{0,30}\bpas\b",
    r"\bje (?:ne|n['’])\b[^.!?;]{0,20}\b(?:trouve|sais|peux)\b[^.!?;]{0,5}\bpas\b",
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

_META = re.compile(
    "|".join(
        (
            # what the sources do speak of
            rf"\b(?:they|these|the|their|all|both|its?)\b(?: \w+){{0,3}}?(?: {_SOURCES})?"
            r"(?: \w+){0,2}? (?:deals? with|covers?|(?:is|are) (?:only )?about|discuss(?:es)?|"
            r"speaks? of|talks? about|focus(?:es)? on|concerns?|(?:is|are) limited to|only mentions?)\b",
            r"^\s*(?:instead,? )?(?:what they (?:do )?cover|their (?:subjects?|topics?|content)|"
            r"they (?:only|mainly|mostly|instead))\b",
            r"\b(?:sie|darin|stattdessen)\b[^.!?]{0,20}\b(?:behandel\w+|handel\w+|geht es|um|über)\b",
            r"\bihre? (?:themen|inhalt|thema)\b|\bzu finden ist darin\b|\bgeht es darin um\b",
            # what would be needed
            r"\b(?:would|should|could|might|may) (?:\w+ )?(?:be (?:needed|required|necessary|helpful)|"
            r"need|settle|help|have to|be answered|answer|consult|check|contain)\b",
            r"\bi would need\b|\byou (?:may|might|could|should|would) (?:want|need|have)?\s?(?:to )?"
            r"(?:consult|check|look|refer|ask|contact|provide)\b",
            r"\bplease (?:give|provide|consult|check|share|refer|let me)\b|\bif you (?:can )?"
            r"(?:give|provide|share)\b|\b(?:additional|more|further) (?:information|context|sources?)"
            r" (?:is|are|would|may|might)\b",
            r"\b(?:wäre|wären|bräuchte|könnte|müsste|ließe|brauche)\b|\bbitte geben sie\b",
            r"\b(?:i|we) (?:will|would|['’]ll) not guess\b|\bsorry\b|\bapologi[sz]e\b|\bunfortunately\b"
            r"\W*$|\bleider\b\W*$|\btut mir leid\b",
            r"\bfeel free\b|\blet me know\b",
        )
    ),
    re.IGNORECASE,
)
_TURN = re.compile(
    r"(?:[,;:–—]\s*|\.\s+)(?:but|however|though|yet|although|aber|jedoch|allerdings|doch)\b,?\s*"
    r"|[;:]\s+",
    re.IGNORECASE,
)
_SAYS_WHAT = re.compile(r"[^\W_]{2,}")
_LONGEST = 4_000


def clauses(answer: str, language: str = "") -> Iterator[tuple[int, int, Mark]]:
    """Start, end and mark of every clause of `answer`, in order.

    Clauses are sentences, cut again where one turns ("…, but …") or after a colon.
    """
    for start, end in answer_sentences(answer, language):
        sentence = answer[start:end]
        if len(sentence) > _LONGEST or not _DECLINES.search(sentence):
            yield start, end, "meta" if _is_meta(sentence) else "claim"
            continue
        at = start
        for match in (*_TURN.finditer(sentence), None):
            stop = end if match is None else start + match.start()
            if stop > at:
                yield at, stop, _mark(answer[at:stop])
            at = stop if match is None else start + match.end()


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


def _mark(clause: str) -> Mark:
    if _DECLINES.search(clause):
        return "declines"
    if _is_meta(clause) or not _SAYS_WHAT.search(clause):
        return "meta"
    return "claim"


def _is_meta(sentence: str) -> bool:
    return len(sentence) <= _LONGEST and _META.search(sentence) is not None
