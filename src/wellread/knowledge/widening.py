"""A chunk together with its neighbours, as one longer chunk."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from wellread.records import Chunk, Document


def joined(run: Sequence[Chunk], chunk_id: str, document: Document) -> Chunk:
    """The chunk of that id stretched over all of `run`, chunks in a row of `document`."""
    start, end = min(c.start for c in run), max(c.end for c in run)
    pages = [page for c in run for page in c.pages]
    lines = [line for c in run for line in c.lines]
    return dataclasses.replace(
        next(chunk for chunk in run if chunk.id == chunk_id),
        id=f"{document.id}#{start}-{end}",
        text=document.text[start:end],
        start=start,
        end=end,
        tokens=sum(c.tokens for c in run),
        pages=(min(pages), max(pages)) if pages else (),
        lines=(min(lines), max(lines)) if lines else (),
    )


def lies_in(chunk: Chunk, other: Chunk) -> bool:
    """Whether a chunk is a part of another."""
    same = chunk.document_id == other.document_id
    return same and other.start <= chunk.start and chunk.end <= other.end
