"""What experiments on answers are summed up with. Pure; numpy only.

    exact_match, token_f1   an answer against its gold answers, normalised as SQuAD does
    auroc                   how well a score tells two classes apart
    character_f1            spans found against spans marked, by character
    ratio_interval          a rate with its interval, resampled by document
    mcnemar                 exact p of a paired yes/no comparison

SQuAD's normalisation (Rajpurkar et al. 2016) lowers case and takes off punctuation and English
articles. As MLQA's (Lewis et al. 2020) does, ours takes off the articles of the language given and
compares scripts without spaces character by character.
"""

from __future__ import annotations

import math
import re
import string
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wellread.errors import InputError
from wellread.knowledge.evaluation.bootstrap import Interval
from wellread.records import Span

RESAMPLES = 2000
# Draws of all groups held at a time, so that memory stays flat.
_BLOCK = 100
# Han, kana, Thai, Lao, Myanmar, Khmer.
_UNSPACED = re.compile(
    "[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u0e01-\u0e5b\u0e81-\u0edf"
    "\u1000-\u109f\u1780-\u17d3\U00020000-\U0002fa1f]"
)
_ARTICLES = {
    "en": "a an the",
    "de": "der die das den dem des ein eine einen einem einer eines",
    "es": "un una unos unas el la los las",
    "fr": "le la les l un une des du",
    "it": "il lo la i gli le un uno una",
    "nl": "de het een",
    "pt": "o a os as um uma uns umas",
}


def answer_tokens(text: str, language: str = "en") -> list[str]:
    """The tokens that answers are compared by.

    >>> answer_tokens("The Eiffel Tower, Paris!")
    ['eiffel', 'tower', 'paris']
    >>> answer_tokens("第3章", "zh")
    ['第', '3', '章']
    """
    plain = "".join(c for c in text.lower() if not _is_punctuation(c))
    articles = frozenset(_ARTICLES.get(language, "").split())
    spaced = _UNSPACED.sub(lambda match: f" {match[0]} ", plain)
    return [word for word in spaced.split() if word not in articles]


@lru_cache(maxsize=4096)
def _is_punctuation(character: str) -> bool:
    return character in string.punctuation or unicodedata.category(character).startswith("P")


def exact_match(answer: str, gold: Sequence[str], language: str = "en") -> bool:
    """Whether `answer` is one of the `gold` answers, normalised.

    >>> exact_match("the 5 sacks.", ["5 sacks"])
    True
    """
    said = answer_tokens(answer, language)
    return any(said == answer_tokens(one, language) for one in gold)


def token_f1(answer: str, gold: Sequence[str], language: str = "en") -> float:
    """The best harmonic mean of precision and recall of tokens over the `gold` answers."""
    said = answer_tokens(answer, language)
    return max((_f1(said, answer_tokens(one, language)) for one in gold), default=0.0)


def _f1(said: Sequence[str], gold: Sequence[str]) -> float:
    if not said or not gold:
        return float(said == gold)
    common = sum((Counter(said) & Counter(gold)).values())
    return 2 * common / (len(said) + len(gold))


def auroc(scores: ArrayLike, positive: ArrayLike) -> float:
    """The chance that a positive has a higher score than a negative; ties count half.

    NaN where one of the classes is empty.

    >>> auroc([0.9, 0.8, 0.3, 0.1], [True, False, True, False])
    0.75
    """
    given = np.asarray(scores, float)
    labels = np.asarray(positive, bool)
    if given.shape != labels.shape or given.ndim != 1:
        raise InputError(f"{given.shape} scores for {labels.shape} labels")
    positives = int(labels.sum())
    negatives = len(labels) - positives
    if not positives or not negatives:
        return math.nan
    _, places, counts = np.unique(given, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks = (ends - (counts - 1) / 2)[places]
    above = float(ranks[labels].sum()) - positives * (positives + 1) / 2
    return above / (positives * negatives)


def character_mask(length: int, spans: Iterable[Span | tuple[int, int]]) -> NDArray[np.bool_]:
    """Which of `length` characters lie in a span; what lies beyond the text is left out."""
    mask = np.zeros(length, bool)
    for span in spans:
        start, end = (span.start, span.end) if isinstance(span, Span) else span
        mask[max(0, start) : max(0, end)] = True
    return mask


def character_f1(
    rows: Iterable[tuple[int, Iterable[Span | tuple[int, int]], Iterable[Span | tuple[int, int]]]],
) -> tuple[float, float, float]:
    """Precision, recall and F1 of found against marked spans, over the characters of all rows.

    A row is ``(length of the answer, found, marked)``; overlapping spans count once.

    >>> precision, recall, f1 = character_f1([(10, [(0, 4)], [(2, 6)])])
    >>> precision, recall, f1
    (0.5, 0.5, 0.5)
    """
    both = found = marked = 0
    for length, said, gold in rows:
        ours, theirs = character_mask(length, said), character_mask(length, gold)
        both += int((ours & theirs).sum())
        found += int(ours.sum())
        marked += int(theirs.sum())
    precision = both / found if found else 0.0
    recall = both / marked if marked else 0.0
    return precision, recall, 2 * both / (found + marked) if found + marked else 0.0


def ratio_interval(
    numerators: ArrayLike,
    denominators: ArrayLike,
    groups: Sequence[str],
    random: np.random.Generator,
    resamples: int = RESAMPLES,
) -> Interval:
    """``sum(numerators) / sum(denominators)`` with its 95% interval; whole groups are redrawn.

    Rows of one document are alike, so drawing rows one by one would promise too much. Draws whose
    denominator is zero are left out; NaN where the ratio itself has none.
    """
    tops, bottoms, rows = _by_group(numerators, denominators, groups)
    if not rows or not bottoms.sum():
        return Interval(math.nan, math.nan, math.nan)
    drawn: list[NDArray[np.float64]] = []
    for start in range(0, resamples, _BLOCK):
        chosen = random.integers(0, len(tops), (min(_BLOCK, resamples - start), len(tops)))
        top, bottom = tops[chosen].sum(1), bottoms[chosen].sum(1)
        drawn.append(top[bottom != 0] / bottom[bottom != 0])
    low, high = np.percentile(np.concatenate(drawn), [2.5, 97.5])
    return Interval(float(tops.sum() / bottoms.sum()), float(low), float(high))


def mean_interval(
    values: ArrayLike,
    groups: Sequence[str],
    random: np.random.Generator,
    resamples: int = RESAMPLES,
) -> Interval:
    """The mean of `values` with its 95% interval; whole groups are redrawn."""
    given = np.asarray(values, float)
    return ratio_interval(given, np.ones(len(given)), groups, random, resamples)


def _by_group(
    numerators: ArrayLike, denominators: ArrayLike, groups: Sequence[str]
) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    """Sums of each group, and how many rows there are."""
    top, bottom = np.asarray(numerators, float), np.asarray(denominators, float)
    if not len(top) == len(bottom) == len(groups):
        raise InputError(
            f"{len(top)} numerators, {len(bottom)} denominators and {len(groups)} groups"
        )
    _, places = np.unique(np.asarray(groups, str), return_inverse=True)
    sums = (np.asarray(np.bincount(places, values), float) for values in (top, bottom))
    return next(sums), next(sums), len(top)


def mcnemar(only_first: int, only_second: int) -> float:
    """Two-sided exact p that the rows on which two arms differ fall to both sides alike.

    Rows on which they agree say nothing (McNemar 1947); the binomial is summed, not approximated.

    >>> round(mcnemar(1, 8), 4)
    0.0391
    """
    if only_first < 0 or only_second < 0:
        raise InputError(f"counts {only_first} and {only_second}: a count is not negative")
    n, least = only_first + only_second, min(only_first, only_second)
    if only_first == only_second:
        return 1.0
    log_half = n * math.log(0.5)
    logs = [
        math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) + log_half
        for k in range(least + 1)
    ]
    highest = max(logs)
    tail = math.exp(highest) * math.fsum(math.exp(log - highest) for log in logs)
    return min(1.0, 2 * tail)
