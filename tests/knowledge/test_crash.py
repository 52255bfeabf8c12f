"""Kill -9 in the middle of adding: nothing acknowledged is lost, nothing is half there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from wellread.knowledge.base import KnowledgeBase
from wellread.knowledge.sqlite_store import FILE, SqliteStore
from wellread.knowledge.words import WordIndex

CHUNKS = 5
CHILD = """
import sys
from pathlib import Path
from wellread.knowledge.base import KnowledgeBase
from wellread.records import Chunk, Document

def pair(number):
    texts = [f"document{number} part{part} " + "filler words " * 40 for part in range(5)]
    text, chunks = "".join(texts), []
    start = 0
    for part in texts:
        end = start + len(part)
        chunks.append(Chunk(f"d{number}#{start}-{end}", f"d{number}", part, start, end))
        start = end
    return Document(f"d{number}", text), chunks

with KnowledgeBase.open(Path(sys.argv[1])) as base:
    number = int(sys.argv[2])
    while True:
        base.add([pair(number)])
        if number % 3 == 0:
            base.remove(f"d{number}")
            print("gone", number, flush=True)
        else:
            print("kept", number, flush=True)
        number += 1
"""


def run_and_kill(
    folder: Path, first: int, acknowledged: int, delay_s: float
) -> list[tuple[str, int]]:
    """Add documents in a child until so many are acknowledged, wait a moment, kill it."""
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(folder), str(first)], stdout=subprocess.PIPE, text=True
    )
    if child.stdout is None:
        raise OSError("no pipe")
    lines = [child.stdout.readline() for _ in range(acknowledged)]
    time.sleep(delay_s)
    os.kill(child.pid, signal.SIGKILL)
    lines += child.stdout.read().splitlines()
    child.stdout.close()
    child.wait()
    return [
        (word, int(number))
        for word, number in (line.split() for line in lines if line.endswith(tuple("0123456789\n")))
    ]


def check(base: KnowledgeBase, fates: dict[int, str]) -> None:
    stored: dict[str, int] = {}
    for chunk in base.chunks():
        stored[chunk.document_id] = stored.get(chunk.document_id, 0) + 1
    kept = {f"d{number}" for number, fate in fates.items() if fate == "kept"}
    gone = {f"d{number}" for number, fate in fates.items() if fate == "gone"}
    assert kept <= stored.keys()
    assert not gone & stored.keys()
    assert {count for name, count in stored.items() if name != "seed"} <= {CHUNKS}
    found = base.search("filler words", 10_000)
    assert sorted(p.chunk.id for p in found) == sorted(
        i for i in base.chunk_ids() if i != "seed#0-4"
    )
    for name in stored.keys() - {"seed"}:
        assert len(base.search(f"document{name.removeprefix('d')}", 99)) == CHUNKS
    for name in gone:
        assert base.search(f"document{name.removeprefix('d')}") == ()
    assert base.info().behind == 0
    store, index = SqliteStore(base.folder / FILE), WordIndex(base.folder, base.settings)
    assert index.problems(store) == []
    index.close()
    store.close()


@pytest.mark.parametrize("rounds", [3, pytest.param(20, marks=pytest.mark.slow)])
def test_what_was_acknowledged_survives_a_kill(
    build: Callable[..., KnowledgeBase], rounds: int
) -> None:
    base = build({"seed": "seed"}, collapse_duplicates=False)
    base.close()
    random = np.random.default_rng(rounds)
    fates: dict[int, str] = {}
    for turn in range(rounds):
        first = turn * 1000
        news = run_and_kill(
            base.folder, first, int(random.integers(1, 12)), float(random.uniform(0, 0.03))
        )
        fates |= {number: fate for fate, number in news}
        with KnowledgeBase.open(base.folder) as again:
            check(again, fates)


def test_an_index_that_a_crash_left_behind_reads_on_when_opened(
    build: Callable[..., KnowledgeBase], pair: Callable[..., object]
) -> None:
    base = build({"a": "alpha", "b": "beta"})
    position = (base.folder / "words" / "position.json").read_bytes()
    base.add([pair("c", "gamma alpha")])  # type: ignore[list-item]
    base.remove("a")
    base.close()
    # As if the process had died after the index was written and before its position was.
    (base.folder / "words" / "position.json").write_bytes(position)
    with KnowledgeBase.open(base.folder) as again:
        assert [p.chunk.document_id for p in again.search("alpha beta gamma")] == ["c", "b"]
        assert again.document_frequencies(["gamma"]) == {"gamma": 1}


def test_a_store_that_is_ahead_of_its_index_is_searched_whole(
    build: Callable[..., KnowledgeBase], pair: Callable[..., object]
) -> None:
    from wellread.knowledge.entries import make_entry

    base = build({"a": "alpha"})
    base.close()
    # As if the process had died between the store's commit and the index.
    store = SqliteStore(base.folder / FILE)
    with store.writing():
        store.insert(make_entry(pair("b", "alpha beta"), ""))  # type: ignore[arg-type]
    store.close()
    with KnowledgeBase.open(base.folder) as again:
        assert {p.chunk.document_id for p in again.search("alpha")} == {"a", "b"}


def test_an_unfinished_build_is_no_knowledge_base_and_does_not_stand_in_the_way(
    tmp_path: Path,
) -> None:
    script = (
        "import os, signal, sys; from pathlib import Path\n"
        "from wellread.knowledge.base import KnowledgeBase\n"
        "from wellread.records import Chunk, Document\n"
        "def pairs():\n"
        "    for n in range(5000):\n"
        "        if n == 4500: os.kill(os.getpid(), signal.SIGKILL)\n"
        "        yield Document(f'd{n}', 'text'), [Chunk(f'd{n}#0-4', f'd{n}', 'text', 0, 4)]\n"
        "KnowledgeBase.build(Path(sys.argv[1]), pairs())\n"
    )
    child = subprocess.run([sys.executable, "-c", script, str(tmp_path / "kb")], check=False)
    assert child.returncode == -signal.SIGKILL
    assert not (tmp_path / "kb").exists()
    from wellread.records import Chunk, Document

    pairs = [(Document("a", "alpha"), [Chunk("a#0-5", "a", "alpha", 0, 5)])]
    KnowledgeBase.build(tmp_path / "kb", pairs).close()
    assert [p.name for p in tmp_path.iterdir()] == ["kb"]


FULL_DISK = """
import resource, sys
from pathlib import Path
from wellread.errors import StorageError
from wellread.knowledge.base import KnowledgeBase
from wellread.records import Chunk, Document

def pair(name, size):
    text = " ".join(f"{name}{n}" for n in range(size))
    return Document(name, text), [Chunk(f"{name}#0-{len(text)}", name, text, 0, len(text))]

with KnowledgeBase.open(Path(sys.argv[1])) as base:
    base.add([pair("before", 10)])
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
    try:
        for number in range(1000):
            base.add([pair(f"late{number}x", 3000)])
            print(number, flush=True)
    except StorageError as error:
        print("refused", flush=True)
"""


@pytest.mark.parametrize("limit", [150, 3_000, 40_000, 250_000])
def test_a_full_disk_is_a_typed_error_and_loses_nothing(
    build: Callable[..., KnowledgeBase], limit: int
) -> None:
    base = build({"seed": "seed"})
    base.close()
    child = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(base.folder), str(limit)],
        capture_output=True,
        text=True,
        check=False,
    )
    *added, last = child.stdout.split()
    assert last == "refused", child.stderr
    with KnowledgeBase.open(base.folder) as again:
        for name in ("before", *(f"late{number}x" for number in added)):
            assert [p.chunk.document_id for p in again.search(f"{name}3")] == [name]
        assert (
            sum(1 for _ in again.chunk_ids())
            == again.count
            == len(again.search(" ".join(f"{n}3" for n in again.document_ids()) + " seed", 10_000))
        )
