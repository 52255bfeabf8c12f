"""Passages cut into windows that fit beside an answer; no text is left out.

    passages -> stretches of at most `room` tokens, one overlapping the next
             -> windows: as many stretches in a row as fit, each with its passage's label

Pure: tokens are known by where they lie in the text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple


class Stretch(NamedTuple):
    """``passages[passage][start:end]``, and its number of tokens."""

    passage: int
    start: int
    end: int
    tokens: int


Window = tuple[Stretch, ...]
Starts = Callable[[str], Sequence[int]]


def windows(
    texts: Sequence[str], starts_of: Starts, room: int, label: int, overlap: float
) -> list[Window]:
    """Windows over all `texts` of at most `room` tokens, of which each stretch takes `label` more.

    `starts_of` says where the tokens of a text begin. A text longer than a window is cut, and the
    share `overlap` of a stretch stands in the next one too, so that a sentence is whole somewhere.
    """
    made: list[Window] = []
    window: list[Stretch] = []
    used = 0
    for number, text in enumerate(texts):
        for stretch in _stretches(number, text, starts_of(text), max(1, room - label), overlap):
            needed = stretch.tokens + label
            if window and used + needed > room:
                made.append(tuple(window))
                window, used = [], 0
            window.append(stretch)
            used += needed
    return [*made, tuple(window)] if window else made


def _stretches(
    number: int, text: str, starts: Sequence[int], most: int, overlap: float
) -> Iterator[Stretch]:
    if len(starts) <= most:
        if starts:
            yield Stretch(number, 0, len(text), len(starts))
        return
    step = max(1, most - int(most * overlap))
    at = 0
    while True:
        stop = min(at + most, len(starts))
        end = starts[stop] if stop < len(starts) else len(text)
        yield Stretch(number, 0 if at == 0 else starts[at], end, stop - at)
        if stop == len(starts):
            return
        at += step
