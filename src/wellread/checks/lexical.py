"""The built-in detector: overlap and rules, weighed by fitted weights; numpy only.

    question, passages, answer -> Verdict(outcome, score, spans, evidence, sentences)

1. read the passages into sentences and look-up lists (`reading.evidence`)
2. cut the answer into clauses; set aside those that decline or only speak about the sources
3. look every number, date, name and content word of a clause up; find its best window
4. rules (`overlap.findings`) name what is not there, or stands there differently, with a reason
5. measure each clause (`overlap.features`), weigh the measures (`overlap.fitted`): its risk
6. the score of the answer follows from the risks of its clauses; below the threshold, the tokens
   of the clauses at risk are weighed too, and those in a row that are not supported become spans
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from pydantic import Field

from wellread.checks.abstention import clauses
from wellread.checks.citations import Citation, citations
from wellread.checks.detector import Case
from wellread.checks.overlap.features import (
    Claim,
    Matrix,
    answer_row,
    claim_matrix,
    read_claims,
    rule_floors,
    token_matrix,
)
from wellread.checks.overlap.fitted import Weights, shipped_weights, sigmoid
from wellread.checks.overlap.spans import claim_spans
from wellread.checks.reading.evidence import Sources, read_sources
from wellread.config import Settings
from wellread.records import Evidence, Outcome, Passage, SentenceCheck, Span, Verdict

DETECTOR = "lexical"


class LexicalSettings(Settings):
    """Thresholds of the lexical detector; its weights come with the package."""

    threshold: float | None = Field(default=None, gt=0, lt=1)
    """Probability of being supported from which an answer is grounded; null: as fitted."""
    ungrounded_share: float = Field(default=0.5, gt=0, le=1)
    """Share of the claims' weight at risk from which the whole answer is ungrounded."""
    question_words_count: bool = False
    """Whether words of the question that the passages lack count as missing."""


class Judged(NamedTuple):
    """The claims of an answer with the logit of each of being unsupported."""

    claims: Sequence[Claim]
    logits: Matrix
    asked: frozenset[str]


class LexicalDetector:
    """Says how far an answer is supported by the words of its passages.

    >>> from wellread.records import Chunk, Passage
    >>> text = "The pump runs at 67 psi. It was built in 1960."
    >>> passage = Passage(Chunk("a.md#0-47", "a.md", text, 0, 47, source="a.md"), 1.0, 1)
    >>> detector = LexicalDetector()
    >>> detector.check("What does it run at?", [passage], "It runs at 67 psi (a.md).").outcome
    'grounded'
    >>> verdict = detector.check("At what pressure?", [passage], "The pump runs at 69 psi.")
    >>> verdict.outcome, verdict.spans[0].text, verdict.spans[0].reason
    ('ungrounded', '69', '69 is not in the passages; nearest is 67')
    """

    name = DETECTOR

    def __init__(
        self, settings: LexicalSettings | None = None, weights: Weights | None = None
    ) -> None:
        self.settings = settings or LexicalSettings()
        self.weights = weights or shipped_weights()
        chosen = self.settings.threshold
        self.threshold = 1 - self.weights.answer_threshold if chosen is None else chosen

    def check(self, question: str, passages: Sequence[Passage], answer: str) -> Verdict:
        """The verdict on one answer; ``unscored`` where the answer or all passages are empty."""
        if not answer.strip():
            return self._of("unscored", 0.0, "the answer is empty")
        sources = read_sources(passages, answer)
        if not sources.pieces:
            reason = "the passages are empty" if passages else "there are no passages"
            return self._of("unscored", 0.0, reason)
        cited = citations(answer, passages)
        marked = list(clauses(answer, sources.language))
        declined = any(mark == "declines" for _, _, mark in marked)
        claims, asked = read_claims(
            question,
            sources,
            answer,
            marked,
            cited,
            count_asked=self.settings.question_words_count,
        )
        fabricated = [_fabricated(answer, citation) for citation in cited if not citation.known]
        if not claims:
            return self._without_claims(declined, fabricated)
        if not fabricated and not any(claim.weight or claim.findings for claim in claims):
            return self._of("unscored", 0.0, "the answer says no more than the question")
        rows = claim_matrix(answer, sources, claims, asked)
        logits = np.maximum(self.weights.claim.logits(rows), rule_floors(claims))
        return self._verdict(answer, sources, Judged(claims, logits, asked), fabricated, declined)

    def check_many(
        self, cases: Iterable[Case | tuple[str, Sequence[Passage], str]]
    ) -> list[Verdict]:
        """A verdict for every (question, passages, answer), in order; each stands by itself."""
        return [self.check(*case) for case in cases]

    def _of(
        self, outcome: Outcome, score: float, reason: str, spans: Sequence[Span] = ()
    ) -> Verdict:
        return Verdict(
            outcome,
            score,
            DETECTOR,
            reason,
            tuple(spans),
            threshold=self.threshold,
            version=self.weights.version,
        )

    def _without_claims(self, declined: bool, fabricated: list[Span]) -> Verdict:
        if fabricated:
            return self._of("ungrounded", 0.1 * self.threshold, fabricated[0].reason, fabricated)
        if declined:
            return self._of("abstained", 1.0, "the answer declines")
        return self._of("unscored", 0.0, "the answer claims nothing that can be looked up")

    def _verdict(
        self,
        answer: str,
        sources: Sources,
        judged: Judged,
        fabricated: list[Span],
        declined: bool,
    ) -> Verdict:
        risks = sigmoid(judged.logits)
        score = 1 - float(sigmoid(self.weights.answer.logits(np.array(answer_row(judged.logits)))))
        score = round(score * (0.9 * self.threshold if fabricated else 1.0), 6)
        spans = [*fabricated]
        outcome: Outcome = "grounded"
        if score < self.threshold:
            at_risk = self._at_risk(risks, fabricated)
            spans += self._spans(answer, sources, judged, at_risk)
            weights = np.array([claim.weight for claim in judged.claims])
            share = float(weights[at_risk].sum() / (weights.sum() or 1.0))
            outcome = "ungrounded" if share >= self.settings.ungrounded_share else "partial"
        spans.sort(key=lambda span: (span.start, span.end))
        return Verdict(
            outcome,
            score,
            DETECTOR,
            _reason(spans, declined),
            tuple(spans),
            _pointers(sources, judged.claims),
            tuple(_sentences(sources, judged.claims, risks)),
            self.threshold,
            self.weights.version,
        )

    def _at_risk(self, risks: Matrix, fabricated: Sequence[Span]) -> list[int]:
        """The claims from the threshold on; where none reaches it, the one most at risk."""
        found = [at for at, risk in enumerate(risks) if risk >= self.weights.claim_threshold]
        return found or ([] if fabricated else [int(risks.argmax())])

    def _spans(
        self, answer: str, sources: Sources, judged: Judged, at_risk: Sequence[int]
    ) -> list[Span]:
        spans: list[Span] = []
        for at in at_risk:
            claim, logit = judged.claims[at], float(judged.logits[at])
            rows = token_matrix(answer, sources, claim, logit, judged.asked)
            odds = sigmoid(self.weights.token.logits(rows))
            spans += claim_spans(answer, sources, claim, odds, self.weights.token_threshold)
        return spans


def _fabricated(answer: str, citation: Citation) -> Span:
    text = answer[citation.start : citation.end]
    reason = f"{text} is not among the passages"
    return Span(citation.start, citation.end, text, "fabricated_reference/source", reason, 1.0)


def _reason(spans: Sequence[Span], declined: bool) -> str:
    if spans:
        more = f" (and {len(spans) - 1} more)" if len(spans) > 1 else ""
        return spans[0].reason + more
    return "the rest is said to be missing" if declined else ""


def _pointers(sources: Sources, claims: Sequence[Claim]) -> tuple[Evidence, ...]:
    """The best window of every claim, each named once."""
    windows = (claim.window for claim in claims if claim.window)
    return tuple(dict.fromkeys(sources.pointer(window) for window in windows))


def _sentences(sources: Sources, claims: Sequence[Claim], risks: Matrix) -> Iterable[SentenceCheck]:
    for claim, risk in zip(claims, risks, strict=True):
        evidence = sources.pointer(claim.window) if claim.window else None
        probability = round(1 - float(risk), 6)
        yield SentenceCheck(claim.clause.start, claim.clause.end, probability, evidence)
