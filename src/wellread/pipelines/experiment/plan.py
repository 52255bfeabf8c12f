"""What an experiment would ask for, before anything is paid.

The questions are really read and the prompts of a sample are really rendered; passages that would
be retrieved are stood in for by the question's own context and those that follow it. How many
answers will need repair is not known: the plan says what none and what all of them would take.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from wellread.knowledge.base import KnowledgeBase
from wellread.llm.endpoint import Endpoint
from wellread.llm.plan import estimate
from wellread.pipelines.experiment.arms import ARMS, LABELS, Arm
from wellread.pipelines.experiment.questions import QuestionSet, read_questions
from wellread.pipelines.experiment.text import columns
from wellread.pipelines.rag4rag import ExperimentSettings
from wellread.pipelines.staff import Unreachable
from wellread.records import Chunk, Passage
from wellread.synthesis.answering import ModelAnswerer, Refused

_SAMPLE = 200
# An answer of a few words; one that explains itself takes more.
_ANSWER_TOKENS = 20
_REFUSED = (Refused("an answer of a few words", "a name in it is not in the passages"),)


@dataclass(frozen=True, slots=True)
class PlannedArm:
    """The calls of one arm that no other arm has made already."""

    arm: str
    calls: int
    input_tokens: int
    output_tokens: int
    money: float


@dataclass(frozen=True, slots=True)
class ExperimentPlan:
    """What would be asked; without an endpoint nothing is."""

    questions: int
    answerer: str
    arms: tuple[PlannedArm, ...]
    repairs_at_most: PlannedArm | None
    minutes: float

    def text(self) -> str:
        """The plan for a person."""
        head = f"{self.questions:,} questions, answered by {self.answerer}"
        if not self.arms:
            return f"{head}: no call, no cost."
        rows = [("arm", "calls", "tokens in", "tokens out", "money")]
        more = [self.repairs_at_most] if self.repairs_at_most else []
        rows += [
            (a.arm, f"{a.calls:,}", f"{a.input_tokens:,}", f"{a.output_tokens:,}", f"{a.money:.2f}")
            for a in (*self.arms, *more)
        ]
        total = sum(a.money for a in self.arms)
        foot = f"Together about {total:.2f} before repairs, in about {self.minutes:.0f} minutes."
        return f"{columns(head, rows)}\n{foot}"


def plan_experiment(
    questions: Path,
    settings: ExperimentSettings,
    endpoint: Endpoint | None,
    knowledge_base: Path | None = None,
) -> ExperimentPlan:
    """Add up what a run would take; nothing is asked and nothing is written."""
    given = read_questions(questions)
    n = min(len(given.questions), settings.max_questions or len(given.questions))
    if endpoint is None:
        return ExperimentPlan(n, "extractive", (), None, 0.0)
    model = Unreachable(endpoint)
    answerer = ModelAnswerer.with_prompts(model, settings.prompts, settings.sampling)
    sample = list(_sample(given, knowledge_base, settings.top_k))
    minutes = 0.0

    def planned(name: str, shown: int, calls: int, refused: Sequence[Refused] = ()) -> PlannedArm:
        nonlocal minutes
        requests = [
            answerer.request(question, passages[:shown], refused=refused)
            for question, passages in sample
        ]
        made = estimate(
            endpoint,
            requests,
            calls=calls,
            reply_tokens=_ANSWER_TOKENS,
            concurrency=endpoint.concurrency or settings.concurrency,
        )
        minutes += 0.0 if refused else made.minutes
        return PlannedArm(name, calls, made.input_tokens, made.output_tokens, made.money)

    shown: dict[Arm, int] = {"closed_book": 0, "reroll": 0, "context": 1, "rag": settings.top_k}
    arms = [
        planned(LABELS[arm], shown[arm], n) for arm in ARMS if arm in settings.arms and arm in shown
    ]
    repairs = None
    if "rag_repair" in settings.arms:
        if "rag" not in settings.arms:
            arms.append(planned(LABELS["rag_repair"], settings.top_k, n))
        if settings.repairs:
            repairs = planned(
                f"repairs, at most {settings.repairs} each",
                settings.top_k,
                n * settings.repairs,
                _REFUSED,
            )
    return ExperimentPlan(n, endpoint.model, tuple(arms), repairs, minutes)


def _sample(
    given: QuestionSet, knowledge_base: Path | None, top_k: int
) -> Iterator[tuple[str, tuple[Passage, ...]]]:
    """Questions with passages such as would stand in their prompts."""
    chunks = [chunk for _, own in given.pairs for chunk in own]
    if knowledge_base is not None:
        with KnowledgeBase.open(knowledge_base) as base:
            chunks = list(itertools.islice(base.chunks(), _SAMPLE))
    for number, asked in enumerate(given.questions[:: max(1, len(given.questions) // _SAMPLE)]):
        around = itertools.islice(itertools.cycle(chunks), number, number + top_k)
        yield asked.question, tuple(_passages(around))


def _passages(chunks: Iterator[Chunk]) -> Iterator[Passage]:
    for rank, chunk in enumerate(chunks, 1):
        yield Passage(chunk, 1.0, rank)
