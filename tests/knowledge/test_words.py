"""The index of words: after removals, damaged, and for single characters."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from wellread.errors import StorageError
from wellread.knowledge import words
from wellread.knowledge.base import KnowledgeBase
from wellread.knowledge.building import sole_builder
from wellread.knowledge.settings import KnowledgeSettings
from wellread.knowledge.sqlite_store import FILE, SqliteStore
from wellread.knowledge.words import WordIndex

Build = Callable[..., KnowledgeBase]
CORPUS = {f"d{n}": f"common stone{n % 7} wave{n % 3} number{n} " + "filler " * n for n in range(40)}


def scores(base: KnowledgeBase) -> list[tuple[str, float]]:
    return [(p.chunk.id, p.score) for p in base.search("stone1 wave2 common number5", 100)]


def put(file: Path, data: bytes) -> None:
    """Replace a file; to change it in place would pull it away under those who have it mapped."""
    file.unlink()
    file.write_bytes(data)


def problems(folder: Path) -> list[str]:
    store, index = SqliteStore(folder / FILE), WordIndex(folder, KnowledgeSettings())
    found = index.problems(store)
    index.close()
    store.close()
    return found


def test_scores_after_a_removal_are_those_of_a_knowledge_base_without_it(build: Build) -> None:
    base = build(CORPUS)
    for name in ("d1", "d5", "d39"):
        base.remove(name)
    rest = {name: text for name, text in CORPUS.items() if name not in {"d1", "d5", "d39"}}
    assert scores(base) == scores(build(rest))
    assert base.document_frequencies(["number5", "common"]) == {"number5": 0, "common": 37}


def test_scores_after_updates_are_those_of_a_fresh_build(build: Build, pair: Build) -> None:
    base = build(CORPUS)
    changed = {**CORPUS, "d3": "common wave2 stone1", "d4": "wave2", "new": "number5 common"}
    base.update([pair(name, text) for name, text in changed.items()])  # type: ignore[misc]
    assert scores(base) == scores(build(changed))


def test_a_large_index_is_made_anew_once_a_share_of_it_is_gone(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(words, "_SMALL", 0)
    base = build(CORPUS)
    base.remove("d1")
    assert base.document_frequencies(["number1"]) == {"number1": 1}
    for number in range(2, 8):
        base.remove(f"d{number}")
    # The seventh that goes is more than a fifth of the 33 that are left.
    assert base.document_frequencies(["number1", "number7"]) == {"number1": 0, "number7": 0}
    base.remove("d8")
    assert base.document_frequencies(["number8"]) == {"number8": 1}
    assert base.search("number8") == ()


def test_an_index_that_is_sound_has_no_problems(build: Build, pair: Build) -> None:
    base = build(CORPUS)
    base.add([pair("new", ["one chunk", "another chunk"])])  # type: ignore[list-item]
    base.remove("d7")
    base.close()
    assert problems(base.folder) == []


@pytest.mark.parametrize("suffix", [".idx", ".term", ".fast", ".fieldnorm"])
def test_one_changed_byte_in_an_index_file_is_found(build: Build, suffix: str) -> None:
    base = build(CORPUS)
    base.close()
    file = next((base.folder / "words").glob(f"*{suffix}"))
    data = bytearray(file.read_bytes())
    data[len(data) // 3] ^= 1
    put(file, bytes(data))
    store = SqliteStore(base.folder / FILE)
    try:
        index = WordIndex(base.folder, KnowledgeSettings())
        assert [line for line in index.problems(store) if file.name in line]
        index.close()
    finally:
        store.close()
    # What to do about it: delete the index; opening builds it again.
    shutil.rmtree(base.folder / "words")
    with KnowledgeBase.open(base.folder) as again:
        assert len(again.search("common", 100)) == 40
    assert problems(base.folder) == []


def test_a_file_cut_short_is_found(build: Build) -> None:
    from wellread.knowledge.word_files import damaged_files

    base = build(CORPUS)
    base.close()
    file = next((base.folder / "words").glob("*.idx"))
    for size in (100, 5, 0):
        put(file, file.read_bytes()[:size])
        assert [path for path, _ in damaged_files(base.folder / "words")] == [file]


def test_an_index_and_a_store_that_disagree_are_told_apart(build: Build) -> None:
    base = build(CORPUS)
    base.remove("d9")
    base.close()
    other = build({name: text for name, text in CORPUS.items() if name not in {"d0", "d39"}})
    other.close()
    shutil.rmtree(base.folder / "words")
    shutil.copytree(other.folder / "words", base.folder / "words")
    position = base.folder / "words" / "position.json"
    position.write_text('{"row": 40, "removal": 1, "dead": 0}')
    told = problems(base.folder)
    assert [line.rpartition(": ")[2] for line in told] == [
        "2 chunks are not in the index",
        "1 removed chunks are still in the index",
    ]


@pytest.mark.parametrize("query", ["水", "面", "流", "水？"])
def test_a_single_character_finds_the_words_that_hold_it(build: Build, query: str) -> None:
    base = build({"a": "湖水面积很大", "b": "河流很长", "c": "天空", "d": "流水。面"})
    wanted = {"水": {"a", "d"}, "面": {"a", "d"}, "流": {"b", "d"}}[query[0]]
    assert {p.chunk.document_id for p in base.search(query)} == wanted


def test_a_folder_is_built_by_one_at_a_time(tmp_path: Path) -> None:
    workshop = tmp_path / ".kb.building"
    with sole_builder(workshop):
        with pytest.raises(StorageError, match="in use"), sole_builder(workshop):
            pass
        assert [path.name for path in tmp_path.iterdir()] == [".kb.building.lock"]
    assert list(tmp_path.iterdir()) == []
    with sole_builder(workshop):
        pass
