"""How far probabilities can be taken at their word, on cases that were not fitted on.

probabilities, labels, weights -> reliability table -> expected calibration error
                               -> Rates: false flags on right answers, catches by kind of error
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wellread.checks.statistics import auroc

Floats = NDArray[np.float64]
BINS = 10


@dataclass(frozen=True, slots=True)
class Bin:
    """Answers whose probability lies from `low` to `high`: how likely they were, how often right.

    `predicted` and `observed` are weighted means, `share` the weight of the bin, `count` its cases.
    """

    low: float
    high: float
    count: int
    share: float
    predicted: float
    observed: float


@dataclass(frozen=True, slots=True)
class Rate:
    """`flagged` of `count` cases were flagged; `unscored` of them could not be judged."""

    count: int
    flagged: int
    unscored: int = 0

    @property
    def share(self) -> float:
        """The share flagged; 0 of none."""
        return self.flagged / self.count if self.count else 0.0


@dataclass(frozen=True, slots=True)
class Measures:
    """What a detector does on labelled cases; precision and F1 are for the declared prior.

    `rates` has one entry for ``gold``, whose flags are false, and one for each kind of error.
    """

    calibration_error: float
    brier: float
    auroc: float
    precision: float
    recall: float
    f1: float
    rates: dict[str, Rate]
    bins: tuple[Bin, ...]


@dataclass(frozen=True, slots=True)
class Judged:
    """One case with what a detector said: `probability` is None where it was unscored."""

    probability: float | None
    flagged: bool
    supported: bool
    kind: str


def measure(judged: Sequence[Judged], prior: float) -> Measures:
    """All measures of `judged`, at the declared share `prior` of unsupported answers."""
    scored = [one for one in judged if one.probability is not None]
    probabilities = np.array([one.probability for one in scored], float)
    supported = np.array([one.supported for one in scored], bool)
    weights = _weights(supported, prior)
    bins = reliability(probabilities, supported, weights)
    rates = rates_of(judged)
    false, caught = rates.get("gold", Rate(0, 0)).share, _caught(judged)
    flagged = prior * caught + (1 - prior) * false
    precision = prior * caught / flagged if flagged else 0.0
    return Measures(
        calibration_error=expected_error(bins),
        brier=float((weights * (probabilities - supported) ** 2).sum()),
        auroc=auroc(probabilities, supported),
        precision=precision,
        recall=caught,
        f1=2 * precision * caught / (precision + caught) if precision + caught else 0.0,
        rates=rates,
        bins=bins,
    )


def rates_of(judged: Iterable[Judged]) -> dict[str, Rate]:
    """Flags by kind, ``gold`` first."""
    counts: dict[str, list[int]] = {"gold": [0, 0, 0]}
    for one in judged:
        row = counts.setdefault(one.kind, [0, 0, 0])
        row[0] += 1
        row[1] += one.flagged
        row[2] += one.probability is None
    return {kind: Rate(*row) for kind, row in counts.items()}


def _caught(judged: Iterable[Judged]) -> float:
    wrong = [one.flagged for one in judged if not one.supported]
    return sum(wrong) / len(wrong) if wrong else 0.0


def _weights(supported: NDArray[np.bool_], prior: float) -> Floats:
    right, wrong = max(int(supported.sum()), 1), max(int((~supported).sum()), 1)
    weights = np.where(supported, (1 - prior) / right, prior / wrong)
    return np.asarray(weights / weights.sum() if len(weights) else weights, float)


def reliability(
    probabilities: Floats, supported: NDArray[np.bool_], weights: Floats
) -> tuple[Bin, ...]:
    """Ten bins of equal width; those without a case are left out."""
    places = np.minimum((probabilities * BINS).astype(int), BINS - 1)
    bins = []
    for at in range(BINS):
        own = places == at
        weight = float(weights[own].sum())
        if weight > 0:
            predicted = float((weights * probabilities)[own].sum() / weight)
            observed = float((weights * supported)[own].sum() / weight)
            count = int(own.sum())
            bins.append(Bin(at / BINS, (at + 1) / BINS, count, weight, predicted, observed))
    return tuple(bins)


def expected_error(bins: Iterable[Bin]) -> float:
    """The expected calibration error (Guo et al. 2017): mean distance of predicted and observed."""
    return float(sum(one.share * abs(one.predicted - one.observed) for one in bins))
