"""Lines of a page back to words and paragraphs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

_BROKEN = re.compile(r"(?<=[^\W\d_])[-‐]\n[ \t]*(?=[^\W\d_])")
_SPACED = re.compile(r"(?<=[^\W\d_])- (?=[^\W\d_])")
_AFTER_OPEN_HYPHEN = frozenset("and or to und oder bis et ou y o e".split())
_TAIL = re.compile(r"[^\W\d_]+$")
_HEAD = re.compile(r"[^\W\d_]+")
_PUNCTUATION = ".,;:!?…()[]{}\"'“”‘’«»„*_|#"
_OPENS = re.compile(
    r"\s*(?:[•▪◦‣●■–—*]\s|\d{1,2}[-.]\d{1,3}\.?\s|\(?\d{1,3}[.)]\s|\(?[a-z]\)\s|#{1,6}\s|\|)"
)
_LOOK = 60
Join = Callable[[str, str, Mapping[str, int]], str | None]


def join_broken_words(text: str, done: dict[str, int]) -> str:
    """Join words broken by a hyphen at a line end, keeping the hyphens that belong there.

    The document's own words decide: "opera-/tions" is one word where "operations" occurs,
    "well-/known" keeps its hyphen where "well-known" does or where both halves are words.
    """
    if "-\n" not in text and "‐\n" not in text:
        return text
    return _mended(_BROKEN, text, done, _joined_at_line_end)


def join_spaced_words(text: str, done: dict[str, int]) -> str:
    """Join words like "large- scale", whose line end became a space, as the document has them."""
    return _mended(_SPACED, text, done, _joined_at_space)


def _mended(pattern: re.Pattern[str], text: str, done: dict[str, int], join: Join) -> str:
    """Put what `join` says in place of each break between two halves of a word."""
    breaks = [
        (broken, tail[0].lower(), head[0])
        for broken in pattern.finditer(text)
        if (tail := _TAIL.search(text[max(0, broken.start() - _LOOK) : broken.start()]))
        and (head := _HEAD.match(text, broken.end(), broken.end() + _LOOK))
    ]
    if not breaks:
        return text
    known = _words_of(text)
    known.subtract(right.lower() for _, _, right in breaks)
    parts: list[str] = []
    at = 0
    for broken, left, right in breaks:
        mended = join(left, right, known)
        parts += [text[at : broken.start()], broken[0] if mended is None else mended]
        at = broken.end()
        if mended == "":
            done["hyphens_joined"] = done.get("hyphens_joined", 0) + 1
    return "".join([*parts, text[at:]])


def _words_of(text: str) -> Counter[str]:
    """How often each word occurs, in small letters; a broken half keeps its hyphen."""
    words: Counter[str] = Counter()
    for word, number in Counter(text.lower().split()).items():
        words[word.strip(_PUNCTUATION)] += number
    return words


def _joined_at_line_end(left: str, right: str, known: Mapping[str, int]) -> str:
    low = right.lower()
    if right[0].isupper():
        return "-"
    if known.get(left + low, 0) > 0:
        return ""
    both = min(len(left), len(low)) > 2 and known.get(left, 0) > 0 and known.get(low, 0) > 0
    return "-" if both or known.get(f"{left}-{low}", 0) > 0 else ""


def _joined_at_space(left: str, right: str, known: Mapping[str, int]) -> str | None:
    low = right.lower()
    if low in _AFTER_OPEN_HYPHEN:
        return None
    if known.get(f"{left}-{low}", 0) > 0:
        return "-"
    return "" if known.get(left + low, 0) > 0 else None


def paragraphs_of(lines: Sequence[str]) -> str:
    """Paragraphs of a page's lines: a short line, a number, a bullet or a heading ends one."""
    widths = sorted(len(line) for line in lines if line.strip())
    full = widths[int(len(widths) * 0.8)] if widths else 0
    parts: list[str] = []
    for line in lines:
        stripped = line.strip()
        if not stripped:
            parts.append("\n\n")
            continue
        if (
            parts
            and not parts[-1].endswith("\n\n")
            and _starts_paragraph(parts[-1], stripped, full)
        ):
            parts.append("\n\n")
        elif parts and not parts[-1].endswith("\n\n"):
            parts.append("\n")
        parts.append(stripped)
    return "".join(parts).strip()


def _starts_paragraph(before: str, line: str, full: int) -> bool:
    if _OPENS.match(line) or before.startswith("#"):
        return True
    short = len(before) < 0.75 * full
    return short and (before[-1:] in ".!?:—" or line[:1].isupper() or line[:1].isdigit())
