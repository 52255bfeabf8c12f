"""A model in another mode for a while, to look at it and leave no trace."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def in_mode(model: nn.Module, *, training: bool) -> Iterator[None]:
    """With dropout and gradients, or without either; modes and randomness are put back."""
    modes = [(module, module.training) for module in model.modules()]
    device = next(model.parameters()).device
    devices = [device] if device.type == "cuda" else []
    try:
        with torch.random.fork_rng(devices=devices), torch.set_grad_enabled(training):
            model.train(training)
            yield
    finally:
        for module, mode in modes:
            module.training = mode
