"""What every store offers: documents and chunks, the source of truth of a knowledge base.

Rows of chunks are numbered upwards and never used twice, so "all rows above 7,300 and all removals
above 12" is what an index that has read up to `Position(7300, 12)` has yet to read.

    SqliteStore    a file in the folder (the default)
    others         see `wellread.knowledge.engines`
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from wellread.records import Chunk, Document, Metadata

if TYPE_CHECKING:
    from wellread.knowledge.entries import Entry


@dataclass(frozen=True, slots=True)
class Position:
    """How far an index has read: the last chunk row and the last removal."""

    row: int = 0
    removal: int = 0


@dataclass(frozen=True, slots=True)
class IndexRow:
    """What an index needs to know of a chunk; `metadata` holds its document's too."""

    row: int
    chunk: Chunk
    analysed: str
    metadata: Metadata


class Store(Protocol):
    """Documents and chunks.

    Every method raises KnowledgeBaseError, StorageError or InputError in place of the errors of
    what lies below. `insert`, `delete` and `settle_languages` are called inside `writing`.
    """

    def writing(self) -> AbstractContextManager[None]:
        """One transaction: everything in the block is kept, or nothing where it raises."""
        ...

    def insert(self, entry: Entry) -> None:
        """Add a document that is not there yet with its chunks."""
        ...

    def delete(self, document_id: str) -> int:
        """Remove a document and return how many chunks went with it."""
        ...

    def settle_languages(self, after_row: int) -> None:
        """Analyse chunks above `after_row` whose language is not known in the most frequent one."""
        ...

    def document_hash(self, document_id: str) -> str | None:
        """The content hash under which a document is stored, or None."""
        ...

    def owners(self, chunk_ids: Sequence[str]) -> dict[str, str]:
        """For those of the chunk ids that are in the store, the document that holds each."""
        ...

    def fingerprint(self) -> str:
        """A hash of all content, whatever the order it was added in."""
        ...

    def position(self) -> Position:
        """Up to where a complete index has read."""
        ...

    def version(self) -> int:
        """A number that changes when another connection has committed; costs little."""
        ...

    def counts(self) -> tuple[int, int]:
        """Documents and chunks."""
        ...

    def languages(self) -> dict[str, int]:
        """Chunks by the language they were analysed in, the most frequent first."""
        ...

    def document(self, document_id: str) -> Document | None:
        """One document with its text."""
        ...

    def document_ids(self) -> Iterator[str]:
        """All document ids in the order of their bytes."""
        ...

    def chunk(self, chunk_id: str) -> Chunk | None:
        """One chunk."""
        ...

    def analysed(self, chunk_id: str) -> str | None:
        """The language in which a chunk is analysed, or None where there is no such chunk."""
        ...

    def chunks_at(self, rows: Sequence[int]) -> dict[int, Chunk]:
        """Chunks by row; rows that have gone are left out."""
        ...

    def ids_at(self, rows: Sequence[int]) -> dict[int, str]:
        """Chunk ids by row; rows that have gone are left out."""
        ...

    def around(self, chunk_id: str, before: int, after: int) -> tuple[Chunk, ...] | None:
        """The chunk and those before and after it in its document, in order."""
        ...

    def chunks(self) -> Iterator[Chunk]:
        """All chunks by document id and position, whatever the order they were added in."""
        ...

    def chunk_ids(self) -> Iterator[str]:
        """The ids of `chunks`, in the same order."""
        ...

    def rows_after(self, row: int) -> Iterator[IndexRow]:
        """All chunks above `row`, ascending."""
        ...

    def removed_after(self, removal: int) -> Iterator[tuple[int, int]]:
        """All ``(removal, row)`` above `removal`, ascending."""
        ...

    def close(self) -> None:
        """Let go of the store."""
        ...


def closing_rows(rows: Iterator[IndexRow]) -> closing[Generator[IndexRow]]:
    """For reading a part of `rows`: a block at whose end the store lets go of the rest."""

    def passed_on() -> Generator[IndexRow]:
        yield from rows

    return closing(passed_on())
