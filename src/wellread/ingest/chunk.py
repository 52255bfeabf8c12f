"""Cut a document into chunks by its structure, to a budget of tokens, with exact spans.

    text -> blocks -> units (a sentence, a heading, a table, a block of code) -> chunks

1. `blocks` finds the structure; a block becomes units: text by sentences, a table or code whole.
   A unit above the budget is cut at lines, at words, at last between characters.
2. Units are packed in order. A heading opens a chunk once the open one is large enough, and is
   never the end of one; a paragraph that does not fit where half of the budget is used opens one.
3. A chunk is ``document.text[start:end]`` from its first unit to its last. A piece below
   `min_chunk_tokens` joins its neighbour, or takes sentences from the one before it.

Every character that is not white space lies in a chunk, or in a Rejection that names its span.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import NamedTuple

from wellread.ingest.blocks import Block, blocks
from wellread.ingest.pieces import pieces
from wellread.ingest.sentences import sentence_ends, sentence_spans
from wellread.ingest.settings import IngestSettings
from wellread.ingest.tokens import Counter, counter_for
from wellread.records import Chunk, Document, Rejection

STAGE = "chunk"
_BATCH_CHARACTERS = 1 << 20


class Unit(NamedTuple):
    """What packing never cuts: `tokens` counts the white space after it as well.

    `opens` is the tokens of the block that starts here, 0 inside a block; `path` is the path of
    headings, the unit's own included.
    """

    start: int
    end: int
    tokens: float
    heading: bool
    opens: float
    path: tuple[str, ...]


def split(
    document: Document, settings: IngestSettings, count: Counter | None = None
) -> Iterator[Chunk | Rejection]:
    """Chunks of `document` in order; what no chunk can hold comes as a Rejection.

    `count` is the counter of tokens; without it the one that the settings name.
    """
    counter = count or counter_for(settings.tokenizer)
    packer = _Packer(settings)
    made = 0
    for unit in _units(document, settings, counter):
        for packed in packer.add(unit):
            made += 1
            yield _chunk(document, packed, counter)
    for packed in packer.finish():
        made += 1
        yield _chunk(document, packed, counter)
    if not made and not packer.left:
        yield Rejection(STAGE, document.id, "no_text", "the document holds white space only")
    for start, end in packer.left:
        detail = " ".join(document.text[start:end].split())[:80]
        yield Rejection(STAGE, f"{document.id}#{start}-{end}", "heading_without_text", detail)


def _units(document: Document, settings: IngestSettings, counter: Counter) -> Iterator[Unit]:
    """Blocks measured in batches, so that a huge document needs memory for one batch."""
    path: list[tuple[int, str]] = []
    batch: list[Block] = []
    size = 0
    for block in _handy_blocks(document):
        batch.append(block)
        size += block.end - block.start
        if size >= _BATCH_CHARACTERS:
            yield from _measured(document, batch, settings, counter, path)
            batch, size = [], 0
    yield from _measured(document, batch, settings, counter, path)


def _handy_blocks(document: Document) -> Iterator[Block]:
    """Blocks, with a paragraph of many megabytes parted at ends of sentences."""
    for block in blocks(document.text):
        start = block.start
        if block.end - start > _BATCH_CHARACTERS and block.kind in ("text", "item"):
            ends = sentence_ends(document.text, start, block.end, document.language)
            for _, following in ends:
                if following - start >= _BATCH_CHARACTERS:
                    yield block._replace(start=start, end=following)
                    start = following
        yield block._replace(start=start)


def _measured(
    document: Document,
    batch: list[Block],
    settings: IngestSettings,
    counter: Counter,
    path: list[tuple[int, str]],
) -> Iterator[Unit]:
    """Units of a batch of blocks; `path` is the open headings and is carried along."""
    text, language = document.text, document.language
    spans: list[tuple[int, int]] = []
    counts: list[int] = []
    for block in batch:
        inner = (
            sentence_spans(text, block.start, block.end, language)
            if block.kind in ("text", "item")
            else [_stripped(text, block.start, block.end)]
        )
        spans += inner
        counts.append(len(inner))
    reach = [*(start for start, _ in spans[1:]), batch[-1].end] if spans else []
    measured = counter.measure(text, [(s, r) for (s, _), r in zip(spans, reach, strict=True)])
    at = 0
    for block, number in zip(batch, counts, strict=True):
        if block.level:
            _open_heading(path, block, text)
        names = tuple(name for _, name in path)
        whole = sum(measured[at : at + number])
        for index in range(at, at + number):
            opens = whole if index == at else 0.0
            start, end = spans[index]
            tokens = measured[index]
            if tokens <= settings.chunk_size:
                yield Unit(start, end, tokens, block.level > 0, opens, names)
                continue
            for piece in pieces(text, start, reach[index], settings.chunk_size, counter):
                yield Unit(*piece, block.level > 0, opens, names)
                opens = 0.0
        at += number


def _stripped(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[end - 1].isspace():
        end -= 1
    while start < end and text[start] in "\r\n":
        start += 1
    return start, end


def _open_heading(path: list[tuple[int, str]], block: Block, text: str) -> None:
    """Close headings of the same or a deeper level and open this one."""
    while path and path[-1][0] >= block.level:
        path.pop()
    name = " ".join(text[block.start : block.end].split()).strip("#* ")
    path.append((block.level, name))


class _Packer:
    """Greedy packing that holds one finished chunk back, so that a short rest can join it."""

    def __init__(self, settings: IngestSettings) -> None:
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
        if unit.heading and self._head_tokens() + unit.tokens <= self._budget / 2:
            self._heads.append(unit)
            return
        heads, self._heads = self._heads, []
        if self._budget < sum(head.tokens for head in heads) + unit.tokens:
            for head in heads:  # no chunk can hold the sentence and the heading above it
                yield from self._place([head], opens=0.0, heading=False)
            heads = []
        yield from self._place([*heads, unit], opens=unit.opens, heading=bool(heads))

    def _place(self, group: list[Unit], *, opens: float, heading: bool) -> Iterator[list[Unit]]:
        """Put units that belong together into the open chunk, or into a new one."""
        weight = sum(one.tokens for one in group)
        if self._must_close(weight, opens, heading):
            yield from self._close(overlap=not heading)
            self._make_room(weight)
        self._open += group
        self._used += weight

    def finish(self) -> Iterator[list[Unit]]:
        """The rest. Headings with no text after them go to `left`, unless nothing else is there."""
        if self._heads and not (self._open or self._held):
            self._open, self._heads = self._heads, []
        self.left += [(head.start, head.end) for head in self._heads]
        yield from self._close(overlap=False)
        if self._held:
            yield self._held

    def _head_tokens(self) -> float:
        return sum(head.tokens for head in self._heads)

    def _must_close(self, weight: float, opens: float, heading: bool) -> bool:
        if len(self._open) <= self._repeated:
            return False
        if self._used + weight > self._budget:
            return True
        if heading:
            return self._used >= max(self._least, self._budget / 4)
        late = self._used >= self._budget / 2
        return late and opens <= self._budget < self._used + opens

    def _close(self, *, overlap: bool) -> Iterator[list[Unit]]:
        """Finish the open chunk: hold it, and hand on the one held before, balanced with it."""
        new = self._open[self._repeated :]
        if not new:
            return
        ready = self._open
        self._open, self._used, self._repeated = [], 0.0, 0
        if self._held and sum(one.tokens for one in ready) < self._least:
            ready = self._join(ready)
        if self._held:
            yield self._held
        self._held = ready
        if overlap and self._overlap:
            self._repeat(ready)

    def _join(self, short: list[Unit]) -> list[Unit]:
        """Join a short rest to the held chunk, or take units from the end of that one."""
        merged = _union(self._held, short)
        if sum(one.tokens for one in merged) <= self._budget:
            self._held = []
            return merged
        cut = len(merged)
        weight = 0.0
        while cut > 1 and weight < self._least:
            cut -= 1
            weight += merged[cut].tokens
        while cut > 1 and merged[cut - 1].heading:
            cut -= 1
        rest = merged[cut:]
        if cut < 2 or sum(one.tokens for one in rest) > self._budget:
            return short
        self._held = merged[:cut]
        return rest

    def _repeat(self, ready: list[Unit]) -> None:
        """Open the next chunk with the last sentences of this one."""
        weight = 0.0
        first = len(ready)
        while first > 1 and not ready[first - 1].heading:
            weight += ready[first - 1].tokens
            if weight > self._overlap:
                break
            first -= 1
        self._open = ready[first:]
        self._used = sum(one.tokens for one in self._open)
        self._repeated = len(self._open)

    def _make_room(self, weight: float) -> None:
        """Drop repeated sentences that would push the next unit over the budget."""
        while self._open and self._used + weight > self._budget:
            self._used -= self._open.pop(0).tokens
            self._repeated -= 1


def _union(first: list[Unit], second: list[Unit]) -> list[Unit]:
    """Both runs of units without what overlap repeats."""
    last = first[-1].start
    return first + [unit for unit in second if unit.start > last]


def _chunk(document: Document, units: list[Unit], counter: Counter) -> Chunk:
    start, end = units[0].start, units[-1].end
    text = document.text[start:end]
    path = next((unit.path for unit in units if not unit.heading), units[-1].path)
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
        tokens=counter.count(text),
        pages=_pages(document, start, end),
        metadata=document.metadata,
    )


def _pages(document: Document, start: int, end: int) -> tuple[int, ...]:
    """First and last page that ``text[start:end]`` touches."""
    if not document.pages:
        return ()
    starts = [page.start for page in document.pages]
    first = max(bisect_right(starts, start) - 1, 0)
    last = max(bisect_right(starts, end - 1) - 1, 0)
    return document.pages[first].page, document.pages[last].page
