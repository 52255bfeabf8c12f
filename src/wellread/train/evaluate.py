"""Loss on conversations that are not learned from, in nats and in bits per learned token."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.data import Dataset

from wellread.train.data import IGNORED
from wellread.train.loss import TokenLoss
from wellread.train.processes import Processes


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What an evaluation found: `loss` in nats and the same in bits, a mean over `tokens`."""

    loss: float
    bits_per_token: float
    tokens: int


class Evaluator:
    """Evaluates a model on the first `count` of `batches`, shared among the processes."""

    def __init__(
        self,
        batches: Dataset[dict[str, torch.Tensor]],
        count: int,
        loss: TokenLoss,
        processes: Processes,
        stopping: Callable[[], int],
    ) -> None:
        self._batches = batches
        self._count = count
        self._loss = loss
        self._processes = processes
        self._stopping = stopping

    def __call__(self, model: nn.Module) -> Evaluation | None:
        """Mean loss of all learned tokens; neither weights nor randomness move.

        None where the run stops meanwhile: processes ask for that before each of their batches.
        """
        device = self._processes.device
        total = torch.zeros(2, dtype=torch.float64, device=device)
        with evaluating(model):
            for start in range(0, self._count, self._processes.count):
                if self._stopping():
                    return None
                index = start + self._processes.rank
                if index >= self._count:
                    continue
                batch = {name: t.to(device) for name, t in self._batches[index].items()}
                total[0] += self._loss(model, batch)
                total[1] += (batch["labels"] != IGNORED).sum()
        summed, tokens = self._processes.total(total).tolist()
        mean = summed / tokens if tokens else math.nan
        return Evaluation(mean, mean / math.log(2), int(tokens))


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """No dropout, no gradients; the model goes back to training where it was."""
    training = model.training
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        model.train(training)
