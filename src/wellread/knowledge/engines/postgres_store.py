"""The store of the engine `postgres`: documents and chunks in one schema of a server.

    documents  row, id, hash, title, source, language, metadata, pages, text
    chunks     row, id, document, position, start, stop, …, analysed, facts, text
    removals   removal, row          the rows that have gone
    languages  code, chunks
    state      fingerprint, row, removal, version     one line; whoever writes holds it

Rows are numbered by `state` and not by a sequence of the server's: a number is taken by whoever
holds the line, so a row that appears later never has a lower number than one that is there. Text
may hold NUL (see `postgres_text`), and metadata is JSON kept as text, as `jsonb` refuses it too.
`facts` is what filters ask for.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from wellread.errors import KnowledgeBaseError
from wellread.knowledge.engines.postgres_connection import Connection, Row
from wellread.knowledge.engines.postgres_text import given, held
from wellread.knowledge.entries import Entry
from wellread.knowledge.filters import facts_of
from wellread.knowledge.store import IndexRow, Position
from wellread.records import Chunk, Document, PageSpan

TABLES = """
CREATE TABLE documents (
  row bigint PRIMARY KEY, id text COLLATE "C" NOT NULL UNIQUE, hash text NOT NULL,
  title text NOT NULL, source text NOT NULL, language text NOT NULL, metadata text NOT NULL,
  pages text NOT NULL, text text NOT NULL);
CREATE TABLE chunks (
  row bigint PRIMARY KEY, id text COLLATE "C" NOT NULL UNIQUE, document bigint NOT NULL,
  position integer NOT NULL, start bigint NOT NULL, stop bigint NOT NULL, title text NOT NULL,
  source text NOT NULL, heading text NOT NULL, language text NOT NULL, tokens bigint NOT NULL,
  pages text NOT NULL, lines text NOT NULL, metadata text NOT NULL, analysed text NOT NULL,
  facts text[] NOT NULL, text text NOT NULL, UNIQUE (document, position));
CREATE INDEX ON chunks USING gin (facts);
CREATE TABLE removals (removal bigint PRIMARY KEY, row bigint NOT NULL);
CREATE TABLE languages (code text COLLATE "C" PRIMARY KEY, chunks bigint NOT NULL);
CREATE TABLE state (
  fingerprint text NOT NULL, document bigint NOT NULL, row bigint NOT NULL,
  removal bigint NOT NULL, version bigint NOT NULL);
INSERT INTO state VALUES ('0', 0, 0, 0, 0);
"""
_CHUNK = (
    "c.row, c.id, d.id, c.text, c.start, c.stop, c.title, c.source, c.heading, c.language, "
    "c.tokens, c.pages, c.lines, c.metadata"
)
_JOINED = "chunks c JOIN documents d ON d.row = c.document"
_COLUMNS = (
    "row, id, document, position, start, stop, title, source, heading, language, tokens, pages, "
    "lines, metadata, analysed, facts, text"
)
_TYPES = (
    "int8 text int8 int4 int8 int8 text text text text int8 text text text text text[] text"
).split()
_STATE = "SELECT fingerprint, document, row, removal FROM state"


@dataclass(slots=True)
class _State:
    """The line of `state` while a transaction holds it."""

    fingerprint: int
    document: int
    row: int
    removal: int


class PostgresStore:
    """The `Store` of the engine `postgres`."""

    def __init__(self, connection: Connection) -> None:
        """Use the tables that the connection's schema holds."""
        self._db = connection
        self._state: _State | None = None

    def close(self) -> None:
        """Nothing of its own: the engine ends the connection."""

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """One transaction: everything in the block is kept, or nothing where it raises."""
        with self._db.transaction():
            self._state = self._held_state()
            try:
                yield
                self._keep(self._state)
            finally:
                self._state = None

    def _held_state(self) -> _State:
        found = self._db.rows(f"{_STATE} FOR UPDATE")
        if len(found) != 1:
            raise KnowledgeBaseError(
                f"{self._db.address.shown}: {self._db.schema}.state is damaged",
                hint="build the knowledge base anew, with --replace",
            )
        fingerprint, *numbers = found[0]
        return _State(int(fingerprint, 16), *numbers)

    def _keep(self, state: _State) -> None:
        self._db.run(
            "UPDATE state SET fingerprint = %s, document = %s, row = %s, removal = %s, "
            "version = version + 1",
            f"{state.fingerprint:032x}", state.document, state.row, state.removal,
        )  # fmt: skip

    def _writable(self) -> _State:
        if self._state is None:
            raise KnowledgeBaseError("a store is changed inside `writing` only")
        return self._state

    # -- writing, inside a transaction

    def insert(self, entry: Entry) -> None:
        """Add a document that is not there yet with its chunks."""
        state = self._writable()
        state.document += 1
        self._insert_document(entry, state.document)
        rows = [
            _chunk_row(entry, position, state.document, state.row + 1 + position)
            for position in range(len(entry.chunks))
        ]
        self._db.copy("chunks", _COLUMNS, _TYPES, rows)
        state.row += len(rows)
        self._count_languages(entry.analysed, 1)
        state.fingerprint = (state.fingerprint + int(entry.hash, 16)) % (1 << 128)

    def _insert_document(self, entry: Entry, row: int) -> None:
        document = entry.document
        self._db.run(
            "INSERT INTO documents VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
            row, held(document.id), entry.hash, held(document.title), held(document.source),
            held(document.language), _json(document.metadata),
            _json([(p.page, p.start, p.end) for p in document.pages]), held(document.text),
        )  # fmt: skip

    def delete(self, document_id: str) -> int:
        """Remove a document and return how many chunks went with it."""
        state = self._writable()
        found = self._db.rows(
            "DELETE FROM documents WHERE id = %s RETURNING row, hash", held(document_id)
        )
        if not found:
            return 0
        row, content_hash = found[0]
        gone = self._db.rows("DELETE FROM chunks WHERE document = %s RETURNING row, analysed", row)
        rows = sorted(chunk for chunk, _ in gone)
        numbered = list(enumerate(rows, state.removal + 1))
        self._db.copy("removals", "removal, row", ("int8", "int8"), numbered)
        state.removal += len(rows)
        self._count_languages([code for _, code in gone], -1)
        state.fingerprint = (state.fingerprint - int(content_hash, 16)) % (1 << 128)
        return len(rows)

    def _count_languages(self, codes: Sequence[str], sign: int) -> None:
        for code in sorted(set(codes)):
            self._db.run(
                "INSERT INTO languages AS l VALUES (%s, %s) "
                "ON CONFLICT (code) DO UPDATE SET chunks = l.chunks + excluded.chunks",
                held(code),
                sign * codes.count(code),
            )

    def settle_languages(self, after_row: int) -> None:
        """Analyse chunks above `after_row` whose language is not known in the most frequent one."""
        self._writable()
        majority = next((code for code in self.languages() if code), "")
        if not majority:
            return
        changed = self._db.run(
            "UPDATE chunks SET analysed = %s WHERE row > %s AND analysed = ''",
            held(majority),
            after_row,
        )
        if changed:
            self._count_languages([""] * changed, -1)
            self._count_languages([majority] * changed, 1)

    # -- reading

    def document_hash(self, document_id: str) -> str | None:
        """The content hash under which a document is stored, or None."""
        found = self._db.one("SELECT hash FROM documents WHERE id = %s", held(document_id))
        return str(found[0]) if found else None

    def owners(self, chunk_ids: Sequence[str]) -> dict[str, str]:
        """For those of the chunk ids that are in the store, the document that holds each."""
        sql = f"SELECT c.id, d.id FROM {_JOINED} WHERE c.id = ANY(%s)"
        found = self._db.rows(sql, [held(i) for i in chunk_ids]) if chunk_ids else []
        return {given(chunk): given(document) for chunk, document in found}

    def _now(self) -> _State:
        """The line of `state`, as the open transaction has changed it."""
        if self._state is not None:
            return self._state
        found = self._db.one(_STATE)
        return _State(int(found[0], 16), *found[1:]) if found else _State(0, 0, 0, 0)

    def fingerprint(self) -> str:
        """A hash of all content, whatever the order it was added in."""
        return f"{self._now().fingerprint:032x}"

    def position(self) -> Position:
        """Up to where a complete index has read."""
        state = self._now()
        return Position(state.row, state.removal)

    def version(self) -> int:
        """A number that changes with every commit; costs one question to the server."""
        found = self._db.one("SELECT version FROM state")
        return int(found[0]) if found else 0

    def counts(self) -> tuple[int, int]:
        """Documents and chunks."""
        found = self._db.one(
            "SELECT (SELECT count(*) FROM documents), "
            "(SELECT coalesce(sum(chunks), 0) FROM languages)"
        ) or (0, 0)
        return int(found[0]), int(found[1])

    def languages(self) -> dict[str, int]:
        """Chunks by the language they were analysed in, the most frequent first."""
        sql = "SELECT code, chunks FROM languages WHERE chunks > 0 ORDER BY chunks DESC, code"
        return {given(code): int(chunks) for code, chunks in self._db.rows(sql)}

    def document(self, document_id: str) -> Document | None:
        """One document with its text."""
        r = self._db.one(
            "SELECT id, text, title, source, language, metadata, pages "
            "FROM documents WHERE id = %s",
            held(document_id),
        )
        if r is None:
            return None
        return Document(
            id=given(r[0]), text=given(r[1]), title=given(r[2]), source=given(r[3]),
            language=given(r[4]), metadata=orjson.loads(r[5]),
            pages=tuple(PageSpan(*page) for page in orjson.loads(r[6])),
        )  # fmt: skip

    def document_ids(self) -> Iterator[str]:
        """All document ids in the order of their bytes."""
        for (document_id,) in self._db.stream("SELECT id FROM documents ORDER BY id"):
            yield given(document_id)

    def chunk(self, chunk_id: str) -> Chunk | None:
        """One chunk."""
        found = self._db.one(f"SELECT {_CHUNK} FROM {_JOINED} WHERE c.id = %s", held(chunk_id))
        return _chunk(found) if found else None

    def analysed(self, chunk_id: str) -> str | None:
        """The language in which a chunk is analysed, or None where there is no such chunk."""
        found = self._db.one("SELECT analysed FROM chunks WHERE id = %s", held(chunk_id))
        return given(found[0]) if found else None

    def chunks_at(self, rows: Sequence[int]) -> dict[int, Chunk]:
        """Chunks by row; rows that have gone are left out."""
        sql = f"SELECT {_CHUNK} FROM {_JOINED} WHERE c.row = ANY(%s)"
        return {r[0]: _chunk(r) for r in self._db.rows(sql, list(rows))} if rows else {}

    def ids_at(self, rows: Sequence[int]) -> dict[int, str]:
        """Chunk ids by row; rows that have gone are left out."""
        sql = "SELECT row, id FROM chunks WHERE row = ANY(%s)"
        return {r: given(i) for r, i in self._db.rows(sql, list(rows))} if rows else {}

    def around(self, chunk_id: str, before: int, after: int) -> tuple[Chunk, ...] | None:
        """The chunk and those before and after it in its document, in order."""
        found = self._db.rows(
            f"SELECT {_CHUNK} FROM {_JOINED} JOIN chunks m ON m.document = c.document "
            "WHERE m.id = %s AND c.position BETWEEN m.position - %s AND m.position + %s "
            "ORDER BY c.position",
            held(chunk_id),
            min(before, _MANY),
            min(after, _MANY),
        )
        return tuple(map(_chunk, found)) or None

    def chunks(self) -> Iterator[Chunk]:
        """All chunks by document id and position, whatever the order they were added in."""
        for row in self._db.stream(f"SELECT {_CHUNK} FROM {_JOINED} ORDER BY d.id, c.position"):
            yield _chunk(row)

    def chunk_ids(self) -> Iterator[str]:
        """The ids of `chunks`, in the same order."""
        sql = f"SELECT c.id FROM {_JOINED} ORDER BY d.id, c.position"
        for (chunk_id,) in self._db.stream(sql):
            yield given(chunk_id)

    def rows_after(self, row: int) -> Iterator[IndexRow]:
        """All chunks above `row`, ascending."""
        sql = (
            f"SELECT {_CHUNK}, c.analysed, d.metadata FROM {_JOINED} "
            "WHERE c.row > %s ORDER BY c.row"
        )
        for found in self._db.stream(sql, row):
            chunk = _chunk(found)
            metadata = {**orjson.loads(found[15]), **chunk.metadata}
            yield IndexRow(found[0], chunk, given(found[14]), metadata)

    def removed_after(self, removal: int) -> Iterator[tuple[int, int]]:
        """All ``(removal, row)`` above `removal`, ascending."""
        sql = "SELECT removal, row FROM removals WHERE removal > %s ORDER BY removal"
        yield from ((number, row) for number, row in self._db.stream(sql, removal))


_MANY = 2**30


def _chunk_row(entry: Entry, position: int, document: int, row: int) -> Row:
    chunk, code = entry.chunks[position], entry.analysed[position]
    metadata = {**entry.document.metadata, **chunk.metadata}
    facts = facts_of(IndexRow(row, chunk, code, metadata))
    return (
        row, held(chunk.id), document, position, chunk.start, chunk.end, held(chunk.title),
        held(chunk.source), held(chunk.heading), held(chunk.language), chunk.tokens,
        _json(chunk.pages), _json(chunk.lines), _json(chunk.metadata), held(code),
        [held(fact) for fact in facts], held(chunk.text),
    )  # fmt: skip


def _chunk(r: Row) -> Chunk:
    return Chunk(
        id=given(r[1]), document_id=given(r[2]), text=given(r[3]), start=r[4], end=r[5],
        title=given(r[6]), source=given(r[7]), heading=given(r[8]), language=given(r[9]),
        tokens=r[10], pages=tuple(orjson.loads(r[11])), lines=tuple(orjson.loads(r[12])),
        metadata=orjson.loads(r[13]),
    )  # fmt: skip


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
