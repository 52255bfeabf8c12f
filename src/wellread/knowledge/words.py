"""`bm25`: a tantivy index of the terms of every chunk, on disk.

One tantivy document a chunk: its row, its terms (already analysed, joined by spaces), the terms of
its title and heading, and the facts that filters ask for. Score = BM25 of the text (k1 1.2, b 0.75,
fixed in tantivy) + `title_boost` x BM25 of the title.

Catching up, step by step: take tantivy's writer lock -> read ``position.json`` -> delete what an
earlier crash left beyond the position -> batch by batch: delete what was removed, add, commit,
write ``position.json``. A crash anywhere leaves a position that is true or too low, and what lies
above it is read again.

Removed chunks count in tantivy's statistics until they are merged away, so where they are more than
a fifth of the rest (or the index is small) everything is indexed again, in one commit.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import tantivy

from wellread.errors import InputError, KnowledgeBaseError, StorageError
from wellread.knowledge.analysis import forget_words, is_unspaced, joined_terms
from wellread.knowledge.filters import facts_of
from wellread.knowledge.retriever import Query, Scored, rarest_terms
from wellread.knowledge.settings import KnowledgeSettings
from wellread.knowledge.store import IndexRow, Position, Store
from wellread.knowledge.word_files import damaged_files
from wellread.records import Chunk
from wellread.storage.files import read_json, storage_errors, write_json
from wellread.storage.memory import release_memory

FOLDER = "words"
_POSITION = "position.json"
_HEAP_BYTES = 60_000_000
_BATCH_CHARACTERS = 25_000_000
_LIVE_PER_DEAD = 5
_SMALL = 1000
_SLICE = 50_000
_LOCK_TRIES = 600
_LOCK_PAUSE_S = 0.1


class WordIndex:
    """The retriever `bm25`."""

    def __init__(self, folder: Path, settings: KnowledgeSettings) -> None:
        """Open the index below the knowledge base `folder`; an unusable one is started anew."""
        self._folder = folder / FOLDER
        self._title_boost = settings.title_boost
        self._position, self._dead = self._read_position()
        self._links: tempfile.TemporaryDirectory[str] | None = None
        self._index = self._open()
        # No thread that watches the folder: `catch_up` says when to look again.
        self._index.config_reader("manual")
        self._index.reload()
        self._searcher = self._index.searcher()

    @property
    def on_disk(self) -> bool:
        """Whether it keeps files."""
        return True

    @property
    def position(self) -> Position:
        """Up to where this index has read, as of the last look."""
        return self._position

    def _open(self) -> tantivy.Index:
        if self._position != Position():
            with contextlib.suppress(ValueError):
                return tantivy.Index.open(str(self._lockable()))
        return self._start_anew()

    def _lockable(self) -> Path:
        """The folder, or links to its files: tantivy writes a lock even where it only reads."""
        if os.access(self._folder, os.W_OK):
            return self._folder
        self._links = tempfile.TemporaryDirectory(prefix="wellread-")
        for path in self._folder.iterdir():
            if path.suffix != ".lock":
                (Path(self._links.name) / path.name).symlink_to(path.absolute())
        return Path(self._links.name)

    def _start_anew(self) -> tantivy.Index:
        """The store is the source of truth: an index that cannot be read is only built again."""
        with storage_errors(self._folder):
            if self._folder.exists():
                shutil.rmtree(self._folder)
            self._folder.mkdir(parents=True)
        self._position, self._dead = Position(), 0
        return tantivy.Index(_schema(), path=str(self._folder))

    def _read_position(self) -> tuple[Position, int]:
        """Up to where the index has read, and how many removed chunks it still counts."""
        try:
            value = read_json(self._folder / _POSITION)
            return Position(int(value["row"]), int(value["removal"])), int(value["dead"])
        except (InputError, KeyError, TypeError, ValueError):
            return Position(), 0

    def _write_position(self, position: Position, dead: int) -> None:
        value = {"row": position.row, "removal": position.removal, "dead": dead}
        write_json(self._folder / _POSITION, value)
        self._position, self._dead = position, dead

    # -- catching up

    def catch_up(self, store: Store, *, wait: bool = True) -> None:
        """Read what the store holds beyond `position`; see `Retriever.catch_up`."""
        self._position, self._dead = self._read_position()
        if self._position != store.position():
            with self._writer(wait=wait) as writer:
                if writer is not None:
                    self._read_on(store, writer)
        self._index.reload()
        self._searcher = self._index.searcher()

    @contextlib.contextmanager
    def _writer(self, *, wait: bool) -> Iterator[tantivy.IndexWriter | None]:
        """The index's only writer, or None where another process holds it and `wait` is off."""
        writer = self._lock(_LOCK_TRIES if wait else 1)
        if writer is None and wait:
            raise StorageError(
                f"{self._folder}: another process has been writing to it for a minute",
                hint="what was added is safe; the index reads it when the folder is opened next",
            )
        try:
            yield writer
        finally:
            if writer is not None:
                writer.wait_merging_threads()
                forget_words()
                release_memory()

    def _lock(self, tries: int) -> tantivy.IndexWriter | None:
        for attempt in range(tries):
            if attempt:
                time.sleep(_LOCK_PAUSE_S)
            try:
                return self._index.writer(heap_size=_HEAP_BYTES, num_threads=1)
            except ValueError as error:
                if "lock" not in str(error).lower():
                    raise StorageError(f"{self._folder}: {error}") from error
        return None

    def _read_on(self, store: Store, writer: tantivy.IndexWriter) -> None:
        """Batch by batch until nothing is left; another process may have read a part meanwhile."""
        self._position, self._dead = self._read_position()
        self._forget_beyond(writer)
        while self._position != (goal := store.position()):
            gone = [row for _, row in store.removed_after(self._position.removal)]
            dead = self._dead + sum(row <= self._position.row for row in gone)
            if dead and _is_much(dead, store.counts()[1]):
                self._write_position(self._index_anew(store, writer, goal), 0)
            else:
                self._write_position(self._apply(store, writer, goal, gone), dead)

    def _forget_beyond(self, writer: tantivy.IndexWriter) -> None:
        """Delete what a crash left in the index above the recorded position."""
        beyond = tantivy.Query.range_query(
            self._index.schema,
            "row",
            tantivy.FieldType.Unsigned,
            self._position.row,
            include_lower=False,
        )
        writer.delete_documents_by_query(beyond)

    def _apply(
        self, store: Store, writer: tantivy.IndexWriter, goal: Position, gone: Sequence[int]
    ) -> Position:
        """Write one batch to the index and return the new position."""
        for number in gone:
            # `delete_documents_by_term` takes the number for a signed one and deletes nothing.
            one = tantivy.Query.term_query(self._index.schema, "row", number)
            writer.delete_documents_by_query(one)
        reached, characters = goal.row, 0
        for row in _rows(store, self._position.row, goal.row):
            writer.add_document(_document(row))
            characters += len(row.chunk.text)
            if characters >= _BATCH_CHARACTERS:
                reached = row.row
                break
        self._commit(writer)
        return Position(reached, goal.removal)

    def _index_anew(self, store: Store, writer: tantivy.IndexWriter, goal: Position) -> Position:
        """Everything again, without what was removed; others read the old state until the end."""
        writer.delete_documents_by_query(tantivy.Query.all_query())
        for row in _rows(store, 0, goal.row):
            writer.add_document(_document(row))
        self._commit(writer)
        return goal

    def _commit(self, writer: tantivy.IndexWriter) -> None:
        try:
            writer.commit()
        except ValueError as error:
            raise StorageError(f"{self._folder}: {error}") from error
        release_memory()

    # -- searching

    def search(self, query: Query, limit: int) -> list[Scored]:
        """The best rows; see `Retriever.search`."""
        clauses = self._clauses(query)
        limit = min(limit, self._searcher.num_docs)
        if not clauses or not limit:
            return []
        wanted = tantivy.Query.boolean_query(clauses)
        if query.facts:
            wanted = tantivy.Query.boolean_query(
                [(tantivy.Occur.Must, wanted), *self._filters(query)]
            )
        try:
            hits = self._searcher.search(wanted, limit, count=False).hits
            rows = self._searcher.fast_field_values("row", [address for _, address in hits])
        except ValueError as error:
            raise KnowledgeBaseError(f"{self._folder}: cannot be searched: {error}") from error
        return [
            Scored(int(row), score)
            for row, (score, _) in zip(rows, hits, strict=True)
            if row is not None and score > 0
        ]

    def _clauses(self, query: Query) -> list[tuple[tantivy.Occur, tantivy.Query]]:
        in_text = {term: self._searcher.doc_freq("words", term) for term in query.terms}
        in_title = {term: self._searcher.doc_freq("title", term) for term in query.terms}
        clauses = []
        for term in rarest_terms({t: in_text[t] + in_title[t] for t in query.terms}):
            weight = float(query.terms[term])
            if in_text[term]:
                clauses.append(self._clause("words", term, weight))
            if in_title[term] and self._title_boost:
                clauses.append(self._clause("title", term, weight * self._title_boost))
        return clauses + self._within_words(query)

    def _within_words(self, query: Query) -> list[tuple[tantivy.Occur, tantivy.Query]]:
        """For a single character of a script that is indexed by pairs: all pairs that hold it."""
        (term, *others) = query.terms or [""]
        if others or len(term) != 1 or not is_unspaced(term):
            return []
        schema, pattern = self._index.schema, f"{term}.|.{term}"
        return [
            (tantivy.Occur.Should, tantivy.Query.regex_query(schema, field, pattern))
            for field in ("words", "title")
        ]

    def _clause(self, field: str, term: str, boost: float) -> tuple[tantivy.Occur, tantivy.Query]:
        query = tantivy.Query.term_query(self._index.schema, field, term, "freq")
        if boost != 1.0:
            query = tantivy.Query.boost_query(query, boost)
        return tantivy.Occur.Should, query

    def _filters(self, query: Query) -> Iterator[tuple[tantivy.Occur, tantivy.Query]]:
        for alternatives in query.facts:
            one_of = tantivy.Query.term_set_query(self._index.schema, "facts", list(alternatives))
            yield tantivy.Occur.Must, tantivy.Query.const_score_query(one_of, 0.0)

    def problems(self, store: Store) -> list[str]:
        """What is wrong with the index, one line each; reads all of it.

        Nothing is wrong with an index that has yet to read on. One that is damaged is built again
        by deleting its folder and opening the knowledge base.
        """
        found = [f"{path}: {fault}" for path, fault in damaged_files(self._folder)]
        if not found and self._position == store.position():
            found += self._differences(store)
        return found

    def _differences(self, store: Store) -> Iterator[str]:
        """How the rows of the index differ from those of the store, a slice at a time."""
        stored = (row.row for row in _rows(store, 0, self._position.row))
        groups = itertools.groupby(stored, lambda row: row // _SLICE)
        known = 0
        for number, rows in groups:
            expected, found = set(rows), self._rows_in(number * _SLICE)
            known += len(found)
            if missing := len(expected - found):
                yield f"{self._folder}: {missing:,} chunks are not in the index"
            if extra := len(found - expected):
                yield f"{self._folder}: {extra:,} removed chunks are still in the index"
        if extra := self._searcher.num_docs - known:
            yield f"{self._folder}: {extra:,} entries of the index are of no chunk"

    def _rows_in(self, first: int) -> set[int]:
        """The rows of the index from `first`, a slice of them."""
        within = tantivy.Query.range_query(
            self._index.schema,
            "row",
            tantivy.FieldType.Unsigned,
            first,
            first + _SLICE,
            include_upper=False,
        )
        hits = self._searcher.search(within, _SLICE, count=False).hits
        values = self._searcher.fast_field_values("row", [address for _, address in hits])
        return {int(value) for value in values if value is not None}

    def document_frequency(self, term: str) -> int:
        """In how many chunks a term occurs, those of removed chunks included until they merge."""
        return max(self._searcher.doc_freq(field, term) for field in ("words", "title"))

    def close(self) -> None:
        """Let go of the files, which tantivy holds for as long as its objects live."""
        del self._searcher, self._index
        if self._links is not None:
            self._links.cleanup()


def _rows(store: Store, after: int, last: int) -> Iterator[IndexRow]:
    return itertools.takewhile(lambda row: row.row <= last, store.rows_after(after))


def _is_much(dead: int, live: int) -> bool:
    return live <= _SMALL or dead * _LIVE_PER_DEAD > live


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_unsigned_field("row", indexed=True, fast=True)
    builder.add_text_field("words", tokenizer_name="whitespace", index_option="freq")
    builder.add_text_field("title", tokenizer_name="whitespace", index_option="freq")
    builder.add_text_field("facts", tokenizer_name="raw", index_option="basic")
    return builder.build()


def _facts(row: IndexRow) -> Sequence[str]:
    """`facts_of`, worked out once for chunks that differ in their text only."""
    if row.metadata:
        return facts_of(row)
    chunk = row.chunk
    return _plain_facts(chunk.document_id, chunk.source, chunk.title, chunk.heading, chunk.language)


@functools.lru_cache(maxsize=100)
def _plain_facts(
    document_id: str, source: str, title: str, heading: str, language: str
) -> Sequence[str]:
    chunk = Chunk("", document_id, "", 0, 0, title, source, heading, language)
    return facts_of(IndexRow(0, chunk, "", {}))


def _document(row: IndexRow) -> tantivy.Document:
    chunk, document = row.chunk, tantivy.Document()
    document.add_unsigned("row", row.row)
    document.add_text("words", joined_terms(chunk.text, row.analysed))
    if chunk.title or chunk.heading:
        document.add_text("title", joined_terms(f"{chunk.title} {chunk.heading}", row.analysed))
    for fact in _facts(row):
        document.add_text("facts", fact)
    return document
