"""Shards to the batches of a run, each made when it is asked for.

    Shards (tokens, mask of conversation i) ──rows──> Schedule: conversations of batch 0, 1, 2 …
                                            ──tensors──> {"input_ids", "labels", …}

The batches of all epochs stand in one line; a step takes the next `accumulation x processes` of
them. So the place of a run in its data is the number of its step, and one process that accumulates
two batches sees in a step what two processes see.

A packed row holds conversations side by side, positions from 0 in each, and in the rest of the row
too: that is what keeps them apart, and an attention mask beside it would undo it. In a bucket each
conversation has a row, filled up on the right. It needs no attention mask either, as no token looks
at what comes after it, and without one the quicker kernels run. The first token of a conversation
is never a target: nothing stands before it that could foretell it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import Dataset

from wellread.errors import InputError
from wellread.train.batches import Plan, bucket, epoch_generator, pack

IGNORED = -100
Packing = Literal["packed", "bucketed"]
Numbers = npt.NDArray[np.int64]
# A multiple of this in the width of a batch suits the hardware.
_WIDTH_STEP = 8


class Conversations(Protocol):
    """What is read of shards: memory-mapped token ids, and 1 for each that is learned."""

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Tokens of each conversation."""

    def __len__(self) -> int: ...

    def tokens(self, index: int) -> npt.NDArray[Any]:
        """Ids of one."""

    def mask(self, index: int) -> npt.NDArray[np.uint8]:
        """Its mask."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How conversations are laid into tensors."""

    packing: Packing
    row_tokens: int
    batch_rows: int
    pad_id: int
    use_mask: bool = True
    seed: int = 0


class Schedule:
    """The conversations of every batch of every epoch; nothing is kept but the last plans."""

    def __init__(self, lengths: npt.NDArray[np.int64], layout: Layout) -> None:
        self._lengths = lengths
        self._layout = layout
        self._plans: dict[int, Plan] = {}
        first = self._plan(0)
        self.rows = len(first) if layout.packing == "packed" else len(lengths)
        self.fill = first.fill
        self.batches_per_epoch = math.ceil(self.rows / layout.batch_rows)

    def rows_of(self, batch: int) -> list[Numbers]:
        """For each row of a batch, the numbers of its conversations."""
        epoch, at = divmod(batch, self.batches_per_epoch)
        plan, size = self._plan(epoch), self._layout.batch_rows
        if self._layout.packing == "packed":
            return [plan[row] for row in range(at * size, min((at + 1) * size, self.rows))]
        return [number.reshape(1) for number in plan[at]]

    def _plan(self, epoch: int) -> Plan:
        if epoch not in self._plans:
            if len(self._plans) > 1:
                del self._plans[min(self._plans)]
            self._plans[epoch] = self._planned(epoch)
        return self._plans[epoch]

    def _planned(self, epoch: int) -> Plan:
        rng = epoch_generator(self._layout.seed, epoch)
        if self._layout.packing == "packed":
            return pack(self._lengths, self._layout.row_tokens, rng)
        return bucket(self._lengths, rng, batch_size=self._layout.batch_rows)


class Batches(Dataset[dict[str, Tensor]]):
    """Item i is the i-th batch of a run of `steps`, each of `per_step` batches, as tensors.

    The last step is as large as the others; the first `learned` batches hold the epochs asked for,
    and nothing is learned from those after.
    """

    def __init__(
        self,
        conversations: Conversations,
        schedule: Schedule,
        layout: Layout,
        *,
        steps: int,
        per_step: int = 1,
        learned: int | None = None,
    ) -> None:
        self._conversations = conversations
        self._schedule = schedule
        self._layout = layout
        self._count = steps * per_step
        self._per_step = per_step
        self._learned = self._count if learned is None else learned

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        batch = as_tensors(self._conversations, self._schedule.rows_of(index), self._layout)
        if index >= self._learned:
            batch["labels"].fill_(IGNORED)
        return batch

    def conversations_of_step(self, step: int) -> list[int]:
        """The numbers of all conversations of a step, the first being 1; rising."""
        rows = [row for batch in self._of_step(step) for row in self._schedule.rows_of(batch)]
        return sorted({int(number) for row in rows for number in row})

    def tokens_of_step(self, step: int) -> int:
        """Tokens of a step, padding left out."""
        rows = [row for batch in self._of_step(step) for row in self._schedule.rows_of(batch)]
        return int(self._conversations.lengths[np.concatenate(rows)].sum()) if rows else 0

    def epochs_after(self, step: int) -> float:
        """How often the conversations were learned from by then."""
        return min(step * self._per_step, self._learned) / self._schedule.batches_per_epoch

    def _of_step(self, step: int) -> range:
        start = (step - 1) * self._per_step
        return range(start, min(start + self._per_step, self._learned))


def only_item(items: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Collate a batch that was made whole already."""
    return items[0]


def as_tensors(
    conversations: Conversations, rows: Sequence[Numbers], layout: Layout
) -> dict[str, Tensor]:
    """One batch: ids, labels, and what tells its conversations apart, each [rows, width]."""
    width = _width(conversations, rows, layout)
    shape = (len(rows), width)
    ids = np.full(shape, layout.pad_id, np.int64)
    labels = np.full(shape, IGNORED, np.int64)
    positions = np.zeros(shape, np.int64)
    for r, row in enumerate(rows):
        at = 0
        for number in row.tolist():
            at = _lay(conversations, number, layout, ids[r], labels[r], positions[r], at)
        positions[r, at:] = np.arange(width - at)
    batch = {"input_ids": torch.from_numpy(ids), "labels": torch.from_numpy(labels)}
    if layout.packing == "packed":
        batch["position_ids"] = torch.from_numpy(positions)
    return batch


def _width(conversations: Conversations, rows: Sequence[Numbers], layout: Layout) -> int:
    """As wide as the fullest row, and never wider than a row may be."""
    fullest = max(int(conversations.lengths[row].sum()) for row in rows)
    return min(layout.row_tokens, -(-fullest // _WIDTH_STEP) * _WIDTH_STEP)


def _lay(
    conversations: Conversations,
    number: int,
    layout: Layout,
    ids: Numbers,
    labels: Numbers,
    positions: Numbers,
    at: int,
) -> int:
    """Write one conversation from `at` on; returns where it ends."""
    tokens = conversations.tokens(number)
    end = at + len(tokens)
    ids[at:end] = tokens
    positions[at:end] = np.arange(len(tokens))
    targets = labels[at + 1 : end]
    targets[:] = tokens[1:]
    if layout.use_mask:
        targets[conversations.mask(number)[1:] == 0] = IGNORED
    return end


def row_tokens(lengths: npt.NDArray[np.int64], asked: int | None, positions: int | None) -> int:
    """Tokens of a row: as `asked`, else 1,024 or what the longest needs.

    `positions` is what the model was made for. Raises InputError for a conversation that fits
    into no row, and a row that the model can't take.
    """
    longest = int(lengths.max())
    wanted = max(1024, -(-longest // 64) * 64)
    chosen = asked or min(wanted, positions or wanted)
    if positions and chosen > positions:
        raise InputError(
            f"max_seq_len is {chosen:,} and the model takes {positions:,} positions",
            hint=f"give --max-seq-len {positions}, or a new model more of them: max_positions",
        )
    if longest > chosen:
        over = int((lengths > chosen).sum())
        raise InputError(
            f"{_counted(over)} longer than a row of {chosen:,} tokens; the longest, conversation "
            f"{int(lengths.argmax())}, has {longest:,}",
            hint=f"{_longer(longest, positions)}prepare the dataset again with "
            f"--max-seq-len {chosen}, which shortens contexts and never answers",
        )
    return chosen


def _counted(number: int) -> str:
    return "1 conversation is" if number == 1 else f"{number:,} conversations are"


def _longer(longest: int, positions: int | None) -> str:
    return f"give --max-seq-len {longest}, or " if not positions or longest <= positions else ""
