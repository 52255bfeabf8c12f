"""``wellread inspect``: look at examples with their loss mask."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wellread.cli.output import Json, console, print_json

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from wellread.pipelines.explain import Explained
    from wellread.records import Example, Segment

LEGEND = "learned text is green behind a bar ┃, text that is only read is dim"


def inspect(
    path: Annotated[Path, typer.Argument(help="File of segments, an output folder, or a dataset.")],
    limit: Annotated[int, typer.Option("--limit", "-n", help="How many examples.", min=1)] = 3,
    line: Annotated[int, typer.Option(help="Show this line only.", min=0)] = 0,
    kind: Annotated[str, typer.Option(help="success, failure, partial or abstain only.")] = "",
    explain: Annotated[bool, typer.Option("--explain", "-e", help="Say where it is from.")] = False,
    as_json: Json = False,
) -> None:
    """Show examples with the loss mask in colour, and explain them.

    Example: wellread inspect wellread-output --limit 1 --explain
    """
    found = itertools.islice(_wanted(path, line, kind), limit)
    if as_json:
        print_json(list(found))
        return
    show(found, explain=explain)


def _wanted(path: Path, line: int, kind: str) -> Iterator[Explained]:
    from wellread.errors import InputError
    from wellread.pipelines.explain import read_explained

    seen = False
    for explained in read_explained(path):
        of_kind = not kind or (explained.example is not None and explained.example.kind == kind)
        if (line in {0, explained.line}) and of_kind:
            seen = True
            yield explained
    if not seen:
        what = f"line {line}" if line else f"example of kind {kind!r}" if kind else "example"
        raise InputError(f"{path}: no {what} there")


def show(examples: Iterator[Explained], *, explain: bool, screen: Console | None = None) -> None:
    """Print examples on stdout, or on another `screen`."""
    from rich.text import Text

    screen = screen or console()
    for shown, explained in enumerate(examples):
        if not shown:
            screen.print(f"[dim]{LEGEND}[/]")
        title = f"line {explained.line}"
        if explained.example:
            title += f" · {explained.example.kind} · {explained.example.provenance.chunk_id}"
        screen.rule(Text(title), align="left")
        for segment in explained.segments:
            screen.print(_masked(segment, screen))
        if explain and explained.example:
            _explain(screen, explained.example)


def _masked(segment: Segment, screen: Console) -> Text:
    """A segment with a bar before each learned line, so that the mask shows without colour."""
    from rich.text import Text

    bar, style = ("┃ ", "green") if segment.label else ("  ", "dim")
    wrapped = Text(segment.text.rstrip("\n"), style=style).wrap(screen, screen.width - 2)
    return Text("\n").join(Text(bar, style=style).append_text(line) for line in wrapped)


def _explain(screen: Console, example: Example) -> None:
    source = example.provenance
    rows = [
        ("about", f"{source.chunk_id} of {source.document_id}"),
        ("kind", example.kind),
        ("retriever asked", source.query or "(nothing)"),
        ("gold passage", f"place {source.gold_position}" if source.gold_position else "not shown"),
        (
            "passages",
            "\n".join(_passage_line(p.rank, p.chunk.id, p.score) for p in example.passages),
        ),
        ("teacher", source.teacher + (f", prompt {source.prompt}" if source.prompt else "")),
    ]
    for number, verdict in enumerate(example.verdicts, start=1):
        said = f"{verdict.outcome}, score {verdict.score:.2f} ({verdict.detector})"
        unsupported = "".join(f"\n  {span.text!r}: {span.reason}" for span in verdict.spans)
        rows.append((f"verdict {number}", said + unsupported))
    from rich.table import Table

    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(name, value)
    screen.print(table, markup=False)


def _passage_line(rank: int, chunk_id: str, score: float) -> str:
    return f"{rank}. {chunk_id} (score {score:.2f})"
