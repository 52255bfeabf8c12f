"""The engine `lancedb`: versioned tables, in the folder or wherever `location` says.

    folder/manifest.json   settings
    folder/engine.json     the tables' name (see `elsewhere`)
    location/NAME              documents, chunks, words; an empty `location` is ``folder/lance``
    location/NAME_vectors_KEY  vectors, for `dense` and `hybrid`

LanceDB takes two seconds and 160 MB to import, which is paid by whoever chooses this engine.
Object stores (``s3://bucket/path``) take their keys from the environment, as LanceDB's own
documentation says; none is written anywhere.
"""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import Path

import lancedb

from wellread.errors import InputError, KnowledgeBaseError, StorageError
from wellread.knowledge.engines import elsewhere, lance_words
from wellread.knowledge.engines.engine import VectorIndex
from wellread.knowledge.engines.lance_rows import SCHEMA
from wellread.knowledge.engines.lance_store import LanceStore
from wellread.knowledge.engines.lance_table import create_table, lance_errors, open_table
from wellread.knowledge.engines.lance_words import LanceWords
from wellread.knowledge.retriever import Retriever
from wellread.knowledge.settings import KnowledgeSettings
from wellread.knowledge.store import Store
from wellread.storage.files import MANIFEST

FOLDER = "lance"
_VECTORS = "_vectors_"


class LanceEngine:
    """Everything in two tables of LanceDB."""

    def __init__(self, folder: Path, settings: KnowledgeSettings, *, create: bool) -> None:
        """Open the tables that `folder` names, or make empty ones."""
        self._folder = folder
        self._creating = create
        self._location = elsewhere.resolved(settings.location) or str(folder.absolute() / FOLDER)
        with lance_errors(self._location):
            self._db = lancedb.connect(self._location)
        tables = elsewhere.new_tables(folder) if create else elsewhere.read_tables(folder)
        self._name = tables.name
        self._table = (
            create_table(self._db, tables.name, SCHEMA)
            if create
            else open_table(self._db, tables.name)
        )
        self._store = LanceStore(self._table, folder)
        if create:
            elsewhere.write_tables(folder, tables)
            self._store.begin(elsewhere.being_built(folder))
            self._drop_abandoned()
        elif tables.fresh and elsewhere.in_place(folder):
            self._take_over(tables)

    def _drop_abandoned(self) -> None:
        """Drop what a build for the same folder left when it was killed."""
        stem = self._name.rpartition("_")[0] + "_"
        mine = elsewhere.being_built(self._folder)
        for name in self._names():
            if name.startswith(stem) and name != self._name and _VECTORS not in name:
                with contextlib.suppress(KnowledgeBaseError, StorageError):
                    table = open_table(self._db, name)
                    if LanceStore(table, self._folder).home == mine:
                        self._drop(name)

    def _names(self) -> list[str]:
        with lance_errors(self._location):
            return list(self._db.list_tables(limit=100_000).tables)

    def _take_over(self, tables: elsewhere.Tables) -> None:
        """Opened in its place for the first time: drop what it replaces."""
        with contextlib.suppress(KnowledgeBaseError, StorageError):
            self._store.begin(elsewhere.built(self._folder))
            for name in tables.replaces:
                if name != self._name:
                    self._drop(name)
            elsewhere.write_tables(self._folder, dataclasses.replace(tables, fresh=False))

    def _drop(self, name: str) -> None:
        for table in self._names():
            if table == name or table.startswith(name + _VECTORS):
                with lance_errors(f"{self._location}/{table}"):
                    self._db.drop_table(table)

    @property
    def store(self) -> Store:
        """Documents and chunks."""
        return self._store

    def words(self, settings: KnowledgeSettings) -> Retriever:
        """Lance's full-text index."""
        return LanceWords(self._table, self._folder, settings)

    def vectors(self, dimension: int, settings: KnowledgeSettings, key: str = "") -> VectorIndex:
        """A table of vectors; `key` tells those of one embedder from those of another."""
        from wellread.knowledge.engines.lance_vectors import LanceVectors, schema

        name = self._name + _VECTORS + key
        if name in self._names():
            table = open_table(self._db, name)
        else:
            table = create_table(self._db, name, schema(dimension))
        return LanceVectors(table, self._folder, dimension, settings, key)

    def forget(self, part: str) -> None:
        """Drop Lance's index of `words`, or the table of the vectors of a key."""
        if part == "words":
            lance_words.forget(self._table)
            return
        name = self._name + _VECTORS + part
        if name in self._names():
            with lance_errors(f"{self._location}/{name}"):
                self._db.drop_table(name)
        (self._folder / f"vectors_{part}.json").unlink(missing_ok=True)

    def close(self) -> None:
        """A build that has not come to its manifest takes its tables along."""
        if self._creating and not (self._folder / MANIFEST).is_file():
            with contextlib.suppress(KnowledgeBaseError, StorageError, InputError):
                self._drop(self._name)
