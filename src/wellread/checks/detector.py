"""What every detector offers: a verdict on whether an answer rests on its passages.

check(question, passages, answer) -> Verdict      check_many(cases) -> [Verdict], in order
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

from wellread.records import Passage, Verdict


class Case(NamedTuple):
    """One answer to check."""

    question: str
    passages: Sequence[Passage]
    answer: str


class Detector(Protocol):
    """Checks answers; the verdict on one does not depend on those beside it."""

    name: str

    def check(self, question: str, passages: Sequence[Passage], answer: str) -> Verdict:
        """The verdict on one answer; ``unscored`` where nothing can be said, with the reason."""
        ...

    def check_many(self, cases: Iterable[Case]) -> list[Verdict]:
        """A verdict for every case, in order; batched where the detector can."""
        ...
