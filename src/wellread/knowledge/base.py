"""The knowledge base: build, open, add, remove, update, search.

    folder/
      manifest.json   what this is and with which settings it was built; written last
      chunks.sqlite   documents and chunks, the source of truth
      words/          the index of words, for `bm25` and `hybrid`
      vectors/        the index of vectors, for `dense` and `hybrid`

A build happens in ``.folder.building`` beside the folder and is renamed at its end, so a folder
either holds a whole knowledge base or none. Later changes are one SQLite transaction each; the
index reads on from the store afterwards, or when the folder is next opened after a crash.

A search: text -> terms -> the retriever's rows, best first, ties by chunk id -> chunks -> leave
out what is excluded or repeated -> passages.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from wellread.errors import InputError, KnowledgeBaseError
from wellread.knowledge import manifest as manifests
from wellread.knowledge import workshop as workshops
from wellread.knowledge.analysis import language_code, query_terms
from wellread.knowledge.building import (
    batches,
    check_free,
    put_in_place,
    refuse_known,
    sole_builder,
)
from wellread.knowledge.dense import Progress
from wellread.knowledge.engines.choose import open_engine
from wellread.knowledge.engines.engine import Engine
from wellread.knowledge.entries import Entry, Pair, make_entry
from wellread.knowledge.filters import Where, holds, required_facts
from wellread.knowledge.manifest import Manifest
from wellread.knowledge.parts import Parts
from wellread.knowledge.ranking import by_score_and_id
from wellread.knowledge.reindexing import forget_unused, reindexed
from wellread.knowledge.retriever import Query
from wellread.knowledge.selection import select
from wellread.knowledge.settings import KnowledgeSettings
from wellread.knowledge.summary import Changes, KnowledgeInfo, describe
from wellread.knowledge.widening import joined, lies_in
from wellread.records import Chunk, Document, Passage

T = TypeVar("T")
_QUERY_CHARACTERS = 100_000
_LOOKAHEAD = 8
_MAX_STEP = 1000


class KnowledgeBase:
    """One folder of chunks that can be searched.

    Use `build` or `open`, and close it or use it in a ``with`` block. One object serves one thread
    at a time; other processes may read and write the same folder meanwhile.
    """

    def __init__(
        self,
        folder: Path,
        engine: Engine,
        manifest: Manifest,
        settings: KnowledgeSettings | None = None,
    ) -> None:
        """For `build` and `open`, which callers use; `settings` replace those of the manifest."""
        self.folder = folder
        self.settings = settings or manifest.settings
        self.origin = manifest.origin
        self._manifest = manifest
        self._engine = engine
        self._store = engine.store
        self._parts = Parts(engine, folder, manifest, self.settings)
        self._retriever = self._parts.retriever(self.settings.retriever_type)
        self._closed = False
        self._seen_version = -1
        self._languages: tuple[str, ...] = ()

    # -- life

    @classmethod
    def build(
        cls,
        folder: Path,
        pairs: Iterable[Pair],
        settings: KnowledgeSettings | None = None,
        *,
        origin: Mapping[str, Any] | None = None,
        replace: bool = False,
        progress: Progress | None = None,
    ) -> KnowledgeBase:
        """Build a knowledge base from ``(document, its chunks)`` pairs and open it.

        The pairs are read as a stream. `origin` is kept in the manifest: where the documents came
        from, how they were chunked. An existing knowledge base is left alone unless `replace`.
        `progress` is told how many chunks of how many have been embedded.
        """
        manifest = Manifest(settings or KnowledgeSettings(), origin or {})
        check_free(folder, replace=replace)
        workshop = workshops.workshop_of(folder)
        with sole_builder(workshop):
            workshops.clear(workshop)
            try:
                engine = open_engine(workshop, manifest.settings, create=True)
                with cls(workshop, engine, manifest) as base:
                    base._fill(pairs, progress)
                workshops.finish(workshop)
                put_in_place(workshop, folder)
            finally:
                workshops.leave(workshop)
        return cls.open(folder)

    @classmethod
    def open(cls, folder: Path, settings: KnowledgeSettings | None = None) -> KnowledgeBase:
        """Open a knowledge base; its index first reads what a crash kept it from reading.

        `settings` replace the recorded ones, save those that are fixed when it is built. Raises
        KnowledgeBaseError where there is none, where it is foreign or damaged, or where a fixed
        setting differs.
        """
        recorded = manifests.read(folder)
        chosen = manifests.agree(folder, recorded.settings, settings)
        base = cls(folder, open_engine(folder, chosen), recorded, chosen)
        try:
            if base._retriever.on_disk:
                base._catch_up(wait=False)
        except BaseException:
            base.close()
            raise
        return base

    def _fill(self, pairs: Iterable[Pair], progress: Progress | None) -> None:
        """Write everything to the empty store in batches, then the indexes, then the manifest."""
        self._parts.check()
        for batch in batches(self._entries(pairs)):
            with self._store.writing():
                for entry in batch:
                    refuse_known(self._store, entry)
                    self._store.insert(entry)
        with self._store.writing():
            self._store.settle_languages(0)
        if not self.count:
            raise KnowledgeBaseError(
                "nothing to build a knowledge base from: the documents gave no chunk",
                hint="check the input folder, or lower the smallest chunk size",
            )
        self._after_change(progress)

    def close(self) -> None:
        """Let go of the files; closing twice is harmless."""
        if not self._closed:
            self._closed = True
            self._parts.close()
            self._engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # -- changes

    def add(self, pairs: Iterable[Pair], *, progress: Progress | None = None) -> Changes:
        """Add new documents, all or none; a document id that is there already is an error."""
        added = chunks = 0
        with self._writing():
            for entry in self._entries(pairs):
                refuse_known(self._store, entry)
                self._store.insert(entry)
                added, chunks = added + 1, chunks + len(entry.chunks)
        self._after_change(progress)
        return Changes(added=added, chunks=chunks)

    def remove(self, *document_ids: str) -> Changes:
        """Remove documents with their chunks, all or none; InputError where one is not there."""
        removed = chunks = 0
        with self._store.writing():
            for document_id in dict.fromkeys(document_ids):
                if self._store.document_hash(document_id) is None:
                    raise InputError(
                        f"{self.folder}: no document {document_id!r}",
                        hint=f"list the documents with: wellread kb info {self.folder} --documents",
                    )
                removed, chunks = removed + 1, chunks + self._store.delete(document_id)
        if removed:
            self._after_change()
        return Changes(removed=removed, chunks=chunks)

    def update(
        self, pairs: Iterable[Pair], *, prune: bool = False, progress: Progress | None = None
    ) -> Changes:
        """Add what is new, replace what has changed, leave the rest untouched; all or none.

        `prune` also removes the documents that are not among `pairs`, as when a folder is synced.
        """
        seen: set[str] = set()
        changes = Changes()
        with self._writing():
            for entry in self._entries(pairs):
                if entry.document.id in seen:
                    raise InputError(f"document id {entry.document.id!r} occurs twice in the input")
                seen.add(entry.document.id)
                changes = self._update_one(entry, changes)
            for gone in [i for i in self._store.document_ids() if i not in seen] if prune else ():
                chunks = changes.chunks + self._store.delete(gone)
                changes = dataclasses.replace(changes, removed=changes.removed + 1, chunks=chunks)
        if changes.chunks or changes.added or changes.updated or changes.removed:
            self._after_change(progress)
        return changes

    def _update_one(self, entry: Entry, changes: Changes) -> Changes:
        known = self._store.document_hash(entry.document.id)
        if known == entry.hash:
            return dataclasses.replace(changes, unchanged=changes.unchanged + 1)
        removed = self._store.delete(entry.document.id)
        refuse_known(self._store, entry)
        self._store.insert(entry)
        chunks = changes.chunks + removed + len(entry.chunks)
        if known is None:
            return dataclasses.replace(changes, added=changes.added + 1, chunks=chunks)
        return dataclasses.replace(changes, updated=changes.updated + 1, chunks=chunks)

    def reindex(
        self, settings: KnowledgeSettings | None = None, *, progress: Progress | None = None
    ) -> None:
        """Build the indexes that `settings` need from the stored chunks; documents are not read.

        With settings: for another retriever or embedder; what is right already stays as it is.
        Without: words anew, and vectors where they are not sound. Killed, it goes on when called
        again, and until it is through the knowledge base is what it was. Others must not change
        the knowledge base meanwhile; they may search.
        """
        recorded = manifests.read(self.folder)
        wanted = settings or recorded.settings
        manifests.check_fixed(self.folder, recorded.settings, wanted)
        self._parts.close()
        try:
            made = reindexed(
                self._engine, self.folder, recorded, wanted, settings is None, progress
            )
            manifests.write(self.folder, self._store, made)
        except BaseException:
            self._adopt(recorded, self.settings)
            raise
        forget_unused(self._engine, self.folder, recorded, made)
        self._adopt(made, wanted)

    def _adopt(self, manifest: Manifest, settings: KnowledgeSettings) -> None:
        """Go on with other indexes."""
        self._manifest, self.settings = manifest, settings
        self._parts = Parts(self._engine, self.folder, manifest, settings)
        self._retriever = self._parts.retriever(settings.retriever_type)

    def _entries(self, pairs: Iterable[Pair]) -> Iterator[Entry]:
        return (make_entry(pair, self.settings.language) for pair in pairs)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """One transaction, at whose end every new chunk has a language."""
        with self._store.writing():
            before = self._store.position()
            yield
            self._store.settle_languages(before.row)

    def _after_change(self, progress: Progress | None = None) -> None:
        """Bring all indexes up to date, also those that it is not opened for."""
        if manifests.exists(self.folder):
            self._follow(manifests.read(self.folder))
        self._manifest = self._parts.bring_up_to_date(progress)
        manifests.write(self.folder, self._store, self._manifest)

    def _follow(self, recorded: Manifest) -> None:
        """Another process may have reindexed since this one opened the knowledge base."""
        if (
            recorded.settings != self._manifest.settings
            or recorded.embedder != self._manifest.embedder
        ):
            self._parts.close()
            self._adopt(recorded, manifests.agree(self.folder, recorded.settings, self.settings))

    def _catch_up(self, *, wait: bool) -> None:
        """Have the index read on; a folder that cannot be written to stays as it is."""
        if self._retriever.on_disk and not os.access(self.folder, os.W_OK):
            return
        if self._retriever.position != self._store.position():
            self._retriever.catch_up(self._store, wait=wait)

    def _refresh(self) -> None:
        """See what has been written since the last look, by whomever."""
        self._catch_up(wait=False)
        version = self._store.version()
        if self._seen_version != version:
            self._seen_version = version
            self._languages = tuple(self._store.languages())

    # -- reading

    def search(
        self,
        query: str,
        top_k: int = 5,
        *,
        where: Where | None = None,
        exclude: Callable[[Chunk], bool] | None = None,
        neighbours: int = 0,
    ) -> tuple[Passage, ...]:
        """The best passages for `query`, which is plain text and never a query language.

        Nothing found is ``()``; every score is above 0 and equal scores are ordered by chunk id.
        `where` asks for metadata (see `wellread.knowledge.filters`); chunks for which `exclude`
        is true are passed over; `neighbours` widens each result by so many chunks on either side.
        """
        if top_k < 1:
            raise InputError(f"top_k is {top_k}; ask for at least 1 result")
        self._refresh()
        terms = query_terms(query[:_QUERY_CHARACTERS], self._languages)
        asked = Query(query, terms, required_facts(where))
        ranked = self._ranked(asked, min(top_k, _MAX_STEP))
        chosen = select(ranked, top_k, self.settings, exclude)
        if neighbours:
            chosen = self._widened(chosen, neighbours)
        return tuple(Passage(chunk, score, n) for n, (chunk, score) in enumerate(chosen, 1))

    def _ranked(self, query: Query, step: int) -> Iterator[tuple[Chunk, float]]:
        """All matching chunks, best first, read from the store a step at a time."""
        # The last hit may be one of a tie that goes on, so a few more are asked for than are read.
        ahead = step + _LOOKAHEAD
        scored = by_score_and_id(
            lambda limit: self._retriever.search(query, limit), self._store.ids_at, ahead
        )
        while batch := list(itertools.islice(scored, step)):
            chunks = self._store.chunks_at([hit.row for hit in batch])
            for hit in batch:
                if hit.row in chunks:
                    yield chunks[hit.row], hit.score

    def _widened(self, chosen: list[tuple[Chunk, float]], count: int) -> list[tuple[Chunk, float]]:
        """Each result with its neighbours; one that lies within a better one is left out."""
        wide: list[tuple[Chunk, float]] = []
        for chunk, score in chosen:
            if not any(lies_in(chunk, other) for other, _ in wide):
                wide.append((self.widen(chunk.id, count, count), score))
        return wide

    def widen(self, chunk_id: str, before: int = 1, after: int = 1) -> Chunk:
        """The chunk together with its neighbours, as one longer chunk of the document."""
        run = self.neighbours(chunk_id, before, after)
        return joined(run, chunk_id, self.document(run[0].document_id))

    def chunk(self, chunk_id: str) -> Chunk:
        """One chunk; InputError where there is none of that id."""
        return self._found(self._store.chunk(chunk_id), "chunk", chunk_id)

    def document(self, document_id: str) -> Document:
        """One document with its whole text; InputError where there is none of that id."""
        return self._found(self._store.document(document_id), "document", document_id)

    def neighbours(self, chunk_id: str, before: int = 1, after: int = 1) -> tuple[Chunk, ...]:
        """The chunk with up to so many chunks before and after it, in the order of the text."""
        return self._found(
            self._store.around(chunk_id, max(before, 0), max(after, 0)), "chunk", chunk_id
        )

    def _found(self, value: T | None, kind: str, identifier: str) -> T:
        if value is None:
            raise InputError(f"{self.folder}: no {kind} {identifier!r}")
        return value

    def chunks(self) -> Iterator[Chunk]:
        """All chunks by document id and place, as a stream; the order they came in is no matter."""
        return self._store.chunks()

    def chunk_ids(self) -> Iterator[str]:
        """The ids of `chunks` in the same order."""
        return self._store.chunk_ids()

    def document_ids(self) -> Iterator[str]:
        """All document ids, sorted."""
        return self._store.document_ids()

    def documents_where(self, where: Where) -> list[str]:
        """The ids of the documents with a chunk for which the filter holds, sorted.

        Every chunk is looked at, whatever the indexes.
        """
        facts = required_facts(where)
        found = {r.chunk.document_id for r in self._store.rows_after(0) if holds(facts, r)}
        return sorted(found)

    @property
    def count(self) -> int:
        """How many chunks there are."""
        return self._store.counts()[1]

    @property
    def retriever_types(self) -> tuple[str, ...]:
        """What it can be opened as: the retrievers for which it has indexes."""
        return self._parts.opens_as

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages in which chunks are analysed, the most frequent first; "" is unknown."""
        self._refresh()
        return self._languages

    def language_of(self, chunk: Chunk) -> str:
        """The language in which a chunk is analysed; it need not be in the knowledge base."""
        known = self._store.analysed(chunk.id)
        return language_code(chunk.language) if known is None else known

    def document_frequencies(self, terms: Iterable[str]) -> dict[str, int]:
        """In how many chunks each analysed term occurs (see `wellread.knowledge.analysis`)."""
        self._refresh()
        return {term: self._retriever.document_frequency(term) for term in terms}

    def info(self) -> KnowledgeInfo:
        """Counts, languages, size, settings, and what was measured of the vectors."""
        return describe(
            self.folder, self._store, self._manifest, self.settings, self._parts.behind()
        )
