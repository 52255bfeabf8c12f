"""The store of the engine `lancedb`: documents, chunks and their words in one table.

    key    0              the state: a line of JSON in `metadata`, the fingerprint in `hash`
           1, 2, 3 …      chunks, by their row
           -1, -2 …       documents
    kind   state | chunk | document | gone
    digest, owner         64-bit hashes of a row's id and of its document's id, to find them by

A chunk that goes is replaced by a mark of kind `gone` with the number of its removal; a document
by one without. A transaction is kept in memory until its end, when it becomes one commit (see
`lance_table`): with the state in it, so that numbers, counts and rows agree in every version. One
process writes at a time, which a lock file in the folder sees to.

A chunk's row holds the terms of its text and of its title too; an index over them is `lance_words`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from wellread.errors import KnowledgeBaseError
from wellread.knowledge.analysis import joined_terms
from wellread.knowledge.engines.lance_rows import (
    CHUNK,
    STORED,
    State,
    chunk_of,
    chunk_row,
    copied,
    count_languages,
    digest_of,
    document_row,
    state_row,
    state_values,
)
from wellread.knowledge.engines.lance_table import LOCK, LanceTable, Row, only_writer
from wellread.knowledge.entries import Entry
from wellread.knowledge.store import IndexRow, Position
from wellread.records import Chunk, Document, PageSpan

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_BLOCK = 500


@dataclass(slots=True)
class _Names:
    """The digests of all ids of one version, sorted, with the keys they belong to."""

    version: int
    digests: NDArray[np.int64]
    keys: NDArray[np.int64]


@dataclass(slots=True)
class _Change:
    """A transaction that is under way: the state as it will be, and rows by key."""

    state: State
    rows: dict[int, Row] = field(default_factory=dict)
    ids: dict[int, int] = field(default_factory=dict)


class LanceStore:
    """The `Store` of the engine `lancedb`."""

    def __init__(self, table: LanceTable, folder: Path) -> None:
        """Use a table; `folder` holds the lock of whoever writes to it."""
        self._table = table
        self._folder = folder
        self._change: _Change | None = None
        self._known: tuple[int, State] | None = None
        self._names: _Names | None = None

    def close(self) -> None:
        """Nothing of its own."""

    def begin(self, home: str) -> None:
        """Write the first state, or say anew whose the table is."""
        state = self._state() if self._table.count("key = 0") else State()
        state.home = home
        self._table.replace([state_row(state)])
        self._known = None

    @property
    def home(self) -> str:
        """Whose the table says it is."""
        return self._state().home

    # -- transactions

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """One transaction: everything in the block is kept, or nothing where it raises."""
        with only_writer(self._folder / LOCK):
            self._table.latest()
            state = copied(self._state())
            self._change = change = _Change(state)
            try:
                yield
                # Nothing of the store has changed until here, and this is one commit.
                self._table.replace(list(self._finished(change)))
            finally:
                self._change = None

    def _finished(self, change: _Change) -> Iterator[Row]:
        """The rows of a transaction with their terms, and the state."""
        for row in change.rows.values():
            if row["kind"] == "chunk":
                code = row["analysed"]
                row["words"] = joined_terms(row["text"], code)
                row["above"] = joined_terms(f"{row['title']} {row['heading']}", code) or None
            yield row
        yield state_row(change.state)

    def _writable(self) -> _Change:
        if self._change is None:
            raise KnowledgeBaseError("a store is changed inside `writing` only")
        return self._change

    # -- writing, inside a transaction

    def insert(self, entry: Entry) -> None:
        """Add a document that is not there yet with its chunks."""
        change = self._writable()
        state = change.state
        state.document += 1
        row = document_row(entry, -state.document)
        self._put(change, row)
        for position in range(len(entry.chunks)):
            state.row += 1
            self._put(change, chunk_row(entry, position, state.row))
        state.documents += 1
        count_languages(state, entry.analysed, 1)
        state.fingerprint = (state.fingerprint + int(entry.hash, 16)) % (1 << 128)

    def _put(self, change: _Change, row: Row) -> None:
        change.rows[row["key"]] = row
        change.ids[row["digest"]] = row["key"]

    def delete(self, document_id: str) -> int:
        """Remove a document and return how many chunks went with it."""
        change = self._writable()
        document = self._find("document", document_id, ["key", "digest", "hash"])
        if document is None:
            return 0
        gone = sorted(self._chunks_of(document_id), key=lambda row: int(row["key"]))
        for row in gone:
            change.state.removal += 1
            self._mark_gone(change, row, change.state.removal)
        self._mark_gone(change, document, None)
        change.state.documents -= 1
        count_languages(change.state, [row["analysed"] for row in gone], -1)
        number = change.state.fingerprint - int(document["hash"], 16)
        change.state.fingerprint = number % (1 << 128)
        return len(gone)

    def _mark_gone(self, change: _Change, row: Row, removal: int | None) -> None:
        change.rows[row["key"]] = {"key": row["key"], "kind": "gone", "removal": removal}
        change.ids.pop(row["digest"], None)

    def _chunks_of(self, document_id: str) -> list[Row]:
        """The chunks of a document, those of the open transaction included."""
        change = self._writable()
        columns = ["key", "digest", "document", "analysed"]
        stored = self._table.rows(f"kind = 'chunk' AND owner = {digest_of(document_id)}", columns)
        rows = {row["key"]: row for row in stored} | {
            key: row for key, row in change.rows.items() if row["kind"] == "chunk"
        }
        lost = {key for key, row in change.rows.items() if row["kind"] == "gone"}
        return [r for k, r in rows.items() if r["document"] == document_id and k not in lost]

    def settle_languages(self, after_row: int) -> None:
        """Analyse chunks above `after_row` whose language is not known in the most frequent one."""
        change = self._writable()
        majority = next((code for code in self.languages() if code), "")
        if not majority or not change.state.languages.get(""):
            return
        stored = self._table.rows(f"kind = 'chunk' AND analysed = '' AND key > {after_row}", STORED)
        for row in stored:
            change.rows.setdefault(row["key"], row)
        unknown = [
            row
            for key, row in change.rows.items()
            if key > after_row and row["kind"] == "chunk" and not row["analysed"]
        ]
        for row in unknown:
            row["analysed"] = majority
        count_languages(change.state, [""] * len(unknown), -1)
        count_languages(change.state, [majority] * len(unknown), 1)

    # -- finding by id

    def _find(self, kind: str, identifier: str, columns: Sequence[str]) -> Row | None:
        """The row of a document or chunk, that of the open transaction first."""
        digest = digest_of(identifier)
        if self._change is not None:
            key = self._change.ids.get(digest)
            if key is not None and self._change.rows[key]["id"] == identifier:
                return self._change.rows[key]
            if not self._may_hold([digest]):
                return None
        wanted = [*columns, *(name for name in ("key", "id") if name not in columns)]
        for row in self._table.rows(f"kind = '{kind}' AND digest = {digest}", wanted):
            changed = self._change is not None and row["key"] in self._change.rows
            if row["id"] == identifier and not changed:
                return row
        return None

    def _may_hold(self, digests: Iterable[int]) -> list[int]:
        """Those of the digests that the stored version knows, without asking the table each."""
        import numpy as np

        version = int(self._table.raw.version)
        if self._names is None or self._names.version != version:
            found = self._table.columns("digest IS NOT NULL", ["digest", "key"])
            numbers = found["digest"].to_numpy()
            order = np.argsort(numbers, kind="stable")
            self._names = _Names(version, numbers[order], found["key"].to_numpy()[order])
        wanted = np.fromiter(digests, dtype=np.int64)
        if not len(self._names.digests):
            return []
        places = np.searchsorted(self._names.digests, wanted).clip(max=len(self._names.digests) - 1)
        return [int(d) for d in wanted[self._names.digests[places] == wanted]]

    def document_hash(self, document_id: str) -> str | None:
        """The content hash under which a document is stored, or None."""
        found = self._now()._find("document", document_id, ["hash"])
        return str(found["hash"]) if found else None

    def owners(self, chunk_ids: Sequence[str]) -> dict[str, str]:
        """For those of the chunk ids that are in the store, the document that holds each."""
        by_digest = {digest_of(chunk_id): chunk_id for chunk_id in chunk_ids}
        found: dict[str, str] = {}
        for digest in {*self._may_hold(by_digest), *self._new_ids(by_digest)}:
            row = self._find("chunk", by_digest[digest], ["document"])
            if row is not None:
                found[by_digest[digest]] = str(row["document"])
        return found

    def _new_ids(self, digests: Iterable[int]) -> list[int]:
        change = self._change
        return [] if change is None else [digest for digest in digests if digest in change.ids]

    # -- the state

    def _now(self) -> LanceStore:
        """This store, having seen what others committed; inside a transaction there is nobody."""
        if self._change is None:
            self._table.latest()
        return self

    def _state(self) -> State:
        if self._change is not None:
            return self._change.state
        version = int(self._table.raw.version)
        if self._known is None or self._known[0] != version:
            rows = self._table.rows("key = 0", ["metadata"])
            if len(rows) != 1:
                raise KnowledgeBaseError(
                    f"{self._table.place} is damaged: it has no line for its state",
                    hint="build the knowledge base anew, with --replace",
                )
            self._known = version, State(**state_values(rows[0]["metadata"]))
        return self._known[1]

    def fingerprint(self) -> str:
        """A hash of all content, whatever the order it was added in."""
        return f"{self._now()._state().fingerprint:032x}"

    def position(self) -> Position:
        """Up to where a complete index has read."""
        state = self._now()._state()
        return Position(state.row, state.removal)

    def version(self) -> int:
        """The number of the table's version, which every commit raises."""
        return int(self._table.raw.version) if self._change else self._table.latest()

    def counts(self) -> tuple[int, int]:
        """Documents and chunks."""
        state = self._now()._state()
        return state.documents, sum(state.languages.values())

    def languages(self) -> dict[str, int]:
        """Chunks by the language they were analysed in, the most frequent first."""
        held = self._now()._state().languages
        return dict(sorted(((c, n) for c, n in held.items() if n > 0), key=lambda p: (-p[1], p[0])))

    # -- reading

    def document(self, document_id: str) -> Document | None:
        """One document with its text."""
        columns = ["id", "text", "title", "source", "language", "metadata", "pages"]
        r = self._now()._find("document", document_id, columns)
        if r is None:
            return None
        return Document(
            id=r["id"], text=r["text"], title=r["title"], source=r["source"],
            language=r["language"], metadata=orjson.loads(r["metadata"]),
            pages=tuple(PageSpan(*page) for page in orjson.loads(r["pages"])),
        )  # fmt: skip

    def document_ids(self) -> Iterator[str]:
        """All document ids in the order of their bytes."""
        found = self._now()._table.rows("kind = 'document'", ["key", "id"])
        ids = {row["key"]: row["id"] for row in found}
        for key, row in (self._change.rows if self._change else {}).items():
            ids.pop(key, None)
            if row["kind"] == "document":
                ids[key] = row["id"]
        yield from sorted(ids.values(), key=str.encode)

    def chunk(self, chunk_id: str) -> Chunk | None:
        """One chunk."""
        found = self._now()._find("chunk", chunk_id, CHUNK)
        return chunk_of(found) if found else None

    def analysed(self, chunk_id: str) -> str | None:
        """The language in which a chunk is analysed, or None where there is no such chunk."""
        found = self._now()._find("chunk", chunk_id, ["analysed"])
        return str(found["analysed"]) if found else None

    def chunks_at(self, rows: Sequence[int]) -> dict[int, Chunk]:
        """Chunks by row; rows that have gone are left out."""
        return {r["key"]: chunk_of(r) for r in self._at(rows, CHUNK)}

    def ids_at(self, rows: Sequence[int]) -> dict[int, str]:
        """Chunk ids by row; rows that have gone are left out."""
        return {r["key"]: str(r["id"]) for r in self._at(rows, ["key", "id"])}

    def _at(self, rows: Sequence[int], columns: Sequence[str]) -> Iterator[Row]:
        for start in range(0, len(rows), _BLOCK):
            numbers = ",".join(str(int(row)) for row in rows[start : start + _BLOCK])
            yield from self._table.rows(f"key IN ({numbers}) AND kind = 'chunk'", columns)

    def around(self, chunk_id: str, before: int, after: int) -> tuple[Chunk, ...] | None:
        """The chunk and those before and after it in its document, in order."""
        place = self._now()._find("chunk", chunk_id, ["document", "position"])
        if place is None:
            return None
        low, high = place["position"] - before, place["position"] + after
        rows = self._table.rows(
            f"kind = 'chunk' AND owner = {digest_of(place['document'])} "
            f"AND position >= {low} AND position <= {min(high, 2**62)}",
            CHUNK,
        )
        same = [row for row in rows if row["document"] == place["document"]]
        return tuple(chunk_of(row) for row in sorted(same, key=lambda row: int(row["position"])))

    def chunks(self) -> Iterator[Chunk]:
        """All chunks by document id and position, whatever the order they were added in."""
        for row in self._in_order(CHUNK):
            yield chunk_of(row)

    def chunk_ids(self) -> Iterator[str]:
        """The ids of `chunks`, in the same order."""
        for row in self._in_order(["key", "id"]):
            yield str(row["id"])

    def _in_order(self, columns: Sequence[str]) -> Iterator[Row]:
        table = self._now()._table.pinned()
        places = table.rows("kind = 'chunk'", ["key", "document", "position"])
        places.sort(key=lambda row: (row["document"].encode(), row["position"]))
        yield from _blocks(table, [row["key"] for row in places], columns)

    def rows_after(self, row: int) -> Iterator[IndexRow]:
        """All chunks above `row`, ascending."""
        table = self._now()._table.pinned()
        keys = table.columns(f"key > {row} AND kind = 'chunk'", ["key"])["key"].to_pylist()
        keys.sort()
        for start in range(0, len(keys), _BLOCK):
            block = list(_blocks(table, keys[start : start + _BLOCK], CHUNK))
            of_document = _metadata_of(table, {row["document"] for row in block})
            for found in block:
                chunk = chunk_of(found)
                metadata = {**of_document.get(chunk.document_id, {}), **chunk.metadata}
                yield IndexRow(found["key"], chunk, found["analysed"], metadata)

    def removed_after(self, removal: int) -> Iterator[tuple[int, int]]:
        """All ``(removal, row)`` above `removal`, ascending."""
        found = self._now()._table.rows(
            f"kind = 'gone' AND removal > {removal}", ["removal", "key"]
        )
        yield from sorted((row["removal"], row["key"]) for row in found)


def _metadata_of(table: LanceTable, document_ids: Iterable[str]) -> dict[str, dict[str, Any]]:
    digests = ",".join(str(digest_of(document_id)) for document_id in document_ids)
    found = table.rows(f"kind = 'document' AND digest IN ({digests})", ["id", "metadata"])
    return {row["id"]: orjson.loads(row["metadata"]) for row in found}


def _blocks(table: LanceTable, keys: Sequence[int], columns: Sequence[str]) -> Iterator[Row]:
    """The rows with these keys in this order, a block at a time."""
    for start in range(0, len(keys), _BLOCK):
        part = keys[start : start + _BLOCK]
        found = {r["key"]: r for r in table.rows(f"key IN ({','.join(map(str, part))})", columns)}
        for key in part:
            yield found[key]
