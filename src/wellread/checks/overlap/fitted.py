"""The fitted part of the lexical detector: three logistic regressions in a small JSON file.

    {"version": …, "thresholds": {"claim": p, "token": p, "answer": p},
     "claim":  {"features": […], "means": […], "scales": […], "coefficients": […], "intercept": c},
     "token":  …, "answer": …}

Each says how probable it is that a claim, a token of a claim, or anything in an answer is not
supported. `python tools/fit_lexical.py` writes the file.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

import numpy as np

from wellread.checks.overlap.features import ANSWER_FEATURES, CLAIM_FEATURES, TOKEN_FEATURES, Matrix
from wellread.errors import InputError

FILE = "lexical_weights.json"


@dataclass(frozen=True, slots=True, eq=False)
class Logistic:
    """A logistic regression over named columns; all arrays have one value a column."""

    names: tuple[str, ...]
    means: Matrix
    scales: Matrix
    coefficients: Matrix
    intercept: float

    def logits(self, rows: Matrix) -> Matrix:
        """One logit for each of `rows`."""
        return np.asarray((rows - self.means) / self.scales @ self.coefficients + self.intercept)

    def to_dict(self) -> dict[str, Any]:
        """As it stands in the file."""
        return {
            "features": list(self.names),
            "means": _rounded(self.means),
            "scales": _rounded(self.scales),
            "coefficients": _rounded(self.coefficients),
            "intercept": round(self.intercept, 5),
        }


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """What the detector was fitted to: who is at risk from which probability on.

    The thresholds are probabilities of *not* being supported.
    """

    version: str
    claim: Logistic
    token: Logistic
    answer: Logistic
    claim_threshold: float
    token_threshold: float
    answer_threshold: float

    def to_dict(self) -> dict[str, Any]:
        """As it stands in the file."""
        return {
            "version": self.version,
            "thresholds": {
                "claim": round(self.claim_threshold, 4),
                "token": round(self.token_threshold, 4),
                "answer": round(self.answer_threshold, 4),
            },
            "claim": self.claim.to_dict(),
            "token": self.token.to_dict(),
            "answer": self.answer.to_dict(),
        }


def sigmoid(logits: Matrix) -> Matrix:
    """Probabilities of logits, without overflow."""
    return np.asarray(0.5 * (1 + np.tanh(0.5 * logits)))


@lru_cache(maxsize=1)
def shipped_weights() -> Weights:
    """The weights that come with the package."""
    text = resources.files("wellread.checks.overlap").joinpath(FILE).read_text(encoding="utf-8")
    return weights_from(json.loads(text))


def weights_from(data: dict[str, Any]) -> Weights:
    """Weights as `to_dict` wrote them.

    Raises InputError where they were fitted to other columns than this version computes.
    """
    thresholds = data["thresholds"]
    return Weights(
        data["version"],
        _logistic(data["claim"], CLAIM_FEATURES, "claim"),
        _logistic(data["token"], TOKEN_FEATURES, "token"),
        _logistic(data["answer"], ANSWER_FEATURES, "answer"),
        thresholds["claim"],
        thresholds["token"],
        thresholds["answer"],
    )


def _logistic(data: dict[str, Any], names: Sequence[str], what: str) -> Logistic:
    if tuple(data["features"]) != tuple(names):
        odd = sorted(set(data["features"]) ^ set(names)) or ["their order"]
        raise InputError(
            f"the {what} weights of the lexical detector fit other measures: {', '.join(odd)}",
            hint="fit them again: python tools/fit_lexical.py --texts FOLDER",
        )
    means, scales, coefficients = (
        np.asarray(data[part], float) for part in ("means", "scales", "coefficients")
    )
    return Logistic(tuple(names), means, scales, coefficients, float(data["intercept"]))


def _rounded(values: Matrix) -> list[float]:
    return [round(float(value), 5) for value in values]
