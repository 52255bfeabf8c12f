"""What the rows of `lance_store` look like, and the way from our nouns to them and back."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import orjson
import pyarrow as pa

from wellread.errors import InputError
from wellread.knowledge.engines.lance_table import Row
from wellread.knowledge.entries import Entry
from wellread.knowledge.filters import facts_of
from wellread.knowledge.store import IndexRow
from wellread.records import Chunk

_TEXT = (
    "kind id document title source heading language pages lines metadata analysed text hash "
    "words above"
).split()
_NUMBERS = "key digest owner position start stop tokens removal".split()
SCHEMA = pa.schema(
    [
        *((name, pa.int64()) for name in _NUMBERS),
        *((name, pa.string()) for name in _TEXT),
        ("facts", pa.list_(pa.string())),
    ]
)
CHUNK = (
    "key id document text start stop title source heading language tokens pages lines metadata "
    "position analysed"
).split()
STORED = [name for name in SCHEMA.names if name not in ("words", "above")]


@dataclass(slots=True)
class State:
    """What is true of the whole table."""

    fingerprint: int = 0
    row: int = 0
    document: int = 0
    removal: int = 0
    documents: int = 0
    languages: dict[str, int] = field(default_factory=dict)
    home: str = ""


def digest_of(identifier: str) -> int:
    """A signed 64-bit hash: short to compare, and no quoting in a filter."""
    try:
        content = identifier.encode()
    except UnicodeEncodeError as error:
        raise InputError(f"cannot hold or find this value: {error}") from error
    digest = hashlib.blake2b(content, digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def count_languages(state: State, codes: Sequence[str], sign: int) -> None:
    """Count chunks in or out by their language."""
    for code, number in Counter(codes).items():
        state.languages[code] = state.languages.get(code, 0) + sign * number


def copied(state: State) -> State:
    """A state that can be changed without changing this one."""
    return State(**{**asdict(state), "languages": dict(state.languages)})


def state_row(state: State) -> Row:
    """The state as a row."""
    value = {**asdict(state), "fingerprint": f"{state.fingerprint:032x}"}
    return {"key": 0, "kind": "state", "metadata": _json(value)}


def state_values(text: str) -> dict[str, Any]:
    """What makes a state of its row's metadata."""
    value = orjson.loads(text)
    return {**value, "fingerprint": int(value["fingerprint"], 16)}


def document_row(entry: Entry, key: int) -> Row:
    """A document as a row."""
    document = entry.document
    return {
        "key": key, "kind": "document", "id": document.id, "digest": digest_of(document.id),
        "hash": entry.hash, "title": document.title, "source": document.source,
        "language": document.language, "metadata": _json(document.metadata),
        "pages": _json([(p.page, p.start, p.end) for p in document.pages]), "text": document.text,
    }  # fmt: skip


def chunk_row(entry: Entry, position: int, key: int) -> Row:
    """The chunk at this place of an entry as a row, without its terms."""
    chunk, code = entry.chunks[position], entry.analysed[position]
    facts = facts_of(IndexRow(key, chunk, code, {**entry.document.metadata, **chunk.metadata}))
    return {
        "key": key, "kind": "chunk", "id": chunk.id, "digest": digest_of(chunk.id),
        "document": chunk.document_id, "owner": digest_of(chunk.document_id), "position": position,
        "start": chunk.start, "stop": chunk.end, "title": chunk.title, "source": chunk.source,
        "heading": chunk.heading, "language": chunk.language, "tokens": chunk.tokens,
        "pages": _json(chunk.pages), "lines": _json(chunk.lines), "metadata": _json(chunk.metadata),
        "analysed": code, "facts": facts, "text": chunk.text,
    }  # fmt: skip


def chunk_of(r: Row) -> Chunk:
    """The chunk that a row holds."""
    return Chunk(
        id=r["id"], document_id=r["document"], text=r["text"], start=r["start"], end=r["stop"],
        title=r["title"], source=r["source"], heading=r["heading"], language=r["language"],
        tokens=r["tokens"], pages=tuple(orjson.loads(r["pages"])),
        lines=tuple(orjson.loads(r["lines"])), metadata=orjson.loads(r["metadata"]),
    )  # fmt: skip


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
