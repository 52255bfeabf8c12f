"""``wellread rag-data``: make the training data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from wellread.cli.output import Json, Quiet, counts_table, examples_table, print_json, progress, say

EXTRACTIVE = (
    "The extractive teacher wrote this by rule: good for trying out, not for a final model.\n"
    "For that, give an endpoint in models.large."
)


def _mostly_filtered(counts: dict[str, Any]) -> bool:
    """Whether the filter left less than a third; rules find little in stories, for one."""
    account = counts["stages"].get("filter", {"in": 0, "on": 0})
    return bool(3 * account["on"] < account["in"])


def rag_data(
    config: Annotated[Path, typer.Argument(help="The configuration file.")],
    retry_failures: Annotated[
        bool, typer.Option("--retry-failures", help="Ask again what failed for good before.")
    ] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Make checked, loss-masked RAG training data from a folder of documents.

    Killed or stopped, run it again: what was paid for is not asked again.

    Example: wellread rag-data wellread.yaml
    """
    from wellread.pipelines.project import read_project
    from wellread.pipelines.rag_data import make_rag_data

    project = read_project(config)
    report = make_rag_data(project, retry_failures=retry_failures, progress=progress(quiet))
    if as_json:
        print_json({"folder": report.folder, "counts": report.counts, "failed": report.failed})
    if not quiet:
        counts_table(report.counts)
        say()
        examples_table(report.counts)
        say()
        if project.teacher == "extractive":
            say(EXTRACTIVE)
        if _mostly_filtered(report.counts):
            say("Most chunks hold nothing to ask about: see their reasons in rejected.jsonl.")
        say(f"Written to {report.folder}. {report.new_calls:,} calls were paid for in this run.")
        say(f"Look at it with: wellread inspect {report.folder}")
    if report.failed:
        lost = "1 record was" if report.failed == 1 else f"{report.failed:,} records were"
        say(f"{lost} lost: see {report.folder / 'rejected.jsonl'}")
        raise typer.Exit(3)
