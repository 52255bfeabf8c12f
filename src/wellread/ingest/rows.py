"""Files of rows: .jsonl, one document a line, and .csv. Lines of .jsonl are read one by one."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from wellread.errors import DocumentError
from wellread.ingest.clean import clean
from wellread.ingest.decode import decode
from wellread.ingest.language import detect
from wellread.ingest.settings import IngestSettings
from wellread.ingest.titles import title_of
from wellread.records import Document, Rejection

_STAGE = "read"
_MAX_LINE = 64 << 20
_TEXT_KEYS = ("text", "content")


def read_rows(path: Path, file_id: str, settings: IngestSettings) -> Iterator[Document | Rejection]:
    """Documents of a file of rows; a bad row is a Rejection named ``path:line``."""
    if path.suffix.lower() == ".jsonl":
        return _read_jsonl(path, file_id, settings)
    return _read_csv(path, file_id, settings)


def _read_jsonl(
    path: Path, file_id: str, settings: IngestSettings
) -> Iterator[Document | Rejection]:
    number = 0
    with path.open("rb") as file:
        while line := file.readline(_MAX_LINE + 1):
            number += 1
            where = f"{file_id}:{number}"
            if len(line) > _MAX_LINE:
                yield Rejection(_STAGE, where, "too_large", f"a line above {_MAX_LINE:,} bytes")
                while line and not line.endswith(b"\n"):
                    line = file.readline(_MAX_LINE)
                continue
            line = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
            if line.strip():
                yield _row(line, where, file_id, number, settings)
    if not number:
        yield Rejection(_STAGE, file_id, "no_text", "no lines")


def _row(
    line: bytes, where: str, file_id: str, number: int, settings: IngestSettings
) -> Document | Rejection:
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        return Rejection(_STAGE, where, "bad_line", f"not JSON: {error}")
    if not isinstance(row, dict):
        return Rejection(_STAGE, where, "bad_line", "not a JSON object")
    return document_of_row(row, where, file_id, number, settings)


def document_of_row(
    row: Mapping[str, Any], where: str, file_id: str, number: int, settings: IngestSettings
) -> Document | Rejection:
    """The document in one row; `where` names the row in a Rejection."""
    key = next((key for key in _TEXT_KEYS if isinstance(row.get(key), str)), None)
    if key is None:
        return Rejection(_STAGE, where, "bad_line", "no key 'text' or 'content' that holds text")
    cleaned = clean(row[key])
    if not cleaned.text:
        return Rejection(_STAGE, where, "no_text", f"{key!r} is empty")
    own = row.get("metadata")
    metadata = {**(own if isinstance(own, dict) else {}), "origin": where}
    return Document(
        id=_name(row.get("id")) or f"{file_id}#{number}",
        text=cleaned.text,
        title=_name(row.get("title")),
        source=_name(row.get("source")) or file_id,
        language=settings.language or detect(cleaned.text),
        metadata=metadata,
    )


def _name(value: Any) -> str:
    """An id, title or source as text; numbers are common as ids."""
    return str(value).strip() if isinstance(value, str | int) else ""


def _read_csv(path: Path, file_id: str, settings: IngestSettings) -> Iterator[Document | Rejection]:
    text, _ = decode(path.read_bytes())
    csv.field_size_limit(_MAX_LINE)
    try:
        dialect: Any = csv.Sniffer().sniff(text[:4096], delimiters=",;\t|")
    except csv.Error:
        dialect = csv.excel
    reader = csv.DictReader(io.StringIO(text, newline=""), dialect=dialect)
    try:
        names = reader.fieldnames or []
        if any(key in names for key in _TEXT_KEYS):
            for number, row in enumerate(reader, start=2):
                yield document_of_row(row, f"{file_id}:{number}", file_id, number, settings)
            return
        paragraphs = [_sentence(row) for row in reader]
    except csv.Error as error:
        raise DocumentError("damaged", f"line {reader.line_num}: {error}") from error
    cleaned = clean("\n\n".join(paragraphs))
    if cleaned.text:
        language = settings.language or detect(cleaned.text)
        yield Document(file_id, cleaned.text, title_of("", file_id), file_id, language)
    else:
        yield Rejection(_STAGE, file_id, "no_text", "a header and no rows")


def _sentence(row: Mapping[Any, Any]) -> str:
    """One row as a paragraph that stands on its own: ``column: value; column: value``."""
    return "; ".join(f"{key}: {value}" for key, value in row.items() if key and value)
