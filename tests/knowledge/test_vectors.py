"""Vectors of a folder: what is found, what a crash leaves, what is swept, when a graph is made."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from wellread.errors import KnowledgeBaseError, StorageError
from wellread.knowledge.entries import make_entry
from wellread.knowledge.filters import holds, required_facts
from wellread.knowledge.settings import KnowledgeSettings
from wellread.knowledge.sqlite_store import SqliteStore
from wellread.knowledge.vector_files import VectorFiles, places_of
from wellread.knowledge.vectors import FolderVectors
from wellread.storage.ownership import sole_owner

Matrix = NDArray[np.float32]
DIMENSION = 16


class Numbered:
    """Embeds "n …" as the n-th of given vectors and remembers what it was asked."""

    def __init__(self, vectors: Matrix) -> None:
        self.vectors = vectors
        self.asked: list[str] = []

    def __call__(self, texts: Sequence[str]) -> Matrix:
        self.asked += texts
        return self.vectors[[int(text.split()[0]) for text in texts]]


def unit_vectors(count: int, seed: int = 0, dimension: int = DIMENSION) -> Matrix:
    made = np.random.default_rng(seed).standard_normal((count, dimension))
    return np.asarray(made / np.linalg.norm(made, axis=1, keepdims=True), np.float32)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    made = SqliteStore.create(tmp_path / "chunks.sqlite")
    yield made
    made.close()


@pytest.fixture
def add(store: SqliteStore, pair: Callable[..., Any]) -> Callable[..., None]:
    """``add(0, 3)`` stores documents d0 to d2, whose texts name the vectors 0 to 2."""

    def insert(first: int, last: int, **fields: Any) -> None:
        with store.writing():
            for n in range(first, last):
                store.insert(make_entry(pair(f"d{n}", f"{n} text", **fields), "en"))

    return insert


def remove(store: SqliteStore, *numbers: int) -> None:
    with store.writing():
        for n in numbers:
            store.delete(f"d{n}")


def index_at(folder: Path, **options: Any) -> FolderVectors:
    return FolderVectors(folder / "vectors", DIMENSION, KnowledgeSettings(**options))


def found(store: SqliteStore, index: FolderVectors, vector: Matrix, limit: int = 5) -> list[int]:
    hits = index.search(vector, limit)
    names = store.chunks_at([hit.row for hit in hits])
    return [int(names[hit.row].document_id[1:]) for hit in hits if hit.row in names]


# -- exact search


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 60), st.integers(1, 70), st.sets(st.integers(0, 59)), st.integers(0, 2**16))
def test_exact_search_is_the_sorted_product_of_what_is_left(
    tmp_path_factory: pytest.TempPathFactory, count: int, limit: int, gone: set[int], seed: int
) -> None:
    files = VectorFiles(tmp_path_factory.mktemp("v") / "vectors", DIMENSION)
    files.cut()
    vectors = unit_vectors(count, seed)
    rows = np.cumsum(np.random.default_rng(seed).integers(1, 5, count))
    files.append(rows.tolist(), [bytes(16)] * count, vectors)
    gone_rows = [int(rows[n]) for n in gone if n < count]
    files.forget([*gone_rows, 10_000], 3)
    index = FolderVectors(files.folder, DIMENSION, KnowledgeSettings())
    query = unit_vectors(1, seed + 1)[0]
    hits = index.search(query, limit)
    wanted = sorted(
        ((float(v @ query), int(r)) for v, r in zip(vectors, rows, strict=True)), reverse=True
    )
    left = [(score, row) for score, row in wanted if row not in gone_rows][:limit]
    assert [hit.row for hit in hits] == [row for _, row in left]
    assert np.allclose([hit.score for hit in hits], [score for score, _ in left], atol=1e-6)


def test_places_are_found_only_for_what_is_there() -> None:
    rows = np.array([2, 5, 9], np.int64)
    assert places_of(rows, np.array([1, 2, 6, 9, 12], np.int64)).tolist() == [0, 2]
    assert places_of(rows[:0], np.array([1], np.int64)).tolist() == []


def test_filtered_search_is_that_of_a_loop_over_all_chunks(
    tmp_path: Path, store: SqliteStore, pair: Callable[..., Any]
) -> None:
    vectors = unit_vectors(60)
    with store.writing():
        for n in range(60):
            told = {"year": 2000 + n % 3, "tags": ["odd" if n % 2 else "even", f"t{n % 5}"]}
            made = pair(f"d{n}", f"{n} text", source="ab"[n % 2], metadata=told)
            store.insert(make_entry(made, "en"))
    index = index_at(tmp_path)
    index.catch_up(store, Numbered(vectors))
    remove(store, 6, 7)
    index.catch_up(store, Numbered(vectors))
    query = unit_vectors(1, 9)[0]
    for where in (
        {"year": 2001},
        {"source": "a", "year": [2000, 2001]},
        {"tags": "t1"},
        {"tags": ["odd", "t0"], "source": "b"},
        {"document_id": [f"d{n}" for n in range(0, 60, 7)]},
        {"year": 1999},
        {"year": []},
    ):
        facts = required_facts(where)
        hits = index.search(query, 7, facts)
        rows = {r.row: int(r.chunk.document_id[1:]) for r in store.rows_after(0) if holds(facts, r)}
        scores = {row: float(vectors[n] @ query) for row, n in rows.items()}
        assert [hit.row for hit in hits] == sorted(scores, key=lambda r: -scores[r])[:7], where


def test_an_empty_index_finds_nothing(tmp_path: Path) -> None:
    index = index_at(tmp_path)
    assert index.search(unit_vectors(1)[0], 5) == []
    assert index.search(unit_vectors(1)[0], 5, required_facts({"year": 1})) == []
    assert not (tmp_path / "vectors").exists()


def test_a_write_that_failed_halfway_is_written_over(tmp_path: Path) -> None:
    files = VectorFiles(tmp_path, DIMENSION)
    files.cut()
    vectors = unit_vectors(4)
    files.append([1, 2], [bytes(16)] * 2, vectors[:2])
    with (tmp_path / "1.matrix").open("ab") as matrix:
        matrix.write(vectors[3].tobytes())
    files.append([3], [bytes(16)], vectors[2:3])
    assert VectorFiles(tmp_path, DIMENSION).held().matrix[2].tolist() == vectors[2].tolist()


def test_what_is_gone_is_counted_once(tmp_path: Path) -> None:
    files = VectorFiles(tmp_path, DIMENSION)
    files.cut()
    files.append([1, 2], [bytes(16)] * 2, unit_vectors(2))
    files.forget([1], 1)
    files.forget([1, 7], 2)
    assert (files.extent.gone, files.extent.position.removal) == (1, 2)


# -- reading on


def test_only_what_is_new_is_embedded(
    tmp_path: Path, store: SqliteStore, add: Callable[..., None]
) -> None:
    embed = Numbered(unit_vectors(20))
    add(0, 5)
    index_at(tmp_path).catch_up(store, embed)
    add(5, 8)
    remove(store, 1)
    index = index_at(tmp_path)
    index.catch_up(store, embed)
    assert embed.asked == [f"{n} text" for n in range(8)]
    assert index.position == store.position()
    assert sorted(found(store, index, embed.vectors[0], 99)) == [0, 2, 3, 4, 5, 6, 7]
    assert found(store, index, embed.vectors[6], 1) == [6]


def test_a_text_that_comes_again_is_not_embedded_again(
    tmp_path: Path, store: SqliteStore, add: Callable[..., None], pair: Callable[..., Any]
) -> None:
    embed = Numbered(unit_vectors(20))
    add(0, 5)
    index = index_at(tmp_path)
    index.catch_up(store, embed)
    remove(store, 2, 3)
    with store.writing():
        store.insert(make_entry(pair("d2", ["2 text", "9 text", "9 text"]), "en"))
    index.catch_up(store, embed)
    assert embed.asked[5:] == ["9 text"]
    assert found(store, index, embed.vectors[2], 1) == [2]
    assert sorted(found(store, index, embed.vectors[9], 99)) == [0, 1, 2, 2, 2, 4]


def test_what_an_earlier_build_left_is_not_embedded_again(
    tmp_path: Path, store: SqliteStore, add: Callable[..., None]
) -> None:
    embed = Numbered(unit_vectors(20))
    add(0, 5)
    index_at(tmp_path).catch_up(store, embed)
    again = FolderVectors(
        tmp_path / "other", DIMENSION, KnowledgeSettings(), [tmp_path / "vectors", tmp_path / "no"]
    )
    add(5, 6)
    again.catch_up(store, embed)
    assert embed.asked[5:] == ["5 text"]
    assert found(store, again, embed.vectors[3], 1) == [3]


def test_batches_embedded_before_a_failure_are_kept(
    tmp_path: Path, store: SqliteStore, add: Callable[..., None]
) -> None:
    vectors = unit_vectors(600)
    embed = Numbered(vectors)
    calls = 0

    def failing(texts: Sequence[str]) -> Matrix:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise KnowledgeBaseError("the server is away")
        return embed(texts)

    add(0, 600)
    with pytest.raises(KnowledgeBaseError, match="away"):
        index_at(tmp_path).catch_up(store, failing)
    index = index_at(tmp_path)
    assert index.position.row == 512
    index.catch_up(store, embed)
    assert embed.asked == [f"{n} text" for n in range(600)]


@pytest.mark.parametrize("kind", ["matrix", "rows", "gone", "all"])
def test_what_a_crash_left_beyond_the_position_is_cut_off(
    tmp_path: Path, store: SqliteStore, add: Callable[..., None], kind: str
) -> None:
    embed = Numbered(unit_vectors(20))
    add(0, 5)
    remove(store, 4)
    index_at(tmp_path).catch_up(store, embed)
    position = (tmp_path / "vectors/position.json").read_bytes()
    add(5, 9)
    remove(store, 2)
    if kind == "all":
        index_at(tmp_path).catch_up(store, embed)
        (tmp_path / "vectors/position.json").write_bytes(position)
    else:
        with (tmp_path / f"vectors/1.{kind}").open("ab") as file:
            file.write(b"\x01half a row")
    index = index_at(tmp_path)
    assert sorted(found(store, index, embed.vectors[0], 99)) == [0, 1, 3]
    index.catch_up(store, embed)
    assert sorted(found(store, index, embed.vectors[0], 99)) == [0, 1, 3, 5, 6, 7, 8]
    assert all(found(store, index, embed.vectors[n], 1) == [n] for n in (0, 1, 3, 5, 8))


@pytest.mark.parametrize("damage", ["gone", "short", "rubbish", "dimension"])
def test_damaged_files_are_made_anew(
    tmp_path: Path, store: SqliteStore, add: Callable[..., None], damage: str
) -> None:
    embed = Numbered(unit_vectors(20))
    add(0, 5)
    index_at(tmp_path).catch_up(store, embed)
    matrix, position = (tmp_path / "vectors" / name for name in ("1.matrix", "position.json"))
    if damage == "gone":
        matrix.unlink()
    elif damage == "short":
        matrix.write_bytes(matrix.read_bytes()[:-1])
    elif damage == "rubbish":
        position.write_bytes(b"rubbish")
    else:
        position.write_text(json.dumps({**json.loads(position.read_text()), "dimension": 3}))
    index = index_at(tmp_path)
    index.catch_up(store, embed)
    assert all(found(store, index, embed.vectors[n], 1) == [n] for n in range(5))
    assert len(embed.asked) == 10


def test_facts_that_are_gone_are_read_anew(
    tmp_path: Path, store: SqliteStore, add: Callable[..., None]
) -> None:
    embed = Numbered(unit_vectors(20))
    add(0, 5, source="a")
    index_at(tmp_path).catch_up(store, embed)
    (tmp_path / "vectors/facts.sqlite").write_bytes(b"not a database at all, but long enough")
    add(5, 7, source="a")
    index = index_at(tmp_path)
    index.catch_up(store, embed)
    assert len(index.search(embed.vectors[0], 99, required_facts({"source": "a"}))) == 7


def test_vectors_that_are_no_numbers_are_refused(
    tmp_path: Path, store: SqliteStore, add: Callable[..., None]
) -> None:
    add(0, 2)
    index = index_at(tmp_path)
    with pytest.raises(KnowledgeBaseError, match="not finite"):
        index.catch_up(store, Numbered(np.full((2, DIMENSION), np.nan, np.float32)))
    with pytest.raises(KnowledgeBaseError, match=r"shape \(2, 3\)"):
        index.catch_up(store, Numbered(np.zeros((2, 3), np.float32)))


def test_a_second_writer_leaves_the_work_to_the_first(
    tmp_path: Path, store: SqliteStore, add: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    embed = Numbered(unit_vectors(20))
    add(0, 5)
    index = index_at(tmp_path)
    with sole_owner(tmp_path / "vectors/writer"):
        index.catch_up(store, embed, wait=False)
        assert (index.position.row, embed.asked) == (0, [])
        monkeypatch.setattr("wellread.knowledge.vectors._LOCK_TRIES", 2)
        with pytest.raises(StorageError, match="another process"):
            index.catch_up(store, embed)
    index.catch_up(store, embed)
    assert index.position == store.position()


def test_a_reader_sees_what_another_has_written_and_swept(
    tmp_path: Path, store: SqliteStore, add: Callable[..., None]
) -> None:
    embed = Numbered(unit_vectors(20))
    add(0, 6)
    writer, reader = index_at(tmp_path), index_at(tmp_path)
    writer.catch_up(store, embed)
    reader.catch_up(store, embed)
    assert found(store, reader, embed.vectors[4], 1) == [4]
    remove(store, 4, 5)
    writer.catch_up(store, embed)
    writer.settle()
    # Its files are gone, and what it has mapped still answers until it looks again.
    assert len(reader.search(embed.vectors[4], 99)) == 6
    reader.catch_up(store, embed)
    assert sorted(found(store, reader, embed.vectors[4], 99)) == [0, 1, 2, 3]


# -- sweeping


def test_a_fifth_of_gone_vectors_is_swept_out(
    tmp_path: Path, store: SqliteStore, add: Callable[..., None]
) -> None:
    embed = Numbered(unit_vectors(20))
    add(0, 10)
    index = index_at(tmp_path)
    index.catch_up(store, embed)
    remove(store, 0, 1)
    index.catch_up(store, embed)
    assert index.settle()["vectors"] == 8
    assert (tmp_path / "vectors/1.matrix").stat().st_size == 10 * DIMENSION * 4
    remove(store, 2)
    index.catch_up(store, embed)
    assert index.settle()["vectors"] == 7
    assert not (tmp_path / "vectors/1.matrix").exists()
    assert (tmp_path / "vectors/2.matrix").stat().st_size == 7 * DIMENSION * 4
    add(10, 12)
    index.catch_up(store, embed)
    assert sorted(found(store, index_at(tmp_path), embed.vectors[0], 99)) == list(range(3, 12))


def test_everything_can_be_removed(
    tmp_path: Path, store: SqliteStore, add: Callable[..., None]
) -> None:
    embed = Numbered(unit_vectors(20))
    add(0, 3)
    index = index_at(tmp_path)
    index.catch_up(store, embed)
    remove(store, 0, 1, 2)
    index.catch_up(store, embed)
    assert index.settle()["vectors"] == 0
    assert index.search(embed.vectors[0], 5) == []
    add(0, 1)
    index.catch_up(store, embed)
    assert found(store, index, embed.vectors[0]) == [0]


def test_vectors_are_sound_when_each_chunk_has_one_of_length_one(
    tmp_path: Path, store: SqliteStore, add: Callable[..., None]
) -> None:
    embed = Numbered(unit_vectors(20))
    add(0, 5)
    remove(store, 3)
    index = index_at(tmp_path)
    index.catch_up(store, embed)
    assert index.sound(store)
    matrix = tmp_path / "vectors/1.matrix"
    matrix.write_bytes(b"\x07" + matrix.read_bytes()[1:-1] + b"\x7e")
    assert not index_at(tmp_path).sound(store)


# -- the graph


def clustered(count: int, seed: int = 0) -> Matrix:
    """Vectors around a hundred centres, as texts lie around topics."""
    random = np.random.default_rng(seed)
    centres = unit_vectors(100, 1, 32)
    made = centres[random.integers(0, 100, count)] + random.standard_normal((count, 32)) * 0.1
    return np.asarray(made / np.linalg.norm(made, axis=1, keepdims=True), np.float32)


# Not importorskip: usearch must not be loaded before onnxruntime.
needs_usearch = pytest.mark.skipif(find_spec("usearch") is None, reason="usearch is not installed")


@pytest.fixture
def graph_index(tmp_path: Path) -> Callable[..., FolderVectors]:
    def make(vectors: Matrix, exact_limit: int = 100) -> FolderVectors:
        folder = tmp_path / "graph"
        files = VectorFiles(folder, 32)
        files.cut()
        first = files.extent.count
        rows = range(first + 1, first + len(vectors) + 1)
        files.append(rows, [row.to_bytes(16) for row in rows], vectors)
        return FolderVectors(folder, 32, KnowledgeSettings(exact_limit=exact_limit))

    return make


def rows_of(index: FolderVectors, vector: Matrix, limit: int = 10) -> list[int]:
    return [hit.row for hit in index.search(vector, limit)]


@needs_usearch
def test_a_graph_finds_nine_of_ten_and_says_so(
    graph_index: Callable[..., FolderVectors], tmp_path: Path
) -> None:
    index = graph_index(clustered(3000))
    told = index.settle()
    assert (told["search"], told["vectors"]) == ("hnsw", 3000)
    assert told["recall"] >= 0.9
    exact = FolderVectors(tmp_path / "graph", 32, KnowledgeSettings())
    pairs = [(rows_of(index, q), rows_of(exact, q)) for q in clustered(100, 5)]
    assert np.mean([len({*near} & {*true}) / 10 for near, true in pairs]) >= 0.9
    for query in clustered(3, 6):
        exactly = {hit.row: hit.score for hit in exact.search(query, 3000)}
        for hit in index.search(query, 10):
            assert hit.score == pytest.approx(exactly[hit.row], abs=1e-6)


@needs_usearch
def test_what_lies_behind_the_graph_is_searched_too(
    graph_index: Callable[..., FolderVectors], tmp_path: Path
) -> None:
    graph_index(clustered(2000)).settle()
    index = graph_index(unit_vectors(50, 3, 32))
    for number, vector in enumerate(unit_vectors(50, 3, 32)):
        assert rows_of(index, vector, 3)[0] == 2001 + number
    index.settle()
    assert [p.name for p in (tmp_path / "graph").glob("*.graph")] == ["1-2000.graph"]
    index = graph_index(unit_vectors(300, 4, 32))
    index.settle()
    assert [p.name for p in (tmp_path / "graph").glob("*.graph")] == ["1-2350.graph"]
    assert rows_of(index, unit_vectors(300, 4, 32)[7], 1) == [2058]


@needs_usearch
def test_removed_rows_do_not_use_up_what_the_graph_brings(
    graph_index: Callable[..., FolderVectors], tmp_path: Path
) -> None:
    index = graph_index(clustered(1000))
    index.settle()
    query = clustered(1, 9)[0]
    best = rows_of(index, query, 100)
    files = VectorFiles(tmp_path / "graph", 32)
    files.forget(best[:90], 1)
    again = FolderVectors(tmp_path / "graph", 32, KnowledgeSettings(exact_limit=100))
    hits = rows_of(again, query, 20)
    assert len(hits) == 20
    assert hits[:10] == best[90:]
    assert not {*hits} & {*best[:90]}


@needs_usearch
@pytest.mark.parametrize("damage", ["missing", "short", "changed", "facts"])
def test_a_damaged_graph_is_done_without_and_made_anew(
    graph_index: Callable[..., FolderVectors], tmp_path: Path, damage: str
) -> None:
    vectors = clustered(1000)
    graph_index(vectors).settle()
    (graph,) = (tmp_path / "graph").glob("*.graph")
    content = graph.read_bytes()
    if damage == "missing":
        graph.unlink()
    elif damage == "short":
        graph.write_bytes(content[:-1])
    elif damage == "changed":
        graph.write_bytes(content[:5000] + bytes(500) + content[5500:])
    else:
        (tmp_path / "graph/graph.json").write_bytes(b"{}")
    index = FolderVectors(tmp_path / "graph", 32, KnowledgeSettings(exact_limit=100))
    assert rows_of(index, vectors[3], 1) == [4]
    assert index.settle()["recall"] >= 0.9
    (graph,) = (tmp_path / "graph").glob("*.graph")
    assert graph.read_bytes() == content


@needs_usearch
def test_below_the_limit_there_is_no_graph(graph_index: Callable[..., FolderVectors]) -> None:
    index = graph_index(clustered(300))
    index.settle()
    shrunk = FolderVectors(index._folder, 32, KnowledgeSettings(exact_limit=300))
    assert shrunk.settle()["search"] == "exact"
    assert not list(index._folder.glob("*.graph"))


@needs_usearch
@pytest.mark.skipif(find_spec("onnxruntime") is None, reason="onnxruntime is not installed")
def test_onnxruntime_loads_after_a_graph_was_searched(tmp_path: Path) -> None:
    """Loaded after usearch alone it brings the process down."""
    script = (
        "import sys; from pathlib import Path; import numpy as np\n"
        "from wellread.knowledge.vector_graph import Graph\n"
        "Path(sys.argv[1]).mkdir()\n"
        "Graph(Path(sys.argv[1]), 4).make(1, np.eye(4, dtype=np.float32), np.ones(4, bool))\n"
        "import onnxruntime\n"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "g")], check=True)
