"""What a run will do, before it does it: rows, steps, and memory.

Steps: does the model keep neighbours in a row apart (`isolation`) -> packed rows or buckets -> the
schedule of batches -> how many make a step -> how many steps.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import nn

from wellread.errors import InputError
from wellread.train.data import Layout, Packing, Schedule, row_tokens
from wellread.train.isolation import measure_leak, packing_leak, packs_safely
from wellread.train.memory import Largest, Memory, estimate
from wellread.train.prepared import Prepared, lengths_of
from wellread.train.settings import TrainSettings

# Standard deviations of the logits: what rounding may move, where a leak moves them by about 1.
_PERTURBED = 1e-4
_ALONE_BFLOAT16 = 0.5


@dataclass(frozen=True, slots=True)
class TrainPlan:
    """The size of a run; `reason` says why rows are laid as they are.

    `memory` is foretold by `plan_sft` alone, as it takes a few forward passes.
    """

    parameters: int
    trained_parameters: int
    packing: Packing
    reason: str
    row_tokens: int
    conversations: int
    tokens: int
    rows: int
    fill: float
    batch_rows: int
    accumulation: int
    processes: int
    steps: int
    epochs: float
    memory: Memory | None = None

    @property
    def rows_per_step(self) -> int:
        """Rows of a step, on all processes together."""
        return self.batch_rows * self.accumulation * self.processes


def choose_packing(
    model: nn.Module, settings: TrainSettings, *, bfloat16: bool = False
) -> tuple[Packing, str]:
    """Packed or bucketed, and why; InputError where packing is asked of a model that leaks."""
    if settings.packing == "bucketed":
        return "bucketed", "as asked"
    if packs_safely(model) or (bfloat16 and _packs_in_bfloat16(model)):
        return "packed", "the model keeps the conversations of a row apart"
    kind = str(model.config.model_type)
    if settings.packing == "packed":
        raise InputError(
            f"packing is packed, and this {kind} lets conversations of a row see each other"
            f"{_measured(model)}",
            hint="leave --packing out: it takes buckets then, which are right for every model",
        )
    return "bucketed", f"packed, this {kind} would let conversations of a row see each other"


def _packs_in_bfloat16(model: nn.Module) -> bool:
    """The same check with the numbers of training, which flash kernels need to run at all."""
    device = next(model.parameters()).device.type
    try:
        with torch.autocast(device, dtype=torch.bfloat16):
            leak = measure_leak(model)
    except (ValueError, RuntimeError, NotImplementedError):
        return False
    return leak.perturbed <= _PERTURBED and leak.alone <= _ALONE_BFLOAT16


def _measured(model: nn.Module) -> str:
    try:
        leak = packing_leak(model)
    except (ValueError, RuntimeError, NotImplementedError):
        return ""
    return f": logits move by {leak:.2g} of their deviation when a neighbour changes"


def positions_of(model: nn.Module) -> int | None:
    """Positions that a model was made for, where it says so."""
    config = model.config.get_text_config()
    found = getattr(config, "max_position_embeddings", None)
    return int(found) if found else None


def lay_out(
    settings: TrainSettings, dataset: Prepared, packing: Packing, positions: int | None
) -> Layout:
    """How the conversations are laid into rows; InputError for one that fits into none."""
    return Layout(
        packing=packing,
        row_tokens=row_tokens(lengths_of(dataset.train), settings.max_seq_len, positions),
        batch_rows=settings.device_batch_size,
        pad_id=dataset.codec.pad_id,
        use_mask=settings.use_loss_mask,
        seed=settings.seed,
    )


def plan_run(
    settings: TrainSettings,
    dataset: Prepared,
    model: nn.Module,
    layout: Layout,
    schedule: Schedule,
    *,
    reason: str,
    processes: int,
) -> TrainPlan:
    """Count the steps of a run."""
    lengths = lengths_of(dataset.train)
    accumulation = settings.grad_accum_steps or _accumulation(
        settings, schedule, len(lengths), processes
    )
    wanted = math.ceil(settings.num_epochs * schedule.batches_per_epoch)
    steps = settings.max_iters or max(1, math.ceil(wanted / (accumulation * processes)))
    batches = steps * accumulation * processes if settings.max_iters else wanted
    return TrainPlan(
        parameters=sum(p.numel() for p in model.parameters()),
        trained_parameters=sum(p.numel() for p in model.parameters() if p.requires_grad),
        packing=layout.packing,
        reason=reason,
        row_tokens=layout.row_tokens,
        conversations=len(lengths),
        tokens=int(lengths.sum()),
        rows=schedule.rows,
        fill=schedule.fill,
        batch_rows=layout.batch_rows,
        accumulation=accumulation,
        processes=processes,
        steps=steps,
        epochs=batches / schedule.batches_per_epoch,
    )


def foretell_memory(
    settings: TrainSettings,
    dataset: Prepared,
    model: nn.Module,
    layout: Layout,
    schedule: Schedule,
    *,
    bfloat16: bool,
) -> Memory:
    """Memory of a run on one device, about."""
    longest = int(lengths_of(dataset.train).max())
    batch = Largest(
        rows=min(layout.batch_rows, schedule.rows),
        width=layout.row_tokens if layout.packing == "packed" else longest,
        learned=_learned_share(dataset),
        packing=layout.packing,
    )
    return estimate(model, settings, batch, bfloat16=bfloat16)


def _accumulation(
    settings: TrainSettings, schedule: Schedule, conversations: int, processes: int
) -> int:
    """Batches of a device whose conversations come nearest to `target_examples_per_step`."""
    per_batch = conversations / schedule.rows * min(settings.device_batch_size, schedule.rows)
    return max(1, round(settings.target_examples_per_step / (per_batch * processes)))


def _learned_share(dataset: Prepared, looked_at: int = 200) -> float:
    """Share of tokens that are learned, in the first conversations."""
    masks = [dataset.train.mask(i) for i in range(min(looked_at, len(dataset.train)))]
    return sum(int(m.sum()) for m in masks) / max(1, sum(len(m) for m in masks))
