"""Memory of a run: an estimate before it starts, and words where it was not enough."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn

from wellread.errors import TrainingError
from wellread.train.settings import TrainSettings

_FLOAT32 = 4
# Of a layer, in multiples of what flows between layers: what its backward pass needs (Korthikanti
# et al. 2022 count 34 bytes a value with attention that keeps no scores, at two bytes each).
_KEPT_PER_LAYER = 17
_KEPT_CHECKPOINTED = 1


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes that one device needs, about: weights, gradients and optimizer, activations."""

    weights: int
    training: int
    activations: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.weights + self.training + self.activations


def estimate(
    model: nn.Module, settings: TrainSettings, *, cells: int, learned: float, bytes_per_value: int
) -> Memory:
    """Memory for batches of `cells` positions, a share `learned` of which have logits."""
    held = sum(p.numel() * p.element_size() for p in model.parameters())
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    config = model.config.get_text_config()
    kept = _KEPT_CHECKPOINTED if settings.gradient_checkpointing else _KEPT_PER_LAYER
    stream = cells * int(config.hidden_size) * bytes_per_value
    layers = kept * int(config.num_hidden_layers) + _KEPT_PER_LAYER
    logits = 3 * _FLOAT32 * cells * (1.0 if settings.compile else learned) * config.vocab_size
    return Memory(held, 3 * _FLOAT32 * trained, int(stream * layers + logits))


@contextmanager
def out_of_memory_told(settings: TrainSettings, row_tokens: int, device: str) -> Iterator[None]:
    """Turn the library's words into ours: what was in use, and which options help."""
    try:
        yield
    except (torch.OutOfMemoryError, RuntimeError) as error:
        if not _is_memory(error):
            raise
        raise TrainingError(
            f"out of memory on {device} with device_batch_size {settings.device_batch_size}, rows "
            f"of {row_tokens:,} tokens, gradient_checkpointing "
            f"{'on' if settings.gradient_checkpointing else 'off'}, lora "
            f"{'on' if settings.lora else 'off'}",
            hint=_advice(settings, row_tokens),
        ) from error


def _is_memory(error: Exception) -> bool:
    words = ("out of memory", "can't allocate memory", "cannot allocate memory")
    return isinstance(error, torch.OutOfMemoryError) or any(w in str(error).lower() for w in words)


def _advice(settings: TrainSettings, row_tokens: int) -> str:
    smaller = max(1, settings.device_batch_size // 2)
    ways = []
    if settings.device_batch_size > 1:
        ways.append(f"--device-batch-size {smaller} (a step stays as large, in more parts)")
    if not settings.gradient_checkpointing:
        ways.append("--gradient-checkpointing")
    if not settings.lora:
        ways.append("--lora")
    ways.append(f"--max-seq-len {row_tokens // 2} (with a dataset prepared for it)")
    return "try one of: " + ", ".join(ways)
