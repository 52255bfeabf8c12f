"""A document's text without what its chunks hold already, and back again.

    "One. Two." with chunks "One." (0-4) and "Two." (5-9)  ->  " "

Chunks cover nearly all of a document, so keeping only what lies between them halves what a
knowledge base holds.
"""

from __future__ import annotations

from collections.abc import Iterable

Piece = tuple[int, int, str]
"""``(start, end, text)`` of a chunk."""


def between(text: str, pieces: Iterable[Piece]) -> str:
    """The characters of `text` that no piece covers; pieces come by start and may overlap."""
    parts, reached = [], 0
    for start, end, _ in pieces:
        if start > reached:
            parts.append(text[reached:start])
        reached = max(reached, end)
    return "".join([*parts, text[reached:]])


def whole(rest: str, pieces: Iterable[Piece]) -> str:
    """The text from which `between` left `rest`."""
    parts, reached, used = [], 0, 0
    for start, end, piece in pieces:
        if start > reached:
            parts.append(rest[used : used + start - reached])
            used += start - reached
            reached = start
        if end > reached:
            parts.append(piece[reached - start :])
            reached = end
    return "".join([*parts, rest[used:]])
