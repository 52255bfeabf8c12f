"""Which passages an answer names: ``[2]``, ``Chunk 2``, ``warranty.md``.

"It lasts 24 months [1], see warranty.md."  -> Cited("[1]", …, (1,)), Cited("warranty.md", …, (1,))
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from wellread.checks.citations import Citation, citations
from wellread.records import Passage

_NUMBERS = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Cited:
    """``answer[start:end]`` names the passages of these ranks; none where it names a stranger."""

    text: str
    start: int
    end: int
    passages: tuple[int, ...]

    @property
    def known(self) -> bool:
        """Whether it names a passage that the model was given."""
        return bool(self.passages)


def cited(answer: str, passages: Sequence[Passage]) -> tuple[Cited, ...]:
    """Every naming of a source in `answer`, in order; passages are numbered from 1."""
    return tuple(_cited(answer, one, passages) for one in citations(answer, passages))


def _cited(answer: str, citation: Citation, passages: Sequence[Passage]) -> Cited:
    text = answer[citation.start : citation.end]
    return Cited(
        text,
        citation.start,
        citation.end,
        tuple(_named(text, passages)) if citation.known else (),
    )


def _named(text: str, passages: Sequence[Passage]) -> list[int]:
    """Numbers of the passages that `text` names by source, or else by number."""
    folded = text.casefold()
    by_name = [n for n, passage in enumerate(passages, 1) if folded in _names(passage)]
    if by_name:
        return by_name
    numbers = [int(number) for number in _NUMBERS.findall(text)]
    if numbers and all(1 <= number <= len(passages) for number in numbers):
        return numbers
    return [n for n, passage in enumerate(passages, 1) if folded in passage.content.casefold()]


def _names(passage: Passage) -> set[str]:
    chunk = passage.chunk
    names = {name.strip().casefold() for name in (chunk.source, chunk.document_id, chunk.id)}
    return names | {name.rsplit("/", 1)[-1] for name in names}
