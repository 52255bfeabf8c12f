"""Shards: what is written is read back, and what is not whole is refused."""

from __future__ import annotations

import json
import multiprocessing
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wellread.datasets.metadata import METADATA, read_metadata, write_metadata
from wellread.datasets.shards import Shards, ShardWriter, dtype_for
from wellread.errors import InputError

Rows = list[tuple[list[int], list[int]]]


def written(folder: Path, rows: Rows, *, vocab_size: int = 100, shard_size: int = 64) -> Path:
    """A dataset of `rows` in both splits."""
    splits = {}
    for name in ("train", "val"):
        with ShardWriter(folder / name, vocab_size, shard_size=shard_size) as writer:
            for ids, mask in rows:
                writer.write(ids, mask)
        splits[name] = writer.shards
    write_metadata(folder, splits, writer.dtype, {"vocab_size": vocab_size})
    return folder / "train"


def some_rows(count: int = 20, vocab_size: int = 100) -> Rows:
    draw = np.random.default_rng(3)
    return [
        (
            draw.integers(0, vocab_size, length).tolist(),
            draw.integers(0, 2, length).tolist(),
        )
        for length in draw.integers(1, 40, count).tolist()
    ]


rows_strategy = st.lists(
    st.lists(st.tuples(st.integers(0, 69_999), st.integers(0, 1)), min_size=1, max_size=30),
    max_size=12,
)


@settings(deadline=None, max_examples=15)
@given(rows=rows_strategy, shard_size=st.integers(1, 400), wide=st.booleans())
def test_every_conversation_is_read_back_whole(tmp_path_factory, rows, shard_size, wide):
    pairs = [([i if wide else i % 60_000 for i, _ in row], [m for _, m in row]) for row in rows]
    folder = written(
        tmp_path_factory.mktemp("d"),
        pairs,
        vocab_size=70_000 if wide else 60_000,
        shard_size=shard_size,
    )
    shards = Shards.open(folder)
    assert shards.dtype == ("uint32" if wide else "uint16")
    assert len(shards) == len(pairs)
    assert shards.lengths.tolist() == [len(ids) for ids, _ in pairs]
    assert shards.learned.tolist() == [sum(mask) for _, mask in pairs]
    for at, (ids, mask) in enumerate(pairs):
        assert shards.tokens(at).tolist() == ids
        assert shards.mask(at).tolist() == mask
    shards.verify()


def test_plain_numpy_reads_the_files_end_to_end(tmp_path):
    rows = some_rows()
    folder = written(tmp_path, rows)
    tokens = [np.fromfile(path, "<u2") for path in sorted(folder.glob("shard_?????.bin"))]
    masks = [np.fromfile(path, np.uint8) for path in sorted(folder.glob("shard_?????_mask.bin"))]
    assert len(tokens) > 1
    assert np.concatenate(tokens).tolist() == [i for ids, _ in rows for i in ids]
    assert np.concatenate(masks).tolist() == [m for _, mask in rows for m in mask]


def test_a_shard_is_as_large_as_asked_unless_one_conversation_is_larger(tmp_path):
    folder = written(tmp_path, [([1] * 10, [1] * 10)] * 6 + [([2] * 90, [1] * 90)], shard_size=64)
    sizes = [path.stat().st_size for path in sorted(folder.glob("shard_?????.bin"))]
    assert sizes == [60, 60, 180]


@pytest.mark.parametrize(("vocab_size", "dtype"), [(65_536, "uint16"), (65_537, "uint32")])
def test_the_dtype_follows_from_the_vocabulary(tmp_path, vocab_size, dtype):
    last = vocab_size - 1
    shards = Shards.open(written(tmp_path, [([0, last], [0, 1])], vocab_size=vocab_size))
    assert dtype_for(vocab_size) == shards.dtype == dtype
    assert shards.tokens(0).tolist() == [0, last]


@pytest.mark.parametrize(("vocab_size", "bad"), [(65_536, 65_536), (65_536, -1), (100, 100)])
def test_an_id_that_does_not_fit_is_an_error_and_never_another_id(tmp_path, vocab_size, bad):
    with pytest.raises(InputError, match=f"to {bad}|among {bad}"):
        with ShardWriter(tmp_path / "train", vocab_size) as writer:
            writer.write([1, bad], [0, 1])
    assert list((tmp_path / "train").iterdir()) == []


@pytest.mark.parametrize(("ids", "mask"), [([1, 2], [1]), ([], []), ([1, 2], [0, 2])])
def test_a_mask_that_does_not_belong_to_its_ids_is_refused(tmp_path, ids, mask):
    with ShardWriter(tmp_path / "train", 100) as writer, pytest.raises(InputError):
        writer.write(ids, mask)


def test_a_writer_that_is_interrupted_leaves_no_part_of_a_shard(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        with ShardWriter(tmp_path / "train", 100, shard_size=8) as writer:
            writer.write([1, 2, 3, 4], [0, 1, 1, 1])
            writer.write([5, 6], [0, 1])
            raise KeyboardInterrupt
    names = sorted(path.name for path in (tmp_path / "train").iterdir())
    assert names == ["shard_00000.bin", "shard_00000_index.npy", "shard_00000_mask.bin"]


def test_a_split_without_conversations_is_an_empty_list(tmp_path):
    shards = Shards.open(written(tmp_path, []))
    assert len(shards) == 0
    assert shards.lengths.tolist() == shards.learned.tolist() == []
    assert shards.lengths.dtype == np.int64
    with pytest.raises(IndexError):
        shards.tokens(0)


@pytest.mark.parametrize("index", [-1, 20])
def test_a_number_out_of_range_is_an_index_error(tmp_path, index):
    with pytest.raises(IndexError):
        Shards.open(written(tmp_path, some_rows())).mask(index)


def test_the_same_conversations_make_the_same_bytes(tmp_path):
    one, other = (written(tmp_path / name, some_rows()) for name in ("a", "b"))
    for path in one.iterdir():
        assert path.read_bytes() == (other / path.name).read_bytes()
    assert read_metadata(one.parent) == read_metadata(other.parent)


def lengths_and_first(shards: Shards) -> tuple[list[int], list[int]]:
    return shards.lengths.tolist(), shards.tokens(0).tolist()


def test_shards_can_be_handed_to_another_process(tmp_path):
    shards = Shards.open(written(tmp_path, some_rows()))
    here = lengths_and_first(shards)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(lengths_and_first, (shards,)) == here


@pytest.mark.parametrize("name", ["shard_00001.bin", "shard_00001_mask.bin"])
@pytest.mark.parametrize("change", [-1, 1])
def test_a_file_of_another_size_is_named_with_what_was_expected(tmp_path, name, change):
    folder = written(tmp_path, some_rows())
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(data[:-1] if change < 0 else data + b"\0")
    with pytest.raises(InputError, match=rf"{name}: {len(data) + change} bytes; expected") as info:
        Shards.open(folder)
    assert str(len(data)) in str(info.value)
    assert "wellread prepare" in info.value.hint


@pytest.mark.parametrize(
    "content",
    [b"", b"no index", np.arange(3, dtype=np.float64), np.array([0, 5, 5]), np.array([0])],
)
def test_a_foreign_index_is_refused(tmp_path, content):
    folder = written(tmp_path, some_rows())
    file = folder / "shard_00000_index.npy"
    if isinstance(content, bytes):
        file.write_bytes(content)
    else:
        np.save(file, content)
    with pytest.raises(InputError, match=r"shard_00000_index\.npy"):
        Shards.open(folder)


def test_the_index_of_another_shard_is_refused(tmp_path):
    folder = written(tmp_path, some_rows())
    one, other = folder / "shard_00000_index.npy", folder / "shard_00001_index.npy"
    other.write_bytes(one.read_bytes())
    with pytest.raises(InputError, match=r"shard_00001_index\.npy: .* says"):
        Shards.open(folder)


def test_a_missing_file_is_named(tmp_path):
    folder = written(tmp_path, some_rows())
    (folder / "shard_00000_mask.bin").unlink()
    with pytest.raises(InputError, match=r"shard_00000_mask\.bin: no such file"):
        Shards.open(folder)


def test_a_changed_byte_is_found_by_its_hash_only(tmp_path):
    folder = written(tmp_path, some_rows())
    file = folder / "shard_00001_mask.bin"
    file.write_bytes(bytes(1 - b for b in file.read_bytes()))
    shards = Shards.open(folder)
    with pytest.raises(InputError, match=r"shard_00001_mask\.bin"):
        shards.verify()


@pytest.mark.parametrize(
    "content",
    [None, "not json", "[]", "{}", json.dumps({"num_conversations": 3, "vocab_size": 50304})],
)
def test_a_folder_of_another_program_is_refused_with_what_to_type(tmp_path, content):
    folder = written(tmp_path, some_rows())
    file = tmp_path / METADATA
    file.unlink()
    if content is not None:
        file.write_text(content)
    with pytest.raises(InputError, match="dataset_metadata"):
        Shards.open(folder)


def test_a_split_that_is_not_listed_is_refused(tmp_path):
    written(tmp_path, some_rows())
    (tmp_path / "test").mkdir()
    with pytest.raises(InputError, match="no split 'test'; it has train, val"):
        Shards.open(tmp_path / "test")


def test_metadata_of_another_dtype_is_refused(tmp_path):
    folder = written(tmp_path, some_rows())
    value = json.loads((tmp_path / METADATA).read_text())
    (tmp_path / METADATA).write_text(json.dumps(value | {"dtype": "float32"}))
    with pytest.raises(InputError, match="float32"):
        Shards.open(folder)


@pytest.mark.skipif(sys.platform == "win32", reason="no such measure there")
def test_nothing_but_the_index_is_kept_in_memory(tmp_path):
    """The files are mapped: a view of one conversation holds no copy."""
    shards = Shards.open(written(tmp_path, some_rows()))
    view = shards.tokens(3)
    assert view.base is not None
    assert not view.flags.writeable
    assert not view.flags.owndata
