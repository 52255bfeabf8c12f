"""``wellread plan``: what a run would make and cost."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wellread.cli.output import Json, print_json, say, table


def plan(
    config: Annotated[Path, typer.Argument(help="The configuration file.")],
    as_json: Json = False,
) -> None:
    """Say what would be made: calls, tokens, money, time. Nothing is paid for.

    Example: wellread plan wellread.yaml
    """
    from wellread.pipelines.plan import plan_rag_data
    from wellread.pipelines.project import read_project

    project = read_project(config)
    planned = plan_rag_data(project)
    if as_json:
        print_json(planned)
        return
    say(f"{planned.documents:,} documents, {planned.chunks:,} chunks to write about")
    for reason, count in planned.dropped.items():
        say(f"  left out: {count:,} {reason}")
    table("Would be made", ("kind", "examples"), planned.kinds.items(), stderr=False)
    if not planned.models:
        typer.echo("\nThe extractive teacher writes: no call, no cost.")
    else:
        rows = [
            (m.name, m.calls, m.input_tokens, m.output_tokens, f"{m.money:.2f}", f"{m.minutes:.1f}")
            for m in planned.models
        ]
        columns = ("model", "calls", "input tokens", "output tokens", "money", "minutes")
        table("\nAbout", columns, rows, stderr=False)
        typer.echo(f"\nTogether about {planned.money:.2f}, in about {planned.minutes:.0f} minutes.")
        if planned.money > (project.budget.max_money or float("inf")):
            typer.echo(f"That is above budget.max_money = {project.budget.max_money:g}.")
    say(f"\nMake it with: wellread rag-data {config}")
