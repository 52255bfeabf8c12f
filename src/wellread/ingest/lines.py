"""Lines of a page back to words and paragraphs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import pairwise

_BROKEN = re.compile(r"[-‐]\n(?<=[^\W\d_]..)[ \t]*(?=[^\W\d_])", re.DOTALL)
_SPACED = re.compile(r"- (?<=[^\W\d_]..)(?=[^\W\d_])")
_AFTER_OPEN_HYPHEN = frozenset("and or to und oder bis et ou y o e".split())
_HEAD = re.compile(r"[^\W\d_]+")
_PUNCTUATION = ".,;:!?…()[]{}\"'“”‘’«»„*_|#"
_OPENS = re.compile(
    r"\s*(?:[•▪◦‣●■–—*]\s|\d{1,2}[-.]\d{1,3}\.?\s+(?=[A-Z\"“(])|\(?\d{1,3}[.)]\s|\(?[a-z]\)\s"
    r"|#{1,6}\s|\|)"
)
_LOOK = 60
# Halves of compounds ("built-in", "round-trip") that hyphenation hardly ever parts from a word.
_COMPOUND_ENDS = frozenset("in up out off on by to of".split())
_COMPOUND_STARTS = frozenset("half round self well".split())
_COMPOUND_REST = re.compile(r"(?!about|ish|less|ness|ing)\w{4}")
_WIDE_GAP = 1.2
_SHORT_LINE = 0.75
_PAGE_END = "\n\f\n"
Join = Callable[[str, str, Set[str]], str | None]


@dataclass(frozen=True, slots=True)
class Line:
    """One printed line; `gap` (from the line above) and `size` are in points, 0 where unknown."""

    text: str
    gap: float = 0.0
    size: float = 0.0


def join_words_of_pages(pages: Sequence[str], done: dict[str, int]) -> list[str]:
    """Each page with its broken words joined by what the words of all pages say."""
    return join_broken_words(_PAGE_END.join(pages), done).split(_PAGE_END) if pages else []


def join_broken_words(text: str, done: dict[str, int]) -> str:
    """Join words broken by a hyphen at a line end, keeping the hyphens that belong there.

    The document's own words decide: "opera-/tions" is one word where "operations" occurs,
    "well-/known" keeps its hyphen where "well-known" does or where both halves are words.
    """
    if not ("-" in text and "-\n" in text) and "‐\n" not in text:
        return text
    return _mended(_BROKEN, text, done, _joined_at_line_end)


def join_spaced_words(text: str, done: dict[str, int]) -> str:
    """Join words like "large- scale", whose line end became a space, as the document has them."""
    return _mended(_SPACED, text, done, _joined_at_space)


def _mended(pattern: re.Pattern[str], text: str, done: dict[str, int], join: Join) -> str:
    """Put what `join` says in place of each break between two halves of a word."""
    breaks = [
        (broken, left.lower(), head[0])
        for broken in pattern.finditer(text)
        if (left := _word_before(text, broken.start()))
        and (head := _HEAD.match(text, broken.end(), broken.end() + _LOOK))
    ]
    if not breaks:
        return text
    known = _words_around(text, breaks)
    parts: list[str] = []
    at = 0
    for broken, left, right in breaks:
        mended = join(left, right, known)
        parts += [text[at : broken.start()], broken[0] if mended is None else mended]
        at = broken.end()
        if mended == "":
            done["hyphens_joined"] = done.get("hyphens_joined", 0) + 1
    return "".join([*parts, text[at:]])


def _word_before(text: str, end: int) -> str:
    """The letters that end at a place, at most 60."""
    start = end
    while start > max(0, end - _LOOK) and text[start - 1].isalpha():
        start -= 1
    return text[start:end]


def _words_around(text: str, breaks: Sequence[tuple[re.Match[str], str, str]]) -> frozenset[str]:
    """The words of the text in small letters, but for the second halves of broken ones."""
    parts: list[str] = []
    at = 0
    for broken, _, right in breaks:
        parts.append(text[at : broken.end()])
        at = broken.end() + len(right)
    words = set("".join([*parts, text[at:]]).lower().split())
    return frozenset(word.strip(_PUNCTUATION) for word in words)


def _joined_at_line_end(left: str, right: str, known: Set[str]) -> str:
    low = right.lower()
    if right[0].isupper():
        return "-"
    if left + low in known:
        return ""
    if _is_compound(left, low):
        return "-"
    both = min(len(left), len(low)) > 2 and left in known and low in known
    return "-" if both or f"{left}-{low}" in known else ""


def _is_compound(left: str, right: str) -> bool:
    if left in _COMPOUND_STARTS:
        return bool(_COMPOUND_REST.match(right))
    return len(left) > 2 and right in _COMPOUND_ENDS


def _joined_at_space(left: str, right: str, known: Set[str]) -> str | None:
    low = right.lower()
    if low in _AFTER_OPEN_HYPHEN:
        return None
    if f"{left}-{low}" in known:
        return "-"
    return "" if left + low in known else None


def paragraphs_of(lines: Sequence[Line], pitches: Mapping[float, float]) -> str:
    """Paragraphs of a page's lines, which a wide gap, a mark at the front or a short line parts.

    `pitches` is what `usual_gaps` finds. Where the gaps are not known, the texts have to tell.
    """
    widths = sorted(len(line.text) for line in lines if line.text.strip())
    full = widths[int(len(widths) * 0.8)] if widths else 0
    parts: list[str] = []
    before: Line | None = None
    for line in lines:
        text = line.text.strip()
        if text and before:
            new = _starts_paragraph(before, line, full, pitches.get(line.size, 0.0))
            parts.append("\n\n" if new else "\n")
        elif text and parts:
            parts.append("\n\n")
        parts.append(text)
        before = line if text else None
    return "".join(parts)


def usual_gaps(pages: Sequence[Sequence[Line]]) -> dict[float, float]:
    """The most common distance of two lines of one size, by size."""
    gaps: dict[float, Counter[float]] = {}
    for lines in pages:
        for above, line in pairwise(lines):
            if line.gap > 0 and above.size == line.size:
                gaps.setdefault(line.size, Counter())[line.gap] += 1
    return {size: found.most_common(1)[0][0] for size, found in gaps.items()}


def _starts_paragraph(before: Line, line: Line, full: int, usual: float) -> bool:
    text, above = line.text.strip(), before.text.strip()
    if _OPENS.match(text) or above.startswith("#"):
        return True
    short = len(above) < _SHORT_LINE * full
    if usual and line.gap > 0:
        wide = line.gap > _WIDE_GAP * usual or line.size != before.size
        return wide or (short and above[-1] in ".!?:" and not text[0].islower())
    return short and (above[-1] in ".!?:—" or text[0].isupper() or text[0].isdigit())
