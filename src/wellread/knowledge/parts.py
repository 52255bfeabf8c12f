"""The indexes of a knowledge base: which ones it keeps, and the retriever made of them.

built for   keeps            can be opened as
simple      -                simple
bm25        words            bm25, simple
dense       vectors          dense, simple
hybrid      words, vectors   hybrid, bm25, dense, simple
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

from wellread.knowledge.dense import DenseIndex, LazyEmbedder, Progress
from wellread.knowledge.engines.engine import Engine
from wellread.knowledge.hybrid import HybridIndex
from wellread.knowledge.manifest import OPENS_AS, Manifest
from wellread.knowledge.noise import measure
from wellread.knowledge.retriever import Retriever
from wellread.knowledge.settings import KnowledgeSettings, RetrieverType
from wellread.knowledge.simple import OverlapIndex

KEPT: dict[RetrieverType, tuple[RetrieverType, ...]] = {
    "simple": (),
    "bm25": ("bm25",),
    "dense": ("dense",),
    "hybrid": ("bm25", "dense"),
}
_GROWN = 2


class Parts:
    """The indexes of one knowledge base, each opened when it is first asked for."""

    def __init__(
        self, engine: Engine, folder: Path, manifest: Manifest, settings: KnowledgeSettings
    ) -> None:
        """`manifest` says what it was built with, `settings` how it is opened now."""
        self._engine = engine
        self._folder = folder
        self._manifest = manifest
        self._settings = settings
        self._opened: dict[RetrieverType, Retriever] = {}
        self._dense: DenseIndex | None = None

    def retriever(self, kind: RetrieverType) -> Retriever:
        """The retriever of that name."""
        if kind not in self._opened:
            self._opened[kind] = self._open(kind)
        return self._opened[kind]

    def _open(self, kind: RetrieverType) -> Retriever:
        if kind == "simple":
            return OverlapIndex(self._settings)
        if kind == "bm25":
            return self._engine.words(self._settings)
        if kind == "dense":
            return self.dense()
        return HybridIndex(self.retriever("bm25"), self.dense(), self._settings)

    def dense(self) -> DenseIndex:
        """The index of vectors with its embedder."""
        if self._dense is None:
            recorded = self._manifest.embedder
            home = self._folder / self._manifest.embedder_home
            embedder = LazyEmbedder(self._settings, home, recorded, self._engine.store)
            self._dense = DenseIndex(
                self._engine, self._settings, embedder, self._counting,
                recorded, self._manifest.noise,
            )  # fmt: skip
        return self._dense

    def _counting(self) -> Retriever:
        """What counts the chunks a term occurs in: the words, in memory where there is no index."""
        if "bm25" in self.kept:
            return self.retriever("bm25")
        counting = self.retriever("simple")
        counting.catch_up(self._engine.store)
        return counting

    def check(self) -> None:
        """Before a build reads its documents: have the embedder found, where it needs none."""
        if "dense" in self.kept and self._settings.embedder.kind != "lsa":
            self.dense().embedder.open()

    @property
    def kept(self) -> tuple[RetrieverType, ...]:
        """The indexes that a change brings up to date."""
        return KEPT[self._manifest.settings.retriever_type]

    @property
    def opens_as(self) -> tuple[RetrieverType, ...]:
        """The retrievers for which there are indexes."""
        return OPENS_AS[self._manifest.settings.retriever_type]

    def bring_up_to_date(self, progress: Progress | None = None) -> Manifest:
        """Have every index that is kept read the store; what the manifest is to say of them."""
        store = self._engine.store
        for kind in self.kept:
            part = self.retriever(kind)
            if kind == "dense":
                self.dense().progress = progress
            if part.position != store.position():
                part.catch_up(store, wait=True)
        if "dense" in self.kept:
            self._manifest = self._described(self.dense())
        return self._manifest

    def _described(self, dense: DenseIndex) -> Manifest:
        """The manifest with the embedder, the vectors and what noise reaches."""
        told = dense.vectors.settle()
        count = self._engine.store.counts()[1]
        if dense.noise is None or count > _GROWN * dense.noise.chunks:
            dense.noise = measure(dense.embedder.open(), dense.vectors, self._engine.store)
        return dataclasses.replace(
            self._manifest, embedder=dense.embedder.info, noise=dense.noise, vectors=dict(told)
        )

    def behind(self) -> int:
        """Chunks that the index farthest behind has yet to read."""
        goal = self._engine.store.position().row
        reached = [self.retriever(kind).position.row for kind in self.kept]
        return max([0, *(goal - row for row in reached)])

    def close(self) -> None:
        """Let go of all that was opened; what is asked for again is opened again."""
        for kind in ("simple", "bm25"):
            if kind in self._opened:
                self._opened[kind].close()
        if self._dense is not None:
            self._dense.close()
        self._opened, self._dense = {}, None
