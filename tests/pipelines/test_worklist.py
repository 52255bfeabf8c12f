"""Shares are exact, the order is random and stable, and nothing is held in memory."""

import sqlite3

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wellread.errors import StorageError
from wellread.pipelines.worklist import Worklist

SHARES = {"failure": 0.4, "partial": 0.1, "abstain": 0.1}


def listed(tmp_path, ids, seed=1, shares=SHARES):
    with Worklist(tmp_path / "w.sqlite", seed) as work:
        for name in ids:
            work.add(name)
        work.assign(shares, rest="success")
        return list(work)


def names(count):
    return [f"doc{n}.md#0-100" for n in range(count)]


shares = st.lists(st.floats(0, 1), min_size=3, max_size=3).map(
    lambda s: dict(zip(SHARES, [x / max(1.0, sum(s)) for x in s], strict=True))
)


@settings(max_examples=40)
@given(st.integers(0, 60), shares)
def test_every_role_gets_its_share_within_one_chunk(tmp_path_factory, count, wanted):
    roles = [role for _, role in listed(tmp_path_factory.mktemp("w"), names(count), shares=wanted)]
    assert len(roles) == count
    for role, share in wanted.items():
        assert abs(roles.count(role) - share * count) < 1.0 + 1e-6


def test_a_share_of_one_takes_every_chunk(tmp_path):
    roles = {r for _, r in listed(tmp_path, names(17), shares={"failure": 1.0, "partial": 0.0})}
    assert roles == {"failure"}


def test_the_order_follows_from_the_seed_and_not_from_the_order_of_adding(tmp_path):
    ids = names(50)
    assert listed(tmp_path, ids) == listed(tmp_path, ids[::-1])
    assert listed(tmp_path, ids) != listed(tmp_path, ids, seed=2)
    assert [name for name, _ in listed(tmp_path, ids)] != ids


def test_a_new_chunk_moves_at_most_one_other_across_each_border(tmp_path):
    before = dict(listed(tmp_path, names(200)))
    after = dict(listed(tmp_path, [*names(200), "new.md#0-1"]))
    moved = [name for name, role in before.items() if after[name] != role]
    assert len(moved) <= len(SHARES)


def test_the_order_of_the_others_stays_when_one_is_added(tmp_path):
    before = [name for name, _ in listed(tmp_path, names(30))]
    after = [name for name, _ in listed(tmp_path, [*names(30), "new.md#0-1"])]
    assert [name for name in after if name != "new.md#0-1"] == before


def test_a_subset_is_the_beginning_of_the_whole_order(tmp_path):
    order = [name for name, _ in listed(tmp_path, names(40))]
    with Worklist(tmp_path / "w.sqlite", 1) as work:
        for name in names(40):
            work.add(name)
        assert list(work.drop_after(12)) == order[12:]
        assert [name for name, _ in work] == order[:12]
        assert list(work.drop_after(100)) == []


def test_chunks_may_be_dropped_while_the_list_is_read(tmp_path):
    with Worklist(tmp_path / "w.sqlite", 1) as work:
        for name in names(1500):
            work.add(name)
        seen = []
        for name, _ in work:
            seen.append(name)
            work.drop(name)
        assert len(seen) == len(set(seen)) == 1500
        assert len(work) == 0


def test_drawing_gives_a_listed_chunk_or_nothing(tmp_path):
    random = np.random.default_rng(0)
    with Worklist(tmp_path / "w.sqlite", 1) as work:
        assert work.draw(random) is None
        for name in names(20):
            work.add(name)
        drawn = {work.draw(random) for _ in range(400)}
    assert drawn == set(names(20))


def test_the_file_is_gone_afterwards(tmp_path):
    listed(tmp_path, names(3))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_to_is_a_storage_error(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError):
        Worklist(tmp_path / "file" / "w.sqlite", 1)


def test_the_work_file_is_not_shared_with_a_file_of_an_earlier_run(tmp_path):
    with sqlite3.connect(tmp_path / "w.sqlite") as old:
        old.execute("CREATE TABLE work (x)")
    old.close()
    assert len(listed(tmp_path, names(2))) == 2
