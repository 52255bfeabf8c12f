"""Rules beside a model: they fill its gaps and never overrule it.

    model says anything but grounded        as it is
    model is sure that it is grounded       as it is
    model is half sure that it is grounded  what the rules found wrong with a number, a date, a
                                            name, a negation or a source counts

In a study of a rule layer over LettuceDetect on RAGTruth, rules that always spoke lowered its F1,
and rules that spoke only where it found nothing did not (README of RAGTruth-LettuceDetect-
Evaluation by Nyasa13: .445 and .498 against .497).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from wellread.checks.detector import Case, Detector
from wellread.records import Evidence, Outcome, Passage, SentenceCheck, Span, Verdict

# Kinds of spans that a rule can be sure of; wording that differs is not one.
_HARD = frozenset({"numerical", "temporal", "entity", "negation", "source"})
_BELOW = 0.99
_CLAIMS = frozenset({"grounded", "partial", "ungrounded"})


@dataclass
class GapFilled:
    """`model` checks, and `rules` speak where it calls an answer grounded with a low score.

    Scores from `sure` on stand; with 0 the rules never speak. What they point to as evidence is
    taken over wherever the model names none.
    """

    model: Detector
    rules: Detector
    sure: float = 0.8

    def __post_init__(self) -> None:
        self.name = f"{self.model.name}+{self.rules.name}" if self.sure else self.model.name

    def check(self, question: str, passages: Sequence[Passage], answer: str) -> Verdict:
        """The verdict on one answer."""
        return self.check_many([Case(question, passages, answer)])[0]

    def check_many(self, cases: Iterable[Case]) -> list[Verdict]:
        """A verdict for every case, in order."""
        given = list(cases)
        verdicts = self.model.check_many(given)
        asked = [at for at, verdict in enumerate(verdicts) if verdict.outcome in _CLAIMS]
        found = self.rules.check_many([given[at] for at in asked])
        for at, rule in zip(asked, found, strict=True):
            verdicts[at] = self._filled(pointed(verdicts[at], rule), rule)
        return verdicts

    def _filled(self, verdict: Verdict, rule: Verdict) -> Verdict:
        if verdict.outcome != "grounded" or verdict.score >= self.sure:
            return verdict
        spans = tuple(span for span in rule.spans if _is_hard(span))
        if not spans or rule.outcome not in {"partial", "ungrounded"}:
            return verdict
        outcome: Outcome = "partial"
        return replace(
            verdict,
            outcome=outcome,
            score=round(min(verdict.score, rule.score, verdict.threshold * _BELOW), 6),
            detector=self.name,
            reason=spans[0].reason,
            spans=tuple(sorted((*verdict.spans, *spans), key=lambda span: (span.start, span.end))),
        )


def pointed(verdict: Verdict, rule: Verdict) -> Verdict:
    """`verdict` with the evidence of `rule` where it has none, as a whole and by sentence."""
    sentences = tuple(
        sentence if sentence.evidence else replace(sentence, evidence=_beside(sentence, rule))
        for sentence in verdict.sentences
    )
    return replace(verdict, evidence=verdict.evidence or rule.evidence, sentences=sentences)


def _beside(sentence: SentenceCheck, rule: Verdict) -> Evidence | None:
    """The evidence of the rule's sentence that shares most with this one."""

    def shared(other: SentenceCheck) -> int:
        return min(sentence.end, other.end) - max(sentence.start, other.start)

    best = max(rule.sentences, key=shared, default=None)
    return best.evidence if best and shared(best) > 0 else None


def _is_hard(span: Span) -> bool:
    return span.category.rpartition("/")[2] in _HARD
