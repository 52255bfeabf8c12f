"""``wellread init``: write a configuration file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wellread.cli.output import say


def init(
    documents: Annotated[Path, typer.Argument(help="Folder of documents.")],
    config: Annotated[Path, typer.Option(help="Where to write it.")] = Path("wellread.yaml"),
    output: Annotated[Path, typer.Option(help="Where data will be made.")] = Path(
        "wellread-output"
    ),
    force: Annotated[bool, typer.Option("--force", help="Write over an existing file.")] = False,
) -> None:
    """Write a commented wellread.yaml for a folder of documents.

    Example: wellread init docs
    """
    import os

    from wellread.errors import InputError
    from wellread.pipelines.starter import starter_config
    from wellread.storage.files import atomic_write

    if not documents.is_dir():
        raise InputError(f"{documents}: no such folder", hint="name the folder of your documents")
    if config.exists() and not force:
        raise InputError(f"{config} is there already", hint="write over it with: --force")
    home = config.resolve().parent
    relative = Path(os.path.relpath(documents, home))
    with atomic_write(config) as file:
        file.write(starter_config(relative, output, name=config.name).encode())
    say(f"Wrote {config}. Next: wellread plan {config}")
