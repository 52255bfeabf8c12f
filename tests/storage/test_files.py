"""A file is whole or absent, whatever fails while it is written."""

import errno
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellread.errors import InputError, StorageError
from wellread.records import Chunk, PageSpan, Rejection
from wellread.storage import files
from wellread.storage.files import (
    JsonlWriter,
    atomic_write,
    file_sha256,
    read_json,
    read_jsonl,
    read_record,
    write_json,
    write_jsonl,
    write_manifest,
)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("call", ["fsync", "replace", "open"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EROFS])
def test_a_failing_system_call_leaves_the_old_file_whole(tmp_path, monkeypatch, call, code):
    path = tmp_path / "out.jsonl"
    path.write_text("old\n")

    def fail(*args, **kwargs):
        raise OSError(code, os.strerror(code))

    owner = os if call == "fsync" else Path
    monkeypatch.setattr(owner, call, fail)
    with pytest.raises(StorageError) as caught, atomic_write(path) as file:
        file.write(b"new\n")
    monkeypatch.undo()
    assert path.read_text() == "old\n"
    assert names(tmp_path) == ["out.jsonl"]
    assert str(path) in caught.value.message


def test_a_full_disk_says_what_to_do(tmp_path, monkeypatch):
    def fail(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", fail)
    with pytest.raises(StorageError, match="make room"):
        write_json(tmp_path / "a.json", {})


def test_a_crash_inside_the_block_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError), JsonlWriter(tmp_path / "a.jsonl") as writer:
        writer.write({"a": 1})
        raise RuntimeError
    assert names(tmp_path) == []


def test_a_really_full_disk_is_a_storage_error(tmp_path):
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    full = Path("/dev/full")
    with (
        pytest.raises(StorageError, match="No space"),
        files.storage_errors(full),
        full.open("wb", buffering=0) as file,
    ):
        file.write(b"x")


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@given(st.lists(st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=5), json_values)))
def test_what_is_written_line_by_line_is_read_back(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("rows") / "a.jsonl"
    rows = [row for row in rows if not any("\ud800" <= c <= "\udfff" for c in str(row))]
    assert write_jsonl(path, rows) == len(rows)
    assert [row for _, row in read_jsonl(path)] == rows


@pytest.mark.parametrize("line", ["{", "NaN", "[1]", '"x"', '{"a": 1e999}', "[" * 5000])
def test_a_bad_line_is_located(tmp_path, line):
    path = tmp_path / "a.jsonl"
    path.write_text('{"fine": 1}\n\n' + line + "\n")
    with pytest.raises(InputError, match=r"a\.jsonl:3"):
        list(read_jsonl(path))


def test_an_endless_line_is_refused_in_constant_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "MAX_LINE_BYTES", 1000)
    path = tmp_path / "a.jsonl"
    path.write_text('{"a": "' + "x" * 5000 + '"}\n')
    with pytest.raises(InputError, match=r"a\.jsonl:1"):
        list(read_jsonl(path))


def test_a_record_survives_its_file(tmp_path):
    chunk = Chunk("a#0-3", "a", "abc", 0, 3, pages=(1, 2), metadata={"k": [1]})
    write_jsonl(tmp_path / "c.jsonl", [chunk])
    (number, row), *_ = read_jsonl(tmp_path / "c.jsonl")
    assert read_record(Chunk, row, f"c.jsonl:{number}") == chunk


def test_a_row_that_is_no_record_is_located():
    with pytest.raises(InputError, match=r"c\.jsonl:7 page"):
        read_record(PageSpan, {"page": "x", "start": 0, "end": 1}, "c.jsonl:7")


def test_the_manifest_names_every_output_with_its_hash_and_no_time(tmp_path):
    out = tmp_path / "a.jsonl"
    write_jsonl(out, [Rejection("read", "x", "empty_file")])
    first = write_manifest(tmp_path, config={"a": 1}, inputs={"x": "00"}, counts={}, outputs=[out])
    again = write_manifest(tmp_path, config={"a": 1}, inputs={"x": "00"}, counts={}, outputs=[out])
    assert first == again == read_json(tmp_path / "manifest.json")
    assert first["outputs"]["a.jsonl"]["sha256"] == file_sha256(out)
    other = write_manifest(tmp_path, config={"a": 2}, inputs={}, counts={}, outputs=[out])
    assert other["config"] != first["config"]
