"""One question through every arm: the same answerer and prompt, other passages.

    closed_book   no passages: what the model knows by itself
    reroll        the same again: what changes by asking once more, and by nothing else
    context       the passage that the question was written about
    rag           the best passages that a search through everything brings
    rag_repair    the same answer, checked against those passages; where it fails, asked again with
                  the reason, at most so many times; where nothing passes, withdrawn

The repair sees what it retrieved and nothing else: neither the right passage nor the gold answer
helps it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

from wellread.checks.abstention import declines
from wellread.checks.detector import Detector
from wellread.llm.chat import Usage
from wellread.pipelines.experiment.questions import Asked
from wellread.records import Chunk, Passage, Verdict
from wellread.synthesis.answering import Answer, Answerer, Refused, decline

Arm = Literal["closed_book", "reroll", "context", "rag", "rag_repair"]
ARMS: tuple[Arm, ...] = get_args(Arm)
LABELS: Mapping[Arm, str] = {
    "closed_book": "closed book",
    "reroll": "closed book again",
    "context": "context in prompt",
    "rag": "RAG",
    "rag_repair": "RAG + repair",
}
Action = Literal["kept", "repaired", "declined", "withdrawn"]
_NOTHING_USED = Usage()
FLAGGED = frozenset({"partial", "ungrounded"})


@dataclass(frozen=True, slots=True)
class Said:
    """One answer of one arm.

    `passages` is what stood in the prompt. `action` says what became of it: ``declined`` by the
    answerer itself, ``withdrawn`` after its repairs failed. `refused` are the answers before it.
    """

    arm: Arm
    text: str
    passages: tuple[Passage, ...] = ()
    action: Action = "kept"
    refused: tuple[Refused, ...] = ()
    calls: int = 0
    usage: Usage = _NOTHING_USED
    estimated: int = 0


@dataclass(frozen=True, slots=True)
class Answered:
    """One question with what every arm said; `reference` is what all of it is held against."""

    asked: Asked
    reference: tuple[Passage, ...]
    retrieved: tuple[Passage, ...]
    said: tuple[Said, ...]

    def by(self, arm: Arm) -> Said:
        """What `arm` said."""
        return next(one for one in self.said if one.arm == arm)


@dataclass(frozen=True, slots=True)
class Workplace:
    """What every question is worked on with; `search` gives the best passages of the corpus."""

    answerer: Answerer
    detector: Detector
    search: Callable[[str], tuple[Passage, ...]]
    chunk: Callable[[str], Chunk]
    arms: tuple[Arm, ...]
    repairs: int
    threshold: float | None = None


def is_flagged(verdict: Verdict, threshold: float | None = None) -> bool:
    """Whether an answer is called unsupported: by the detector itself, or by a score below."""
    if verdict.outcome in ("abstained", "unscored"):
        return False
    return verdict.outcome in FLAGGED if threshold is None else verdict.score < threshold


def is_declined(text: str) -> bool:
    """Whether nothing is answered; saying nothing at all counts as well."""
    return not text.strip() or declines(text) == "whole"


async def ask_arms(asked: Asked, place: Workplace) -> Answered:
    """Every arm's answer to one question; raises ModelError where one of them gets none.

    A question counts in all arms or in none, so that they stay comparable.
    """
    retrieved = place.search(asked.question)
    known = tuple(
        Passage(place.chunk(chunk_id), 1.0, rank)
        for rank, chunk_id in enumerate(asked.chunk_ids, 1)
    )
    seen: dict[Arm, tuple[Passage, ...]] = {"context": known, "rag": retrieved}
    said = []
    for arm in place.arms:
        if arm == "rag_repair":
            said.append(await _repaired(asked, retrieved, place))
            continue
        repeat = int(arm == "reroll")
        passages = seen.get(arm, ())
        answer = await place.answerer.answer(asked.question, passages, repeat=repeat)
        said.append(_plain(arm, passages, answer))
    return Answered(asked, known or retrieved, retrieved, tuple(said))


def _plain(arm: Arm, passages: tuple[Passage, ...], answer: Answer) -> Said:
    action: Action = "declined" if is_declined(answer.text) else "kept"
    return Said(
        arm, answer.text, passages, action, (), answer.calls, answer.usage, int(answer.estimated)
    )


async def _repaired(asked: Asked, passages: tuple[Passage, ...], place: Workplace) -> Said:
    """The answer that passes the check against what was retrieved, or none."""
    refused: list[Refused] = []
    made = Said("rag_repair", "", passages)
    for _ in range(place.repairs + 1):
        # Drawn anew each time: the same wrong answer twice must not be the same reply kept.
        answer = await place.answerer.answer(
            asked.question, passages, refused=refused, repeat=len(refused)
        )
        made = _with(made, answer, refused)
        if is_declined(answer.text):
            return replace(made, action="declined")
        # A judge asks a model as well: on a thread, so that other questions go on.
        problem = await asyncio.to_thread(_problem, asked.question, passages, answer.text, place)
        if not problem:
            return replace(made, action="repaired" if refused else "kept")
        refused.append(Refused(answer.text, problem))
        if not passages:
            break
    return replace(made, text=decline(asked.question), action="withdrawn", refused=tuple(refused))


def _with(made: Said, answer: Answer, refused: Sequence[Refused]) -> Said:
    return replace(
        made,
        text=answer.text,
        refused=tuple(refused),
        calls=made.calls + answer.calls,
        usage=made.usage + answer.usage,
        estimated=made.estimated + answer.estimated,
    )


def _problem(question: str, passages: Sequence[Passage], text: str, place: Workplace) -> str:
    """Why the check does not let an answer pass; what could not be scored does not pass either."""
    verdict = place.detector.check(question, passages, text)
    if is_flagged(verdict, place.threshold) or verdict.outcome == "unscored":
        return verdict.reason or "it is not supported"
    return ""
