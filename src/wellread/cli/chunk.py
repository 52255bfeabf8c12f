"""``wellread chunk``: documents to chunks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wellread.cli.output import say


def chunk(
    documents: Annotated[Path, typer.Argument(help="JSONL of documents, as `read` writes it.")],
    output: Annotated[Path, typer.Argument(help="Where to write chunks, one a line.")],
    chunk_size: Annotated[int, typer.Option(help="Most tokens in a chunk.")] = 400,
    chunk_overlap: Annotated[int, typer.Option(help="Most tokens repeated.")] = 0,
) -> None:
    """Cut documents into chunks by headings, paragraphs and sentences.

    Example: wellread chunk documents.jsonl chunks.jsonl
    """
    from pydantic import ValidationError

    from wellread.errors import InputError
    from wellread.ingest.chunk import split
    from wellread.ingest.settings import IngestSettings
    from wellread.records import Document, Rejection
    from wellread.storage.files import JsonlWriter, read_jsonl, read_record

    try:
        settings = IngestSettings(
            chunk_size=chunk_size,
            chunk_overlap=chunk_overlap,
            min_chunk_tokens=min(24, chunk_size // 2),
        )
    except ValidationError as error:
        raise InputError(error.errors()[0]["msg"].removeprefix("Value error, ")) from error
    rejected = 0
    with JsonlWriter(output) as writer:
        for number, row in read_jsonl(documents):
            for piece in split(read_record(Document, row, f"{documents}:{number}"), settings):
                if isinstance(piece, Rejection):
                    rejected += 1
                    say(f"{piece.id}: {piece.reason} {piece.detail}")
                else:
                    writer.write(piece)
    say(f"{writer.rows:,} chunks in {output}, {rejected:,} rejections")
