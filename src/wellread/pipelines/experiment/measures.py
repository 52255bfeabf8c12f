"""What an experiment found: figures by arm, and arms against each other.

    Checked rows -> ArmFigures, one an arm
                 -> Comparison, one for each pair of arms, on identical rows

Every answer of every arm is held against the same text, the row's own context. Intervals are 95%
bootstraps that redraw whole documents.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from wellread.checks.statistics import (
    answer_tokens,
    character_mask,
    exact_match,
    mcnemar,
    mean_interval,
    ratio_interval,
    token_f1,
)
from wellread.knowledge.evaluation.bootstrap import Interval
from wellread.pipelines.experiment.arms import Answered, Arm, Said, is_declined, is_flagged
from wellread.records import Passage, Verdict

Event = Literal["flagged", "wrong"]
_PAIRS: tuple[tuple[Arm, Arm], ...] = (
    ("closed_book", "reroll"),
    ("closed_book", "context"),
    ("closed_book", "rag"),
    ("closed_book", "rag_repair"),
    ("context", "rag"),
    ("rag", "rag_repair"),
)


@dataclass(frozen=True, slots=True)
class Scored:
    """One answer with what is known of it.

    `verdict` holds it against the row's context, `seen_verdict` against what its arm was shown
    (None for arms that are shown nothing). `exact` and `f1` are None where no gold is known.
    `at_hand` says whether what was shown holds a gold answer, None where that is not known.
    """

    said: Said
    verdict: Verdict
    seen_verdict: Verdict | None
    flagged: bool
    flagged_seen: bool | None
    declined: bool
    exact: float | None
    f1: float | None
    at_hand: bool | None
    copied: bool
    wrong_characters: int


@dataclass(frozen=True, slots=True)
class Checked:
    """One question with its scored answers."""

    answered: Answered
    scored: Mapping[Arm, Scored]
    language: str

    @property
    def document(self) -> str:
        """What intervals redraw."""
        return self.answered.asked.document_id


@dataclass(frozen=True, slots=True)
class ArmFigures:
    """One arm. Shares are of all rows unless their name says otherwise; NaN where there is none.

    `flagged_seen` is held against what the arm was shown. `wrong_characters` is the share of the
    characters of given answers. `copied` answers stand word for word in the context. `blind` ones
    were given although nothing shown holds a gold answer. `right_flagged` is the share of exactly
    right answers that the detector flags, `wrong_flagged` that of answers which share no word with
    the gold.
    """

    arm: Arm
    rows: int
    answered: int
    flagged: Interval
    flagged_of_answered: Interval
    flagged_seen: Interval
    unscored: int
    wrong_characters: Interval
    exact: Interval
    f1: Interval
    abstained: Interval
    abstained_right: int
    abstained_wrong: int
    blind: int
    right_flagged: Interval
    wrong_flagged: Interval
    words: float
    copied: Interval
    actions: Mapping[str, int]
    calls: int
    input_tokens: int
    output_tokens: int
    estimated_calls: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two arms on the same rows. `difference` is second minus first; `p` is McNemar's, exact.

    `relative` is the change as a share of the first arm's. The naive figures are biased and are
    kept to be shown beside the others: `naive_second` is the second arm's share on those rows alone
    on which the first arm failed, which any second try lowers; `naive_relative` is its change from
    the first arm's share of all rows, which are other rows.
    """

    first: Arm
    second: Arm
    event: Event
    neither: int
    only_first: int
    only_second: int
    both: int
    first_share: float
    second_share: float
    difference: Interval
    relative: float | None
    p: float
    naive_second: float | None
    naive_relative: float | None


@dataclass(frozen=True, slots=True)
class Retrieval:
    """How often the right chunk came first and among all; `held` = a gold answer was in them."""

    rows: int
    top_k: int
    hit_1: Interval
    hit_k: Interval
    held: Interval


def score(
    answered: Answered,
    said: Said,
    verdict: Verdict,
    seen_verdict: Verdict | None,
    *,
    language: str,
    threshold: float | None,
) -> Scored:
    """All that is known of one answer."""
    gold = answered.asked.gold
    declined = is_declined(said.text)
    flagged = not declined and is_flagged(verdict, threshold)
    seen = None if seen_verdict is None else is_flagged(seen_verdict, threshold) and not declined
    wrong = _wrong_characters(said.text, verdict) if flagged else 0
    return Scored(
        said,
        verdict,
        seen_verdict,
        flagged,
        seen,
        declined,
        *_against_gold(said.text, gold, declined, language),
        holds(said.passages, gold, language),
        not declined and _stands_in(said.text, answered.reference, language),
        wrong,
    )


def _against_gold(
    text: str, gold: tuple[str, ...] | None, declined: bool, language: str
) -> tuple[float | None, float | None]:
    """Exact match and F1; to decline is right where there is no answer, and wrong elsewhere."""
    if gold is None:
        return None, None
    if not gold or declined:
        right = float(declined and not gold)
        return right, right
    return float(exact_match(text, gold, language)), token_f1(text, gold, language)


def _wrong_characters(text: str, verdict: Verdict) -> int:
    """Characters in the spans of a flagged answer; all of it where no span says which."""
    marked = int(character_mask(len(text), verdict.spans).sum())
    return marked or len(text)


def holds(passages: Sequence[Passage], gold: tuple[str, ...] | None, language: str) -> bool | None:
    """Whether a gold answer stands in the passages; None where none is known."""
    if gold is None:
        return None
    return any(_stands_in(answer, passages, language) for answer in gold)


def _stands_in(text: str, passages: Sequence[Passage], language: str) -> bool:
    """Whether passages hold the text as whole words, as it is or normalised."""
    wanted = answer_tokens(text, language)
    if not wanted:
        return False
    joined = f" {' '.join(wanted)} "
    # Normalising glues "end-of-film" together, so that "film" is looked for as it stands, too.
    plain = re.compile(rf"(?<!\w){re.escape(text.strip())}(?!\w)", re.IGNORECASE)
    return any(
        plain.search(p.chunk.text)
        or joined in f" {' '.join(answer_tokens(p.chunk.text, language))} "
        for p in passages
    )


class Sampler:
    """Intervals over the documents of the rows, each from the same seed."""

    def __init__(self, rows: Sequence[Checked], seed: int) -> None:
        self.rows = rows
        self.documents = [row.document for row in rows]
        self._seed = seed

    def share(self, top: Sequence[float | None], bottom: Sequence[float | None]) -> Interval:
        """The sum of `top` over that of `bottom`; a None counts in neither."""
        kept = [i for i, (t, b) in enumerate(zip(top, bottom, strict=True)) if None not in (t, b)]
        return ratio_interval(
            [top[i] or 0.0 for i in kept],
            [bottom[i] or 0.0 for i in kept],
            [self.documents[i] for i in kept],
            np.random.default_rng(self._seed),
        )

    def mean(self, values: Sequence[float | None]) -> Interval:
        """The mean of the values that are not None."""
        kept = [i for i, value in enumerate(values) if value is not None]
        return mean_interval(
            [values[i] or 0.0 for i in kept],
            [self.documents[i] for i in kept],
            np.random.default_rng(self._seed),
        )


def arm_figures(arm: Arm, rows: Sequence[Checked], sampler: Sampler) -> ArmFigures:
    """Everything about one arm."""
    scored = [row.scored[arm] for row in rows]
    given = [float(not one.declined) for one in scored]
    flags = [float(one.flagged) for one in scored]
    right = [float(one.exact == 1 and not one.declined) for one in scored]
    wrong = [float(one.f1 == 0 and not one.declined) for one in scored]
    lengths = [float(len(one.said.text)) if not one.declined else 0.0 for one in scored]
    words = [len(one.said.text.split()) for one in scored if not one.declined]
    return ArmFigures(
        arm=arm,
        rows=len(scored),
        answered=int(sum(given)),
        flagged=sampler.mean(flags),
        flagged_of_answered=sampler.share(flags, given),
        flagged_seen=sampler.mean([one.flagged_seen for one in scored]),
        unscored=sum(one.verdict.outcome == "unscored" and not one.declined for one in scored),
        wrong_characters=sampler.share([float(one.wrong_characters) for one in scored], lengths),
        exact=sampler.mean([one.exact for one in scored]),
        f1=sampler.mean([one.f1 for one in scored]),
        abstained=sampler.mean([float(one.declined) for one in scored]),
        abstained_right=sum(one.declined and one.at_hand is False for one in scored),
        abstained_wrong=sum(one.declined and one.at_hand is True for one in scored),
        blind=sum(not one.declined and one.at_hand is False for one in scored),
        right_flagged=sampler.share([f * r for f, r in zip(flags, right, strict=True)], right),
        wrong_flagged=sampler.share([f * w for f, w in zip(flags, wrong, strict=True)], wrong),
        words=sum(words) / len(words) if words else 0.0,
        copied=sampler.share([float(one.copied) for one in scored], given),
        actions=dict(sorted(Counter(one.said.action for one in scored).items())),
        calls=sum(one.said.calls for one in scored),
        input_tokens=sum(one.said.usage.input_tokens for one in scored),
        output_tokens=sum(one.said.usage.output_tokens for one in scored),
        estimated_calls=sum(one.said.estimated for one in scored),
    )


def comparisons(
    arms: Sequence[Arm], rows: Sequence[Checked], sampler: Sampler
) -> Iterator[Comparison]:
    """Each pair of arms that were run: by flags, and by being wrong where gold is known."""
    for first, second in _PAIRS:
        if first in arms and second in arms:
            yield compare(first, second, "flagged", rows, sampler, lambda one: one.flagged)
            if any(row.scored[first].exact is not None for row in rows):
                yield compare(first, second, "wrong", rows, sampler, _is_wrong)


def _is_wrong(one: Scored) -> bool | None:
    """Not exactly the gold answer, or declined although there is one."""
    return None if one.exact is None else one.exact < 1


def compare(
    first: Arm,
    second: Arm,
    event: Event,
    rows: Sequence[Checked],
    sampler: Sampler,
    happened: Callable[[Scored], bool | None],
) -> Comparison:
    """Two arms on the rows for which it is known whether the event happened."""
    pairs = [(happened(row.scored[first]), happened(row.scored[second])) for row in rows]
    counts = Counter(pair for pair in pairs if None not in pair)
    n = sum(counts.values())
    both, one, other = counts[True, True], counts[True, False], counts[False, True]
    ours, theirs = (both + one) / n, (both + other) / n
    naive = both / (both + one) if both + one else None
    gaps = [None if a is None or b is None else float(b) - float(a) for a, b in pairs]
    return Comparison(
        first,
        second,
        event,
        counts[False, False],
        one,
        other,
        both,
        ours,
        theirs,
        sampler.mean(gaps),
        (theirs - ours) / ours if ours else None,
        mcnemar(one, other),
        naive,
        (naive - ours) / ours if naive is not None and ours else None,
    )


def retrieval(rows: Sequence[Checked], top_k: int, sampler: Sampler) -> Retrieval:
    """How well the corpus was searched, where the right chunk is known."""
    first, among, held = list[float | None](), list[float | None](), list[float | None]()
    for row in rows:
        asked, found = row.answered.asked, [p.id for p in row.answered.retrieved]
        known = bool(asked.chunk_ids)
        first.append(float(bool(found) and found[0] in asked.chunk_ids) if known else None)
        among.append(float(any(c in asked.chunk_ids for c in found)) if known else None)
        at_hand = holds(row.answered.retrieved, asked.gold, row.language) if asked.gold else None
        held.append(None if at_hand is None else float(at_hand))
    return Retrieval(len(rows), top_k, sampler.mean(first), sampler.mean(among), sampler.mean(held))
