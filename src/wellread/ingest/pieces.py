"""Cut what is too long for one chunk: at lines, else at words, else between characters."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from wellread.ingest.tokens import Counter

Piece = tuple[int, int, float, float]
_LINE = re.compile(r"[^\n]*\n+|[^\n]+")
_WORD = re.compile(r"\S+\s*|\s+")
_WINDOW = 1 << 16
_CUT_WORD = 4
_JOINERS = "\u200c\u200d\ufe0e\ufe0f"


def pieces(text: str, start: int, end: int, budget: float, counter: Counter) -> Iterator[Piece]:
    """``(start, end, tokens, gap)`` of pieces within `budget`, in order.

    A piece ends with its last character that is not white space; `gap` is the tokens of the white
    space up to the next one, and `tokens` counts it. Works on a window at a time, so that one line
    of 50 MB needs memory for one window.
    """
    before: tuple[int, int] | None = None
    for low in range(start, end, _WINDOW):
        high = min(low + _WINDOW, end)
        for piece in _cut(text, low, high, budget, counter, (_LINE, _WORD)):
            if before:
                yield _weighed(text, *before, piece[0], counter)
            before = piece
    if before:
        yield _weighed(text, *before, end, counter)


def _weighed(text: str, start: int, end: int, following: int, counter: Counter) -> Piece:
    gap = counter.measure(text, [(end, following)])[0] if counter.additive else 0.0
    return start, end, counter.measure(text, [(start, end)])[0] + gap, gap


def _cut(
    text: str,
    start: int,
    end: int,
    budget: float,
    counter: Counter,
    patterns: tuple[re.Pattern[str], ...],
) -> Iterator[tuple[int, int]]:
    """Pack the parts that the first pattern finds; a part above the budget goes to the next."""
    if patterns:
        spans = [match.span() for match in patterns[0].finditer(text, start, end)]
    else:
        spans = list(_characters(text, start, end))
        budget -= _CUT_WORD  # a piece of a word counts for more than it did inside the word
    tokens = counter.measure(text, spans)
    first, used = start, 0.0
    for (low, high), weight in zip(spans, tokens, strict=True):
        if used and used + weight > budget:
            yield from _trimmed(text, first, low)
            first, used = low, 0.0
        if weight > budget and patterns:
            yield from _cut(text, low, high, budget, counter, patterns[1:])
            first, used = high, 0.0
        else:
            used += weight
    yield from _trimmed(text, first, end)


def _characters(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Characters with the marks and joiners that belong to them."""
    low = start
    for at in range(start + 1, end):
        if text[at] in _JOINERS or text[at - 1] == "\u200d" or unicodedata.combining(text[at]):
            continue
        yield low, at
        low = at
    if low < end:
        yield low, end


def _trimmed(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The span without white space at its ends, unless nothing is left."""
    while start < end and text[end - 1].isspace():
        end -= 1
    while start < end and text[start].isspace():
        start += 1
    if start < end:
        yield start, end
