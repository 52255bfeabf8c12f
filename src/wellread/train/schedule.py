"""The learning rate over the steps of a run, and which weights decay."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.optim import AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR

from wellread.train.settings import TrainSettings

# Of a Mamba mixer: logarithms of decay rates and skip weights, which are no matrices at heart.
_NEVER_DECAYED = ("A_log", "D", "dt_bias")


def warmup_steps(settings: TrainSettings, steps: int) -> int:
    """Steps in which the learning rate rises."""
    asked = settings.warmup * steps if settings.warmup < 1 else settings.warmup
    return min(steps - 1, round(asked))


def rate_at(step: int, steps: int, settings: TrainSettings) -> float:
    """Share of the learning rate at `step`, the first being 0; the last is above none."""
    warmup = warmup_steps(settings, steps)
    if step < warmup:
        return (step + 1) / (warmup + 1)
    left = max(0.0, (steps - step) / max(1, steps - warmup))
    if settings.lr_decay == "constant":
        return 1.0
    falling = left if settings.lr_decay == "linear" else (1 - math.cos(math.pi * left)) / 2
    return settings.min_lr_ratio + (1 - settings.min_lr_ratio) * falling


def make_scheduler(optimizer: Optimizer, settings: TrainSettings, steps: int) -> LambdaLR:
    """The schedule of a run of `steps`."""
    return LambdaLR(optimizer, lambda step: rate_at(step, steps, settings))


def make_optimizer(model: nn.Module, settings: TrainSettings) -> Optimizer:
    """AdamW (Loshchilov and Hutter 2019) over what is trained; matrices decay."""
    trained = [(name, weight) for name, weight in model.named_parameters() if weight.requires_grad]
    decayed = [weight for name, weight in trained if _decays(name, weight)]
    others = [weight for name, weight in trained if not _decays(name, weight)]
    groups = [
        {"params": decayed, "weight_decay": settings.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return AdamW(
        [group for group in groups if group["params"]],
        lr=settings.learning_rate,
        betas=(settings.adam_beta1, settings.adam_beta2),
        eps=settings.adam_epsilon,
        fused=True,
    )


def _decays(name: str, weight: torch.Tensor) -> bool:
    return weight.ndim >= 2 and name.rpartition(".")[2] not in _NEVER_DECAYED
