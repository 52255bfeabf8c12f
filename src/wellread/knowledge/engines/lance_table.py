"""One table of LanceDB: its errors in our words, its versions, one commit for many changes.

Lance commits a table at a time, and one `merge_insert` is one commit. A change of ours is therefore
one `merge_insert` of rows by their key: new rows come in, known ones are replaced, and a row that
goes is replaced by a short mark. A crash leaves the version before or the version after.

Every commit makes a version and a few files; `tidy` joins small files, brings the indexes up to
date and deletes versions that nobody can be reading any more.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import lancedb
import pyarrow as pa
from lancedb.table import Table

from wellread.errors import KnowledgeBaseError, StorageError, WellreadError
from wellread.storage.ownership import sole_owner

Row = dict[str, Any]
LOCK = "lance"
_LOCK_TRIES, _LOCK_PAUSE_S = 1200, 0.05
_ALL = 2**31 - 1
_KEPT = timedelta(hours=1)
_MISSING = ("was not found", "not found", "does not exist", "No such file")


@contextlib.contextmanager
def lance_errors(place: str) -> Iterator[None]:
    """Turn what LanceDB raises into our errors."""
    try:
        yield
    except WellreadError:
        raise
    except (RuntimeError, ValueError, OSError, pa.ArrowException) as error:
        said = str(error).strip().splitlines()[0][:300] if str(error).strip() else repr(error)
        if any(word in said for word in _MISSING):
            raise KnowledgeBaseError(
                f"{place}: {said}",
                hint="check location; if it is gone, build the knowledge base anew with --replace",
            ) from error
        raise StorageError(
            f"{place}: {said}",
            hint="check the disk or the access to the object store; what was added before is safe",
        ) from error


@contextlib.contextmanager
def only_writer(path: Path) -> Iterator[None]:
    """Wait for the lock file beside `path`; StorageError where another holds it for a minute.

    Lance itself would let two writers race, and refuse the slower one.
    """
    with contextlib.ExitStack() as stack:
        for attempt in range(_LOCK_TRIES):
            try:
                stack.enter_context(sole_owner(path))
                break
            except StorageError as error:
                if "in use" not in error.message or attempt + 1 == _LOCK_TRIES:
                    raise
            time.sleep(_LOCK_PAUSE_S)
        yield


class LanceTable:
    """A table whose rows are told apart by the whole number `key`."""

    def __init__(self, db: lancedb.DBConnection, name: str, table: Table) -> None:
        """For `create_table` and `open_table`."""
        self._db = db
        self.name = name
        self._table = table

    @property
    def place(self) -> str:
        """Where it is, for messages."""
        return f"{self._db.uri}/{self.name}"

    def errors(self) -> contextlib.AbstractContextManager[None]:
        """Turn LanceDB's errors below into ours."""
        return lance_errors(self.place)

    @property
    def raw(self) -> Table:
        """LanceDB's table."""
        return self._table

    def latest(self) -> int:
        """See what others have committed; the number of the newest version."""
        with self.errors():
            self._table.checkout_latest()
            return int(self._table.version)

    def pinned(self) -> LanceTable:
        """The table as it is now, whatever is committed later."""
        with self.errors():
            table = self._db.open_table(self.name)
            table.checkout(self._table.version)
        return LanceTable(self._db, self.name, table)

    def rows(self, where: str, columns: Sequence[str], limit: int = _ALL) -> list[Row]:
        """The rows for which `where` holds, in no order."""
        found: list[Row] = self.columns(where, columns, limit).to_pylist()
        return found

    def columns(self, where: str, columns: Sequence[str], limit: int = _ALL) -> pa.Table:
        """The same as an Arrow table."""
        with self.errors():
            query = self._table.search().where(where).limit(limit)
            return query.select(list(columns)).to_arrow()

    def count(self, where: str) -> int:
        """How many rows there are for which `where` holds."""
        with self.errors():
            return int(self._table.count_rows(where))

    def replace(self, rows: Sequence[Mapping[str, Any]] | pa.Table) -> None:
        """One commit: each row comes in, in place of the one with its key."""
        with self.errors():
            if not isinstance(rows, pa.Table):
                rows = pa.Table.from_pylist(list(rows), schema=self._table.schema)
            merge = self._table.merge_insert("key").when_matched_update_all()
            merge.when_not_matched_insert_all().execute(rows)

    def unindexed(self, index: str) -> int | None:
        """How many rows the index has yet to read; None where there is no such index."""
        with self.errors():
            found = self._table.index_stats(index)
        return None if found is None else int(found.num_unindexed_rows)

    def tidy(self) -> dict[str, Any]:
        """Join files, bring indexes up to date, delete old versions; facts of the table."""
        with self.errors():
            self._table.optimize(cleanup_older_than=_KEPT)
            facts: Any = self._table.stats()
            return {
                "version": int(self._table.version),
                "fragments": int(facts["fragment_stats"]["num_fragments"]),
                "bytes": int(facts["total_bytes"]),
            }


def create_table(db: lancedb.DBConnection, name: str, schema: pa.Schema) -> LanceTable:
    """Make an empty table."""
    with lance_errors(f"{db.uri}/{name}"):
        return LanceTable(db, name, db.create_table(name, schema=schema))


def open_table(db: lancedb.DBConnection, name: str) -> LanceTable:
    """Open a table; KnowledgeBaseError where there is none."""
    with lance_errors(f"{db.uri}/{name}"):
        return LanceTable(db, name, db.open_table(name))
