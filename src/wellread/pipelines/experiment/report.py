"""What an experiment says: every figure as one value, with notes on how to read it.

    Report ──to_dict──> report.json     `text`: report.txt     `page`: report.html

The notes say what a reader would otherwise have to know: that an answerer by rule is no language
model, that few documents make for wide intervals, that a detector which misses swapped answers
says little about an arm.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from wellread.llm.usage import UsageMeter
from wellread.pipelines.experiment.arms import Arm
from wellread.pipelines.experiment.health import Health, Sweep
from wellread.pipelines.experiment.measures import ArmFigures, Checked, Comparison, Retrieval
from wellread.records import Span

_WORST = 4
_FEW_DOCUMENTS = 10
_WEAK_AUROC = 0.7


@dataclass(frozen=True, slots=True)
class Setting:
    """Under which conditions all figures were taken; `version` is that of the detector."""

    source: str
    answerer: str
    is_model: bool
    detector: str
    repair_detector: str
    version: str
    calibration: str
    threshold: float | None
    questions: int
    of_questions: int
    documents: int
    passages: int
    language: str
    top_k: int
    repairs: int
    temperature: float
    seed: int
    retriever: str


@dataclass(frozen=True, slots=True)
class Spent:
    """Calls and tokens of the whole run; answers that two arms share are counted once.

    `new_calls` were paid for in this run, the others came from the journal.
    """

    calls: int
    new_calls: int
    input_tokens: int
    output_tokens: int
    money: float

    @classmethod
    def of(cls, meter: UsageMeter) -> Spent:
        """What `meter` counted."""
        used = meter.used
        money = meter.prices.cost(used)
        return cls(meter.calls, meter.new_calls, used.input_tokens, used.output_tokens, money)


@dataclass(frozen=True, slots=True)
class Worst:
    """An answer that rests on little, with what it was held against."""

    arm: Arm
    id: str
    question: str
    answer: str
    gold: tuple[str, ...]
    score: float
    reason: str
    spans: tuple[Span, ...]
    evidence: str
    source: str


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that was measured."""

    setting: Setting
    arms: tuple[ArmFigures, ...]
    comparisons: tuple[Comparison, ...]
    retrieval: Retrieval
    health: tuple[Health, ...]
    sweep: tuple[Sweep, ...]
    worst: tuple[Worst, ...]
    spent: Spent

    @property
    def checked_by(self) -> str:
        """The detector with what shaped its verdicts."""
        setting = self.setting
        more = [
            f"version {setting.version}" if setting.version else "",
            f"calibration {setting.calibration}" if setting.calibration else "",
            f"threshold {setting.threshold:g}" if setting.threshold is not None else "",
        ]
        said = ", ".join(part for part in more if part)
        return f"{setting.detector} ({said})" if said else setting.detector

    @property
    def notes(self) -> tuple[str, ...]:
        """What to keep in mind while reading the figures."""
        return tuple(_notes(self))

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it; a figure that cannot be had is null there."""
        return {**dataclasses.asdict(self), "notes": list(self.notes)}


def _notes(report: Report) -> Iterator[str]:
    setting = report.setting
    if not setting.is_model:
        yield (
            "The answers were extracted by rule, not written by a language model. Without passages "
            "the extractive answerer can only decline, so its closed-book arms say nothing about "
            "any model; and what it says is copied from the passages it saw, so that a flag means "
            "that the wrong passage was found. Name a model with --base-url for the real thing."
        )
    elif setting.temperature == 0:
        yield "At temperature 0 the second closed-book roll is mostly the first one again."
    if _repairs_and_measures(report):
        yield (
            f"RAG + repair asked until {setting.detector} let an answer pass, and that detector "
            "measures it: its flags fall in part by construction. Exact match does not know the "
            "detector; another one for the repairs is named with --repair-detector."
        )
    if setting.documents < _FEW_DOCUMENTS:
        yield (
            f"The questions come from {setting.documents} "
            f"{'document' if setting.documents == 1 else 'documents'}: intervals that redraw so "
            "few are too narrow to rely on."
        )
    if any(arm.flagged.low == arm.flagged.high for arm in report.arms):
        most = min(1.0, 3 / max(1, setting.documents))
        yield (
            "An interval without width, at 0% or 100%, is no certainty: to redraw rows that are "
            f"all alike shows no spread. With {setting.documents:,} documents about {most:.0%} "
            "is still possible (the rule of three)."
        )
    yield from _notes_on_health(report.health)
    if any(arm.unscored for arm in report.arms):
        yield "Unscored answers were held against an empty text; they are never counted as good."


def _repairs_and_measures(report: Report) -> bool:
    """Whether the repair arm was repaired by the detector that measures it."""
    setting = report.setting
    repaired = any(arm.arm == "rag_repair" for arm in report.arms)
    return repaired and setting.repairs > 0 and setting.detector == setting.repair_detector


def _notes_on_health(known: Sequence[Health]) -> Iterator[str]:
    for one in known:
        if one.truth == "same_paragraph" and one.auroc is not None and one.auroc < _WEAK_AUROC:
            yield (
                f"On wrong answers from the right text this detector is weak (AUROC "
                f"{one.auroc:.2f}, .50 is chance): an answer that is not flagged need not be "
                "right. Read exact match and F1 beside the flags."
            )
    if not known:
        yield "There are no gold answers, so nobody knows how far the flags can be trusted."


def worst(arms: Sequence[Arm], rows: Sequence[Checked]) -> Iterator[Worst]:
    """For each arm the flagged answers with the lowest score."""
    for arm in arms:
        flagged = [row for row in rows if row.scored[arm].flagged]
        flagged.sort(key=lambda row: (row.scored[arm].verdict.score, row.answered.asked.id))
        for row in flagged[:_WORST]:
            yield _worst(arm, row)


def _worst(arm: Arm, row: Checked) -> Worst:
    scored, asked = row.scored[arm], row.answered.asked
    text, source = "", ""
    chunks = {passage.chunk.id: passage.chunk for passage in row.answered.reference}
    for pointer in scored.verdict.evidence[:1]:
        if chunk := chunks.get(pointer.chunk_id):
            text, source = chunk.text[pointer.start : pointer.end], chunk.title or chunk.source
    if not text and row.answered.reference:
        chunk = row.answered.reference[0].chunk
        text, source = chunk.text[:300], chunk.title or chunk.source
    return Worst(
        arm,
        asked.id,
        asked.question,
        scored.said.text,
        asked.gold or (),
        scored.verdict.score,
        scored.verdict.reason,
        scored.verdict.spans,
        " ".join(text.split()),
        source,
    )
