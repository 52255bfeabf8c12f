"""``wellread doctor``: is everything there that a run needs?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wellread.cli.output import Json, print_json, say


def doctor(
    config: Annotated[Path, typer.Argument(help="The configuration file.")] = Path("wellread.yaml"),
    as_json: Json = False,
) -> None:
    """Check configuration, documents, disk, key, endpoint and tesseract.

    No call is paid for.

    Example: wellread doctor wellread.yaml
    """
    from wellread.pipelines.doctor import examine

    findings = examine(config)
    if as_json:
        print_json(findings)
    else:
        for finding in findings:
            say(f"{finding.state:<8} {finding.what}: {finding.seen}")
            if finding.advice:
                say(f"         {finding.advice}")
    if any(finding.state == "problem" for finding in findings):
        raise typer.Exit(1)
