"""Structure for text without lines: paragraphs, bullets and headings from what marks them.

Some tools write a whole book on one line. What is left of its structure are the marks inside the
sentences: numbers of paragraphs that count up ("1-12."), bullets, captions, and headings, which
stand between the end of a sentence and the number of a paragraph. Each gets lines of its own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from wellread.ingest.parts import SMALL, Opened, separate_parts

_MIN_LENGTH = 4_000
_LONG_LINE = 1_500
# Patterns begin with what is rare in a text, and look back from there: that is how they are fast.
_REFERENCES = ("paragraph ", "paragraphs ", "through ", "figure ", "table ")
_NUMBER = re.compile(r"-(\d{1,3})\.(?=\s[A-Z“\"(])")
_CHAPTER = re.compile(r"(?:(?<=\s)|^)(?:\d{1,2}|[A-Z])$")
_BULLET = re.compile(r"• +")
_CAPTION = re.compile(r" (?=(?:Figure|Table) [A-Z\d]{1,2}-\d{1,3}\. [A-Z])(?<=[.!?:”)] )")
_MIN_BULLETS = 10
_MAX_SKIP = 4
_MAX_HEADING_WORDS = 14
_SENTENCE_END = re.compile(r"[.!?:;—)”\"]\s|\n")


@dataclass(slots=True)
class Numbering:
    """How far the numbers of paragraphs and parts have counted, from one stretch to the next."""

    chapter: str = ""
    last: int = 0
    parts: Opened = field(default_factory=Opened)


def has_no_lines(text: str) -> bool:
    """Whether line ends say nothing: a long text with hardly any."""
    return len(text) >= _MIN_LENGTH and len(text) > _LONG_LINE * (text.count("\n") + 1)


def recover_structure(text: str, done: dict[str, int], numbering: Numbering | None = None) -> str:
    """`text` with line breaks at paragraphs, bullets, captions and headings.

    A text that comes in stretches is numbered through: `numbering` is moved on by each of them.
    """
    text = _glyph_bullets(text)
    text = _BULLET.sub("\n• ", text).replace(" \n• ", "\n• ")
    text = _CAPTION.sub("\n\n", text)
    numbering = numbering or Numbering()
    text = separate_parts(text, numbering.parts)
    starts = _numbered_paragraphs(text, numbering)
    parts: list[str] = []
    at = 0
    for start in starts:
        heading = _heading_before(text, at, start)
        parts.append(text[at:heading].rstrip())
        parts += _heading_lines(text[heading:start].strip())
        at = start
    parts.append(text[at:])
    if starts:
        done["paragraphs"] = done.get("paragraphs", 0) + len(starts)
    return "\n\n".join(part for part in parts if part)


def _glyph_bullets(text: str) -> str:
    """Letters that stand for bullets of a symbol font, where they come often."""
    for letter in "zqnlo":
        if text.count(f" {letter} ") < _MIN_BULLETS:
            continue
        pattern = re.compile(rf" {letter} (?<=[.—:;,\w]...)(?=[A-Z][a-z])")
        if len(pattern.findall(text)) >= _MIN_BULLETS:
            text = pattern.sub(" • ", text)
    return text


def _numbered_paragraphs(text: str, numbering: Numbering) -> list[int]:
    """Starts of the numbers that count up; a reference to a paragraph does not."""
    starts = []
    chapter, last = numbering.chapter, numbering.last
    for match in _NUMBER.finditer(text):
        low = max(match.start() - 3, 0)
        chapter_found = _CHAPTER.search(text[low : match.start()])
        if not chapter_found or (low and not chapter_found.start()):
            continue
        start = low + chapter_found.start()
        if text.endswith(_REFERENCES, 0, start):
            continue
        own_chapter, number = chapter_found[0], int(match[1])
        counts_up = own_chapter == chapter and last < number <= last + _MAX_SKIP
        opens = number <= (1 if chapter else _MAX_SKIP) and _is_next_chapter(chapter, own_chapter)
        if counts_up or opens:
            chapter, last = own_chapter, number
            starts.append(start)
    numbering.chapter, numbering.last = chapter, last
    return starts


def _is_next_chapter(last: str, chapter: str) -> bool:
    """Whether `chapter` can follow: 1, the next number, appendix A, or the next letter."""
    if chapter.isdigit():
        return int(chapter) == int(last or 0) + 1 if last.isdigit() or not last else False
    return chapter == "A" if not last.isalpha() else ord(chapter) == ord(last) + 1


def _heading_before(text: str, low: int, paragraph: int) -> int:
    """Where the heading before a paragraph starts; `paragraph` itself where there is none."""
    low = max(low, paragraph - 200)
    ends = list(_SENTENCE_END.finditer(text, low, paragraph - 1))
    start = ends[-1].end() if ends else low
    words = text[start:paragraph].split()
    if not words or len(words) > _MAX_HEADING_WORDS or words[0] == "•":
        return paragraph
    if words[0] in ("Chapter", "Appendix") and not text.startswith("1.", paragraph + 2):
        return paragraph  # a running head that was not recognised: a chapter opens with number 1
    loud = [word for word in words if word.lower() not in SMALL]
    reads_so = (
        words[-1][-1].isalpha() and ")" not in words and not any(w[0].islower() for w in loud)
    )
    return start if reads_so else paragraph


def _heading_lines(heading: str) -> list[str]:
    """A heading, or a title in small letters and one in capitals after it, as Markdown."""
    if not heading:
        return []
    words = heading.split()
    capitals = len(words)
    while capitals and words[capitals - 1].upper() == words[capitals - 1]:
        capitals -= 1
    title, loud = " ".join(words[:capitals]), " ".join(words[capitals:])
    if loud and sum(map(str.isalpha, loud)) < 3:
        title, loud = heading, ""
    level = "#" if title.startswith(("Chapter", "Appendix")) else "###"
    return [*([f"{level} {title}"] if title else []), *([f"## {loud}"] if loud else [])]
