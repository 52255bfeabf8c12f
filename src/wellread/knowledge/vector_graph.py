"""An HNSW graph over the first vectors of a matrix, for when comparing with all takes too long.

    graph.json         generation and count of the vectors covered, measured recall, checksum
    1-120000.graph     usearch's file; it answers places in the matrix

What the graph finds is compared with the query once more, exactly, so that its scores are those of
the exact search and only what is left out differs. Making it: add the vectors one by one with one
thread (the same vectors make the same graph) -> search for a sample of them, ever wider, until
enough of the true neighbours are found -> write the file, then `graph.json`.
"""

from __future__ import annotations

import contextlib
import importlib
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from wellread.errors import InputError
from wellread.knowledge.embedders.extras import load
from wellread.storage.files import atomic_write, read_json, write_json

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wellread.knowledge.embedders.embedder import Matrix

FACTS = "graph.json"
_TYPE = "f16"
_LINKS, _EFFORT = 16, 128
_DEPTH, _SAMPLE, _RECALL = 10, 200, 0.95
_BREADTHS = (64, 128, 256, 512)
_BATCH = 10_000
_PIECE = 1 << 20


class Graph:
    """The graph in one folder; it is read from its file at the first search."""

    def __init__(self, folder: Path, dimension: int) -> None:
        """Nothing is opened yet."""
        self._folder = folder
        self._dimension = dimension
        self._facts: dict[str, Any] | None = None
        self._index: Any = None

    def covered(self, generation: int) -> int:
        """How many vectors of that generation it finds; 0 where there is no usable graph."""
        facts = self.facts()
        return int(facts["covered"]) if facts.get("generation") == generation else 0

    def facts(self) -> Mapping[str, Any]:
        """What was measured when it was made; empty where there is none."""
        if self._facts is None:
            self._facts = self._read_facts()
        return self._facts

    def _read_facts(self) -> dict[str, Any]:
        try:
            value = read_json(self._folder / FACTS)
            path = self._folder / str(value["file"])
            whole = path.is_file() and path.stat().st_size == int(value["bytes"])
            known = {"generation", "covered", "recall", "sample", "breadth", "checksum"} <= {*value}
            return dict(value) if whole and known else {}
        except (InputError, KeyError, TypeError, ValueError):
            return {}

    def look(self) -> None:
        """See whether another process has made a new one."""
        if self._facts is not None and self._read_facts() != self._facts:
            self._facts, self._index = None, None

    def search(self, vector: Matrix, count: int) -> NDArray[np.int64] | None:
        """Places of about the `count` nearest, in no order; None where the file is damaged."""
        if self._index is None and not self._load():
            return None
        return self._nearest(vector, count, int(self.facts()["breadth"]))

    def _nearest(self, vector: Matrix, count: int, breadth: int) -> NDArray[np.int64]:
        self._index.expansion_search = max(breadth, count)
        matches = self._index.search(vector, count, threads=1)
        return np.asarray(matches.keys, dtype=np.int64)

    def _load(self) -> bool:
        facts = self.facts()
        if not facts:
            return False
        if not self.usable():
            self._facts = {}
            return False
        index = self._empty()
        index.load(str(self._folder / str(facts["file"])))
        self._index = index
        return True

    def usable(self) -> bool:
        """Whether its file is what was written; costs reading it once."""
        facts = self.facts()
        return bool(facts) and _checksum(self._folder / str(facts["file"])) == facts["checksum"]

    def _empty(self) -> Any:
        return _usearch().Index(
            ndim=self._dimension, metric="ip", dtype=_TYPE,
            connectivity=_LINKS, expansion_add=_EFFORT, enable_key_lookups=False,
        )  # fmt: skip

    # -- making

    def make(self, generation: int, matrix: Matrix, alive: NDArray[np.bool_]) -> None:
        """Cover all of `matrix`: extend what there is of the generation, or start from nothing."""
        covered = self.covered(generation)
        if not covered or (self._index is None and not self._load()):
            covered, self._index = 0, self._empty()
        for start in range(covered, len(matrix), _BATCH):
            places = np.arange(start, min(start + _BATCH, len(matrix)))
            self._index.add(places, np.asarray(matrix[places]), threads=1)
        self._write(generation, len(matrix), self._measured(matrix, alive))

    def _write(self, generation: int, covered: int, measured: Mapping[str, Any]) -> None:
        path = self._folder / f"{generation}-{covered}.graph"
        with atomic_write(path) as file:
            file.write(self._index.save())
        facts = {
            "generation": generation, "covered": covered, "file": path.name, "type": _TYPE,
            "bytes": path.stat().st_size, "checksum": _checksum(path), **measured,
        }  # fmt: skip
        write_json(self._folder / FACTS, facts)
        self._facts = facts
        self._sweep(path)

    def _measured(self, matrix: Matrix, alive: NDArray[np.bool_]) -> dict[str, Any]:
        """The share of the true nearest ten of stored vectors that is found, and how wide."""
        places = np.flatnonzero(alive)
        places = places[np.linspace(0, len(places) - 1, min(_SAMPLE, len(places)), dtype=np.int64)]
        wanted = [_nearest_exactly(matrix, matrix[place], _DEPTH) for place in places]
        recall, breadth = 0.0, _BREADTHS[0]
        for breadth in _BREADTHS:
            found = [set(self._nearest(matrix[p], _DEPTH, breadth).tolist()) for p in places]
            recall = float(
                np.mean([len(a & b) / len(b) for a, b in zip(found, wanted, strict=True)])
            )
            if recall >= _RECALL:
                break
        return {"recall": round(recall, 4), "sample": len(places), "breadth": breadth}

    def clear(self) -> None:
        """Delete it."""
        self._facts, self._index = {}, None
        (self._folder / FACTS).unlink(missing_ok=True)
        self._sweep(None)

    def _sweep(self, keep: Path | None) -> None:
        for path in self._folder.glob("*.graph"):
            if path != keep:
                path.unlink(missing_ok=True)


def _nearest_exactly(matrix: Matrix, vector: Matrix, count: int) -> set[int]:
    scores = matrix @ vector
    count = min(count, len(scores))
    return set(np.argpartition(-scores, count - 1)[:count].tolist())


def _checksum(path: Path) -> int:
    value = 0
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            value = zlib.crc32(piece, value)
    return value


def _usearch() -> Any:
    # Loaded after usearch, onnxruntime brings the process down (seen with usearch 2.26 and
    # onnxruntime 1.31); the other way round both work.
    with contextlib.suppress(ImportError):
        importlib.import_module("onnxruntime")
    return load("usearch.index", "dense", "Searching so many chunks by meaning")
