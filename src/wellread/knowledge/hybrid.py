"""`hybrid`: `bm25` and `dense` asked both, and their results combined.

    linear   w x cosine / best cosine + (1 - w) x BM25 / best BM25
    rrf      w x 61 / (60 + rank by meaning) + (1 - w) x 61 / (60 + rank by words)

where w is `alpha` x how far the best cosine stands out above noise (`DenseIndex.confidence`), and
`alpha` itself where that is 1. Each part gives its best `depth` rows; a row that is not among them
has 0 there, which makes dividing by the best the same as stretching the scores of all rows to what
lies between 0 and 1. Rows that only meaning brings must be above its floor.

Rows beyond that depth follow by their ranks, for who asks on; nothing above them moves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from wellread.knowledge.dense import DenseIndex
from wellread.knowledge.retriever import Query, Retriever, Scored
from wellread.knowledge.settings import KnowledgeSettings
from wellread.knowledge.store import Position, Store

RRF_K = 60


class HybridIndex:
    """The retriever `hybrid`."""

    def __init__(self, words: Retriever, dense: DenseIndex, settings: KnowledgeSettings) -> None:
        """Combine two retrievers that others own and close."""
        self._words = words
        self._dense = dense
        self._settings = settings

    @property
    def on_disk(self) -> bool:
        """Whether it keeps files."""
        return True

    @property
    def position(self) -> Position:
        """Up to where both have read."""
        words, dense = self._words.position, self._dense.position
        return Position(min(words.row, dense.row), min(words.removal, dense.removal))

    def catch_up(self, store: Store, *, wait: bool = True) -> None:
        """Let both read on; see `Retriever.catch_up`."""
        for part in (self._words, self._dense):
            if part.position != store.position():
                part.catch_up(store, wait=wait)

    def search(self, query: Query, limit: int) -> list[Scored]:
        """The best rows of both together; see `Retriever.search`."""
        alpha, depth = self._settings.alpha, self._settings.depth
        ask = max(depth, limit)
        words = self._words.search(query, ask) if alpha < 1 else []
        near = self._dense.nearest(query, ask) if alpha > 0 else []
        weight = alpha * self._dense.confidence(near[0].score) if near and alpha < 1 else alpha
        least, said = self._dense.least, {hit.row for hit in words[:depth]}
        dense = [hit for hit in near[:depth] if hit.score > least or hit.row in said]
        fuse = fused_by_rank if self._settings.fusion == "rrf" else fused_by_score
        head = fuse(dense, words[:depth], weight)
        return [*head, *_deeper(head, [h for h in near if h.score > least], words)][:limit]

    def document_frequency(self, term: str) -> int:
        """In how many chunks a term occurs, as the index of words says."""
        return self._words.document_frequency(term)

    def close(self) -> None:
        """Let go of both."""
        self._words.close()
        self._dense.close()


def fused_by_score(dense: Sequence[Scored], words: Sequence[Scored], weight: float) -> list[Scored]:
    """The weighted sum of both scores, each divided by its best; best first, ties by row."""
    return _ranked(_weighted((weight, _of_the_best(dense)), (1 - weight, _of_the_best(words))))


def fused_by_rank(dense: Sequence[Scored], words: Sequence[Scored], weight: float) -> list[Scored]:
    """The weighted sum of reciprocal ranks, 1 being both first; best first, ties by row."""
    return _ranked(_weighted((weight, _reciprocal(dense)), (1 - weight, _reciprocal(words))))


def _of_the_best(hits: Sequence[Scored]) -> dict[int, float]:
    best = max((hit.score for hit in hits), default=1.0)
    return {hit.row: hit.score / best for hit in hits}


def _reciprocal(hits: Sequence[Scored]) -> dict[int, float]:
    return {hit.row: (RRF_K + 1) / (RRF_K + rank) for rank, hit in enumerate(hits, 1)}


def _weighted(*parts: tuple[float, Mapping[int, float]]) -> dict[int, float]:
    total: dict[int, float] = {}
    for weight, scores in parts:
        for row, score in scores.items():
            total[row] = total.get(row, 0.0) + weight * score
    return total


def _ranked(scores: Mapping[int, float]) -> list[Scored]:
    best = sorted(scores.items(), key=lambda item: (-item[1], item[0]))
    return [Scored(row, min(score, 1.0)) for row, score in best if score > 0]


def _deeper(
    head: Sequence[Scored], dense: Sequence[Scored], words: Sequence[Scored]
) -> Iterator[Scored]:
    """What lies below, by its best rank in either part, under scores that fall on.

    A deeper search finds the same rows in the same places and more behind them.
    """
    seen = {hit.row for hit in head}
    lowest = head[-1].score if head else 1.0
    below = 0
    for rank in range(max(len(dense), len(words))):
        for part in (dense, words):
            if rank < len(part) and part[rank].row not in seen:
                seen.add(part[rank].row)
                below += 1
                yield Scored(part[rank].row, lowest / (1 + below))
