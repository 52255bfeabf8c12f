"""The source of truth of a knowledge base: documents and chunks in one SQLite file.

    documents  row, id, hash, title, source, language, metadata, pages, rest (of the text)
    chunks     row, id, document, position, start, end, …, analysed (its language), metadata, text
    removals   removal, row          the rows that have gone
    facts      name, value           fingerprint of the content

Rows of `chunks` are numbered upwards and never used twice, so "all rows above 7,300 and all
removals above 12" is what an index that has read up to `Position(7300, 12)` has yet to read: the
change log costs nothing. One transaction writes a document with all its chunks or nothing.
WAL lets others read meanwhile. Of a document's text only what lies between its chunks is kept
(`wellread.knowledge.gaps`), compressed where it is long.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson

from wellread.errors import InputError, KnowledgeBaseError, StorageError
from wellread.knowledge.entries import Entry
from wellread.knowledge.gaps import between, whole
from wellread.knowledge.store import IndexRow, Position
from wellread.records import Chunk, Document, PageSpan

FILE = "chunks.sqlite"
_BATCH = 500
_SHORT = 500
_EMPTY: dict[type, str] = {dict: "{}", list: "[]", tuple: "[]"}
_LOCK_TIMEOUT_S = 60.0
_MAPPED_BYTES = 1 << 31
_SCHEMA = """
CREATE TABLE documents (
  row INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, hash TEXT NOT NULL, title TEXT NOT NULL,
  source TEXT NOT NULL, language TEXT NOT NULL, metadata TEXT NOT NULL, pages TEXT NOT NULL,
  rest BLOB NOT NULL);
CREATE TABLE chunks (
  row INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
  document INTEGER NOT NULL REFERENCES documents (row), position INTEGER NOT NULL,
  start INTEGER NOT NULL, end INTEGER NOT NULL, title TEXT NOT NULL, source TEXT NOT NULL,
  heading TEXT NOT NULL, language TEXT NOT NULL, tokens INTEGER NOT NULL, pages TEXT NOT NULL,
  lines TEXT NOT NULL, metadata TEXT NOT NULL, analysed TEXT NOT NULL, text TEXT NOT NULL,
  UNIQUE (document, position));
CREATE TABLE removals (removal INTEGER PRIMARY KEY AUTOINCREMENT, row INTEGER NOT NULL);
CREATE TABLE languages (code TEXT PRIMARY KEY, chunks INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO facts VALUES ('fingerprint', '0');
"""
_CHUNK = (
    "c.row, c.id, d.id, c.text, c.start, c.end, c.title, c.source, c.heading, c.language, "
    "c.tokens, c.pages, c.lines, c.metadata"
)
_JOINED = "chunks c JOIN documents d ON d.row = c.document"


class SqliteStore:
    """The `Store` of a folder: one SQLite file.

    Every method raises KnowledgeBaseError or StorageError in place of SQLite's own errors.
    """

    def __init__(self, path: Path) -> None:
        """Open an existing store; `create` makes one."""
        self.path = path
        self._new_languages: Counter[str] = Counter()
        self._new_hashes = 0
        # A folder that cannot be written to cannot hold the -shm file that WAL readers share.
        mode = "rw" if os.access(path.parent, os.W_OK) else "ro&immutable=1"
        with self._errors():
            self._db = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode={mode}",
                uri=True,
                timeout=_LOCK_TIMEOUT_S,
                isolation_level=None,
                check_same_thread=False,
            )
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.execute("PRAGMA cache_size = -4000")
            # A search reads rows from all over the file; mapped, they cost no system call.
            self._db.execute(f"PRAGMA mmap_size = {_MAPPED_BYTES}")
            self._db.execute("SELECT value FROM facts").fetchone()

    @classmethod
    def create(cls, path: Path) -> SqliteStore:
        """Make an empty store where there is none."""
        try:
            with contextlib.closing(sqlite3.connect(path)) as db:
                db.execute("PRAGMA journal_mode = WAL")
                db.executescript(_SCHEMA)
        except sqlite3.OperationalError as error:
            raise StorageError(f"{path}: {error}", hint=_advice(error)) from error
        return cls(path)

    def close(self) -> None:
        """Close the file; the last one to close folds the WAL into it."""
        self._db.close()

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (UnicodeEncodeError, OverflowError) as error:
            raise InputError(f"{self.path}: cannot hold or find this value: {error}") from error
        except sqlite3.ProgrammingError as error:
            raise KnowledgeBaseError(f"{self.path}: {error}", hint="open it again") from error
        except sqlite3.OperationalError as error:
            if str(error).startswith("no such"):
                raise self._damaged(error) from error
            raise StorageError(f"{self.path}: {error}", hint=_advice(error)) from error
        except (sqlite3.DatabaseError, zlib.error, orjson.JSONDecodeError) as error:
            raise self._damaged(error) from error

    def _damaged(self, error: Exception) -> KnowledgeBaseError:
        return KnowledgeBaseError(
            f"{self.path} is damaged: {error}",
            hint="build the knowledge base anew with: wellread kb build FOLDER DOCUMENTS --replace",
        )

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """One transaction: everything in the block is kept, or nothing where it raises."""
        with self._errors():
            self._db.execute("BEGIN IMMEDIATE")
            self._new_languages, self._new_hashes = Counter(), 0
            try:
                yield
                self._write_sums()
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    # -- writing, inside a transaction

    def insert(self, entry: Entry) -> None:
        """Add a document that is not there yet with its chunks."""
        document = self._insert_document(entry)
        self._db.executemany(
            "INSERT INTO chunks (id, document, position, start, end, title, source, heading, "
            "language, tokens, pages, lines, metadata, analysed, text) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                _chunk_values(chunk, document, position, code)
                for position, (chunk, code) in enumerate(
                    zip(entry.chunks, entry.analysed, strict=True)
                )
            ),
        )
        self._new_languages.update(entry.analysed)
        self._new_hashes += int(entry.hash, 16)

    def _insert_document(self, entry: Entry) -> int:
        document = entry.document
        pages = [(p.page, p.start, p.end) for p in document.pages]
        cursor = self._db.execute(
            "INSERT INTO documents (id, hash, title, source, language, metadata, pages, rest) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                document.id,
                entry.hash,
                document.title,
                document.source,
                document.language,
                _json(document.metadata),
                _json(pages),
                _packed(between(document.text, ((c.start, c.end, "") for c in entry.chunks))),
            ),
        )
        return int(cursor.lastrowid or 0)

    def delete(self, document_id: str) -> int:
        """Remove a document and return how many chunks went with it."""
        found = self._db.execute(
            "SELECT row, hash FROM documents WHERE id = ?", (document_id,)
        ).fetchone()
        if found is None:
            return 0
        row, content_hash = found
        gone = self._db.execute("SELECT analysed FROM chunks WHERE document = ?", (row,)).fetchall()
        self._db.execute(
            "INSERT INTO removals (row) SELECT row FROM chunks WHERE document = ? ORDER BY row",
            (row,),
        )
        self._db.execute("DELETE FROM chunks WHERE document = ?", (row,))
        self._db.execute("DELETE FROM documents WHERE row = ?", (row,))
        self._new_languages.subtract(code for (code,) in gone)
        self._new_hashes -= int(content_hash, 16)
        return len(gone)

    def _write_sums(self) -> None:
        """Write down what the transaction so far has changed of the counts and the fingerprint.

        A sum of document hashes does not depend on the order in which they came or went.
        """
        self._db.executemany(
            "INSERT INTO languages VALUES (?1, ?2) "
            "ON CONFLICT (code) DO UPDATE SET chunks = chunks + ?2",
            sorted(self._new_languages.items()),
        )
        total = (int(self.fingerprint(), 16) + self._new_hashes) % (1 << 128)
        self._db.execute("UPDATE facts SET value = ? WHERE name = 'fingerprint'", (f"{total:x}",))
        self._new_languages, self._new_hashes = Counter(), 0

    def settle_languages(self, after_row: int) -> None:
        """Analyse chunks above `after_row` whose language is not known in the most frequent one."""
        self._write_sums()
        majority = next((code for code in self.languages() if code), "")
        if not majority:
            return
        cursor = self._db.execute(
            "UPDATE chunks SET analysed = ? WHERE row > ? AND analysed = ''", (majority, after_row)
        )
        self._new_languages.update({"": -cursor.rowcount, majority: cursor.rowcount})

    # -- reading

    def document_hash(self, document_id: str) -> str | None:
        """The content hash under which a document is stored, or None."""
        found = self._one("SELECT hash FROM documents WHERE id = ?", document_id)
        return str(found[0]) if found else None

    def owners(self, chunk_ids: Sequence[str]) -> dict[str, str]:
        """For those of the chunk ids that are in the store, the document that holds each."""
        found: dict[str, str] = {}
        for start in range(0, len(chunk_ids), _BATCH):
            part = chunk_ids[start : start + _BATCH]
            marks = ",".join("?" * len(part))
            sql = f"SELECT id FROM chunks WHERE id IN ({marks})"
            with self._errors():
                known = self._db.execute(sql, part).fetchall()
            for (chunk_id,) in known:
                chunk = self.chunk(chunk_id)
                found[chunk_id] = chunk.document_id if chunk else ""
        return found

    def fingerprint(self) -> str:
        """A hash of all content, whatever the order it was added in."""
        found = self._one("SELECT value FROM facts WHERE name = 'fingerprint'")
        return str(found[0] if found else "0").zfill(32)

    def position(self) -> Position:
        """Up to where a complete index has read."""
        with self._errors():
            last = dict(self._db.execute("SELECT name, seq FROM sqlite_sequence"))
        return Position(last.get("chunks", 0), last.get("removals", 0))

    def version(self) -> int:
        """A number that changes when another connection has committed; costs microseconds."""
        found = self._one("PRAGMA data_version")
        return int(found[0]) if found else 0

    def counts(self) -> tuple[int, int]:
        """Documents and chunks."""
        documents = self._one("SELECT count(*) FROM documents") or (0,)
        chunks = self._one("SELECT total(chunks) FROM languages") or (0,)
        return int(documents[0]), int(chunks[0])

    def languages(self) -> dict[str, int]:
        """Chunks by the language they were analysed in, the most frequent first."""
        sql = "SELECT code, chunks FROM languages WHERE chunks > 0 ORDER BY chunks DESC, code"
        with self._errors():
            return dict(self._db.execute(sql).fetchall())

    def document(self, document_id: str) -> Document | None:
        """One document with its text."""
        found = self._one(
            "SELECT id, rest, title, source, language, metadata, pages, row FROM documents "
            "WHERE id = ?",
            document_id,
        )
        if found is None:
            return None
        pieces = self._stream(
            "SELECT start, end, text FROM chunks WHERE document = ? ORDER BY position", found[7]
        )
        with self._errors():
            return Document(
                id=found[0],
                text=whole(_unpacked(found[1]), pieces),
                title=found[2],
                source=found[3],
                language=found[4],
                metadata=orjson.loads(found[5]),
                pages=tuple(PageSpan(*page) for page in orjson.loads(found[6])),
            )

    def document_ids(self) -> Iterator[str]:
        """All document ids in the order of their bytes."""
        for (document_id,) in self._stream("SELECT id FROM documents ORDER BY id"):
            yield document_id

    def chunk(self, chunk_id: str) -> Chunk | None:
        """One chunk."""
        found = self._one(f"SELECT {_CHUNK} FROM {_JOINED} WHERE c.id = ?", chunk_id)
        return self._chunk(found) if found else None

    def analysed(self, chunk_id: str) -> str | None:
        """The language in which a chunk is analysed, or None where there is no such chunk."""
        found = self._one("SELECT analysed FROM chunks WHERE id = ?", chunk_id)
        return str(found[0]) if found else None

    def chunks_at(self, rows: Sequence[int]) -> dict[int, Chunk]:
        """Chunks by row; rows that have gone are left out."""
        found: dict[int, Chunk] = {}
        for start in range(0, len(rows), _BATCH):
            part = rows[start : start + _BATCH]
            marks = ",".join("?" * len(part))
            sql = f"SELECT {_CHUNK} FROM {_JOINED} WHERE c.row IN ({marks})"
            with self._errors():
                found |= {r[0]: self._chunk(r) for r in self._db.execute(sql, part).fetchall()}
        return found

    def ids_at(self, rows: Sequence[int]) -> dict[int, str]:
        """Chunk ids by row; rows that have gone are left out."""
        found: dict[int, str] = {}
        for start in range(0, len(rows), _BATCH):
            part = rows[start : start + _BATCH]
            sql = f"SELECT row, id FROM chunks WHERE row IN ({','.join('?' * len(part))})"
            with self._errors():
                found |= dict(self._db.execute(sql, part).fetchall())
        return found

    def around(self, chunk_id: str, before: int, after: int) -> tuple[Chunk, ...] | None:
        """The chunk and those before and after it in its document, in order."""
        place = self._one("SELECT document, position FROM chunks WHERE id = ?", chunk_id)
        if place is None:
            return None
        sql = (
            f"SELECT {_CHUNK} FROM {_JOINED} WHERE c.document = ? AND c.position BETWEEN ? AND ? "
            "ORDER BY c.position"
        )
        with self._errors():
            rows = self._db.execute(sql, (place[0], place[1] - before, place[1] + after)).fetchall()
        return tuple(self._chunk(row) for row in rows)

    def chunks(self) -> Iterator[Chunk]:
        """All chunks by document id and position, whatever the order they were added in."""
        for row in self._stream(f"SELECT {_CHUNK} FROM {_JOINED} ORDER BY d.id, c.position"):
            yield self._chunk(row)

    def chunk_ids(self) -> Iterator[str]:
        """The ids of `chunks`, in the same order."""
        for (chunk_id,) in self._stream(f"SELECT c.id FROM {_JOINED} ORDER BY d.id, c.position"):
            yield chunk_id

    def rows_after(self, row: int) -> Iterator[IndexRow]:
        """All chunks above `row`, ascending."""
        sql = (
            f"SELECT {_CHUNK}, c.analysed, d.metadata FROM {_JOINED} WHERE c.row > ? ORDER BY c.row"
        )
        for found in self._stream(sql, row):
            chunk = self._chunk(found)
            of_document = _object(found[15])
            metadata = {**of_document, **chunk.metadata} if of_document else chunk.metadata
            yield IndexRow(found[0], chunk, found[14], metadata)

    def removed_after(self, removal: int) -> Iterator[tuple[int, int]]:
        """All ``(removal, row)`` above `removal`, ascending."""
        yield from self._stream("SELECT removal, row FROM removals WHERE removal > ?", removal)

    def _one(self, sql: str, *values: Any) -> tuple[Any, ...] | None:
        with self._errors():
            found: tuple[Any, ...] | None = self._db.execute(sql, values).fetchone()
            return found

    def _stream(self, sql: str, *values: Any) -> Iterator[tuple[Any, ...]]:
        """Rows a batch at a time, from one snapshot, in constant memory."""
        with self._errors(), contextlib.closing(self._db.execute(sql, values)) as cursor:
            while rows := cursor.fetchmany(_BATCH):
                yield from rows

    def _chunk(self, r: Sequence[Any]) -> Chunk:
        return Chunk(
            id=r[1], document_id=r[2], text=r[3], start=r[4], end=r[5], title=r[6], source=r[7],
            heading=r[8], language=r[9], tokens=r[10], pages=_tuple(r[11]),
            lines=_tuple(r[12]), metadata=_object(r[13]),
        )  # fmt: skip


def _advice(error: sqlite3.OperationalError) -> str:
    if "locked" in str(error):
        return "another process is writing to it; try again when it has finished"
    return "make room, or choose a folder you may write to; what was added before is safe"


def _chunk_values(chunk: Chunk, document: int, position: int, code: str) -> tuple[Any, ...]:
    return (
        chunk.id, document, position, chunk.start, chunk.end, chunk.title, chunk.source,
        chunk.heading, chunk.language, chunk.tokens, _json(chunk.pages), _json(chunk.lines),
        _json(chunk.metadata), code, chunk.text,
    )  # fmt: skip


def _json(value: Any) -> str:
    return (not value and _EMPTY.get(type(value))) or orjson.dumps(value).decode()


def _tuple(text: str) -> tuple[Any, ...]:
    return () if text == "[]" else tuple(orjson.loads(text))


def _object(text: str) -> dict[str, Any]:
    return {} if text == "{}" else orjson.loads(text)


def _packed(rest: str) -> str | bytes:
    return rest if len(rest) < _SHORT else zlib.compress(rest.encode(), 1)


def _unpacked(rest: str | bytes) -> str:
    return rest if isinstance(rest, str) else zlib.decompress(rest).decode()
