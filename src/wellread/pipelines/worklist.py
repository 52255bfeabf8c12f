"""The chunks to write about, in a random order that adding others does not disturb.

A temporary SQLite table, so that a hundred thousand chunks take no memory. Each chunk has two
hashes of (seed, its id): `place` gives the order of work, `lot` decides which kind of example it
becomes. Shares are exact: the chunks with the lowest lots are failures, the next partial, and so
on; a new chunk moves at most one other across each border.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from wellread.errors import StorageError
from wellread.storage.files import storage_errors

_PAGE = 512


class Worklist:
    """Chunk ids with the role each will play; a context manager that removes its file."""

    def __init__(self, path: Path, seed: int) -> None:
        self._path = path
        self._seed = seed
        with storage_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
        self._table = sqlite3.connect(path, isolation_level=None)
        # The file is thrown away at the end: nothing is gained by syncing it.
        self._execute("PRAGMA synchronous=OFF")
        self._execute("PRAGMA journal_mode=OFF")
        self._execute(
            "CREATE TABLE work (place INTEGER PRIMARY KEY, lot INTEGER, chunk TEXT, role TEXT)"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._table.close()
        self._path.unlink(missing_ok=True)

    def __len__(self) -> int:
        return int(self._execute("SELECT count(*) FROM work").fetchone()[0])

    def add(self, chunk_id: str) -> None:
        """Put one chunk on the list."""
        self._execute(
            "INSERT INTO work VALUES (?, ?, ?, '')",
            (self._hash("place", chunk_id), self._hash("lot", chunk_id), chunk_id),
        )

    def drop(self, chunk_id: str) -> None:
        """Take one chunk off the list."""
        place = self._hash("place", chunk_id)
        self._execute("DELETE FROM work WHERE place = ?", (place,))

    def drop_after(self, count: int) -> Iterator[str]:
        """Take all but the first `count` off the list, yielding their ids."""
        rows = self._execute(
            "SELECT place FROM work ORDER BY place LIMIT 1 OFFSET ?", (count,)
        ).fetchone()
        if rows is None:
            return
        for _, chunk_id, _ in self._pages(rows[0] - 1):
            yield chunk_id
        self._execute("DELETE FROM work WHERE place >= ?", rows)

    def assign(self, shares: Mapping[str, float], rest: str) -> None:
        """Give each chunk a role: exact `shares` of the list by lot, and `rest` to the others."""
        total = len(self)
        self._execute("UPDATE work SET role = ?", (rest,))
        self._execute("CREATE INDEX IF NOT EXISTS by_lot ON work (lot, place)")
        taken, share_so_far = 0, 0.0
        for role, share in shares.items():
            # Rounding the running sum keeps every border, and so the total, within one chunk.
            share_so_far += share
            border = round(share_so_far * total)
            self._execute(
                "UPDATE work SET role = ? WHERE place IN "
                "(SELECT place FROM work ORDER BY lot, place LIMIT ? OFFSET ?)",
                (role, border - taken, taken),
            )
            taken = border

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """``(chunk id, role)`` in the order of work; the list may shrink meanwhile."""
        for _, chunk_id, role in self._pages(-(2**63)):
            yield chunk_id, role

    def draw(self, random: np.random.Generator) -> str | None:
        """The id of one chunk at random, or None from an empty list."""
        if not (count := len(self)):
            return None
        row = self._execute(
            "SELECT chunk FROM work ORDER BY place LIMIT 1 OFFSET ?",
            (int(random.integers(count)),),
        ).fetchone()
        return str(row[0])

    def _execute(self, query: str, values: Sequence[str | int] = ()) -> sqlite3.Cursor:
        try:
            return self._table.execute(query, values)
        except sqlite3.OperationalError as error:
            raise StorageError(f"{self._path}: {error}", hint="is the disk full?") from error

    def _pages(self, after: int) -> Iterator[tuple[int, str, str]]:
        while rows := self._execute(
            "SELECT place, chunk, role FROM work WHERE place > ? ORDER BY place LIMIT ?",
            (after, _PAGE),
        ).fetchall():
            yield from rows
            after = rows[-1][0]

    def _hash(self, purpose: str, chunk_id: str) -> int:
        text = f"{self._seed}\x1f{purpose}\x1f{chunk_id}".encode()
        return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big", signed=True)
