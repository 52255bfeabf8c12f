"""A folder of files to documents, one at a time; what cannot be read comes with its reason.

    folder -> files, sorted -> text, rows or a reply of the reading process -> clean -> Document

1. `find_files` walks the folder: nested, sorted, hidden files and links out of it left out.
2. Text, CSV and JSON lines are decoded here, as nothing in them can hang or crash; every other
   format is parsed in a process of its own (`worker`), under limits of time and memory.
3. The text is cleaned, its language found, and a title chosen: the file's own, its first
   heading, or its name.

Nothing vanishes: each file found becomes documents, or a Rejection with one of these reasons:
`unsupported_format` `hidden` `link` `empty_file` `unreadable` `encrypted` `damaged`
`wrong_format` `too_large` `no_text` `timeout` `out_of_memory` `parser_crash`; a row of a file is
named ``path:line`` and may also be `bad_line`, `no_text` or `duplicate_id`; a page is named
``path:page`` and `page_without_text`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from wellread.errors import DocumentError, InputError
from wellread.ingest.clean import Cleaned, clean, clean_pages
from wellread.ingest.decode import decode
from wellread.ingest.files import File, find_file, find_files
from wellread.ingest.formats import ROWS, TEXT, check_magic
from wellread.ingest.language import detect
from wellread.ingest.rows import read_rows
from wellread.ingest.settings import IngestSettings
from wellread.ingest.titles import title_of
from wellread.ingest.worker import Worker
from wellread.records import Document, Metadata, Rejection

STAGE = "read"
Progress = Callable[[int, int], None]


def read_folder(
    folder: Path,
    settings: IngestSettings,
    *,
    skip: Path | None = None,
    progress: Progress | None = None,
) -> Iterator[Document | Rejection]:
    """Documents and Rejections of every file below `folder`, in the order of their paths.

    The folder `skip` below it is left out. `progress` is called with files done and files found.
    Raises InputError where the folder is
    missing or holds no files at all.
    """
    files = find_files(folder, settings, skip=skip)
    if not files:
        raise InputError(
            f"{folder}: no files in this folder",
            hint="put .txt .md .pdf .docx .html .epub .pptx .csv or .jsonl files there",
        )
    return _read_all(files, settings, progress)


def read_file(path: Path, settings: IngestSettings) -> Iterator[Document | Rejection]:
    """Documents and Rejections of one file, whose id is its name; InputError where it is absent."""
    return _read_all([find_file(path, settings)], settings, None)


def _read_all(
    files: list[File], settings: IngestSettings, progress: Progress | None
) -> Iterator[Document | Rejection]:
    seen: set[str] = set()
    with Worker(settings) as worker:
        for done, file in enumerate(files, start=1):
            for record in _read_file(file, settings, worker):
                if isinstance(record, Document):
                    if record.id in seen:
                        where = str(record.metadata.get("origin", file.id))
                        yield Rejection(STAGE, where, "duplicate_id", f"id {record.id!r} again")
                        continue
                    seen.add(record.id)
                yield record
            if progress:
                progress(done, len(files))


def _read_file(
    file: File, settings: IngestSettings, worker: Worker
) -> Iterator[Document | Rejection]:
    """Everything that comes of one file."""
    if file.reason:
        yield Rejection(STAGE, file.id, file.reason, file.detail)
        return
    try:
        suffix = file.path.suffix.lower()
        if suffix in ROWS:
            check_magic(file.path)
            yield from read_rows(file.path, file.id, settings)
        elif suffix in TEXT:
            check_magic(file.path)
            yield from _read_text(file, settings)
        else:
            yield from _read_parsed(file, settings, worker)
    except DocumentError as error:
        yield Rejection(STAGE, file.id, error.reason, error.message)
    except OSError as error:
        yield Rejection(STAGE, file.id, "unreadable", str(error))


def _read_text(file: File, settings: IngestSettings) -> Iterator[Document | Rejection]:
    text, encoding = decode(file.path.read_bytes())
    metadata = {} if encoding == "utf-8" else {"encoding": encoding}
    yield _document(file, clean(text), "", metadata, settings)


def _read_parsed(
    file: File, settings: IngestSettings, worker: Worker
) -> Iterator[Document | Rejection]:
    reply = worker.read(file.path)
    for problem in reply["problems"]:
        yield Rejection(STAGE, f"{file.id}:{problem['page']}", problem["reason"], problem["detail"])
    pages = reply.get("pages")
    cleaned = clean(reply["text"]) if pages is None else clean_pages(pages)
    yield _document(file, cleaned, reply["title"], reply["metadata"], settings)


def _document(
    file: File, cleaned: Cleaned, title: str, metadata: Metadata, settings: IngestSettings
) -> Document | Rejection:
    if not cleaned.text:
        return Rejection(STAGE, file.id, "no_text", "the file is not empty, and no text was found")
    title = title or cleaned.fields.get("title", "")
    if cleaned.fields:
        metadata = {**metadata, **cleaned.fields}
    if cleaned.done:
        metadata = {**metadata, "cleaned": cleaned.done}
    return Document(
        id=file.id,
        text=cleaned.text,
        title=title.strip() or title_of(cleaned.text, file.id),
        source=file.id,
        language=settings.language or detect(cleaned.text),
        metadata=metadata,
        pages=cleaned.pages,
    )
