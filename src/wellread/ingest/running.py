"""Running heads: what a printer repeats on every page, and no sentence of the document holds.

`drop_running_lines` works on pages of lines. A line at the top or bottom of a page runs where
it is there, digits masked, on at least 60% of all pages, of the left or of the right pages; the
line next to a running one (a chapter's title) runs where it repeats at all. Of two printed
pages, both have to open or close with the same lines. A title that runs stays on the first page.

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
_NOTE = 50
_NUMBER = re.compile(r"(?:\b[a-z]+-)?\d+(?:-\d+)*|\b[ivxlc]+\b")
_Key = tuple[str, float]
_LETTERS = re.compile(r"[^\W\d_]{2}")
_PAGE_NUMBER = re.compile(
    r"\b(?:page|seite|p\.) ?#|# ?(?:of|/|von) ?#|^[^a-z]*$|[|·•–—] ?#$|^# ?[|·•–—]"
)
_BLANK_NOTE = re.compile(r"\(?this page (?:is )?(?:intentionally )?left blank\.?\)?", re.IGNORECASE)


def drop_running_lines(pages: Sequence[Sequence[str]]) -> list[list[str]]:
    """The pages' lines without running heads, feet and page numbers."""
    return [
        [line for i, line in enumerate(lines) if i not in dropped]
        for lines, dropped in zip(pages, running_lines(pages), strict=True)
    ]


def running_lines(
    pages: Sequence[Sequence[str]], sizes: Sequence[Sequence[float]] | None = None
) -> list[set[int]]:
    """For each page the indexes of its running heads, feet and page numbers.

    Where the sizes of the letters are known, a line runs only with others of its size: the title
    on the first page may read like the head of all the others.
    """
    masked = _key if len(pages) > 2 else _key_of_two
    keys = [
        {i: (masked(lines[i]), sizes[n][i] if sizes else 0.0) for i in _edges(lines)}
        for n, lines in enumerate(pages)
    ]
    edges = [list(edge.values()) for edge in keys]
    running = _shared_edges(*edges) if sizes and len(pages) == 2 else _running_keys(edges)
    repeated = Counter(key for edge in keys for key in set(edge.values()))
    found = []
    for lines, edge in zip(pages, keys, strict=True):
        dropped = {i for i in edge if edge[i] in running}
        for i in edge:
            beside = [edge[j] for j in (i - 1, i + 1) if j in dropped]
            smaller = any(edge[i][1] <= size for _, size in beside)
            if smaller and repeated[edge[i]] > 1 and len(lines[i].split()) <= 12:
                dropped.add(i)
        found.append(dropped)
    if found and (title := _title(pages, found, sizes)) is not None:
        found[0].discard(title)
    return found


def _title(
    pages: Sequence[Sequence[str]],
    dropped: Sequence[set[int]],
    sizes: Sequence[Sequence[float]] | None,
) -> int | None:
    """The first line of the document, where other pages repeat it letter by letter as their head.

    It stays, for it may be the title; not so where the next lines or larger letters say it better.
    """
    filled = [i for i, line in enumerate(pages[0]) if line.strip()][:_EDGE_LINES]
    if not filled or filled[0] not in dropped[0] or not _LETTERS.search(pages[0][filled[0]]):
        return None
    first = filled[0]
    if sizes and sizes[0][first] < max(sizes[0]):
        return None
    texts = {i: pages[0][i].strip() for i in filled}
    again = [i for i in filled[1:] if texts[i].split()[0] == texts[first].split()[0]]
    others = (pages[n][i].strip() for n in range(1, len(pages)) for i in dropped[n])
    if texts[first] not in others or any(i not in dropped[0] for i in again):
        return None
    return again[0] if again else first


def drop_blank_notes(text: str) -> str:
    """The text without "This page intentionally left blank"."""
    if "lank" not in text and "LANK" not in text:
        return text
    low = text.lower()
    found = low.find("left blank")
    if found >= 0 and len(low) != len(text):
        return _BLANK_NOTE.sub(" ", text)
    parts: list[str] = []
    at = 0
    while found >= 0:
        note = _BLANK_NOTE.search(text, max(at, found - _NOTE), found + _NOTE)
        if note:
            parts += [text[at : note.start()], " "]
            at = note.end()
        found = low.find("left blank", max(at, found + 1))
    return "".join([*parts, text[at:]]) if parts else text


def _edges(lines: Sequence[str]) -> list[int]:
    """Indexes of the first and last few lines that are not empty and could be a head."""
    filled = [i for i, line in enumerate(lines) if line.strip()]
    near = sorted({*filled[:_EDGE_LINES], *filled[-_EDGE_LINES:]})
    return [i for i in near if len(lines[i]) <= _MAX_HEAD]


def _key(line: str) -> str:
    return _NUMBER.sub("#", " ".join(line.split()).strip("#*_ ").lower())


def _key_of_two(line: str) -> str:
    """The key on one of two pages: "Chapter 1" and "Chapter 2" prove no running head there."""
    key = _key(line)
    return key if _PAGE_NUMBER.search(key) else " ".join(line.split()).lower()


def _running_keys(pages: Sequence[Sequence[_Key]]) -> set[_Key]:
    running: set[_Key] = set()
    for group in (pages, pages[::2], pages[1::2]):
        filled = [page for page in group if page]
        if len(filled) < _MIN_PAGES:
            continue
        counts = Counter(key for page in filled for key in set(page))
        running |= {key for key, n in counts.items() if n >= _SHARE * len(filled)}
    return running


def _shared_edges(one: Sequence[_Key], other: Sequence[_Key]) -> set[_Key]:
    """What two pages have in common at their heads and feet."""
    return _shared_edge(one, other) | _shared_edge(one[::-1], other[::-1])


def _shared_edge(one: Sequence[_Key], other: Sequence[_Key]) -> set[_Key]:
    """What two pages have in common from the edge on, line by line."""
    shared: set[_Key] = set()
    for key, again in zip(one[:_EDGE_LINES], other[:_EDGE_LINES], strict=False):
        if key != again:
            break
        shared.add(key)
    return shared


_LABEL = re.compile(r"(?:[A-Z]|[A-Z][a-z]+|\d{1,3})-\d{1,3}|\d{1,4}|[ivxl]{1,6}")
_WINDOWS = (8, 7, 6, 5, 4)
_MIN_HEADS = 6
_MAX_TITLE_WORDS = 14
_SPACE = re.compile(r"(\s+)")
_SMALL = frozenset("a an and as at by for from in of on or the to with und von der die das".split())


def drop_inline_heads(text: str, done: dict[str, int]) -> str:
    """`text` without running heads inside it; `done` counts them as ``running_heads``."""
    tokens = text.split()
    spans = sorted(_heads(tokens))
    if not spans:
        return text
    pieces = _SPACE.split(text)  # tokens at even places, white space between them
    lead = 2 if not pieces[0] else 0
    parts: list[str] = []
    at = 0
    for first, last in spans:
        if (start := 2 * first + lead) >= at:
            parts.append("".join(pieces[at:start]))
            at = 2 * last + lead - 1
            done["running_heads"] = done.get("running_heads", 0) + 1
    parts.append("".join(pieces[at:]))
    return re.sub("  +", " ", " ".join(part.strip(" ") for part in parts))


def _heads(tokens: Sequence[str]) -> set[tuple[int, int]]:
    """Token spans of all heads: label and core, with the title that goes before them.

    The core is as many words as nearly all heads share: one word more would be the text.
    """
    words = set(tokens)
    labels = {word for word in words if _LABEL.fullmatch(word)}
    loud = {word for word in words if _opens_title(word, small=False)}
    at_label = [i for i, token in enumerate(tokens) if token in labels]
    behind = {i: _loud(tokens[i + 1 : i + 1 + _WINDOWS[0]], loud) for i in at_label}
    ahead = {i: _loud(tokens[max(i - _WINDOWS[0], 0) : i][::-1], loud) for i in at_label}
    found: list[set[tuple[int, int]]] = []
    for width in _WINDOWS:
        after = _cores(
            {i: tuple(tokens[i + 1 : i + 1 + width]) for i in at_label if behind[i] >= width},
            tokens,
        )
        before = _cores(
            {i: tuple(tokens[i - width : i]) for i in at_label if ahead[i] >= width}, tokens
        )
        found.append(
            {(first, i + 1 + width) for i, first in _with_titles(tokens, after, 0)}
            | {(first, i + 1) for i, first in _with_titles(tokens, before, width)}
        )
    most = max(map(len, found))
    return next(spans for spans in found if len(spans) >= 0.8 * most)


def _loud(words: Sequence[str], loud: set[str]) -> int:
    """How many words in a row, from the first on, read like a title."""
    return next((n for n, word in enumerate(words) if word not in loud), len(words))


def _cores(
    neighbours: dict[int, tuple[str, ...]], tokens: Sequence[str]
) -> dict[tuple[str, ...], list[int]]:
    """Repeated neighbours of labels, where the labels differ."""
    places: dict[tuple[str, ...], list[int]] = {}
    for i, core in neighbours.items():
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
