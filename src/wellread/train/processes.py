"""The processes of one run: one alone, or those that torchrun started."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, distributed

from wellread.errors import InputError


@dataclass(frozen=True, slots=True)
class Processes:
    """Which of how many this is, and on what device it computes."""

    rank: int
    count: int
    device: torch.device
    group: Any = None
    """Where tensors of the CPU are exchanged; None is the default group."""

    @property
    def first(self) -> bool:
        """Whether this is the one that speaks and writes."""
        return self.rank == 0

    @property
    def backend(self) -> str | None:
        """How they talk to each other; None for one alone."""
        if self.count == 1:
            return None
        return "nccl" if self.device.type == "cuda" else "gloo"

    def wait(self) -> None:
        """Go on when all have come here."""
        if self.count > 1:
            distributed.barrier()

    def total(self, values: Tensor) -> Tensor:
        """The sum over all processes."""
        if self.count > 1:
            values = values.to(self.device)
            distributed.all_reduce(values)
        return values

    def largest(self, value: int) -> int:
        """The largest that any process gave, told without waiting for the device."""
        if self.count == 1:
            return value
        told = torch.tensor([value])
        distributed.all_reduce(told, distributed.ReduceOp.MAX, group=self.group)
        return int(told)


def join_processes(device: Literal["auto", "cpu", "cuda"]) -> Processes:
    """Find the others, told by the environment that torchrun sets."""
    rank, count = _number("RANK", 0), _number("WORLD_SIZE", 1)
    chosen = _device(device)
    if count > 1 and not distributed.is_initialized():
        distributed.init_process_group(Processes(rank, count, chosen).backend)
    needs_own = count > 1 and chosen.type == "cuda"  # NCCL exchanges tensors of the GPU alone
    group = distributed.new_group(backend="gloo") if needs_own else None
    return Processes(rank, count, chosen, group)


def is_first() -> bool:
    """Whether this process speaks, told without torch being set up."""
    return _number("RANK", 0) == 0


def _number(name: str, default: int) -> int:
    value = os.environ.get(name, "")
    return int(value) if value.isdigit() else default


def _device(name: str) -> torch.device:
    if name == "cpu" or (name == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise InputError("device is cuda, and torch sees no GPU", hint="leave --device out")
    device = torch.device("cuda", _number("LOCAL_RANK", 0))
    torch.cuda.set_device(device)
    return device
