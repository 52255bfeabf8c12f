"""Rules that turn an English main clause into a question: one small function a pattern.

Each takes a `Clause` whose subject is already worded for the middle of a sentence ("the feed
roller", "Marie Curie") and returns a `Draft` or None. `RULES` is their order of preference.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from wellread.synthesis.extractive.english_clause import (
    Clause,
    head_noun,
    is_person,
    noun_phrase_starts,
)
from wellread.synthesis.extractive.english_numbers import (
    _attribute,
    _count,
    _dimension,
    _duration,
    _for_time,
    _frequency,
    _value,
    _when,
    _within,
)
from wellread.synthesis.extractive.english_relations import (
    _OTHER,
    _definition,
    _enumeration,
    _is_named,
    _plural_definition,
    _rest_head,
    _stranded,
    _superlative,
    _where,
)
from wellread.synthesis.extractive.english_words import (
    BASES,
    DATE,
    FUNCTION_WORDS,
    NUMBER,
    TRANSITIVE,
)
from wellread.synthesis.extractive.facts import Draft

Rule = Callable[[Clause], Draft | None]


_PERSON_DEEDS = frozenset(
    "write invent discover compose paint marry win lead propose publish teach study "
    "earn say".split()
)


def _named_person(clause: Clause) -> bool:
    return _is_named(clause.subject) and is_person(_rest_head(clause.rest))


def _why(clause: Clause) -> Draft | None:
    """S V ... because CLAUSE -> Why does S V ...?"""
    before, because, reason = clause.rest.partition(" because ")
    reason = re.split(r", (?:whereas|while|but|although) ", reason)[0]
    if not because or "," in before or len(reason.split()) < 3 or len(before.split()) > 16:
        return None
    if reason.startswith("of ") and len(reason.split()) < 4:
        return None
    if re.search(r"\b(?:not|only|simply|partly|largely|just|mainly)\Z", before):
        return None
    if clause.tense == "be" and re.match(r"(?:a|an|the) ", before):
        return None
    question = f"Why {clause.invert(before)}?"
    return Draft(
        question, f"why {clause.plain(before)}", f"because {reason}", "reason", clause.subject, 1.1
    )


_LISTING = {"consist": "of", "include": "", "comprise": "", "contain": "", "encompass": ""}


_PREPOSITIONAL = {
    "depend": ("on",), "rely": ("on",), "consist": ("of",), "result": ("in", "from"),
    "belong": ("to",), "focus": ("on",), "serve": ("as",), "refer": ("to",), "lead": ("to",),
    "contribute": ("to",), "derive": ("from",), "stand": ("for",), "apply": ("to",),
    "differ": ("from",), "specialize": ("in",), "act": ("as",), "function": ("as",),
    "report": ("to",), "feed": ("on",), "participate": ("in",), "suffer": ("from",),
}  # fmt: skip


def _prepositional_object(clause: Clause) -> Draft | None:
    """S depends on X -> What does S depend on?"""
    if clause.tense not in ("present", "past") or len(clause.subject) < 3:
        return None
    for preposition in _PREPOSITIONAL.get(clause.verb, ()):
        if clause.rest.startswith(preposition + " "):
            answer = clause.part(clause.rest[len(preposition) + 1 :])
            if re.search(r"\w for (?:a|the) ", answer) and clause.verb == "stand":
                return None
            if len(answer.split()) < 3 or _OTHER.match(answer) or _OTHER.match(clause.subject):
                return None
            if re.match(NUMBER + " ", clause.subject) or answer.split()[0] in (
                "which",
                "whom",
                "this",
                "it",
            ):
                return None
            asks = f"What {clause.invert(preposition)}?"
            return Draft(
                asks, f"what {clause.plain(preposition)}", answer, "object", clause.subject, 0.9
            )
    return None


_EMPTY_VERBS = frozenset(
    "have take give make get put leave keep let find see set meet do need equal".split()
)


_TELLING_VERBS = frozenset(
    "require include comprise contain cause prohibit prevent measure encompass consume produce "
    "transmit emit absorb replace represent".split()
)


_AIM = re.compile(r"(?P<object>.+?) (?P<aim>to (?P<verb>[a-z]+) .+)\Z")


_TOO_GENERAL = frozenset(
    "activities tasks considerations efforts actions duties functions responsibilities measures "
    "others people things areas they".split()
)
_UNDATED = re.compile(rf" (?:in|on|around|about) {DATE}\Z")


def _object(clause: Clause) -> Draft | None:
    """S integrates X -> What does S integrate?"""
    if clause.tense not in ("present", "past") or clause.verb not in TRANSITIVE:
        return None
    if not noun_phrase_starts(clause.rest) or clause.subject.split()[0] in ("all", "each", "many"):
        return None
    answer, aim = _aim(_UNDATED.sub("", clause.part()))
    least = 2 if clause.verb in _LISTING else 3
    if clause.subject in _TOO_GENERAL or clause.subject.startswith("examples "):
        return None
    if (
        _OTHER.match(answer)
        or _OTHER.match(clause.subject)
        or re.match(NUMBER + " ", clause.subject)
    ):
        return None
    if len(answer.split()) < least or " that it" in answer or answer[0].isdigit():
        return None
    if re.match(r"(?:the|a|an) (?:way|fact|result|role|part|number|place)\b", answer):
        return None
    if not _telling(clause, aim) or is_person(head_noun(answer)):
        return None
    weight = 0.9 if clause.verb in _LISTING else 0.6
    question = f"What {clause.invert(aim)}?"
    return Draft(question, f"what {clause.plain(aim)}", answer, "object", clause.subject, weight)


_DEEDS = frozenset(
    "invent discover found establish write compose publish build develop design "
    "introduce win propose "
    "replace contain include paint sign direct defeat conquer found create produce comprise own "
    "operate offer require".split()
)


def _telling(clause: Clause, aim: str) -> bool:
    """Whether subject, verb and aim narrow the answer down."""
    if clause.verb in _EMPTY_VERBS:
        return False
    if len(aim.split()) >= 4:
        return True
    if _is_named(clause.subject) and len(clause.subject.split()) < 4 and clause.verb not in _DEEDS:
        return False
    words = [w for w in clause.subject.split() if w.lower() not in FUNCTION_WORDS]
    return clause.verb in _TELLING_VERBS or (
        len(words) >= 2 and not is_person(head_noun(clause.subject))
    )


def _aim(rest: str) -> tuple[str, str]:
    """Split off a purpose: ``changes to help us`` -> ``changes``, ``to help us``."""
    found = _AIM.match(rest)
    if (
        not found
        or found["verb"] not in BASES
        or re.search(r",| (?:that|which|who) ", found["object"])
    ):
        return rest, ""
    last = found["object"].split()[-1].lower()
    if last in FUNCTION_WORDS or last in _TAKES_INFINITIVE or len(found["object"].split()) > 9:
        return rest, ""
    if (
        "," in found["aim"]
        or " for " in found["object"]
        or re.search(r"\b(?:its|their|his|her|it|them)\b", found["aim"])
    ):
        return rest, ""
    return found["object"], found["aim"]


_TAKES_INFINITIVE = frozenset(
    "able ability capability capabilities authority need needs right rights "
    "responsibility plan plans "
    "requirement requirements attempt attempts effort efforts opportunity "
    "opportunities order orders "
    "way ways decision desire power freedom means tendency potential capacity "
    "willingness readiness "
    "time place places actions action one first last necessary required likely "
    "guidance permission".split()
)


_SPEECH = frozenset(
    "say ask echo interrupt reply think cry exclaim answer remark add repeat tell".split()
)


def _agent(clause: Clause) -> Draft | None:
    """The fire officer leads the cell ... -> Which officer / Who leads the cell ...?"""
    if clause.tense not in ("present", "past") or (
        clause.verb not in TRANSITIVE - _EMPTY_VERBS and not clause.person
    ):
        return None
    if _OTHER.match(clause.subject) or (clause.verb not in TRANSITIVE and clause.tense != "past"):
        return None
    rest = clause.part()
    if not (noun_phrase_starts(rest) or clause.person) or len(rest.split()) < (
        4 if clause.person else 6
    ):
        return None
    if "," in rest or clause.plural or re.search(r"\b(?:its|it|they|he|she|their)\b", rest):
        return None
    if not clause.person and re.search(r"\b(?:his|her)\b", rest):
        return None
    if clause.verb in _SPEECH or re.match(r"in an? \w+ (?:tone|voice)", rest):
        return None
    who = "Who" if clause.person else _asks_for(clause)
    if not who:
        return None
    question = f"{who} {clause.finite} {rest}?"
    about = f"{who[0].lower()}{who[1:]} {clause.finite} {rest}"
    return Draft(question, about, clause.subject, "agent", rest, 0.7)


def _asks_for(clause: Clause) -> str:
    words = clause.subject.split()
    head = head_noun(clause.subject)
    if _is_named(clause.subject):
        return "Who" if clause.verb in _PERSON_DEEDS and len(words) > 1 else ""
    if words[0] not in ("the", "a", "an"):
        return ""
    if is_person(head):
        return "Who"
    if (
        len(words) >= 3
        and words[-1] == head
        and head.islower()
        and head.isalpha()
        and words[1] not in ("second", "first", "same", "next", "last", "new", "third")
    ):
        return f"Which {head}"
    return ""


def _obligation(clause: Clause) -> Draft | None:
    """S must approve X -> What must S approve?"""
    if clause.auxiliary not in ("must", "should", "shall"):
        return None
    verb, _, rest = clause.rest.partition(" ")
    if verb not in TRANSITIVE or not noun_phrase_starts(rest):
        return None
    answer, aim = _aim(clause.part(rest))
    if len(answer.split()) < 3 or f" and {verb}" in answer or verb in _EMPTY_VERBS:
        return None
    words = [w for w in clause.subject.split() if w.lower() not in FUNCTION_WORDS]
    if (
        (len(words) < 2 and len(aim.split()) < 4)
        or _OTHER.match(answer)
        or _OTHER.match(clause.subject)
    ):
        return None
    question = f"What {clause.invert(f'{verb} {aim}'.strip())}?"
    about = f"what {clause.plain(f'{verb} {aim}'.strip())}"
    return Draft(question, about, answer, "requirement", clause.subject, 0.9)


RULES: tuple[Rule, ...] = (
    _why,
    _dimension,
    _duration,
    _value,
    _within,
    _frequency,
    _for_time,
    _count,
    _attribute,
    _when,
    _enumeration,
    _superlative,
    _where,
    _stranded,
    _definition,
    _plural_definition,
    _prepositional_object,
    _obligation,
    _agent,
    _object,
)


"""Most specific first; every rule is tried, and the drafts are ranked by weight."""
