"""Extracted text to text as a person would type it; pages keep their exact spans.

Steps, each in a file of its own: characters (control codes, shifted glyphs, ligatures) -> the
book in a Project Gutenberg file -> running heads and page numbers -> tables of contents -> words
broken at line ends -> structure where lines are missing -> white space. Paragraphs, lists, tables
and code keep their lines. Pages are cleaned one by one and then joined, so that the span of each
is exact; a sentence that goes on over the page goes on in the text.

Everything here is a pure function, and cleaning twice changes nothing more.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from wellread.ingest.characters import mend_characters
from wellread.ingest.contents import drop_contents
from wellread.ingest.gutenberg import unwrap_book
from wellread.ingest.lines import join_broken_words, join_spaced_words, join_words_of_pages
from wellread.ingest.running import drop_blank_notes, drop_inline_heads, drop_running_lines
from wellread.ingest.structure import Numbering, has_no_lines, recover_structure
from wellread.records import PageSpan

_INLINE_BULLET = re.compile(r"(?<=[—:]) (?=• )")
_FULL_LINE = 60
_WINDOW = 4_000_000
_FAR = 100_000
_SENTENCE = re.compile(r"[a-z]\. ")
_EMPTY_LINES = re.compile(r"\n\n\n+")


@dataclass(frozen=True, slots=True)
class Cleaned:
    """Clean text, where its pages lie, what it says about itself, and what was mended how often."""

    text: str
    pages: tuple[PageSpan, ...] = ()
    fields: dict[str, str] = field(default_factory=dict)
    done: dict[str, int] = field(default_factory=dict)


def clean(text: str) -> Cleaned:
    r"""Clean `text`; form feeds part it into pages.

    >>> clean("The \ufb01rst opera-\r\ntions.   \n\n\n\nThe operations.").text
    'The first operations.\n\nThe operations.'
    """
    if text.count("\f") > 1:
        return clean_pages(list(enumerate(text.split("\f"), start=1)))
    done: dict[str, int] = {}
    text = mend_characters(text, done)
    book = unwrap_book(text) if "PROJECT GUTENBERG" in text else None
    text = book.text if book else text
    text = join_broken_words(_tidy(text), done)
    if has_no_lines(text):
        numbering = Numbering()
        text = "".join(_recovered(part, done, numbering) for part in _windows(text))
        text = _tidy(text)
    else:
        mended = _part_bullets(drop_contents(drop_blank_notes(text), done))
        text = text if mended is text else _tidy(mended)
    return Cleaned(text, fields=book.fields if book else {}, done=done)


def clean_pages(pages: Sequence[tuple[int, str]]) -> Cleaned:
    """Clean numbered pages and join them; a page that is empty then has no span."""
    done: dict[str, int] = {}
    lines = [mend_characters(text, done).split("\n") for _, text in pages]
    kept = drop_running_lines(lines)
    if removed := sum(map(len, lines)) - sum(map(len, kept)):
        done["running_lines"] = removed
    bodies = [
        _tidy(_part_bullets(drop_contents(drop_blank_notes("\n".join(rest)), done))).strip()
        for rest in kept
    ]
    parts: list[str] = []
    spans: list[PageSpan] = []
    at = 0
    for (number, _), body in zip(pages, join_words_of_pages(bodies, done), strict=True):
        if not body:
            continue
        glue = _glue(parts[-1], body) if parts else ""
        parts += [glue, body]
        at += len(glue)
        spans.append(PageSpan(number, at, at + len(body)))
        at += len(body)
    return Cleaned("".join(parts), tuple(spans), done=done)


def _recovered(text: str, done: dict[str, int], numbering: Numbering) -> str:
    """Text without lines gets the lines it has lost."""
    text = drop_inline_heads(drop_blank_notes(text), done)
    text = join_spaced_words(drop_contents(text, done), done)
    return recover_structure(text, done, numbering)


def _windows(text: str) -> Iterator[str]:
    """Stretches that end with a sentence, so that a line of 50 MB needs memory for one of them."""
    start = 0
    while len(text) - start > _WINDOW:
        sentence = _SENTENCE.search(text, start + _WINDOW, start + _WINDOW + _FAR)
        end = sentence.end() if sentence else text.find(" ", start + _WINDOW) + 1 or len(text)
        yield text[start:end]
        start = end
    yield text[start:]


def _part_bullets(text: str) -> str:
    """A bullet straight after a colon or a dash gets a line of its own."""
    return _INLINE_BULLET.sub("\n", text) if " • " in text else text


def _tidy(text: str) -> str:
    """No white space at line ends, at most one empty line, nothing at both ends."""
    if unicodedata.is_normalized("NFC", text) is False:
        text = unicodedata.normalize("NFC", text)
    if " \n" in text or ("\t" in text and "\t\n" in text):
        text = "\n".join([line.rstrip(" \t") for line in text.split("\n")])
    if "\n\n\n" in text:
        text = _EMPTY_LINES.sub("\n\n", text)
    return text.rstrip().lstrip("\n")


def _glue(before: str, after: str) -> str:
    """What joins two pages: one line end where a sentence goes on, two after a paragraph."""
    line = before[before.rfind("\n") + 1 :]
    if line.startswith(("#", "|")) or after[0] in "#|•-*" or not after[0].isalpha():
        return "\n\n"
    if not (line[-1].isalnum() or line[-1] in ",-–"):
        return "\n\n"
    return "\n" if after[0].islower() or len(line) > _FULL_LINE else "\n\n"
