"""What every engine offers: a store, an index of words, an index of vectors.

    folder     SQLite, tantivy, a file of vectors           the default; one machine
    lancedb    one versioned table, on disk or object storage
    postgres   tables and pgvector in a server that others use too

`manifest.json` lies in the knowledge base's folder whatever the engine, and says where the rest
is. `ENGINES` in `wellread.knowledge.engines.choose` maps a name to what opens it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from wellread.knowledge.retriever import Retriever, Scored
from wellread.knowledge.store import Position, Store

if TYPE_CHECKING:
    from wellread.knowledge.embedders.embedder import Matrix
    from wellread.knowledge.filters import Facts
    from wellread.knowledge.settings import KnowledgeSettings

Embed = Callable[[Sequence[str]], "Matrix"]


class VectorIndex(Protocol):
    """Holds one unit vector a chunk and finds the nearest."""

    @property
    def position(self) -> Position:
        """Up to where this index has read."""
        ...

    def catch_up(self, store: Store, embed: Embed, *, wait: bool = True) -> None:
        """Embed and keep what the store holds beyond `position`, a batch at a time.

        A batch that is kept is never embedded again, whatever ends the work after it.
        """
        ...

    def search(self, vector: Matrix, limit: int, facts: Facts = ()) -> list[Scored]:
        """The rows with the highest cosine to `vector` of shape (dimension,), best first.

        Negative cosines are left in: whoever asks decides what is near enough.
        """
        ...

    def settle(self) -> Mapping[str, Any]:
        """After a build or a change: choose exact or approximate by size; measured facts of it."""
        ...

    def close(self) -> None:
        """Let go of files."""
        ...


class Engine(Protocol):
    """The parts of one knowledge base."""

    @property
    def store(self) -> Store:
        """Documents and chunks."""
        ...

    def words(self, settings: KnowledgeSettings) -> Retriever:
        """The retriever `bm25`."""
        ...

    def vectors(self, dimension: int, settings: KnowledgeSettings, key: str = "") -> VectorIndex:
        """The index of vectors; `key` tells those of one embedder from those of another."""
        ...

    def forget(self, part: str) -> None:
        """Delete the index `words`, or the vectors of a key; nobody has it open.

        Opened again it is empty and reads the store from its first row.
        """
        ...

    def close(self) -> None:
        """Let go of everything opened."""
        ...
