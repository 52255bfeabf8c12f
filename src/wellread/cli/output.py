"""What the verbs share: where words go, how tables and masks look."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from wellread.engine.progress import Progress

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no summary.")]


def say(text: str = "") -> None:
    """Words for a person, on stderr."""
    sys.stderr.write(text + "\n")


def say_now(text: str) -> None:
    """Words from within a signal handler, where a stream may be in the middle of others."""
    os.write(2, f"\n{text}\n".encode())


def print_json(value: Any) -> None:
    """A result for a program, on stdout."""
    import orjson

    option = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS
    sys.stdout.write(orjson.dumps(value, option=option, default=str).decode() + "\n")


def console(*, stderr: bool = False) -> Console:
    """A terminal that leaves out colours where they are not wanted."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, soft_wrap=False)


def progress(quiet: bool) -> Progress:
    """Progress on stderr, or none."""
    from wellread.engine.progress import Progress

    return Progress("silent" if quiet else "auto")


def table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], *, stderr: bool = True
) -> None:
    """A small table; all columns but the first are right-aligned where they hold numbers."""
    from rich.table import Table

    drawn = Table(title=title, title_justify="left", show_edge=False, pad_edge=False, box=None)
    rows = [list(row) for row in rows]
    for index, name in enumerate(columns):
        numeric = index > 0 and all(isinstance(row[index], int | float) for row in rows)
        drawn.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*(f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row))
    console(stderr=stderr).print(drawn)


def counts_table(counts: Mapping[str, Any], *, stderr: bool = True) -> None:
    """The ledger of a run: for each stage what came, what went on, and what was dropped."""
    rows: list[tuple[object, object, object, object]] = []
    for stage, account in counts["stages"].items():
        dropped = ", ".join(f"{count:,} {reason}" for reason, count in account["dropped"].items())
        rows.append((stage, account["in"], account["on"], dropped or "-"))
    table("What became of everything", ("stage", "in", "on", "dropped"), rows, stderr=stderr)
    actions_table(counts.get("actions", {}), stderr=stderr)
    for reason, count in counts["notes"].items():
        console(stderr=stderr).print(f"note: {count:,} {reason}")


def actions_table(actions: Mapping[str, Any], *, stderr: bool = True) -> None:
    """What became of checked answers, stage by stage; nothing where none was unsupported."""
    told = [(stage, tally) for stage, tally in actions.items() if tally["in"] > tally["passed"]]
    if not told:
        return
    ends = list(told[0][1]["rates"])
    rows = [
        (stage, tally["in"], *(f"{tally[end]:,} ({tally['rates'][end]:.0%})" for end in ends))
        for stage, tally in told
    ]
    table("What became of checked answers", ("stage", "in", *ends), rows, stderr=stderr)


def examples_table(counts: Mapping[str, Any], *, stderr: bool = True) -> None:
    """What was made, by kind, with its tokens."""
    rows = [
        (
            side.replace("_", " "),
            made["examples"],
            *made["kinds"].values(),
            made["tokens"],
            f"{made['learned_tokens']:,}"
            + (f" ({made['learned_tokens'] / made['tokens']:.0%})" if made["tokens"] else ""),
        )
        for side in ("training", "held_out")
        for made in [counts[side]]
    ]
    kinds = tuple(counts["training"]["kinds"])
    columns = ("examples", "all", *kinds, "tokens", "learned")
    table("What was made", columns, rows, stderr=stderr)
