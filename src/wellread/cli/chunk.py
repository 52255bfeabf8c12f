"""``wellread chunk``: documents to chunks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wellread.cli.output import say

if TYPE_CHECKING:
    from wellread.ingest.settings import IngestSettings
    from wellread.records import Document, Rejection

_TAKES = (
    "give a folder, one .txt .md .pdf .docx .html .epub .pptx or .csv file, or the documents that "
    "this makes: wellread read FOLDER documents.jsonl"
)


def chunk(
    documents: Annotated[
        Path, typer.Argument(help="JSONL of documents, as `read` writes it; or a folder or file.")
    ],
    output: Annotated[Path, typer.Argument(help="Where to write chunks, one a line.")],
    chunk_size: Annotated[int, typer.Option(help="Most tokens in a chunk.")] = 400,
    chunk_overlap: Annotated[int, typer.Option(help="Most tokens repeated.")] = 0,
) -> None:
    """Cut documents into chunks by headings, paragraphs and sentences.

    A folder or a document file (.txt, .md, .pdf, …) is read first, as `read` does it.

    Example: wellread chunk documents.jsonl chunks.jsonl
    """
    from pydantic import ValidationError

    from wellread.errors import InputError
    from wellread.ingest.chunk import split
    from wellread.ingest.settings import IngestSettings
    from wellread.records import Rejection
    from wellread.storage.files import JsonlWriter

    try:
        settings = IngestSettings(
            chunk_size=chunk_size,
            chunk_overlap=chunk_overlap,
            min_chunk_tokens=min(24, chunk_size // 2),
        )
    except ValidationError as error:
        raise InputError(error.errors()[0]["msg"].removeprefix("Value error, ")) from error
    rejected = 0
    given = _documents(documents, output, settings)
    with JsonlWriter(output) as writer:
        for document in given:
            pieces = [document] if isinstance(document, Rejection) else split(document, settings)
            for piece in pieces:
                if isinstance(piece, Rejection):
                    rejected += 1
                    say(f"{piece.id}: {piece.reason} {piece.detail}")
                else:
                    writer.write(piece)
    say(f"{writer.rows:,} chunks in {output}, {rejected:,} rejections")


def _documents(
    path: Path, output: Path, settings: IngestSettings
) -> Iterator[Document | Rejection]:
    """What is to be cut: documents that `read` wrote, or those of a folder or file, read now."""
    from wellread.errors import InputError
    from wellread.ingest.read import read_folder

    if not path.exists():
        raise InputError(f"{path}: no such file or folder", hint=_TAKES)
    if path.is_dir():
        return read_folder(path, _without(path, output, settings))
    if path.suffix.lower() == ".jsonl" or _is_written_by_read(path):
        return _written_by_read(path)
    return _read_one(path, settings)


def _without(folder: Path, output: Path, settings: IngestSettings) -> IngestSettings:
    """What an earlier run wrote into the folder is no document of it."""
    import glob

    if not output.resolve().is_relative_to(folder.resolve()):
        return settings
    own = output.resolve().relative_to(folder.resolve()).as_posix()
    return settings.model_copy(update={"exclude": (*settings.exclude, glob.escape(own))})


def _is_written_by_read(path: Path) -> bool:
    """Whether the first line is a document, whatever the file is called."""
    from wellread.errors import InputError
    from wellread.storage.files import read_jsonl

    try:
        return next(({"id", "text"} <= row.keys() for _, row in read_jsonl(path)), False)
    except InputError:
        return False


def _written_by_read(path: Path) -> Iterator[Document]:
    from wellread.errors import InputError
    from wellread.records import Document
    from wellread.storage.files import read_jsonl, read_record

    try:
        for number, row in read_jsonl(path):
            yield read_record(Document, row, f"{path}:{number}")
    except InputError as error:
        raise InputError(error.message, hint=error.hint or _TAKES) from error


def _read_one(path: Path, settings: IngestSettings) -> Iterator[Document | Rejection]:
    """The documents of one file; InputError where there are none."""
    from wellread.errors import InputError
    from wellread.ingest.read import read_file
    from wellread.records import Rejection

    found = list(read_file(path, settings))
    if found and all(isinstance(one, Rejection) for one in found):
        first = next(one for one in found if isinstance(one, Rejection))
        raise InputError(f"{path}: {first.reason} {first.detail}".rstrip(), hint=_TAKES)
    return iter(found)
