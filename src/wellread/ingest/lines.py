"""Lines of a page back to words and paragraphs."""

from __future__ import annotations

import re
from collections.abc import Sequence

_BROKEN = re.compile(r"(?<=[^\W\d_])[-‐]\n[ \t]*(?=[^\W\d_])")
_BROKEN_WORD = re.compile(r"[^\W\d_]+[-‐]\n[ \t]*[^\W\d_]+")
_WORD = re.compile(r"[^\W\d_]+(?:[-‐][^\W\d_]+)*")
_SPACED = re.compile(r"\b([^\W\d_]{2,})- ([^\W\d_]{2,})\b")
_AFTER_OPEN_HYPHEN = frozenset("and or to und oder bis et ou y o e".split())
_TAIL = re.compile(r"[^\W\d_]+$")
_HEAD = re.compile(r"[^\W\d_]+")
_OPENS = re.compile(
    r"\s*(?:[•▪◦‣●■–—*]\s|\d{1,2}[-.]\d{1,3}\.?\s|\(?\d{1,3}[.)]\s|\(?[a-z]\)\s|#{1,6}\s|\|)"
)
_LOOK = 60


def join_broken_words(text: str, done: dict[str, int]) -> str:
    """Join words broken by a hyphen at a line end, keeping the hyphens that belong there.

    The document's own words decide: "opera-/tions" is one word where "operations" occurs,
    "well-/known" keeps its hyphen where "well-known" does or where both halves are words.
    """
    if "-\n" not in text and "‐\n" not in text:
        return text
    known = {word.lower() for word in _WORD.findall(_BROKEN_WORD.sub(" ", text))}
    joined = 0

    def mend(broken: re.Match[str]) -> str:
        nonlocal joined
        left = _TAIL.search(text[max(0, broken.start() - _LOOK) : broken.start()])
        right = _HEAD.match(text, broken.end(), broken.end() + _LOOK)
        if not left or not right or _keeps_hyphen(left[0], right[0], known):
            return "-"
        joined += 1
        return ""

    text = _BROKEN.sub(mend, text)
    if joined:
        done["hyphens_joined"] = done.get("hyphens_joined", 0) + joined
    return text


def join_spaced_words(text: str, done: dict[str, int]) -> str:
    """Join words like "large- scale", whose line end became a space, as the document has them."""
    known = {word.lower() for word in _WORD.findall(text)}

    def mend(broken: re.Match[str]) -> str:
        left, right = broken[1], broken[2]
        for whole in (f"{left}-{right}", left + right):
            if whole.lower() in known and right not in _AFTER_OPEN_HYPHEN:
                done["hyphens_joined"] = done.get("hyphens_joined", 0) + 1
                return whole
        return broken[0]

    return _SPACED.sub(mend, text)


def _keeps_hyphen(left: str, right: str, known: set[str]) -> bool:
    if right[0].isupper():
        return True
    if (left + right).lower() in known:
        return False
    if f"{left}-{right}".lower() in known:
        return True
    return min(len(left), len(right)) > 2 and left.lower() in known and right.lower() in known


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
