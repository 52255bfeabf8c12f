"""What goes into a knowledge base: a document with its chunks, checked and hashed.

A pair ``(document, chunks)`` becomes an `Entry` or an InputError that names the document and what
is wrong with it; nothing half-right reaches the store.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import orjson

from wellread.errors import InputError
from wellread.ingest.language import detect
from wellread.knowledge.analysis import language_code
from wellread.records import Chunk, Document

Pair = tuple[Document, Iterable[Chunk]]
_MAX_OFFSET = 2**62


@dataclass(frozen=True, slots=True)
class Entry:
    """A document ready to be stored; `hash` covers it and its chunks.

    `chunks` are in the order of the text, `analysed` says in which language each is indexed.
    """

    document: Document
    chunks: tuple[Chunk, ...]
    analysed: tuple[str, ...]
    hash: str


def make_entry(pair: Pair, language: str) -> Entry:
    """Check and hash one document; `language` is the language of all chunks, "" for their own."""
    document, given = pair
    chunks = tuple(sorted(given, key=lambda chunk: (chunk.start, chunk.end)))
    _check(document, chunks)
    return Entry(document, chunks, _languages(document, chunks, language), _hash(document, chunks))


def _check(document: Document, chunks: tuple[Chunk, ...]) -> None:
    if not document.id:
        raise InputError(f"a document without an id (title {document.title!r})")
    seen: set[str] = set()
    for chunk in chunks:
        where = f"document {document.id!r}, chunk {chunk.id!r}"
        if chunk.document_id != document.id:
            raise InputError(f"{where}: says it belongs to document {chunk.document_id!r}")
        if chunk.id in seen:
            raise InputError(f"{where}: the chunk id occurs twice in the document")
        inside = 0 <= chunk.start <= chunk.end <= len(document.text)
        if not inside or document.text[chunk.start : chunk.end] != chunk.text:
            raise InputError(
                f"{where}: its text is not characters {chunk.start} to {chunk.end} of the document"
            )
        seen.add(chunk.id)


def _languages(document: Document, chunks: tuple[Chunk, ...], fixed: str) -> tuple[str, ...]:
    """The chunk's language, else the document's, else a guess from the document's beginning."""
    if fixed:
        return (language_code(fixed),) * len(chunks)
    fallback = document.language
    if not fallback and any(not chunk.language for chunk in chunks):
        fallback = detect(document.text)
    return tuple(language_code(chunk.language or fallback) for chunk in chunks)


def _hash(document: Document, chunks: tuple[Chunk, ...]) -> str:
    # A chunk's text is part of the document's, as `_check` has seen.
    cut = [
        (
            *(c.id, c.start, c.end, c.title, c.source, c.heading),
            *(c.language, c.tokens, c.pages, c.lines, c.metadata),
        )
        for c in chunks
    ]
    try:
        content = orjson.dumps((document, cut), option=orjson.OPT_SORT_KEYS)
    except (TypeError, orjson.JSONEncodeError) as error:
        raise InputError(
            f"document {document.id!r}: holds something that is not text or JSON ({error})"
        ) from error
    return hashlib.blake2b(content, digest_size=16).hexdigest()
