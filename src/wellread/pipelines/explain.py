"""Read finished examples back, each beside what explains it.

``axolotl_rag_conversations.jsonl`` and ``rag_examples.jsonl`` lie side by side and have the same
number of lines: line n of one belongs to line n of the other. A file of segments from elsewhere
has no explanations, and is shown without; so is a prepared dataset, decoded from its shards.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wellread.errors import InputError
from wellread.pipelines.explain_shards import read_shards, split_folder
from wellread.pipelines.outputs import (
    CONVERSATIONS,
    EXAMPLES,
    HELD_OUT_CONVERSATIONS,
    HELD_OUT_EXAMPLES,
)
from wellread.records import Example, Segment
from wellread.storage.files import read_jsonl, read_record

_BESIDE = {CONVERSATIONS: EXAMPLES, HELD_OUT_CONVERSATIONS: HELD_OUT_EXAMPLES}


@dataclass(frozen=True, slots=True)
class Explained:
    """One conversation: its line or number, its segments, and the example behind it if known."""

    line: int
    segments: tuple[Segment, ...]
    example: Example | None


def read_explained(path: Path) -> Iterator[Explained]:
    """Conversations of a file of segments, an output folder, or a prepared dataset, explained.

    Raises InputError where the file is missing or a line holds no segments.
    """
    split = split_folder(path)
    if split:
        for number, segments in read_shards(split):
            yield Explained(number, segments, None)
        return
    file = path / CONVERSATIONS if path.is_dir() else path
    if not file.is_file():
        raise InputError(
            f"{file}: no such file", hint="make it with: wellread rag-data wellread.yaml"
        )
    beside = file.with_name(_BESIDE.get(file.name, EXAMPLES))
    known = file.name in _BESIDE and beside.is_file()
    examples = read_jsonl(beside) if known else itertools.repeat((0, None))
    for (line, row), (_, example) in zip(read_jsonl(file), examples, strict=False):
        segments = tuple(_segments(row, f"{file}:{line}"))
        explained = read_record(Example, example, f"{beside}:{line}") if example else None
        yield Explained(line, segments, explained)


def _segments(row: dict[str, Any], where: str) -> Iterator[Segment]:
    found = row.get("segments")
    if not isinstance(found, list):
        raise InputError(f'{where} expected {{"segments": [{{"label", "text"}}, …]}}')
    for segment in found:
        if not isinstance(segment, dict) or not isinstance(segment.get("text"), str):
            raise InputError(f"{where} a segment needs a text and a label")
        yield Segment(segment["text"], bool(segment.get("label")), str(segment.get("role", "")))
