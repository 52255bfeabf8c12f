"""Cut a document into chunks by its structure, to a budget of tokens, with exact spans.

    Document -> units (`units`) -> packed in order -> Chunks

1. A heading opens a chunk once the open one is large enough, and is never the end of one.
2. A paragraph that does not fit opens a chunk where half of the budget is used; else its sentences
   fill the open one. A sentence that fits is never torn.
3. A chunk is ``document.text[start:end]`` from its first unit to its last. A piece below
   `min_chunk_tokens` joins its neighbour, or takes sentences from the one before it.

Every character that is not white space lies in a chunk, or in a Rejection that names its span.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from dataclasses import replace

from wellread.ingest.settings import IngestSettings
from wellread.ingest.tokens import Counter, counter_for
from wellread.ingest.units import Unit, Units
from wellread.records import Chunk, Document, Rejection

STAGE = "chunk"


def split(
    document: Document, settings: IngestSettings, count: Counter | None = None
) -> Iterator[Chunk | Rejection]:
    """Chunks of `document` in order; what no chunk can hold comes as a Rejection.

    `count` is the counter of tokens; without it the one that the settings name.
    """
    counter = count or counter_for(settings.tokenizer)
    own = {key: value for key, value in document.metadata.items() if key != "cleaned"}
    document = replace(document, metadata=own)  # what was mended is told once, not in each chunk
    places = _Places(document)
    units = Units(document, settings.chunk_size, counter)
    packer = _Packer(settings, units.sentences)
    made = False
    for packed in _packed(units, packer):
        made = True
        yield _chunk(document, packed, counter, places)
    if not made and not packer.left:
        yield Rejection(STAGE, document.id, "no_text", "the document holds white space only")
    for start, end in packer.left:
        detail = " ".join(document.text[start:end].split())[:80]
        yield Rejection(STAGE, f"{document.id}#{start}-{end}", "heading_without_text", detail)


def _packed(units: Units, packer: _Packer) -> Iterator[list[Unit]]:
    for unit in units:
        yield from packer.add(unit)
    yield from packer.finish()


class _Packer:
    """Greedy packing that holds one finished chunk back, so that a short rest can join it."""

    def __init__(self, settings: IngestSettings, sentences: Callable[[Unit], list[Unit]]) -> None:
        self._sentences = sentences
        self._budget = float(settings.chunk_size)
        self._overlap = settings.chunk_overlap
        self._least = settings.min_chunk_tokens
        self._heads: list[Unit] = []
        self._open: list[Unit] = []
        self._used = 0.0
        self._repeated = 0
        self._held: list[Unit] = []
        self.left: list[tuple[int, int]] = []

    def add(self, unit: Unit) -> Iterator[list[Unit]]:
        """Take one unit; yields the chunks that are certain now."""
        if unit.kind == "heading" and _tokens(self._heads) + unit.tokens <= self._budget / 2:
            self._heads.append(unit)
        elif unit.kind == "paragraph" and self._tears(unit.tokens):
            for sentence in self._sentences(unit):
                yield from self._add_whole(sentence)
        else:
            yield from self._add_whole(unit)

    def finish(self) -> Iterator[list[Unit]]:
        """The rest. Headings with no text after them go to `left`, unless nothing else is there."""
        if self._heads and not (self._open or self._held):
            self._open, self._heads = self._heads, []
        self.left += [(head.start, head.end) for head in self._heads]
        yield from self._close(overlap=False)
        if self._held:
            yield self._held

    def _tears(self, tokens: float) -> bool:
        """Whether a paragraph is better torn than kept whole in the next chunk."""
        tokens += _tokens(self._heads)
        if tokens > self._budget:
            return True
        if self._heads and self._used >= self._enough():
            return False
        return self._used + tokens > self._budget and self._used < self._budget / 2

    def _enough(self) -> float:
        """Tokens from which on a heading opens a new chunk."""
        return max(self._least, self._budget / 4)

    def _add_whole(self, unit: Unit) -> Iterator[list[Unit]]:
        """Place a unit with the headings that wait for it."""
        if not self._heads:
            yield from self._place([unit], unit.tokens, heading=False)
            return
        heads, self._heads = self._heads, []
        if _tokens(heads) + unit.tokens > self._budget:
            for head in heads:  # no chunk can hold the sentence and the heading above it
                yield from self._place([head], head.tokens, heading=False)
            heads = []
        group = [*heads, unit]
        yield from self._place(group, _tokens(group), heading=bool(heads))

    def _place(self, group: list[Unit], weight: float, *, heading: bool) -> Iterator[list[Unit]]:
        """Put units that belong together into the open chunk, or into a new one."""
        full = self._used + weight > self._budget
        if len(self._open) > self._repeated and (
            full or (heading and self._used >= self._enough())
        ):
            yield from self._close(overlap=not heading)
            self._make_room(weight)
        self._open += group
        self._used += weight

    def _close(self, *, overlap: bool) -> Iterator[list[Unit]]:
        """Finish the open chunk: hold it, and hand on the one held before, balanced with it."""
        if len(self._open) <= self._repeated:
            return
        ready = self._open
        self._open, self._used, self._repeated = [], 0.0, 0
        if self._held and _tokens(ready) < self._least:
            ready = self._join(ready)
        if self._held:
            yield self._held
        self._held = ready
        if overlap and self._overlap:
            self._repeat(ready)

    def _join(self, short: list[Unit]) -> list[Unit]:
        """Join a short rest to the held chunk, or take sentences from the end of that one."""
        held = [*self._held[:-1], *self._sentences(self._held[-1])]
        merged = held + [unit for unit in short if unit.start >= held[-1].end]
        if _tokens(merged) <= self._budget:
            self._held = []
            return merged
        cut = len(merged)
        weight = 0.0
        while cut > 1 and weight < self._least:
            cut -= 1
            weight += merged[cut].tokens
        while cut > 1 and merged[cut - 1].kind == "heading":
            cut -= 1
        if merged[cut - 1].kind == "heading" or _tokens(merged[cut:]) > self._budget:
            return short
        self._held = merged[:cut]
        return merged[cut:]

    def _repeat(self, ready: list[Unit]) -> None:
        """Open the next chunk with the last sentences of this one, but never with all of it."""
        parts = [part for unit in ready for part in self._sentences(unit)]
        first = len(parts)
        weight = 0.0
        while first > 1 and parts[first - 1].kind != "heading":
            weight += parts[first - 1].tokens
            if weight > self._overlap:
                break
            first -= 1
        self._open = parts[first:]
        self._used = _tokens(self._open)
        self._repeated = len(self._open)

    def _make_room(self, weight: float) -> None:
        """Drop repeated sentences that would push the next unit over the budget."""
        while self._open and self._used + weight > self._budget:
            self._used -= self._open.pop(0).tokens
            self._repeated -= 1


def _tokens(units: list[Unit]) -> float:
    return sum(unit.tokens for unit in units) if units else 0.0


def _chunk(document: Document, units: list[Unit], counter: Counter, places: _Places) -> Chunk:
    start, end = units[0].start, units[-1].end
    text = document.text[start:end]
    added = math.ceil(_tokens(units) - units[-1].gap)
    path = next((unit.path for unit in units if unit.kind != "heading"), units[-1].path)
    return Chunk(
        id=f"{document.id}#{start}-{end}",
        document_id=document.id,
        text=text,
        start=start,
        end=end,
        title=document.title,
        source=document.source,
        heading=" > ".join(path),
        language=document.language,
        tokens=max(added, 1) if counter.additive else counter.count(text),
        pages=places.pages(start, end),
        lines=places.lines(start, end),
        metadata=document.metadata,
    )


class _Places:
    """On which pages and lines of a document a span lies."""

    def __init__(self, document: Document) -> None:
        self._pages = document.pages
        self._starts = [page.start for page in document.pages]
        self._breaks = [match.start() for match in re.finditer("\n", document.text)]

    def lines(self, start: int, end: int) -> tuple[int, int]:
        """First and last line, from 1, that ``text[start:end]`` touches."""
        last = max(start, end - 1)
        return bisect_left(self._breaks, start) + 1, bisect_left(self._breaks, last) + 1

    def pages(self, start: int, end: int) -> tuple[int, ...]:
        """First and last page that it touches; () without pages."""
        if not self._starts:
            return ()
        first = max(bisect_right(self._starts, start) - 1, 0)
        last = max(bisect_right(self._starts, end - 1) - 1, 0)
        return self._pages[first].page, self._pages[last].page
