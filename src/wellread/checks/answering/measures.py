"""What speaks for a short answer being the answer to the question: eight measures.

measure      from      what it says
type          -1 to 1  how well the answer's shape suits what is asked for ("who", "how many", …)
clash          0 or 1  whether that shape can't be what is asked for
near           0 to 1  share of the question's weight that reaches the answer's place
ahead         -1 to 1  that, less the same for the nearest other candidate of a suitable shape
rank           0 to 1  share of these candidates that stand further away
sentence      -1 to 0  question's weight in the answer's sentence, less that in the best sentence
repeats        0 to 1  share of the answer that the question has said already
head           0 or 1  whether the noun asked for stands by it ("which river": "the river Vistula")

An answer that stands in several places is measured at each of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from wellread.checks.answering.place import Asked, Ground, Place, Vector, grounds, places
from wellread.checks.answering.types import Expected, Shape, expects, fit, shape
from wellread.checks.reading.evidence import Sources
from wellread.checks.reading.tokens import Token, tokenise
from wellread.checks.reading.words import guess_language

MEASURES = ("type", "clash", "near", "ahead", "rank", "sentence", "repeats", "head")
# How many content tokens to either side the noun asked for may stand.
_BESIDE = 2
_CLASH = -0.9
_NOTHING: frozenset[str] = frozenset()


class Measured(NamedTuple):
    """One place of an answer: its row of `MEASURES`, and the nearest other candidate."""

    place: Place
    row: Vector
    rival: tuple[Ground, int] | None


class Answered(NamedTuple):
    """A short answer against its question: what is asked, what it is, and where it stands.

    `about` is the share of the question's weight in the sentence of the passages with most of it,
    words that the answer says itself left out.
    """

    expected: Expected
    shape: Shape
    repeats: float
    about: float
    measured: tuple[Measured, ...]


class _Field(NamedTuple):
    """A passage, and the nearness and the sentence's share of the question for every token."""

    ground: Ground
    near: Vector
    inside: Vector
    rivals: tuple[int, ...]


def measure(question: str, sources: Sources, answer: str) -> Answered:
    """Measure `answer`, which should be nothing but the answer, at every place where it stands."""
    said = content(answer, sources.language)
    own = _keys(said)
    language = guess_language(question) or sources.language
    content_asked = content(question, language)
    asked_keys = _keys(content_asked)
    expected = expects(question, language)
    found = shape(answer, said, sources.language)
    repeats = sum(bool(t.keys & asked_keys) for t in said) / len(said) if said else 0.0
    asked = [Asked(t, sources.idf(t.keys)) for t in content_asked if not t.keys & own]
    weights = np.array([one.weight for one in asked])
    suits = fit(expected.wanted, found)
    fields = [
        _field(sources, ground, weights, own | asked_keys, expected, suits)
        for ground in grounds(sources, asked)
    ]
    rows = (
        _measured(fields, field, place, (suits, repeats), expected.head, weights)
        for field in fields
        for place in places(field.ground, [_as_found(token, sources) for token in said])
    )
    about = max((float(f.inside.max()) for f in fields), default=0.0)
    return Answered(expected, found, repeats, about, tuple(rows))


def content(text: str, language: str) -> list[Token]:
    """The tokens of `text` that can be looked up."""
    return [token for token in tokenise(text, language) if token.kind != "negator"]


def _as_found(token: Token, sources: Sources) -> Token:
    """A date under the keys of those in the passages that say it: "January 27" stands in 1967."""
    return token._replace(keys=sources.match(token).keys or token.keys) if token.dates else token


def _keys(tokens: Sequence[Token]) -> frozenset[str]:
    return _NOTHING.union(*(token.keys for token in tokens))


def _field(
    sources: Sources,
    ground: Ground,
    weights: Vector,
    taken: frozenset[str],
    expected: Expected,
    suits: float,
) -> _Field:
    """The candidates of a passage are the tokens that suit the question no worse."""
    total = float(weights.sum()) or 1.0
    text = sources.passages[ground.owner].chunk.text
    rivals = tuple(
        i
        for i, token in enumerate(ground.tokens)
        if token.kind != "negator"
        and not token.keys & taken
        and fit(expected.wanted, token_shape(token, text)) >= suits
    )
    near = np.asarray(weights @ ground.pulls / total)
    return _Field(ground, near, np.asarray(weights @ ground.inside / total), rivals)


def token_shape(token: Token, text: str) -> Shape:
    """The shape of one token of a passage by itself."""
    if token.kind == "date":
        return "date"
    if token.kind == "number":
        shown = text[token.start : token.end]
        if text[token.end : token.end + 1] == "%":
            return "percent"
        if text[token.start - 1 : token.start] in ("$", "€", "£"):
            return "money"
        return "year" if len(shown) == 4 and shown[:2] in _CENTURIES else "number"
    return "name" if text[token.start].isupper() else "words"


_CENTURIES = frozenset(str(century) for century in range(10, 21))


def _measured(
    fields: Sequence[_Field],
    field: _Field,
    place: Place,
    known: tuple[float, float],
    head: frozenset[str],
    weights: Vector,
) -> Measured:
    here = slice(place.first, place.last + 1)
    total = float(weights.sum()) or 1.0
    near = float(field.ground.pulls[:, here].max(axis=1) @ weights / total)
    inside = float(field.ground.inside[:, here].max(axis=1) @ weights / total)
    others = [(f.near[i], f, i) for f in fields for i in f.rivals]
    best = max(others, key=lambda other: other[0], default=None)
    rank = sum(value < near for value, _, _ in others) / len(others) if others else 1.0
    ahead = near - (best[0] if best else 0.0)
    sentence = min(0.0, inside - max(float(f.inside.max()) for f in fields))
    beside = field.ground.tokens[max(0, place.first - _BESIDE) : place.last + 1 + _BESIDE]
    named = float(any(head & token.keys for token in beside))
    suits, repeats = known
    row = np.array([suits, suits <= _CLASH, near, ahead, rank, sentence, repeats, named], float)
    return Measured(place, row, (best[1].ground, best[2]) if best else None)
