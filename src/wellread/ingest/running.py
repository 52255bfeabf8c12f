"""Running heads: what a printer repeats on every page, and no sentence of the document holds.

`drop_running_lines` works on pages of lines. A line at the top or bottom of a page runs where
it is there, digits masked, on at least 60% of all pages, of the left or of the right pages; the
line next to a running one (a chapter's title) runs where it repeats at all.

`drop_inline_heads` works on text without lines, where heads stand in the middle of sentences
("... conduct land Chapter 1 1-2 FM 1-05 21 January 2019 operations ..."): the same words next to
page numbers that keep changing.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

_SHARE = 0.6
_MIN_PAGES = 3
_EDGE_LINES = 3
_MAX_HEAD = 140
_NUMBER = re.compile(r"(?:\b[a-z]+-)?\d+(?:-\d+)*|\b[ivxlc]+\b")
_BLANK_NOTE = re.compile(r"\(?this page (?:is )?(?:intentionally )?left blank\.?\)?", re.IGNORECASE)


def drop_running_lines(pages: Sequence[Sequence[str]]) -> list[list[str]]:
    """The pages' lines without running heads, feet and page numbers."""
    edges = [_edges(lines) for lines in pages]
    running = _running_keys([[_key(pages[n][i]) for i in edges[n]] for n in range(len(pages))])
    repeated = Counter(
        key for n, lines in enumerate(pages) for key in {_key(lines[i]) for i in edges[n]}
    )
    kept = []
    for lines, edge in zip(pages, edges, strict=True):
        dropped = {i for i in edge if _key(lines[i]) in running}
        for i in edge:
            beside = bool({i - 1, i + 1} & dropped)
            if beside and repeated[_key(lines[i])] > 1 and len(lines[i].split()) <= 12:
                dropped.add(i)
        kept.append([line for i, line in enumerate(lines) if i not in dropped])
    return kept


def drop_blank_notes(text: str) -> str:
    """The text without "This page intentionally left blank"."""
    return _BLANK_NOTE.sub(" ", text) if "left blank" in text.lower() else text


def _edges(lines: Sequence[str]) -> list[int]:
    """Indexes of the first and last few lines that are not empty and could be a head."""
    filled = [i for i, line in enumerate(lines) if line.strip()]
    near = sorted({*filled[:_EDGE_LINES], *filled[-_EDGE_LINES:]})
    return [i for i in near if len(lines[i]) <= _MAX_HEAD]


def _key(line: str) -> str:
    return _NUMBER.sub("#", " ".join(line.split()).strip("#*_ ").lower())


def _running_keys(pages: Sequence[Sequence[str]]) -> set[str]:
    running: set[str] = set()
    for group in (pages, pages[::2], pages[1::2]):
        filled = [page for page in group if page]
        if len(filled) < _MIN_PAGES:
            continue
        counts = Counter(key for page in filled for key in set(page))
        running |= {key for key, n in counts.items() if n >= _SHARE * len(filled)}
    return running


_LABEL = re.compile(r"(?<!\S)(?:(?:[A-Z]|[A-Z][a-z]+|\d{1,3})-\d{1,3}|\d{1,4}|[ivxl]{1,6})(?=\s)")
_WINDOWS = (8, 7, 6, 5, 4)
_MIN_HEADS = 6
_MAX_TITLE_WORDS = 14
_TOKEN = re.compile(r"\S+")
_SMALL = frozenset("a an and as at by for from in of on or the to with und von der die das".split())


def drop_inline_heads(text: str, done: dict[str, int]) -> str:
    """`text` without running heads inside it; `done` counts them as ``running_heads``."""
    words = [match.span() for match in _TOKEN.finditer(text)]
    tokens = [text[start:end] for start, end in words]
    labels = {match.start() for match in _LABEL.finditer(text)}
    at_label = [i for i, (start, _) in enumerate(words) if start in labels]
    spans = sorted(_heads(tokens, at_label))
    if not spans:
        return text
    parts: list[str] = []
    at = 0
    for first, last in spans:
        if words[first][0] >= at:
            parts.append(text[at : words[first][0]])
            at = words[last - 1][1]
            done["running_heads"] = done.get("running_heads", 0) + 1
    parts.append(text[at:])
    return re.sub(r" {2,}", " ", " ".join(part.strip(" ") for part in parts))


def _heads(tokens: Sequence[str], at_label: Sequence[int]) -> set[tuple[int, int]]:
    """Token spans of all heads: label and core, with the title that goes before them.

    The core is as many words as nearly all heads share: one word more would be the text.
    """
    found: list[set[tuple[int, int]]] = []
    for width in _WINDOWS:
        after = _cores({i: tuple(tokens[i + 1 : i + 1 + width]) for i in at_label}, tokens)
        before = _cores({i: tuple(tokens[i - width : i]) for i in at_label if i >= width}, tokens)
        found.append(
            {(first, i + 1 + width) for i, first in _with_titles(tokens, after, 0)}
            | {(first, i + 1) for i, first in _with_titles(tokens, before, width)}
        )
    most = max(map(len, found))
    return next(spans for spans in found if len(spans) >= 0.8 * most)


def _cores(
    neighbours: dict[int, tuple[str, ...]], tokens: Sequence[str]
) -> dict[tuple[str, ...], list[int]]:
    """Repeated neighbours of labels that read like a title, where the labels differ."""
    places: dict[tuple[str, ...], list[int]] = {}
    for i, core in neighbours.items():
        if all(_opens_title(word, small=False) for word in core):
            places.setdefault(core, []).append(i)
    return {
        core: found
        for core, found in places.items()
        if len(found) >= _MIN_HEADS and len({tokens[i] for i in found}) >= 0.9 * len(found)
    }


def _with_titles(
    tokens: Sequence[str], cores: dict[tuple[str, ...], list[int]], width: int
) -> list[tuple[int, int]]:
    """For each label the first token of its head: the title is what neighbouring heads share."""
    found = []
    for places in cores.values():
        for n, place in enumerate(places):
            near = [other for other in places[max(n - 2, 0) : n + 3] if other != place]
            start = place - width
            shared = max(_shared(tokens, start, other - width) for other in near)
            found.append((place, start - shared))
    return found


def _shared(tokens: Sequence[str], one: int, other: int) -> int:
    """How many tokens before two places are the same and read like a title."""
    title = count = 0
    while count < _MAX_TITLE_WORDS and count < min(one, other):
        word = tokens[one - 1 - count]
        if word != tokens[other - 1 - count] or not _opens_title(word, small=True):
            break
        count += 1
        if _opens_title(word, small=False):
            title = count
    return title


def _opens_title(word: str, *, small: bool) -> bool:
    """Whether `word` has a capital or is a number; or, with `small`, a small word of titles."""
    return word[0].isupper() or word[0].isdigit() or (small and word in _SMALL)
