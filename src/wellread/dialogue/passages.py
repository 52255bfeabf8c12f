"""Passages laid into a prompt, in one of two forms.

    chunks      Chunk 1                      numbered    [1] (warranty.md) Cells are covered …
                Source: warranty.md                      [2] (returns.md) Send the unit back …
                ---
                Cells are covered …
                ---

A passage cannot pass itself off as two: a line of dashes inside a text is spaced out in the first
form, and in the second every text is one line.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from wellread.records import Passage

PassageForm = Literal["chunks", "numbered"]
NO_PASSAGES = "(no passages were found)"

_RULE_LINE = re.compile(r"(?m)^(\s*)-{3,}(\s*)$")
_SPACE = re.compile(r"\s+")


def render_passages(
    passages: Sequence[Passage], form: PassageForm = "chunks", *, first: int = 1
) -> str:
    """The passages as context text, in the order given, numbered from `first`."""
    if not passages:
        return NO_PASSAGES
    write = _chunk_form if form == "chunks" else _numbered_form
    written = (write(number, passage) for number, passage in enumerate(passages, start=first))
    return "\n".join(written).rstrip("\n")


def label(number: int, form: PassageForm = "chunks") -> str:
    """How an answer refers to passage `number`: ``Chunk 2`` or ``[2]``."""
    return f"Chunk {number}" if form == "chunks" else f"[{number}]"


def _chunk_form(number: int, passage: Passage) -> str:
    text = _RULE_LINE.sub(r"\1- - -\2", passage.chunk.text)
    return f"Chunk {number}\nSource: {_source(passage)}\n---\n{text}\n---\n"


def _numbered_form(number: int, passage: Passage) -> str:
    return f"[{number}] ({_source(passage)}) {_SPACE.sub(' ', passage.chunk.text).strip()}"


def _source(passage: Passage) -> str:
    name = passage.chunk.source or passage.chunk.document_id
    return _SPACE.sub(" ", name).strip()
