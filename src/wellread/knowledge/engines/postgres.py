"""The engine `postgres`: one schema of a server for each knowledge base.

folder/manifest.json   settings, with the server's address and never a password
folder/engine.json     the schema's name (see `elsewhere`)
server                 schema wellread_NAME_HASH with the tables of `postgres_store`,
                       `postgres_words` and `postgres_vectors`; its comment says whose it is

build     a new schema; one that an earlier build for the same folder left unfinished is
          dropped, unless its builder is alive and holds the lock
open      the first time in its place: the comment is set, and what it replaces is dropped
failed    the builder drops its schema; killed, it leaves that to the next build
"""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import Path

from psycopg import sql

from wellread.errors import InputError, KnowledgeBaseError, StorageError
from wellread.knowledge.engines import elsewhere, postgres_store, postgres_words
from wellread.knowledge.engines.engine import VectorIndex
from wellread.knowledge.engines.postgres_address import read_address
from wellread.knowledge.engines.postgres_connection import Connection
from wellread.knowledge.retriever import Retriever
from wellread.knowledge.settings import KnowledgeSettings
from wellread.knowledge.store import Store
from wellread.storage.files import MANIFEST

_PATIENCE = "SET lock_timeout = '5s'"
_USUAL = "SET lock_timeout = '60s'"


class PostgresEngine:
    """Everything in one schema of a server."""

    def __init__(self, folder: Path, settings: KnowledgeSettings, *, create: bool) -> None:
        """Connect to the tables that `folder` names, or make empty ones.

        Raises InputError where `location` is no address, KnowledgeBaseError where the server, the
        database or the tables are not what is needed, StorageError where the server is away.
        """
        self._folder = folder
        self._address = read_address(settings.location)
        self._creating = create
        self._builder = contextlib.ExitStack()
        tables = elsewhere.new_tables(folder) if create else elsewhere.read_tables(folder)
        self._db = Connection(self._address, tables.name)
        try:
            if create:
                self._create(tables)
            else:
                self._open(tables)
        except BaseException:
            self._db.close()
            raise
        self._store = postgres_store.PostgresStore(self._db)

    def _create(self, tables: elsewhere.Tables) -> None:
        encoding = (self._db.one("SHOW server_encoding") or ("",))[0]
        if encoding != "UTF8":
            raise KnowledgeBaseError(
                f"{self._address.shown}: the database is encoded in {encoding}, not in UTF8",
                hint="make another: createdb --encoding=UTF8 --template=template0 NAME",
            )
        elsewhere.write_tables(self._folder, tables)
        self._builder.enter_context(self._db.lock("building", wait=True))
        with self._db.transaction():
            self._db.run(f'CREATE SCHEMA "{tables.name}"')
            self._comment(elsewhere.being_built(self._folder))
            for statement in (postgres_store.TABLES + postgres_words.TABLES).split(";"):
                if statement.strip():
                    self._db.run(statement)
        for schema in self._abandoned():
            self._drop(schema)

    def _comment(self, text: str) -> None:
        """Say on the schema whose it is; a comment takes no parameter, so it is quoted here."""
        comment = sql.Literal(text).as_string()
        self._db.run(f'COMMENT ON SCHEMA "{self._db.schema}" IS {comment}')

    def _abandoned(self) -> list[str]:
        """Schemas of builds for this folder that ended halfway; those of living ones are locked."""
        found = self._db.rows(
            "SELECT nspname FROM pg_namespace WHERE starts_with(nspname, %s) AND nspname <> %s "
            "AND obj_description(oid, 'pg_namespace') = %s AND pg_has_role(nspowner, 'MEMBER')",
            elsewhere.PREFIX,
            self._db.schema,
            elsewhere.being_built(self._folder),
        )
        return [name for (name,) in found if not self._db.is_locked(name, "building")]

    def _drop(self, schema: str) -> None:
        if schema != self._db.schema:
            self._db.run(f'DROP SCHEMA IF EXISTS "{schema}" CASCADE')

    def _open(self, tables: elsewhere.Tables) -> None:
        if not self._db.has_table("state"):
            raise KnowledgeBaseError(
                f"{self._folder}: {self._address.shown} has no schema {tables.name!r} with its "
                "tables, or none that this user may see",
                hint="check location; if it is gone, build the knowledge base anew with --replace",
            )
        if tables.fresh and elsewhere.in_place(self._folder) and not self._db.read_only():
            # A reader of the old tables may hold them for long; then the next to open drops them.
            with contextlib.suppress(StorageError, KnowledgeBaseError):
                self._take_over(tables)
            self._db.run(_USUAL)

    def _take_over(self, tables: elsewhere.Tables) -> None:
        self._db.run(_PATIENCE)
        self._comment(elsewhere.built(self._folder))
        for schema in tables.replaces:
            self._drop(schema)
        elsewhere.write_tables(self._folder, dataclasses.replace(tables, fresh=False))

    @property
    def store(self) -> Store:
        """Documents and chunks."""
        return self._store

    def words(self, settings: KnowledgeSettings) -> Retriever:
        """BM25 over tables of postings."""
        return postgres_words.PostgresWords(self._db, settings)

    def vectors(self, dimension: int, settings: KnowledgeSettings, key: str = "") -> VectorIndex:
        """A table of pgvector's."""
        from wellread.knowledge.engines.postgres_vectors import PostgresVectors

        return PostgresVectors(self._db, dimension, settings, key)

    def forget(self, part: str) -> None:
        """Empty the index `words`, or drop the vectors of a key."""
        from wellread.knowledge.engines.postgres_vectors import table_of

        with self._db.transaction():
            if part == "words":
                postgres_words.forget(self._db)
                return
            self._db.run(f"DROP TABLE IF EXISTS {table_of(part)}")
            self._db.run("DELETE FROM indexes WHERE name = %s", table_of(part))

    def close(self) -> None:
        """End the connection; a build that has not come to its manifest takes its schema along."""
        try:
            if self._creating and not (self._folder / MANIFEST).is_file():
                with contextlib.suppress(KnowledgeBaseError, StorageError, InputError):
                    self._db.run(f'DROP SCHEMA IF EXISTS "{self._db.schema}" CASCADE')
            self._builder.close()
        finally:
            self._db.close()
