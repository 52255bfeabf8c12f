"""The structure of a text: headings, paragraphs, list items, tables, code.

`blocks` walks over a text and yields each block as a span with its kind; every character that
is not white space lies in exactly one. Markdown is understood (``#`` headings, fences, ``|``
tables, bullets); in plain text a heading is a short line on its own that reads like one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

BlockKind = Literal["heading", "text", "item", "table", "code"]


class Block(NamedTuple):
    """``text[start:end]``; `level` is that of a heading, from 1, else 0."""

    start: int
    end: int
    kind: BlockKind
    level: int = 0


_GAP = re.compile(r"\n[ \t]*\n\s*")
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})[^\n]*\n.*?(?:^ {0,3}\1[`~]*[ \t]*$|\Z)", re.M | re.S)
_MARKED_HEADING = re.compile(r"(#{1,6})[ \t]+\S")
_ITEM = re.compile(r"[ \t]*(?:[-*+•▪◦‣●■–—]|\(?\d{1,3}[.)]|\(?[a-zA-Z][.)])[ \t]+\S")
_MAYBE_SPECIAL = re.compile(r"[ \t]*(?:[#|]|[-*+•▪◦‣●■–—]|\(?\d{1,3}[.)]|\(?[a-zA-Z][.)])")
_CHAPTER = re.compile(
    r"(?:chapter|part|section|appendix|annex|book|act|scene|preface|introduction|glossary|"
    r"kapitel|teil|abschnitt|anhang|aufzug|szene|scene|chapitre|partie|annexe|capítulo|"
    r"capitolo|parte|hoofdstuk|rozdział|глава|часть|第[一二三四五六七八九十百\d]+[章节節部])\b",
    re.I,
)
_NUMBERED = re.compile(r"(\d{1,2}(?:\.\d{1,2}){0,4}|[IVXLC]{1,6})\.?[ \t]+\S")
_MAX_HEADING = 90


def blocks(text: str) -> Iterator[Block]:
    """Every block of `text`, in order."""
    at = 0
    if "```" in text or "~~~" in text:
        for fence in _FENCE.finditer(text):
            yield from _between(text, at, fence.start())
            yield Block(fence.start(), fence.end(), "code")
            at = fence.end()
    yield from _between(text, at, len(text))


def _between(text: str, start: int, end: int) -> Iterator[Block]:
    """Blocks of a stretch without fenced code: paragraphs are what blank lines part."""
    for gap in _GAP.finditer(text, start, end):
        if gap.start() > start and not text[start : gap.start()].isspace():
            yield from _paragraph(text, start, gap.start())
        start = gap.end()
    if start < end and not text[start:end].isspace():
        yield from _paragraph(text, start, end)


def _paragraph(text: str, start: int, end: int) -> Iterator[Block]:
    """One paragraph, which may hold a heading line, list items or a table."""
    while text[start] == "\n":
        start += 1
    if "\n" not in text[start:end]:
        yield _line(text, start, end)
        return
    group_start = start
    group_kind: BlockKind | None = None
    for line_start, line_end in _lines(text, start, end):
        kind, level = _kind_of_line(text, line_start, line_end)
        if level:
            if group_start < line_start:
                yield Block(group_start, line_start, group_kind or "text")
            yield Block(line_start, line_end, "heading", level)
            group_start, group_kind = line_end, None
        elif kind == "item" or (group_kind is not None and _turns(kind, group_kind)):
            if group_start < line_start:
                yield Block(group_start, line_start, group_kind or "text")
            group_start, group_kind = line_start, kind
        elif group_kind is None:
            group_start, group_kind = line_start, kind
    if group_start < end:
        yield Block(group_start, end, group_kind or "text")


def _turns(kind: BlockKind, group: BlockKind) -> bool:
    """Whether a line of `kind` ends a group: text goes on in an item, a table takes rows only."""
    return (kind == "table") != (group == "table")


def _lines(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    while start < end:
        stop = text.find("\n", start, end)
        stop = end if stop < 0 else stop + 1
        yield start, stop
        start = stop


def _kind_of_line(text: str, start: int, end: int) -> tuple[BlockKind, int]:
    """Kind of one line inside a paragraph, and its level if it is a marked heading."""
    if not _MAYBE_SPECIAL.match(text, start, end):
        return "text", 0
    marked = _MARKED_HEADING.match(text, start, end)
    if marked:
        return "heading", len(marked[1])
    if text[start:end].lstrip().startswith("|"):
        return "table", 0
    return ("item" if _ITEM.match(text, start, end) else "text"), 0


def _line(text: str, start: int, end: int) -> Block:
    """A paragraph of one line."""
    kind, level = _kind_of_line(text, start, end)
    if not level and end - start <= _MAX_HEADING and kind != "table":
        level = _heading_level(text[start:end].strip(), kind)
        kind = "heading" if level else kind
    return Block(start, end, kind, level)


def _heading_level(line: str, kind: BlockKind) -> int:
    """Level of an unmarked heading in plain text, or 0: capitals, a chapter, a numbered title."""
    if line[-1] in ".,;:!?…。，；：！？" and not _CHAPTER.match(line):
        return 0
    if _CHAPTER.match(line) and (line[0].isupper() or not line[0].isascii()):
        return 1 if len(line.split()) <= 12 else 0
    letters = [c for c in line if c.isalpha()]
    if len(letters) < 3 or len(line.split()) > 12:
        return 0
    numbered = _NUMBERED.match(line)
    if numbered and line[numbered.end() - 1].isupper():
        return 2 + numbered[1].count(".")
    if kind == "item":
        return 0
    return 2 if line.upper() == line and line.lower() != line else 0
