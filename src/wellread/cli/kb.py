"""``wellread kb``: a knowledge base on its own. Building is here, the other verbs lie beside."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wellread.cli.kb_change import add, reindex, remove, snapshot, update
from wellread.cli.kb_eval import evaluate
from wellread.cli.kb_look import compare, doctor, info, search, show_info
from wellread.cli.kb_parts import (
    ChunkOverlap,
    ChunkSize,
    Config,
    SkipBad,
    Whole,
    end_with_losses,
    tell_left_out,
    watched,
    with_hyphens,
)
from wellread.cli.output import Json, Quiet, print_json, progress, say

if TYPE_CHECKING:
    from wellread.ingest.settings import IngestSettings
    from wellread.knowledge.settings import KnowledgeSettings

kb = typer.Typer(
    help="Build, change and search a knowledge base.",
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    context_settings={"token_normalize_func": with_hyphens},
)


@kb.command()
def build(
    base: Annotated[str | None, typer.Argument(help="Folder to build.")] = None,
    documents: Annotated[
        Path | None, typer.Argument(help="Folder of documents, one file, or a .jsonl of documents.")
    ] = None,
    retriever_type: Annotated[
        str | None,
        typer.Option("--type", "--retriever-type", help="simple, bm25, dense or hybrid."),
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", help="Name or folder of the embedding model.")
    ] = None,
    embedder: Annotated[
        str | None,
        typer.Option("--embedder", help="onnx, sentence-transformers, endpoint or lsa."),
    ] = None,
    language: Annotated[
        str | None, typer.Option("--language", help="ISO 639-1 code of all documents.")
    ] = None,
    alpha: Annotated[
        float | None, typer.Option("--alpha", help="hybrid: weight of meaning beside words.")
    ] = None,
    chunk_size: ChunkSize = None,
    chunk_overlap: ChunkOverlap = None,
    whole: Whole = False,
    engine: Annotated[
        str | None, typer.Option("--engine", help="folder, lancedb or postgres.")
    ] = None,
    location: Annotated[
        str | None, typer.Option("--location", help="Where the engine keeps it.")
    ] = None,
    config: Config = None,
    replace: Annotated[bool, typer.Option("--replace", help="Over an existing one.")] = False,
    skip_bad: SkipBad = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Read and cut, write nothing, and say what it makes.")
    ] = False,
    documents_option: Annotated[
        Path | None, typer.Option("--documents", help="The same as DOCUMENTS.")
    ] = None,
    output: Annotated[str | None, typer.Option("--output", help="The same as BASE.")] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Build a knowledge base from documents.

    A .jsonl has one document a line: content, and maybe id, title, source, metadata.

    Example: wellread kb build my_kb docs --type bm25
    """
    from wellread.knowledge.reading import Reading

    target, source = _named(base, documents, output, documents_option)
    knowledge, ingest = _settings(
        config,
        {
            "retriever_type": retriever_type, "model": model, "embedder": embedder,
            "language": language, "alpha": alpha, "chunk_size": chunk_size,
            "chunk_overlap": chunk_overlap, "engine": engine, "location": location,
        },
    )  # fmt: skip
    reading = Reading(source, ingest, whole=whole, skip_bad=skip_bad, skip=target)
    make = _plan if dry_run else _build
    make(target, reading, knowledge, replace, as_json, quiet)
    end_with_losses(reading, skip_bad=skip_bad)


def _named(
    base: str | None, documents: Path | None, output: str | None, named: Path | None
) -> tuple[Path, Path]:
    """Target and source, each given by its place or by its name."""
    from wellread.errors import InputError

    # With --output, the one argument that may stand by its place is that of the documents.
    if output and base and not documents:
        return _named(None, Path(base), output, named)
    target, source = base or output, documents or named
    if not target or not source:
        missing = "documents" if target else "where to build"
        raise InputError(
            f"kb build: {missing} not given", hint="write: wellread kb build BASE DOCUMENTS"
        )
    if (base and output) or (documents and named):
        raise InputError("kb build: given twice, by its place and by its name")
    return Path(target), Path(source)


def _settings(
    config: Path | None, options: dict[str, Any]
) -> tuple[KnowledgeSettings, IngestSettings]:
    from wellread.knowledge.options import with_options
    from wellread.pipelines.project import read_project

    if config is None:
        return with_options(options)
    project = read_project(config)
    return with_options(options, project.knowledge, project.ingest)


def _build(
    target: Path, reading: Any, settings: Any, replace: bool, as_json: bool, quiet: bool
) -> None:
    from wellread.knowledge.base import KnowledgeBase

    try:
        with progress(quiet) as shown, shown.counted("embed") as told:
            made = KnowledgeBase.build(
                target,
                watched(reading, shown),
                settings,
                origin=reading.origin(),
                replace=replace,
                progress=told,
            )
    finally:
        tell_left_out(reading)
    with made:
        show_info(made, as_json)
    if not as_json and not quiet:
        say(f'Search it with: wellread kb search {target} "YOUR QUESTION"')


def _plan(
    target: Path, reading: Any, settings: Any, replace: bool, as_json: bool, quiet: bool
) -> None:
    """What a build would make."""
    from wellread.knowledge.building import check_free

    check_free(target, replace=replace)
    tokens = 0
    try:
        with progress(quiet) as shown:
            for _, chunks in watched(reading, shown):
                tokens += sum(chunk.tokens for chunk in chunks)
    finally:
        tell_left_out(reading)
    embeds = settings.retriever_type in {"dense", "hybrid"}
    plan = {
        "folder": str(target),
        "retriever_type": settings.retriever_type,
        "documents": reading.documents,
        "chunks": reading.chunks,
        "tokens": tokens,
        "embedder": settings.embedder.kind if embeds else "",
        "chunks_to_embed": reading.chunks if embeds else 0,
        "tokens_to_embed": tokens if embeds else 0,
        "left_out": [dataclasses.asdict(rejection) for rejection in reading.left_out],
    }
    if as_json:
        print_json(plan)
        return
    typer.echo(
        f"{target} would hold {reading.documents:,} documents in {reading.chunks:,} chunks "
        f"(about {tokens:,} tokens), for the retriever {settings.retriever_type}."
    )
    if embeds:
        typer.echo(f"All chunks would be embedded by {_embedder_name(settings)}.")
    typer.echo("Nothing was written.")


def _embedder_name(settings: Any) -> str:
    embedder = settings.embedder
    if embedder.kind == "lsa":
        return "lsa, fitted on these documents"
    if embedder.endpoint is not None:
        return f"{embedder.endpoint.model} at {embedder.endpoint.base_url}"
    return f"{embedder.model} ({embedder.kind})"


@kb.command()
def example(
    folder: Annotated[Path, typer.Argument(help="Folder to write to.")] = Path("rag_examples"),
    retriever_type: Annotated[
        str | None,
        typer.Option("--type", "--retriever-type", help="simple, bm25, dense or hybrid."),
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", help="Name or folder of the embedding model.")
    ] = None,
    embedder: Annotated[
        str | None,
        typer.Option("--embedder", help="onnx, sentence-transformers, endpoint or lsa."),
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Over an existing one.")] = False,
    as_json: Json = False,
) -> None:
    """Write ten documents, five questions, and their knowledge base.

    Example: wellread kb example rag_examples
    """
    from wellread.pipelines.kb_example import write_example

    options = {"retriever_type": retriever_type, "model": model, "embedder": embedder}
    made = write_example(folder, replace=replace, **options)
    if as_json:
        print_json(dataclasses.asdict(made))
        return
    if made.notice:
        say(made.notice)
    typer.echo(f"Wrote {made.documents}, {made.queries} and {made.knowledge_base}. Next:\n")
    for command in made.commands:
        typer.echo(f"    {command}")


for _verb in (add, update, remove, search, info, snapshot, compare, reindex, doctor):
    kb.command()(_verb)
kb.command(name="eval")(evaluate)
