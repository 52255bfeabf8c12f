"""From the raw scores of a detector to probabilities, and from probabilities to a decision.

    Calibration(detector, goal, prior, buckets=(short, sentence, long))
      .apply(0.83, words=12) -> Applied(probability=0.91, threshold=0.74)
    CalibratedDetector(detector, calibration).check(…) -> Verdict with both, and the outcome

A detector ranks answers of one length well and compares lengths badly, so each length has a curve
and a threshold of its own. A curve is a list of (raw score, probability that the answer is
supported), rising in both; between two points it is a line, outside them flat. Probabilities hold
for a share `prior` of unsupported answers, which the user declares.

A calibration is a value: its id is a hash of what it holds. `calibrating` fits one.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from wellread.checks.detector import Case, Detector
from wellread.errors import InputError
from wellread.records import Outcome, Passage, Verdict
from wellread.storage.files import fingerprint, read_json, read_record

FILE = "calibration.json"
FORMAT = 1
Method = Literal["isotonic", "platt", "pooled"]
BucketName = Literal["short", "sentence", "long"]
# The most words of an answer of each length; the last has no end.
LENGTHS: tuple[tuple[BucketName, int], ...] = (("short", 8), ("sentence", 40), ("long", 10**9))
_GOALS = "f1, precision=0.9 or false-flags=0.05"
_SCORED: tuple[Outcome, ...] = ("grounded", "partial", "ungrounded")
_UNSPACED = re.compile(r"[぀-ヿ㐀-䶿一-鿿豈-﫿ก-๎ກ-ໜက-႟ក-៓]")


@dataclass(frozen=True, slots=True)
class Goal:
    """What a threshold is chosen for: the best F1, a least precision, or a most of false flags.

    `value` is the precision or the share of right answers flagged; 0 for `f1`.
    """

    kind: Literal["f1", "precision", "false-flags"] = "f1"
    value: float = 0.0

    @classmethod
    def parse(cls, text: str) -> Goal:
        """Read ``f1``, ``precision=0.9`` or ``false-flags=0.05``; InputError for anything else."""
        name, _, value = text.strip().partition("=")
        try:
            number = float(value) if value else 0.0
        except ValueError:
            number = -1.0
        if name == "f1" and not value:
            return cls()
        if name == "precision" and 0 < number <= 1:
            return cls("precision", number)
        if name == "false-flags" and 0 < number < 1:
            return cls("false-flags", number)
        raise InputError(f"no such goal: {text!r}", hint=f"it is {_GOALS}")

    def __str__(self) -> str:
        return self.kind if self.kind == "f1" else f"{self.kind}={self.value:g}"


class Applied(NamedTuple):
    """What a raw score comes to: grounded from `threshold` on."""

    probability: float
    threshold: float


@dataclass(frozen=True, slots=True)
class Bucket:
    """The curve of answers of one length, and the probability from which they are grounded.

    `right` and `wrong` count what it was fitted on; `pooled` means that there were too few, and
    that the curve is that of all lengths together.
    """

    name: BucketName
    method: Method
    curve: tuple[tuple[float, float], ...]
    threshold: float
    right: int
    wrong: int


@dataclass(frozen=True, slots=True)
class Calibration:
    """How to read the scores of one version of one detector.

    `source` names what the cases were made from, `kinds` counts them.
    """

    detector: str
    version: str
    goal: Goal
    prior: float
    buckets: tuple[Bucket, ...]
    kinds: Mapping[str, int]
    source: str = ""
    seed: int = 0

    @property
    def id(self) -> str:
        """A hash of everything that the calibration holds."""
        return fingerprint(self.to_dict())

    def apply(self, score: float, words: int) -> Applied:
        """The probability that an answer of so many words is supported, and its threshold."""
        bucket = self.buckets[bucket_index(words)]
        raw, probabilities = zip(*bucket.curve, strict=True)
        return Applied(float(np.interp(score, raw, probabilities)), bucket.threshold)

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        value = dataclasses.asdict(self)
        return {"format": FORMAT, **value, "kinds": dict(sorted(self.kinds.items()))}


def read_calibration(path: Path) -> Calibration:
    """Read a calibration from its folder or its file.

    Raises InputError where there is none, and where it is damaged or of another format.
    """
    file = path / FILE if path.is_dir() else path
    hint = "make one with: wellread check calibrate FOLDER_OF_DOCUMENTS"
    if not file.is_file():
        raise InputError(f"{path}: no calibration there", hint=hint)
    value = read_json(file)
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        found = value.get("format") if isinstance(value, dict) else type(value).__name__
        raise InputError(
            f"{file}: not a calibration of format {FORMAT}, found {found!r}", hint=hint
        )
    del value["format"]
    calibration = read_record(Calibration, value, str(file))
    _validate(calibration, file)
    return calibration


def _validate(calibration: Calibration, file: Path) -> None:
    names = tuple(bucket.name for bucket in calibration.buckets)
    if names != tuple(name for name, _ in LENGTHS):
        raise InputError(f"{file} buckets: found {', '.join(names) or 'none'}")
    for bucket in calibration.buckets:
        points = np.asarray(bucket.curve, float).reshape(-1, 2)
        rises = len(points) and (np.diff(points, axis=0) >= 0).all()
        if not rises or not ((points[:, 1] >= 0) & (points[:, 1] <= 1)).all():
            raise InputError(
                f"{file} buckets.{bucket.name}.curve: not a rising curve within 0 to 1"
            )


def count_words(text: str) -> int:
    """Words as lengths are told by; of scripts without spaces two characters are one.

    >>> count_words("It runs at 67 psi."), count_words("答案是六次。")
    (5, 3)
    """
    unspaced = len(_UNSPACED.findall(text))
    return len(_UNSPACED.sub(" ", text).replace("。", " ").split()) + (unspaced + 1) // 2


def bucket_index(words: int) -> int:
    """Which of `LENGTHS` an answer of so many words belongs to."""
    return next(at for at, (_, most) in enumerate(LENGTHS) if words <= most)


def is_scored(verdict: Verdict) -> bool:
    """Whether the verdict has a score that says something: neither abstained nor unscored."""
    return verdict.outcome in _SCORED


class CalibratedDetector:
    """A detector whose scores are probabilities, and whose outcomes follow a chosen threshold.

    Abstained and unscored verdicts stay as they are. An answer that refers to what is not among
    the passages is never grounded. Raises InputError where the calibration was fitted on another
    detector or version.
    """

    def __init__(self, detector: Detector, calibration: Calibration) -> None:
        if detector.name != calibration.detector:
            raise InputError(
                f"calibration {calibration.id} is for {calibration.detector}, not {detector.name}",
                hint=_AGAIN,
            )
        self.name = detector.name
        self.detector = detector
        self.calibration = calibration

    def check(self, question: str, passages: Sequence[Passage], answer: str) -> Verdict:
        """The detector's verdict, calibrated."""
        return self._calibrated(self.detector.check(question, passages, answer), answer)

    def check_many(self, cases: Iterable[Case]) -> list[Verdict]:
        """A calibrated verdict for every case, in order."""
        known = list(cases)
        verdicts = self.detector.check_many(known)
        return [
            self._calibrated(verdict, case.answer)
            for case, verdict in zip(known, verdicts, strict=True)
        ]

    def _calibrated(self, verdict: Verdict, answer: str) -> Verdict:
        if verdict.version != self.calibration.version:
            raise InputError(
                f"calibration {self.calibration.id} is for version {self.calibration.version!r} of "
                f"{self.name}, which is now {verdict.version!r}",
                hint=_AGAIN,
            )
        if not is_scored(verdict):
            return dataclasses.replace(verdict, calibration=self.calibration.id)
        applied = self.calibration.apply(verdict.score, count_words(answer))
        return calibrated(verdict, applied, self.calibration.id)


_AGAIN = "calibrate again with: wellread check calibrate FOLDER_OF_DOCUMENTS"


def calibrated(verdict: Verdict, applied: Applied, identifier: str) -> Verdict:
    """The verdict with a probability for a score, and the outcome that its threshold gives."""
    fabricated = any(span.category.startswith("fabricated") for span in verdict.spans)
    outcome, reason, spans = verdict.outcome, verdict.reason, verdict.spans
    if applied.probability >= applied.threshold and not fabricated:
        # What was suspected is not enough for a flag here: a grounded answer names no faults.
        outcome, spans = "grounded", ()
        reason = "" if verdict.outcome != "grounded" else reason
    elif verdict.outcome == "grounded":
        outcome = "ungrounded"
        reason = reason or (
            f"supported with a probability of {applied.probability:.2f}, below the threshold "
            f"{applied.threshold:.2f}"
        )
    return dataclasses.replace(
        verdict,
        outcome=outcome,
        score=applied.probability,
        threshold=applied.threshold,
        calibration=identifier,
        reason=reason,
        spans=spans,
    )
