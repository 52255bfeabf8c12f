"""Project Gutenberg files: the book without the header, the licence and the credits around it."""

from __future__ import annotations

import re
from dataclasses import dataclass

_START = re.compile(
    r"^.{0,3}\*\*\* ?START OF (?:THE|THIS) PROJECT GUTENBERG EBOOK.*?\*\*\*", re.MULTILINE
)
_END = re.compile(r"^.{0,3}\*\*\* ?END OF (?:THE|THIS) PROJECT GUTENBERG EBOOK", re.MULTILINE)
_FIELD = re.compile(r"^(Title|Author|Translator|Language|Release date): *(.+)$", re.MULTILINE)
_CREDIT = re.compile(
    r"(?:Produced by|Transcribed|E-?text prepared|Prepared by)\b|gutenberg", re.IGNORECASE
)
_EDGE = 4_000
_MAX_MARKS = 8


@dataclass(frozen=True, slots=True)
class Book:
    """The book's own text and the fields of its header, by lower-case name."""

    text: str
    fields: dict[str, str]


def unwrap_book(text: str) -> Book | None:
    """The book in a Project Gutenberg file, or None for any other text."""
    start = _START.search(text)
    if not start:
        return None
    fields = {name.lower(): value.strip() for name, value in _FIELD.findall(text[: start.start()])}
    for _ in range(_MAX_MARKS):
        text = text[start.end() :]
        start = _START.search(text)
        if not start:
            break
    end = _END.search(text)
    text = text[: end.start()] if end else text
    return Book(_without_credits(text), fields)


def _without_credits(text: str) -> str:
    """Drop the paragraphs on the project itself at both ends of the book."""
    paragraphs = re.split(r"(\n\s*\n)", text)
    at = 0
    for index in range(0, len(paragraphs), 2):
        near_edge = at < _EDGE or len(text) - at < _EDGE
        at += sum(map(len, paragraphs[index : index + 2]))
        if near_edge and len(paragraphs[index]) < 1_000 and _CREDIT.search(paragraphs[index]):
            paragraphs[index] = ""
    return "".join(paragraphs)
