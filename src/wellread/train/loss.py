"""The loss of a batch: the sum over its learned tokens, and how many there are.

Only positions that foretell a learned token go through the output layer: in conversations with
long contexts that is one in ten, and the output layer of a small model with a large vocabulary is
half of its work.

Letters in names of tensors: B rows, T positions, N learned positions, D width, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from wellread.train.data import IGNORED


class LearnedPositions:
    """Lets the output layer of a model see learned positions alone, while `positions_N` is set."""

    def __init__(self, model: nn.Module) -> None:
        self.positions_N: Tensor | None = None
        output = model.get_output_embeddings()
        if output is not None:
            output.register_forward_pre_hook(self._select)

    def _select(self, _layer: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...] | None:
        if self.positions_N is None:
            return None
        hidden_BTD = inputs[0]
        hidden_ND = hidden_BTD.reshape(-1, hidden_BTD.shape[-1])[self.positions_N]
        return (hidden_ND, *inputs[1:])


class TokenLoss:
    """Sums the cross-entropy of learned tokens; with `whole`, all logits are computed first."""

    def __init__(self, model: nn.Module, *, whole: bool = False) -> None:
        self._learned = None if whole else LearnedPositions(model)

    def __call__(self, model: nn.Module, batch: Mapping[str, Any]) -> Tensor:
        """The sum over a batch of ``labels``, which are not shifted, and the model's inputs."""
        inputs = {name: value for name, value in batch.items() if name != "labels"}
        labels_BT = batch["labels"]
        next_BT = functional.pad(labels_BT[:, 1:], (0, 1), value=IGNORED).reshape(-1)
        positions_N = torch.nonzero(next_BT != IGNORED).reshape(-1)
        logits_NV = self._logits(model, inputs, positions_N)
        return functional.cross_entropy(logits_NV.float(), next_BT[positions_N], reduction="sum")

    def _logits(self, model: nn.Module, inputs: dict[str, Any], positions_N: Tensor) -> Tensor:
        if self._learned is None:
            logits = model(**inputs, use_cache=False).logits
            return logits.reshape(-1, logits.shape[-1])[positions_N]
        self._learned.positions_N = positions_N
        try:
            logits_NV: Tensor = model(**inputs, use_cache=False).logits
        finally:
            self._learned.positions_N = None
        return logits_NV


def learned_tokens(batch: Mapping[str, Any]) -> int:
    """Tokens of a batch that count in its loss."""
    return int((batch["labels"] != IGNORED).sum())
