"""``wellread kb``: a knowledge base on its own."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wellread.cli.output import Json, print_json, say

if TYPE_CHECKING:
    from wellread.records import Chunk, Document

kb = typer.Typer(
    help="Build, change and search a knowledge base.", rich_markup_mode=None, no_args_is_help=True
)
Base = Annotated[Path, typer.Argument(help="Folder of the knowledge base.")]
Documents = Annotated[Path, typer.Argument(help="Folder of documents.")]


def _pairs(folder: Path) -> Iterator[tuple[Document, tuple[Chunk, ...]]]:
    """Documents of a folder with their chunks; what cannot be read is told on stderr."""
    from wellread.ingest.chunk import split
    from wellread.ingest.read import read_folder
    from wellread.ingest.settings import IngestSettings
    from wellread.records import Chunk, Rejection

    settings = IngestSettings()
    for read in read_folder(folder, settings):
        if isinstance(read, Rejection):
            say(f"{read.id}: {read.reason} {read.detail}")
            continue
        yield read, tuple(c for c in split(read, settings) if isinstance(c, Chunk))


def _tell(changes: Any, as_json: bool) -> None:
    values = dataclasses.asdict(changes)
    if as_json:
        print_json(values)
    else:
        say(", ".join(f"{count:,} {name}" for name, count in values.items()))


@kb.command()
def build(
    base: Base,
    documents: Documents,
    replace: Annotated[bool, typer.Option("--replace", help="Over an existing one.")] = False,
    as_json: Json = False,
) -> None:
    """Build a knowledge base from a folder of documents.

    Example: wellread kb build my_kb docs
    """
    from wellread.knowledge.base import KnowledgeBase

    with KnowledgeBase.build(base, _pairs(documents), replace=replace) as made:
        _info(made, as_json)


@kb.command()
def add(base: Base, documents: Documents, as_json: Json = False) -> None:
    """Add documents that are not in it yet; one that is makes this an error.

    Example: wellread kb add my_kb more_docs
    """
    from wellread.knowledge.base import KnowledgeBase

    with KnowledgeBase.open(base) as opened:
        _tell(opened.add(_pairs(documents)), as_json)


@kb.command()
def update(
    base: Base,
    documents: Documents,
    prune: Annotated[
        bool, typer.Option("--prune", help="Remove documents that are not in the folder.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Add new documents and replace changed ones; the rest is not touched.

    Example: wellread kb update my_kb docs --prune
    """
    from wellread.knowledge.base import KnowledgeBase

    with KnowledgeBase.open(base) as opened:
        _tell(opened.update(_pairs(documents), prune=prune), as_json)


@kb.command()
def remove(
    base: Base,
    document: Annotated[str, typer.Argument(help="Id of the document.")],
    as_json: Json = False,
) -> None:
    """Remove one document.

    Example: wellread kb remove my_kb guides/old.md
    """
    from wellread.knowledge.base import KnowledgeBase

    with KnowledgeBase.open(base) as opened:
        _tell(opened.remove(document), as_json)


@kb.command()
def search(
    base: Base,
    query: Annotated[str, typer.Argument(help="What to look for, in plain words.")],
    top_k: Annotated[int, typer.Option("--top-k", "-k", help="How many passages.")] = 5,
    as_json: Json = False,
) -> None:
    """Search; the best passages with their sources.

    Example: wellread kb search my_kb "how long is the warranty"
    """
    from wellread.knowledge.base import KnowledgeBase

    with KnowledgeBase.open(base) as opened:
        passages = opened.search(query, top_k)
    if as_json:
        print_json([dataclasses.asdict(passage) for passage in passages])
        return
    for passage in passages:
        chunk = passage.chunk
        place = f", page {chunk.pages[0]}" if chunk.pages else ""
        typer.echo(f"{passage.rank}. {chunk.source}{place} ({passage.score:.2f}) {chunk.heading}")
        typer.echo(f"   {' '.join(chunk.text.split())[:240]}")
    if not passages:
        say("nothing found")


@kb.command()
def info(
    base: Base,
    documents: Annotated[bool, typer.Option("--documents", help="List the documents.")] = False,
    as_json: Json = False,
) -> None:
    """Show what is in it.

    Example: wellread kb info my_kb
    """
    from wellread.knowledge.base import KnowledgeBase

    with KnowledgeBase.open(base) as opened:
        _info(opened, as_json)
        if documents:
            for document_id in opened.document_ids():
                typer.echo(document_id)


def _info(base: Any, as_json: bool) -> None:
    values = dataclasses.asdict(base.info())
    if as_json:
        print_json(values)
        return
    for name, value in values.items():
        typer.echo(f"{name}: {value}")
