"""``wellread loop``: train a small model from nothing to read, and see what it answers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wellread.cli.output import Json, Quiet, print_json, progress, say, say_now, table


def loop(
    folder: Annotated[Path, typer.Argument(help="Folder to write to, or to go on in.")],
    steps: Annotated[
        int | None, typer.Option("--steps", help="Of the last training; 2,300.", min=1)
    ] = None,
    lesson_steps: Annotated[
        tuple[int, int] | None, typer.Option("--lesson-steps", help="Of the two before; 400 600.")
    ] = None,
    entities: Annotated[
        int | None, typer.Option("--entities", help="Held-out things of each kind; 24.")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Of all that is drawn.")] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train a small model from nothing to answer from passages, and measure it.

    A made-up world is written, a model of 0.6 million weights learns to read in it, on one
    processor core within 15 minutes, and is asked about things it never saw: without passages,
    with them, with passages that do not tell, and after the documents were changed. Run again, it
    goes on where it was.

    Example: wellread loop my_loop
    """
    from wellread.chat.engine import refuse_missing_libraries
    from wellread.config import combine_settings

    refuse_missing_libraries()
    from wellread.pipelines.loop_training import COLUMNS, LoopTraining, close_loop

    named = {"steps": steps, "lesson_steps": lesson_steps, "entities": entities, "seed": seed}
    given = {name: value for name, value in named.items() if value is not None}
    settings = combine_settings(None, LoopTraining, given)
    from wellread.train.stopping import stop_on_signals

    with progress(quiet) as shown:
        closed = close_loop(
            folder,
            settings,
            progress=shown,
            tell=None if quiet else say,
            stopping=lambda: stop_on_signals(None if quiet else say_now),
        )
    if as_json:
        print_json(closed.to_dict())
    if not quiet:
        table("What was answered", COLUMNS, closed.rows())
        if changed := closed.after.get("changed"):
            say(f"After the change, {changed.stale:.0%} answered with the value of before.")
        kb = folder / "kb"
        say(f"Talk to it: wellread kb build {kb} {folder}/world/documents --retriever-type bm25")
        say(f"            wellread chat {folder}/models/expert --knowledge-base {kb}")
