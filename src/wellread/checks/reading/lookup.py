"""The tokens of an answer, looked up in the passages and weighed.

Left out are source names, markup, list numbers, and words about the sources. A token weighs more
the more it claims: a date or a number more than an adjective, a word that stands everywhere in
the passages next to nothing. Words of the question that the passages lack weigh nothing.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from wellread.checks.citations import Citation
from wellread.checks.reading.evidence import Match, Sources
from wellread.checks.reading.tokens import Token, tokenise
from wellread.checks.reading.words import meta_keys, ordinary_keys

# How much a token of a kind counts in a clause: a number is more of a claim than an adjective.
_WEIGHTS = {"word": 1.0, "name": 1.5, "code": 1.5, "number": 1.5, "date": 2.0, "pair": 0.5}
_ORDINARY_WEIGHT = 0.3
# Counts spelled out up to this size ("three types") may be the answer's own counting.
_OWN_COUNT = 12
_SAYS_ENOUGH = 3
_LIST_MARK = re.compile(
    r"(?m)^[ \t]*(?:[-*•#>|]*[ \t]*)(?:step|schritt)?[ \t]*\(?(\d{1,3})[.):](?=\s|$|\*)",
    re.IGNORECASE,
)
_TAG = re.compile(r"</?[A-Za-z][^<>\n]{0,200}>|&[a-z]{2,8};")


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
    markup = ((match.start(), match.end()) for match in _TAG.finditer(answer))
    hidden = sorted([*((citation.start, citation.end) for citation in cited), *markup])
    starts = [start for start, _ in hidden]
    labels = {match.end(1) for match in _LIST_MARK.finditer(answer)}
    meta, ordinary = meta_keys(sources.language), ordinary_keys(sources.language)
    looked: list[Looked] = []
    for token in tokenise(answer, sources.language):
        index = bisect_right(starts, token.start) - 1
        if (index >= 0 and token.start < hidden[index][1]) or token.end in labels:
            continue
        if token.keys <= meta:
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
    known = sources.names if count_asked else sources.names | asked
    if token.kind not in ("number", "date") and not match.keys and token.keys & known:
        return 0.0
    weight = _WEIGHTS[token.kind] * sources.idf(match.keys or token.keys)
    return weight * _ORDINARY_WEIGHT if token.keys <= ordinary else weight


def own_counts(tokens: Sequence[Looked]) -> tuple[Looked, ...]:
    """Small counts in words ("three types") weigh nothing beside enough other words."""
    beside = sum(looked.weight > 0 for looked in tokens)
    return tuple(
        looked._replace(weight=0.0)
        if looked.token.spelled
        and not looked.match.keys
        and is_small(looked.token)
        and beside > _SAYS_ENOUGH
        else looked
        for looked in tokens
    )


def is_small(token: Token) -> bool:
    """Whether a number may be the answer's own count, or the place of a step; no share is."""
    return all(value.isdigit() and int(value) <= _OWN_COUNT for value in token.keys)
