"""Plans of rows and batches: nothing lost, nothing cut, little wasted, the same every time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wellread.errors import InputError
from wellread.train.batches import Plan, bucket, epoch_generator, pack

ROW = 64
lengths_of = st.lists(st.integers(1, ROW), max_size=200)
numbers_of = st.integers(0, 2**32)


def log_normal(count: int, mean: float, most: int, spread: float = 0.8) -> np.ndarray:
    """Lengths like those of conversations with passages."""
    draws = np.random.default_rng(0).lognormal(np.log(mean) - spread**2 / 2, spread, 3 * count)
    fitting = draws[draws < most]
    return np.ceil(fitting[:count]).astype(np.int64)


def slow_best_fit(lengths: Sequence[int], row_tokens: int) -> list[int]:
    """What the rows hold by the definition: each, longest first, to the fullest row with room."""
    held: list[int] = []
    for length in sorted(lengths, reverse=True):
        fitting = [row for row, used in enumerate(held) if used + length <= row_tokens]
        if fitting:
            held[max(fitting, key=lambda row: held[row])] += length
        else:
            held.append(length)
    return sorted(held)


def holds_each_once(plan: Plan, count: int) -> bool:
    return sorted(number for row in plan for number in row.tolist()) == list(range(count))


def same(one: Plan, other: Plan) -> bool:
    return len(one) == len(other) and all(map(np.array_equal, one, other))


@given(lengths_of, numbers_of)
def test_packing_keeps_every_conversation_once_and_every_row_fits(
    lengths: list[int], seed: int
) -> None:
    plan = pack(lengths, ROW, np.random.default_rng(seed))
    assert holds_each_once(plan, len(lengths))
    assert all(0 < sum(lengths[number] for number in row) <= ROW for row in plan)
    assert plan.tokens == sum(lengths)
    assert plan.cells.tolist() == [ROW] * len(plan)


@given(lengths_of, numbers_of)
def test_packing_fills_rows_as_the_definition_of_best_fit_decreasing_does(
    lengths: list[int], seed: int
) -> None:
    plan = pack(lengths, ROW, np.random.default_rng(seed))
    held = sorted(sum(lengths[number] for number in row) for row in plan)
    assert held == slow_best_fit(lengths, ROW)


@given(lengths_of, numbers_of, st.integers(1, 9))
def test_buckets_of_a_size_keep_every_conversation_once(
    lengths: list[int], seed: int, size: int
) -> None:
    plan = bucket(lengths, np.random.default_rng(seed), batch_size=size)
    assert holds_each_once(plan, len(lengths))
    counts = sorted(len(batch) for batch in plan)
    assert counts[1:] == [size] * (len(counts) - 1)
    assert len(plan) == -(-len(lengths) // size)


@given(lengths_of, numbers_of, st.integers(ROW, 8 * ROW))
def test_buckets_of_tokens_keep_every_conversation_once_and_never_exceed_them(
    lengths: list[int], seed: int, tokens: int
) -> None:
    plan = bucket(lengths, np.random.default_rng(seed), batch_tokens=tokens)
    assert holds_each_once(plan, len(lengths))
    widths = [max(lengths[number] for number in batch) for batch in plan]
    cells = [width * len(batch) for width, batch in zip(widths, plan, strict=True)]
    assert plan.cells.tolist() == cells
    assert all(cell <= tokens for cell in cells)


def test_a_batch_of_tokens_is_full_to_the_last_position_and_no_further() -> None:
    def counts(tokens: int) -> list[int]:
        plan = bucket([5, 5, 5], epoch_generator(0, 0), batch_tokens=tokens)
        return [len(batch) for batch in plan]

    assert (counts(15), counts(14), counts(5)) == ([3], [2, 1], [1, 1, 1])


@settings(max_examples=30)
@given(lengths_of, numbers_of, st.integers(0, 5))
def test_a_plan_is_the_same_for_the_same_seed_and_epoch(
    lengths: list[int], seed: int, epoch: int
) -> None:
    def plans(epoch: int) -> list[Plan]:
        return [
            pack(lengths, ROW, epoch_generator(seed, epoch)),
            bucket(lengths, epoch_generator(seed, epoch), batch_size=4),
            bucket(lengths, epoch_generator(seed, epoch), batch_tokens=256),
        ]

    assert all(map(same, plans(epoch), plans(epoch)))


def test_epochs_and_seeds_differ_in_who_shares_a_row_and_not_in_how_many_rows() -> None:
    lengths = log_normal(500, 20, ROW)
    plans = [
        pack(lengths, ROW, epoch_generator(seed, epoch))
        for seed, epoch in ((1, 0), (1, 1), (2, 0), (0, 1))
    ]
    shared = [{frozenset(row.tolist()) for row in plan} for plan in plans]
    assert len({frozenset(rows) for rows in shared}) == len(plans)
    assert len({len(plan) for plan in plans}) == 1


def test_rows_are_shuffled_so_that_a_step_sees_long_and_short_conversations() -> None:
    lengths = log_normal(5000, 500, 4096)
    plan = pack(lengths, 4096, epoch_generator(0, 0))
    counts = np.array([len(row) for row in plan])
    halves = counts[: len(counts) // 2].mean(), counts[len(counts) // 2 :].mean()
    assert halves[0] == pytest.approx(halves[1], rel=0.1)
    firsts = np.array([lengths[row[0]] == lengths[row].max() for row in plan if len(row) > 1])
    assert firsts.mean() < 0.8


@pytest.mark.parametrize(("mean", "row"), [(1071, 4096), (383, 1024), (60, 512), (2000, 4096)])
def test_packed_rows_are_full(mean: int, row: int) -> None:
    assert pack(log_normal(20_000, mean, row), row, epoch_generator(0, 0)).fill >= 0.98


@pytest.mark.parametrize("options", [{"batch_size": 2}, {"batch_size": 8}, {"batch_tokens": 16384}])
def test_buckets_are_full(options: dict[str, int]) -> None:
    lengths = log_normal(20_000, 1071, 4096)
    assert bucket(lengths, epoch_generator(0, 0), **options).fill >= 0.98


def test_fill_counts_tokens_over_positions() -> None:
    assert pack([3, 1], 4, epoch_generator(0, 0)).fill == 1
    assert pack([3, 2], 4, epoch_generator(0, 0)).fill == 5 / 8
    assert bucket([3, 2], epoch_generator(0, 0), batch_size=2).fill == 5 / 6


@pytest.mark.parametrize("options", [{"batch_size": 4}, {"batch_tokens": 512}])
def test_the_batch_that_needs_most_memory_comes_first(options: dict[str, int]) -> None:
    plan = bucket(log_normal(300, 40, 100), epoch_generator(3, 0), **options)
    assert plan.cells[0] == plan.cells.max()


def test_a_conversation_longer_than_a_row_is_an_error_that_names_the_option() -> None:
    with pytest.raises(
        InputError, match="conversation 1 holds 70 tokens and max_seq_len is 64"
    ) as e:
        pack([3, 70, 65], 64, epoch_generator(0, 0))
    assert "2 conversations" in e.value.message
    assert "raise max_seq_len to 70" in e.value.hint


def test_a_conversation_longer_than_a_batch_is_an_error_that_names_the_option() -> None:
    with pytest.raises(InputError, match="batch_tokens is 64"):
        bucket([3, 70], epoch_generator(0, 0), batch_tokens=64)


@pytest.mark.parametrize("options", [{}, {"batch_size": 2, "batch_tokens": 9}, {"batch_size": 0}])
def test_buckets_ask_for_one_size(options: dict[str, int]) -> None:
    with pytest.raises(InputError, match="batch_size"):
        bucket([3], epoch_generator(0, 0), **options)


def test_a_conversation_without_tokens_is_an_error() -> None:
    with pytest.raises(InputError, match="conversation 1 holds 0 tokens"):
        pack([3, 0], 64, epoch_generator(0, 0))


def test_no_conversations_make_no_rows() -> None:
    for plan in (
        pack([], ROW, epoch_generator(0, 0)),
        bucket([], epoch_generator(0, 0), batch_size=2),
        bucket([], epoch_generator(0, 0), batch_tokens=64),
    ):
        assert len(plan) == 0
        assert plan.fill == 0
        with pytest.raises(IndexError):
            plan[0]
