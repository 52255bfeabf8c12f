"""Answers by rule: the short stretch of a passage that fits the question best.

    question -> what is asked for (a number, a date, a person, a place, a reason, a thing)
    passages -> sentences that share the question's words, the best ones first
             -> stretches of them of the kind asked for, those near the question's words first
             -> the best one, or "I do not know." where no sentence shares enough

It understands nothing: it is there so that everything around a model can be tried, tested and
measured without one. What it says stands word for word in a passage; without passages it can only
decline. Asked again, it gives its next best stretch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from wellread.checks.reading.evidence import Piece, read_passage
from wellread.checks.reading.tokens import Token, tokenise
from wellread.checks.reading.words import guess_language, meta_keys, ordinary_keys
from wellread.records import Passage
from wellread.synthesis.answering import Answer, Refused, decline
from wellread.synthesis.extractive.stretches import Stretch, asked_for, stretches

_SENTENCES = 4
# Share of the question's weight that a sentence and its neighbours must carry.
_LEAST_SHARE = 0.35
_NEIGHBOUR = 0.35
_WEIGHTS = {"name": 2.0, "number": 2.0, "date": 2.0, "code": 2.0, "negator": 0.0}
_ORDINARY = 0.4
_EARLIER_PASSAGE = 0.04


class _Sentence(NamedTuple):
    """A sentence of a passage, the share of the question it carries, and where it stands."""

    share: float
    passage: Passage
    piece: Piece


class _Candidate(NamedTuple):
    score: float
    text: str


@dataclass(frozen=True, slots=True)
class ExtractiveAnswerer:
    """Answers with words of the passages, by rule."""

    @property
    def name(self) -> str:
        """What every answer of it is marked with."""
        return "extractive"

    async def answer(
        self,
        question: str,
        passages: Sequence[Passage],
        *,
        refused: Sequence[Refused] = (),
        repeat: int = 0,
    ) -> Answer:
        """The best stretch that was not refused before; `repeat` changes nothing."""
        told = {one.text.casefold() for one in refused}
        for candidate in candidates(question, passages):
            if candidate.casefold() not in told:
                return Answer(candidate)
        return Answer(decline(question))


def candidates(question: str, passages: Sequence[Passage]) -> Iterator[str]:
    """Stretches that may answer, the best first; none where no sentence is about the question.

    >>> from wellread.records import Chunk
    >>> text = "The pump was built in 1960. It runs at 67 psi and was drawn by Ada Byron."
    >>> passage = Passage(Chunk("a#0", "a", text, 0, len(text)), 1.0, 1)
    >>> next(candidates("When was the pump built?", [passage]))
    '1960'
    >>> next(candidates("Who drew the pump that runs at 67 psi?", [passage]))
    'Ada Byron'
    >>> list(candidates("What is the capital of France?", [passage]))
    []
    """
    language = guess_language(question)
    asked = tokenise(question, language)
    weights = _weights(asked, language)
    best = sorted(_sentences(passages, weights, language), key=lambda s: -s.share)[:_SENTENCES]
    wanted = asked_for(question, language)
    found: list[_Candidate] = []
    for sentence in best:
        text = sentence.passage.chunk.text
        for stretch in stretches(text, sentence.piece, wanted, weights):
            score = 2 * sentence.share + _fit(stretch, sentence.piece, weights)
            found.append(_Candidate(score, text[stretch.start : stretch.end]))
    said: set[str] = set()
    for candidate in sorted(found, key=lambda c: -c.score):
        if candidate.text.casefold() not in said:
            said.add(candidate.text.casefold())
            yield candidate.text


def _weights(asked: Sequence[Token], language: str) -> dict[str, float]:
    """How much each key of the question says."""
    dull = ordinary_keys(language) | meta_keys(language)
    return {
        k: _ORDINARY if k in dull else _WEIGHTS.get(token.kind, 1.0)
        for token in asked
        for k in token.keys
    }


def _sentences(
    passages: Sequence[Passage], weights: Mapping[str, float], language: str
) -> Iterator[_Sentence]:
    """Sentences that carry enough of the question by themselves and with those beside them."""
    total = sum(weights.values())
    if not total:
        return
    for place, passage in enumerate(passages):
        pieces = read_passage(passage.chunk.text, passage.chunk.language or language).pieces
        titles = tokenise(f"{passage.chunk.title} {passage.chunk.heading}", language)
        around = {k for token in titles for k in token.keys}
        keys = [{k for token in piece.tokens for k in token.keys} for piece in pieces]
        for at, piece in enumerate(pieces):
            near = around.union(*keys[max(0, at - 1) : at], *keys[at + 1 : at + 2])
            own = sum(w for k, w in weights.items() if k in keys[at])
            beside = sum(w for k, w in weights.items() if k in near and k not in keys[at])
            if own and (own + beside) / total >= _LEAST_SHARE:
                share = (own + _NEIGHBOUR * beside) / total
                yield _Sentence(share - _EARLIER_PASSAGE * place, passage, piece)


def _fit(stretch: Stretch, piece: Piece, weights: Mapping[str, float]) -> float:
    """How well a stretch fits: its kind, and how near the question's words are."""
    near = [
        weights[k] / (1 + _distance(stretch, token))
        for token in piece.tokens
        if not stretch.start <= token.start < stretch.end
        for k in token.keys
        if k in weights
    ]
    return stretch.fit + sum(near) / (1 + sum(weights.values()))


def _distance(stretch: Stretch, token: Token) -> float:
    """Characters between, in words of about six."""
    gap = token.start - stretch.end if token.start >= stretch.end else stretch.start - token.end
    return max(0, gap) / 6
