"""What can be counted about the sentences of an answer, and about their tokens.

    answer ──clauses──> Claim (clause, best window, findings) ──> one row of numbers per claim
                                                              ──> one row of numbers per token

1. look the tokens of every clause that claims something up, and find its best window
2. let the rules object (`findings`)
3. measure: how much is missing (by weight, in a row, at the end), how much is copied (in order,
   together), what the rules found, where the claim stands, how it is worded
4. add what the neighbours look like: inventions come in groups

The names of the columns are in `CLAIM_FEATURES` and `TOKEN_FEATURES`; the weights are fitted to
them by name, so a changed list needs newly fitted weights.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wellread.checks.abstention import Mark
from wellread.checks.citations import Citation
from wellread.checks.overlap.findings import Finding, find
from wellread.checks.reading.evidence import Sources, Window
from wellread.checks.reading.lookup import Clause, Looked, lookup, own_counts
from wellread.checks.reading.tokens import Token, tokenise
from wellread.checks.reading.words import ordinary_keys

Matrix = NDArray[np.float64]

_MAX_CITING_WORDS = 3
_DENSE = 6
_RULES = {
    "rule_number_differs": "contradiction/numerical",
    "rule_number_added": "unsupported_addition/numerical",
    "rule_date_differs": "contradiction/temporal",
    "rule_date_added": "unsupported_addition/temporal",
    "rule_name_differs": "contradiction/entity",
    "rule_name_added": "unsupported_addition/entity",
    "rule_negation": "contradiction/negation",
}
# How a claim is worded: each is 1 where it matches. English and German.
_CUES = {
    "cue_hedge": r"\b(?:may|might|could|likely|possibly|probably|perhaps|often|generally|usually|"
    r"typically|vielleicht|vermutlich|wahrscheinlich|oft|meist|üblicherweise)\b",
    "cue_example": r"\b(?:such as|for example|for instance|e\.g|including|etc|zum beispiel|"
    r"z\. ?b)\b",
    "cue_purpose": r"\b(?:in order to|so that|because|which (?:can|may|will|helps?)|allowing|"
    r"helping|making|leading to|due to|damit|weil|wodurch)\b",
    "cue_item": r"^\s*(?:[-*•+]|\d{1,2}[.)])\s",
}
_CUE_PATTERNS = {name: re.compile(text, re.IGNORECASE) for name, text in _CUES.items()}

_OWN = (
    "missing_anywhere",
    "missing_in_window",
    "missing_run",
    "missing_tail",
    "missing_densest",
    "missing_capitals",
    "scattered",
    "soft_share",
    "order_kept",
    "cosine",
    "negators_more",
    "negators_fewer",
    "asked_share",
    "ordinary_share",
    "length",
    "numbers",
)
_PLACE = (
    "first",
    "last",
    "position",
    "before_missing",
    "after_missing",
    "answer_missing",
)
CLAIM_FEATURES: tuple[str, ...] = (*_OWN, *_RULES, *_CUES, *_PLACE)
TOKEN_FEATURES: tuple[str, ...] = (
    "missing_in_window",
    "soft",
    "weight",
    "is_number",
    "is_capital",
    "is_ordinary",
    "is_asked",
    "is_negator",
    "in_finding",
    "copied_left",
    "copied_right",
    "missing_wider",
    "missing_in_window_near",
    "before_first_match",
    "after_last_match",
    "claim_logit",
    "claim_logit_missing",
)
ANSWER_FEATURES: tuple[str, ...] = ("top", "mean")


class Claim(NamedTuple):
    """A clause that claims something, its best window, and what the rules object to.

    `weight` is that of all its tokens, `missing` the share of it that is not in the passages
    (half counted against all passages, half against the window).
    """

    clause: Clause
    window: Window | None
    findings: tuple[Finding, ...]
    weight: float
    missing: float


def read_claims(
    question: str,
    sources: Sources,
    answer: str,
    marked: Sequence[tuple[int, int, Mark]],
    cited: Sequence[Citation],
    *,
    count_asked: bool = False,
) -> tuple[list[Claim], frozenset[str]]:
    """Every clause of `answer` marked as a claim, and the keys of the question's words."""
    asked = frozenset(k for t in tokenise(question, sources.language) for k in t.keys)
    tokens = lookup(answer, sources, asked, cited, count_asked=count_asked)
    claims: list[Claim] = []
    at = 0
    for start, end, mark in marked:
        first = at
        while at < len(tokens) and tokens[at].token.start < end:
            at += 1
        if mark != "claim":
            continue
        clause = Clause(start, end, own_counts(tokens[first:at]))
        if clause.tokens and not _only_cites(answer, sources.language, clause, cited):
            claims.append(_claim(answer, sources, clause))
    return claims, asked


def _claim(answer: str, sources: Sources, clause: Clause) -> Claim:
    wanted = [(looked.weight, looked.match) for looked in clause.tokens]
    window = sources.best_window(wanted)
    total = sum(weight for weight, _ in wanted)
    anywhere = sum(weight * match.strength for weight, match in wanted)
    together = window.weight if window else 0.0
    missing = 1 - (anywhere + together) / (2 * total) if total else 0.0
    return Claim(clause, window, tuple(find(answer, sources, clause, window)), total, missing)


def _only_cites(answer: str, language: str, clause: Clause, cited: Sequence[Citation]) -> bool:
    """Whether a clause says no more than where something is written: "This stands in a.md.".

    What a source in brackets follows is said by itself: "It is blue [1]".
    """
    named = [c for c in cited if clause.start <= c.start and c.end <= clause.end]
    plain = all(looked.token.kind in ("word", "negator") for looked in clause.tokens)
    if not named or not plain or len(clause.tokens) > _MAX_CITING_WORDS:
        return False
    ordinary = ordinary_keys(language)
    telling = sum(not looked.token.keys <= ordinary for looked in clause.tokens)
    return telling <= (not any(_in_brackets(answer, c) for c in named))


def _in_brackets(answer: str, citation: Citation) -> bool:
    before = answer[max(0, citation.start - 2) : citation.start].rstrip()
    return answer[citation.start] == "[" or before.endswith(("(", "[", ",", ";"))


def claim_matrix(
    answer: str, sources: Sources, claims: Sequence[Claim], asked: frozenset[str]
) -> Matrix:
    """One row for each of `claims`, in the columns of `CLAIM_FEATURES`."""
    rows = [[*_own(answer, sources, c, asked), *_rules(c), *_cues(answer, c)]
            for c in claims]  # fmt: skip
    matrix = np.zeros((len(claims), len(CLAIM_FEATURES)))
    if claims:
        matrix[:, : len(rows[0])] = rows
        _add_places(matrix, claims)
    return matrix


def _own(answer: str, sources: Sources, claim: Claim, asked: frozenset[str]) -> list[float]:
    """What a claim looks like by itself, in the order of `_OWN`."""
    looked = claim.clause.tokens
    counted = [one for one in looked if one.weight > 0]
    ordinary = ordinary_keys(sources.language)
    total, n = claim.weight or 1.0, len(counted) or 1
    window = sources.tokens(claim.window) if claim.window else []
    lost = [one for one in counted if not one.match.keys]
    lost_mass = sum(one.weight * (1 - one.match.strength) for one in counted)
    there = sum(one.weight for one in counted) - (claim.window.weight if claim.window else 0.0)
    gaps = [not one.match.keys and one.weight > 0 for one in looked]
    ours = sum(one.token.kind == "negator" for one in looked)
    theirs = sum(token.kind == "negator" for token in window)
    length = len(looked)
    return [
        lost_mass / total,
        there / total,
        math.log1p(_longest(gaps)),
        math.log1p(_tail(gaps)),
        _densest(gaps),
        math.log1p(sum(answer[one.token.start].isupper() for one in lost)),
        (there - lost_mass) / total,
        sum(0 < one.match.strength < 1 for one in counted) / n,
        _order_kept(looked, window) / length,
        _cosine(counted, window, sources),
        float(ours > theirs),
        float(ours < theirs),
        sum(bool(one.token.keys & asked) for one in looked) / length,
        sum(one.token.keys <= ordinary for one in looked) / length,
        math.log1p(length),
        float(any(one.token.kind in ("number", "date") for one in looked)),
    ]


def copied_pairs(looked: Sequence[Looked], sources: Sources) -> list[bool]:
    """Whether each token but the last is followed by the same one as somewhere in the passages."""
    return [
        any((a, b) in sources.pairs for a in one.match.keys for b in other.match.keys)
        for one, other in pairwise(looked)
    ]


def _longest(marks: Iterable[bool]) -> int:
    """Length of the longest run of true."""
    best = run = 0
    for mark in marks:
        run = run + 1 if mark else 0
        best = max(best, run)
    return best


def _tail(marks: Sequence[bool]) -> int:
    """How many are true after the last two neighbours that are false: an added ending."""
    count = 0
    for one, before in pairwise((*reversed(marks), False)):
        if not one and not before:
            break
        count += one
    return count


def _densest(marks: Sequence[bool]) -> float:
    """The greatest share of true among `_DENSE` neighbours; fewer count as if followed by false."""
    sums = [sum(marks[at : at + _DENSE]) for at in range(max(1, len(marks) - _DENSE + 1))]
    return max(sums) / _DENSE


def _order_kept(looked: Sequence[Looked], window: Sequence[Token]) -> int:
    """Length of the longest common subsequence of a claim and its window."""
    places: dict[str, list[int]] = {}
    for at, token in enumerate(window):
        for k in token.keys:
            places.setdefault(k, []).append(at)
    ends: list[int] = []
    for one in looked:
        here = {at for k in one.match.keys for at in places.get(k, ())}
        for at in sorted(here, reverse=True):
            slot = bisect_left(ends, at)
            ends[slot : slot + 1] = [at]
    return len(ends)


def _cosine(counted: Sequence[Looked], window: Sequence[Token], sources: Sources) -> float:
    """Cosine of a claim's weights with those of its window."""
    keys = {k for token in window for k in token.keys}
    if not keys:
        return 0.0
    dot = own = 0.0
    for one in counted:
        own += one.weight**2
        if one.match.keys & keys:
            dot += one.weight * one.match.strength * sources.idf(one.match.keys & keys)
    theirs = sum(sources.idf((k,)) ** 2 for k in keys)
    return dot / math.sqrt(own * theirs) if own and theirs else 0.0


def _rules(claim: Claim) -> list[float]:
    """Whether the rules objected, by category."""
    found = {finding.category for finding in claim.findings}
    return [float(category in found) for category in _RULES.values()]


def _cues(answer: str, claim: Claim) -> list[float]:
    text = answer[claim.clause.start : claim.clause.end]
    return [float(pattern.search(text) is not None) for pattern in _CUE_PATTERNS.values()]


def _add_places(matrix: Matrix, claims: Sequence[Claim]) -> None:
    """The columns that depend on the other claims of the answer."""
    column = {name: at for at, name in enumerate(CLAIM_FEATURES)}
    count = len(claims)
    missing = matrix[:, column["missing_in_window"]]
    lengths = np.array([len(claim.clause.tokens) for claim in claims], float)
    matrix[0, column["first"]] = 1.0
    matrix[-1, column["last"]] = float(count > 1)
    matrix[:, column["position"]] = np.arange(count) / count
    mean = float(missing @ lengths / lengths.sum())
    before = np.concatenate(([mean], missing[:-1]))
    matrix[:, column["before_missing"]] = before
    matrix[:, column["after_missing"]] = np.concatenate((missing[1:], [mean]))
    matrix[:, column["answer_missing"]] = mean


def token_matrix(
    answer: str, sources: Sources, claim: Claim, logit: float, asked: frozenset[str]
) -> Matrix:
    """One row for each token of `claim`; `logit` is the claim's own of being unsupported."""
    looked = claim.clause.tokens
    ordinary = ordinary_keys(sources.language)
    window = sources.tokens(claim.window) if claim.window else []
    there = {k for token in window for k in token.keys}
    missing = [1 - one.match.strength if one.weight else 0.0 for one in looked]
    away = [
        lost if one.match.keys & there or not one.weight else 1.0
        for one, lost in zip(looked, missing, strict=True)
    ]
    copied = copied_pairs(looked, sources)
    objected = _objected(claim)
    found = [at for at, lost in enumerate(away) if not lost]
    first, last = (found[0], found[-1]) if found else (len(looked), -1)
    rows = []
    for at, one in enumerate(looked):
        token = one.token
        rows.append(
            [
                away[at],
                float(0 < one.match.strength < 1),
                one.weight,
                float(token.kind in ("number", "date")),
                float(answer[token.start].isupper()),
                float(token.keys <= ordinary),
                float(bool(token.keys & asked)),
                float(token.kind == "negator"),
                float(objected[at]),
                float(at > 0 and copied[at - 1]),
                float(at < len(copied) and copied[at]),
                _near(missing, at, 3),
                _near(away, at, 2),
                float(at < first),
                float(at > last),
                logit,
                logit * away[at],
            ]
        )
    return np.asarray(rows, float).reshape(len(looked), len(TOKEN_FEATURES))


def rule_floors(claims: Sequence[Claim]) -> Matrix:
    """The lowest logit that each claim may have, given what the rules found in it."""
    risks = [max((f.risk for f in claim.findings), default=0.0) for claim in claims]
    return np.array([math.log(risk / (1 - risk)) if risk else -math.inf for risk in risks])


def _objected(claim: Claim) -> list[bool]:
    """Whether each token lies in what a rule objects to."""
    marks = [False] * len(claim.clause.tokens)
    starts = [looked.token.start for looked in claim.clause.tokens]
    for finding in claim.findings:
        first, last = bisect_left(starts, finding.start), bisect_left(starts, finding.end)
        marks[first:last] = [True] * (last - first)
    return marks


def _near(values: Sequence[float], at: int, reach: int) -> float:
    """Mean of the values within `reach` of `at`, without its own."""
    around = [*values[max(0, at - reach) : at], *values[at + 1 : at + 1 + reach]]
    return sum(around) / len(around) if around else values[at]


def answer_row(logits: Matrix) -> list[float]:
    """The columns of `ANSWER_FEATURES` from the logits of an answer's claims (at least one)."""
    return [float(logits.max()), float(logits.mean())]
