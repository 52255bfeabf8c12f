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
_FENCE = re.compile(r"^ {0,3}(`{3,12}|~{3,12})([^\n]*)", re.MULTILINE)
_MARKED_HEADING = re.compile(r"(#{1,6})[ \t]+\S")
_ITEM = re.compile(r"[ \t]*(?:[-*+•▪◦‣●■–—]|\(?\d{1,3}[.)]|\(?[a-zA-Z][.)])[ \t]+\S")
_MAYBE_SPECIAL = re.compile(r"[ \t]*(?:[#|]|[-*+•▪◦‣●■–—]|\(?\d{1,3}[.)]|\(?[a-zA-Z][.)])")
_SPECIAL_LINE = re.compile(rf"\n{_MAYBE_SPECIAL.pattern}")
_CHAPTER = re.compile(
    r"(?:chapter|part|section|appendix|annex|book|act|scene|preface|introduction|glossary|"
    r"kapitel|teil|abschnitt|anhang|aufzug|szene|scene|chapitre|partie|annexe|capítulo|"
    r"capitolo|parte|hoofdstuk|rozdział|глава|часть|第[一二三四五六七八九十百\d]+[章节節部])\b",
    re.IGNORECASE,
)
_NUMBERED = re.compile(r"(\d{1,2}(?:\.\d{1,2}){0,4}|[IVXLC]{1,6})\.?[ \t]+\S")
_CHAPTER_LINE = re.compile(rf"{_CHAPTER.pattern} +[\dIVXLC]+[.:]?", re.IGNORECASE)
_SCENE = re.compile(
    r"\w+ (?:scene|szene|aufzug|akt|act|chapter|kapitel|part|teil)\.?", re.IGNORECASE
)
_MAX_HEADING = 90
_MAX_CHAPTER = 40
_CLOSING = ".,;:!?…。，；：！？"


def blocks(text: str) -> Iterator[Block]:
    """Every block of `text`, in order."""
    at = 0
    if "```" in text or "~~~" in text:
        for start, end in _fences(text):
            yield from _between(text, at, start)
            yield Block(start, end, "code")
            at = end
    yield from _between(text, at, len(text))


def _fences(text: str) -> Iterator[tuple[int, int]]:
    """Spans of fenced code, the fences included; an open fence reaches to the end."""
    opening: re.Match[str] | None = None
    for fence in _FENCE.finditer(text):
        if opening is None:
            opening = fence
        elif fence[1].startswith(opening[1]) and not fence[2].strip("`~ \t"):
            yield opening.start(), fence.end()
            opening = None
    if opening:
        yield opening.start(), len(text)


def _between(text: str, start: int, end: int) -> Iterator[Block]:
    """Blocks of a stretch without fenced code: paragraphs are what blank lines part."""
    for gap in _GAP.finditer(text, start, end):
        if gap.start() > start and not _is_blank(text, start, gap.start()):
            yield from _paragraph(text, start, gap.start())
        start = gap.end()
    if start < end and not _is_blank(text, start, end):
        yield from _paragraph(text, start, end)


def _is_blank(text: str, start: int, end: int) -> bool:
    return text[start].isspace() and text[start:end].isspace()


def _paragraph(text: str, start: int, end: int) -> Iterator[Block]:
    """One paragraph, which may hold a heading line, list items or a table."""
    while text[start] == "\n":
        start += 1
    if text.find("\n", start, end) < 0:
        yield _line(text, start, end)
        return
    titled = _chapter_line(text, start, end)
    if titled > start:
        yield Block(start, titled, "heading", 1)
    yield from _groups(text, titled, end)


def _groups(text: str, start: int, end: int) -> Iterator[Block]:
    """Lines of one kind that belong together; each item and each heading starts a new group."""
    if not _MAYBE_SPECIAL.match(text, start, end) and not _SPECIAL_LINE.search(text, start, end):
        if start < end:
            yield Block(start, end, "text")
        return
    kind: BlockKind = "text"
    for line_start, line_end in _lines(text, start, end):
        own, level = _kind_of_line(text, line_start, line_end)
        if level:
            if start < line_start:
                yield Block(start, line_start, kind)
            yield Block(line_start, line_end, "heading", level)
            start, kind = line_end, "text"
        elif start == line_start:
            kind = own
        elif own == "item" or (own == "table") != (kind == "table"):
            yield Block(start, line_start, kind)
            start, kind = line_start, own
    if start < end:
        yield Block(start, end, kind)


def _chapter_line(text: str, start: int, end: int) -> int:
    """Where the title of a chapter ends that starts the paragraph; `start` where there is none.

    "CHAPTER I." may stand over its name in one paragraph of two lines.
    """
    stop = text.find("\n", start, end)
    if stop + 1 in (0, end):
        return start
    line = text[start:stop].strip()
    if len(line) > _MAX_CHAPTER or not (_CHAPTER_LINE.fullmatch(line) or _SCENE.fullmatch(line)):
        return start
    if not line[:1].isupper() or line[-1] in ",;:":
        return start
    named = end - start <= _MAX_HEADING and text.count("\n", start, end) == 1
    return end if named and text[stop + 1].isalnum() and text[end - 1].isalnum() else stop + 1


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
    chapter = _CHAPTER.match(line) or _SCENE.fullmatch(line)
    if not (line[0].isalnum() or line[0] in '“"([') or (line[-1] in _CLOSING and not chapter):
        return 0
    if chapter and (line[0].isupper() or not line[0].isascii()):
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
