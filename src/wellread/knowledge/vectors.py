"""The vectors of the engine `folder`: files of its own for each embedder.

    vectors/0f3a…/             the vectors of one embedder (`wellread.knowledge.vector_files`)
    vectors/0f3a…/graph.json   and an HNSW graph, above `exact_limit` chunks (`vector_graph`)
    vectors/0f3a…/facts.sqlite what filters ask for (`vector_facts`)

Catching up, step by step: take the writer's lock -> cut off what a crash left -> note what was
removed -> a batch at a time: take the vectors of texts that are known already, embed the others,
append, write the position. Only after a build or a change (`settle`) is a fifth of gone vectors
swept out, or a graph made.

A search compares the query with every vector in one product (BLAS), or asks the graph and compares
with what it brings and with the vectors behind it. A filtered search is always exact.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from wellread.errors import KnowledgeBaseError, StorageError
from wellread.knowledge.engines.engine import Embed
from wellread.knowledge.filters import Facts
from wellread.knowledge.retriever import Scored
from wellread.knowledge.settings import KnowledgeSettings
from wellread.knowledge.store import IndexRow, Position, Store, closing_rows
from wellread.knowledge.vector_facts import FactFile
from wellread.knowledge.vector_files import Held, VectorFiles, places_of
from wellread.knowledge.vector_graph import Graph
from wellread.storage.ownership import sole_owner

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wellread.knowledge.embedders.embedder import Matrix

FOLDER = "vectors"
_BATCH = 256
_CHECKED = 10_000
_MOST_APPROXIMATE = 1000
_SPARE = 1.25
_MOST_BEHIND_SHARE = 10
_LOCK_TRIES = 600
_LOCK_PAUSE_S = 0.1


class FolderVectors:
    """The `VectorIndex` of a folder."""

    def __init__(
        self,
        folder: Path,
        dimension: int,
        settings: KnowledgeSettings,
        known: Sequence[Path] = (),
    ) -> None:
        """Look at the vectors in `folder`, which need not exist yet.

        `known` are folders with vectors of the same embedder, as an earlier build left them: what
        they hold is not embedded again.
        """
        self._folder = folder
        self._known = tuple(known)
        self._exact_limit = settings.exact_limit
        self._files = VectorFiles(folder, dimension)
        self._graph = Graph(folder, dimension)
        self._facts = FactFile(folder)

    @property
    def position(self) -> Position:
        """Up to where this index has read, as of the last look."""
        return self._files.extent.position

    def close(self) -> None:
        """Files are closed when nobody holds what was mapped."""

    # -- catching up

    def catch_up(self, store: Store, embed: Embed, *, wait: bool = True) -> None:
        """Embed and keep what the store holds beyond `position`; see `VectorIndex.catch_up`."""
        self._look()
        if self.position == store.position():
            return
        with self._writer(wait=wait) as held:
            if held:
                self._look()
                self._files.cut()
                self._facts.read_on(store)
                while self.position != store.position():
                    self._read_on(store, embed)

    def _look(self) -> None:
        self._files.look()
        self._graph.look()

    @contextlib.contextmanager
    def _writer(self, *, wait: bool) -> Iterator[bool]:
        """Be the only writer; False where another is and `wait` is off."""
        with contextlib.ExitStack() as stack:
            for attempt in range(_LOCK_TRIES if wait else 1):
                if attempt:
                    time.sleep(_LOCK_PAUSE_S)
                try:
                    stack.enter_context(sole_owner(self._folder / "writer"))
                except StorageError as error:
                    refused = error
                else:
                    yield True
                    return
            if wait:
                raise StorageError(
                    f"{self._folder}: another process has been writing to it for a minute",
                    hint="what was added is safe; its vectors are made by the next change",
                ) from refused
            yield False

    def _read_on(self, store: Store, embed: Embed) -> None:
        goal = store.position()
        gone = [row for _, row in store.removed_after(self.position.removal)]
        if goal.removal != self.position.removal:
            self._files.forget(gone, goal.removal)
        known = _KnownVectors(self._sources())
        while batch := _rows_between(store, self.position.row, goal.row):
            self._keep(batch, embed, known)
        if self.position != goal:
            self._files.reach(goal)

    def _sources(self) -> list[Held]:
        others = [VectorFiles(folder, self._files.dimension) for folder in self._known]
        return [files.held() for files in (self._files, *others) if files.extent.count]

    def _keep(self, batch: Sequence[IndexRow], embed: Embed, known: _KnownVectors) -> None:
        hashes = [text_hash(row.chunk.text) for row in batch]
        vectors = np.empty((len(batch), self._files.dimension), np.float32)
        new: dict[bytes, list[int]] = {}
        for number, told in enumerate(hashes):
            found = known.get(told)
            if found is None:
                new.setdefault(told, []).append(number)
            else:
                vectors[number] = found
        if new:
            first = [numbers[0] for numbers in new.values()]
            made = self._checked(embed([batch[number].chunk.text for number in first]), len(first))
            for numbers, vector in zip(new.values(), made, strict=True):
                vectors[numbers] = vector
        self._files.append([row.row for row in batch], hashes, vectors)

    def _checked(self, made: Matrix, count: int) -> Matrix:
        wanted = (count, self._files.dimension)
        if made.shape != wanted or not np.isfinite(made).all():
            seen = "numbers that are not finite" if made.shape == wanted else f"shape {made.shape}"
            raise KnowledgeBaseError(f"the embedder gave {seen} for {count} texts, not {wanted}")
        return made

    def sound(self, store: Store) -> bool:
        """Whether every chunk up to `position` has one vector, and all have length 1 or 0."""
        held = self._files.held()
        with closing_rows(store.rows_after(0)) as rows:
            upto = itertools.takewhile(lambda row: row.row <= self.position.row, rows)
            stored = np.fromiter((row.row for row in upto), np.int64)
        own = held.rows[held.alive]
        if self.position.removal == store.position().removal and not np.array_equal(own, stored):
            return False
        for start in range(0, len(held.rows), _CHECKED):
            with np.errstate(all="ignore"):
                lengths = np.linalg.norm(held.matrix[start : start + _CHECKED], axis=1)
            if not (np.isclose(lengths, 1, atol=1e-3) | (lengths == 0)).all():
                return False
        return True

    # -- searching

    def search(self, vector: Matrix, limit: int, facts: Facts = ()) -> list[Scored]:
        """The rows with the highest cosine to `vector`, best first; see `VectorIndex.search`."""
        held = self._files.held()
        vector = np.asarray(vector, np.float32)
        if limit < 1 or not len(held.rows):
            return []
        if facts:
            places = places_of(held.rows, self._facts.rows_with(facts))
            places = places[held.alive[places]]
            return _best(held, places, held.matrix[places] @ vector, limit)
        covered = self._graph.covered(held.extent.generation)
        if covered and limit <= _MOST_APPROXIMATE and len(held.rows) > self._exact_limit:
            near = self._near(held, vector, limit, covered)
            if near is not None:
                return _best(held, near, held.matrix[near] @ vector, limit)
        scores = held.matrix @ vector
        scores[~held.alive] = -np.inf
        return _best(held, None, scores, limit)

    def _near(
        self, held: Held, vector: Matrix, limit: int, covered: int
    ) -> NDArray[np.int64] | None:
        """What the graph brings and all that lies behind it; None where the graph is damaged."""
        wanted = limit
        while True:
            found = self._graph.search(vector, min(covered, int(wanted * _SPARE) + 10))
            if found is None:
                return None
            found = found[held.alive[found]]
            if len(found) >= limit or wanted * _SPARE >= covered:
                break
            wanted *= 2
        behind = np.arange(covered, len(held.rows))
        return np.concatenate([np.sort(found), behind[held.alive[behind]]])

    # -- exact or approximate

    def settle(self) -> Mapping[str, Any]:
        """Sweep, make a graph or do without; see `VectorIndex.settle`."""
        with self._writer(wait=True):
            self._look()
            self._files.compact()
            held = self._files.held()
            count = int(held.alive.sum())
            told: dict[str, Any] = {"vectors": count, "dimension": self._files.dimension}
            if count <= self._exact_limit:
                self._graph.clear()
                return {**told, "search": "exact"}
            covered = self._graph.covered(held.extent.generation)
            behind = len(held.rows) - covered
            if behind * _MOST_BEHIND_SHARE > covered or not self._graph.usable():
                self._graph.make(held.extent.generation, held.matrix, held.alive)
            measured = self._graph.facts()
            return {**told, "search": "hnsw", **{n: measured[n] for n in ("recall", "sample")}}


class _KnownVectors:
    """Vectors by the hash of their text, of removed chunks too."""

    def __init__(self, sources: Sequence[Held]) -> None:
        self._sources = sources
        self._places: dict[bytes, tuple[Held, int]] | None = None

    def get(self, told: bytes) -> Matrix | None:
        """The vector of a text that was embedded before, or None."""
        if self._places is None:
            self._places = {
                told: (held, place) for held in self._sources for place, told in _hashes(held)
            }
        found = self._places.get(told)
        if found is None:
            return None
        vector: Matrix = found[0].matrix[found[1]]
        return vector


def _hashes(held: Held) -> Iterator[tuple[int, bytes]]:
    joined, size = held.hashes.tobytes(), held.hashes.dtype.itemsize
    return enumerate(joined[start : start + size] for start in range(0, len(joined), size))


def text_hash(text: str) -> bytes:
    """What tells a text that was embedded from others: 16 bytes."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _rows_between(store: Store, above: int, upto: int) -> list[IndexRow]:
    """The next batch; the store is asked anew each time, as embedding may take long."""
    if above >= upto:
        return []
    with closing_rows(store.rows_after(above)) as rows:
        wanted = itertools.takewhile(lambda row: row.row <= upto, rows)
        return list(itertools.islice(wanted, _BATCH))


def _best(held: Held, places: NDArray[np.int64] | None, scores: Matrix, limit: int) -> list[Scored]:
    """The `limit` highest scores, equal ones by row; `places` says what they are scores of."""
    if limit < len(scores):
        chosen = np.argpartition(scores, len(scores) - limit)[len(scores) - limit :]
    else:
        chosen = np.arange(len(scores))
    chosen = np.sort(chosen)
    chosen = chosen[np.argsort(-scores[chosen], kind="stable")]
    chosen = chosen[scores[chosen] > -np.inf]
    rows = held.rows[chosen if places is None else places[chosen]]
    return list(map(Scored, rows.tolist(), scores[chosen].tolist()))
