"""Which conversations share a row or a batch, planned from their lengths alone.

    lengths [n] ──pack──> Plan: rows of at most `row_tokens`, conversations side by side
            [n] ──bucket─> Plan: batches of about equal lengths, each padded on the right

Packing wastes least and is for models that keep neighbours in a row apart (`isolation`); buckets
are right for every model. A plan holds every conversation exactly once, whole, and depends on
nothing but the lengths, the options and the generator: `epoch_generator(seed, epoch)` makes it the
same on every run and every rank.

Steps of `pack`: longest first, each into the fullest open row that still has room (best-fit
decreasing) -> shuffle inside rows -> shuffle rows. Steps of `bucket`: shuffle -> sort by length in
groups of some batches -> cut -> shuffle, the batch with the most cells first, so that too little
memory shows at the first step.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from wellread.errors import InputError

Lengths = Sequence[int] | npt.NDArray[np.integer]
Numbers = npt.NDArray[np.int64]

# Batches whose conversations are sorted together: more fill better and mix less.
_SORTED_TOGETHER = 200
_PLAN = 0x9A7C


@dataclass(frozen=True, slots=True, eq=False)
class Plan(Sequence[Numbers]):
    """Rows, or batches: ``plan[i]`` are the numbers of the conversations in the i-th.

    ``members[starts[i]:starts[i + 1]]`` is the same. `cells` are the positions each takes with its
    padding, `tokens` the positions of all that hold a token.
    """

    members: Numbers
    starts: Numbers
    cells: Numbers
    tokens: int = field(default=0)

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, index: int) -> Numbers:  # type: ignore[override]  # no slices
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        index %= len(self)
        return self.members[self.starts[index] : self.starts[index + 1]]

    @property
    def fill(self) -> float:
        """Share of positions that hold a token."""
        return self.tokens / max(1, int(self.cells.sum()))


def epoch_generator(seed: int, epoch: int) -> np.random.Generator:
    """The randomness of one epoch's plan."""
    return np.random.default_rng((_PLAN, seed, epoch))


def pack(lengths: Lengths, row_tokens: int, rng: np.random.Generator) -> Plan:
    """Put whole conversations into as few rows of `row_tokens` as best-fit-decreasing needs.

    The number of rows is the same for every generator: it only decides between equal lengths and
    equal rooms. Raises InputError where one is longer than a row: cutting it would lose an answer.
    """
    sizes = _checked(lengths)
    _refuse_longer(sizes, row_tokens)
    order = rng.permutation(len(sizes))
    order = order[np.argsort(-sizes[order], kind="stable")]
    rows, count = _best_fit(sizes[order].tolist(), row_tokens)
    place = rng.permutation(count)[rows]  # a shuffled row for each conversation of `order`
    by_row = np.lexsort((rng.random(len(order)), place))
    counts = np.bincount(place, minlength=count)
    cells = np.full(count, row_tokens, np.int64)
    return Plan(order[by_row], _starts(counts), cells, int(sizes.sum()))


def _best_fit(sizes: Sequence[int], row_tokens: int) -> tuple[Numbers, int]:
    """The row of each of `sizes`, which fall, and how many rows there are.

    `spaces` are the different rooms left in open rows, rising; `waiting` the rows with each.
    """
    spaces: list[int] = []
    waiting: dict[int, list[int]] = {}
    rows = np.empty(len(sizes), np.int64)
    count = 0
    for number, size in enumerate(sizes):
        at = bisect_left(spaces, size)
        if at == len(spaces):
            row, space = count, row_tokens
            count += 1
        else:
            space = spaces[at]
            row = waiting[space].pop()
            if not waiting[space]:
                del waiting[space], spaces[at]
        rows[number] = row
        left = space - size
        if left in waiting:
            waiting[left].append(row)
        else:
            waiting[left] = [row]
            insort(spaces, left)
    return rows, count


def bucket(
    lengths: Lengths,
    rng: np.random.Generator,
    *,
    batch_size: int | None = None,
    batch_tokens: int | None = None,
) -> Plan:
    """Batches of conversations of about equal length, each as wide as its longest.

    A batch holds `batch_size` conversations, and one holds what is left; or it holds as many as
    fit into `batch_tokens` positions with the padding. Raises InputError where one conversation
    alone is over `batch_tokens`.
    """
    if (batch_size is None) == (batch_tokens is None):
        raise InputError("buckets need either batch_size or batch_tokens", hint="give one of them")
    sizes = _checked(lengths)
    if batch_tokens is not None:
        _refuse_longer(sizes, batch_tokens, "batch_tokens")
    elif batch_size is not None and batch_size < 1:
        raise InputError(f"batch_size is {batch_size}, and must be 1 or more")
    per_batch = batch_size or max(1, (batch_tokens or 1) * len(sizes) // max(1, int(sizes.sum())))
    order = _sorted_in_groups(sizes, per_batch * _SORTED_TOGETHER, rng)
    starts = _cuts(sizes[order], batch_size, batch_tokens)
    return _shuffled(sizes, order, starts, rng)


def _sorted_in_groups(sizes: Numbers, group: int, rng: np.random.Generator) -> Numbers:
    """All numbers at random, but longest first within every `group` of them."""
    order = rng.permutation(len(sizes))
    return order[np.lexsort((-sizes[order], np.arange(len(sizes)) // group))]


def _cuts(sizes: Numbers, batch_size: int | None, batch_tokens: int | None) -> Numbers:
    """Where batches start in `sizes`, with the end."""
    if batch_size is not None:
        return np.append(np.arange(0, len(sizes), batch_size), len(sizes))
    cuts, start, width = [0], 0, 0
    for at, size in enumerate(sizes.tolist()):
        width = max(width, size)
        if width * (at + 1 - start) > (batch_tokens or 0):
            cuts.append(at)
            start, width = at, size
    return np.asarray([*cuts, len(sizes)] if len(sizes) else [0], np.int64)


def _shuffled(sizes: Numbers, order: Numbers, starts: Numbers, rng: np.random.Generator) -> Plan:
    """The batches in random order, the one with the most cells first."""
    counts = np.diff(starts)
    if not len(counts):
        return Plan(order, _starts(counts), counts, 0)
    cells = np.maximum.reduceat(sizes[order], starts[:-1]) * counts
    turn = rng.permutation(len(counts))
    largest = int(np.argmax(cells[turn]))
    turn[[0, largest]] = turn[[largest, 0]]
    members = np.concatenate([order[starts[i] : starts[i + 1]] for i in turn])
    return Plan(members, _starts(counts[turn]), cells[turn], int(sizes.sum()))


def _starts(counts: npt.NDArray[np.integer]) -> Numbers:
    return np.concatenate(([0], np.cumsum(counts, dtype=np.int64))).astype(np.int64)


def _checked(lengths: Lengths) -> Numbers:
    sizes = np.asarray(lengths, dtype=np.int64).reshape(-1)
    if len(sizes) and sizes.min() < 1:
        at = int(np.argmin(sizes))
        raise InputError(
            f"conversation {at} holds {sizes[at]} tokens", hint="prepare the dataset again"
        )
    return sizes


def _refuse_longer(sizes: Numbers, most: int, option: str = "max_seq_len") -> None:
    if len(sizes) and sizes.max() > most:
        at, over = int(np.argmax(sizes)), int((sizes > most).sum())
        raise InputError(
            f"conversation {at} holds {sizes[at]:,} tokens and {option} is {most:,}"
            + (f"; {over:,} conversations are longer than that" if over > 1 else ""),
            hint=f"raise {option} to {sizes[at]}, or prepare the dataset again for {most} tokens, "
            "which shortens contexts and never answers",
        )
