"""The engine `folder`: SQLite for the store, tantivy for words, a file for vectors."""

from __future__ import annotations

import shutil
from pathlib import Path

from wellread.errors import KnowledgeBaseError
from wellread.knowledge.engines.engine import VectorIndex
from wellread.knowledge.retriever import Retriever
from wellread.knowledge.settings import KnowledgeSettings
from wellread.knowledge.sqlite_store import FILE, SqliteStore
from wellread.knowledge.store import Store
from wellread.knowledge.workshop import KNOWN, replaced_by
from wellread.storage.files import storage_errors


class FolderEngine:
    """Everything in one folder."""

    def __init__(self, folder: Path, settings: KnowledgeSettings, *, create: bool) -> None:
        """Open the store in `folder`, or make an empty one."""
        self._folder = folder
        path = folder / FILE
        if not create and not path.is_file():
            raise KnowledgeBaseError(
                f"{folder} is damaged: {FILE} is gone",
                hint=f"build it anew with: wellread kb build {folder} DOCUMENTS --replace",
            )
        self._store = SqliteStore.create(path) if create else SqliteStore(path)

    @property
    def store(self) -> Store:
        """Documents and chunks."""
        return self._store

    def words(self, settings: KnowledgeSettings) -> Retriever:
        """The tantivy index below the folder."""
        from wellread.knowledge.words import WordIndex

        return WordIndex(self._folder, settings)

    def vectors(self, dimension: int, settings: KnowledgeSettings, key: str = "") -> VectorIndex:
        """The files of vectors below the folder."""
        from wellread.knowledge.vectors import FOLDER, FolderVectors

        own = self._folder / FOLDER / key
        # While it is being built: what a killed build has left, and what it is to replace.
        earlier = (self._folder / KNOWN / key, replaced_by(self._folder) / FOLDER / key)
        return FolderVectors(own, dimension, settings, [p for p in earlier if p != own])

    def forget(self, part: str) -> None:
        """Delete the index `words`, or the vectors of a key."""
        from wellread.knowledge.vectors import FOLDER

        place = self._folder / ("words" if part == "words" else f"{FOLDER}/{part}")
        with storage_errors(place):
            if place.is_dir():
                shutil.rmtree(place)

    def close(self) -> None:
        """Close the store."""
        self._store.close()
