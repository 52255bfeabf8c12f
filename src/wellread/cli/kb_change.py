"""``wellread kb add | update | remove | reindex | snapshot``: what changes a knowledge base."""

from __future__ import annotations

import dataclasses
import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wellread.cli.kb_parts import (
    Base,
    ChunkOverlap,
    ChunkSize,
    Config,
    Documents,
    SkipBad,
    Whole,
    end_with_losses,
    tell_changes,
    tell_left_out,
    typed,
    watched,
)
from wellread.cli.output import Json, Quiet, print_json, progress, say, table

if TYPE_CHECKING:
    from wellread.knowledge.base import KnowledgeBase
    from wellread.knowledge.reading import Reading
    from wellread.knowledge.settings import KnowledgeSettings


def add(
    base: Base,
    documents: Documents,
    chunk_size: ChunkSize = None,
    chunk_overlap: ChunkOverlap = None,
    whole: Whole = False,
    config: Config = None,
    skip_bad: SkipBad = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Add new documents; one that is there already makes it an error.

    They are cut as those before them, unless you say otherwise.

    Example: wellread kb add my_kb more_docs
    """
    from wellread.knowledge.opening import open_to_change

    with open_to_change(base) as opened:
        options = {"chunk_size": chunk_size, "chunk_overlap": chunk_overlap}
        reading = _reading(opened, documents, config, options, whole, skip_bad)
        try:
            with progress(quiet) as shown, shown.counted("embed") as told:
                changes = opened.add(watched(reading, shown), progress=told)
        finally:
            tell_left_out(reading)
    tell_changes(changes, as_json)
    end_with_losses(reading, skip_bad=skip_bad)


def update(
    base: Base,
    documents: Documents,
    prune: Annotated[
        bool, typer.Option("--prune", help="Remove documents that are not among these.")
    ] = False,
    chunk_size: ChunkSize = None,
    chunk_overlap: ChunkOverlap = None,
    whole: Whole = False,
    config: Config = None,
    skip_bad: SkipBad = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Add new documents and replace changed ones.

    Example: wellread kb update my_kb docs --prune
    """
    from wellread.knowledge.opening import open_to_change

    with open_to_change(base) as opened:
        options = {"chunk_size": chunk_size, "chunk_overlap": chunk_overlap}
        reading = _reading(opened, documents, config, options, whole, skip_bad)
        try:
            with progress(quiet) as shown, shown.counted("embed") as told:
                changes = opened.update(watched(reading, shown), prune=prune, progress=told)
        finally:
            tell_left_out(reading)
    tell_changes(changes, as_json)
    end_with_losses(reading, skip_bad=skip_bad)


def _reading(
    base: KnowledgeBase,
    documents: Path,
    config: Path | None,
    options: dict[str, Any],
    whole: bool,
    skip_bad: bool,
) -> Reading:
    """Documents cut as the knowledge base was, else as the configuration or the options say."""
    from wellread.knowledge.options import with_options
    from wellread.knowledge.reading import Reading
    from wellread.pipelines.project import read_project

    if config is None:
        chunking = dict(base.origin.get("chunking") or {})
        given = {name: value for name, value in options.items() if value is not None}
        if "chunk_size" in given:
            chunking.pop("min_chunk_tokens", None)
        _, ingest = with_options({**chunking, **given, "language": base.settings.language or None})
    else:
        _, ingest = with_options(options, ingest=read_project(config).ingest)
    whole = whole or (base.origin.get("whole") is True and not options["chunk_size"])
    return Reading(documents, ingest, whole=whole, skip_bad=skip_bad, skip=base.folder)


def remove(
    base: Base,
    documents: Annotated[list[str] | None, typer.Argument(help="Ids of documents.")] = None,
    where: Annotated[
        list[str] | None,
        typer.Option("--where", help="name=value: all documents of which this holds."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Remove documents by id or by what holds of them.

    Example: wellread kb remove my_kb guides/old.md
    """
    from wellread.errors import InputError
    from wellread.knowledge.opening import open_to_change

    if not documents and not where:
        raise InputError("kb remove: no document named", hint="give ids, or --where name=value")
    with open_to_change(base) as opened:
        named = list(dict.fromkeys(documents or ()))
        if where:
            found = opened.documents_where(typed(where))
            named = [one for one in named if one in found] if named else found
        tell_changes(opened.remove(*named), as_json)


def reindex(
    base: Base,
    retriever_type: Annotated[
        str | None,
        typer.Option("--type", "--retriever-type", help="For this retriever from now on."),
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", help="Name or folder of another embedding model.")
    ] = None,
    embedder: Annotated[
        str | None,
        typer.Option("--embedder", help="onnx, sentence-transformers, endpoint or lsa."),
    ] = None,
    config: Config = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Build indexes anew, or others, from the stored chunks.

    Without options it repairs those there are. Others may search meanwhile.

    Example: wellread kb reindex my_kb
    """
    from wellread.cli.kb_look import show_info
    from wellread.knowledge.opening import open_to_change

    options = {"retriever_type": retriever_type, "model": model, "embedder": embedder}
    with open_to_change(base) as opened:
        with progress(quiet) as shown, shown.counted("embed") as told:
            opened.reindex(_settings(opened, config, options), progress=told)
        show_info(opened, as_json)


def _settings(
    base: KnowledgeBase, config: Path | None, options: dict[str, Any]
) -> KnowledgeSettings | None:
    """Those of the knowledge base with what was asked for; None where nothing was."""
    from wellread.knowledge.options import with_options
    from wellread.pipelines.project import read_project

    if config is not None:
        return with_options(options, read_project(config).knowledge)[0]
    if any(value is not None for value in options.values()):
        return with_options(options, base.settings)[0]
    return None


def snapshot(
    base: Annotated[str, typer.Argument(help="Folder of the knowledge base.")],
    name: Annotated[str | None, typer.Argument(help="Its name; without, the date.")] = None,
    listing: Annotated[bool, typer.Option("--list", help="List the snapshots.")] = False,
    delete: Annotated[
        str | None, typer.Option("--delete", help="Delete the snapshot of this name.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Keep it as it is now; it opens as BASE@NAME.

    Others may search and write meanwhile.

    Example: wellread kb snapshot my_kb monday
    """
    from wellread.errors import InputError
    from wellread.knowledge import snapshots

    folder = Path(base)
    if (name is not None) + listing + (delete is not None) > 1:
        raise InputError("kb snapshot: give a name, --list or --delete, one of them")
    if delete is not None:
        snapshots.delete(folder, delete)
        say(f"deleted {base}@{delete}")
    elif listing:
        _list_snapshots(folder, as_json)
    else:
        made = snapshots.take(folder, name or _free_name(folder))
        if as_json:
            print_json(dataclasses.asdict(made))
        else:
            say(f"{base}@{made.name}: {made.documents:,} documents, {made.chunks:,} chunks")


def _free_name(folder: Path) -> str:
    """The date, with a number where that is taken."""
    from wellread.knowledge.snapshots import snapshots

    today = dt.datetime.now(tz=dt.UTC).date().isoformat()
    taken = {snapshot.name for snapshot in snapshots(folder)}
    numbered = (f"{today}-{number}" for number in range(2, len(taken) + 3))
    return next(name for name in (today, *numbered) if name not in taken)


def _list_snapshots(folder: Path, as_json: bool) -> None:
    from wellread.knowledge.snapshots import snapshots

    found = snapshots(folder)
    if as_json:
        print_json([dataclasses.asdict(one) for one in found])
    elif not found:
        say("no snapshots")
    else:
        rows = [
            (one.name, one.documents, one.chunks, _when(one.made_at), one.fingerprint[:12])
            for one in found
        ]
        columns = ("snapshot", "documents", "chunks", "made (UTC)", "fingerprint")
        table("", columns, rows, stderr=False)


def _when(seconds: float) -> str:
    made = dt.datetime.fromtimestamp(seconds, tz=dt.UTC)
    return made.strftime("%Y-%m-%d %H:%M")
