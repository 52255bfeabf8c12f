"""The rules: what in a clause is not in the passages, or stands there differently.

rule         fires where                                                        category
number       no passage has the value, or it counts something else there        …/numerical
date         no date of the passages agrees                                     …/temporal
name         a name or code that no passage, title or question has              …/entity
negation     the best sentence says the same, but one of the two denies it      …/negation

The first half of a category is ``contradiction`` where the passages have another value in the same
place, else ``unsupported_addition``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple, TypeVar

from wellread.checks.reading.evidence import Sources, Window
from wellread.checks.reading.lookup import Clause, Looked, is_small
from wellread.checks.reading.numbers import MINUS
from wellread.checks.reading.tokens import Token
from wellread.checks.reading.units import unit_of

# Words that stand near one another in a clause and in its window belong together.
_NEAR = 3
# A clause says the same as its window where that covers this share of its weight.
_SAME_SENTENCE = 0.75
_MISPLACED_RISK = 0.7
_LONGEST_ACRONYM = 8
# A number that stands in more pieces than this may count anything.
_COMMON_NUMBER = 50
# How often the rules are right, roughly, where they object.
_RISKS = {"numerical": 0.75, "temporal": 0.75, "entity": 0.7, "negation": 0.7}


# Words that deny, or make a denial depend on something, without a negator.
_TURNS_OTHERWISE = re.compile(
    r"\b(?:if|unless|whether|rather|instead|avoid\w*|prevent\w*|refuse\w*|refrain\w*|lacks?|fails?|"
    r"otherwise|only|wenn|falls|sofern|statt|anstatt|vermeid\w*|verhinder\w*|nur|unable|unlikely|unmöglich)\b",
    re.IGNORECASE,
)
_YEAR = re.compile(r"1[5-9]\d\d|20\d\d")
_WORD = re.compile(r"[^\W\d_]+")
T = TypeVar("T")


class Finding(NamedTuple):
    """``answer[start:end]`` is not supported, and how grave that is."""

    start: int
    end: int
    category: str
    reason: str
    risk: float


def find(answer: str, sources: Sources, clause: Clause, window: Window | None) -> Iterator[Finding]:
    """Everything the rules object to in a clause."""
    there = _There.of(sources, window)
    for at, looked in enumerate(clause.tokens):
        token = looked.token
        if token.kind == "number":
            yield from _number(answer, sources, clause, at, there)
        elif token.kind == "date":
            yield from _date(answer, looked, there)
    yield from _names(answer, clause, there)
    if window and window.first == window.last:
        yield from _negation(answer, clause, window, there)


class _There(NamedTuple):
    """The best window of a clause: its tokens, and the text they stand in."""

    tokens: tuple[Token, ...]
    text: str

    @classmethod
    def of(cls, sources: Sources, window: Window | None) -> _There:
        if window is None:
            return cls((), "")
        chunk = sources.passages[sources.owners[window.first]].chunk
        return cls(tuple(sources.tokens(window)), chunk.text)

    def shown(self, token: Token) -> str:
        return _shown(self.text, token)


def _shown(text: str, token: Token) -> str:
    """What the text has there; a number said to be "below zero" or "minus" gets its sign."""
    said = text[token.start : token.end]
    below = token.kind == "number" and all(k.startswith("-") for k in token.keys)
    return f"-{said}" if below and said[0] not in MINUS else said


def _number(
    answer: str, sources: Sources, clause: Clause, at: int, there: _There
) -> Iterator[Finding]:
    """A value that is nowhere, or that counts something else where it stands."""
    looked = clause.tokens[at]
    token, shown = looked.token, _shown(answer, looked.token)
    if looked.match.keys:
        rival = _misplaced(sources, clause, at, there)
        if rival is not None:
            reason = (
                f"{shown} stands elsewhere in the passages; here they have {there.shown(rival)}"
            )
            yield _finding(token, "contradiction/numerical", reason, _MISPLACED_RISK)
        elif other := _other_unit(answer, sources, clause.tokens[at]):
            _, start, end = unit_of(answer, token.start, token.end)
            reason = f"{answer[start:end]} is not in the passages, which have {other}"
            yield Finding(start, end, "contradiction/numerical", reason, _MISPLACED_RISK)
        return
    kind = "temporal" if _YEAR.fullmatch(shown) else "numerical"
    rival = _rival(clause, at, there.tokens)
    place = token.ordinal and token.spelled
    nearest = there.shown(rival) if rival else "" if place else _same_unit(sources, clause, at)
    if nearest:
        reason = f"{shown} is not in the passages; nearest is {nearest}"
        yield _finding(token, f"contradiction/{kind}", reason)
    elif looked.weight and not (place and is_small(token)):
        yield _finding(token, f"unsupported_addition/{kind}", f"{shown} is not in the passages")


def _rival(clause: Clause, at: int, there: Sequence[Token]) -> Token | None:
    """Another number of the window that stands by the same words as this one does."""
    token = clause.tokens[at].token
    beside = frozenset().union(*(o.match.keys for o in _around(clause.tokens, at)))
    is_time = any(":" in k for k in token.keys)
    ranked = []
    for place, other in enumerate(there):
        if other.kind != "number" or other.keys & token.keys or other.ordinal != token.ordinal:
            continue
        if any(":" in k for k in other.keys) != is_time:
            continue
        shared = sum(bool(t.keys & beside) for t in _around(there, place))
        ranked.append((shared, -_distance(token, other), -place, other))
    best = max(ranked, key=lambda entry: entry[:3], default=None)
    return best[3] if best and best[0] else None


def _same_unit(sources: Sources, clause: Clause, at: int) -> str:
    """A number anywhere in the passages that counts what this one counts; "" if none."""
    unit = clause.tokens[at + 1] if at + 1 < len(clause.tokens) else None
    if unit is None or unit.match.strength < 1:
        return ""
    for key in unit.match.keys:
        for place in sources.where[key][:_COMMON_NUMBER]:
            for one, following in pairwise(sources.pieces[place].tokens):
                if one.kind == "number" and following.keys & unit.match.keys:
                    text = sources.passages[sources.owners[place]].chunk.text
                    return text[one.start : one.end]
    return ""


def _around(tokens: Sequence[T], at: int) -> Sequence[T]:
    return (*tokens[max(0, at - _NEAR) : at], *tokens[at + 1 : at + _NEAR + 1])


def _distance(one: Token, other: Token) -> float:
    try:
        return abs(float(one.key) - float(other.key))
    except (ValueError, OverflowError):
        return 0.0


def _misplaced(sources: Sources, clause: Clause, at: int, there: _There) -> Token | None:
    """The window's number for what this one counts, where this one counts it nowhere."""
    token = clause.tokens[at].token
    if at + 1 >= len(clause.tokens) or clause.tokens[at + 1].token.place > token.place + 2:
        return None
    unit = clause.tokens[at + 1].match
    if unit.strength < 1:
        return None
    for key in clause.tokens[at].match.keys:
        if len(sources.where[key]) > _COMMON_NUMBER:
            return None
        for piece in sources.where[key]:
            if any(t.keys & unit.keys for t in sources.pieces[piece].tokens):
                return None
    for place, other in enumerate(there.tokens[:-1]):
        following = there.tokens[place + 1]
        if (
            other.kind == "number"
            and other.ordinal == token.ordinal
            and following.keys & unit.keys
            and following.place <= other.place + 2
        ):
            return other
    return None


def _other_unit(answer: str, sources: Sources, looked: Looked) -> str:
    """The number as the passages have it, where they have it with other units only; else ""."""
    unit, other = unit_of(answer, looked.token.start, looked.token.end)[0], ""
    if not unit:
        return ""
    for key in looked.match.keys:
        places = sources.where[key]
        if len(places) > _COMMON_NUMBER:
            return ""
        for place in places:
            text = sources.passages[sources.owners[place]].chunk.text
            for token in sources.pieces[place].tokens:
                if token.keys & looked.match.keys:
                    theirs, start, end = unit_of(text, token.start, token.end)
                    if theirs in ("", unit):
                        return ""
                    other = other or text[start:end]
    return other


def _date(answer: str, looked: Looked, there: _There) -> Iterator[Finding]:
    """No date of the passages agrees with this one."""
    if looked.match.keys:
        return
    token, shown = looked.token, answer[looked.token.start : looked.token.end]
    rival = next((t for t in there.tokens if t.dates), None)
    if rival:
        reason = f"{shown} is not in the passages; nearest is {there.shown(rival)}"
        yield _finding(token, "contradiction/temporal", reason)
    else:
        yield _finding(token, "unsupported_addition/temporal", f"{shown} is not in the passages")


def _names(answer: str, clause: Clause, there: _There) -> Iterator[Finding]:
    """Names that are not there; a capitalised word only where another stands in its place."""
    said = frozenset(k for looked in clause.tokens for k in looked.token.keys)
    for first, last in _capitalised_runs(answer, clause):
        run = [looked.token for looked in clause.tokens[first : last + 1]]
        start, end = run[0].start, run[-1].end
        shown = answer[start:end]
        rival = _in_the_slot(clause, first, last, there, said)
        if rival and _are_initials(shown, rival):
            continue
        if rival:
            reason = f"{shown} is not in the passages, which have {rival} here"
            yield Finding(start, end, "contradiction/entity", reason, _RISKS["entity"])
        elif any(token.kind in ("name", "code") for token in run) and not _is_acronym(
            answer, start, shown
        ):
            reason = f"{shown} is not in the passages"
            yield Finding(start, end, "unsupported_addition/entity", reason, _RISKS["entity"])


def _capitalised_runs(answer: str, clause: Clause) -> Iterator[tuple[int, int]]:
    """First and last index of capitalised tokens in a row that the passages lack."""
    first = -1
    for at, looked in enumerate((*clause.tokens, None)):
        open_ = looked is not None and _is_missing_capital(answer, looked)
        if open_ and first < 0:
            first = at
        elif not open_ and first >= 0:
            yield first, at - 1
            first = -1


def _is_missing_capital(answer: str, looked: Looked) -> bool:
    token = looked.token
    if looked.match.keys or not looked.weight or token.kind not in ("word", "name", "code"):
        return False
    return token.kind == "code" or answer[token.start].isupper()


def _in_the_slot(clause: Clause, first: int, last: int, there: _There, said: frozenset[str]) -> str:
    """What capitalised words the window has between the same two neighbours; "" if none."""
    tokens = there.tokens
    starts = _slot_edges(clause, first - 1, tokens, outside=-1)
    ends = _slot_edges(clause, last + 1, tokens, outside=len(tokens))
    if not first and last + 1 >= len(clause.tokens):
        return ""
    for left in starts:
        for right in ends:
            between = tokens[left + 1 : right]
            if not 0 < len(between) <= _NEAR:
                continue
            if not first and not _opens_with_name(clause, last, tokens, right):
                continue
            if all(_is_capital(there, t) and not t.keys & said for t in between):
                return there.text[between[0].start : between[-1].end]
    return ""


def _slot_edges(clause: Clause, at: int, tokens: Sequence[Token], outside: int) -> list[int]:
    """Where in the window the neighbour `at` of a run stands; `outside` where it has none."""
    if not 0 <= at < len(clause.tokens):
        return [outside]
    keys = clause.tokens[at].match.keys
    return [place for place, token in enumerate(tokens) if token.keys & keys]


def _opens_with_name(clause: Clause, last: int, tokens: Sequence[Token], right: int) -> bool:
    """Whether both sentences go on right after their first words, as after a name.

    "Edison invented …" does, "Connect the camera …" does not.
    """
    if right >= len(tokens) or last + 1 >= len(clause.tokens):
        return False
    ours, theirs = clause.tokens[last + 1].token, tokens[right]
    direct = ours.place == clause.tokens[last].token.place + 1
    return direct and theirs.place == tokens[right - 1].place + 1


def _is_capital(there: _There, token: Token) -> bool:
    return token.kind in ("word", "name", "code") and there.text[token.start].isupper()


def _is_acronym(answer: str, start: int, shown: str) -> bool:
    """Whether `shown` abbreviates the words before it: "interval training (IT)"."""
    if len(shown) > _LONGEST_ACRONYM:
        return False
    words = _WORD.findall(answer[max(0, start - 30 * len(shown)) : start])[-len(shown) :]
    return shown.isupper() and "".join(word[0] for word in words).casefold() == shown.casefold()


def _are_initials(shown: str, name: str) -> bool:
    """Whether `shown` is the letters that the words of `name` begin with: "J. R." of "John Ron"."""
    letters = re.sub(r"[\s.]", "", shown)
    return letters == "".join(word[0] for word in name.split())


def _negation(answer: str, clause: Clause, window: Window, there: _There) -> Iterator[Finding]:
    """The same neighbours stand together on both sides, but one side has a negator between them."""
    total = sum(looked.weight for looked in clause.tokens)
    if not total or window.weight / total < _SAME_SENTENCE:
        return
    if _TURNS_OTHERWISE.search(answer, clause.start, clause.end):
        return
    ours = [looked.token for looked in clause.tokens]
    if negator := _denied_on_one_side(ours, there.tokens):
        reason = "the passages say so, without the denial"
        yield _finding(negator, "contradiction/negation", reason)
    elif negator := _denied_on_one_side(there.tokens, ours):
        text = f"the passages deny this ({there.shown(negator)})"
        yield Finding(clause.start, clause.end, "contradiction/negation", text, _RISKS["negation"])


def _denied_on_one_side(one: Sequence[Token], other: Sequence[Token]) -> Token | None:
    """A negator of `one` whose two neighbours stand side by side in `other`."""
    denied = sum(token.kind == "negator" for token in other)
    if denied >= sum(token.kind == "negator" for token in one):
        return None
    for at, token in enumerate(one):
        if token.kind != "negator" or at + 1 >= len(one):
            continue
        before, after = (
            (one[at - 1], one[at + 1]) if at else (one[at + 1], one[min(at + 2, len(one) - 1)])
        )
        for left, right in pairwise(other):
            if (
                left.keys & before.keys
                and right.keys & after.keys
                and right.place <= left.place + 4
            ):
                return token
        # A pronoun may stand for what the negator follows: "it can be opened".
        if at and other and other[0].place > 0 and other[0].keys & after.keys:
            return token
    return None


def _finding(token: Token, category: str, reason: str, risk: float | None = None) -> Finding:
    risk = _RISKS[category.rsplit("/", 1)[-1]] if risk is None else risk
    return Finding(token.start, token.end, category, reason, risk)
