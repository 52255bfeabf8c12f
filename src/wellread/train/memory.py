"""Memory of a run: an estimate before it starts, and words where it was not enough.

How much a forward pass keeps for the backward pass differs by family, attention kernel, dropout,
precision and adapter, so it is measured: rows of at most 512 tokens go through the model, what
autograd saves is counted, and that is scaled to the rows of a batch and their width. What is
foretold is

    weights + gradients and two moments of Adam + kept activations + logits three times over

and with gradient checkpointing, in place of the last two, what flows between layers and the larger
of the logits and what one layer keeps.

On a CPU the program itself, its libraries and buffers, come on top (about 0.4 GiB).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from wellread.errors import TrainingError
from wellread.train.data import Packing
from wellread.train.modes import in_mode
from wellread.train.settings import TrainSettings

_FLOAT32 = 4
# Longest row that is measured; a multiple of what recurrent layers compute at a time.
_PROBED_TOKENS = 512


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


@dataclass(frozen=True, slots=True)
class Largest:
    """The largest batch of a run; a share `learned` of its positions has logits."""

    rows: int
    width: int
    learned: float
    packing: Packing


def estimate(
    model: nn.Module, settings: TrainSettings, batch: Largest, *, bfloat16: bool
) -> Memory:
    """Memory for steps of such batches; a few rows go forward through the model."""
    held = sum(p.numel() * p.element_size() for p in model.parameters())
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    config = model.config.get_text_config()
    layers, cells = int(config.num_hidden_layers), batch.rows * batch.width
    share = 1.0 if settings.compile or not settings.use_loss_mask else batch.learned
    logits = 3 * _FLOAT32 * cells * share * config.vocab_size
    once, row = _kept(model, batch, bfloat16=bfloat16)
    kept = once + batch.rows * row
    if settings.gradient_checkpointing:
        between = cells * int(config.hidden_size) * next(model.parameters()).element_size()
        activations = between * layers + max(logits, kept / layers)
    else:
        activations = kept + logits
    return Memory(held, 3 * _FLOAT32 * trained, int(activations))


def _kept(model: nn.Module, batch: Largest, *, bfloat16: bool) -> tuple[float, float]:
    """Bytes kept for the backward pass: once, and for each row of a batch."""

    def probed(rows: int, width: int) -> int:
        return _saved_bytes(model, rows, width, packed=batch.packing == "packed", bfloat16=bfloat16)

    near = min(batch.width, _PROBED_TOKENS)
    one, two = probed(1, near), probed(2, near)
    once, row = max(0.0, 2 * one - two), float(two - one)
    if near < batch.width:
        # Attention may keep a square of scores or a mask: row = a * near + square * near ** 2.
        half = probed(1, near // 2) - once
        square = max(0.0, (row - 2 * half) * 2 / near**2)
        row = (row / near - square * near) * batch.width + square * batch.width**2
    return once, row


def _saved_bytes(model: nn.Module, rows: int, width: int, *, packed: bool, bfloat16: bool) -> int:
    """What autograd keeps of a forward pass in training, weights and buffers left out."""
    ids_BT = torch.zeros((rows, width), dtype=torch.long, device=next(model.parameters()).device)
    inputs = {"input_ids": ids_BT}
    if packed:  # two conversations, as one alone may go another way
        inputs["position_ids"] = (torch.arange(width) % -(-width // 2)).expand(rows, -1).to(ids_BT)
    held = {t.untyped_storage().data_ptr() for t in [*model.parameters(), *model.buffers()]}
    sizes: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in held:
            sizes[storage.data_ptr()] = storage.nbytes()
        return tensor

    with (
        in_mode(model, training=True),
        torch.autocast(ids_BT.device.type, torch.bfloat16, enabled=bfloat16),
        torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
    ):
        output = model(**inputs, use_cache=False)  # holds what is saved until it is counted
        saved = sum(sizes.values())
    del output
    return saved


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
