"""A document as the units that chunks are packed from, measured in batches.

    text -> blocks -> units: a heading, a paragraph, a table, code, a sentence, a piece of one

A paragraph that fits a chunk stays one unit until packing finds that it has to be torn: only then
its sentences are looked for. One above the budget comes as sentences at once, and a sentence, a
table or code above it as pieces.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from wellread.ingest.blocks import Block, blocks
from wellread.ingest.pieces import pieces
from wellread.ingest.sentences import sentence_ends, sentence_spans
from wellread.ingest.tokens import Counter
from wellread.records import Document

UnitKind = Literal["heading", "paragraph", "solid"]
Span = tuple[int, int]
_BATCH_CHARACTERS = 1 << 20


class Unit(NamedTuple):
    """``text[start:end]``; `tokens` counts the white space after it, `gap`, as well.

    Only a paragraph may be parted further. `path` is the headings above, its own included.
    """

    start: int
    end: int
    tokens: float
    gap: float
    kind: UnitKind
    path: tuple[str, ...]


class Units:
    """The units of one document, in order; iterate once."""

    def __init__(self, document: Document, budget: int, counter: Counter) -> None:
        self._text = document.text
        self._language = document.language
        self._budget = budget
        self._counter = counter
        self._path: list[tuple[int, str]] = []

    def __iter__(self) -> Iterator[Unit]:
        batch: list[Block] = []
        size = 0
        for block in self._handy_blocks():
            batch.append(block)
            size += block.end - block.start
            if size >= _BATCH_CHARACTERS:
                yield from self._batch(batch)
                batch, size = [], 0
        if batch:
            yield from self._batch(batch)

    def sentences(self, unit: Unit) -> list[Unit]:
        """A paragraph as its sentences, pieces where one is too long; other units as they are."""
        if unit.kind != "paragraph":
            return [unit]
        spans = sentence_spans(self._text, unit.start, unit.end, self._language)
        parts = list(self._solid(spans, unit.end, unit.path))
        last = parts[-1]
        parts[-1] = last._replace(tokens=last.tokens + unit.gap, gap=last.gap + unit.gap)
        return parts

    def _handy_blocks(self) -> Iterator[Block]:
        """Blocks, with a paragraph of many megabytes parted at ends of sentences."""
        for block in blocks(self._text):
            start = block.start
            if block.end - start > _BATCH_CHARACTERS and block.kind in ("text", "item"):
                for _, following in sentence_ends(self._text, start, block.end, self._language):
                    if following - start >= _BATCH_CHARACTERS:
                        yield block._replace(start=start, end=following)
                        start = following
            yield block if start == block.start else block._replace(start=start)

    def _batch(self, batch: list[Block]) -> Iterator[Unit]:
        """Units of some blocks: one measurement for all."""
        stripped = [_stripped(self._text, block.start, block.end) for block in batch]
        batch = [block for block, (start, end) in zip(batch, stripped, strict=True) if start < end]
        spans = [span for span in stripped if span[0] < span[1]]
        if not spans:
            return
        stops = [*(start for start, _ in spans[1:]), self._following(batch[-1].end)]
        weights, gaps = self._weights(spans, stops)
        names: tuple[str, ...] = tuple(name for _, name in self._path)
        for block, span, stop, tokens, gap in zip(batch, spans, stops, weights, gaps, strict=True):
            start, end = span
            if block.level:
                names = self._open_heading(block)
            if tokens <= self._budget:
                yield Unit(start, end, tokens, gap, _KINDS.get(block.kind, "solid"), names)
            elif block.kind in ("text", "item"):
                inner = sentence_spans(self._text, start, end, self._language)
                yield from self._solid(inner, stop, names)
            else:
                yield from self._pieces(start, stop, names)

    def _solid(self, spans: Sequence[Span], end: int, path: tuple[str, ...]) -> Iterator[Unit]:
        """Sentences as units, those above the budget as pieces."""
        stops = [*(start for start, _ in spans[1:]), end]
        weights, gaps = self._weights(spans, stops)
        for (start, stop), reach, tokens, gap in zip(spans, stops, weights, gaps, strict=True):
            if tokens <= self._budget:
                yield Unit(start, stop, tokens, gap, "solid", path)
            else:
                yield from self._pieces(start, reach, path)

    def _pieces(self, start: int, end: int, path: tuple[str, ...]) -> Iterator[Unit]:
        for piece in pieces(self._text, start, end, self._budget, self._counter):
            yield Unit(*piece, "solid", path)

    def _following(self, end: int) -> int:
        """Where the next text starts after `end`."""
        while end < len(self._text) and self._text[end].isspace():
            end += 1
        return end

    def _weights(
        self, spans: Sequence[Span], stops: Sequence[int]
    ) -> tuple[list[float], list[float]]:
        """Tokens of each span with the white space up to its stop, and of that space alone."""
        if not self._counter.additive:
            wide = [(start, stop) for (start, _), stop in zip(spans, stops, strict=True)]
            return self._counter.measure(self._text, wide), [0.0] * len(spans)
        both = [p for span, stop in zip(spans, stops, strict=True) for p in (span, (span[1], stop))]
        measured = self._counter.measure(self._text, both)
        gaps = measured[1::2]
        return [own + gap for own, gap in zip(measured[::2], gaps, strict=True)], gaps

    def _open_heading(self, block: Block) -> tuple[str, ...]:
        """Close headings of the same or a deeper level and open this one."""
        while self._path and self._path[-1][0] >= block.level:
            self._path.pop()
        name = " ".join(self._text[block.start : block.end].split()).strip("#* ")
        self._path.append((block.level, name))
        return tuple(name for _, name in self._path)


_KINDS: dict[str, UnitKind] = {"heading": "heading", "text": "paragraph", "item": "paragraph"}


def _stripped(text: str, start: int, end: int) -> Span:
    """The block without white space after it, and without empty lines before it."""
    while start < end and text[end - 1].isspace():
        end -= 1
    while start < end and text[start].isspace():
        start += 1
    return start, end
