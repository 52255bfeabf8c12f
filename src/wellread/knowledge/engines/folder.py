"""The engine `folder`: SQLite for the store, tantivy for words, a file for vectors."""

from __future__ import annotations

from pathlib import Path

from wellread.errors import KnowledgeBaseError
from wellread.knowledge.engines.engine import VectorIndex
from wellread.knowledge.retriever import Retriever
from wellread.knowledge.settings import KnowledgeSettings
from wellread.knowledge.sqlite_store import FILE, SqliteStore
from wellread.knowledge.store import Store


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

    def vectors(self, dimension: int, settings: KnowledgeSettings) -> VectorIndex:
        """The vector file below the folder."""
        raise NotImplementedError

    def close(self) -> None:
        """Close the store."""
        self._store.close()
