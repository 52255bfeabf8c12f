"""The passages, read once, so that the parts of an answer can be looked up in them.

A passage is cut into sentences (very long ones, such as tables without full stops, into pieces).
A window is one sentence, or two that follow one another in the same passage. For an answer's
sentence the best window is the one that covers most of the weight of its tokens:

    coverage(window) = sum of weight x strength of the tokens that the window holds

found by inverted lists, in time proportional to the number of places where the tokens stand.
Words match by key; a word that only shares its beginning with one in the passages ("insulated",
"insulation"; "Garantie", "Garantiezeit") matches in part.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from wellread.checks.abstention import answer_sentences
from wellread.checks.reading.numbers import Date
from wellread.checks.reading.tokens import Token, tokenise
from wellread.checks.reading.words import guess_language, key
from wellread.records import Evidence, Passage

# A piece of a passage longer than this many tokens would cover anything.
_MAX_PIECE_TOKENS = 60
# What sharing only the beginning of a word is worth.
SOFT_MATCH = 0.5
_PREFIX = 5
_SOFT_SHARE = 0.7
_READINGS_KEPT = 256


class Piece(NamedTuple):
    """``text[start:end]`` of a passage, and its tokens."""

    start: int
    end: int
    tokens: tuple[Token, ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """One passage: its text in pieces, and the keys of tokens that follow one another."""

    pieces: tuple[Piece, ...]
    pairs: frozenset[tuple[str, str]]
    dates: frozenset[Date]


class Window(NamedTuple):
    """Pieces `first` to `last` (one or two in a row); `weight` is what they cover."""

    weight: float
    first: int
    last: int


class Match(NamedTuple):
    """The keys of the passages that a token matches, and how well: 1, `SOFT_MATCH` or 0."""

    keys: frozenset[str]
    strength: float


_NO_MATCH = Match(frozenset(), 0.0)


@lru_cache(maxsize=_READINGS_KEPT)
def read_passage(text: str, language: str) -> Reading:
    """Tokens of a passage by sentence; kept for the next answer about the same passage."""
    tokens = tokenise(text, language)
    pieces: list[Piece] = []
    at = 0
    for start, end in answer_sentences(text, language):
        first = at
        while at < len(tokens) and tokens[at].start < end:
            at += 1
        pieces += _cut(start, end, tuple(tokens[first:at]))
    pairs = frozenset(
        (a, b) for one, other in pairwise(tokens) for a in one.keys for b in other.keys
    )
    dates = frozenset(date for token in tokens for date in token.dates)
    return Reading(tuple(pieces), pairs, dates)


def _cut(start: int, end: int, tokens: tuple[Token, ...]) -> Iterable[Piece]:
    """A sentence, or a long one in pieces."""
    if len(tokens) <= _MAX_PIECE_TOKENS:
        yield Piece(start, end, tokens)
        return
    for at in range(0, len(tokens), _MAX_PIECE_TOKENS):
        part = tokens[at : at + _MAX_PIECE_TOKENS]
        yield Piece(part[0].start, part[-1].end, part)


@dataclass(frozen=True)
class Sources:
    """The passages of one question, with lists of where each key stands.

    `names` are the keys of titles, headings and file names, which an answer may use as well.
    `pairs` are the keys of tokens that follow one another.
    """

    passages: tuple[Passage, ...]
    language: str
    pieces: tuple[Piece, ...]
    owners: tuple[int, ...]
    where: Mapping[str, tuple[int, ...]]
    names: frozenset[str]
    dates: frozenset[Date]
    pairs: frozenset[tuple[str, str]]
    _beginnings: dict[str, list[str]] = field(default_factory=dict, repr=False)

    def match(self, token: Token) -> Match:
        """What `token` matches in the passages, whole or in part."""
        exact = frozenset(k for k in token.keys if k in self.where)
        if token.dates and not exact:
            exact = frozenset(
                str(d) for d in self.dates if any(self._says(d, t) for t in token.dates)
            )
        if exact:
            return Match(exact, 1.0)
        if token.kind not in ("word", "name"):
            return _NO_MATCH
        similar = frozenset(k for k in self._like(token.key) if similar_words(k, token.key))
        return Match(similar, SOFT_MATCH) if similar else _NO_MATCH

    def _says(self, ours: Date, claimed: Date) -> bool:
        """Whether a date of the passages has every part claimed; a year may stand elsewhere."""
        year = not claimed.year or claimed.year == ours.year
        if not ours.year:
            year = year or str(claimed.year) in self.where
        return year and claimed.month == ours.month and claimed.day in (0, ours.day)

    def idf(self, keys: Iterable[str]) -> float:
        """Between 0 and 1: how few pieces hold one of `keys`; 1 where none does."""
        count = max((len(self.where.get(k, ())) for k in keys), default=0)
        total = len(self.pieces) + 1
        return math.log(1 + total / (count + 1)) / math.log(1 + total)

    def best_window(self, wanted: Sequence[tuple[float, Match]]) -> Window | None:
        """The lightest-to-read window that covers most of `wanted`: (weight, match) of each token.

        One piece is preferred to two that cover the same, and the first to later ones.
        """
        alone: dict[int, float] = {}
        both: dict[int, float] = {}
        for weight, match in wanted:
            if not match.keys:
                continue
            value = weight * match.strength
            places = {at for k in match.keys for at in self.where[k]}
            for at in places:
                alone[at] = alone.get(at, 0.0) + value
                if at + 1 in places:
                    both[at] = both.get(at, 0.0) + value
        windows = [Window(weight, at, at) for at, weight in alone.items()]
        windows += [
            Window(weight + alone[at + 1] - both.get(at, 0.0), at, at + 1)
            for at, weight in alone.items()
            if at + 1 in alone and self.owners[at] == self.owners[at + 1]
        ]
        return max(windows, key=_preference, default=None)

    def tokens(self, window: Window) -> list[Token]:
        """The tokens that stand in `window`, in order."""
        return [
            token for at in range(window.first, window.last + 1) for token in self.pieces[at].tokens
        ]

    def pointer(self, window: Window) -> Evidence:
        """Where `window` lies in its chunk."""
        chunk = self.passages[self.owners[window.first]].chunk
        return Evidence(chunk.id, self.pieces[window.first].start, self.pieces[window.last].end)

    def text(self, window: Window) -> str:
        """What `window` says."""
        chunk = self.passages[self.owners[window.first]].chunk
        return chunk.text[self.pieces[window.first].start : self.pieces[window.last].end]

    def _like(self, word: str) -> list[str]:
        if not self._beginnings:
            self._beginnings[""] = []
            for k in self.where:
                self._beginnings.setdefault(k[:_PREFIX], []).append(k)
        return self._beginnings.get(word[:_PREFIX], []) if len(word) >= _PREFIX else []


def _preference(window: Window) -> tuple[float, int, int]:
    return (round(window.weight, 9), window.first - window.last, -window.first)


def similar_words(one: str, other: str) -> bool:
    """Whether one word begins with the other, or both share most of their letters in front.

    >>> similar_words("insulat", "insulation"), similar_words("station", "stature")
    (True, False)
    """
    shorter, longer = sorted((one, other), key=len)
    if len(shorter) < _PREFIX or shorter[:_PREFIX] != longer[:_PREFIX]:
        return False
    if longer.startswith(shorter):
        return True
    return (
        longer[: math.ceil(_SOFT_SHARE * len(longer))]
        == shorter[: math.ceil(_SOFT_SHARE * len(longer))]
    )


def read_sources(passages: Sequence[Passage], answer: str = "") -> Sources:
    """Read `passages` for looking `answer` up; passages without text count for nothing."""
    kept = tuple(passage for passage in passages if passage.chunk.text.strip())
    language = _language(kept, answer)
    pieces: list[Piece] = []
    owners: list[int] = []
    names: set[str] = set()
    dates: set[Date] = set()
    pairs: set[tuple[str, str]] = set()
    for owner, passage in enumerate(kept):
        chunk = passage.chunk
        reading = read_passage(chunk.text, chunk.language or language)
        pieces += reading.pieces
        owners += [owner] * len(reading.pieces)
        dates |= reading.dates
        pairs |= reading.pairs
        about = f"{chunk.title}\n{chunk.heading}\n{chunk.source}\n{chunk.document_id}"
        for token in tokenise(about, chunk.language or language):
            names |= token.keys
    where: dict[str, list[int]] = {}
    for at, piece in enumerate(pieces):
        for k in {k for token in piece.tokens for k in stored_keys(token)}:
            where.setdefault(k, []).append(at)
    return Sources(
        kept,
        language,
        tuple(pieces),
        tuple(owners),
        {k: tuple(places) for k, places in where.items()},
        frozenset(names),
        frozenset(dates),
        frozenset(pairs),
    )


def stored_keys(token: Token) -> Iterable[str]:
    """What a token of a passage supports: a date its year and its day too, a pair each half."""
    yield from token.keys
    if token.kind == "code" and "_" in token.key:
        yield from (key(part) for part in token.key.split("_"))
    if token.kind == "pair":
        yield from token.key
    for date in token.dates:
        yield from (str(part) for part in (date.year, date.day) if part)


def _language(passages: Sequence[Passage], answer: str) -> str:
    """The one that the chunks state, the answer's own among several; else what they look like."""
    stated = list(dict.fromkeys(p.chunk.language for p in passages if p.chunk.language))
    if len(stated) > 1 and (own := guess_language(answer)) in stated:
        return own
    if stated:
        return stated[0]
    return guess_language(" ".join(p.chunk.text[:800] for p in passages[:4]))
