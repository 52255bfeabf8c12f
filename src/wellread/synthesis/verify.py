"""Is what the teacher wrote fit to train on? Every pair is asked, whoever wrote it.

kind                     must hold
all                      the question stands alone; quotes are in the source; nothing is leaked
success                  the answer is grounded in the passages
partial                  what it says is grounded in the passages, and it says what is missing
failure, from memory     the answer is grounded in the chunk, and no passage answers
failure, abstain         the answer declines, gives nothing away, and no passage answers
"""

from __future__ import annotations

import re
from typing import Protocol

from wellread.checks.abstention import declines
from wellread.checks.answers import answers
from wellread.checks.questions import answer_problem, question_problem
from wellread.records import Passage, Rejection, Verdict
from wellread.synthesis.tasks import RagBrief, RagPair

STAGE = "check"
_SPACE = re.compile(r"\s+")


class Detector(Protocol):
    """Whatever says how well an answer is supported."""

    def check(self, question: str, passages: tuple[Passage, ...], answer: str) -> Verdict:
        """Judge one answer."""
        ...


def verify(
    pair: RagPair, brief: RagBrief, detector: Detector
) -> tuple[Verdict | None, Rejection | None]:
    """The detector's verdict, and why the pair may not be trained on.

    The second is None for a pair that passed. The first is None where the wording alone
    disqualifies the pair, so that no detector was asked.
    """
    reason = _wording_problem(pair, brief)
    if not reason and _passages_answer(pair, brief):
        reason = "passages_answer"
    if reason:
        return None, _rejection(pair, brief, reason)
    verdict = detector.check(pair.question, _rests_on(brief), pair.answer)
    if brief.kind == "partial" and declines(pair.answer, brief.chunk.language) != "part":
        return verdict, _rejection(pair, brief, "does_not_say_what_is_missing")
    if verdict.outcome in _accepted(brief):
        return verdict, None
    return verdict, _rejection(pair, brief, f"answer_{verdict.outcome}", verdict.reason)


def _accepted(brief: RagBrief) -> frozenset[str]:
    declining = brief.kind in {"failure", "abstain"} and not brief.from_memory
    return frozenset({"abstained" if declining else "grounded"})


def _rests_on(brief: RagBrief) -> tuple[Passage, ...]:
    """What the answer may state: the passages, and from memory the chunk as well."""
    if not brief.from_memory:
        return brief.passages
    return (*brief.passages, Passage(brief.chunk, 0.0, len(brief.passages) + 1))


def _wording_problem(pair: RagPair, brief: RagBrief) -> str:
    if problem := question_problem(pair.question, language=brief.chunk.language):
        return problem
    for text in (pair.thought_process, pair.answer):
        if problem := answer_problem(text):
            return problem
    source, quotes = _folded(brief.chunk.text), [_folded(quote) for quote in pair.evidence]
    if quotes and not any(quote and quote in source for quote in quotes):
        return "quotes_not_in_source"
    return ""


def _passages_answer(pair: RagPair, brief: RagBrief) -> bool:
    """Whether a context that should not answer does, or an answer that declines gives it away."""
    if brief.kind not in {"failure", "abstain"} or not pair.expected_answer:
        return False
    return any(answers(pair.question, pair.expected_answer, p.chunk.text) for p in brief.passages)


def _rejection(pair: RagPair, brief: RagBrief, reason: str, detail: str = "") -> Rejection:
    said = f"Q: {pair.question}\nA: {pair.answer}"
    return Rejection(STAGE, brief.id, reason, f"{detail}\n{said}" if detail else said)


def _folded(text: str) -> str:
    return _SPACE.sub(" ", text).strip().casefold()
