"""What a retriever would have brought: the passages that an example is written around.

    kind       among the passages                       left out
    success    the chunk itself, at any place           near-duplicates of it
    partial    one half of the chunk                    the rest of it, neighbours, near-duplicates
    abstain    near misses, also of the same document   the chunk, neighbours, near-duplicates
    failure    other documents only, where there are    the chunk, neighbours, near-duplicates
               any

Steps: ask the real knowledge base with the chunk's key terms -> leave out what the kind forbids
-> take the best of the rest -> put the gold passage at a random place, uniformly. Where the
retriever brings too little, chunks drawn at random fill up. All randomness comes from a generator
derived from the seed and the chunk's id, so other chunks change nothing.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from wellread.errors import NotPossibleError
from wellread.ingest.duplicates import shingle_hashes
from wellread.ingest.sentences import sentence_spans
from wellread.knowledge.base import KnowledgeBase
from wellread.knowledge.terms import key_terms
from wellread.records import Chunk, Kind, Passage

# Of the shorter text's word triples: from here on two texts say the same thing in part.
_RELATED = 0.6
# Characters between two chunks of one document that still make them neighbours.
_NEIGHBOUR_GAP = 400
_RANDOM_DRAWS = 40
# How far down the ranking to look for passages that fit, before chunks are drawn at random.
_DEPTHS = (8, 64)


@dataclass(frozen=True, slots=True)
class Retrieved:
    """The passages in context order, what was asked for them, and where the gold one stands.

    `gold_position` counts from 1; 0 = the gold chunk is not among them.
    """

    passages: tuple[Passage, ...]
    query: str
    gold_position: int


Draw = Callable[[np.random.Generator], str | None]


def nothing(random: np.random.Generator) -> None:
    """Draws no chunk: what the retriever brings has to do."""


def generator(seed: int, *names: str) -> np.random.Generator:
    """A generator that depends on the seed and on `names` only."""
    digest = hashlib.blake2b("\x1f".join((str(seed), *names)).encode(), digest_size=16).digest()
    return np.random.default_rng(int.from_bytes(digest, "big"))


def simulate_retrieval(
    base: KnowledgeBase,
    chunk: Chunk,
    kind: Kind,
    *,
    max_chunks: int,
    random: np.random.Generator,
    draw: Draw = nothing,
    allowed: Callable[[Chunk], bool] = lambda chunk: True,
) -> Retrieved:
    """The passages for one example about `chunk`; between 1 and `max_chunks` of them.

    `draw` gives the id of a chunk at random, used where the retriever brings too little; `allowed`
    leaves out chunks that must not be seen (the other side of a split). Raises NotPossibleError,
    reason ``no_unrelated_passages`` or ``too_short_to_halve``, where the kind cannot be had.
    """
    wanted = int(random.integers(1, max_chunks + 1))
    query = " ".join(key_terms(chunk, base))
    shown = _shown(chunk, kind, random)
    others = wanted - len(shown)
    score, found = _search(base, chunk, query, others, _filter(chunk, kind, allowed))
    if kind == "failure" and not found:
        score, found = _search(base, chunk, query, others, _filter(chunk, "abstain", allowed))
    if len(found) < others:
        fits = _filter(chunk, "abstain", allowed)
        drawn = (Passage(c, 0.0, 1) for c in _drawn(base, random, draw) if fits(c))
        found = _distinct(itertools.chain(found, drawn), others)
    if not shown and not found:
        raise NotPossibleError(
            "no chunk of the corpus is unrelated to this one", reason="no_unrelated_passages"
        )
    position = int(random.integers(0, len(found) + 1)) if shown else 0
    gold = [Passage(part, score, 1) for part in shown]
    ordered = (*found[:position], *gold, *found[position:])
    passages = tuple(replace(p, rank=rank) for rank, p in enumerate(ordered, start=1))
    return Retrieved(passages, query, position + 1 if gold else 0)


def _shown(chunk: Chunk, kind: Kind, random: np.random.Generator) -> list[Chunk]:
    """What the passages hold of the chunk itself."""
    if kind == "success":
        return [chunk]
    return [_half(chunk, random)] if kind == "partial" else []


def _search(
    base: KnowledgeBase, gold: Chunk, query: str, count: int, fits: Callable[[Chunk], bool]
) -> tuple[float, list[Passage]]:
    """The score of the gold chunk, and the best `count` of the others that fit."""
    score, found = 0.0, list[Passage]()
    for depth in _DEPTHS if query else ():
        brought = base.search(query, depth + 2 * count)
        score = next((p.score for p in brought if p.chunk.id == gold.id), 0.0)
        found = _distinct((p for p in brought if fits(p.chunk)), count)
        if len(found) == count or len(brought) < depth:
            break
    return score, found


def _half(chunk: Chunk, random: np.random.Generator) -> Chunk:
    """The first or the second half of a chunk, cut between two sentences."""
    spans = sentence_spans(chunk.text, 0, len(chunk.text), chunk.language)
    inner = [start for start, _ in spans[1:]]
    if not inner:
        raise NotPossibleError("the chunk has a single sentence", reason="too_short_to_halve")
    middle = len(chunk.text) / 2
    cut = min(inner, key=lambda start: abs(start - middle))
    start, end = ((0, cut), (cut, len(chunk.text)))[int(random.integers(0, 2))]
    text = chunk.text[start:end].rstrip()
    first = chunk.start + start
    return replace(
        chunk,
        id=f"{chunk.document_id}#{first}-{first + len(text)}",
        text=text,
        start=first,
        end=first + len(text),
        tokens=0,
    )


def _filter(gold: Chunk, kind: Kind, allowed: Callable[[Chunk], bool]) -> Callable[[Chunk], bool]:
    """Whether a chunk may stand beside, or in place of, the gold chunk in an example of `kind`."""

    def fits(other: Chunk) -> bool:
        if other.id == gold.id or not allowed(other):
            return False
        if kind == "success":
            return not related(gold, other)
        if kind == "failure" and other.document_id == gold.document_id:
            return False
        return not (neighbours(gold, other) or related(gold, other))

    return fits


def related(one: Chunk, other: Chunk) -> bool:
    """Whether the shorter of two chunks stands in the other to a good part, word for word."""
    first, second = _shingles(one.text), _shingles(other.text)
    shared = len(np.intersect1d(first, second, assume_unique=True))
    return shared >= _RELATED * max(1, min(len(first), len(second)))


@lru_cache(maxsize=256)
def _shingles(text: str) -> NDArray[np.uint64]:
    return np.unique(shingle_hashes(text))


def neighbours(one: Chunk, other: Chunk) -> bool:
    """Whether two chunks overlap or follow one another in the same document."""
    if one.document_id != other.document_id:
        return False
    return one.start - _NEIGHBOUR_GAP < other.end and other.start < one.end + _NEIGHBOUR_GAP


def _drawn(base: KnowledgeBase, random: np.random.Generator, draw: Draw) -> Iterator[Chunk]:
    for _ in range(_RANDOM_DRAWS):
        if (chunk_id := draw(random)) is not None:
            yield base.chunk(chunk_id)


def _distinct(passages: Iterable[Passage], count: int) -> list[Passage]:
    """The first `count` passages of which no two say the same."""
    kept: list[Passage] = []
    for passage in passages:
        if len(kept) == count:
            break
        if not any(
            passage.chunk.id == other.chunk.id or related(passage.chunk, other.chunk)
            for other in kept
        ):
            kept.append(passage)
    return kept
