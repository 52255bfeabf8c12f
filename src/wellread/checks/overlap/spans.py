"""Which stretches of a claim at risk are not supported, of what kind, and why.

    tokens with their probabilities -> runs of those from the threshold on -> Span

A run that reaches the first or last token of its claim takes the words before or after it along.
What the rules found becomes part of the runs it touches, and otherwise a span of its own; it gives
the run its category and reason. A claim at risk in which no token is, or that a rule objects to as
a whole (a turned negation), stands as a whole.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from wellread.checks.overlap.features import Claim, Matrix
from wellread.checks.overlap.findings import Finding
from wellread.checks.reading.evidence import Sources
from wellread.checks.reading.lookup import Looked
from wellread.records import Span

_WORDS_SHOWN = 4
# Lighter words ("make", "use") are named only where no others are missing.
_TELLING_WEIGHT = 0.5
_SHORT_RUN = 3
_TRIMMED = " \t\n*_#`>|"


class _Run(NamedTuple):
    """Tokens `first` to `last` of a claim, and where the stretch lies in the answer."""

    first: int
    last: int
    start: int
    end: int


def claim_spans(
    answer: str, sources: Sources, claim: Claim, odds: Matrix, threshold: float
) -> list[Span]:
    """The unsupported stretches of `claim`; `odds` holds the probability of each of its tokens."""
    runs = list(_runs(claim, odds >= threshold))
    if any(f.start <= claim.clause.start and f.end >= claim.clause.end for f in claim.findings):
        runs = []
    inside, alone = _shared_out(runs, claim.findings)
    spans = [
        Span(f.start, f.end, answer[f.start : f.end], f.category, f.reason, f.risk) for f in alone
    ]
    if not runs and not spans:
        clause = claim.clause
        runs = [_Run(0, len(clause.tokens) - 1, clause.start, clause.end)]
    for run in runs:
        spans.append(_span(answer, sources, claim, run, inside.get(run, ()), odds))
    return spans


def _shared_out(
    runs: Sequence[_Run], findings: Iterable[Finding]
) -> tuple[dict[_Run, list[Finding]], list[Finding]]:
    """The findings that touch each run (the first that they touch), and those that touch none."""
    inside: dict[_Run, list[Finding]] = {}
    alone: list[Finding] = []
    ends = [run.end for run in runs]
    for finding in findings:
        at = bisect_right(ends, finding.start)
        if at < len(runs) and runs[at].start < finding.end:
            inside.setdefault(runs[at], []).append(finding)
        else:
            alone.append(finding)
    return inside, alone


def _runs(claim: Claim, marks: Iterable[bool]) -> Iterator[_Run]:
    """Neighbouring tokens that are marked."""
    clause = claim.clause
    first = -1
    for at, mark in enumerate((*marks, False)):
        if mark and first < 0:
            first = at
        elif not mark and first >= 0:
            start = clause.tokens[first].token.start if first else clause.start
            whole = at == len(clause.tokens)
            end = clause.end if whole and first < at - 1 else clause.tokens[at - 1].token.end
            if first == at - 1:
                start = clause.tokens[first].token.start
            yield _Run(first, at - 1, start, end)
            first = -1


def _span(
    answer: str, sources: Sources, claim: Claim, run: _Run, found: Sequence[Finding], odds: Matrix
) -> Span:
    start, end = _trimmed(answer, run)
    gravest = max(found, key=lambda finding: finding.risk, default=None)
    if gravest and _says_it_all(gravest, run):
        start, end = gravest.start, gravest.end
    elif gravest:
        start, end = min(start, gravest.start), max(end, gravest.end)
    category, reason = (
        (gravest.category, gravest.reason) if gravest else _why(answer, sources, claim, run)
    )
    probability = round(float(odds[run.first : run.last + 1].max()), 6)
    return Span(start, end, answer[start:end], category, reason, probability)


def _says_it_all(finding: Finding, run: _Run) -> bool:
    """Whether a run is little more than a value that the passages have otherwise."""
    short = run.last - run.first < _SHORT_RUN
    return short and finding.category.startswith("contradiction") and finding.start >= run.start


def _why(answer: str, sources: Sources, claim: Claim, run: _Run) -> tuple[str, str]:
    """Category and reason where no rule objects."""
    tokens = claim.clause.tokens[run.first : run.last + 1]
    lost = [looked for looked in tokens if not looked.match.keys and looked.weight]
    if lost:
        lost = [looked for looked in lost if looked.weight >= _TELLING_WEIGHT] or lost
        return "unsupported_addition/claim", f"not in the passages: {_listed(answer, lost)}"
    away = _away(sources, claim, tokens)
    if away:
        reason = f"the passages do not say this together with the rest: {_listed(answer, away)}"
        return "contradiction/relational", reason
    return "unsupported_addition/claim", "the passages say this in other connections only"


def _away(sources: Sources, claim: Claim, tokens: Sequence[Looked]) -> list[Looked]:
    """Tokens that the passages have, but not in the best window."""
    window = sources.tokens(claim.window) if claim.window else []
    there = {k for token in window for k in token.keys}
    return [looked for looked in tokens if looked.weight and not looked.match.keys & there]


def _listed(answer: str, tokens: Sequence[Looked]) -> str:
    words = dict.fromkeys(answer[one.token.start : one.token.end] for one in tokens)
    shown = ", ".join(list(words)[:_WORDS_SHOWN])
    return f"{shown}, …" if len(words) > _WORDS_SHOWN else shown


def _trimmed(answer: str, run: _Run) -> tuple[int, int]:
    """A run without markup and space at its edges."""
    text = answer[run.start : run.end]
    start = run.start + len(text) - len(text.lstrip(_TRIMMED))
    return start, run.start + len(text.rstrip(_TRIMMED))
