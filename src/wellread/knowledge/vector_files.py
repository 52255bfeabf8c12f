"""The files that hold vectors: appended to, mapped into memory, never changed in place.

    position.json   row, removal: how far the store has been read; generation, count, gone: how
                    much of the files below counts
    1.matrix        float32, `dimension` numbers a vector
    1.rows          row of the store and hash of the embedded text, 24 bytes a vector, by row
    1.gone          places of vectors whose chunks are gone, 8 bytes each

Appending: write behind what counts -> flush to the disk -> replace `position.json`. A crash
anywhere leaves a position that is true or too low, and what lies beyond it is cut off by the next
writer. A generation is written anew without what is gone once that is a fifth of it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from wellread.errors import InputError, KnowledgeBaseError
from wellread.knowledge.store import Position
from wellread.storage.files import read_json, storage_errors, write_json

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wellread.knowledge.embedders.embedder import Matrix

POSITION = "position.json"
ENTRY = np.dtype([("row", "<i8"), ("hash", "V16")])
_FLOAT = np.dtype("<f4")
_PLACE = np.dtype("<i8")
_GONE_SHARE = 5
_TRIES = 5
_NONE = -1


@dataclass(frozen=True, slots=True)
class Extent:
    """What counts of the files: `count` vectors of which `gone` belong to removed chunks."""

    position: Position = field(default_factory=Position)
    generation: int = 1
    count: int = 0
    gone: int = 0


@dataclass(frozen=True, slots=True)
class Held:
    """Vectors as they lie in the files; `rows` ascends, and `alive` tells what has not gone."""

    extent: Extent
    matrix: Matrix
    rows: NDArray[np.int64]
    alive: NDArray[np.bool_]
    hashes: NDArray[np.void] = field(repr=False)


class VectorFiles:
    """Vectors of one embedder in one folder; who writes holds the folder's lock."""

    def __init__(self, folder: Path, dimension: int) -> None:
        """Read how far the files reach; they are mapped when they are first needed."""
        self.folder = folder
        self.dimension = dimension
        self.extent = self._read_extent()
        self._held: Held | None = None

    def look(self) -> None:
        """See what another process has written."""
        self.extent = self._read_extent()

    def _read_extent(self) -> Extent:
        """What `position.json` says; nothing where what it speaks of is not there."""
        said = self._said()
        for _ in range(_TRIES):
            if self._whole(said):
                return said
            # Another process may have written a new generation and deleted the one spoken of.
            before, said = said, self._said()
            if said == before:
                break
        return Extent(generation=said.generation + 1)

    def _said(self) -> Extent:
        try:
            value = read_json(self.folder / POSITION)
            position = Position(int(value["row"]), int(value["removal"]))
            count = int(value["count"]) if value["dimension"] == self.dimension else _NONE
            return Extent(position, int(value["generation"]), count, int(value["gone"]))
        except (InputError, KeyError, TypeError, ValueError):
            return Extent()

    def _whole(self, extent: Extent) -> bool:
        return extent.count != _NONE and all(
            self._size(kind, extent.generation) >= size
            for kind, size in self._sizes(extent).items()
        )

    def _sizes(self, extent: Extent) -> dict[str, int]:
        """Bytes that count of each file."""
        return {
            "matrix": extent.count * self.dimension * _FLOAT.itemsize,
            "rows": extent.count * ENTRY.itemsize,
            "gone": extent.gone * _PLACE.itemsize,
        }

    def _path(self, kind: str, generation: int) -> Path:
        return self.folder / f"{generation}.{kind}"

    def _size(self, kind: str, generation: int) -> int:
        path = self._path(kind, generation)
        return path.stat().st_size if path.is_file() else 0

    # -- reading

    def held(self) -> Held:
        """What counts, mapped; the same object until something is written."""
        if self._held is None or self._held.extent != self.extent:
            self._held = self._map()
        return self._held

    def _map(self) -> Held:
        # Between reading the position and opening the files another process may have compacted.
        for _ in range(_TRIES):
            try:
                return self._map_once(self.extent)
            except FileNotFoundError:
                self.look()
        raise KnowledgeBaseError(f"{self.folder}: its files keep changing", hint="try again")

    def _map_once(self, extent: Extent) -> Held:
        entries = self._array("rows", extent.generation, ENTRY, extent.count)
        gone = self._array("gone", extent.generation, _PLACE, extent.gone)
        numbers = self._array("matrix", extent.generation, _FLOAT, extent.count * self.dimension)
        alive = np.ones(extent.count, dtype=np.bool_)
        alive[gone] = False
        matrix = numbers.reshape(extent.count, self.dimension)
        rows = np.ascontiguousarray(entries["row"])
        return Held(extent, matrix, rows, alive, entries["hash"])

    def _array(self, kind: str, generation: int, dtype: Any, count: int) -> NDArray[Any]:
        if not count:
            return np.empty(0, dtype)
        path = self._path(kind, generation)
        return np.asarray(np.memmap(path, dtype=dtype, mode="r", shape=(count,)))

    # -- writing

    def cut(self) -> None:
        """Cut off what lies beyond the position, and delete files of other generations."""
        with storage_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            for kind, size in self._sizes(self.extent).items():
                path = self._path(kind, self.extent.generation)
                with path.open("ab") as file:
                    file.truncate(size)
                for other in self.folder.glob(f"*.{kind}"):
                    if other != path:
                        other.unlink(missing_ok=True)

    def append(self, rows: Sequence[int], hashes: Sequence[bytes], vectors: Matrix) -> None:
        """Keep vectors of rows above all others."""
        entries = np.empty(len(rows), ENTRY)
        entries["row"] = rows
        entries["hash"] = np.array(hashes, dtype="V16")
        extent = self.extent
        self._write("matrix", np.ascontiguousarray(vectors, dtype=_FLOAT).tobytes())
        self._write("rows", entries.tobytes())
        self._settle_at(
            Extent(
                Position(int(rows[-1]), extent.position.removal),
                extent.generation,
                extent.count + len(rows),
                extent.gone,
            )
        )

    def forget(self, rows: Sequence[int], removal: int) -> None:
        """Take note of removed rows, of those that are here, up to the removal numbered so."""
        held, extent = self.held(), self.extent
        places = places_of(held.rows, np.array(sorted(rows), dtype=np.int64))
        places = places[held.alive[places]]
        if len(places):
            self._write("gone", places.astype(_PLACE).tobytes())
        position = Position(extent.position.row, removal)
        gone = extent.gone + len(places)
        self._settle_at(Extent(position, extent.generation, extent.count, gone))

    def reach(self, position: Position) -> None:
        """Say that the store has been read up to `position`, where there was nothing to keep."""
        extent = self.extent
        self._settle_at(Extent(position, extent.generation, extent.count, extent.gone))

    def compact(self) -> None:
        """Write a new generation without what is gone where that is more than a fifth."""
        held, extent = self.held(), self.extent
        if extent.gone * _GONE_SHARE <= extent.count:
            return
        old, generation = extent.generation, extent.generation + 1
        for kind in self._sizes(extent):
            self._path(kind, generation).unlink(missing_ok=True)
        with storage_errors(self.folder):
            entries = self._array("rows", old, ENTRY, extent.count)
            self._copy("rows", generation, entries, held.alive)
            self._copy("matrix", generation, held.matrix, held.alive)
        count = int(held.alive.sum())
        self._settle_at(Extent(extent.position, generation, count, 0))
        self.cut()

    def _copy(
        self, kind: str, generation: int, source: NDArray[Any], alive: NDArray[np.bool_]
    ) -> None:
        with self._path(kind, generation).open("wb") as file:
            for start in range(0, len(source), 10_000):
                part = slice(start, start + 10_000)
                file.write(source[part][alive[part]].tobytes())
            file.flush()
            os.fsync(file.fileno())

    def _write(self, kind: str, content: bytes) -> None:
        """Put bytes behind those that count, and onto the disk."""
        path = self._path(kind, self.extent.generation)
        start = self._sizes(self.extent)[kind]
        with storage_errors(path), path.open("ab") as file:
            file.truncate(start)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())

    def _settle_at(self, extent: Extent) -> None:
        write_json(
            self.folder / POSITION,
            {
                "row": extent.position.row,
                "removal": extent.position.removal,
                "generation": extent.generation,
                "count": extent.count,
                "gone": extent.gone,
                "dimension": self.dimension,
            },
        )
        self.extent = extent


def places_of(rows: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where those of the `wanted` rows that are among `rows` lie; both ascend."""
    places = np.searchsorted(rows, wanted)
    inside = places < len(rows)
    places, wanted = places[inside], wanted[inside]
    found: NDArray[np.int64] = places[rows[places] == wanted]
    return found
