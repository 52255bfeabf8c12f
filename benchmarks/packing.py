"""How full rows and batches are, and what a plan costs, by ways to lay conversations into them.

    python benchmarks/packing.py                        # 20,000 log-normal lengths, mean 1,071
    python benchmarks/packing.py DATASET --row 4096     # a folder that wellread prepare wrote

Ways, side by side on the same lengths: a row for each conversation, rows filled in the order of
the dataset (a conversation that does not fit opens the next row), best-fit-decreasing as
`wellread.train.batches.pack` does it, and buckets of equal lengths as `bucket` makes them. `row` is
the longest conversation and the width of a row. Times are CPU times, the least of five runs.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from wellread.train.batches import bucket, epoch_generator, pack

Lengths = npt.NDArray[np.int64]
RUNS = 5


def log_normal(count: int, mean: float, spread: float, row: int) -> Lengths:
    """Lengths of at most `row`, drawn again where they are longer."""
    rng, drawn = np.random.default_rng(0), np.empty(0, np.int64)
    while len(drawn) < count:
        more = np.ceil(rng.lognormal(np.log(mean) - spread**2 / 2, spread, count)).astype(np.int64)
        drawn = np.concatenate([drawn, more[more <= row]])
    return drawn[:count]


def read_lengths(folder: Path) -> Lengths:
    """Tokens of each conversation in the shards below ``train/``."""
    files = sorted((folder / "train").glob("shard_*_index.npy"))
    return np.concatenate([np.diff(np.load(file, allow_pickle=False)) for file in files])


def padded(lengths: Lengths, row: int) -> tuple[int, float]:
    """Rows and fill where each conversation has a row of full width."""
    return len(lengths), float(lengths.sum()) / (len(lengths) * row)


def in_order(lengths: Lengths, row: int) -> tuple[int, float]:
    """Rows and fill where rows are filled in the order of the dataset."""
    rows, used = 1, 0
    for length in lengths.tolist():
        if used + length > row:
            rows, used = rows + 1, 0
        used += length
    return rows, float(lengths.sum()) / (rows * row)


def packed(lengths: Lengths, row: int) -> tuple[int, float]:
    """Rows and fill of best-fit-decreasing."""
    plan = pack(lengths, row, epoch_generator(0, 0))
    return len(plan), plan.fill


def bucketed(lengths: Lengths, _: int) -> tuple[int, float]:
    """Batches of eight and fill of length buckets."""
    plan = bucket(lengths, epoch_generator(0, 0), batch_size=8)
    return len(plan), plan.fill


WAYS: dict[str, Callable[[Lengths, int], tuple[int, float]]] = {
    "a row each": padded,
    "in order": in_order,
    "best-fit-decreasing": packed,
    "buckets of 8": bucketed,
}


def timed(way: Callable[[Lengths, int], tuple[int, float]], lengths: Lengths, row: int) -> float:
    """CPU milliseconds, the least of some runs."""
    best = float("inf")
    for _ in range(RUNS):
        start = time.process_time()
        way(lengths, row)
        best = min(best, time.process_time() - start)
    return best * 1000


def main() -> None:
    """Print one line a way."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("dataset", nargs="?", type=Path)
    parser.add_argument("--row", type=int, default=4096)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--mean", type=float, default=1071)
    parser.add_argument("--spread", type=float, default=0.8)
    options = parser.parse_args()
    if options.dataset:
        lengths = read_lengths(options.dataset)
        lengths = lengths[lengths <= options.row]
    else:
        lengths = log_normal(options.count, options.mean, options.spread, options.row)
    print(
        f"{len(lengths):,} conversations, {lengths.sum():,} tokens, mean {lengths.mean():,.0f}, "
        f"longest {lengths.max():,}; rows of {options.row:,}"
    )
    print(f"{'way':22}{'rows or batches':>16}{'fill':>9}{'cells, of best':>16}{'CPU ms':>9}")
    best = packed(lengths, options.row)[1]
    for name, way in WAYS.items():
        rows, fill = way(lengths, options.row)
        cost = timed(way, lengths, options.row)
        print(f"{name:22}{rows:16,}{fill:9.1%}{best / fill:15.2f}x{cost:9.1f}")


if __name__ == "__main__":
    main()
