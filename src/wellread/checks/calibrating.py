"""Fit a calibration: a curve and a threshold for each length of answers, with numpy alone.

    scores, lengths, labels, kinds -> weights by the prior -> curves -> thresholds -> Calibration

1. Right answers weigh `1 - prior` together, wrong ones `prior`: cases are planted in no natural
   proportion. Every planted case weighs the same, of whatever kind.
2. With enough cases of a length its curve is isotonic: neighbours that are out of order are pooled
   (Ayer et al. 1955), each pool pulled towards the prior by one case. With fewer it is logistic
   (Platt 1999). With next to none it is the curve of all lengths.
3. The threshold lies between two probabilities that occur, where the goal is met best.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from wellread.checks.calibration import LENGTHS, Bucket, Calibration, Goal, Method, bucket_index
from wellread.errors import InputError

Floats = NDArray[np.float64]
Fitting = Literal["auto", "isotonic", "platt"]
# So many right and so many wrong answers make a curve of their own; more make an isotonic one.
MIN_CASES, MIN_ISOTONIC = 25, 80
_KNOTS = 65
_EPSILON = 1e-4
_STEPS = 50
# Means and shares closer than this are the same but for rounding.
_TIE = 1e-9


@dataclass(frozen=True, slots=True)
class Scored:
    """One scored case: the raw score, the words of the answer, and the truth about it."""

    score: float
    words: int
    supported: bool
    kind: str
    document_id: str


@dataclass(frozen=True, slots=True)
class Fit:
    """How to fit: the goal, the share of wrong answers to expect, and which curve."""

    goal: Goal
    prior: float
    method: Fitting = "auto"


def fit_calibration(
    scored: Sequence[Scored],
    fit: Fit,
    *,
    detector: str,
    version: str,
    source: str = "",
    seed: int = 0,
) -> Calibration:
    """Fit curves and thresholds to scored cases.

    Raises InputError where there are too few right or wrong ones for any curve.
    """
    right = sum(case.supported for case in scored)
    if min(right, len(scored) - right) < MIN_CASES:
        raise InputError(
            f"{right} right and {len(scored) - right} wrong answers were scored; at least "
            f"{MIN_CASES} of each are needed",
            hint="give more documents, or more questions with answers",
        )
    pooled = _bucket(len(LENGTHS) - 1, scored, fit)
    buckets = []
    for at, (name, _) in enumerate(LENGTHS):
        own = [case for case in scored if bucket_index(case.words) == at]
        good = sum(case.supported for case in own)
        if min(good, len(own) - good) < MIN_CASES:
            curve, threshold = pooled.curve, pooled.threshold
            buckets.append(Bucket(name, "pooled", curve, threshold, good, len(own) - good))
        else:
            buckets.append(_bucket(at, own, fit))
    kinds = Counter(case.kind for case in scored)
    return Calibration(
        detector, version, fit.goal, fit.prior, tuple(buckets), dict(kinds), source, seed
    )


def _bucket(at: int, scored: Sequence[Scored], fit: Fit) -> Bucket:
    raw = np.array([case.score for case in scored])
    supported = np.array([case.supported for case in scored])
    weights = prior_weights(supported, fit.prior)
    right, wrong = int(supported.sum()), int((~supported).sum())
    method: Method = "platt" if fit.method == "platt" else "isotonic"
    if fit.method == "auto" and min(right, wrong) < MIN_ISOTONIC:
        method = "platt"
    curve = (isotonic if method == "isotonic" else platt)(raw, supported, weights)
    probabilities = np.interp(raw, curve[:, 0], curve[:, 1])
    threshold = best_threshold(probabilities, supported, weights, fit.goal)
    points = tuple((round(float(x), 6), round(float(y), 6)) for x, y in curve)
    return Bucket(LENGTHS[at][0], method, points, round(threshold, 6), right, wrong)


def prior_weights(supported: NDArray[np.bool_], prior: float) -> Floats:
    """Weights that sum to 1, to `prior` over the unsupported."""
    right, wrong = int(supported.sum()), int((~supported).sum())
    return np.where(supported, (1 - prior) / max(right, 1), prior / max(wrong, 1))


def isotonic(raw: Floats, supported: NDArray[np.bool_], weights: Floats) -> Floats:
    """The rising curve nearest to the labels, as rows of (raw score, probability).

    A pool of equal probability is one point, at its mean raw score.
    """
    # One block a distinct score: weight, weighted sum of labels, weighted sum of scores, cases.
    values, inverse = np.unique(raw, return_inverse=True)
    blocks: list[list[float]] = []
    columns = (weights, weights * supported, weights * raw, np.ones_like(raw))
    sums = [np.bincount(inverse, column, len(values)) for column in columns]
    for block in np.column_stack(sums).tolist():
        blocks.append(block)
        while len(blocks) > 1 and _mean(blocks[-2]) >= _mean(blocks[-1]) - _TIE:
            last = blocks.pop()
            blocks[-1] = [a + b for a, b in zip(blocks[-1], last, strict=True)]
    weight, right, score, count = np.array(blocks).T
    base = float((weights * supported).sum() / weights.sum())
    shrunk = (right / weight * count + base) / (count + 1)
    curve = np.column_stack((score / weight, np.maximum.accumulate(shrunk)))
    thinned = np.unique(np.linspace(0, len(curve) - 1, _KNOTS).round().astype(int))
    return np.asarray(curve[thinned], float)


def _mean(block: Sequence[float]) -> float:
    return block[1] / block[0]


def platt(raw: Floats, supported: NDArray[np.bool_], weights: Floats) -> Floats:
    """A logistic curve over the log-odds of the raw scores, never falling, as points.

    Labels are drawn in by Platt's rule, so that separable scores do not give certainty.
    """
    x = _log_odds(raw)
    right, wrong = int(supported.sum()), int((~supported).sum())
    target = np.where(supported, (right + 1) / (right + 2), 1 / (wrong + 2))
    slope, intercept = _logistic(x, target, weights / weights.sum())
    # Beyond the scores seen the curve stays flat: a logistic one would soon be certain there.
    grid = np.unique(np.linspace(raw.min(), raw.max(), _KNOTS))
    return np.column_stack((grid, _sigmoid(slope * _log_odds(grid) + intercept)))


def _logistic(x: Floats, target: Floats, weights: Floats) -> tuple[float, float]:
    """Slope and intercept by damped Newton steps; a slope that would fall is none."""
    design = np.column_stack((x, np.ones_like(x)))
    base = float((weights * target).sum())
    theta = np.array([0.0, float(np.log(base / (1 - base)))])
    flat = theta.copy()
    for _ in range(_STEPS):
        p = _sigmoid(design @ theta)
        gradient = design.T @ (weights * (p - target))
        curvature = design.T @ (design * (weights * p * (1 - p))[:, None])
        step = np.linalg.solve(curvature + 1e-6 * np.eye(2), gradient)
        theta = theta - np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-8:
            break
    slope, intercept = theta if theta[0] > 0 else flat
    return float(slope), float(intercept)


def _log_odds(raw: Floats) -> Floats:
    clipped = np.clip(raw, _EPSILON, 1 - _EPSILON)
    return np.asarray(np.log(clipped / (1 - clipped)), float)


def _sigmoid(x: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(x, -40, 40))), float)


def best_threshold(
    probabilities: Floats, supported: NDArray[np.bool_], weights: Floats, goal: Goal
) -> float:
    """The probability below which an answer is flagged, chosen for `goal`.

    Where a precision cannot be had, or so few false flags, the threshold comes as near as it can.
    """
    values = np.unique(probabilities)
    # Flag nothing, flag all below each midpoint, or flag everything.
    cuts = np.concatenate((values[:1], (values[1:] + values[:-1]) / 2, [1.0]))
    order = np.argsort(probabilities, kind="stable")
    ordered, wrong = probabilities[order], ~supported[order]
    at = np.searchsorted(ordered, cuts, side="left")
    caught = np.concatenate(([0.0], np.cumsum(weights[order] * wrong)))[at]
    false = np.concatenate(([0.0], np.cumsum(weights[order] * ~wrong)))[at]
    return float(cuts[_best(caught, false, weights[~supported].sum(), goal)])


def _best(caught: Floats, false: Floats, prior: float, goal: Goal) -> int:
    """The place of the best cut, given the weight it flags rightly and wrongly."""
    recall = caught / max(prior, _TIE)
    flagged = caught + false
    precision = np.divide(caught, flagged, out=np.ones_like(caught), where=flagged > 0)
    if goal.kind == "f1":
        quality = 2 * caught / (flagged + prior)
    elif goal.kind == "precision":
        met = (precision >= goal.value - _TIE) & (caught > 0)
        quality = np.where(met, 2 + recall, np.where(caught > 0, precision, -1))
    else:
        met = false / max(1 - prior, _TIE) <= goal.value + _TIE
        quality = np.where(met, 2 + recall, -false)
    # Among cuts that do the same, the one in the middle.
    best = np.flatnonzero(quality >= quality.max() - _TIE)
    return int(best[len(best) // 2])
