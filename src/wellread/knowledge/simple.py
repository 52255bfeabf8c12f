"""`simple`: how much of the query a chunk covers, each term weighted by its rarity.

    score = sum of idf(t) over the query's distinct terms in the text
            + title_boost x the same over those in the title or heading

There is no file: the terms are read from the store at the first search and kept in memory, some
kilobytes a chunk: for thousands of chunks, not millions.
"""

from __future__ import annotations

import heapq
import math
from collections import defaultdict
from collections.abc import Iterable

from wellread.knowledge.analysis import index_terms
from wellread.knowledge.filters import Facts, facts_of
from wellread.knowledge.retriever import Query, Scored, rarest_terms
from wellread.knowledge.settings import KnowledgeSettings
from wellread.knowledge.store import IndexRow, Position, Store


class OverlapIndex:
    """The retriever `simple`."""

    def __init__(self, settings: KnowledgeSettings) -> None:
        """Start empty: the terms are read at the first search."""
        self._title_boost = settings.title_boost
        self._position = Position()
        self._rows: set[int] = set()
        self._words: defaultdict[str, set[int]] = defaultdict(set)
        self._titles: defaultdict[str, set[int]] = defaultdict(set)
        self._facts: defaultdict[str, set[int]] = defaultdict(set)

    @property
    def on_disk(self) -> bool:
        """Whether it keeps files."""
        return False

    @property
    def position(self) -> Position:
        """Up to where the terms in memory reach."""
        return self._position

    def catch_up(self, store: Store, *, wait: bool = True) -> None:
        """Read what the store holds beyond `position`; see `Retriever.catch_up`."""
        goal = store.position()
        gone = {row for _, row in store.removed_after(self._position.removal)} & self._rows
        if gone:
            self._forget(gone)
        for row in store.rows_after(self._position.row):
            if row.row > goal.row:
                break
            self._learn(row)
        self._position = goal

    def _learn(self, row: IndexRow) -> None:
        chunk = row.chunk
        words = set(index_terms(chunk.text, row.analysed))
        titles = set(index_terms(f"{chunk.title} {chunk.heading}", row.analysed))
        for term in words:
            self._words[term].add(row.row)
        for term in titles:
            self._titles[term].add(row.row)
        for fact in facts_of(row):
            self._facts[fact].add(row.row)
        self._rows.add(row.row)

    def _forget(self, gone: set[int]) -> None:
        for postings in (self._words, self._titles, self._facts):
            for key in [key for key, rows in postings.items() if not rows.isdisjoint(gone)]:
                postings[key] -= gone
                if not postings[key]:
                    del postings[key]
        self._rows -= gone

    def search(self, query: Query, limit: int) -> list[Scored]:
        """The best rows; see `Retriever.search`."""
        terms = rarest_terms({term: self.document_frequency(term) for term in query.terms})
        allowed = self._allowed(query.facts)
        scores: defaultdict[int, float] = defaultdict(float)
        for term in terms:
            weight = self._weight(term)
            self._add(scores, self._words.get(term), weight, allowed)
            self._add(scores, self._titles.get(term), weight * self._title_boost, allowed)
        best = heapq.nsmallest(limit, scores.items(), key=lambda item: (-item[1], item[0]))
        return [Scored(row, score) for row, score in best if score > 0]

    def _weight(self, term: str) -> float:
        n, df = len(self._rows), self.document_frequency(term)
        return math.log(1 + (n - df + 0.5) / (df + 0.5))

    def _allowed(self, facts: Facts) -> set[int] | None:
        """The rows for which all facts hold; None where none are asked for."""
        if not facts:
            return None
        return set.intersection(*(self._any_of(alternatives) for alternatives in facts))

    def _any_of(self, alternatives: Iterable[str]) -> set[int]:
        return set().union(*(self._facts.get(fact, ()) for fact in alternatives))

    @staticmethod
    def _add(
        scores: defaultdict[int, float],
        rows: set[int] | None,
        weight: float,
        allowed: set[int] | None,
    ) -> None:
        if rows and weight:
            for row in rows if allowed is None else rows & allowed:
                scores[row] += weight

    def document_frequency(self, term: str) -> int:
        """In how many chunks' text or title a term occurs, whichever is more."""
        return max(len(self._words.get(term, ())), len(self._titles.get(term, ())))

    def close(self) -> None:
        """Forget the terms."""
        for postings in (self._words, self._titles, self._facts):
            postings.clear()
        self._rows.clear()
        self._position = Position()
