"""One connection to the tables of one knowledge base, used by its store and its indexes.

Outside a transaction every statement stands alone, a broken connection is opened anew, and a
statement that only reads is then asked a second time. Inside one, a broken connection ends it.
Streams that must see one state of the tables while others change them have a connection of their
own.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import psycopg

from wellread.knowledge.engines import postgres_errors
from wellread.knowledge.engines.postgres_address import Address

Row = tuple[Any, ...]
_BATCH = 500
_KEY = "hashtextextended(%s, 0)"
# Compiling a statement costs more than running one of ours.
_OPTIONS = "SET jit = off; SET lock_timeout = '60s'; SET client_min_messages = warning"


class Connection:
    """Runs statements in the schema of a knowledge base; see the module."""

    def __init__(self, address: Address, schema: str) -> None:
        """Connect; KnowledgeBaseError or StorageError where that fails."""
        self.address = address
        self.schema = schema
        self._in_transaction = False
        self._spare: psycopg.Connection[Row] | None = None
        self._names = itertools.count()
        self._db = self._connect()

    def _connect(self) -> psycopg.Connection[Row]:
        try:
            db = psycopg.connect(**self.address.parameters, autocommit=True)
        except psycopg.Error as error:
            raise postgres_errors.connecting(error, self.address) from error
        with self.errors(db):
            db.execute(_OPTIONS)
            # The types of pgvector lie in whichever schema it was installed into.
            found = db.execute(
                "SELECT extnamespace::regnamespace::text FROM pg_extension WHERE extname = 'vector'"
            ).fetchone()
            extra = f", {found[0]}" if found else ""
            db.execute(f'SET search_path TO "{self.schema}"{extra}')
        return db

    def reconnect(self) -> None:
        """Start with a new connection, as after an extension was installed."""
        self._db.close()
        self._db = self._connect()

    @property
    def raw(self) -> psycopg.Connection[Row]:
        """The driver's connection, open."""
        if self._db.closed and not self._in_transaction:
            self._db = self._connect()
        return self._db

    @property
    def in_transaction(self) -> bool:
        """Whether a `transaction` is open."""
        return self._in_transaction

    def has_table(self, name: str) -> bool:
        """Whether the schema has a table that this user may see."""
        return self.one("SELECT to_regclass(%s)", f"{self.schema}.{name}") != (None,)

    def read_only(self) -> bool:
        """Whether the server takes no changes from this user: a standby, or missing rights."""
        found = self.one(
            "SELECT current_setting('transaction_read_only') = 'on' "
            "OR NOT has_table_privilege(%s, 'UPDATE')",
            f"{self.schema}.state",
        )
        return bool(found and found[0])

    @contextlib.contextmanager
    def errors(self, db: psycopg.Connection[Row] | None = None) -> Iterator[None]:
        """Turn the driver's errors into ours."""
        try:
            yield
        except psycopg.Error as error:
            lost = (db or self._db).closed
            raise postgres_errors.working(error, self.address, lost=lost) from error
        except UnicodeEncodeError as error:
            raise postgres_errors.unwritable(error, self.address) from error

    # -- statements

    def run(self, sql: str, *values: Any) -> int:
        """Run a statement that changes something; the number of rows it touched."""
        with self.errors():
            return self.raw.execute(sql, values or None).rowcount

    def rows(self, sql: str, *values: Any) -> list[Row]:
        """All rows of a statement that only reads."""
        with self.errors():
            try:
                return self.raw.execute(sql, values or None).fetchall()
            except psycopg.OperationalError:
                if self.in_transaction or not self._db.closed:
                    raise
            return self.raw.execute(sql, values or None).fetchall()

    def one(self, sql: str, *values: Any) -> Row | None:
        """The first row, or None."""
        found = self.rows(sql, *values)
        return found[0] if found else None

    def copy(self, table: str, columns: str, types: Sequence[str], rows: Iterable[Row]) -> None:
        """Write many rows at once, in the driver's binary format."""
        sql = f"COPY {table} ({columns}) FROM STDIN (FORMAT BINARY)"
        with self.errors(), self.raw.cursor() as cursor, cursor.copy(sql) as copy:
            copy.set_types(types)
            for row in rows:
                copy.write_row(row)

    def stream(self, sql: str, *values: Any) -> Iterator[Row]:
        """Rows a batch at a time, from one state of the tables, in constant memory."""
        with self.errors(), self._reader() as db:
            name = f"stream{next(self._names)}"
            with db.cursor(name) as cursor:
                cursor.itersize = _BATCH
                cursor.execute(sql, values or None)
                while rows := cursor.fetchmany(_BATCH):
                    yield from rows

    @contextlib.contextmanager
    def _reader(self) -> Iterator[psycopg.Connection[Row]]:
        """The open transaction's connection, so that it sees its own changes; else another."""
        if self.in_transaction:
            yield self._db
            return
        db, self._spare = self._spare, None
        if db is None or db.closed:
            db = self._connect()
        try:
            with db.transaction():
                yield db
        finally:
            self._put_back(db)

    def _put_back(self, db: psycopg.Connection[Row]) -> None:
        if self._spare is None and not self._db.closed:
            self._spare = db
        else:
            db.close()

    # -- transactions and locks

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything in the block is kept, or nothing where it raises."""
        self.rows("SELECT 1")  # a connection that broke while idle is opened anew
        with self.errors(), self.raw.transaction():
            self._in_transaction = True
            try:
                yield
            finally:
                self._in_transaction = False

    @contextlib.contextmanager
    def lock(self, name: str, *, wait: bool) -> Iterator[bool]:
        """Hold what one process alone may do; False where another is at it and `wait` is off.

        The server lets go of it when the connection ends, however that happens.
        """
        key = f"{self.schema}/{name}"
        if wait:
            self.run(f"SELECT pg_advisory_lock({_KEY})", key)
        held = wait or self.one(f"SELECT pg_try_advisory_lock({_KEY})", key) == (True,)
        try:
            yield held
        finally:
            if held and not self._db.closed:
                with contextlib.suppress(psycopg.Error):
                    self._db.execute(f"SELECT pg_advisory_unlock({_KEY})", (key,))

    def is_locked(self, schema: str, name: str) -> bool:
        """Whether some process holds the lock `name` of a schema."""
        sql = f"SELECT pg_try_advisory_xact_lock({_KEY})"
        return self.one(sql, f"{schema}/{name}") != (True,)

    def close(self) -> None:
        """End the connections."""
        for db in (self._db, self._spare):
            if db is not None:
                db.close()
