"""Which rows a metadata filter lets through, for searching by vectors.

    facts   number, fact            everything a filter can ask of some chunk (see `filters`)
    held    fact, row               which chunks it holds of
    reach   row                     how far the store has been read

A file beside the vectors, read on from the store by whoever reads the vectors on. Rows of removed
chunks stay until it is made anew: the vectors know what has gone.
"""

from __future__ import annotations

import contextlib
import itertools
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from wellread.errors import StorageError
from wellread.knowledge.filters import Facts, facts_of
from wellread.knowledge.store import Store, closing_rows
from wellread.storage.files import storage_errors

if TYPE_CHECKING:
    from numpy.typing import NDArray

FILE = "facts.sqlite"
_BATCH = 2000
_MOST_ASKED = 500
_SCHEMA = """
CREATE TABLE facts (number INTEGER PRIMARY KEY, fact TEXT NOT NULL UNIQUE);
CREATE TABLE held (fact INTEGER NOT NULL, row INTEGER NOT NULL, PRIMARY KEY (fact, row))
  WITHOUT ROWID;
CREATE TABLE reach (row INTEGER NOT NULL);
INSERT INTO reach VALUES (0);
"""


class FactFile:
    """The facts of the rows whose vectors lie in `folder`."""

    def __init__(self, folder: Path) -> None:
        """Nothing is opened until it is needed."""
        self._path = folder / FILE

    def start_anew(self) -> None:
        """Forget everything; `read_on` then reads from the first row."""
        with storage_errors(self._path):
            self._path.unlink(missing_ok=True)

    def read_on(self, store: Store) -> None:
        """Read what the store holds beyond the last row read; a damaged file is made anew."""
        try:
            self._read_on(store)
        except sqlite3.DatabaseError:
            self.start_anew()
            try:
                self._read_on(store)
            except sqlite3.Error as error:
                raise StorageError(f"{self._path}: {error}") from error

    def _read_on(self, store: Store) -> None:
        with self._opened() as db:
            if not db.execute("SELECT 1 FROM sqlite_master").fetchone():
                db.executescript(f"BEGIN; {_SCHEMA} COMMIT;")
            while self._read_batch(store, db):
                pass

    def _read_batch(self, store: Store, db: sqlite3.Connection) -> bool:
        (reached,) = db.execute("SELECT row FROM reach").fetchone()
        with closing_rows(store.rows_after(reached)) as rows:
            batch = list(itertools.islice(rows, _BATCH))
        if not batch:
            return False
        pairs = [(fact, row.row) for row in batch for fact in facts_of(row)]
        db.execute("BEGIN")
        db.executemany(
            "INSERT OR IGNORE INTO facts (fact) VALUES (?)", {(fact,) for fact, _ in pairs}
        )
        db.executemany(
            "INSERT OR IGNORE INTO held SELECT number, ?2 FROM facts WHERE fact = ?1", pairs
        )
        db.execute("UPDATE reach SET row = ?", (batch[-1].row,))
        db.execute("COMMIT")
        return True

    def rows_with(self, facts: Facts) -> NDArray[np.int64]:
        """The rows of which one alternative of every fact holds, ascending."""
        if not self._path.is_file():
            return np.empty(0, np.int64)
        try:
            with self._opened() as db:
                found = [self._any_of(db, alternatives) for alternatives in facts]
        except sqlite3.Error as error:
            raise StorageError(
                f"{self._path}: {error}", hint="a change to the knowledge base makes it anew"
            ) from error
        rows = found[0]
        for more in found[1:]:
            rows = np.intersect1d(rows, more, assume_unique=True)
        return rows

    def _any_of(self, db: sqlite3.Connection, alternatives: tuple[str, ...]) -> NDArray[np.int64]:
        rows: set[int] = set()
        for start in range(0, len(alternatives), _MOST_ASKED):
            part = alternatives[start : start + _MOST_ASKED]
            marks = ",".join("?" * len(part))
            numbers = f"SELECT number FROM facts WHERE fact IN ({marks})"
            sql = f"SELECT row FROM held WHERE fact IN ({numbers})"
            rows.update(row for (row,) in db.execute(sql, part))
        return np.array(sorted(rows), dtype=np.int64)

    @contextlib.contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        with contextlib.closing(sqlite3.connect(self._path, isolation_level=None)) as db:
            yield db
