"""Cut the text of a chunk into sentences that know where they stood.

1. Lines that start an item, a heading or a table row begin a new unit, as do blank lines and the
   bullet glyphs and paragraph numbers ("4-241.") of text that lost its line breaks.
2. A unit is cut into sentences by the splitter that also cuts chunks.
3. Markup, references in brackets and white space are tidied away from what is read; the offsets
   still point at the text as it was.

Everything is one pass with compiled patterns: time grows with the length of the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from wellread.ingest.sentences import sentence_spans
from wellread.synthesis.extractive.facts import Sentence

_UNIT_BREAK = re.compile(
    r"\n[ \t]*\n"
    r"|\n(?=[ \t]*(?:[-*+•‣▪●–]|\d{1,3}[.)]|[a-z]\)|#{1,6}|\|)[ \t])"
    r"|(?<=\n)(?=#{1,6} )"
    r"|[•‣▪●\uf000-\uf0ff]|(?<=[.:;]) z (?=[A-Z])"
    r"|(?<!\S)[A-Z]?\d{0,2}-\d{1,3}\.(?=\s+[A-Z“\"])"
)
_HEADING_LINE = re.compile(r"\A[ \t]*#{1,6}[ \t][^\n]*(?:\n|\Z)")
_ITEM = re.compile(r"\A\s*(?:[-*+•‣▪●–]\s+|\(?\d{1,3}[.)]\s+|\(?[a-z]\)\s+)")
_BRACKET_REFERENCE = re.compile(
    r"\s*\((?:see|see also|refer to|siehe|s\.|vgl\.|cf\.)\b[^()]*\)"
    r"|\s*\((?:(?:FM|ADP|ADRP|ATP|JP|AR|DOD|DODD|TC|ATTP|CJCSM|CJCSI|NTTP|"
    r"USC)\s?[\w.-]*[\d][^()]*)\)"
    r"|\s*\[(?:\d+|citation needed|note \d+)\]",
    re.IGNORECASE,
)
_LINK = re.compile(r"!?\[([^\]\n]*)\]\([^)\n]*\)")
_EMPHASIS = re.compile(r"(\*\*|__|`)(?=\S)(.+?)(?<=\S)\1")
_ITALICS = re.compile(r"(?<!\w)([*_])(?=[^\s*_])([^*_\n]+?)(?<=[^\s*_])\1(?!\w)")
_SPACE = re.compile(r"\s+")
_HYPHEN = re.compile(r"(?<=[a-zäöü])- (?=[a-zäöü]{3})(?!and |or |und |oder |to |bis )")


def units(text: str) -> Iterator[tuple[int, int]]:
    """Spans of `text` that no sentence crosses: paragraphs, items, headings, table rows."""
    start = 0
    for found in _UNIT_BREAK.finditer(text):
        if text[start : found.start()].strip():
            yield start, found.start()
        start = found.end() if found.group().strip() else found.start()
    if text[start:].strip():
        yield start, len(text)


def sentences(text: str, language: str = "") -> Iterator[Sentence]:
    """Sentences of `text` in order; headings are left out."""
    for start, end in units(text):
        unit = text[start:end]
        heading = _HEADING_LINE.match(unit)
        offset = heading.end() if heading else 0
        item = _ITEM.match(unit, offset)
        if item and not heading:
            offset = item.end()
        for a, b in sentence_spans(unit, offset, len(unit), language):
            tidied = tidy(unit[a:b])
            if tidied:
                yield Sentence(tidied, start + a, start + b, bool(item))


def tidy(text: str) -> str:
    """`text` for reading: no markup, no bracketed references, single spaces."""
    text = _LINK.sub(r"\1", text)
    text = _EMPHASIS.sub(r"\2", text)
    text = _ITALICS.sub(r"\2", text)
    text = _SPACE.sub(" ", text).strip()
    text = _HYPHEN.sub("-", text)
    return _BRACKET_REFERENCE.sub("", text).strip()
