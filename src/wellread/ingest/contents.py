"""Tables of contents: lines of titles, dots and page numbers, which answer no question."""

from __future__ import annotations

import re

_LEADER = re.compile(
    r"(?:\.\.\.\.+|\. \. \. \. (?:\. )*\.?|……+)"
    r"(?:\s*(?:[A-Z][a-z]+-\s?)?[A-Z]?[\divxl]{0,6}(?:-\d{1,3})?(?![\w.]))?"
)
_DOTS = re.compile(r"\.\.\.\.+|\. \. \. \. (?:\. )*\.?|……+")
_NEAR = 260
_MIN_ENTRIES = 4
_TITLE = re.compile(r"(?:\b(?:table of )?contents(?: page)?\W*)", re.IGNORECASE)
_SENTENCE = re.compile(r"[a-z)\]]{2}[.!?][\"”’)]*\s+[A-Z“]")
_SENTENCE_END = re.compile(r"[.!?:;]\s|\n")


def drop_contents(text: str, done: dict[str, int]) -> str:
    """`text` without its tables of contents; a row of dots elsewhere becomes three."""
    if "...." not in text and ". . . ." not in text and "……" not in text:
        return text
    leaders = list(_LEADER.finditer(text))
    groups: list[list[re.Match[str]]] = []
    for leader in leaders:
        last = groups[-1][-1] if groups else None
        if last and _is_next_entry(text[last.end() : leader.start()]):
            groups[-1].append(leader)
        else:
            groups.append([leader])
    parts: list[str] = []
    at = 0
    for group in groups:
        if len(group) < _MIN_ENTRIES:
            continue
        done["contents_entries"] = done.get("contents_entries", 0) + len(group)
        parts.append(text[at : _start_of_entries(text, at, group[0].start())].rstrip(" "))
        at = group[-1].end()
    parts.append(text[at:])
    return _DOTS.sub("...", "\n\n".join(parts))


def _is_next_entry(between: str) -> bool:
    """Whether the text between two rows of dots is a title, and not sentences."""
    return len(between) <= _NEAR and not _SENTENCE.search(between)


def _start_of_entries(text: str, low: int, first_leader: int) -> int:
    """Where the first entry's title starts: after "Contents", the last line or sentence."""
    low = max(low, first_leader - 160)
    titles = list(_TITLE.finditer(text, low, first_leader))
    if titles:
        return titles[0].start()
    ends = list(_SENTENCE_END.finditer(text, low, first_leader))
    return ends[-1].end() if ends else first_leader
