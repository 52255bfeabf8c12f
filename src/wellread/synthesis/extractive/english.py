"""English sentences to drafts: leads and conditions first, then the clause rules.

1. A sentence that cannot be quoted alone (speech, debris, first person) gives nothing.
2. A pronoun or "this unit" at the start is replaced by what it stands for, or the sentence is
   refused.
3. Conditions, instructions, prohibitions, counts and abbreviations have rules of their own;
   everything else goes through `english_rules.RULES`.
4. Each draft gets the anchor where its subject is too general, and must pass `sound`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from wellread.synthesis.extractive.context import Context, is_code
from wellread.synthesis.extractive.english_clause import (
    head_noun,
    is_person,
    parse,
)
from wellread.synthesis.extractive.english_patterns import PATTERNS
from wellread.synthesis.extractive.english_rules import RULES
from wellread.synthesis.extractive.english_words import FUNCTION_WORDS, is_plural
from wellread.synthesis.extractive.facts import Draft, Sentence
from wellread.synthesis.extractive.wording import pick

_INTRO = re.compile(
    r"(?:However|Therefore|Thus|Hence|Moreover|Furthermore|In addition|Additionally|For example|"
    r"For instance|Consequently|As a result|In fact|Indeed|Note that|Please note that|Also|Finally|"
    r"Typically|Generally|Usually|Normally|Ultimately|Overall|In general|Specifically|In short|"
    r"Nevertheless|Similarly|Likewise|Historically|Traditionally|Originally|Today|Currently|"
    r"Often|Sometimes|Occasionally|Conversely|In contrast|On the other hand|In turn|Initially|"
    r"Subsequently|Eventually|Accordingly|Primarily),? "
)
_LEAD = re.compile(
    r"(?P<lead>(?:In|During|At|Under|Within|On|With|For|Without|Outside|Inside|According to|By) "
    r"[^,;:()“”\"]{3,60}), (?P<rest>(?:the|a|an|all|each|every|[A-Z]|\d|[a-z]+s\b|[a-z]+ ).*)\Z"
)
_DATE_LEAD = re.compile(r"(?:In|On|By|Since|Until|During|From|Around|Between|After|Before)\b.*\d")
_DEBRIS = re.compile(
    r"[\uf000-\uf0ff\u0000-\u0008\ufffd-\uffff\u00ad\ud800-\udfff]|\b(?:Figure|Fig\.|"
    r"Table|Chapter|Appendix|Annex) [A-Z\d]|\.{4}|_{3}|https?:|www\.|"
    r"\b(?:FM|ADP|ATP|AR) \d+-\d+ (?:\d|[A-Z]\w+ \d|-)|\d+-\d+ FM|-DQ|[{}<>|\\]|\S{40}|\[|\]|"
    r"intentionally left blank|[a-z][A-Z][a-z].*[a-z][A-Z][a-z]|\.[A-Z][a-z]|[a-z]\.[a-z]{3}",
)
_PERSONAL = re.compile(r"\b(?:I|we|us|our|my|me|I’m|I'm|ours|mine|thou|thee|thy)\b", re.IGNORECASE)
_SELF_REFERENCE = re.compile(
    r"\b(?:this|these|the (?:present|following|above|preceding|previous|next|last|same|"
    r"latter|former)) "
    r"(?:manual|publication|document|chapter|section|paragraph|page|text|book|article|appendix|"
    r"guide|figure|table|policy|example|list|work|version|paper|report|vignette)\b|"
    r"\b(?:see|refer to) (?:paragraph|page|chapter|section|table|figure|appendix|fm|adp|atp)|"
    r"\b(?:as follows|listed below|described below|shown (?:below|above|in))\b|"
    r"\b(?:in|of) (?:the )?(?:table|figure|chapter|section|paragraph|appendix) ",
    re.IGNORECASE,
)


def usable(sentence: Sentence) -> bool:
    """Whether the sentence can be read on its own and quoted as it is."""
    text = sentence.text
    words = text.count(" ") + 1
    if not 4 <= words <= 48 or not (text[0].isupper() or text[0].isdigit()):
        return False
    if not text.rstrip('”"’)').endswith(".") and not (sentence.item and words > 4):
        return False
    if text.endswith((":", ";", ",")) or _DEBRIS.search(text) or _SELF_REFERENCE.search(text):
        return False
    if text.count("(") != text.count(")") or text.count("“") != text.count("”"):
        return False
    return text.count('"') % 2 == 0 and not _PERSONAL.search(text) and not _shouting(text)


def _shouting(text: str) -> bool:
    """Capitals in a row at the start: a heading that stuck to the sentence."""
    words = text.split()[:4]
    return sum(word.isupper() and len(word) > 3 for word in words) >= 2


def drafts(sentence: Sentence, before: str, context: Context) -> Iterator[tuple[Draft, str]]:
    """Drafts of one sentence, each with the full statement that answers it."""
    if not usable(sentence):
        return
    resolved = resolve(sentence.text, before, context)
    if not resolved:
        return
    core = _INTRO.sub("", resolved, count=1).rstrip(".").strip()
    core = core[:1].upper() + core[1:]
    for draft in _all(core, context):
        worded = anchored(draft, context)
        if worded and sound(worded):
            yield (
                worded,
                worded.statement or (resolved if resolved.endswith(".") else resolved + "."),
            )


def _all(core: str, context: Context) -> Iterator[Draft]:
    for pattern in PATTERNS:
        yield from pattern(core, context)
    lead, text = _split_lead(core, context)
    clause = parse(text)
    if not clause:
        return
    name = clause.subject.removeprefix("The ")
    clause = replace(
        clause,
        subject=context.lower_first(clause.subject),
        person=name in context.people and name[:1].isupper(),
    )
    if clause.plural:
        clause = replace(clause, subject=_plural_subject(clause.subject, context))
    for rule in RULES:
        draft = rule(clause)
        if draft:
            yield _with_lead(draft, lead)


def _plural_subject(subject: str, context: Context) -> str:
    """Common plural nouns are written small: "Dents in the box" -> "dents in the box"."""
    first = subject.split()[0]
    if (
        first in context.proper
        or not first[1:].isalpha()
        or not first[1:].islower()
        or not first.endswith("s")
    ):
        return subject
    follows = subject[len(first) + 1 :][:1]
    return (
        subject
        if follows.isupper() or first.endswith(("ans", "ish"))
        else subject[:1].lower() + subject[1:]
    )


def _split_lead(core: str, context: Context) -> tuple[str, str]:
    found = _LEAD.match(core)
    if not found or _DATE_LEAD.match(core) or found["lead"].startswith("According"):
        return "", core
    if re.search(
        r"\b(?:it|they|this|these|that|he|she|his|her|their|its|addition|fact|contrast|case|"
        r"turn|example|ing)\b",
        found["lead"],
    ):
        return "", core
    return found["lead"], found["rest"][:1].upper() + found["rest"][1:]


def _with_lead(draft: Draft, lead: str) -> Draft:
    if not lead:
        return draft
    question = f"{lead}, {draft.question[:1].lower()}{draft.question[1:]}"
    return replace(draft, question=question, about=f"{draft.about} {lead[:1].lower()}{lead[1:]}")


_PRONOUN = re.compile(r"(It|They|He|She) (?=[a-z])")
_THIS_THING = re.compile(
    r"(?:This|The) (?:unit|device|machine|appliance|product|model|equipment|instrument|"
    r"system)\b(?! of| for| that)"
)


def resolve(text: str, before: str, context: Context) -> str:
    """`text` with the pronoun at its start replaced, or "" where nobody can say by what."""
    if context.named and _THIS_THING.match(text):
        name = context.anchor if context.anchor.startswith("the ") else f"the {context.anchor}"
        return _THIS_THING.sub(name[:1].upper() + name[1:], text, count=1)
    text = _owned(text, before, context)
    if re.match(
        r"(?:This|That|These|Those|Such|His|Her|Its|Their|Another|Other|Others|Both|Neither|"
        r"Either|Some|One|The (?:other|former|latter|same|second|resulting))\b",
        text,
    ):
        return ""
    found = _PRONOUN.match(text)
    if not found:
        return text
    name = _antecedent(found[1], before, context)
    return f"{name[:1].upper()}{name[1:]} {text[found.end() :]}" if name else ""


_OWNED = re.compile(r"Its (?P<thing>(?:[\w-]+ ){1,4}?)(?P<verb>is|was|are|has|lasts|weighs|costs) ")


def _owned(text: str, before: str, context: Context) -> str:
    """As in "Its usable capacity is" -> "The usable capacity of the Larder 5 is"."""
    found = _OWNED.match(text)
    name = _antecedent("It", before, context) if found else ""
    if not found or not name or not re.search(r"[A-Z\d]", name):
        return text
    return f"The {found['thing']}of {name} {found['verb']} {text[found.end() :]}"


def _antecedent(pronoun: str, before: str, context: Context) -> str:
    """The subject of the sentence before, where it can be what the pronoun means."""
    if not before:
        return ""
    clause = parse(_INTRO.sub("", before, count=1).rstrip("."))
    if not clause or len(clause.subject.split()) > 6:
        return ""
    subject = context.lower_first(clause.subject)
    named = subject[:1].isupper() and subject.split()[-1][:1].isupper()
    person = is_person(head_noun(subject)) or named
    rest_nouns = clause.rest
    if pronoun in ("He", "She"):
        return subject if named and not re.search(r"\b[A-Z][a-z]+\b", rest_nouns) else ""
    if pronoun == "They":
        return subject if clause.plural else ""
    return "" if clause.plural or (person and not named) else subject


_POINTING = re.compile(r"\b(?:this|these|those)\b")
_FORBIDDEN = re.compile(
    r"\b(?:it|they|them|he|she|him|this|these|those|we|our|us|you(?!r? (?:must|should))|"
    r"above|below|following|aforementioned|"
    r"latter|former|herein|respectively|here|there were|such|the other|another|others|"
    r"the same|the rest|etc|"
    r"the (?:text|passage|document|section|chapter|paragraph|author|manual|book))\b",
    re.IGNORECASE,
)
_ALLOWED_YOU = re.compile(r"\b(?:should|must|do|can|may) you\b|\byour?\b")
_VAGUE_NOUN = re.compile(
    r"\bthe ([a-z][a-z-]+)(?= (?:is|are|was|were|in|on|at|to|with|and|or|by|from|as|"
    r"after|during|before|did|does|do|must|can|should|has|have|had|[a-z]+ed)\b|\?|,|$)"
)
_FAMILIAR = frozenset(
    "world sun moon earth country ocean sea sky internet air ground universe army navy government "
    "public past future present user enemy commander staff battlefield population military north "
    "south east west equator church bible middle".split()
)


_LED = re.compile(
    r"(?:In|During|At|Under|Within|On|With|For|Without|Outside|Inside|By) (?!how |what |"
    r"when )"
)
_LOOSE = frozenset(["object", "relation", "agent", "list"])
"""Rules whose questions a mere topic does not make definite: "the network", "the agreements"."""
_GENERAL = frozenset(["instruction", "prohibition", "condition", "number", "requirement"])
"""Rules whose questions belong to a product even where their words are not vague."""


def anchored(draft: Draft, context: Context) -> Draft | None:
    """Name what the question is about where its own words do not; None where nothing can."""
    if context.mentions_anchor(draft.question):
        return draft
    vague = _is_vague(draft.question) or _vague_subject(draft.subject)
    general = draft.rule in _GENERAL and not draft.subject[:1].isupper()
    if not vague and not (general and context.named and _product(context.anchor)):
        return draft
    if not context.anchor or _LED.match(draft.question):
        return None
    topic_only = not (context.named and _product(context.anchor)) and not is_code(context.anchor)
    if topic_only and draft.rule in _LOOSE and _vague_subject(draft.subject):
        return None
    lead = _anchor_lead(context, draft.question)
    first = draft.question[:1].lower() + draft.question[1:]
    return replace(draft, question=f"{lead}, {first}")


def _product(anchor: str) -> bool:
    return bool(re.search(r"\b[A-Z]+-?\d|\d[A-Z]|\A[A-Z][a-z]+ \d{1,4}\Z", anchor)) and not is_code(
        anchor
    )


def _anchor_lead(context: Context, question: str) -> str:
    if is_code(context.anchor):
        return f"In {context.anchor}"
    if context.named and _product(context.anchor):
        name = context.anchor if context.anchor.startswith("the ") else f"the {context.anchor}"
        return f"{pick(_PRODUCT_LEADS, context.salt, question)} {name}"
    return f"{pick(_TOPIC_LEADS, context.salt, question)} {context.anchor}"


_PRODUCT_LEADS = ("For", "With", "In the case of", "With regard to")
_TOPIC_LEADS = ("Regarding", "With regard to", "Concerning", "As regards", "On the subject of")


def _vague_subject(subject: str) -> bool:
    """A definite phrase of one or two common words and nothing after: "the agreements"."""
    words = subject.split()
    if len(words) not in (2, 3) or words[0].lower() != "the" or words[-1] in _FAMILIAR:
        return False
    return all(word.islower() and word.isalpha() for word in words[1:])


def _is_vague(question: str) -> bool:
    return any(found[1] not in _FAMILIAR for found in _VAGUE_NOUN.finditer(question))


def sound(draft: Draft) -> bool:
    """The last look at a draft: refuse rather than ask badly."""
    question, answer = draft.question, draft.answer
    words = question[:-1].split()
    if not 3 <= len(words) <= 34 or len(answer.split()) > 40:
        return False
    if _FORBIDDEN.search(_ALLOWED_YOU.sub("", question)) or question.count(",") > 4:
        return False
    if question.count("(") != question.count(")") or (
        re.search(r"[“”\"]", question) and question.count("“") != question.count("”")
    ):
        return False
    if re.search(r"[.,;:][”\"]?\?\Z", question):
        return False
    if draft.rule != "prohibition" and answer.lower() in question.lower():
        return False
    if re.search(r"\b(?:a|an|the|and|or|very|its|their|not|that|which|[,;])\?\Z", question):
        return False
    if re.match(r"(?:it|they|them|this|that|these|he|she|him|her|itself|which|also)\b", answer):
        return False
    if not _possessives_fit(draft) or (draft.rule in _LOOSE and _POINTING.search(answer)):
        return False
    return draft.rule == "prohibition" or _tells_something(answer, question)


def _possessives_fit(draft: Draft) -> bool:
    """As in "Its" and "their" can stand for the subject of the question."""
    if re.search(r"\b(?:his|her)\b", draft.question):
        return draft.subject[:1].isupper()
    if re.search(r"\bits\b", draft.question):
        return bool(draft.subject) and not is_plural(head_noun(draft.subject))
    if re.search(r"\btheir\b", draft.question):
        return bool(draft.subject) and is_plural(head_noun(draft.subject))
    return True


def _tells_something(answer: str, question: str) -> bool:
    asked = {word.lower().strip('.,;“”"()') for word in question.split()}
    said = [word.lower().strip('.,;“”"()?') for word in answer.split()]
    return any(word not in asked and word not in FUNCTION_WORDS for word in said)
