"""From what a person names to what goes into a knowledge base: documents with their chunks.

    a folder          every file in it that can be read
    documents.jsonl   one document a line: content, and maybe id, title, source, metadata
    any other file    that file

1. Read. A folder's unreadable files are left out, each with its reason. Of a file that is given by
   itself everything must be good: a bad row is an error with its line, unless `skip_bad`.
2. Cut each document into chunks, or keep it `whole`. Their lines become those of the file.

A row without an id is ``doc_`` and its line number. An id that occurs twice is an error that names
both lines.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson

from wellread.errors import DocumentError, InputError
from wellread.ingest.chunk import split
from wellread.ingest.formats import KNOWN, check_magic
from wellread.ingest.read import read_file, read_folder
from wellread.ingest.rows import document_of_row
from wellread.ingest.settings import IngestSettings
from wellread.ingest.tokens import counter_for
from wellread.knowledge.file_lines import in_file
from wellread.records import Chunk, Document, Rejection

HARMLESS = frozenset({"unsupported_format", "hidden", "link", "empty_file"})
"""Reasons of files that are no documents, or hold nothing."""
NOTES = frozenset({"page_without_text", "heading_without_text"})
"""Reasons that leave out a part of a document and not the whole."""
_OF_ROWS = frozenset({"bad_line", "duplicate_id", "no_text"})
_STAGE = "read"
_TEXT_KEYS = ("content", "text")
_MAX_LINE = 64 << 20
_SHOWN = 5
_FIELDS: dict[str, tuple[type, ...]] = {
    "id": (str, int),
    "title": (str, int),
    "source": (str, int),
    "metadata": (dict,),
}
Progress = Callable[[int, int], None]


class Reading:
    """Documents at `path` with their chunks; counts what came and keeps what was left out."""

    def __init__(
        self,
        path: Path,
        settings: IngestSettings | None = None,
        *,
        whole: bool = False,
        skip_bad: bool = False,
        skip: Path | None = None,
        progress: Progress | None = None,
    ) -> None:
        """`skip` is a folder below `path` to leave out; `progress` gets files done and found."""
        self.path = path
        self.settings = settings or IngestSettings()
        self.whole = whole
        self.documents = 0
        self.chunks = 0
        self.left_out: list[Rejection] = []
        self._skip_bad = skip_bad
        self._skip = skip
        self.progress = progress

    @property
    def lost(self) -> list[Rejection]:
        """What was left out and should have been read."""
        return [r for r in self.left_out if r.reason not in HARMLESS | NOTES]

    def origin(self) -> dict[str, Any]:
        """What the manifest of a knowledge base says of where it comes from."""
        return {
            "documents": str(self.path),
            "whole": self.whole,
            "chunking": self.settings.model_dump(
                mode="json", include={"chunk_size", "chunk_overlap", "min_chunk_tokens"}
            ),
        }

    def pairs(self) -> Iterator[tuple[Document, tuple[Chunk, ...]]]:
        """Each document with its chunks, as a stream.

        Raises InputError where there is nothing at the path, or where a file given by itself
        holds something bad.
        """
        cut = self._one_chunk if self.whole else self._chunks
        for document in self._documents():
            chunks = in_file(document, cut(document), self._file_of(document))
            self.documents += 1
            self.chunks += len(chunks)
            yield document, chunks

    # -- reading

    def _documents(self) -> Iterator[Document]:
        if self.path.is_dir():
            found = read_folder(self.path, self.settings, skip=self._skip, progress=self.progress)
            return self._good(map(_without_line, found))
        if self.path.suffix.lower() == ".jsonl" and self.path.is_file():
            return self._strict(self._rows())
        return self._strict(map(_without_line, read_file(self.path, self.settings)))

    def _good(self, found: Iterator[Document | Rejection]) -> Iterator[Document]:
        for read in found:
            if isinstance(read, Rejection):
                self.left_out.append(read)
            else:
                yield read

    def _strict(self, found: Iterator[Document | Rejection]) -> Iterator[Document]:
        """Nothing but notes may be left out, unless what is bad is to be skipped."""
        for read in found:
            if isinstance(read, Document):
                yield read
            elif self._skip_bad or read.reason in NOTES:
                self.left_out.append(read)
            else:
                raise self._bad(read, found)

    def _bad(self, first: Rejection, rest: Iterator[Document | Rejection]) -> InputError:
        """An error that tells the first of what is bad, and how much more there is."""
        others = (r for r in rest if isinstance(r, Rejection) and r.reason not in NOTES)
        bad = [first, *itertools.islice(others, _SHOWN - 1)]
        more = sum(1 for _ in others)
        lines = [_told(self.path, rejection) for rejection in bad]
        if more:
            lines.append(f"and {more:,} more")
        return InputError("\n".join(lines), hint=_advice(first.reason))

    def _rows(self) -> Iterator[Document | Rejection]:
        """The documents of a .jsonl file, each id once."""
        name, lines = self.path.name, dict[str, int]()
        for number, line in _lines(self.path):
            row = self._row(line, name, number)
            if isinstance(row, Document):
                if row.id in lines:
                    detail = f"id {row.id!r} was already used in line {lines[row.id]}"
                    row = Rejection(_STAGE, f"{name}:{number}", "duplicate_id", detail)
                else:
                    lines[row.id] = number
            yield row

    def _row(self, line: bytes, name: str, number: int) -> Document | Rejection:
        where = f"{name}:{number}"
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            return Rejection(_STAGE, where, "bad_line", f"not JSON: {error}")
        if problem := _problem(row):
            return Rejection(_STAGE, where, "bad_line", problem)
        named = {**row, "id": row.get("id") or f"doc_{number}"}
        made = document_of_row(named, where, name, number, self.settings)
        if isinstance(made, Rejection):
            return made
        # As the row has them: a citation names the id of a row without a source, and a line number
        # would make a row that only moved look changed.
        source = str(row.get("source") or "").strip()
        return dataclasses.replace(made, source=source, metadata=row.get("metadata") or {})

    def _file_of(self, document: Document) -> Path:
        """The file of a document; one that is no file for a row, which has no lines of its own."""
        return self.path / document.id if self.path.is_dir() else self.path

    # -- cutting

    def _chunks(self, document: Document) -> tuple[Chunk, ...]:
        counter = counter_for(self.settings.tokenizer)
        pieces = list(split(document, self.settings, counter))
        self.left_out += [piece for piece in pieces if isinstance(piece, Rejection)]
        return tuple(piece for piece in pieces if isinstance(piece, Chunk))

    def _one_chunk(self, document: Document) -> tuple[Chunk, ...]:
        counter = counter_for(self.settings.tokenizer)
        return (whole_chunk(document, counter.count(document.text)),)


def whole_chunk(document: Document, tokens: int = 0) -> Chunk:
    """One chunk that holds the whole document."""
    text = document.text
    pages = [page.page for page in document.pages]
    return Chunk(
        id=f"{document.id}#0-{len(text)}",
        document_id=document.id,
        text=text,
        start=0,
        end=len(text),
        title=document.title,
        source=document.source,
        language=document.language,
        tokens=tokens,
        pages=(min(pages), max(pages)) if pages else (),
        metadata={key: v for key, v in document.metadata.items() if key != "cleaned"},
        lines=(1, text.count("\n") + 1),
    )


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """``(number from 1, line)`` of a .jsonl file, blank lines left out."""
    try:
        check_magic(path)
        with path.open("rb") as file:
            number = 0
            while line := file.readline(_MAX_LINE + 1):
                number += 1
                if len(line) > _MAX_LINE:
                    raise InputError(f"{path}:{number}: a line above {_MAX_LINE:,} bytes")
                line = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
                if line.strip():
                    yield number, line
    except (OSError, DocumentError) as error:
        raise InputError(f"{path}: {error}") from error


def _problem(row: Any) -> str:
    """What keeps a row from being a document; "" where nothing does."""
    if not isinstance(row, dict):
        return "not a JSON object"
    for name, kinds in _FIELDS.items():
        value = row.get(name)
        if value is not None and not (isinstance(value, kinds) and not isinstance(value, bool)):
            wanted = "an object" if name == "metadata" else "text"
            return f"{name!r} is {value!r:.60}; it has to be {wanted}"
    if not any(isinstance(row.get(key), str) for key in _TEXT_KEYS):
        keys = ", ".join(map(repr, row)) or "nothing"
        return f"no 'content' that holds text; it has {keys:.100}"
    return ""


def _without_line(read: Document | Rejection) -> Document | Rejection:
    """A document of a row without its line number, which changes when rows above it do."""
    if isinstance(read, Rejection) or "origin" not in read.metadata:
        return read
    metadata = {**read.metadata, "origin": str(read.metadata["origin"]).rpartition(":")[0]}
    return dataclasses.replace(read, metadata=metadata)


def _advice(reason: str) -> str:
    if reason == "unsupported_format":
        return f"what can be read: {' '.join(sorted(KNOWN))}, or a folder of such files"
    if reason in _OF_ROWS:
        return "mend it, or leave bad rows out with: --skip-bad"
    return "mend it, or choose another file"


def _told(path: Path, rejection: Rejection) -> str:
    where = path.parent / rejection.id if rejection.id.startswith(path.name) else rejection.id
    if rejection.reason in _OF_ROWS and rejection.detail:
        return f"{where}: {rejection.detail}"
    return f"{where}: {rejection.reason}: {rejection.detail}".removesuffix(": ")
