"""Chapters, appendices and what follows them, in text whose lines are lost.

    "It ends. Chapter 2 Care of the Pump Pumps are ..."
    "It ends.", "# Chapter 2 Care of the Pump", "Pumps are ..."      each a paragraph

A part opens where its number counts up, which tells it from a running head and from a reference.
Its title goes as far as its words are capitalised; the last of them opens the first sentence,
unless capitals or the end of the line follow.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_PART = re.compile(r"(?<=\s)(?:Chapter|Appendix|Annex|Kapitel|Anhang) (\d{1,2}|[A-Z]) (?=[A-ZÄÖÜ])")
_BACK = re.compile(r"(?<=\s)(Glossary|References|Bibliography|Index|Glossar|Register) (?=[A-ZÄÖÜ])")
_ENDS = (".", ")", "”", '"', ":", "!", "?")
_BEFORE_REFERENCE = frozenset("see in of to and or the with by from siehe von und".split())
SMALL = frozenset(
    "a an and as at by for from in of on or the to with vs von und der die das".split()
)
_FIRST_WORDS = frozenset("The This These A An It In Die Der Das Dieses".split())
_MAX_TITLE_WORDS = 14


@dataclass(slots=True)
class Opened:
    """The parts met so far, from one stretch of a text to the next."""

    last: str = ""
    back: set[str] = field(default_factory=set)


def separate_parts(text: str, opened: Opened) -> str:
    """`text` with a heading of its own at each chapter, appendix, glossary and index."""
    if not (_PART.search(text) or _BACK.search(text)):
        return text
    pieces: list[str] = []
    at = 0
    for start, end, title in _openings(text, opened):
        if start < at:
            continue
        pieces += [text[at:start].rstrip(), f"# {title}"]
        at = end
    pieces.append(text[at:])
    return "\n\n".join(piece for piece in pieces if piece)


def _openings(text: str, opened: Opened) -> list[tuple[int, int, str]]:
    """Start and end of each heading, and the heading."""
    found = []
    for match in sorted([*_PART.finditer(text), *_BACK.finditer(text)], key=lambda m: m.start()):
        if match.re is _PART:
            title = _title(text, match.end()) if _opens(text, match, opened) else ""
            if title:
                opened.last = match[1]
                found.append((match.start(), match.end() + len(title), f"{match[0]}{title}"))
        elif _is_back(text, match, opened):
            opened.back.add(match[1])
            found.append((match.start(), match.end(), match[1]))
    return found


def _opens(text: str, match: re.Match[str], opened: Opened) -> bool:
    """Whether the number counts up, or starts anew after a table of contents."""
    label, last = match[1], opened.last
    before = text[max(0, match.start() - 20) : match.start()].split()
    if before and before[-1].lower().strip("(") in _BEFORE_REFERENCE:
        return False
    if label.isdigit():
        return int(label) == (int(last) + 1 if last.isdigit() else 1) or (
            label == "1" and last not in ("", "1")
        )
    return label == "A" if not last.isalpha() else ord(label) == ord(last) + 1


def _is_back(text: str, match: re.Match[str], opened: Opened) -> bool:
    """Whether glossary, references or index begin here: once each, after the last part."""
    name = match[1]
    if name in opened.back or not opened.last:
        return False
    if name in ("Glossary", "Glossar"):
        return True
    ended = text[: match.start()].rstrip()[-1:].endswith(_ENDS)
    return ended and (name != "Index" or bool(opened.back))


def _title(text: str, start: int) -> str:
    """The capitalised words from `start` on that are no beginning of a sentence."""
    line = text[start : start + 200].split("\n", 1)[0]
    words = line.split(" ")[: _MAX_TITLE_WORDS + 2]
    count = 0
    while count < len(words) and _may_stand_in_title(words[count]):
        count += 1
    if count == len(words) and len(words) > _MAX_TITLE_WORDS:
        return ""
    if count < len(words) and not _is_loud(words[count]):
        # What comes next is small: the last capitalised word begins the sentence.
        while count and words[count - 1] in SMALL:
            count -= 1
        count -= 1
        if count > 1 and words[count - 1] in _FIRST_WORDS:
            count -= 1
    while count > 0 and words[count - 1] in SMALL:
        count -= 1
    return " ".join(words[:count]) if count > 0 else ""


def _may_stand_in_title(word: str) -> bool:
    return word in SMALL or (word[:1].isupper() and not _is_loud(word) and word[-1:] not in ".!?:;")


def _is_loud(word: str) -> bool:
    """A word in capitals, which begins a heading of the next level."""
    letters = [letter for letter in word if letter.isalpha()]
    return len(letters) > 1 and all(letter.isupper() for letter in letters)
