"""Snapshots hold what was there at one moment; comparing tells what has changed since."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.knowledge.conftest import make_pair
from wellread.errors import InputError, KnowledgeBaseError
from wellread.knowledge import snapshots
from wellread.knowledge.base import KnowledgeBase
from wellread.knowledge.comparing import compare
from wellread.knowledge.engines.choose import open_engine
from wellread.knowledge.opening import open_knowledge_base, open_to_change
from wellread.knowledge.settings import KnowledgeSettings
from wellread.knowledge.snapshots import copy_base, locate, stored_pairs, take

CORPUS = {
    "valves": "Close the inlet valves before you drain the tank.",
    "pumps": "A pump that runs dry overheats within minutes.",
    "tank": "The tank holds 40 litres of water.",
}


@pytest.fixture(params=["bm25", "simple", "hybrid"])
def folder(build, request) -> Path:
    base = build(CORPUS, retriever_type=request.param, embedder={"kind": "lsa"})
    base.close()
    return base.folder


def found(folder: Path, query: str) -> list[tuple[str, float]]:
    with KnowledgeBase.open(folder) as base:
        return [(p.chunk.document_id, p.score) for p in base.search(query)]


def add(folder: Path, *pairs) -> None:
    with KnowledgeBase.open(folder) as base:
        base.add(pairs)


def test_a_snapshot_answers_as_the_knowledge_base_did(folder):
    before = found(folder, "a dry pump and its tank")
    take(folder, "monday")
    with KnowledgeBase.open(folder) as base:
        base.remove("pumps")
        base.add([make_pair("more", "Another pump for another tank.")])
    assert found(locate(f"{folder}@monday"), "a dry pump and its tank") == before
    assert found(folder, "a dry pump and its tank") != before


def test_a_snapshot_holds_what_an_open_writer_has_just_written(folder):
    with KnowledgeBase.open(folder) as base:
        base.add([make_pair("winch", "The winch lifts 300 kilograms.")])
        take(folder, "monday")
        base.remove("winch")
        assert found(locate(f"{folder}@monday"), "winch")[0][0] == "winch"


def test_a_snapshot_is_described_and_listed_and_deleted(folder):
    made = take(folder, "first")
    add(folder, make_pair("more", "Another pump."))
    take(folder, "second")
    listed = snapshots.snapshots(folder)
    assert [one.name for one in listed] == ["first", "second"]
    assert listed[0] == made
    assert (listed[1].documents, listed[1].chunks) == (4, 4)
    assert listed[0].fingerprint != listed[1].fingerprint
    snapshots.delete(folder, "first")
    assert [one.name for one in snapshots.snapshots(folder)] == ["second"]
    with pytest.raises(InputError, match="no snapshot 'first'; it has second"):
        snapshots.delete(folder, "first")


@pytest.mark.parametrize("name", ["", "..", "a/b", ".hidden", "a b", "x" * 101])
def test_a_snapshot_needs_a_plain_name(folder, name):
    with pytest.raises(InputError, match="cannot be the name"):
        take(folder, name)
    with pytest.raises(InputError):
        snapshots.delete(folder, name)


def test_a_name_is_taken_once(folder):
    take(folder, "monday")
    with pytest.raises(InputError, match="already"):
        take(folder, "monday")


def test_a_snapshot_stays_as_it_is(folder):
    take(folder, "monday")
    with pytest.raises(KnowledgeBaseError, match="is a snapshot"):
        open_to_change(f"{folder}@monday")
    with pytest.raises(KnowledgeBaseError, match="is a snapshot"):
        take(locate(f"{folder}@monday"), "again")


def test_a_missing_snapshot_says_which_there_are(folder):
    take(folder, "monday")
    with pytest.raises(KnowledgeBaseError, match="no snapshot 'tuesday'; it has monday"):
        locate(f"{folder}@tuesday")


def test_a_folder_with_an_at_sign_is_still_a_folder(folder, tmp_path):
    copy_base(folder, tmp_path / "kb@home")
    assert locate(tmp_path / "kb@home") == tmp_path / "kb@home"
    assert locate(tmp_path / "absent@home") == tmp_path / "absent@home"
    take(folder, "home")
    copy_base(folder, tmp_path / f"{folder.name}@home")
    assert locate(f"{folder}@home") == tmp_path / f"{folder.name}@home"


def test_building_anew_keeps_the_snapshots(folder):
    take(folder, "monday")
    pairs = [make_pair("new", "Nothing of the old is left.")]
    KnowledgeBase.build(folder, pairs, replace=True).close()
    assert found(locate(f"{folder}@monday"), "litres")[0][0] == "tank"
    assert found(folder, "litres") == []


def test_the_snapshots_of_a_build_killed_as_it_replaced_are_kept_by_the_next(folder):
    take(folder, "monday")
    new = [make_pair("new", "Nothing of the old is left.")]
    # As after a kill between the two renames of a build.
    folder.rename(folder.with_name(f".{folder.name}.old"))
    KnowledgeBase.build(folder, new).close()
    assert [one.name for one in snapshots.snapshots(folder)] == ["monday"]


def test_a_snapshot_shares_no_file_that_changes(folder):
    made = Path(take(folder, "monday").folder)
    kept = {path: path.read_bytes() for path in made.rglob("*") if path.is_file()}
    for number in range(5):
        add(folder, make_pair(f"more{number}", f"Another pump number {number}."))
    assert {path: path.read_bytes() for path in kept} == kept


def test_a_copy_is_a_knowledge_base_of_its_own(folder, tmp_path):
    take(folder, "monday")
    copy_base(folder, tmp_path / "copy")
    assert found(tmp_path / "copy", "litres") == found(folder, "litres")
    assert snapshots.snapshots(tmp_path / "copy") == []
    with pytest.raises(KnowledgeBaseError, match="already holds"):
        copy_base(folder, tmp_path / "copy")


def test_a_store_is_copied_whole_document_by_document(build, tmp_path):
    """As a snapshot of an engine that has no files of its own is made."""
    base = build({"b": ["One.", "Two."], "a": "Alone.", "c": "Three."})
    base.add([make_pair("bare", [])])
    base.close()
    with contextlib.closing(open_engine(base.folder, base.settings)) as engine:
        pairs = stored_pairs(engine.store)
        KnowledgeBase.build(tmp_path / "copy", pairs, base.settings).close()
    assert compare(base.folder, tmp_path / "copy").same


WRITER = """
import sys
from pathlib import Path
from tests.knowledge.conftest import make_pair
from wellread.knowledge.base import KnowledgeBase
with KnowledgeBase.open(Path(sys.argv[1])) as base:
    for number in range(int(sys.argv[2])):
        base.add([make_pair(f"w{number:04}", f"Note {number} about the winch.", title="w")])
        if number == 3:
            print("writing", flush=True)
"""

TAKER = """
import sys
from pathlib import Path
from wellread.knowledge.snapshots import take
for number in range(1000):
    take(Path(sys.argv[1]), f"s{number}")
    print(number, flush=True)
"""


def started(program: str, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", program, *words],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": "."},
    )


@pytest.mark.parametrize("retriever_type", ["bm25", "dense"])
def test_a_snapshot_taken_while_another_process_writes_holds_one_moment(build, retriever_type):
    known = {f"k{number}": f"A note on winch {number}." for number in range(3)}
    base = build(CORPUS | known, retriever_type=retriever_type, embedder={"kind": "lsa"})
    base.close()
    with started(WRITER, str(base.folder), "60") as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        for number in range(4):
            take(base.folder, f"s{number}")
        assert writer.wait() == 0
    for one in snapshots.snapshots(base.folder):
        # Whatever the vectors of so few words are worth, all are to be there.
        with open_knowledge_base(f"{base.folder}@{one.name}", min_similarity=-1.0) as held:
            notes = [i for i in held.document_ids() if i.startswith("w")]
            # Written one after the other: the first so many are there, and each can be found.
            assert notes == [f"w{n:04}" for n in range(len(notes))]
            hits = held.search("note about the winch", 100)
            assert sorted(p.chunk.document_id for p in hits if p.title) == notes
            assert held.info().fingerprint == one.fingerprint


def test_a_killed_snapshot_leaves_nothing_half(build):
    corpus = {f"d{n:03}": f"Winch number {n} has its own note." for n in range(200)}
    base = build(corpus)
    base.close()
    for kill in range(4):
        with started(TAKER, str(base.folder)) as taker:
            assert taker.stdout is not None
            taker.stdout.readline()
            threading.Event().wait(0.013 * kill)
            taker.send_signal(signal.SIGKILL)
        for one in snapshots.snapshots(base.folder):
            with open_knowledge_base(f"{base.folder}@{one.name}") as held:
                assert len(held.search("winch note", 300)) == 200
            snapshots.delete(base.folder, one.name)
    take(base.folder, "last")
    assert not [p for p in (base.folder / "snapshots").iterdir() if p.name == ".last.making"]


# -- comparing


def test_what_differs_is_told_by_document(build, tmp_path):
    first = build(
        {"same": "Stays.", "gone": "Goes.", "new text": "Before.", "cut": ["One.", "Two."]}
    )
    first.close()
    pairs = [
        make_pair("same", "Stays."),
        make_pair("new text", "After."),
        make_pair("cut", "One.\n\nTwo."),
        make_pair("added", "Comes."),
    ]
    settings = KnowledgeSettings(title_boost=2.0)
    KnowledgeBase.build(tmp_path / "second", pairs, settings).close()
    told = compare(first.folder, tmp_path / "second")
    assert told.added == ("added",)
    assert told.removed == ("gone",)
    assert told.changed == ("new text",)
    assert told.recut == ("cut",)
    assert told.unchanged == 1
    assert told.documents == (4, 4)
    assert told.chunks == (5, 4)
    assert dict(told.settings) == {"title_boost": (0.5, 2.0)}
    assert not told.same


def test_a_snapshot_is_the_same_until_something_changes(folder):
    take(folder, "monday")
    assert compare(locate(f"{folder}@monday"), folder).same
    add(folder, make_pair("more", "Another pump."))
    assert compare(locate(f"{folder}@monday"), folder).added == ("more",)
    assert compare(folder, locate(f"{folder}@monday")).removed == ("more",)
