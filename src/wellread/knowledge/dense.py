"""`dense`: chunks whose meaning is near that of the query.

    query -> unit vector -> cosine with every chunk's -> those above the floor, best first

The floor is what queries that mean nothing seldom reach (`wellread.knowledge.noise`), measured when
the knowledge base is built. The model is loaded at the first search or when there is something to
embed, never by opening.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from wellread.errors import KnowledgeBaseError
from wellread.knowledge.embedders.choose import agree, open_embedder
from wellread.knowledge.retriever import Query, Retriever, Scored
from wellread.knowledge.store import Position, Store

if TYPE_CHECKING:
    from wellread.knowledge.embedders.embedder import Embedder, EmbedderInfo, Matrix
    from wellread.knowledge.engines.engine import Engine, VectorIndex
    from wellread.knowledge.noise import Noise
    from wellread.knowledge.settings import KnowledgeSettings

_STANDS_OUT = 4.0
Progress = Callable[[int, int], None]
"""Told how many rows of how many have been read."""


class LazyEmbedder:
    """The embedder of a knowledge base, opened when it is first used."""

    def __init__(
        self, settings: KnowledgeSettings, folder: Path, recorded: EmbedderInfo | None, store: Store
    ) -> None:
        """`recorded` is what the knowledge base was built with; None while it is being built."""
        self._settings = settings.embedder
        self._folder = folder
        self._store = store
        self._opened: Embedder | None = None
        self._known = recorded
        self._recorded = recorded
        self._asked: tuple[str, Matrix] | None = None

    @property
    def info(self) -> EmbedderInfo:
        """Which model this is; opens it only where nothing is recorded."""
        if self._known is None:
            self._known = self.open().info
        return self._known

    def open(self) -> Embedder:
        """The embedder itself; KnowledgeBaseError where it is not the recorded one."""
        if self._opened is None:
            fitted = self._settings.kind == "lsa" and self._recorded is None
            opened = open_embedder(
                self._settings, self._folder, corpus=self._texts if fitted else None
            )
            if self._recorded is not None:
                agree(self._recorded, opened.info, self._folder)
            self._opened = opened
        return self._opened

    def _texts(self) -> Iterator[str]:
        return (row.chunk.text for row in self._store.rows_after(0))

    def query(self, text: str) -> Matrix:
        """The vector of a query; the last one is remembered, as one search asks several times."""
        if self._asked is None or self._asked[0] != text:
            self._asked = (text, self.open().queries([text])[0])
        return self._asked[1]

    def close(self) -> None:
        """Let go of the model."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None


class DenseIndex:
    """The retriever `dense`."""

    def __init__(
        self,
        engine: Engine,
        settings: KnowledgeSettings,
        embedder: LazyEmbedder,
        words: Callable[[], Retriever],
        recorded: EmbedderInfo | None,
        noise: Noise | None,
    ) -> None:
        """`words` gives what counts the chunks a term occurs in."""
        self._engine = engine
        self._settings = settings
        self._embedder = embedder
        self._words = words
        self._vectors: VectorIndex | None = None
        self.noise = noise
        self.progress: Progress | None = None
        if recorded is not None:
            self._open(recorded)

    def _open(self, info: EmbedderInfo) -> VectorIndex:
        self._vectors = self._engine.vectors(info.dimension, self._settings, key_of(info))
        return self._vectors

    @property
    def vectors(self) -> VectorIndex:
        """The index of vectors; before anything is recorded, the embedder is opened for it."""
        return self._vectors or self._open(self._embedder.info)

    @property
    def embedder(self) -> LazyEmbedder:
        """What makes the vectors."""
        return self._embedder

    @property
    def on_disk(self) -> bool:
        """Whether it keeps files."""
        return True

    @property
    def position(self) -> Position:
        """Up to where the vectors reach."""
        return self._vectors.position if self._vectors else Position()

    def catch_up(self, store: Store, *, wait: bool = True) -> None:
        """Embed what the store holds beyond `position`; see `Retriever.catch_up`."""
        vectors, goal = self.vectors, store.position()
        if vectors.position == goal:
            return
        total = min(goal.row - vectors.position.row, store.counts()[1])
        done = 0

        def embed(texts: Sequence[str]) -> Matrix:
            nonlocal done
            if self.progress:
                self.progress(min(done, total), total)
            made = self._embedder.open().passages(texts)
            done += len(texts)
            if self.progress:
                self.progress(min(done, total), total)
            return made

        vectors.catch_up(store, embed, wait=wait)

    def search(self, query: Query, limit: int) -> list[Scored]:
        """The nearest rows above the floor; see `Retriever.search`."""
        least = self.least
        return [hit for hit in self.nearest(query, limit) if hit.score > least]

    def nearest(self, query: Query, limit: int) -> list[Scored]:
        """The nearest rows, also those below the floor, as long as the cosine is above 0."""
        if not query.text.strip():
            return []
        hits = self.vectors.search(self._embedder.query(query.text), limit, query.facts)
        return [hit for hit in hits if hit.score > 0]

    @property
    def least(self) -> float:
        """The cosine that a result must exceed; never below 0."""
        chosen = self._settings.min_similarity
        if chosen is None:
            chosen = self.noise.floor if self.noise else 0.0
        return max(0.0, chosen)

    def confidence(self, best: float) -> float:
        """How far the best cosine stands out above noise, from 0 to 1.

        1 is reached four times as far above `typical` noise as its `floor` is. Measured: with it
        `hybrid` is above both of its parts also where the model hardly knows the language.
        """
        if self.noise is None or self.noise.floor <= self.noise.typical:
            return 1.0
        above = (best - self.noise.typical) / (self.noise.floor - self.noise.typical)
        return min(1.0, max(0.0, above / _STANDS_OUT))

    def document_frequency(self, term: str) -> int:
        """In how many chunks a term occurs, counted by an index of words."""
        return self._words().document_frequency(term)

    def close(self) -> None:
        """Let go of the files and the model."""
        if self._vectors is not None:
            self._vectors.close()
        self._embedder.close()


def key_of(info: EmbedderInfo) -> str:
    """A short name for the vectors of an embedder: what differs does not belong together."""
    told = (info.fingerprint, info.dimension, info.window, info.passage_prefix)
    return hashlib.blake2b(repr(told).encode(), digest_size=6).hexdigest()


def without_embedder(folder: Path) -> KnowledgeBaseError:
    """The error where a manifest names no embedder though the retriever needs one."""
    return KnowledgeBaseError(
        f"{folder} is damaged: its manifest names no embedder",
        hint=f"embed anew with: wellread kb reindex {folder}",
    )
