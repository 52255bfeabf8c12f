"""Passages for conversations that have none: those that help, and examples of those that do not.

    Task (question, answer) -> ranked passages -> which of them support the answer? -> Attached

    kind        passages in the context                          answer
    useful      only such as support the answer                  as it was
    among       one that does, at any rank, among unrelated ones as it was
    no_answer   unrelated ones                                   says that it is not in there
    plain       none: no passage supports the answer             as it was

A passage that neither supports the answer nor clearly says nothing of it stands nowhere. So the
model learns that a context decides about its answer, and that talk without one goes on as before.
A task whose answer must rest on documents is left out where none supports it: trained on without
one, it would teach answers from memory. Every draw follows from the seed and the task's id.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

import numpy as np
from pydantic import Field, model_validator

from wellread.checks.answers import answers
from wellread.checks.reading.words import guess_language
from wellread.config import Settings
from wellread.dialogue.retrieval import retrieval_message
from wellread.records import Passage, Rejection, Turn, Verdict
from wellread.synthesis.actions import ABSTENTIONS
from wellread.synthesis.retrieval import generator, related

STAGE = "attach"
AttachedKind = Literal["useful", "among", "no_answer", "plain"]
Search = Callable[[str, int], Sequence[Passage]]
# Passages to look through for unrelated ones, for each that is wanted.
_DEPTH = 4


class AttachSettings(Settings):
    """How passages are attached."""

    top_k: int = Field(default=5, ge=1, le=100)
    """Most passages in a context."""
    distractor_share: float = Field(default=0.6, ge=0, le=1)
    """Of the answers that a passage supports: share with unrelated passages around it."""
    no_answer_share: float = Field(default=0.2, ge=0, le=1)
    """Of them: share shown with unrelated passages only, and an answer that declines."""
    seed: int = Field(default=42, ge=0)
    """Of the kinds, the places and the wording."""

    @model_validator(mode="after")
    def _shares_fit(self) -> AttachSettings:
        if self.distractor_share + self.no_answer_share > 1:
            raise ValueError("distractor_share and no_answer_share add up to more than 1")
        return self


class Detector(Protocol):
    """Whatever says how well an answer is supported."""

    def check(self, question: str, passages: Sequence[Passage], answer: str) -> Verdict:
        """Judge one answer."""
        ...


@dataclass(frozen=True, slots=True)
class Task:
    """A conversation that ends with an answer.

    `expected` is that answer in a few words, where it is known; `relevant` the ids of documents
    that hold it. `from_documents` tells an answer that must rest on documents from mere talk, and
    `cite` has it name the passage that supports it: ``[2]``.
    """

    id: str
    turns: tuple[Turn, ...]
    expected: str = ""
    relevant: frozenset[str] = frozenset()
    from_documents: bool = False
    cite: bool = False

    @property
    def question(self) -> str:
        """What is asked last."""
        return next((t.content for t in reversed(self.turns) if t.role == "user"), "")

    @property
    def answer(self) -> str:
        """What is answered last."""
        return self.turns[-1].content


@dataclass(frozen=True, slots=True)
class Attached:
    """A conversation with its passages, which stand before the last question.

    The rank of a passage says what leaves last where room is short, which is the one that the
    answer rests on, wherever it stands. `document_id` is that one's document, which a split keeps
    on one side.
    """

    id: str
    kind: AttachedKind
    turns: tuple[Turn, ...]
    passages: tuple[Passage, ...] = ()
    document_id: str = ""

    def as_row(self) -> dict[str, Any]:
        """The line of a .jsonl that ``wellread prepare`` reads."""
        asked = max((i for i, t in enumerate(self.turns) if t.role == "user"), default=0)
        messages: list[dict[str, Any]] = [
            {"role": turn.role, "content": turn.content, "train": turn.learn} for turn in self.turns
        ]
        if self.kind != "plain":
            messages.insert(asked, retrieval_message(self.passages))
        row = {"id": self.id, "kind": self.kind, "messages": messages}
        return {**row, "document_id": self.document_id} if self.document_id else row


def attach_passages(
    tasks: Iterable[Task], search: Search, detector: Detector, settings: AttachSettings
) -> Iterator[Attached | Rejection]:
    """Each task with passages, or a Rejection that says why it is left out.

    `search` gives the passages for a question, best first, such as `KnowledgeBase.search`.
    """
    for task in tasks:
        yield _attach(task, search, detector, settings)


def _attach(
    task: Task, search: Search, detector: Detector, settings: AttachSettings
) -> Attached | Rejection:
    if not task.turns or task.turns[-1].role != "assistant" or not task.question.strip():
        return Rejection(STAGE, task.id, "no_answer_at_the_end", "there is nothing to attach to")
    if any(turn.role == "context" for turn in task.turns):
        return Rejection(STAGE, task.id, "has_a_context", "it has passages of its own")
    ranked = search(task.question, settings.top_k * (1 + _DEPTH))
    sight = _Sight(task, detector)
    useful = [p for p in ranked[: settings.top_k] if sight.supports(p)]
    if not useful:
        return _without(task)
    random = generator(settings.seed, STAGE, task.id)
    kind = _drawn_kind(random, settings)
    others = () if kind == "useful" else sight.unrelated(ranked, useful, settings.top_k)
    if not others:
        return _answered(task, "useful", useful, useful[0])
    if kind == "no_answer":
        return _declined(task, others, useful[0], random)
    beside = list(others[: settings.top_k - 1])
    beside.insert(int(random.integers(0, len(beside) + 1)), useful[0])
    return _answered(task, "among" if len(beside) > 1 else "useful", beside, useful[0])


def _drawn_kind(random: np.random.Generator, settings: AttachSettings) -> AttachedKind:
    drawn = random.random()
    if drawn < settings.no_answer_share:
        return "no_answer"
    return "among" if drawn < settings.no_answer_share + settings.distractor_share else "useful"


@dataclass(frozen=True, slots=True)
class _Sight:
    """What passages say of one task's answer."""

    task: Task
    detector: Detector

    @property
    def _told(self) -> str:
        return self.task.expected or self.task.answer

    def supports(self, passage: Passage) -> bool:
        """Both must find the answer: the words near to the question's, and the detector."""
        if self.task.relevant and not _among(passage, self.task.relevant):
            return False
        return answers(self.task.question, self._told, passage.chunk) and self._is_grounded(passage)

    def unrelated(
        self, ranked: Sequence[Passage], useful: Sequence[Passage], count: int
    ) -> tuple[Passage, ...]:
        """The best that clearly do not answer: neither finds the answer in them."""
        found: list[Passage] = []
        for passage in ranked:
            if len(found) == count:
                break
            if _among(passage, self.task.relevant):
                continue
            if answers(self.task.question, self._told, passage.chunk) or self._is_grounded(passage):
                continue
            if not any(related(passage.chunk, other.chunk) for other in (*found, *useful)):
                found.append(passage)
        return tuple(found)

    def _is_grounded(self, passage: Passage) -> bool:
        verdict = self.detector.check(self.task.question, (passage,), self._told)
        return verdict.outcome == "grounded"


def _among(passage: Passage, ids: frozenset[str]) -> bool:
    return passage.chunk.id in ids or passage.chunk.document_id in ids


def _without(task: Task) -> Attached | Rejection:
    if task.from_documents:
        detail = f"Q: {task.question}\nA: {task.answer}"
        return Rejection(STAGE, task.id, "no_passage_supports_it", detail)
    return Attached(task.id, "plain", task.turns)


def _answered(
    task: Task, kind: AttachedKind, passages: Sequence[Passage], source: Passage
) -> Attached:
    shown = _ranked(passages, source)
    answer = task.answer
    if task.cite:
        place = next(i for i, p in enumerate(passages, start=1) if p.chunk.id == source.chunk.id)
        answer = _citing(answer, place)
    return Attached(task.id, kind, _ending(task, answer), shown, source.chunk.document_id)


def _declined(
    task: Task, passages: Sequence[Passage], source: Passage, random: np.random.Generator
) -> Attached:
    wordings = ABSTENTIONS.get(guess_language(task.question), ABSTENTIONS["en"])
    answer = wordings[int(random.integers(len(wordings)))]
    turns = _ending(task, answer)
    return Attached(task.id, "no_answer", turns, _ranked(passages), source.chunk.document_id)


def _ending(task: Task, answer: str) -> tuple[Turn, ...]:
    """The turns with `answer` at the end, the only one learned: no passage vouches for others."""
    before = tuple(replace(turn, learn=False) for turn in task.turns[:-1])
    return (*before, Turn("assistant", answer, learn=True))


def _ranked(passages: Sequence[Passage], best: Passage | None = None) -> tuple[Passage, ...]:
    """The passages where they stand, ranked in that order but for `best`, which is the first."""
    ids = [passage.chunk.id for passage in passages]
    in_order = sorted(ids, key=lambda name: best is None or name != best.chunk.id)
    return tuple(replace(p, rank=in_order.index(p.chunk.id) + 1) for p in passages)


def _citing(answer: str, place: int) -> str:
    text = answer.rstrip()
    if text.endswith((".", "。")):
        return f"{text[:-1]} [{place}]{text[-1]}"
    return f"{text} [{place}]"
