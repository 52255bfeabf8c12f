"""Every answer of a file checked: a verdict for each, and what they come to.

    cases of the file (check_rows)
      -> a few at a time to the detector
      -> verdicts.jsonl, one line an answer: {id, line, question, answer, verdict, gold?}
      -> counts by outcome and group, categories of spans, the worst answers, gold agreement

The verdicts appear at once when the run ends, whole. Memory does not grow with the file but for
two numbers an answer with gold labels.
"""

from __future__ import annotations

import dataclasses
import heapq
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, get_args

from pydantic import Field

from wellread.checks.agreement import FLAGGED, Agreed, Agreement
from wellread.checks.calibration import Applied, calibrated, is_scored
from wellread.checks.detector import Case, Detector
from wellread.checks.rows import CheckRow
from wellread.config import Settings
from wellread.engine.progress import Progress
from wellread.errors import InputError, RowError
from wellread.pipelines.check_rows import count_lines, read_cases
from wellread.records import Outcome, Verdict
from wellread.storage.files import JsonlWriter

OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
_BAD_KEPT = 20
_QUOTED = 400


class CheckSettings(Settings):
    """How a file is checked."""

    threshold: float | None = Field(default=None, ge=0, le=1)
    """Score from which an answer is grounded, in place of the detector's own."""
    limit: int | None = Field(default=None, ge=1)
    """Most answers to check, from the start of the file."""
    group_by: str = ""
    """Field of the rows to count by; examples of our own are counted by kind without."""
    skip_bad: bool = False
    """Whether rows that cannot be read are left out and counted."""
    worst: int = Field(default=5, ge=0)
    """How many of the least supported answers to show."""
    batch: int = Field(default=64, ge=1)
    """Answers handed to the detector at a time."""


@dataclass(frozen=True, slots=True)
class Worst:
    """An answer that rests on little: with what was found wrong, and the nearest evidence."""

    id: str
    line: int
    question: str
    answer: str
    verdict: Verdict
    evidence: str


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What the check of a file came to.

    `groups` counts outcomes by group, "" for rows without one; `categories` counts spans;
    `reasons` counts why answers are unscored; `bad` are the first rows that could not be read, of
    `left_out` in all. `by_design` answers were made not to rest on their passages, and are not
    among the worst.
    """

    file: Path
    output: Path | None
    answers: int
    outcomes: dict[str, int]
    groups: dict[str, dict[str, int]]
    categories: dict[str, int]
    reasons: dict[str, int]
    by_design: int
    worst: tuple[Worst, ...]
    gold: Agreed | None
    left_out: int
    bad: tuple[str, ...]
    detector: str
    version: str
    calibration: str
    thresholds: tuple[float, float]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        value = dataclasses.asdict(self)
        return {**value, "file": str(self.file), "output": self.output and str(self.output)}


def default_output(path: Path) -> Path:
    """Where the verdicts on `path` go: beside it, as NAME.verdicts.jsonl."""
    return path.with_name(f"{path.stem}.verdicts.jsonl")


def check_file(
    path: Path,
    detector: Detector,
    settings: CheckSettings | None = None,
    *,
    output: Path | None = None,
    progress: Progress | None = None,
) -> CheckReport:
    """Check every answer of `path`; verdicts go to `output`, or beside the file.

    Raises RowError for a row that cannot be read, unless `skip_bad`, and InputError where the file
    holds no answer.
    """
    settings = settings or CheckSettings()
    output = output or default_output(path)
    if output.resolve() == path.resolve():
        raise InputError(f"{output}: the verdicts would replace the answers")
    bad = _Bad()
    skip = bad.note if settings.skip_bad else None
    rows = read_cases(path, group_by=settings.group_by, skip=skip)
    tally = _Tally(settings.worst)
    shown = progress or Progress.silent()
    total = count_lines(path) if settings.limit is None else settings.limit
    counted = "answers" if total is None or settings.limit is not None else "lines"
    with JsonlWriter(output) as writer, shown.stage(counted, total) as bar:
        for row, verdict in _verdicts(islice(rows, settings.limit), detector, settings):
            writer.write(_line(row, verdict))
            tally.add(row, verdict)
            if total is not None and counted == "lines":
                bar.reach(row.line, total)
            else:
                bar.advance()
        if not tally.answers:
            raise InputError(f"{path}: no answer to check" + bad.text())
    return tally.report(path, output, bad)


def at_threshold(verdict: Verdict, threshold: float) -> Verdict:
    """The verdict with the outcome that its score has at `threshold`."""
    if not is_scored(verdict):
        return verdict
    return calibrated(verdict, Applied(verdict.score, threshold), verdict.calibration)


def _verdicts(
    rows: Iterable[CheckRow], detector: Detector, settings: CheckSettings
) -> Iterator[tuple[CheckRow, Verdict]]:
    rows = iter(rows)
    while batch := list(islice(rows, settings.batch)):
        for row, verdict in zip(batch, detector.check_many(r.case for r in batch), strict=True):
            if settings.threshold is not None:
                verdict = at_threshold(verdict, settings.threshold)
            yield row, verdict


def _line(row: CheckRow, verdict: Verdict) -> dict[str, Any]:
    line = {
        "id": row.id,
        "line": row.line,
        "question": row.case.question,
        "answer": row.case.answer,
        "verdict": verdict,
    }
    if row.group:
        line["group"] = row.group
    if row.gold is not None:
        line["gold"] = row.gold
    return line


def rows_text(count: int) -> str:
    """``1 row was``, ``2 rows were``."""
    return "1 row was" if count == 1 else f"{count:,} rows were"


@dataclass
class _Bad:
    """Rows that could not be read."""

    count: int = 0
    first: list[str] = field(default_factory=list)

    def note(self, error: RowError) -> None:
        """Keep the message of the first ones."""
        self.count += 1
        if len(self.first) < _BAD_KEPT:
            self.first.append(error.message)

    def text(self) -> str:
        """For an error: the first that was left out."""
        if not self.first:
            return ""
        return f"; {rows_text(self.count)} left out, the first: {self.first[0]}"


class _Tally:
    """Counts verdicts as they come."""

    def __init__(self, worst: int) -> None:
        self.answers = 0
        self._by_design = 0
        self._kept = worst
        self._groups: dict[str, Counter[str]] = {}
        self._categories: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()
        self._agreement = Agreement()
        self._worst: list[tuple[float, int, CheckRow, Verdict]] = []
        self._last = Verdict("unscored", 0.0, "")
        self._thresholds = (1.0, 0.0)

    def add(self, row: CheckRow, verdict: Verdict) -> None:
        """Count one verdict."""
        self.answers += 1
        self._by_design += row.by_design
        self._groups.setdefault(row.group, Counter())[verdict.outcome] += 1
        self._categories.update(span.category for span in verdict.spans)
        if row.gold is not None:
            self._agreement.add(verdict, row.gold, len(row.case.answer))
        if verdict.outcome == "unscored":
            self._reasons[verdict.reason or "no reason given"] += 1
            return
        self._last = verdict
        if not is_scored(verdict):
            return
        low, high = self._thresholds
        self._thresholds = min(low, verdict.threshold), max(high, verdict.threshold)
        if verdict.outcome in FLAGGED and self._kept and not row.by_design:
            keep = heapq.heappush if len(self._worst) < self._kept else heapq.heappushpop
            keep(self._worst, (-verdict.score, -self.answers, row, verdict))

    def report(self, path: Path, output: Path, bad: _Bad) -> CheckReport:
        """The figures of all that was added."""
        outcomes: Counter[str] = sum(self._groups.values(), Counter())
        worst = sorted(self._worst, key=lambda kept: (-kept[0], -kept[1]))
        return CheckReport(
            file=path,
            output=output,
            answers=self.answers,
            outcomes={name: outcomes[name] for name in OUTCOMES},
            groups={g: {n: c[n] for n in OUTCOMES} for g, c in self._groups.items()},
            categories=dict(self._categories.most_common()),
            reasons=dict(self._reasons.most_common()),
            by_design=self._by_design,
            worst=tuple(_worst(row, verdict) for _, _, row, verdict in worst),
            gold=self._agreement.summary(),
            left_out=bad.count,
            bad=tuple(bad.first),
            detector=self._last.detector,
            version=self._last.version,
            calibration=self._last.calibration,
            thresholds=self._thresholds if self._thresholds[0] <= self._thresholds[1] else (0, 0),
        )


def _worst(row: CheckRow, verdict: Verdict) -> Worst:
    case = row.case
    return Worst(row.id, row.line, case.question, case.answer, verdict, _quote(case, verdict))


def _quote(case: Case, verdict: Verdict) -> str:
    """The text nearest to the first thing found wrong, else to anything in the answer."""
    texts = {passage.id: passage.content for passage in case.passages}
    first = verdict.spans[0] if verdict.spans else None
    beside = [
        sentence.evidence
        for sentence in verdict.sentences
        if sentence.evidence and first and sentence.start < first.end and first.start < sentence.end
    ]
    for found in (*beside, *verdict.evidence):
        if text := texts.get(found.chunk_id, "")[found.start : found.end]:
            return " ".join(text.split())[:_QUOTED]
    return ""
