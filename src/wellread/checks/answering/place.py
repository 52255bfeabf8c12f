"""Where a short answer stands, and how near to the question's words.

    question words ──distance in words, sentences──> every token of the passage ──> nearness

Each word of the question weighs by how few sentences of the passages hold it. Its pull on a token
falls with the distance in words and with every sentence between; words of the answer itself pull
nothing. The nearness of a place is the share of the question's weight that reaches it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wellread.checks.reading.evidence import SOFT_MATCH, Sources, similar_words, stored_keys
from wellread.checks.reading.tokens import Token

Vector = NDArray[np.float64]
# After this many words the pull of a question's word has fallen to 1/e.
REACH = 8.0
# What a sentence between is worth in words.
SENTENCE_WORDS = 6.0
# Tokens of an answer stand together where no more than this many words lie between two of them.
_GAP = 3


class Asked(NamedTuple):
    """A content word of the question, and its weight."""

    token: Token
    weight: float


class Ground(NamedTuple):
    """One passage laid out for measuring: its tokens, and the number of the sentence of each.

    `pulls` has a row for every word of the question and a column for every token: from 0 to 1,
    how near the word is. `inside` says the same of the token's own sentence: whether it is there.
    `first` is the number of its first piece among all of the sources.
    """

    owner: int
    first: int
    tokens: tuple[Token, ...]
    sentence: NDArray[np.int64]
    pulls: Vector
    inside: Vector


class Place(NamedTuple):
    """Tokens `first` to `last` of a ground; `met` is the share of the answer that stands there."""

    ground: Ground
    first: int
    last: int
    met: float


def grounds(sources: Sources, asked: Sequence[Asked]) -> list[Ground]:
    """Every passage laid out, with the pull of each word of the question."""
    pieces: dict[int, list[int]] = {}
    for at, owner in enumerate(sources.owners):
        pieces.setdefault(owner, []).append(at)
    laid_out = (_laid_out(sources, owner, at, asked) for owner, at in pieces.items())
    return [ground for ground in laid_out if ground.tokens]


def _laid_out(
    sources: Sources, owner: int, pieces: Sequence[int], asked: Sequence[Asked]
) -> Ground:
    tokens = tuple(t for i in pieces for t in sources.pieces[i].tokens)
    sentence = np.array([n for n, i in enumerate(pieces) for _ in sources.pieces[i].tokens], int)
    place = np.array([t.place for t in tokens], float) + SENTENCE_WORDS * sentence
    pulls = np.zeros((len(asked), len(tokens)))
    inside = np.zeros((len(asked), len(tokens)))
    for row, one in enumerate(asked):
        strengths = np.array([met(one.token, t) for t in tokens])
        for column in np.flatnonzero(strengths):
            pull = strengths[column] * np.exp(-np.abs(place - place[column]) / REACH)
            np.maximum(pulls[row], pull, out=pulls[row])
            same = strengths[column] * (sentence == sentence[column])
            np.maximum(inside[row], same, out=inside[row])
    return Ground(owner, pieces[0], tokens, sentence, pulls, inside)


def met(word: Token, other: Token) -> float:
    """How well a token of a passage is the question's word."""
    if word.keys & other.keys or not word.keys.isdisjoint(stored_keys(other)):
        return 1.0
    kinds = {word.kind, other.kind}
    if kinds <= {"word", "name"} and similar_words(word.key, other.key):
        return SOFT_MATCH
    return 0.0


def places(ground: Ground, answer: Sequence[Token]) -> list[Place]:
    """Where the answer's tokens stand in order, whole; else where most of them stand together."""
    if not answer:
        return []
    starts = [i for i, t in enumerate(ground.tokens) if met(answer[0], t) == 1.0]
    whole = [p for start in starts if (p := _row(ground, answer, start))]
    return whole or _partly(ground, answer)


def _row(ground: Ground, answer: Sequence[Token], start: int) -> Place | None:
    """The answer in one row from `start` on."""
    at = start
    for token in answer[1:]:
        following = (
            i
            for i in range(at + 1, min(at + 1 + _GAP, len(ground.tokens)))
            if met(token, ground.tokens[i]) == 1.0
        )
        if (found := next(following, None)) is None:
            return None
        at = found
    return Place(ground, start, at, 1.0)


def _partly(ground: Ground, answer: Sequence[Token]) -> list[Place]:
    """The stretch as long as the answer that holds most of it; nothing where nothing is met."""
    found = np.array([[met(a, t) for t in ground.tokens] for a in answer])
    width = min(len(answer) + _GAP, len(ground.tokens))
    best, first = 0.0, 0
    for start in range(len(ground.tokens) - width + 1):
        share = float(found[:, start : start + width].max(axis=1).mean())
        if share > best:
            best, first = share, start
    if not best:
        return []
    held = np.flatnonzero(found[:, first : first + width].max(axis=0))
    return [Place(ground, first + int(held[0]), first + int(held[-1]), best)]
