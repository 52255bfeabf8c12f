"""``wellread read``: documents to text."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from wellread.cli.output import say


def read(
    folder: Annotated[Path, typer.Argument(help="Folder of documents, read with subfolders.")],
    output: Annotated[Path, typer.Argument(help="Where to write documents, one a line.")],
) -> None:
    """Read and clean documents into a JSONL file.

    What cannot be read is reported with its reason.

    Example: wellread read docs documents.jsonl
    """
    from wellread.ingest.read import read_folder
    from wellread.ingest.settings import IngestSettings
    from wellread.records import Rejection
    from wellread.storage.files import JsonlWriter

    reasons: Counter[str] = Counter()
    with JsonlWriter(output) as writer:
        for read_ in read_folder(folder, IngestSettings()):
            if isinstance(read_, Rejection):
                reasons[read_.reason] += 1
                say(f"{read_.id}: {read_.reason} {read_.detail}")
            else:
                writer.write(read_)
    say(f"{writer.rows:,} documents in {output}, {reasons.total():,} rejections and notes")
