"""The journal: every reply that was paid for, in one SQLite file that outlives any crash.

    calls(number, key, request, reply)     one row a call; key = hash of all that shapes the reply

1. `get` looks a key up on the caller's thread: a few microseconds.
2. `put` lays a row aside; rows that arrive within a few milliseconds, or while the disk is busy,
   go to the writer thread together and are committed by one statement (WAL, synchronous=FULL).
3. `put` returns after that commit, so what the caller goes on with is on the disk.

A lock file beside the journal keeps a second process out; the operating system drops the lock
when its owner dies. Look into a journal with ``sqlite3 journal.sqlite 'SELECT * FROM calls'``.
It holds prompts and replies, never a key of an endpoint.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from wellread.errors import StorageError
from wellread.storage.ownership import sole_owner

_VERSION = 1
_APPLICATION = 0x77656C6C  # "well": the file's owner, in the header that `file` prints
_MAX_ROWS = 256
# A commit costs a third of a millisecond of CPU time however many rows it holds, so a few
# milliseconds' rows share one.
_WAIT_S = 0.002
_ENOUGH_ROWS = 64

_TABLE = """
CREATE TABLE IF NOT EXISTS calls (
    number  INTEGER PRIMARY KEY,
    key     TEXT NOT NULL UNIQUE,
    request TEXT NOT NULL,
    reply   TEXT NOT NULL
)
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """A committed call: `number` counts from 1 in the order of arrival."""

    number: int
    reply: bytes


class _Row(NamedTuple):
    number: int
    key: str
    request: bytes
    reply: bytes


class Journal:
    """Committed replies by key; a context manager that owns its file while it is open.

    All `put`s that wait at one time must come from one event loop. Raises StorageError where the
    file is damaged, foreign, held by another process, read-only, or the disk is full.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stack = contextlib.ExitStack()
        self._mutex = threading.Lock()
        self._waiting: list[tuple[_Row, asyncio.Future[Entry]]] = []
        self._busy = False
        self._loop: asyncio.AbstractEventLoop | None = None
        with self._stack:
            self._stack.enter_context(sole_owner(path))
            with _journal_errors(path):
                self._reader = self._connect()
                self._writer = self._connect()
                _prepare(self._writer, path)
                self._last = int(
                    self._reader.execute("SELECT coalesce(max(number), 0) FROM calls").fetchone()[0]
                )
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal")
            self._stack.callback(self._thread.shutdown)
            self._stack = self._stack.pop_all()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, isolation_level=None, check_same_thread=False, timeout=30.0
        )
        self._stack.callback(connection.close)
        connection.text_factory = bytes
        return connection

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __len__(self) -> int:
        return int(self._read("SELECT count(*) FROM calls")[0])

    def get(self, key: str) -> Entry | None:
        """The committed reply to `key`."""
        row = self._read("SELECT number, reply FROM calls WHERE key = ?", key)
        return Entry(row[0], row[1]) if row else None

    def request(self, key: str) -> bytes | None:
        """The request that `key` was made from."""
        row = self._read("SELECT request FROM calls WHERE key = ?", key)
        return bytes(row[0]) if row else None

    def _read(self, query: str, *values: str) -> Any:
        try:
            with self._mutex:
                return self._reader.execute(query, values).fetchone()
        except sqlite3.Error as error:
            raise _refused(error, self.path) from error

    async def put(self, key: str, request: bytes, reply: bytes) -> Entry:
        """Keep one reply; returns when it is committed.

        `request` and `reply` are UTF-8. A key that is already there gets the new reply. A caller
        that is cancelled while it waits still gets its row written.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Entry] = loop.create_future()
        self._last += 1
        self._waiting.append((_Row(self._last, key, request, reply), done))
        if not self._busy or loop is not self._loop:
            self._busy, self._loop = True, loop
            loop.call_later(_WAIT_S, self._flush, loop)
        return await done

    def _flush(self, loop: asyncio.AbstractEventLoop) -> None:
        """Hand what waits to the writer thread; `_finish` has us called until nothing waits."""
        batch = self._waiting[:_MAX_ROWS]
        del self._waiting[:_MAX_ROWS]
        self._busy = bool(batch)
        if batch:
            commit = loop.run_in_executor(self._thread, self._commit, [row for row, _ in batch])
            commit.add_done_callback(lambda done: self._finish(loop, batch, done.exception()))

    def _finish(
        self,
        loop: asyncio.AbstractEventLoop,
        batch: list[tuple[_Row, asyncio.Future[Entry]]],
        error: BaseException | None,
    ) -> None:
        for row, done in batch:
            if done.done():  # its caller was cancelled; the row is committed all the same
                continue
            if error is None:
                done.set_result(Entry(row.number, row.reply))
            else:
                done.set_exception(error)
        if len(self._waiting) < _ENOUGH_ROWS:
            loop.call_later(_WAIT_S, self._flush, loop)
        else:
            self._flush(loop)

    def _commit(self, rows: list[_Row]) -> None:
        """One statement, one commit, one release of the interpreter lock.

        Row by row would give the lock up at each row and wait for a busy event loop every time.
        """
        places = ",".join(["(?,?,CAST(? AS TEXT),CAST(? AS TEXT))"] * len(rows))
        with _journal_errors(self.path):
            self._writer.execute(
                f"INSERT OR REPLACE INTO calls VALUES {places}",
                [value for row in rows for value in row],
            )

    def close(self) -> None:
        """Write what still waits and let the file go; calling it again does nothing."""
        with self._stack:
            self._thread.shutdown()
            rows = [row for row, _ in self._waiting]
            self._waiting.clear()
            for start in range(0, len(rows), _MAX_ROWS):
                self._commit(rows[start : start + _MAX_ROWS])


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Create the table in a new file; refuse a file that is not a journal of ours."""
    owner = connection.execute("PRAGMA application_id").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if tables and owner != _APPLICATION:
        raise StorageError(
            f"{path}: an SQLite file of something else, not a journal",
            hint="choose another output folder, or move this file away",
        )
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > _VERSION:
        raise StorageError(
            f"{path}: written by a newer wellread (journal version {version}, this one reads "
            f"{_VERSION})",
            hint="upgrade with: pip install --upgrade wellread",
        )
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    if not tables:
        connection.execute(f"PRAGMA application_id={_APPLICATION}")
        connection.execute(f"PRAGMA user_version={_VERSION}")
        connection.execute(_TABLE)


@contextlib.contextmanager
def _journal_errors(path: Path) -> Iterator[None]:
    """Turn SQLite's refusals into a StorageError that says what to do."""
    try:
        yield
    except sqlite3.Error as error:
        raise _refused(error, path) from error


def _refused(error: sqlite3.Error, path: Path) -> StorageError:
    return StorageError(f"{path}: {error}", hint=_hint(error, path))


def _hint(error: sqlite3.Error, path: Path) -> str:
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith(("SQLITE_FULL", "SQLITE_IOERR")):
        return "make room on that disk, then run the same command again; nothing is paid twice"
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
        return "choose a folder that you may write to (path.output_dir)"
    if name.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
        return (
            f"rescue what is left with: sqlite3 {path} .recover | sqlite3 rescued.sqlite, "
            "or move the file away to start afresh"
        )
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return "another program holds this file open for writing; close it, then run again"
    return ""
