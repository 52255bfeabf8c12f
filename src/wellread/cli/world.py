"""``wellread world``: a made-up world to learn reading in, and to measure it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wellread.cli.output import Json, Quiet, print_json, say, table


def world(
    folder: Annotated[Path, typer.Argument(help="Folder to write to.")],
    conversations: Annotated[
        int | None, typer.Option("--conversations", help="Training conversations.")
    ] = None,
    lessons: Annotated[
        int | None, typer.Option("--lessons", help="Easier conversations in each lesson.")
    ] = None,
    entities: Annotated[
        int | None, typer.Option("--entities", help="Held-out entities of each kind.")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Of all that is drawn.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace a world there.")] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write a made-up world: documents, conversations to train on, and questions with answers.

    Names and values in the documents occur in no training conversation.

    Example: wellread world world
    """
    from wellread.config import combine_settings
    from wellread.pipelines.world import WorldSettings
    from wellread.pipelines.world_files import write_world

    named = {
        "conversations": conversations,
        "lessons": lessons,
        "entities": entities,
        "seed": seed,
    }
    given = {name: value for name, value in named.items() if value is not None}
    settings = combine_settings(None, WorldSettings, given)
    written = write_world(folder, settings, replace=replace)
    if as_json:
        print_json({"folder": written.folder, "rows": written.rows})
    if not quiet:
        table("What was written", ("file", "rows"), list(written.rows.items()))
        say(f"Build the knowledge base with: wellread kb build {folder}/kb {folder}/documents")
