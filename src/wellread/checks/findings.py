"""The rules: what in a clause is not in the passages, or stands there differently.

rule         fires where                                                        category
number       no passage has the value, or it counts something else there        …/numerical
date         no date of the passages agrees                                     …/temporal
name         a name or code that no passage, title or question has              …/entity
negation     the best sentence says the same, but one of the two denies it      contradiction/negation

The first half of a category is ``contradiction`` where the passages have another value in the same
place, else ``unsupported_addition``.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from wellread.checks.citations import Citation
from wellread.checks.evidence import Match, Sources, Window
from wellread.checks.tokens import Token, tokenise
from wellread.checks.words import meta_keys, ordinary_keys

# How much a token of a kind counts in a clause: a number is more of a claim than an adjective.
_WEIGHTS = {"word": 1.0, "name": 1.5, "code": 1.5, "number": 1.5, "date": 2.0, "pair": 0.5}
_ORDINARY_WEIGHT = 0.3
# Words that stand near one another in a clause and in its window belong together.
_NEAR = 3
# Counts spelled out up to this size ("three types") may be the answer's own counting.
_OWN_COUNT = 12
_SAME_SENTENCE = 0.7
_RISKS = {"numerical": 0.9, "temporal": 0.9, "entity": 0.75, "negation": 0.7}
_LIST_MARK = re.compile(
    r"(?m)^[ \t]*(?:[-*•#>|]*[ \t]*)(?:step|schritt)?[ \t]*\(?(\d{1,3})[.):](?=\s|$|\*)", re.I
)


class Looked(NamedTuple):
    """A token of the answer and what it matches; `weight` 0 = no claim of its own."""

    token: Token
    match: Match
    weight: float


class Clause(NamedTuple):
    """``answer[start:end]`` and its tokens."""

    start: int
    end: int
    tokens: tuple[Looked, ...]


class Finding(NamedTuple):
    """``answer[start:end]`` is not supported, and how grave that is."""

    start: int
    end: int
    category: str
    reason: str
    risk: float


def lookup(
    answer: str,
    sources: Sources,
    asked: frozenset[str],
    cited: Sequence[Citation],
    *,
    count_asked: bool = False,
) -> list[Looked]:
    """The tokens of `answer` that claim something, each with what it matches.

    Left out are source names, list numbers, and words about the sources.
    """
    starts = [citation.start for citation in cited]
    labels = {match.start(1) for match in _LIST_MARK.finditer(answer)}
    meta, ordinary = meta_keys(sources.language), ordinary_keys(sources.language)
    looked: list[Looked] = []
    for token in tokenise(answer, sources.language):
        index = bisect_right(starts, token.start) - 1
        if (index >= 0 and token.start < cited[index].end) or token.start in labels:
            continue
        if token.kind in ("word", "name") and token.keys <= meta:
            continue
        match = sources.match(token)
        looked.append(
            Looked(token, match, _weight(token, match, sources, asked, ordinary, count_asked))
        )
    return looked


def _weight(
    token: Token,
    match: Match,
    sources: Sources,
    asked: frozenset[str],
    ordinary: frozenset[str],
    count_asked: bool,
) -> float:
    if token.kind == "negator":
        return 0.0
    if token.kind not in ("number", "date") and not match.keys:
        if token.keys & sources.names or (token.keys & asked and not count_asked):
            return 0.0
    if token.spelled and not match.keys and _is_small(token):
        return 0.0
    weight = _WEIGHTS[token.kind] * sources.idf(match.keys or token.keys)
    return weight * _ORDINARY_WEIGHT if token.keys <= ordinary else weight


def find(answer: str, sources: Sources, clause: Clause, window: Window | None) -> Iterator[Finding]:
    """Everything the rules object to in a clause."""
    there = sources.tokens(window) if window else []
    for at, looked in enumerate(clause.tokens):
        kind = looked.token.kind
        if kind == "number":
            yield from _number(answer, sources, clause, at, there)
        elif kind == "date":
            yield from _date(answer, sources, looked.token, there)
        elif kind in ("name", "code") and not looked.match.keys and looked.weight:
            yield _name(answer, looked.token)
    if window and window.first == window.last:
        yield from _negation(answer, clause, window, there)


def _is_small(token: Token) -> bool:
    return float(token.key) <= _OWN_COUNT


def _number(
    answer: str, sources: Sources, clause: Clause, at: int, there: Sequence[Token]
) -> Iterator[Finding]:
    """A value that is nowhere, or that counts something else where it stands."""
    looked = clause.tokens[at]
    token, shown = looked.token, answer[looked.token.start : looked.token.end]
    rival = _rival(clause, at, there)
    if looked.match.keys:
        return
    if token.keys & _date_parts(sources):
        return
    if rival is not None:
        reason = f"{shown} is not in the passages; nearest is {rival.key}"
        yield _finding(token, "contradiction/numerical", reason)
    elif not (token.spelled and _is_small(token)):
        reason = f"{shown} is not in the passages"
        yield _finding(token, "unsupported_addition/numerical", reason)


def _date_parts(sources: Sources) -> frozenset[str]:
    return frozenset(str(part) for date in sources.dates for part in date if part)


def _rival(clause: Clause, at: int, there: Sequence[Token]) -> Token | None:
    """Another number of the window that stands by the same word as this one does."""
    token = clause.tokens[at].token
    beside = {
        key
        for other in clause.tokens[max(0, at - _NEAR) : at + _NEAR + 1]
        if other.token.kind in ("word", "name", "code") and other.match.keys
        for key in other.match.keys
    }
    numbers = [
        (place, other)
        for place, other in enumerate(there)
        if other.kind == "number" and not other.keys & token.keys
    ]
    ranked = [
        (
            sum(bool(t.keys & beside) for t in there[max(0, place - _NEAR) : place + _NEAR + 1]),
            -place,
            other,
        )
        for place, other in numbers
    ]
    best = max(ranked, key=lambda entry: entry[:2], default=None)
    return best[2] if best and best[0] else None


def _date(answer: str, sources: Sources, token: Token, there: Sequence[Token]) -> Iterator[Finding]:
    """No date of the passages agrees with this one."""
    if any(date.agrees(other) for date in token.dates for other in sources.dates):
        return
    shown = answer[token.start : token.end]
    rival = next((t for t in there if t.dates), None)
    if rival:
        reason = f"{shown} is not in the passages; nearest is {min(map(str, rival.dates))}"
        yield _finding(token, "contradiction/temporal", reason)
    else:
        yield _finding(token, "unsupported_addition/temporal", f"{shown} is not in the passages")


def _name(answer: str, token: Token) -> Finding:
    shown = answer[token.start : token.end]
    return _finding(token, "unsupported_addition/entity", f"{shown} is not in the passages")


def _negation(
    answer: str, clause: Clause, window: Window, there: Sequence[Token]
) -> Iterator[Finding]:
    """The clause and its best sentence share nearly all words, and one denies what both say."""
    total = sum(looked.weight for looked in clause.tokens)
    if not total or window.weight / total < _SAME_SENTENCE:
        return
    ours = _denied([looked.token for looked in clause.tokens])
    theirs = _denied(there)
    said = {k for looked in clause.tokens for k in looked.token.keys}
    read = {k for token in there for k in token.keys}
    for denied, token in ours.items():
        if denied in read and denied not in theirs:
            yield _finding(
                token, "contradiction/negation", "the passages say so, without the denial"
            )
            return
    for denied in theirs:
        if denied in said and denied not in ours and not ours:
            reason = f"the passages deny this ({denied})"
            yield Finding(
                clause.start, clause.end, "contradiction/negation", reason, _RISKS["negation"]
            )
            return


def _denied(tokens: Sequence[Token]) -> dict[str, Token]:
    """The keys that follow closely on a negator, each with it."""
    found: dict[str, Token] = {}
    for at, token in enumerate(tokens):
        if token.kind == "negator":
            for other in tokens[at + 1 : at + 2]:
                if other.kind != "negator":
                    found[other.key] = token
    return found


def _finding(token: Token, category: str, reason: str) -> Finding:
    return Finding(token.start, token.end, category, reason, _RISKS[category.rsplit("/", 1)[-1]])
