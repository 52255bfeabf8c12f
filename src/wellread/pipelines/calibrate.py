"""Calibrate a detector on one's own documents.

    source ─> items (calibrate_items) ─> right answers, and wrong ones with planted errors
      ─> raw verdicts of the detector
      ─> by document: fit on the others, judge these ─> measures before and after, held out
      ─> fit on all ─> calibrations/ID/calibration.json, report.json, report.html

1. A share of the right answers is reworded by rule, so that they are not all copies.
2. Documents are dealt into folds; every case is judged by a calibration that has not seen its
   document, neither for the curve nor for the threshold.
3. What is stored is fitted on all cases; the report tells what the folds told.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import Field, field_validator

from wellread.checks.calibrating import Fit, Fitting, Scored, fit_calibration
from wellread.checks.calibration import (
    FILE,
    LENGTHS,
    Calibration,
    Goal,
    bucket_index,
    calibrated,
    count_words,
    is_scored,
)
from wellread.checks.detector import Detector
from wellread.checks.planting.injection import ERROR_KINDS, ErrorKind, LabelledCase, labelled_cases
from wellread.checks.planting.items import lot
from wellread.checks.planting.rewording import reworded_items
from wellread.checks.reliability import Judged, Measures, measure
from wellread.config import Settings
from wellread.engine.progress import Bar, Progress
from wellread.errors import InputError
from wellread.pipelines.calibrate_items import Gathered, gather
from wellread.records import Verdict
from wellread.storage.files import write_json

_BATCH = 64
_COMPARE_WORDS = ("lexical", "answer")
_REWRITTEN = 1 / 3


class CalibrationSettings(Settings):
    """What to calibrate for, and on what."""

    goal: str = "f1"
    """f1, precision=0.9 or false-flags=0.05: what thresholds are chosen for."""
    prior: float = Field(default=0.2, gt=0, lt=1)
    """Share of answers expected to be unsupported where the calibration is used."""
    method: Fitting = "auto"
    """isotonic, platt, or auto: isotonic where there are cases enough."""
    kinds: tuple[ErrorKind, ...] = ERROR_KINDS
    """Kinds of errors to plant."""
    most: int = Field(default=600, ge=1)
    """Most chunks or rows to make cases from."""
    reworded: float = Field(default=0.5, ge=0, le=1)
    """Share of the answers put into other words by rule."""
    rewritten: float | None = Field(default=None, ge=0, le=1)
    """Share of the longer answers taken far from the words of the passages, as summaries are; a
    third for detectors that compare words, none for those that read."""
    folds: int = Field(default=5, ge=2, le=20)
    """Parts that the documents are dealt into for measuring."""
    chunk_size: int = Field(default=400, ge=50)
    """Most tokens of a chunk, where documents are cut here."""
    seed: int = 0
    """Seed of all draws."""

    @field_validator("goal")
    @classmethod
    def _is_goal(cls, text: str) -> str:
        try:
            return str(Goal.parse(text))
        except InputError as error:
            raise ValueError(f"{error.message}; {error.hint}") from error


@dataclass(frozen=True, slots=True)
class Sizes:
    """What there is to calibrate on."""

    made_from: str
    documents: int
    items: int
    cases: dict[str, int]
    left_out: dict[str, int]


@dataclass(frozen=True, slots=True)
class Part:
    """Held-out measures over the answers of one length, or of all."""

    name: str
    before: Measures
    after: Measures


@dataclass(frozen=True, slots=True)
class CalibrationReport:
    """The calibration, and what it is worth on documents that it was not fitted on.

    `thresholds` are those of each length: (fitted on all, least and most over the folds).
    `unscored` cases and those taken for abstentions took no part in fitting.
    """

    id: str
    source: str
    calibration: Calibration
    sizes: Sizes
    folds: int
    unscored: int
    parts: tuple[Part, ...]
    thresholds: dict[str, tuple[float, float, float]]
    seed: int

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        value = dataclasses.asdict(self)
        return {**value, "calibration": self.calibration.to_dict()}


@dataclass(frozen=True, slots=True)
class _Known:
    """One case with its raw verdict; the passages are let go."""

    verdict: Verdict
    words: int
    supported: bool
    kind: str
    document_id: str

    def scored(self) -> Scored:
        return Scored(self.verdict.score, self.words, self.supported, self.kind, self.document_id)


class _Row(NamedTuple):
    """A case as the raw detector judges it, and as a calibration does that has not seen it."""

    known: _Known
    before: Judged
    after: Judged


def plan(source: Path, settings: CalibrationSettings, detector: str = "lexical") -> Sizes:
    """What `calibrate` would make, without checking anything."""
    gathered = _gathered(source, settings)
    return _sizes(gathered, (case.kind for case in _cases(gathered, settings, detector)))


def calibrate(
    source: Path,
    detector: Detector,
    settings: CalibrationSettings | None = None,
    *,
    progress: Progress | None = None,
) -> CalibrationReport:
    """Make cases from `source`, check them with `detector`, and fit its calibration.

    Raises InputError where there are fewer than two documents, or too few cases.
    """
    settings = settings or CalibrationSettings()
    shown = progress or Progress.silent()
    gathered = _gathered(source, settings)
    with shown.stage("check") as bar:
        known = list(_checked(_cases(gathered, settings, detector.name), detector, bar))

    def fitted(some: Iterable[_Known]) -> Calibration:
        return fit_calibration(
            [one.scored() for one in some if is_scored(one.verdict)],
            Fit(Goal.parse(settings.goal), settings.prior, settings.method),
            detector=detector.name,
            version=next((one.verdict.version for one in known), ""),
            source=f"{gathered.made_from}: {source.name}",
            seed=settings.seed,
        )

    calibration = fitted(known)
    folds = _folds(known, settings)
    judged: list[_Row] = []
    others: list[Calibration] = []
    with shown.stage("measure", len(folds)) as bar:
        for own in folds:
            others.append(fitted(one for one in known if one.document_id not in own))
            judged += [_judged(one, others[-1]) for one in known if one.document_id in own]
            bar.advance()
    return CalibrationReport(
        id=calibration.id,
        source=str(source),
        calibration=calibration,
        sizes=_sizes(gathered, (one.kind for one in known)),
        folds=len(folds),
        unscored=sum(not is_scored(one.verdict) for one in known),
        parts=tuple(_parts(judged, settings.prior)),
        thresholds=_thresholds(calibration, others),
        seed=settings.seed,
    )


def write_calibration(report: CalibrationReport, folder: Path) -> Path:
    """Write the calibration, its report and a page to ``folder/ID``; return that folder."""
    from wellread.pipelines.calibrate_page import page_of
    from wellread.storage.files import atomic_write

    own = folder / report.id
    write_json(own / "report.json", report.to_dict())
    with atomic_write(own / "report.html") as file:
        file.write(page_of(report).encode("utf-8", "replace"))
    # Last, so that a folder with a calibration is a whole one.
    write_json(own / FILE, report.calibration.to_dict())
    return own


def _gathered(source: Path, settings: CalibrationSettings) -> Gathered:
    gathered = gather(
        source, most=settings.most, seed=settings.seed, chunk_size=settings.chunk_size
    )
    documents = {item.document_id for item in gathered.items}
    if len(documents) < 2:
        raise InputError(
            f"{source}: one document with usable text; at least 2 are needed, so that the "
            "calibration can be measured on documents it was not fitted on",
            hint="give a folder of documents, or cut the one into files, such as one a chapter",
        )
    return gathered


def _cases(
    gathered: Gathered, settings: CalibrationSettings, detector: str
) -> Iterator[LabelledCase]:
    rewritten = settings.rewritten
    if rewritten is None:
        rewritten = _REWRITTEN if detector.startswith(_COMPARE_WORDS) else 0.0
    items = reworded_items(gathered.items, settings.seed, settings.reworded, rewritten)
    return labelled_cases(items, settings.seed, settings.kinds)


def _sizes(gathered: Gathered, kinds: Iterable[str]) -> Sizes:
    counts = dict.fromkeys(("gold", *ERROR_KINDS), 0) | Counter(kinds)
    documents = {item.document_id for item in gathered.items}
    return Sizes(gathered.made_from, len(documents), len(gathered.items), counts, gathered.left_out)


def _checked(cases: Iterator[LabelledCase], detector: Detector, bar: Bar) -> Iterator[_Known]:
    """Every case with its verdict, a few at a time: only the verdicts are kept."""
    while part := list(islice(cases, _BATCH)):
        verdicts = detector.check_many([one.case for one in part])
        for one, verdict in zip(part, verdicts, strict=True):
            words = count_words(one.case.answer)
            yield _Known(verdict, words, one.supported, one.kind, one.document_id)
        bar.advance(len(part))


def _folds(known: Sequence[_Known], settings: CalibrationSettings) -> list[frozenset[str]]:
    """The documents dealt out by lot, the largest first, so that folds come out about even."""
    sizes: dict[str, int] = {}
    for one in known:
        sizes[one.document_id] = sizes.get(one.document_id, 0) + 1
    order = sorted(sizes, key=lambda name: (-sizes[name], lot(settings.seed, name).random()))
    folds: list[list[str]] = [[] for _ in range(min(settings.folds, len(order)))]
    filled = [0] * len(folds)
    for name in order:
        least = filled.index(min(filled))
        folds[least].append(name)
        filled[least] += sizes[name]
    return [frozenset(own) for own in folds]


def _judged(one: _Known, calibration: Calibration) -> _Row:
    if not is_scored(one.verdict):
        unscored = Judged(None, False, one.supported, one.kind)
        return _Row(one, unscored, unscored)
    applied = calibration.apply(one.verdict.score, one.words)
    after = calibrated(one.verdict, applied, "")
    return _Row(
        one,
        Judged(one.verdict.score, one.verdict.outcome != "grounded", one.supported, one.kind),
        Judged(after.score, after.outcome != "grounded", one.supported, one.kind),
    )


def _parts(judged: Sequence[_Row], prior: float) -> Iterator[Part]:
    """Measures over all cases, then by length."""
    parts: list[tuple[str, list[_Row]]] = [("all", list(judged))]
    for at, (length, _) in enumerate(LENGTHS):
        parts.append((length, [row for row in judged if bucket_index(row.known.words) == at]))
    for name, own in parts:
        if len({row.known.supported for row in own}) == 2:
            before = measure([row.before for row in own], prior)
            yield Part(name, before, measure([row.after for row in own], prior))


def _thresholds(
    calibration: Calibration, others: Sequence[Calibration]
) -> dict[str, tuple[float, float, float]]:
    told: dict[str, tuple[float, float, float]] = {}
    for at, bucket in enumerate(calibration.buckets):
        seen = [other.buckets[at].threshold for other in others]
        told[bucket.name] = (bucket.threshold, min(seen), max(seen))
    return told
