"""What every retriever offers the knowledge base, and the query it is given.

A retriever ranks rows of the store. It remembers how far it has read the store (`position`) and
reads on when told to (`catch_up`), so that a crash between the store and an index loses nothing.
`Parts` in `wellread.knowledge.parts` opens the one that a `retriever_type` names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from wellread.knowledge.filters import Facts
from wellread.knowledge.store import Position, Store

MAX_TERMS = 64


@dataclass(frozen=True, slots=True)
class Query:
    """What is searched for: the text, its terms with their counts, and the facts that must hold."""

    text: str
    terms: Mapping[str, int]
    facts: Facts = ()


@dataclass(frozen=True, slots=True)
class Scored:
    """A row of the store and how well it fits; `score` is above 0."""

    row: int
    score: float


class Retriever(Protocol):
    """Ranks the rows of a store."""

    @property
    def on_disk(self) -> bool:
        """Whether it keeps files that are worth bringing up to date at once."""
        ...

    @property
    def position(self) -> Position:
        """Up to where this index has read."""
        ...

    def catch_up(self, store: Store, *, wait: bool = True) -> None:
        """Read what the store holds beyond `position`.

        Without `wait` it leaves the work to another process that is at it.
        """
        ...

    def search(self, query: Query, limit: int) -> list[Scored]:
        """The best rows, at most `limit`, best first; fewer than `limit` means no more match."""
        ...

    def document_frequency(self, term: str) -> int:
        """In how many chunks' text or title a term occurs."""
        ...

    def close(self) -> None:
        """Let go of files."""
        ...


def rarest_terms(frequencies: Mapping[str, int]) -> list[str]:
    """The terms worth asking for: those that occur, the `MAX_TERMS` rarest, in a fixed order."""
    known = [term for term, frequency in frequencies.items() if frequency]
    return sorted(known, key=lambda term: (frequencies[term], term))[:MAX_TERMS]
