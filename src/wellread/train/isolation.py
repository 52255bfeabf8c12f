"""Does a model keep conversations apart that share a row? Measured, never assumed.

    packing_leak(model) -> 0.0 for a transformer, about 1 for a model with a recurrent state

Attention that is told where a conversation starts (`position_ids` that begin again at 0, and no
attention mask) does not look beyond it. Recurrent states and short convolutions run on through the
row, silently. So before rows are packed:

1. two random documents A and B lie in one row, as packing would lay them;
2. A is replaced by other tokens: the logits of B must not move (`perturbed`);
3. B is run in a row of its own: its logits must be the same (`alone`).

Differences are in units of the logits' standard deviation, so that a tiny or fresh model is
measured as sharply as a trained one.

Letters in names of tensors: B rows, T positions, V vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from wellread.train.modes import in_mode

_LENGTHS = (19, 23)
# Step 2 compares sums of the same shape: equal to the bit where masked weights are exactly 0.
_PERTURBED = 1e-5
# Step 3 compares other shapes, hence other orders of summing; wrong positions move logits by 1.
_ALONE = {torch.float64: 1e-6, torch.float32: 1e-2, torch.float16: 0.1, torch.bfloat16: 0.5}


@dataclass(frozen=True, slots=True)
class Leak:
    """How far logits of a document moved, in standard deviations of the logits.

    `perturbed` when its neighbour in the row was replaced, `alone` against a row of its own.
    """

    perturbed: float
    alone: float


def measure_leak(model: nn.Module, *, rows: int = 2) -> Leak:
    """Pack random documents into `rows` rows and see whether they feel each other.

    `rows` matters: some attention kernels tell documents apart in a batch of one row only.
    """
    with in_mode(model, training=False):
        first_BT, other_BT = _documents(model, rows, _LENGTHS[0], 2)
        second_BT = _documents(model, rows, _LENGTHS[1], 1)[0]
        packed_BTV = _logits(model, (first_BT, second_BT))
        changed_BTV = _logits(model, (other_BT, second_BT))
        alone_BTV = _logits(model, (second_BT,))
    scale = alone_BTV.std().clamp_min(1e-12)
    perturbed = (packed_BTV - changed_BTV).abs().max() / scale
    alone = (packed_BTV - alone_BTV).abs().max() / scale
    return Leak(float(perturbed), float(alone))


def packing_leak(model: nn.Module, *, rows: int = 2) -> float:
    """The larger of the two differences of `measure_leak`; numeric noise where packing is safe."""
    leak = measure_leak(model, rows=rows)
    return max(leak.perturbed, leak.alone)


def packs_safely(model: nn.Module, *, rows: int = 2) -> bool:
    """Whether documents in one row leave each other's logits as they are.

    A model that cannot run on packed rows at all, or gives no number, does not.
    """
    try:
        leak = measure_leak(model, rows=rows)
    except (ValueError, RuntimeError, NotImplementedError):
        return False
    return leak.perturbed <= _PERTURBED and leak.alone <= _ALONE[_dtype(model)]


def padding_leak(model: nn.Module) -> float:
    """How far logits move when a row is filled up on the right, under an attention mask.

    In standard deviations of the logits; numeric noise in every family that transformers has.
    """
    with in_mode(model, training=False):
        document_BT = _documents(model, 1, _LENGTHS[0], 1)[0]
        longer_BT = _documents(model, 1, _LENGTHS[1], 1)[0]
        fill_BT = torch.zeros_like(longer_BT[:, _LENGTHS[0] :])
        input_BT = torch.cat([torch.cat([document_BT, fill_BT], dim=1), longer_BT])
        mask_BT = torch.ones_like(input_BT)
        mask_BT[0, _LENGTHS[0] :] = 0
        padded = model(input_ids=input_BT, attention_mask=mask_BT, use_cache=False)
        alone = model(input_ids=document_BT, use_cache=False)
    padded_BTV = padded.logits[:1, : _LENGTHS[0]].float()
    alone_BTV = alone.logits.float()
    return float((padded_BTV - alone_BTV).abs().max() / alone_BTV.std().clamp_min(1e-12))


def _dtype(model: nn.Module) -> torch.dtype:
    kinds = (p.dtype for p in model.parameters())
    return next((kind for kind in kinds if kind in _ALONE), torch.float32)


def _documents(model: nn.Module, rows: int, length: int, count: int) -> list[Tensor]:
    """Random ids [B, T]; from a generator of their own."""
    device = next(model.parameters()).device
    vocabulary = model.get_input_embeddings().weight.shape[0]
    generator = torch.Generator().manual_seed(length)
    shape = (count, rows, length)
    return list(torch.randint(vocabulary, shape, generator=generator).to(device))


def _logits(model: nn.Module, parts_BT: tuple[Tensor, ...]) -> Tensor:
    """Logits [B, T, V] of the last part, all parts in one row, positions from 0 in each."""
    input_BT = torch.cat(parts_BT, dim=1)
    positions_T = torch.cat([torch.arange(part.shape[1]) for part in parts_BT])
    positions_BT = positions_T.expand_as(input_BT).to(input_BT.device)
    logits_BTV: Tensor = model(
        input_ids=input_BT, position_ids=positions_BT, use_cache=False
    ).logits
    return logits_BTV[:, -parts_BT[-1].shape[1] :].float()
