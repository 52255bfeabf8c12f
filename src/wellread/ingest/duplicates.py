"""Near-duplicate chunks, found as they stream by, in memory that does not grow.

`DuplicateIndex.add` says which earlier chunk a chunk nearly repeats. Two chunks are near-duplicates
where the Jaccard similarity of their shingles (three words, or four characters of a script
without spaces) reaches the threshold. Steps: shingles -> 128 MinHashes -> keys of bands -> earlier
chunks that share a band, from a SQLite file -> the true Jaccard similarity of the best of them.

The file holds keys and packed shingle hashes, so that memory stays flat whatever the number of
chunks. No randomness: the same chunks in the same order give the same answers anywhere.
"""

from __future__ import annotations

import hashlib
import re
import sqlite3
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from wellread.errors import StorageError
from wellread.records import Chunk

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_PERMUTATIONS = 128
_SHINGLE_WORDS = 3
_SHINGLE_CHARACTERS = 4
_WORD = re.compile(r"\w+")
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\u0e00-\u0e7f]")
_MAX_CANDIDATES = 64
_COMMIT_EVERY = 512
_CACHE_KB = 4_096


@dataclass(frozen=True, slots=True)
class Duplicate:
    """`chunk_id` repeats the earlier `original_id`; 1.0 says that all their shingles agree."""

    chunk_id: str
    original_id: str
    similarity: float


class DuplicateIndex:
    """Finds near-duplicates among the chunks added so far; use it as a context manager.

    `path` is a new file for the keys; without it a temporary one is used and deleted.
    """

    def __init__(self, path: Path | None = None, threshold: float = 0.8) -> None:
        self._threshold = threshold
        self._rows = _rows_for(threshold)
        self._folder = tempfile.TemporaryDirectory() if path is None else None
        file = path or Path(self._folder.name if self._folder else "") / "duplicates.sqlite"
        self._file = file
        self._connection = _open(file)
        self._count = 0

    def __enter__(self) -> DuplicateIndex:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file, and delete it if it is a temporary one."""
        self._connection.close()
        if self._folder:
            self._folder.cleanup()

    def add(self, chunk: Chunk) -> Duplicate | None:
        """The most similar earlier chunk at or above the threshold, if any; then keep `chunk`.

        A near-duplicate is not kept itself: a third copy is told to repeat the first one.
        """
        hashes = shingle_hashes(chunk.text)
        if not len(hashes):
            return None
        keys = _band_keys(_minhash(hashes), self._rows)
        try:
            found = self._most_similar(hashes, keys)
            if found:
                return Duplicate(chunk.id, *found)
            self._keep(chunk.id, hashes, keys)
        except sqlite3.OperationalError as error:
            raise StorageError(f"{self._file}: {error}", hint="is the disk full?") from error
        return None

    def _most_similar(
        self, hashes: NDArray[np.uint64], keys: list[int]
    ) -> tuple[str, float] | None:
        """Candidates by how many bands they share, the earliest first among equals, verified."""
        import numpy as np

        marks = ",".join("?" * len(keys))
        candidates = self._connection.execute(
            f"SELECT number, COUNT(*) AS bands FROM band WHERE key IN ({marks}) "
            "GROUP BY number ORDER BY bands DESC, number LIMIT ?",
            [*keys, _MAX_CANDIDATES],
        ).fetchall()
        best: tuple[str, float] | None = None
        for number, _ in candidates:
            chunk_id, packed = self._connection.execute(
                "SELECT chunk_id, shingles FROM chunk WHERE number = ?", (number,)
            ).fetchone()
            similarity = jaccard(hashes, np.frombuffer(zlib.decompress(packed), dtype=np.uint64))
            if similarity >= self._threshold and (best is None or similarity > best[1]):
                best = (chunk_id, similarity)
        return best

    def _keep(self, chunk_id: str, hashes: NDArray[np.uint64], keys: list[int]) -> None:
        self._count += 1
        self._connection.execute(
            "INSERT INTO chunk VALUES (?, ?, ?)",
            (self._count, chunk_id, zlib.compress(hashes.tobytes(), 1)),
        )
        self._connection.executemany(
            "INSERT OR IGNORE INTO band VALUES (?, ?)", [(key, self._count) for key in keys]
        )
        if self._count % _COMMIT_EVERY == 0:
            self._connection.commit()


def find_near_duplicates(chunks: Iterable[Chunk], threshold: float = 0.8) -> Iterator[Duplicate]:
    """Every chunk that nearly repeats an earlier one, in the order of the chunks."""
    with DuplicateIndex(threshold=threshold) as index:
        for chunk in chunks:
            duplicate = index.add(chunk)
            if duplicate:
                yield duplicate


def shingle_hashes(text: str) -> NDArray[np.uint64]:
    """The set of shingles of `text` as sorted 64-bit hashes; case and punctuation do not count."""
    import numpy as np

    parts = shingles(text)
    digests = (
        hashlib.blake2b(part.encode("utf-8", "replace"), digest_size=8).digest() for part in parts
    )
    return np.unique(np.frombuffer(b"".join(digests), dtype=np.uint64))


def shingles(text: str) -> set[str]:
    """Runs of three words; of four characters where the script writes no spaces.

    >>> sorted(shingles("The pump runs on oil."))
    ['pump runs on', 'runs on oil', 'the pump runs']
    """
    words = _WORD.findall(text.lower())
    joined = "".join(words)
    if len(_UNSPACED.findall(joined)) * 3 > len(joined):
        return _runs(joined, _SHINGLE_CHARACTERS, "")
    return _runs(words, _SHINGLE_WORDS, " ")


def _runs(parts: Any, length: int, glue: str) -> set[str]:
    """All runs of `length`; a text shorter than one is its own run."""
    last = max(len(parts) - length, 0)
    return {glue.join(parts[i : i + length]) for i in range(last + 1)} - {""}


def jaccard(one: NDArray[np.uint64], other: NDArray[np.uint64]) -> float:
    """Jaccard similarity of two sorted sets of hashes."""
    import numpy as np

    shared = len(np.intersect1d(one, other, assume_unique=True))
    return shared / max(len(one) + len(other) - shared, 1)


@lru_cache(maxsize=1)
def _permutations() -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Odd multipliers and offsets of the hash functions, from a fixed seed.

    The multipliers are 64 bits wide: with 32-bit ones all permutations order alike.
    """
    import numpy as np

    draw = np.random.Generator(np.random.PCG64(20_240_229))
    high = np.iinfo(np.uint64).max
    multipliers = draw.integers(0, high, _PERMUTATIONS, dtype=np.uint64, endpoint=True)
    offsets = draw.integers(0, high, _PERMUTATIONS, dtype=np.uint64, endpoint=True)
    return multipliers | np.uint64(1), offsets


def _minhash(hashes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The smallest hash under each permutation; the high half only, the low bits mix badly."""
    multipliers, offsets = _permutations()
    mixed = hashes[:, None] * multipliers[None, :] + offsets[None, :]
    lowest: NDArray[np.uint64] = (mixed >> 32).min(axis=0)
    return lowest


def _rows_for(threshold: float) -> int:
    """Rows of a band, so that a pair at the threshold shares one with a chance above 99%."""
    for rows in (16, 8, 4, 2):
        bands = _PERMUTATIONS // rows
        if 1 - (1 - threshold**rows) ** bands > 0.999:
            return rows
    return 1


def _band_keys(signature: NDArray[np.uint64], rows: int) -> list[int]:
    """One 63-bit key for each band, its place included."""
    keys = []
    for band, part in enumerate(signature.reshape(-1, rows)):
        data = band.to_bytes(2, "little") + part.tobytes()
        digest = hashlib.blake2b(data, digest_size=8).digest()
        keys.append(int.from_bytes(digest, "little") >> 1)
    return keys


def _open(file: Path) -> sqlite3.Connection:
    """A scratch database: losing it costs a second run, so nothing waits for the disk."""
    connection = sqlite3.connect(file)
    connection.executescript(
        f"""
        PRAGMA journal_mode = OFF;
        PRAGMA synchronous = OFF;
        PRAGMA cache_size = -{_CACHE_KB};
        CREATE TABLE IF NOT EXISTS chunk (
            number INTEGER PRIMARY KEY, chunk_id TEXT NOT NULL, shingles BLOB NOT NULL);
        CREATE TABLE IF NOT EXISTS band (
            key INTEGER NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (key, number))
            WITHOUT ROWID;
        """
    )
    return connection
