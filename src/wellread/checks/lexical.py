"""The built-in detector: rules and overlap, no model and nothing fitted.

    question, passages, answer -> Verdict(outcome, score, spans, evidence)

1. read the passages into sentences and look-up lists (`evidence`)
2. cut the answer into clauses; set aside those that decline or only speak about the sources
3. look every number, date, name and content word of a clause up; find its best window
4. rules (`findings`) name what is not there, or stands there differently, with a reason
5. each clause gets a risk, from the gravest finding and from the share of weight not found
6. the outcome follows from the clauses at risk, the score from all risks

The score is an estimate that ranks answers; it is not calibrated.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from pydantic import Field

from wellread.checks.abstention import Mark, clauses
from wellread.checks.citations import Citation, citations
from wellread.checks.detector import Case
from wellread.checks.evidence import Sources, Window, read_sources
from wellread.checks.findings import Finding, find
from wellread.checks.lookup import Clause, lookup, own_counts
from wellread.checks.tokens import tokenise
from wellread.config import Settings
from wellread.records import Evidence, Outcome, Passage, Span, Verdict

DETECTOR = "lexical-1"
_MAX_CITING_WORDS = 3


class LexicalSettings(Settings):
    """Thresholds of the detector; none of them was fitted."""

    free_share: float = Field(default=0.3, ge=0, lt=1)
    """Share of a clause's weight that may be missing at no risk: wording of one's own."""
    full_share: float = Field(default=0.85, gt=0, le=1)
    """Share missing from which a clause is taken to be unsupported."""
    at_risk: float = Field(default=0.5, gt=0, lt=1)
    """Risk from which a clause counts as unsupported."""
    ungrounded_share: float = Field(default=0.5, gt=0, le=1)
    """Share of the claims' weight at risk from which the whole answer is ungrounded."""
    question_words_count: bool = False
    """Whether words of the question that the passages lack count as missing."""


class Assessment(NamedTuple):
    """One clause of an answer: its risk of being unsupported, and why."""

    start: int
    end: int
    weight: float
    risk: float
    missing: float
    window: Window | None
    findings: tuple[Finding, ...]


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

    def __init__(self, settings: LexicalSettings | None = None) -> None:
        self.settings = settings or LexicalSettings()

    def check(self, question: str, passages: Sequence[Passage], answer: str) -> Verdict:
        """The verdict on one answer; ``unscored`` where the answer or all passages are empty."""
        if not answer.strip():
            return _unscored("the answer is empty")
        sources = read_sources(passages)
        if not sources.pieces:
            return _unscored("the passages are empty" if passages else "there are no passages")
        cited = citations(answer, passages)
        marked = list(clauses(answer, sources.language))
        declined = any(mark == "declines" for _, _, mark in marked)
        assessed = self.assess(question, sources, answer, marked, cited)
        fabricated = [_fabricated(answer, citation) for citation in cited if not citation.known]
        if not assessed:
            return self._without_claims(declined, fabricated)
        return self._verdict(answer, sources, assessed, fabricated, declined)

    def check_many(
        self, cases: Iterable[Case | tuple[str, Sequence[Passage], str]]
    ) -> list[Verdict]:
        """A verdict for every (question, passages, answer), in order; each stands by itself."""
        return [self.check(*case) for case in cases]

    def assess(
        self,
        question: str,
        sources: Sources,
        answer: str,
        marked: Sequence[tuple[int, int, Mark]],
        cited: Sequence[Citation],
    ) -> list[Assessment]:
        """Every clause that claims something, with its risk."""
        asked = frozenset(k for t in tokenise(question, sources.language) for k in t.keys)
        tokens = lookup(
            answer, sources, asked, cited, count_asked=self.settings.question_words_count
        )
        assessed: list[Assessment] = []
        at = 0
        for start, end, mark in marked:
            first = at
            while at < len(tokens) and tokens[at].token.start < end:
                at += 1
            if mark != "claim":
                continue
            clause = Clause(start, end, own_counts(tokens[first:at]))
            if clause.tokens and not _only_cites(clause, cited):
                assessed.append(self._assess_clause(answer, sources, clause))
        return assessed

    def _assess_clause(self, answer: str, sources: Sources, clause: Clause) -> Assessment:
        wanted = [(looked.weight, looked.match) for looked in clause.tokens]
        window = sources.best_window(wanted)
        total = sum(weight for weight, _ in wanted)
        anywhere = sum(weight * match.strength for weight, match in wanted)
        together = window.weight if window else 0.0
        missing = 1 - (anywhere + together) / (2 * total) if total else 0.0
        findings = tuple(find(answer, sources, clause, window))
        risk = max((self._wording_risk(missing), *(finding.risk for finding in findings)))
        return Assessment(clause.start, clause.end, total, risk, missing, window, findings)

    def _wording_risk(self, missing: float) -> float:
        free, full = self.settings.free_share, self.settings.full_share
        return min(1.0, max(0.0, (missing - free) / (full - free))) * 0.9

    def _without_claims(self, declined: bool, fabricated: list[Span]) -> Verdict:
        if fabricated:
            return Verdict("ungrounded", 0.1, DETECTOR, fabricated[0].reason, tuple(fabricated))
        if declined:
            return Verdict("abstained", 1.0, DETECTOR, "the answer declines")
        return _unscored("the answer claims nothing that can be looked up")

    def _verdict(
        self,
        answer: str,
        sources: Sources,
        assessed: Sequence[Assessment],
        fabricated: list[Span],
        declined: bool,
    ) -> Verdict:
        spans = [*fabricated]
        for one in assessed:
            spans += _spans(answer, sources, one, self.settings.at_risk)
        risky = [one for one in assessed if one.risk >= self.settings.at_risk]
        share = sum(one.weight for one in risky) / (sum(one.weight for one in assessed) or 1.0)
        outcome: Outcome = "grounded"
        if risky or fabricated:
            outcome = "ungrounded" if share >= self.settings.ungrounded_share else "partial"
        spans.sort(key=lambda span: (span.start, span.end))
        return Verdict(
            outcome,
            _score(assessed, fabricated),
            DETECTOR,
            _reason(spans, declined),
            tuple(spans),
            _pointers(sources, assessed),
        )


def _only_cites(clause: Clause, cited: Sequence[Citation]) -> bool:
    """Whether a clause says no more than where something is written: "This stands in a.md."."""
    names_one = any(clause.start <= c.start and c.end <= clause.end for c in cited)
    plain = all(looked.token.kind in ("word", "negator") for looked in clause.tokens)
    return names_one and plain and len(clause.tokens) <= _MAX_CITING_WORDS


def _unscored(reason: str) -> Verdict:
    return Verdict("unscored", 0.0, DETECTOR, reason)


def _score(assessed: Sequence[Assessment], fabricated: Sequence[Span]) -> float:
    """Probability-like: falls with the gravest clause, and with how many are at risk."""
    kept = 1.0
    for one in assessed:
        kept *= 1 - 0.9 * one.risk
    return round(kept * 0.1 if fabricated else kept, 6)


def _fabricated(answer: str, citation: Citation) -> Span:
    text = answer[citation.start : citation.end]
    reason = f"{text} is not among the passages"
    return Span(citation.start, citation.end, text, "fabricated_reference/source", reason)


def _spans(answer: str, sources: Sources, one: Assessment, at_risk: float) -> list[Span]:
    """What is unsupported in a clause: what the rules found, else the clause as a whole."""
    spans = [
        Span(f.start, f.end, answer[f.start : f.end], f.category, f.reason)
        for f in one.findings
        if f.risk >= at_risk
    ]
    if spans or one.risk < at_risk:
        return spans
    reason = f"{one.missing:.0%} of what this says is not in the passages"
    text = answer[one.start : one.end]
    return [Span(one.start, one.end, text, "unsupported_addition/claim", reason)]


def _reason(spans: Sequence[Span], declined: bool) -> str:
    if spans:
        more = f" (and {len(spans) - 1} more)" if len(spans) > 1 else ""
        return spans[0].reason + more
    return "the rest is said to be missing" if declined else ""


def _pointers(sources: Sources, assessed: Sequence[Assessment]) -> tuple[Evidence, ...]:
    """The best window of every clause, each named once."""
    windows = (one.window for one in assessed if one.window)
    return tuple(dict.fromkeys(sources.pointer(window) for window in windows))
