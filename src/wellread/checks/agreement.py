"""How well verdicts agree with what people marked.

    add(verdict, gold, length)  ->  scores, flags, characters  ->  summary()

An answer is flagged where its outcome is `partial` or `ungrounded`; the class looked for is "not
supported". Characters are counted over the answers whose spans people marked. Two numbers are kept
an answer, so memory is as good as flat.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import Any

from wellread.checks.rows import Gold
from wellread.checks.statistics import auroc, character_mask
from wellread.records import Verdict

FLAGGED = frozenset({"partial", "ungrounded"})


@dataclass(frozen=True, slots=True)
class Rates:
    """Precision, recall and F1; None where nothing was there to be found."""

    precision: float | None
    recall: float | None
    f1: float | None


@dataclass(frozen=True, slots=True)
class Agreed:
    """`labelled` answers with a verdict, `unsupported` of them by the gold labels.

    `unscored` answers have a label but no verdict, and count in nothing else. `auroc` is None
    where only one class is there; `false_flags` is the share flagged of supported answers.
    """

    labelled: int
    unsupported: int
    unscored: int
    auroc: float | None
    answers: Rates
    false_flags: float | None
    spans: Rates | None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        import dataclasses

        return dataclasses.asdict(self)


class Agreement:
    """Gathers verdicts beside gold labels."""

    def __init__(self) -> None:
        self._risks = array("d")
        self._wrong = array("b")
        self._flagged = array("b")
        self._unscored = 0
        self._marked = False
        self._both = self._found = self._gold = 0

    def add(self, verdict: Verdict, gold: Gold, length: int) -> None:
        """Note one answer of `length` characters."""
        if verdict.outcome == "unscored":
            self._unscored += 1
            return
        flagged = verdict.outcome in FLAGGED
        self._risks.append(1 - verdict.score)
        self._wrong.append(not gold.supported)
        self._flagged.append(flagged)
        if gold.spans is not None:
            self._marked = True
            found = character_mask(length, verdict.spans if flagged else ())
            marked = character_mask(length, gold.spans)
            self._both += int((found & marked).sum())
            self._found += int(found.sum())
            self._gold += int(marked.sum())

    def summary(self) -> Agreed | None:
        """The figures, or None where no answer had a label."""
        count, wrong = len(self._wrong), sum(self._wrong)
        if not count + self._unscored:
            return None
        hits = sum(w and f for w, f in zip(self._wrong, self._flagged, strict=True))
        flagged = sum(self._flagged)
        both_classes = 0 < wrong < count
        return Agreed(
            labelled=count,
            unsupported=wrong,
            unscored=self._unscored,
            auroc=auroc(self._risks, self._wrong) if both_classes else None,
            answers=rates(hits, flagged, wrong),
            false_flags=(flagged - hits) / (count - wrong) if count > wrong else None,
            spans=rates(self._both, self._found, self._gold) if self._marked else None,
        )


def rates(hits: int, found: int, wanted: int) -> Rates:
    """The rates of `hits` among what was found and what was wanted.

    >>> rates(1, 2, 4)
    Rates(precision=0.5, recall=0.25, f1=0.3333333333333333)
    """
    if not wanted:
        return Rates(None, None, None)
    precision = hits / found if found else None
    return Rates(precision, hits / wanted, 2 * hits / (found + wanted))
