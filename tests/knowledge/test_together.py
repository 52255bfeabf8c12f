"""Several processes at one knowledge base, folders one may only read, and disks that are full."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from wellread.knowledge.base import KnowledgeBase

Build = Callable[..., KnowledgeBase]
PAIR = """
import os, resource, sys
from pathlib import Path
from wellread.errors import WellreadError
from wellread.knowledge.base import KnowledgeBase
from wellread.records import Chunk, Document

def pair(name, words=20):
    text = " ".join(f"{name}x{n}" for n in range(words)) + " shared"
    half = text.index(" ", len(text) // 2)
    cut = [(0, half), (half + 1, len(text))]
    return Document(name, text), [Chunk(f"{name}#{a}-{b}", name, text[a:b], a, b) for a, b in cut]
"""
WRITER = """
with KnowledgeBase.open(Path(sys.argv[1])) as base:
    for number in range(15):
        base.add([pair(f"{sys.argv[2]}{number}")])
        if number % 5 == 4:
            base.remove(f"{sys.argv[2]}{number}")
"""
READER = """
with KnowledgeBase.open(Path(sys.argv[1])) as base:
    print("ready", flush=True)
    most = searches = 0
    while not Path(sys.argv[1]).with_name("stop").exists():
        found = base.search("shared", 1000)
        assert all(p.chunk.text for p in found)
        most, searches = max(most, len(found)), searches + 1
    print(most > 1, searches > 0)
"""


def start(script: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PAIR + script, *map(str, arguments)]
    return subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def ended(child: subprocess.Popen[str]) -> str:
    out, err = child.communicate(timeout=120)
    assert child.returncode == 0, err
    return out


def test_two_writers_and_a_reader_work_at_the_same_time(build: Build) -> None:
    base = build({"seed": "shared seed"}, collapse_duplicates=False)
    base.close()
    reader = start(READER, base.folder)
    assert reader.stdout is not None
    assert reader.stdout.readline() == "ready\n"
    writers = [start(WRITER, base.folder, name) for name in ("a", "b")]
    for writer in writers:
        ended(writer)
    base.folder.with_name("stop").touch()
    assert ended(reader) == "True True\n"
    with KnowledgeBase.open(base.folder) as again:
        kept = {f"{name}{n}" for name in "ab" for n in range(15) if n % 5 != 4}
        assert set(again.document_ids()) == kept | {"seed"}
        assert {p.chunk.document_id for p in again.search("shared", 100)} == kept | {"seed"}
        for name in sorted(kept):
            assert [p.chunk.document_id for p in again.search(f"{name}x3 {name}x19")] == [name] * 2
        assert again.search("a4x3 b9x1") == ()
        assert again.info().behind == 0


READ_ONLY = """
import wellread.knowledge.words, wellread.knowledge.sqlite_store
with KnowledgeBase.open(Path(sys.argv[1])) as base:
    base.search("shared")
if os.getuid() == 0:
    os.setresuid(65534, 65534, 65534)
assert not os.access(sys.argv[2], os.W_OK)
with KnowledgeBase.open(Path(sys.argv[2])) as base:
    print([p.chunk.document_id for p in base.search("shared seed")], base.info().chunks)
    try:
        base.add([pair("new")])
    except WellreadError as error:
        print(type(error).__name__)
print([p.chunk.text for p in KnowledgeBase.open(Path(sys.argv[2])).search("seed")])
"""


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other users may look into, unlike pytest's own."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)
        for path in [Path(name), *Path(name).rglob("*")]:
            if path.is_dir():
                path.chmod(0o755)


@pytest.mark.skipif(sys.platform == "win32", reason="folders cannot be made read-only")
def test_a_folder_that_may_only_be_read_is_searched(
    build: Build, open_folder: Path, pair: Callable[..., object]
) -> None:
    writable = build({"seed": "shared seed"})
    writable.close()
    KnowledgeBase.build(open_folder / "kb", [pair("seed", "shared seed")]).close()  # type: ignore[list-item]
    for path in [open_folder / "kb", *(open_folder / "kb").rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    out = ended(start(READ_ONLY, writable.folder, open_folder / "kb"))
    assert out.splitlines() == ["['seed'] 1", "StorageError", "['shared seed']"]


FULL_BUILD = """
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    KnowledgeBase.build(Path(sys.argv[1]), (pair(f"n{n}", 400) for n in range(300)), replace=True)
except WellreadError as error:
    print(type(error).__name__)
"""


@pytest.mark.parametrize("limit", [0, 100, 20_000, 300_000, 600_000])
def test_a_disk_that_is_full_during_a_build_leaves_the_old_one(build: Build, limit: int) -> None:
    base = build({"seed": "shared seed"})
    base.close()
    assert ended(start(FULL_BUILD, base.folder, limit)) == "StorageError\n"
    with KnowledgeBase.open(base.folder) as again:
        assert [p.chunk.document_id for p in again.search("seed")] == ["seed"]
    assert [path.name for path in base.folder.parent.iterdir()] == [base.folder.name]


def test_ten_megabytes_in_one_document_are_cut_found_and_given_back(
    build: Build, pair: Callable[..., object]
) -> None:
    parts = [f"part{n} " + "stone wave " * 90 for n in range(10_000)]
    base = build({"big": parts, "small": "part7 alone"})
    assert [p.chunk.document_id for p in base.search("part7", 9)] == ["small", "big"]
    assert base.document("big").text == "\n\n".join(parts)
    base.remove("big")
    assert [p.chunk.document_id for p in base.search("part7 stone", 9)] == ["small"]
    assert (base.folder / "manifest.json").stat().st_size < 10_000


@pytest.mark.parametrize(
    "query", ["каменная волна", "石头 波浪", "πέτρα", "पत्थर", "🪨", "\u202ehctam"]
)
def test_a_query_in_another_script_finds_nothing_and_breaks_nothing(
    build: Build, query: str
) -> None:
    assert build({"a": "a stone and a wave", "b": "another wave"}).search(query) == ()
