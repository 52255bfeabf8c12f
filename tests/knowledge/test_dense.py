"""Knowledge bases with vectors: build, open, change, reindex; what is embedded and what is not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.knowledge.small_embedder import NAME, TrigramEmbedder
from wellread.errors import InputError, KnowledgeBaseError
from wellread.knowledge import noise
from wellread.knowledge.base import KnowledgeBase
from wellread.knowledge.embedders import choose
from wellread.knowledge.settings import EmbedderSettings, KnowledgeSettings
from wellread.knowledge.terms import key_terms

Build = Callable[..., KnowledgeBase]
ROOT = Path(__file__).parents[2]
CORPUS = {
    "wing": ["lift of a swept wing", "drag of the swept wings at high speed"],
    "boil": "boiling water under pressure",
    "bread": "baking bread needs flour and water",
}
FREE: dict[str, Any] = {"min_similarity": 0}


@pytest.fixture(autouse=True)
def small_embedder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(choose.EMBEDDERS, "onnx", NAME)
    TrigramEmbedder.embedded.clear()
    TrigramEmbedder.opened = 0


def ids(base: KnowledgeBase, query: str, **options: Any) -> list[str]:
    return [passage.chunk.document_id for passage in base.search(query, **options)]


def opened_as(base: KnowledgeBase, kind: str, **options: Any) -> KnowledgeBase:
    return KnowledgeBase.open(base.folder, KnowledgeSettings(retriever_type=kind, **options))


@pytest.mark.parametrize("kind", ["dense", "hybrid"])
def test_meaning_finds_what_other_forms_of_the_words_hide(build: Build, kind: str) -> None:
    base = build(CORPUS, retriever_type=kind, **FREE)
    assert ids(base, "boiled waters", top_k=1) == ["boil"]
    assert ids(base, "baked breads", top_k=1) == ["bread"]
    passages = base.search("swept wing", 9)
    assert [p.rank for p in passages] == list(range(1, len(passages) + 1))
    assert all(p.score > 0 for p in passages)
    assert [p.score for p in passages] == sorted((p.score for p in passages), reverse=True)


@pytest.mark.parametrize("kind", ["dense", "hybrid"])
def test_an_added_document_is_found_and_a_removed_one_is_not_by_meaning(
    build: Build, pair: Callable[..., Any], kind: str
) -> None:
    base = build(CORPUS, retriever_type=kind, **FREE)
    base.add([pair("coffee", "roasting coffee beans")])
    assert ids(base, "coffee roasts", top_k=1) == ["coffee"]
    base.remove("wing", "boil")
    assert "wing" not in ids(base, "swept wings", top_k=9)
    with KnowledgeBase.open(base.folder) as again:
        assert set(ids(again, "coffee water wings", top_k=9)) <= {"coffee", "bread"}
        assert again.info().behind == 0


def test_only_changed_texts_are_embedded(build: Build, pair: Callable[..., Any]) -> None:
    base = build(CORPUS, retriever_type="hybrid")
    assert sorted(TrigramEmbedder.embedded) == sorted(
        [*CORPUS["wing"], CORPUS["boil"], CORPUS["bread"]]
    )
    TrigramEmbedder.embedded.clear()
    base.update(
        [
            pair("wing", ["lift of a swept wing", "flutter"]),
            pair("boil", CORPUS["boil"]),
            pair("tea", "steeping tea"),
        ],
        prune=True,
    )
    assert sorted(TrigramEmbedder.embedded) == ["flutter", "steeping tea"]
    assert ids(base, "flutter", top_k=1) == ["wing"]


def test_opening_does_not_load_the_model(build: Build) -> None:
    base = build(CORPUS, retriever_type="hybrid")
    TrigramEmbedder.opened = 0
    with KnowledgeBase.open(base.folder) as again:
        again.info()
        again.document_frequencies(["wing"])
        assert TrigramEmbedder.opened == 0
        again.search("wing")
        again.search("wing", 2)
        assert TrigramEmbedder.opened == 1


def test_opening_imports_no_heavy_library(build: Build) -> None:
    base = build(CORPUS, retriever_type="hybrid")
    script = (
        "import sys; from pathlib import Path\n"
        "from wellread.knowledge.base import KnowledgeBase\n"
        "from wellread.knowledge.settings import KnowledgeSettings\n"
        "with KnowledgeBase.open(Path(sys.argv[1])) as base: base.info()\n"
        "words = KnowledgeSettings(retriever_type='bm25')\n"
        "with KnowledgeBase.open(Path(sys.argv[1]), words) as base: base.search('wing')\n"
        "heavy = {'onnxruntime', 'onnx', 'usearch', 'scipy', 'tokenizers', 'torch'}\n"
        "print(sorted(heavy & {name.partition('.')[0] for name in sys.modules}))\n"
    )
    command = [sys.executable, "-c", script, str(base.folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("built", "opens"),
    [
        ("simple", {"simple"}),
        ("bm25", {"bm25", "simple"}),
        ("dense", {"dense", "simple"}),
        ("hybrid", {"hybrid", "dense", "bm25", "simple"}),
    ],
)
def test_a_knowledge_base_opens_as_what_it_has_indexes_for(
    build: Build, built: str, opens: set[str]
) -> None:
    base = build(CORPUS, retriever_type=built, **FREE)
    assert set(base.retriever_types) == opens
    for kind in ("simple", "bm25", "dense", "hybrid"):
        if kind in opens:
            with opened_as(base, kind, **FREE) as other:
                assert ids(other, "boiling water", top_k=1) == ["boil"]
                assert other.info().retriever_type == kind
        else:
            with pytest.raises(KnowledgeBaseError, match=f"has no index for '{kind}'") as error:
                opened_as(base, kind)
            assert f"--type {kind}" in error.value.hint


def test_a_change_through_another_retriever_keeps_all_indexes(
    build: Build, pair: Callable[..., Any]
) -> None:
    base = build(CORPUS, retriever_type="hybrid", **FREE)
    with opened_as(base, "bm25") as words:
        words.add([pair("tea", "steeping tea leaves")])
        words.remove("boil")
    manifest = json.loads((base.folder / "manifest.json").read_text())
    assert manifest["settings"]["retriever_type"] == "hybrid"
    with KnowledgeBase.open(base.folder) as again:
        assert again.info().behind == 0
        assert ids(again, "steeped tea leaf", top_k=1) == ["tea"]
        assert "boil" not in ids(again, "boiling water", top_k=9)


def test_the_manifest_names_the_embedder_and_what_was_measured(build: Build) -> None:
    base = build(CORPUS, retriever_type="dense")
    told = json.loads((base.folder / "manifest.json").read_text())
    assert told["embedder"]["fingerprint"] == "trigrams of all-MiniLM-L6-v2"
    assert told["embedder"]["dimension"] == 512
    assert told["vectors"] == {"dimension": 512, "search": "exact", "vectors": 4}
    assert 0 <= told["noise"]["typical"] <= told["noise"]["floor"] < 1
    info = base.info()
    assert info.embedder == told["embedder"]
    assert info.vectors == told["vectors"]
    assert info.noise == told["noise"]
    assert info.engine == "folder"


def test_another_embedder_is_an_error_that_says_what_to_do(build: Build) -> None:
    base = build(CORPUS, retriever_type="hybrid")
    other = EmbedderSettings(model="another")
    with opened_as(base, "hybrid", embedder=other) as opened:
        with pytest.raises(KnowledgeBaseError, match="built with another embedder") as error:
            opened.search("wing")
        assert "wellread kb reindex" in error.value.hint
    with opened_as(base, "bm25", embedder=other) as opened:
        assert ids(opened, "boiling", top_k=1) == ["boil"]


@pytest.mark.parametrize("kind", ["dense", "hybrid"])
def test_nonsense_finds_nothing(build: Build, kind: str) -> None:
    random = np.random.default_rng(0)
    words = "wing lift drag water bread flour boil speed swept pressure needs high under".split()
    corpus = {f"d{n}": " ".join(random.choice(words, 8)) for n in range(60)}
    base = build(corpus, retriever_type=kind)
    assert base.search("swept wing at high speed")
    for query in ("", "  \n", "?!", "中文", "zzqx"):
        assert base.search(query) == (), query
    # About one in twenty is let through.
    made = noise.nonsense(base._store, 60)
    assert sum(bool(base.search(query)) for query in made) <= 9


def test_nonsense_is_made_of_the_letters_of_the_chunks_and_always_the_same(build: Build) -> None:
    base = build({"a": "中文分词 测试 文本", "b": "Größe 12 cm"}, retriever_type="bm25")
    made = noise.nonsense(base._store, 20)
    assert made == noise.nonsense(base._store, 20)
    assert {c for query in made for c in query if c.isalpha()} <= set("中文分词测试文本Größecm")
    assert "12" in "".join(made)
    assert noise.nonsense(build({"a": "12 34"})._store, 5) == []


def test_filters_hold_for_vectors_too(build: Build, pair: Callable[..., Any]) -> None:
    base = build(CORPUS, retriever_type="dense", **FREE)
    base.add([pair("kettle", "boiling water in a kettle", metadata={"year": 2001})])
    assert ids(base, "boiling water", top_k=9, where={"year": 2001}) == ["kettle"]
    assert ids(base, "boiling water", top_k=1, where={"document_id": ["wing", "bread"]}) == [
        "bread"
    ]


@pytest.mark.parametrize("kind", ["dense", "hybrid"])
def test_key_terms_can_be_had_without_an_index_of_words(build: Build, kind: str) -> None:
    base = build(CORPUS, retriever_type=kind)
    assert base.document_frequencies(["water", "flour", "none"]) == {
        "water": 2, "flour": 1, "none": 0,
    }  # fmt: skip
    chunk = next(chunk for chunk in base.chunks() if chunk.document_id == "bread")
    assert set(key_terms(chunk, base, 3)) == {"baking", "bread", "needs"}


def test_progress_counts_chunks_up_to_all(build: Build, pair: Callable[..., Any]) -> None:
    base = build(CORPUS, retriever_type="dense")
    told: list[tuple[int, int]] = []
    pairs = [pair(f"n{n}", f"number {n}") for n in range(600)]
    base.add(pairs, progress=lambda done, total: told.append((done, total)))
    assert {total for _, total in told} == {600}
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[-1] == (600, 600)


def test_documents_are_found_by_what_holds_of_them(build: Build, pair: Callable[..., Any]) -> None:
    base = build(CORPUS)
    base.add([pair("x", ["one", "two"], metadata={"year": 2001}), pair("y", "three", source="s")])
    assert base.documents_where({"year": 2001}) == ["x"]
    assert base.documents_where({"source": "s"}) == ["y"]
    assert base.documents_where({"year": 1}) == []
    with pytest.raises(InputError, match="no document 'nobody'"):
        base.remove("x", "nobody")
    assert base.remove("x", "y", "x").removed == 2


# -- reindexing


def test_bm25_becomes_hybrid_without_the_documents(build: Build) -> None:
    base = build(CORPUS, retriever_type="bm25")
    base.reindex(KnowledgeSettings(retriever_type="hybrid", **FREE))
    assert len(TrigramEmbedder.embedded) == 4
    assert ids(base, "boiled", top_k=1) == ["boil"]
    with KnowledgeBase.open(base.folder) as again:
        assert again.settings.retriever_type == "hybrid"
        assert ids(again, "baked breads", top_k=1) == ["bread"]
        assert set(again.retriever_types) == {"hybrid", "dense", "bm25", "simple"}


def test_hybrid_becomes_bm25_and_lets_go_of_the_vectors(build: Build) -> None:
    base = build(CORPUS, retriever_type="hybrid")
    base.reindex(KnowledgeSettings(retriever_type="bm25"))
    assert not list(base.folder.rglob("*.matrix"))
    with KnowledgeBase.open(base.folder) as again:
        assert ids(again, "boiling", top_k=1) == ["boil"]
        assert again.retriever_types == ("bm25", "simple")


def test_another_embedder_embeds_anew_and_the_old_vectors_go(build: Build) -> None:
    base = build(CORPUS, retriever_type="hybrid", **FREE)
    TrigramEmbedder.embedded.clear()
    wanted = EmbedderSettings(model="another", dimensions=256)
    base.reindex(KnowledgeSettings(retriever_type="hybrid", embedder=wanted, **FREE))
    assert len(TrigramEmbedder.embedded) == 4
    assert base.info().embedder["model"] == "another"
    assert len(list(base.folder.glob("vectors/*/*.matrix"))) == 1
    with KnowledgeBase.open(base.folder) as again:
        assert ids(again, "boiled", top_k=1) == ["boil"]


def test_a_reindex_that_fails_changes_nothing_and_goes_on_later(
    build: Build, pair: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    base = build(CORPUS, retriever_type="hybrid", **FREE)
    base.add([pair(f"n{n}", f"number {n}") for n in range(600)])
    before = json.loads((base.folder / "manifest.json").read_text())
    wanted = KnowledgeSettings(
        retriever_type="hybrid", embedder=EmbedderSettings(model="another"), **FREE
    )
    TrigramEmbedder.embedded.clear()
    real = TrigramEmbedder.passages

    def failing(self: TrigramEmbedder, texts: list[str]) -> Any:
        if len(TrigramEmbedder.embedded) >= 512:
            raise KnowledgeBaseError("away")
        return real(self, texts)

    monkeypatch.setattr(TrigramEmbedder, "passages", failing)
    with pytest.raises(KnowledgeBaseError, match="away"):
        base.reindex(wanted)
    monkeypatch.setattr(TrigramEmbedder, "passages", real)
    assert json.loads((base.folder / "manifest.json").read_text()) == before
    with KnowledgeBase.open(base.folder) as again:
        assert ids(again, "boiled", top_k=1) == ["boil"]
        again.reindex(wanted)
        assert ids(again, "boiled", top_k=1) == ["boil"]
        assert again.info().embedder["model"] == "another"
    assert len(TrigramEmbedder.embedded) == 604


def test_reindexing_without_settings_mends_words_and_vectors(build: Build) -> None:
    base = build(CORPUS, retriever_type="hybrid", **FREE)
    TrigramEmbedder.embedded.clear()
    base.reindex()
    assert TrigramEmbedder.embedded == []
    (matrix,) = base.folder.rglob("*.matrix")
    matrix.write_bytes(b"\xff" * matrix.stat().st_size)
    base.reindex()
    assert len(TrigramEmbedder.embedded) == 4
    assert ids(base, "boiled", top_k=1) == ["boil"]
    assert ids(base, "baked breads", top_k=1) == ["bread"]


def test_language_and_engine_stay_as_they_are(build: Build) -> None:
    base = build(CORPUS)
    with pytest.raises(KnowledgeBaseError, match="built with language '', and 'de' is asked for"):
        base.reindex(KnowledgeSettings(language="de"))
    assert ids(base, "boiling", top_k=1) == ["boil"]


def test_who_had_it_open_while_it_was_reindexed_does_not_undo_that(
    build: Build, pair: Callable[..., Any]
) -> None:
    base = build(CORPUS, retriever_type="bm25")
    with KnowledgeBase.open(base.folder) as other:
        base.reindex(KnowledgeSettings(retriever_type="hybrid", **FREE))
        other.add([pair("tea", "steeping tea leaves")])
    with KnowledgeBase.open(base.folder) as again:
        assert again.settings.retriever_type == "hybrid"
        assert again.info().behind == 0
        assert ids(again, "steeped leaf", top_k=1) == ["tea"]


def test_an_lsa_embedder_is_fitted_when_built_and_again_when_reindexed(
    build: Build, pair: Callable[..., Any]
) -> None:
    pytest.importorskip("scipy")
    corpus = {f"d{n}": f"{word} {other} topic" for n, (word, other) in enumerate(
        [("wing", "lift"), ("wing", "drag"), ("bread", "flour"), ("bread", "oven")]
    )}  # fmt: skip
    base = build(corpus, retriever_type="hybrid", embedder=EmbedderSettings(kind="lsa"))
    assert ids(base, "oven", top_k=1) == ["d3"]
    with opened_as(base, "dense", embedder=EmbedderSettings(kind="lsa")) as meaning:
        assert "d3" in ids(meaning, "oven")
        assert ids(meaning, "zzqx qqzx") == []
    first = base.info().embedder["fingerprint"]
    base.add([pair("tea", "steeping leaves"), pair("tea2", "leaves brewed")])
    with KnowledgeBase.open(base.folder) as again:
        assert again.info().embedder["fingerprint"] == first
        again.reindex(again.settings)
        assert again.info().embedder["fingerprint"] != first
        again.reindex(again.settings)
    with KnowledgeBase.open(base.folder) as again:
        assert "tea" in ids(again, "brewed", top_k=3)
        assert len(list(again.folder.rglob("*.npy"))) == 1
        assert len(list(again.folder.glob("vectors/*/*.matrix"))) == 1


# -- kills

KILLED = """
import os, signal, sys
from pathlib import Path
from tests.knowledge.small_embedder import NAME, TrigramEmbedder
from wellread.knowledge.base import KnowledgeBase
from wellread.knowledge.embedders import choose
from wellread.knowledge.settings import KnowledgeSettings
from wellread.records import Chunk, Document

choose.EMBEDDERS["onnx"] = NAME
real, calls, last = TrigramEmbedder.passages, 0, int(sys.argv[3])

def counted(self, texts):
    global calls
    calls += 1
    if calls == last:
        os.kill(os.getpid(), signal.SIGKILL)
    print(len(texts), flush=True)
    return real(self, texts)

TrigramEmbedder.passages = counted

def pair(n):
    text = f"number {n} of many"
    return Document(f"d{n}", text), [Chunk(f"d{n}#0-{len(text)}", f"d{n}", text, 0, len(text))]

folder = Path(sys.argv[1])
if sys.argv[2] == "build":
    KnowledgeBase.build(folder, map(pair, range(700)), KnowledgeSettings(retriever_type="hybrid"))
else:
    with KnowledgeBase.open(folder) as base:
        for start in range(1000, 10_000, 300):
            base.add(map(pair, range(start, start + 300)))
            base.remove(f"d{start}")
            print("done", start, flush=True)
"""


def run_killed(folder: Path, what: str, last: int) -> list[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", KILLED, str(folder), what, str(last)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=environment, cwd=ROOT
    )
    assert done.returncode == (-signal.SIGKILL if last else 0), done.stderr
    return done.stdout.splitlines()


def test_a_killed_build_embeds_only_what_it_had_not_kept(tmp_path: Path) -> None:
    folder = tmp_path / "kb"
    assert run_killed(folder, "build", 3) == ["256", "256"]
    assert not folder.exists()
    assert run_killed(folder, "build", 0) == ["188"]
    with KnowledgeBase.open(folder, None) as base:
        assert (base.count, base.info().behind) == (700, 0)
        assert base.info().vectors["vectors"] == 700
    assert [path.name for path in tmp_path.iterdir()] == ["kb"]
    assert not (folder / "known").exists()


def test_what_is_built_anew_takes_the_vectors_of_the_old(
    build: Build, pair: Callable[..., Any]
) -> None:
    base = build(CORPUS, retriever_type="dense")
    base.close()
    TrigramEmbedder.embedded.clear()
    pairs = [pair(name, parts) for name, parts in CORPUS.items()] + [pair("tea", "steeping tea")]
    settings = KnowledgeSettings(retriever_type="dense", **FREE)
    with KnowledgeBase.build(base.folder, pairs, settings, replace=True) as again:
        assert TrigramEmbedder.embedded == ["steeping tea"]
        assert ids(again, "boiled", top_k=1) == ["boil"]


def test_a_failed_build_without_vectors_leaves_nothing(
    tmp_path: Path, pair: Callable[..., Any]
) -> None:
    pairs = [pair("a", "one"), pair("a", "two")]
    with pytest.raises(InputError, match="occurs twice"):
        KnowledgeBase.build(tmp_path / "kb", pairs, KnowledgeSettings(retriever_type="dense"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("last", [1, 2, 4, 7])
def test_store_words_and_vectors_agree_after_a_kill(
    build: Build, tmp_path: Path, last: int
) -> None:
    base = build({"seed": "seed"}, retriever_type="hybrid", collapse_duplicates=False, **FREE)
    base.close()
    lines = run_killed(base.folder, "add", last)
    done = [int(line.split()[1]) for line in lines if line.startswith("done")]
    with KnowledgeBase.open(base.folder) as again:
        stored = set(again.chunk_ids())
        documents = set(again.document_ids())
        for start in done:
            assert {f"d{n}" for n in range(start + 1, start + 300)} <= documents
            assert f"d{start}" not in documents
        assert again.info().behind == 0
        assert again.info().vectors["vectors"] <= len(stored)
        for kind in ("dense", "bm25"):
            with opened_as(again, kind, collapse_duplicates=False, **FREE) as one:
                found = {passage.id for passage in one.search("number of many", 10_000)}
                assert found - {"seed#0-4"} == stored - {"seed#0-4"}, kind


def test_what_the_fallback_knows_is_found_on_a_small_base_too(build: Build) -> None:
    """Few chunks and short words: scrambled letters often spell a word, and no measure."""
    texts = {f"{n}.md": f"The {thing} is kept in it at on an as." for n, thing in enumerate(THINGS)}
    base = build(texts, retriever_type="dense", embedder={"kind": "lsa"})
    assert [p.chunk.document_id for p in base.search("where is the kettle kept", 1)] == ["3.md"]
    assert base.search("zzz qqq") == ()


THINGS = ("hammer", "saw", "ladder", "kettle", "lantern", "rope", "bucket", "shovel", "anvil")
