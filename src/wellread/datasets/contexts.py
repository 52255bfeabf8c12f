"""Where one passage of a context ends and the next begins.

    [1] (warranty.md) Cells are covered …      numbered: a line opens a passage, others go on
    Chunk 1 / Source: … / --- / … / ---        chunks
    anything else                              each paragraph is a passage

The parts, joined with newlines, are the text again, to the last character. Rank is the order in
which they stand, unless the row knows better; what stands around passages has rank 0.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from wellread.dialogue.passages import NO_PASSAGES, render_passages
from wellread.dialogue.retrieval import hops_of
from wellread.records import ContextPart, Hop

_NUMBERED = re.compile(r"\[(\d{1,3})\] (?:\((.{1,300}?)\)(?= |$))?")
_CHUNK = re.compile(r"Chunk (\d{1,3})")
_SOURCE = "Source: "
_RULE = "---"


class Label(NamedTuple):
    """How an answer may name a passage: 0 and "" where it has no number and no source."""

    number: int
    source: str


def label_of(part: ContextPart) -> Label:
    """The number and the source that stand at the head of a passage.

    >>> label_of(ContextPart("[2] (facts.txt) Foxes are omnivores.", 2))
    Label(number=2, source='facts.txt')
    """
    first, _, rest = part.text.partition("\n")
    if found := _NUMBERED.match(first):
        return Label(int(found[1]), found[2] or "")
    if (found := _CHUNK.fullmatch(first)) and rest.startswith(_SOURCE):
        return Label(int(found[1]), rest.partition("\n")[0].removeprefix(_SOURCE))
    return Label(0, "")


def passage_text(part: ContextPart) -> str:
    """The text of a passage without its number and source."""
    return taken_apart(part)[1].strip()


def taken_apart(part: ContextPart) -> tuple[str, str, str]:
    """What stands before the text of a passage, the text, and what stands after it."""
    lines = part.text.split("\n")
    if _opens_chunk(lines, 0) and _RULE in lines[3:]:
        end = lines.index(_RULE, 3)
        head, body = "\n".join(lines[:3]) + "\n", "\n".join(lines[3:end])
        return head, body, part.text[len(head) + len(body) :]
    found = _NUMBERED.match(part.text)
    text = part.text.rstrip()
    start = min(found.end() if found else 0, len(text))
    return text[:start], text[start:], part.text[len(text) :]


def context_parts(text: str) -> tuple[ContextPart, ...]:
    """The passages of a context."""
    lines = text.split("\n")
    return _chunks(lines) or _numbered(lines) or _paragraphs(lines)


def system_parts(text: str, ranks: Sequence[int] = ()) -> tuple[ContextPart, ...]:
    """The passages laid into a system prompt with what stands around them; () where none are.

    `ranks` are those of the passages in their order, where they are known.
    """
    parts = _chunks(text.split("\n"))
    count = sum(part.rank > 0 for part in parts)
    if count != len(ranks):
        return parts
    known = iter(ranks)
    return tuple(ContextPart(p.text, next(known)) if p.rank else p for p in parts)


def retrieval_parts(message: dict[str, Any]) -> tuple[ContextPart, ...]:
    """The passages of a `retrieval` message, numbered through all hops; verbatim.

    Raises InputError for a message of neither form.
    """
    number, parts = 1, list[ContextPart]()
    for place, hop in enumerate(hops_of(message), start=1):
        if parts:
            parts.append(ContextPart(""))
        if hop.query:
            parts.append(ContextPart(f"Search {place}: {hop.query}"))
        parts.extend(_hop(hop, number) if hop.passages else [ContextPart(NO_PASSAGES)])
        number += len(hop.passages)
    return tuple(parts)


def joined(parts: Iterable[ContextPart]) -> str:
    """The text of a context."""
    return "\n".join(part.text for part in parts)


def _hop(hop: Hop, first: int) -> Iterable[ContextPart]:
    for number, passage in enumerate(hop.passages, start=first):
        text = render_passages([passage], "numbered", first=number)
        yield ContextPart(text, max(passage.rank, 1))


def _numbered(lines: Sequence[str]) -> tuple[ContextPart, ...]:
    """Parts that open with the next number; of those without a source, the first is 1."""
    starts, last = list[int](), 0
    for at, line in enumerate(lines):
        found = _NUMBERED.match(line)
        if found and (int(found[1]) == last + 1 or (found[2] and int(found[1]) > last)):
            starts.append(at)
            last = int(found[1])
    return _parts(lines, starts, [*starts[1:], len(lines)]) if starts else ()


def _chunks(lines: Sequence[str]) -> tuple[ContextPart, ...]:
    starts, ends = list[int](), list[int]()
    at = 0
    while at < len(lines):
        if _opens_chunk(lines, at) and _RULE in lines[at + 3 :]:
            starts.append(at)
            at = lines.index(_RULE, at + 3)
            ends.append(at + 1)
        at += 1
    return _parts(lines, starts, ends)


def _opens_chunk(lines: Sequence[str], at: int) -> bool:
    head = lines[at : at + 3]
    return (
        len(head) == 3
        and _CHUNK.fullmatch(head[0]) is not None
        and head[1].startswith(_SOURCE)
        and head[2] == _RULE
    )


def _paragraphs(lines: Sequence[str]) -> tuple[ContextPart, ...]:
    """A paragraph opens after an empty line; the empty lines stay with the one before."""
    starts = [
        at
        for at, line in enumerate(lines)
        if line.strip() and (at == 0 or not lines[at - 1].strip())
    ]
    return _parts(lines, starts, [*starts[1:], len(lines)])


def _parts(
    lines: Sequence[str], starts: Sequence[int], ends: Sequence[int]
) -> tuple[ContextPart, ...]:
    """Passages at the spans given, and what stands around them with rank 0."""
    made, at = list[ContextPart](), 0
    for rank, (start, end) in enumerate(zip(starts, ends, strict=True), start=1):
        if start > at:
            made.append(ContextPart("\n".join(lines[at:start])))
        made.append(ContextPart("\n".join(lines[start:end]), rank))
        at = end
    if made and at < len(lines):
        made.append(ContextPart("\n".join(lines[at:])))
    return tuple(made)
