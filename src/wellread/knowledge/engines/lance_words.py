"""The words of the engine `lancedb`: `bm25` by Lance's full-text index over our own terms.

The terms are ours (`wellread.knowledge.analysis`), kept in the columns `words` and `above` by the
same commit that keeps the chunk, so the index cannot fall behind the store: rows that it has not
read yet are searched one by one. After a change the table is tidied (`LanceTable.tidy`), at once
while it is small, and when a hundredth of it is new once it is large. The outcome is told in
``tidied.json`` in the folder.

Lance's defaults would stem and drop stop words a second time and cut off long terms; every option
is therefore given. Its BM25 has k1 1.2 and b 0.75 like that of the engine `folder`, with lengths
unrounded, and a mean and a count of titles over the chunks that have one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from lancedb.index import FTS, BTree, LabelList
from lancedb.query import BooleanQuery, FullTextQuery, MatchQuery, Occur

from wellread.knowledge.engines.lance_table import LOCK, LanceTable, only_writer
from wellread.knowledge.filters import Facts
from wellread.knowledge.retriever import MAX_TERMS, Query, Scored, rarest_terms
from wellread.knowledge.settings import KnowledgeSettings
from wellread.knowledge.store import Position, Store
from wellread.storage.files import write_json

TIDIED = "tidied.json"
_SMALL = 100_000
_MOST_COUNTED = 256
_COLUMNS = ("words", "above")
_PLAIN = (("key", BTree()), ("digest", BTree()), ("owner", BTree()), ("facts", LabelList()))


def forget(table: LanceTable) -> None:
    """Drop the indexes of terms; the terms themselves are part of the chunks and stay."""
    with table.errors():
        for index in table.raw.list_indices():
            if set(index.columns) <= set(_COLUMNS):
                table.raw.drop_index(index.name)


class LanceWords:
    """The retriever `bm25` of the engine `lancedb`."""

    def __init__(self, table: LanceTable, folder: Path, settings: KnowledgeSettings) -> None:
        """Use the table of the store."""
        self._table = table
        self._folder = folder
        self._boost = settings.title_boost
        self._position = Position()

    @property
    def on_disk(self) -> bool:
        """Whether it keeps what it has read; it does, in the table."""
        return True

    @property
    def position(self) -> Position:
        """Up to where this index has read, as of the last look."""
        return self._position

    def close(self) -> None:
        """Nothing of its own."""

    # -- catching up

    def catch_up(self, store: Store, *, wait: bool = True) -> None:
        """See the newest version; with `wait`, index what is new in it where that is due."""
        self._position = store.position()
        if not wait:
            return
        with only_writer(self._folder / LOCK):
            self._table.latest()
            if self._make_indexes() or self._due():
                write_json(self._folder / TIDIED, self._table.tidy())

    def _make_indexes(self) -> bool:
        """Make those that are not there yet; whether there were any."""
        options = FTS(
            base_tokenizer="whitespace", language="English", lower_case=False, stem=False,
            remove_stop_words=False, ascii_folding=False, with_position=False,
            max_token_length=None,
        )  # fmt: skip
        with self._table.errors():
            known = {name for index in self._table.raw.list_indices() for name in index.columns}
            for column in _COLUMNS:
                if column not in known:
                    self._table.raw.create_index(column, config=options)
            for column, kind in _PLAIN:
                if column not in known:
                    self._table.raw.create_index(column, config=kind)
        return not known.issuperset(_COLUMNS)

    def _due(self) -> bool:
        new = self._table.unindexed("words_idx") or 0
        rows = self._table.count("true")
        return new > (0 if rows < _SMALL else rows // 100)

    # -- searching

    def search(self, query: Query, limit: int) -> list[Scored]:
        """The best rows; see `Retriever.search`."""
        terms = self._chosen(query.terms)
        if not terms or limit < 1:
            return []
        with self._table.errors():
            found = (
                self._table.raw.search(self._wanted(terms))
                .where(facts_filter("kind = 'chunk'", query.facts), prefilter=True)
                .limit(limit)
                .select(["key", "_score"])
                .to_arrow()
            )
        pairs = zip(found["key"].to_pylist(), found["_score"].to_pylist(), strict=True)
        return [Scored(row, score) for row, score in pairs if score > 0]

    def _wanted(self, terms: Counter[str]) -> FullTextQuery:
        """A term that occurs twice in the query is written twice, and counts twice."""
        text = " ".join(terms.elements())
        in_text = MatchQuery(text, "words")
        if not self._boost:
            return in_text
        in_title = MatchQuery(text, "above", boost=self._boost)
        return BooleanQuery([(Occur.SHOULD, in_text), (Occur.SHOULD, in_title)])

    def _chosen(self, terms: Mapping[str, int]) -> Counter[str]:
        """All terms of a usual query; of a long one the rarest, as far as they are counted."""
        if len(terms) <= MAX_TERMS:
            return Counter(terms)
        counted = sorted(terms)[:_MOST_COUNTED]
        rarest = rarest_terms({term: self.document_frequency(term) for term in counted})
        return Counter({term: terms[term] for term in rarest})

    def document_frequency(self, term: str) -> int:
        """In how many chunks' text or title a term occurs, whichever is more."""
        return max(self._frequency(term, column) for column in _COLUMNS)

    def _frequency(self, term: str, column: str) -> int:
        with self._table.errors():
            query = self._table.raw.search(MatchQuery(term, column)).limit(2**31 - 1)
            return len(query.where("kind = 'chunk'").select(["key", "_score"]).to_arrow())


def facts_filter(condition: str, facts: Facts) -> str:
    """`condition`, and that all facts hold, as a filter of Lance's."""
    lists = (", ".join(map(_quoted, alternatives)) for alternatives in facts)
    return " AND ".join([condition, *(f"array_has_any(facts, [{one}])" for one in lists)])


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
