"""Training and validation apart: what belongs together stays on one side.

    rows ──Groups.add──> groups that share a document, or nearly a text ──divided──> sides

Two rows belong together where they rest on one document, or their texts nearly repeat each other.
Where that joins nearly everything, no split comes near the share asked for, and a finer rule is
taken, with a note: by passage, by text, by conversation. Near-duplicates stay together in all of
them but the last, which keeps equal conversations together.

A row costs well under a kilobyte of memory: numbers, and short keys of what it rests on.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import numpy as np

from wellread.datasets.conversations import Row
from wellread.datasets.sources import digest
from wellread.ingest.duplicates import DuplicateIndex
from wellread.records import Chunk

TRAIN, VAL = 0, 1
LEVELS = ("document", "passage", "text", "conversation")


@dataclass(frozen=True, slots=True)
class Split:
    """A side for each row, in the order they were added, and by what they were kept together.

    `largest` is the share of rows in the largest group of documents.
    """

    sides: bytes
    level: str
    groups: int
    largest: float

    @property
    def notes(self) -> list[str]:
        """What a person should know of it."""
        if self.level == LEVELS[0]:
            return []
        return [
            f"The split is by {self.level}, not by document: one group of documents that "
            f"conversations share holds {self.largest:.0%} of them."
        ]


class Groups:
    """Which rows belong together; a context manager, for it keeps texts in a temporary file."""

    def __init__(self) -> None:
        self._unions = {level: _Union() for level in LEVELS}
        self._index = DuplicateIndex()
        self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._index.close()

    def __len__(self) -> int:
        return self._count

    def add(self, row: Row) -> None:
        """Add the next row."""
        number = self._count
        self._count += 1
        keys = {
            "document": row.origin.documents,
            "passage": row.origin.passages,
            "text": (),
            "conversation": (_whole(row),),
        }
        for level, union in self._unions.items():
            union.add()
            for key in keys[level]:
                union.join_key(number, key)
        for text in row.origin.texts:
            self._join_similar(number, text)

    def _join_similar(self, number: int, text: str) -> None:
        """Join a row with the first that has nearly this text; a known text is not compared."""
        key = digest(text)
        known = self._unions["text"].first(key)
        if known is None:
            found = self._index.add(Chunk(str(number), "", text, 0, len(text)))
            known = int(found.original_id) if found else number
        for level in LEVELS[:-1]:
            self._unions[level].join(number, known)
        self._unions["text"].join_key(number, key)

    def divided(self, val_split: float, seed: int) -> Split:
        """Sides by which a share of about `val_split` is for validation."""
        target = _target(self._count, val_split)
        largest = max(map(len, self._unions[LEVELS[0]].groups()), default=0)
        for level in LEVELS:
            groups = self._unions[level].groups()
            chosen = _chosen([len(group) for group in groups], target, seed)
            count = sum(len(groups[at]) for at in chosen)
            if abs(count - target) <= max(1, target / 2) and (count or not target):
                break
        sides = bytearray(self._count)
        for at in chosen:
            for number in groups[at]:
                sides[number] = VAL
        return Split(bytes(sides), level, len(groups), largest / max(self._count, 1))

    def shared(self, sides: bytes) -> int:
        """How many rows for validation belong together with one for training."""
        groups = self._unions[LEVELS[0]].groups()
        mixed = (g for g in groups if len({sides[number] for number in g}) > 1)
        return sum(sides[number] == VAL for group in mixed for number in group)


class _Union:
    """Disjoint sets of numbers from 0; rows with an equal key are in one set."""

    def __init__(self) -> None:
        self._parents = array("q")
        self._firsts: dict[bytes, int] = {}

    def add(self) -> None:
        self._parents.append(len(self._parents))

    def first(self, key: str) -> int | None:
        """The row that had `key` first."""
        return self._firsts.get(key.encode("utf-8", "replace"))

    def join_key(self, number: int, key: str) -> None:
        self.join(number, self._firsts.setdefault(key.encode("utf-8", "replace"), number))

    def join(self, one: int, other: int) -> None:
        low, high = sorted((self._root(one), self._root(other)))
        self._parents[high] = low

    def groups(self) -> list[list[int]]:
        """The sets, in the order of their first rows."""
        found: dict[int, list[int]] = {}
        for number in range(len(self._parents)):
            found.setdefault(self._root(number), []).append(number)
        return list(found.values())

    def _root(self, number: int) -> int:
        parents = self._parents
        while parents[number] != number:
            parents[number] = parents[parents[number]]
            number = parents[number]
        return number


def _target(count: int, val_split: float) -> int:
    """Rows for validation: one at least, and one less than all at most."""
    if count < 2 or val_split <= 0:
        return 0
    return min(max(round(count * val_split), 1), count - 1)


def _chosen(sizes: list[int], target: int, seed: int) -> list[int]:
    """Groups, in random order, whose sizes add up to about `target`; never all of them."""
    order = np.random.default_rng(seed).permutation(len(sizes)).tolist()
    chosen, total = list[int](), 0
    for at in order:
        if total + sizes[at] <= target:
            chosen.append(at)
            total += sizes[at]
    left = set(order) - set(chosen)
    nearest = min(left, key=lambda at: (sizes[at], at), default=None)
    if nearest is not None and len(left) > 1:
        over, short = total + sizes[nearest] - target, target - total
        if over < short or (not total and over <= short):
            chosen.append(nearest)
    return chosen


def _whole(row: Row) -> str:
    return digest("\x1f".join(_texts(row)))


def _texts(row: Row) -> Iterable[str]:
    if row.conversation:
        return (turn.content for turn in row.conversation.turns)
    return (segment.text for segment in row.segments)
