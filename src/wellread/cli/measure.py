"""``wellread measure``: what a model answers about a made-up world, with passages and without."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wellread.cli.output import Json, Quiet, print_json, progress, say, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wellread.records import Conversation


def measure(
    model: Annotated[str, typer.Argument(help="Name or folder of a model.")],
    world: Annotated[Path, typer.Argument(help="Folder that `wellread world` wrote.")],
    top_k: Annotated[int, typer.Option("--top-k", help="Passages for a question.")] = 4,
    max_questions: Annotated[
        int | None, typer.Option("--max-questions", help="Of each kind; left out, all.")
    ] = None,
    max_tokens: Annotated[int, typer.Option("--max-tokens", help="Most of an answer.")] = 48,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Ask a model about a made-up world: closed-book, with passages, without, and after changes.

    Example: wellread measure models/expert world
    """
    from wellread.chat.engine import Engine, load_model
    from wellread.config import combine_settings
    from wellread.pipelines.loop import COLUMNS, LoopSettings, measure_batches

    given = {"top_k": top_k, "max_questions": max_questions}
    settings = combine_settings(None, LoopSettings, given)
    loaded, codec, _ = load_model(model)
    engine = Engine(loaded, codec, name=model)

    def answer_all(asked: Sequence[Conversation]) -> list[str]:
        return [text for text, _ in engine.generate_batch(asked, max_tokens=max_tokens)]

    with progress(quiet) as shown, shown.counted("ask") as told:
        report = measure_batches(answer_all, world, settings, tell=told)
    if as_json:
        print_json(report.to_dict())
    if not quiet:
        table("What was answered", COLUMNS, report.rows())
        if changed := report.figures.get("changed"):
            say(f"After the change, {changed.stale:.0%} answered with the value of before.")
