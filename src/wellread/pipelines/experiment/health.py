"""How far the flags can be trusted: the same detector on answers whose truth is known.

    gold              the rows' own gold answers        a flag is a false one
    other_paragraph   an answer from another document   a flag is right
    same_paragraph    another answer of the same text   a flag is right, and hard to earn: the
                                                        words are all there

Swapped answers share no word with the gold ones, and those of another document do not stand in the
text. Which one a row gets follows from the seed and its id.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from wellread.checks.detector import Case
from wellread.checks.statistics import answer_tokens, auroc, mean_interval, token_f1
from wellread.knowledge.evaluation.bootstrap import Interval
from wellread.pipelines.experiment.arms import Arm, is_flagged
from wellread.pipelines.experiment.measures import Checked
from wellread.pipelines.experiment.questions import Asked
from wellread.records import Passage, Verdict
from wellread.synthesis.retrieval import generator

Truth = Literal["gold", "other_paragraph", "same_paragraph"]
TRUTHS: tuple[Truth, ...] = ("gold", "other_paragraph", "same_paragraph")
SWEPT = tuple(round(0.05 * step, 2) for step in range(1, 20))
_DRAWS = 30


@dataclass(frozen=True, slots=True)
class Known:
    """An answer whose truth is known, as a case for the detector."""

    truth: Truth
    document_id: str
    case: Case


@dataclass(frozen=True, slots=True)
class Health:
    """What the detector made of one kind of known answer.

    `auroc` says how well scores put gold answers above these; None for gold itself.
    """

    truth: Truth
    rows: int
    flagged: Interval
    auroc: float | None


@dataclass(frozen=True, slots=True)
class Sweep:
    """Shares flagged where a score below `threshold` is a flag: of arms, and of known answers."""

    threshold: float
    arms: Mapping[Arm, float]
    known: Mapping[Truth, float]


def known_answers(
    rows: Sequence[tuple[Asked, tuple[Passage, ...]]], seed: int, language: str
) -> Iterator[Known]:
    """Gold and swapped answers for every question that has a gold answer and a text."""
    answerable = [(asked, text) for asked, text in rows if asked.gold and text]
    neighbours: defaultdict[tuple[str, ...], list[Asked]] = defaultdict(list)
    for asked, _ in answerable:
        neighbours[asked.chunk_ids].append(asked)
    everyone = [asked for asked, _ in answerable]
    for asked, text in answerable:
        gold = (asked.gold or ("",))[0]
        random = generator(seed, "swapped", asked.id)
        near = neighbours[asked.chunk_ids] if asked.chunk_ids else []
        swapped: dict[Truth, str] = {
            "gold": gold,
            "other_paragraph": _foreign(asked, text, everyone, random, language),
            "same_paragraph": _neighbour(asked, near, random, language),
        }
        for truth, answer in swapped.items():
            if answer:
                yield Known(truth, asked.document_id, Case(asked.question, text, answer))


def _foreign(
    asked: Asked,
    text: Sequence[Passage],
    others: Sequence[Asked],
    random: np.random.Generator,
    language: str,
) -> str:
    """The answer to a question about another document that this text does not hold."""
    here = [" ".join(answer_tokens(p.chunk.text, language)) for p in text]
    for number in random.integers(0, len(others), _DRAWS):
        other = others[int(number)]
        answer = (other.gold or ("",))[0]
        plain = " ".join(answer_tokens(answer, language))
        if other.document_id != asked.document_id and plain and not any(plain in h for h in here):
            return answer
    return ""


def _neighbour(
    asked: Asked, near: Sequence[Asked], random: np.random.Generator, language: str
) -> str:
    """Another question's answer from the same text, with no word of the right one."""
    fitting = [
        answer
        for other in near
        if other.id != asked.id
        for answer in (other.gold or ())[:1]
        if token_f1(answer, asked.gold or (), language) == 0
    ]
    return fitting[int(random.integers(len(fitting)))] if fitting else ""


def health(
    known: Sequence[Known], verdicts: Sequence[Verdict], seed: int, threshold: float | None
) -> Iterator[Health]:
    """What became of each kind of known answer; a kind of which there are none is left out."""
    scores: defaultdict[Truth, list[float]] = defaultdict(list)
    flags: defaultdict[Truth, list[float]] = defaultdict(list)
    documents: defaultdict[Truth, list[str]] = defaultdict(list)
    for one, verdict in zip(known, verdicts, strict=True):
        scores[one.truth].append(verdict.score)
        flags[one.truth].append(float(is_flagged(verdict, threshold)))
        documents[one.truth].append(one.document_id)
    for truth in TRUTHS:
        if own := flags[truth]:
            random = np.random.default_rng(seed)
            share = mean_interval(own, documents[truth], random)
            yield Health(truth, len(own), share, _apart(scores["gold"], scores[truth], truth))


def _apart(gold: Sequence[float], others: Sequence[float], truth: Truth) -> float | None:
    if truth == "gold" or not gold:
        return None
    return auroc([*gold, *others], [True] * len(gold) + [False] * len(others))


def sweep(
    arms: Sequence[Arm],
    rows: Sequence[Checked],
    known: Sequence[Known],
    verdicts: Sequence[Verdict],
) -> Iterator[Sweep]:
    """The shares that would be flagged at other thresholds than the detector's own."""
    by_truth: defaultdict[Truth, list[Verdict]] = defaultdict(list)
    for one, verdict in zip(known, verdicts, strict=True):
        by_truth[one.truth].append(verdict)
    for threshold in SWEPT:
        yield Sweep(
            threshold,
            {arm: _share([_below(row, arm, threshold) for row in rows]) for arm in arms},
            {
                truth: _share([is_flagged(verdict, threshold) for verdict in own])
                for truth, own in by_truth.items()
            },
        )


def _below(row: Checked, arm: Arm, threshold: float) -> bool:
    one = row.scored[arm]
    return not one.declined and is_flagged(one.verdict, threshold)


def _share(flags: Sequence[bool]) -> float:
    return sum(flags) / len(flags) if flags else 0.0
