"""Build, open, add, remove, update: what is kept, what is refused, what is touched."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from wellread.errors import InputError, KnowledgeBaseError, StorageError, WellreadError
from wellread.knowledge.analysis import query_terms
from wellread.knowledge.base import KnowledgeBase
from wellread.knowledge.retriever import Query
from wellread.knowledge.settings import KnowledgeSettings
from wellread.knowledge.summary import Changes
from wellread.records import Chunk, Document, PageSpan

Build = Callable[..., KnowledgeBase]
Pair = tuple[Document, list[Chunk]]
MakePair = Callable[..., Pair]
CORPUS = {"a": ["alpha one", "alpha two"], "b": "beta", "c": "gamma"}


def test_documents_and_chunks_come_back_as_they_went_in(tmp_path: Path) -> None:
    text = "Erste Seite. Zweite Seite 中文 \x00."
    document = Document(
        "dir/ä.pdf",
        text,
        "Titel",
        "ä.pdf",
        "de",
        {"n": 1, "l": ["x"]},
        (PageSpan(1, 0, 12), PageSpan(2, 12, 29)),
    )
    chunk = Chunk(
        "dir/ä.pdf#13-29",
        "dir/ä.pdf",
        text[13:29],
        13,
        29,
        "Titel",
        "ä.pdf",
        "A > B",
        "de",
        7,
        (2, 2),
        {"k": None},
    )
    with KnowledgeBase.build(tmp_path / "kb", [(document, [chunk])]) as base:
        assert base.document("dir/ä.pdf") == document
        assert base.chunk(chunk.id) == chunk
        assert list(base.chunks()) == [chunk]
        assert base.search("Seite")[0].chunk == chunk


def test_the_order_of_chunks_does_not_depend_on_the_order_they_came_in(
    build: Build, pair: MakePair
) -> None:
    base = build({"b": "beta", "a": ["one", "two"]})
    base.add([pair("0", "zero")])
    base.update([pair("a", ["one", "two", "three"])])
    assert list(base.chunk_ids()) == ["0#0-4", "a#0-3", "a#5-8", "a#10-15", "b#0-4"]
    assert [c.id for c in base.chunks()] == list(base.chunk_ids())


def test_neighbours_stay_within_the_document(build: Build) -> None:
    base = build({"a": ["one", "two", "three"], "b": "four"})
    around = [[c.text for c in base.neighbours(i)] for i in base.chunk_ids()]
    assert around == [["one", "two"], ["one", "two", "three"], ["two", "three"], ["four"]]
    assert [c.text for c in base.neighbours("a#5-8", before=0, after=9)] == ["two", "three"]


def test_an_added_document_is_found_and_a_removed_one_is_not(
    build: Build, pair: MakePair, retriever_type: str
) -> None:
    base = build(CORPUS, retriever_type=retriever_type)
    assert base.add([pair("d", "delta")]) == Changes(added=1, chunks=1)
    assert [p.chunk.document_id for p in base.search("delta")] == ["d"]
    assert base.remove("a") == Changes(removed=1, chunks=2)
    assert base.search("alpha") == ()
    with KnowledgeBase.open(base.folder) as other:
        assert [p.chunk.document_id for p in other.search("delta alpha")] == ["d"]
        assert other.count == 3


def test_update_touches_only_what_changed(
    build: Build, pair: MakePair, retriever_type: str
) -> None:
    base = build(CORPUS, retriever_type=retriever_type)
    before = rows(base)
    changes = base.update(
        [pair("a", ["alpha one", "alpha three"]), pair("b", "beta"), pair("e", "epsilon")]
    )
    assert changes == Changes(added=1, updated=1, unchanged=1, chunks=5)
    after = rows(base)
    assert {i: r for i, r in after.items() if before.get(i) == r} == {
        i: before[i] for i in ("b#0-4", "c#0-5")
    }
    assert [len(base.search(q)) for q in ("two", "three", "gamma", "epsilon")] == [0, 1, 1, 1]


def test_an_update_without_a_change_writes_nothing(build: Build, pair: MakePair) -> None:
    base = build(CORPUS)
    before = {p: p.stat().st_mtime_ns for p in base.folder.rglob("*") if p.suffix != ".sqlite-shm"}
    changes = base.update([pair(name, parts) for name, parts in CORPUS.items()])
    assert changes == Changes(unchanged=3)
    assert before == {
        p: p.stat().st_mtime_ns for p in base.folder.rglob("*") if p.suffix != ".sqlite-shm"
    }


def test_a_pruning_update_removes_what_is_gone(build: Build, pair: MakePair) -> None:
    base = build(CORPUS)
    assert base.update([pair("b", "beta")], prune=True) == Changes(removed=2, unchanged=1, chunks=3)
    assert list(base.document_ids()) == ["b"]


def test_the_fingerprint_follows_the_content_and_not_its_history(
    build: Build, pair: MakePair
) -> None:
    first, second = build(CORPUS), build({"c": "gamma", "x": "gone"})
    assert first.info().fingerprint != second.info().fingerprint
    second.remove("x")
    second.add([pair("b", "beta"), pair("a", CORPUS["a"])])
    assert first.info().fingerprint == second.info().fingerprint


def test_everything_can_be_removed_and_added_again(
    build: Build, pair: MakePair, retriever_type: str
) -> None:
    base = build({"a": "alpha"}, retriever_type=retriever_type)
    base.remove("a")
    assert (base.count, base.search("alpha")) == (0, ())
    base.add([pair("a", "alpha")])
    assert len(base.search("alpha")) == 1


def test_an_add_that_fails_midway_adds_nothing(build: Build, pair: MakePair) -> None:
    base = build(CORPUS)
    with pytest.raises(InputError, match="document id 'b' occurs twice"):
        base.add([pair("d", "delta"), pair("b", "beta")])
    assert (base.count, base.search("delta")) == (4, ())
    base.add([pair("d", "delta")])
    assert len(base.search("delta")) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"document_id": "x"}, "belongs to document 'x'"),
        ({"start": 1}, "is not characters 1 to 4"),
        ({"text": "bet"}, "is not characters 0 to 4"),
        ({"end": 99}, "is not characters 0 to 99"),
        ({"start": -4}, "is not characters -4 to 4"),
        ({"id": "a#0-9"}, "is also in 'a'"),
        ({"metadata": {"x": object()}}, "not text or JSON"),
        ({"title": "\ud800"}, "not text or JSON"),
        ({"tokens": 2**63}, "cannot hold"),
        ({"tokens": 2**70}, "not text or JSON"),
    ],
)
def test_a_chunk_that_does_not_fit_is_refused_by_name(
    build: Build, pair: MakePair, change: dict[str, object], message: str
) -> None:
    base = build({"a": ["alpha one", "alpha two"]})
    document, (chunk,) = pair("b", "beta")
    with pytest.raises(InputError, match=r"'b'|value") as error:
        base.add([(document, [replace(chunk, **change)])])  # type: ignore[arg-type]
    assert message in str(error.value)
    assert base.count == 2


def test_twice_the_same_chunk_or_document_is_refused(tmp_path: Path, pair: MakePair) -> None:
    document, (chunk,) = pair("b", "beta", source="b.txt")
    with pytest.raises(InputError, match="chunk id occurs twice"):
        KnowledgeBase.build(tmp_path / "kb", [(document, [chunk, chunk])])
    with pytest.raises(InputError, match=r"'b' occurs twice .*source 'b.txt'"):
        KnowledgeBase.build(tmp_path / "kb", [(document, [chunk]), (document, [chunk])])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("corpus", [{}, {"a": []}])
def test_a_corpus_without_chunks_builds_nothing(
    tmp_path: Path, pair: MakePair, corpus: dict[str, list[str]]
) -> None:
    with pytest.raises(KnowledgeBaseError, match="nothing to build"):
        KnowledgeBase.build(tmp_path / "kb", [pair(*item) for item in corpus.items()])
    assert list(tmp_path.iterdir()) == []


def test_a_missing_knowledge_base_says_how_to_build_one(tmp_path: Path) -> None:
    with pytest.raises(
        KnowledgeBaseError,
        match=r"Knowledge base not found: .*kb\n  build one with: wellread kb build",
    ):
        KnowledgeBase.open(tmp_path / "kb")


def test_a_foreign_folder_is_neither_opened_nor_overwritten(tmp_path: Path, pair: MakePair) -> None:
    (tmp_path / "kb").mkdir()
    (tmp_path / "kb" / "thesis.doc").write_text("mine")
    with pytest.raises(KnowledgeBaseError, match="not a knowledge base"):
        KnowledgeBase.open(tmp_path / "kb")
    for replace_it in (False, True):
        with pytest.raises(KnowledgeBaseError, match="not a knowledge base"):
            KnowledgeBase.build(tmp_path / "kb", [pair("a", "alpha")], replace=replace_it)
    assert (tmp_path / "kb" / "thesis.doc").read_text() == "mine"


def test_building_over_a_knowledge_base_needs_a_word(build: Build, pair: MakePair) -> None:
    base = build(CORPUS)
    with pytest.raises(KnowledgeBaseError, match="already holds"):
        KnowledgeBase.build(base.folder, [pair("z", "zeta")])
    with KnowledgeBase.build(base.folder, [pair("z", "zeta")], replace=True) as new:
        assert list(new.document_ids()) == ["z"]
    assert [p.name for p in base.folder.parent.iterdir()] == [base.folder.name]


def test_a_failed_rebuild_leaves_the_old_one(build: Build, pair: MakePair) -> None:
    base = build(CORPUS)
    with pytest.raises(InputError):
        KnowledgeBase.build(base.folder, [pair("z", "z"), pair("z", "z")], replace=True)
    with KnowledgeBase.open(base.folder) as old:
        assert old.count == 4


def manifest_edit(**values: object) -> Callable[[Path], object]:
    def edit(folder: Path) -> object:
        path = folder / "manifest.json"
        return path.write_text(json.dumps(json.loads(path.read_text()) | values))

    return edit


def overwrite(name: str, content: bytes) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes(content)


def foreign_database(folder: Path) -> None:
    (folder / "chunks.sqlite").unlink()
    with sqlite3.connect(folder / "chunks.sqlite") as db:
        db.execute("CREATE TABLE other (x)")
    db.close()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (overwrite("manifest.json", b"{"), "is damaged"),
        (overwrite("manifest.json", b"[1]"), "not the manifest of a knowledge base"),
        (manifest_edit(format="other"), "not the manifest of a knowledge base"),
        (manifest_edit(version=99), "format version 99"),
        (manifest_edit(settings={"retriever_type": "magic"}), "settings"),
        (lambda folder: (folder / "chunks.sqlite").unlink(), "chunks.sqlite is gone"),
        (overwrite("chunks.sqlite", b"rubbish" * 1000), "is damaged"),
        (overwrite("chunks.sqlite", b""), "is damaged"),
        (foreign_database, "is damaged"),
    ],
)
def test_a_damaged_knowledge_base_is_refused(
    build: Build, damage: Callable[[Path], object], message: str
) -> None:
    base = build(CORPUS)
    base.close()
    damage(base.folder)
    with pytest.raises(KnowledgeBaseError, match=message):
        KnowledgeBase.open(base.folder)


@pytest.mark.parametrize("damage", ["folder", "position", "meta", "cut"])
def test_a_damaged_index_is_built_again_from_the_store(build: Build, damage: str) -> None:
    base = build(CORPUS)
    base.close()
    words = base.folder / "words"
    if damage == "folder":
        shutil.rmtree(words)
    elif damage == "cut":
        for path in words.glob("*.idx"):
            path.write_bytes(path.read_bytes()[:10])
    else:
        (words / {"position": "position.json", "meta": "meta.json"}[damage]).write_bytes(b"rubbish")
    with KnowledgeBase.open(base.folder) as again:
        assert [p.chunk.document_id for p in again.search("alpha gamma", 9)] == ["c", "a", "a"]
        assert again.info().behind == 0


def test_other_settings_than_those_it_was_built_with_are_refused(build: Build) -> None:
    base = build(CORPUS, language="de")
    with pytest.raises(KnowledgeBaseError, match="has no index for 'dense'"):
        KnowledgeBase.open(base.folder, KnowledgeSettings(retriever_type="dense", language="de"))
    with pytest.raises(KnowledgeBaseError, match="language 'de', and ''"):
        KnowledgeBase.open(base.folder, KnowledgeSettings())
    with KnowledgeBase.open(
        base.folder, KnowledgeSettings(language="de", max_per_source=1)
    ) as other:
        assert other.settings.max_per_source == 1


@pytest.mark.parametrize("name", ["zz", "\ud800", ""])
def test_an_unknown_id_is_an_input_error(build: Build, name: str) -> None:
    base = build(CORPUS)
    for ask in (base.chunk, base.document, base.neighbours, base.remove):
        with pytest.raises(InputError):
            ask(name)
    assert base.count == 4


def test_a_reader_sees_what_another_adds_and_removes(
    build: Build, pair: MakePair, retriever_type: str
) -> None:
    writer = build(CORPUS, retriever_type=retriever_type)
    with KnowledgeBase.open(writer.folder) as reader:
        assert reader.search("delta") == ()
        writer.add([pair("d", "delta")])
        assert len(reader.search("delta")) == 1
        writer.remove("d")
        assert reader.search("delta") == ()
        assert reader.count == 4


def test_a_reader_keeps_its_stream_while_another_writes(build: Build, pair: MakePair) -> None:
    writer = build({f"d{i:04}": f"text {i}" for i in range(1200)})
    with KnowledgeBase.open(writer.folder) as reader:
        stream = reader.chunk_ids()
        first = next(stream)
        writer.update([pair("d0000", "new text"), pair("e", "more")])
        assert [first, *stream][0] == "d0000#0-6"
        assert reader.count == 1201


def test_unknown_languages_follow_the_majority(tmp_path: Path, pair: MakePair) -> None:
    corpus = [
        pair("a", "Houses", language=""),
        *(pair(f"b{i}", "The dogs", language="en") for i in range(3)),
    ]
    with KnowledgeBase.build(tmp_path / "kb", corpus) as base:
        assert base.languages == ("en",)
        assert [p.chunk.document_id for p in base.search("house")] == ["a"]


def test_info_counts_everything(build: Build) -> None:
    info = build(CORPUS, retriever_type="bm25").info()
    assert (info.documents, info.chunks, info.behind, info.retriever_type) == (3, 4, 0, "bm25")
    assert info.bytes > 0


def test_a_document_without_an_id_is_refused(build: Build, pair: MakePair) -> None:
    with pytest.raises(WellreadError, match="without an id"):
        build(CORPUS).add([pair("", "text")])


def rows(base: KnowledgeBase) -> dict[str, int]:
    with sqlite3.connect(base.folder / "chunks.sqlite") as db:
        found = dict(db.execute("SELECT id, row FROM chunks").fetchall())
    db.close()
    return found


def test_a_closed_knowledge_base_says_so(build: Build) -> None:
    base = build(CORPUS)
    base.close()
    base.close()
    with pytest.raises(KnowledgeBaseError, match="closed database"):
        base.search("alpha")


def test_a_removed_chunk_leaves_the_index_too(build: Build, retriever_type: str) -> None:
    base = build(CORPUS, retriever_type=retriever_type)
    base.search("alpha")
    base.remove("a")
    base.search("alpha")
    terms = query_terms("alpha beta", [""])
    left = base._retriever.search(Query("alpha beta", terms), 9)
    assert len(left) == 1
    fresh = build({"b": "beta", "c": "gamma"}, retriever_type=retriever_type)
    if retriever_type == "simple":
        assert base.search("beta")[0].score == fresh.search("beta")[0].score


def test_a_second_build_of_the_same_folder_is_refused_while_the_first_is_at_it(tmp_path, pair):
    folder = tmp_path / "kb"

    def pairs():
        yield pair("a", "the pump")
        with pytest.raises(StorageError, match="in use"):
            KnowledgeBase.build(folder, [pair("b", "the valve")])
        yield pair("c", "the tank")

    with KnowledgeBase.build(folder, pairs()) as base:
        assert list(base.document_ids()) == ["a", "c"]
