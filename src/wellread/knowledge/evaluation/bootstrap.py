"""How sure a mean over queries is: percentile bootstrap (Efron 1979), paired for differences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

RESAMPLES = 2000
_BLOCK = 50


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean with the bounds of its 95% interval."""

    mean: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Whether the whole interval lies on one side of 0."""
        return self.low > 0 or self.high < 0


def interval(values: Sequence[float], random: np.random.Generator) -> Interval:
    """The mean of `values`, one a query, and its interval over resampled queries."""
    given = np.asarray(values, float)
    means = np.concatenate(
        [
            given[random.integers(0, len(given), (_BLOCK, len(given)))].mean(1)
            for _ in range(RESAMPLES // _BLOCK)
        ]
    )
    low, high = np.percentile(means, [2.5, 97.5])
    return Interval(float(given.mean()), float(low), float(high))


def difference(
    first: Sequence[float], second: Sequence[float], random: np.random.Generator
) -> Interval:
    """How much better `first` is than `second` on the same queries."""
    return interval(np.asarray(first, float) - np.asarray(second, float), random)
