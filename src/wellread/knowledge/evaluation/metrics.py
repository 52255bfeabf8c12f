"""Measures of a ranking against judgements, as trec_eval defines them.

A ranking is a sequence of ids, best first and without repeats; `grades` are the relevance of ids,
where all above 0 is relevant and is a gain, 0.5 as well as 2. Every measure is 0 to 1, and 0 for
an empty ranking.

>>> measures(["b", "a"], {"a": 2, "c": 1}, (1, 10))["MRR@10"]
0.5
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

Grades = Mapping[str, float]
DEPTH = 10


def recall(ranking: Sequence[str], grades: Grades, k: int) -> float:
    """Share of the relevant ids among the first `k`."""
    relevant = {name for name, grade in grades.items() if grade > 0}
    return len(relevant.intersection(ranking[:k])) / len(relevant) if relevant else 0.0


def precision(ranking: Sequence[str], grades: Grades, k: int) -> float:
    """Share of the first `k` places that a relevant id takes."""
    return sum(grades.get(name, 0) > 0 for name in ranking[:k]) / k


def reciprocal_rank(ranking: Sequence[str], grades: Grades, k: int = DEPTH) -> float:
    """1 / the rank of the first relevant id among the first `k`, else 0."""
    ranks = (rank for rank, name in enumerate(ranking[:k], 1) if grades.get(name, 0) > 0)
    return 1 / next(ranks, math.inf)


def ndcg(ranking: Sequence[str], grades: Grades, k: int = DEPTH) -> float:
    """Normalised discounted cumulative gain: sum of grade / log2(rank + 1) over the ideal's."""
    best = sorted((grade for grade in grades.values() if grade > 0), reverse=True)
    ideal = _gain(best[:k])
    return _gain([max(grades.get(name, 0), 0) for name in ranking[:k]]) / ideal if ideal else 0.0


def _gain(grades: Sequence[float]) -> float:
    return sum(grade / math.log2(rank + 1) for rank, grade in enumerate(grades, 1))


def measures(ranking: Sequence[str], grades: Grades, cutoffs: Sequence[int]) -> dict[str, float]:
    """All measures of one query by name, recall at each of `cutoffs`."""
    return {
        "hit@1": float(grades.get(ranking[0], 0) > 0) if ranking else 0.0,
        **{f"recall@{k}": recall(ranking, grades, k) for k in cutoffs},
        f"MRR@{DEPTH}": reciprocal_rank(ranking, grades),
        f"nDCG@{DEPTH}": ndcg(ranking, grades),
    }
