r"""On which lines of its file a chunk stands.

Cleaning drops lines and mends others, so that the lines of a document's text are not those of the
file a person opens. Here each line of the text is looked for in the file, in order.

>>> line_map("The title\n\nSome text.", "LICENCE\n\nThe title\n\n\n\nSome text.\n")
[3, 3, 7]
>>> line_map("Every line\nwas recovered", "Every line was recovered")
[]
"""

from __future__ import annotations

import dataclasses
from bisect import bisect_left
from pathlib import Path

from wellread.ingest.decode import decode
from wellread.ingest.formats import TEXT
from wellread.records import Chunk, Document

_FOUND_SHARE = 0.9
_WINDOW = 1000


def line_map(text: str, file_text: str) -> list[int]:
    """For each line of `text` its line in the file, from 1; [] where too few are found there.

    A line that was changed has the number of the last one before it that was not.
    """
    places: dict[str, list[int]] = {}
    for number, line in enumerate(file_text.split("\n"), start=1):
        places.setdefault(line.strip(), []).append(number)
    found, asked, last, numbers = 0, 0, 0, list[int]()
    for line in map(str.strip, text.split("\n")):
        if line:
            asked += 1
            number = _next(places.get(line, []), last)
            if number and (not found or number - last <= _WINDOW):
                found, last = found + 1, number
        numbers.append(max(last, 1))
    return numbers if found >= asked * _FOUND_SHARE else []


def _next(numbers: list[int], last: int) -> int:
    """The first number above `last`, or 0."""
    place = bisect_left(numbers, last + 1)
    return numbers[place] if place < len(numbers) else 0


def in_file(document: Document, chunks: tuple[Chunk, ...], path: Path) -> tuple[Chunk, ...]:
    """The chunks with the lines of the file, or without lines where those cannot be told."""
    numbers: list[int] = []
    if path.suffix.lower() in TEXT and path.is_file() and any(chunk.lines for chunk in chunks):
        raw, _ = decode(path.read_bytes())
        numbers = line_map(document.text, raw.replace("\r\n", "\n").replace("\r", "\n"))
    return tuple(dataclasses.replace(c, lines=_lines(c.lines, numbers)) for c in chunks)


def _lines(lines: tuple[int, ...], numbers: list[int]) -> tuple[int, ...]:
    return tuple(numbers[line - 1] for line in lines) if lines and numbers else ()
