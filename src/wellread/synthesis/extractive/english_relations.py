"""English rules on what something is, where it is, and what was done with it or by whom."""

from __future__ import annotations

import re

from wellread.synthesis.extractive.english_clause import (
    Clause,
    head_noun,
    is_person,
)
from wellread.synthesis.extractive.english_words import (
    DATE,
    DETERMINERS,
    FUNCTION_WORDS,
    NUMBER,
    PARTICIPLES,
    PREPOSITIONS,
)
from wellread.synthesis.extractive.facts import Draft

_SUPERLATIVE = re.compile(
    r"the (?:(?:second|third) )?(?:(?:most|least) \w+|first|last|only|\w{2,}est|best|"
    r"worst|main|primary|principal|sole) (?:\w+[ ,]){0,6}\w+"
)


_NOT_SUPERLATIVE = re.compile(
    r"the (?:west|east|rest|test|interest|forest|guest|request|harvest|contest|protest|"
    r"priest|chest|midwest|northwest|southwest)\b",
    re.IGNORECASE,
)


_KIND_NOUN = re.compile(
    r"(?:forms?|types?|kinds?|components?|elements?|parts?|principles?|tasks?|cells?|"
    r"steps?|phases?|"
    r"stages?|categories|functions?|factors?|characteristics|requirements|capabilities|domains|"
    r"areas?|methods?|levels|objectives|goals|colou?rs|modes|options|features|exceptions|rules|"
    r"purposes|duties|responsibilities|fundamentals|attributes|instruments|symbols|languages)\Z",
    re.IGNORECASE,
)


_BE_DEFINITION = re.compile(r"(?:a|an|the|any|one of|part of|a type of|a kind of) \S+ \S+.*\Z")


_STRANDED = {
    "used": ("to", "for", "in", "as", "with", "by"),
    "made": ("of", "from", "up of"),
    "composed": ("of", "by"),
    "known": ("as", "for"),
    "called": ("",),
    "named": ("after", ""),
    "based": ("on", "upon"),
    "derived": ("from",),
    "designed": ("to", "for"),
    "intended": ("to", "for"),
    "required": ("to", "for"),
    "responsible": ("for",),
    "equipped": ("with",),
    "connected": ("to",),
    "attached": ("to",),
    "assigned": ("to",),
    "divided": ("into",),
    "organized": ("into", "by", "around"),
    "split": ("into",),
    "associated": ("with",),
    "related": ("to",),
    "characterized": ("by",),
    "caused": ("by",),
    "defined": ("as", "by"),
    "determined": ("by",),
    "measured": ("in", "by"),
    "limited": ("to",),
    "linked": ("to",),
    "covered": ("by", "with"),
    "driven": ("by",),
    "powered": ("by",),
    "controlled": ("by",),
    "protected": ("by", "from", "against"),
    "focused": ("on",),
    "similar": ("to",),
    "suitable": ("for",),
    "eligible": ("for",),
    "capable": ("of",),
    "compatible": ("with",),
    "subject": ("to",),
    "dependent": ("on",),
    "ideal": ("for",),
    "famous": ("for",),
    "replaced": ("by", "with"),
    "followed": ("by",),
    "supported": ("by",),
    "led": ("by",),
    "operated": ("by",),
    "governed": ("by",),
    "developed": ("by",),
    "invented": ("by",),
    "discovered": ("by",),
    "written": ("by",),
    "founded": ("by",),
    "built": ("by",),
    "created": ("by",),
    "designed by": ("",),
    "published": ("by",),
    "produced": ("by",),
    "owned": ("by",),
    "managed": ("by",),
    "conducted": ("by",),
    "performed": ("by",),
    "prepared": ("by",),
    "issued": ("by",),
    "approved": ("by",),
    "proposed": ("by",),
    "introduced": ("by",),
    "elected": ("by",),
    "appointed": ("by",),
    "formed": ("by", "from"),
    "surrounded": ("by",),
    "fitted": ("with",),
    "filled": ("with",),
    "lined": ("with",),
    "treated": ("with",),
    "provided": ("by", "with"),
    "established": ("by",),
    "directed": ("by",),
    "headed": ("by",),
    "sponsored": ("by",),
    "influenced": ("by",),
    "inspired": ("by",),
    "affected": ("by",),
    "trained": ("to",),
    "classified": ("as", "into", "by"),
    "regarded": ("as",),
    "considered": ("",),
    "referred": ("to as",),
    "described": ("as",),
    "translated": ("as", "by"),
    "involved": ("in",),
    "engaged": ("in",),
    "given": ("to",),
    "granted": ("to", "by"),
    "converted": ("into", "to"),
    "reported": ("to", "by"),
    "sent": ("to",),
    "sold": ("to", "by"),
}


_WHERE = re.compile(
    r"(?P<verb>located|situated|based|headquartered|housed|stored|installed|mounted|"
    r"found|held|buried|printed|kept|manufactured|born|built|displayed|signed|fought|"
    r"placed|positioned) "
    r"(?P<place>(?:in|at|on|near|between|behind|under|below|above|inside|beneath|"
    r"outside|along|next to|in front of) .+)\Z"
)


_PERSON_VERB = frozenset(
    "invented discovered written founded composed painted proposed led developed "
    "directed elected".split()
)


def _where(clause: Clause) -> Draft | None:
    """S is located in PLACE -> Where is S located?"""
    found = _WHERE.match(clause.rest) if clause.tense == "be" else None
    if not found or re.search(rf"\b{DATE}", found["place"]):
        return None
    place = clause.part(found["place"])
    if found["verb"] == "based" and not place.startswith(("in ", "at ")):
        return None
    if re.match(
        r"(?:at|in|on) (?:night|least|most|any|all|the time|the morning|average|\d|one)", place
    ):
        return None
    question = f"Where {clause.invert(found['verb'])}?"
    if found["verb"] in ("found", "held") and not re.match(
        r"(?:in|at|near|on) (?:the )?[A-Z]", place
    ):
        return None
    return Draft(question, f"where {clause.plain(found['verb'])}", place, "where", clause.subject)


def _definition(clause: Clause) -> Draft | None:
    """An X is a Y that ... -> What is an X?"""
    if clause.tense != "be" or not _BE_DEFINITION.match(clause.rest):
        return None
    if len(clause.rest.split()) < 4 or re.match(
        r"(?:a|the) (?:good|bad|great|most|least) ", clause.rest
    ):
        return None
    if _SUPERLATIVE.match(clause.rest) and not _NOT_SUPERLATIVE.match(clause.rest):
        return None
    named = _is_named(clause.subject)
    if re.match(
        r"an? (?:similar|suitable|further|another|controversial|special|common|major|key|"
        r"strengthening|matter)|one of",
        clause.rest,
    ):
        return None
    if re.search(r"\b(?:this|that (?:of|conjecture|case|time)|these|those)\b", clause.rest):
        return None
    if (named and clause.rest.startswith("the ")) or not _definable(clause, named):
        return None
    word = "Who" if named and _is_who(clause) else "What"
    question = f"{word} {clause.auxiliary} {clause.subject}?"
    about = f"{word.lower()} {clause.subject} {clause.auxiliary}"
    return Draft(question, about, clause.part(), "definition", clause.subject, 1.0)


def _definable(clause: Clause, named: bool) -> bool:
    """Whether "What is S?" asks for what a thing is, not for a passing remark on it."""
    if clause.auxiliary in ("was", "were"):
        return named
    if named:
        return True
    words = clause.subject.split()
    if re.search(
        r"\b(?:key|result|problem|reason|difference|focus|aim|goal|idea|answer|point|intent|"
        r"end|purpose|challenge|exception)\Z",
        clause.subject,
    ):
        return False
    if words[0] == "the":
        acronym = words[-1].isupper() and len(words) == 2
        return not clause.plural and (acronym or len(words) >= 3 or clause.rest.startswith("the "))
    return words[0] not in ("each", "every", "all", "any", "some", "many") and not clause.plural


def _is_who(clause: Clause) -> bool:
    head = _rest_head(clause.rest).lower()
    if re.search(r"(?:University|River|School|Company|Church|College|Park|Street)", clause.subject):
        return False
    return is_person(head) or bool(re.search(r"(?:ist|ian|man|woman)\Z", head))


def _plural_definition(clause: Clause) -> Draft | None:
    """Xs are Ys that ... -> What are Xs?"""
    if clause.subject.startswith("the ") or _OTHER.match(clause.subject):
        return None
    if clause.tense != "be" or clause.auxiliary != "are":
        return None
    if not re.match(r"(?:\w+ ){0,3}\w+s (?:that|which|who|used|designed|with|of) .+", clause.rest):
        return None
    first = clause.rest.split()[0]
    if first in FUNCTION_WORDS or first in PARTICIPLES or first.endswith(("ed", "ly", "ing")):
        return None
    question = f"What are {clause.subject}?"
    return Draft(
        question, f"what {clause.subject} are", clause.part(), "definition", clause.subject
    )


def _rest_head(rest: str) -> str:
    words = re.split(r"[,;]| (?:of|who|that|which|in|from|and|for|at|by|with) ", rest)[0].split()
    return words[-1] if words else ""


def _is_named(subject: str) -> bool:
    words = subject.split()
    return bool(words) and words[-1][:1].isupper() and words[0] not in DETERMINERS


def _stranded(clause: Clause) -> Draft | None:
    """S is PARTICIPLE PREPOSITION ANSWER -> What is S PARTICIPLE PREPOSITION?"""
    if clause.tense != "be":
        return None
    found = re.match(
        r"(?P<adverb>(?:\w+ly|also|often) )?(?P<participle>[a-z]+) (?P<rest>.+)\Z", clause.rest
    )
    if not found or found["participle"] not in _STRANDED:
        return None
    return _strand(clause, found["participle"], found["rest"])


_NEEDS_MORE = frozenset(
    "based subject related limited linked focused used dependent associated".split()
)


_AIMS = frozenset("used designed intended required trained".split())
_EMPTY_PHRASE = re.compile(
    r"(?:conjunction|addition|order|general|fact|case|terms|response|accordance|"
    r"combination|place|which|whom|this)\b"
)


def _strand(clause: Clause, participle: str, rest: str) -> Draft | None:
    for preposition in _STRANDED[participle]:
        if not rest.startswith(f"{preposition} " if preposition else ("the ", "a ", "an ")):
            continue
        answer = clause.part(rest[len(preposition) :].strip())
        if preposition == "to" and participle in _AIMS:
            return _purpose(clause, participle, answer)
        if preposition == "by":
            answer = re.sub(rf" (?:in|on|around|about) {DATE}\Z", "", answer)
        if not _strands_well(answer, participle, preposition):
            return None
        word = "Who" if preposition == "by" and _person_phrase(answer, participle) else "What"
        tail = f"{participle} {preposition}".strip()
        question = f"{word} {clause.invert(tail)}?"
        about = f"{word.lower()} {clause.plain(tail)}"
        return Draft(question, about, answer, "relation", clause.subject, 0.9)
    return None


def _strands_well(answer: str, participle: str, preposition: str) -> bool:
    """Whether the answer is a thing that can stand behind the preposition."""
    first = answer.split()[0]
    if re.match(rf"(?:\d|{DATE})", answer) or _EMPTY_PHRASE.match(answer):
        return False
    if re.fullmatch(r"an? [a-z]+", answer) and participle in ("assigned", "related", "connected"):
        return False
    if answer.endswith("ed") or (
        first.endswith("ing") and preposition != "by" and participle != "used"
    ):
        return False
    if preposition == "by" and " as " in answer:
        return False
    if preposition == "as" and participle == "used" and not answer.startswith(("a", "the")):
        return False
    return not (first == answer and answer.islower() and participle in _NEEDS_MORE)


def _purpose(clause: Clause, participle: str, answer: str) -> Draft | None:
    if not answer.split()[0].islower() or answer.split()[0].endswith(("ed", "ing")):
        return None
    tail = f"{participle} to do" if participle != "used" else "used for"
    if participle == "used" and answer.startswith(("be ", "have ")):
        return None
    question = f"What {clause.invert(tail)}?"
    return Draft(question, f"what {clause.plain(tail)}", f"to {answer}", "purpose", clause.subject)


def _person_phrase(answer: str, participle: str) -> bool:
    names = re.match(r"(?:[A-Z][\w.’'-]+ )+(?:[A-Z][\w’'-]+)", answer + " ")
    head = _rest_head(answer)
    return is_person(head) or (bool(names) and participle in _PERSON_VERB)


def _superlative(clause: Clause) -> Draft | None:
    """S is the first/largest N ... -> What is the first/largest N ...?"""
    if clause.tense != "be" or _NOT_SUPERLATIVE.match(clause.rest):
        return None
    if not _SUPERLATIVE.match(clause.rest) or not _is_specific(clause.subject):
        return None
    rest = clause.part()
    if re.match(
        r"the (?:most|least) \w+ (?:in|of|and|among)\b|the \w+ (?:in|of|to) (?:the|its)", rest
    ) or _OTHER.match(clause.subject):
        return None
    if len(rest.split()) < 5 or re.search(r"\b(?:its|his|her|their|to \w+)\Z", rest):
        return None
    word = "Who" if is_person(_rest_head(rest)) else "What"
    question = f"{word} {clause.auxiliary} {rest}?"
    return Draft(
        question, f"{word.lower()} {clause.auxiliary} {rest}", clause.subject, "superlative", rest
    )


def _is_specific(subject: str) -> bool:
    return subject.split()[0].lower() not in ("this", "that", "it", "they", "another", "one")


def _enumeration(clause: Clause) -> Draft | None:
    """The eight forms of contact are a, b, and c -> What are the eight forms of contact?"""
    if clause.tense != "be" or not clause.plural:
        return None
    counted = re.match(rf"the (?:\w+ )?{NUMBER} ", clause.subject)
    complement = re.search(r" (?:of|for|in) ", clause.subject)
    if not (counted or (complement and _KIND_NOUN.search(head_noun(clause.subject)))):
        return None
    items = re.split(r"[;,]| and ", clause.rest)
    first = clause.rest.split()[0]
    if len([i for i in items if i.strip()]) < 3 or first in PREPOSITIONS:
        return None
    if first in PARTICIPLES or first in ("not", "as") or first.endswith(("ed", "ly")):
        return None
    question = f"What {clause.auxiliary} {clause.subject}?"
    about = f"what {clause.subject} {clause.auxiliary}"
    return Draft(question, about, clause.rest, "list", clause.subject, 1.1)


_OTHER = re.compile(
    r"(?:an? |the |two |some )?(?:similar|earlier|another|same|each other|further|other|"
    r"several|some|second|"
    r"additional|latter|former|certain|such|more|various|following|new)\b",
    re.IGNORECASE,
)
