"""``wellread demo``: the whole job on the shipped documents."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wellread.cli.output import Quiet, counts_table, examples_table, progress, say


def demo(
    output: Annotated[Path, typer.Option(help="Folder to write to.")] = Path("demo-output"),
    quiet: Quiet = False,
) -> None:
    """Turn the shipped documents into training data, offline, and show it.

    Example: wellread demo
    """
    from wellread.cli.inspect import show
    from wellread.pipelines.demo import demo_project, one_of_each
    from wellread.pipelines.rag_data import make_rag_data

    project = demo_project(output)
    say(f"Reading the shipped documents in {project.path.input_dir}")
    report = make_rag_data(project, progress=progress(quiet))
    show(one_of_each(output), explain=True)
    typer.echo()
    counts_table(report.counts, stderr=False)
    typer.echo()
    examples_table(report.counts, stderr=False)
    typer.echo(
        f"\nAll of it is in {output}. No model wrote this: the extractive teacher works by rule,\n"
        "offline, and is for trying out. Next, on documents of your own:\n\n"
        "    wellread init FOLDER_OF_DOCUMENTS\n"
    )
