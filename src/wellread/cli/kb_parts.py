"""What the verbs of ``wellread kb`` share: their arguments, and how changes are told."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wellread.cli.output import print_json, say

if TYPE_CHECKING:
    from wellread.engine.progress import Progress
    from wellread.knowledge.entries import Pair
    from wellread.knowledge.reading import Reading
    from wellread.knowledge.summary import Changes
    from wellread.records import Rejection

Base = Annotated[str, typer.Argument(help="Folder of the knowledge base, or BASE@SNAPSHOT.")]
Documents = Annotated[
    Path, typer.Argument(help="Folder of documents, one file, or a .jsonl of documents.")
]
Config = Annotated[
    Path | None,
    typer.Option("--config", help="A wellread.yaml: its `ingest:` and `knowledge:` count."),
]
SkipBad = Annotated[
    bool, typer.Option("--skip-bad", help="Leave out bad rows of a file; without, none is taken.")
]
ChunkSize = Annotated[int | None, typer.Option("--chunk-size", help="Most tokens in a chunk.")]
ChunkOverlap = Annotated[
    int | None, typer.Option("--chunk-overlap", help="Tokens repeated from the chunk before.")
]
Whole = Annotated[bool, typer.Option("--whole", help="One chunk a document, for short ones.")]
_SHOWN = 20
_REASONS_SHOWN = 3


def with_hyphens(name: str) -> str:
    """``--top_k`` is ``--top-k``."""
    return name.replace("_", "-") if name.startswith("-") or "_" in name else name


def watched(reading: Reading, progress: Progress) -> Iterator[Pair]:
    """The pairs of a reading, with a bar: of files for a folder, else of documents."""
    with progress.stage("read") as bar:
        in_files = reading.path.is_dir()
        if in_files:
            reading.progress = lambda done, total: bar.reach(done, total)
        for pair in reading.pairs():
            yield pair
            if not in_files:
                bar.advance()


def tell_left_out(reading: Reading) -> None:
    """On stderr what was not read: each thing that was lost, other files by their number."""
    from wellread.knowledge.reading import HARMLESS

    lost = reading.lost
    for rejection in lost[:_SHOWN]:
        say(f"left out {rejection.id}: {_reason(rejection)}")
    if len(lost) > _SHOWN:
        say(f"and {len(lost) - _SHOWN:,} more; all with: wellread read {reading.path} out.jsonl")
    harmless = Counter(r.reason for r in reading.left_out if r.reason in HARMLESS)
    if harmless:
        counted = ", ".join(f"{n:,} {reason}" for reason, n in harmless.most_common())
        one = harmless.total() == 1
        files = (
            "1 file that is no document"
            if one
            else f"{harmless.total():,} files that are no documents"
        )
        say(f"left out {files} ({counted})")
    pages = sum(r.reason == "page_without_text" for r in reading.left_out)
    if pages:
        say(f"note: {pages:,} {'page' if pages == 1 else 'pages'} without text")


def _reason(rejection: Rejection) -> str:
    return f"{rejection.reason}: {rejection.detail}" if rejection.detail else rejection.reason


def end_with_losses(reading: Reading, *, skip_bad: bool = False) -> None:
    """Exit code 3 where more was lost than is allowed and nobody asked for it."""
    if not skip_bad and len(reading.lost) > reading.settings.max_failed_files:
        raise typer.Exit(3)


def tell_changes(changes: Changes, as_json: bool) -> None:
    """What a call changed."""
    values = dataclasses.asdict(changes)
    if as_json:
        print_json(values)
    else:
        chunks = values.pop("chunks")
        told = ", ".join(f"{count:,} {name}" for name, count in values.items() if count)
        say(f"{told or 'nothing to do'}; {chunks:,} chunks written or removed")


def typed(pairs: Sequence[str]) -> dict[str, Any]:
    """``["year=2020", "source=a.pdf", "source=b.pdf"]`` as a filter.

    Numbers and true or false are taken as such, a name given twice offers a choice. A value in
    quotes is text.
    """
    from wellread.errors import InputError

    where: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise InputError(f"--where {pair!r}: write it as name=value, such as year=2020")
        where.setdefault(name, []).extend(_alternatives(value))
    return where


def _alternatives(value: str) -> list[Any]:
    """What `value` may mean: ids and titles of digits are text in some documents."""
    if len(value) > 1 and value[0] == value[-1] == '"':
        return [value[1:-1]]
    if value in {"true", "false"}:
        return [value == "true", value]
    try:
        number = float(value) if "." in value or "e" in value.lower() else int(value)
    except ValueError:
        return [value]
    return [number, value]
