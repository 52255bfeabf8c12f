"""``wellread kb`` as a person uses it: the life of a knowledge base, and every error."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.pipelines.corpora import write_corpus
from wellread.cli import main
from wellread.knowledge.base import KnowledgeBase
from wellread.knowledge.opening import open_knowledge_base

ROWS = [
    {"id": "policy_001", "title": "Return Policy", "content": "Return items within 30 days.",
     "metadata": {"year": 2020, "public": True}},
    {"id": "policy_002", "title": "Shipping", "content": "Free shipping on orders over $50.",
     "source": "shipping.md", "metadata": {"year": 2021}},
    {"id": "faq_001", "title": "Account Creation", "content": "Click the Sign Up button.",
     "metadata": {"year": 2021, "public": False}},
]  # fmt: skip


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


Run = Callable[..., Ended]


@pytest.fixture
def run(tmp_path, monkeypatch, capsys) -> Run:
    """``run("kb", "build", …)`` in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")

    def wellread(*words: str) -> Ended:
        monkeypatch.setattr(sys, "argv", ["wellread", *map(str, words)])
        code = 0
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        shown = capsys.readouterr()
        return Ended(code, shown.out, shown.err)

    return wellread


@pytest.fixture
def rows(tmp_path) -> Path:
    path = tmp_path / "my_documents.jsonl"
    path.write_text("\n".join(map(json.dumps, ROWS)) + "\n")
    return path


@pytest.fixture
def built(run, tmp_path) -> Path:
    """A knowledge base of three files."""
    write_corpus(tmp_path / "docs", 3)
    assert run("kb", "build", "-q", "my_kb", "docs").code == 0
    return tmp_path / "my_kb"


def ids(base: Path | str) -> list[str]:
    with open_knowledge_base(base) as opened:
        return list(opened.document_ids())


# -- building


def test_a_folder_is_built_and_found_in(run, built):
    ended = run("kb", "search", "my_kb", "how heavy is the Brisk kiln", "-k", "1")
    assert ended.code == 0
    first, *rest = ended.out.splitlines()
    assert first.startswith(" 1  product0001.md, lines 1-")
    assert "score" in first
    assert "The Brisk 101 kiln" in rest[0]
    assert "The Brisk 101 is a kiln" in " ".join(rest)


def test_the_rows_of_a_file_are_built_with_their_ids(run, rows, tmp_path):
    ended = run("kb", "build", "my_kb", rows, "--json")
    assert ended.code == 0, ended.err
    assert ended.json["documents"] == 3
    assert ids(tmp_path / "my_kb") == ["faq_001", "policy_001", "policy_002"]
    shown = run("kb", "search", "my_kb", "can I return items").out
    assert shown.startswith(" 1  policy_001  score")
    assert "Return Policy" in shown


@pytest.mark.parametrize(
    "words",
    [
        ["--documents", "my_documents.jsonl", "--output", "my_kb", "--type", "simple"],
        ["--documents", "my_documents.jsonl", "--output", "my_kb", "--retriever_type", "bm25"],
        ["--output", "my_kb", "my_documents.jsonl", "--retriever-type", "bm25"],
        ["my_kb", "--documents", "my_documents.jsonl"],
        ["my_kb", "my_documents.jsonl", "--chunk_size", "50"],
    ],
)
def test_arguments_are_given_by_place_or_by_name(run, rows, tmp_path, words):
    ended = run("kb", "build", *words)
    assert ended.code == 0, ended.err
    assert len(ids(tmp_path / "my_kb")) == 3


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["my_kb"], "documents not given"),
        (["--documents", "my_documents.jsonl"], "where to build not given"),
        (["my_kb", "my_documents.jsonl", "--output", "other"], "given twice"),
        (["my_kb", "my_documents.jsonl", "--type", "dens"], "retriever_type"),
        (["my_kb", "my_documents.jsonl", "--alpha", "3"], "alpha"),
        (["my_kb", "my_documents.jsonl", "--chunk-size", "3"], "chunk_size"),
        (["my_kb", "absent"], "no such file or folder"),
    ],
)
def test_what_cannot_be_built_is_an_error_and_writes_nothing(run, rows, tmp_path, words, told):
    ended = run("kb", "build", *words)
    assert ended.code == 2
    assert told in ended.err
    assert [path.name for path in tmp_path.iterdir()] == [rows.name]


def test_a_bad_row_stops_a_build_unless_it_is_to_be_skipped(run, rows, tmp_path):
    rows.write_text(rows.read_text() + '{"id": "policy_001", "content": "Again."}\n{"id": 1}\n')
    ended = run("kb", "build", "my_kb", rows.name)
    assert ended.code == 2
    assert "my_documents.jsonl:4: id 'policy_001' was already used in line 1" in ended.err
    assert "my_documents.jsonl:5: " in ended.err
    assert "--skip-bad" in ended.err
    assert not (tmp_path / "my_kb").exists()
    ended = run("kb", "build", "my_kb", rows.name, "--skip-bad")
    assert ended.code == 0
    assert ended.err.count("left out my_documents.jsonl:") == 2
    assert len(ids(tmp_path / "my_kb")) == 3


def test_a_file_of_a_folder_that_cannot_be_read_is_told_and_the_end_is_with_losses(run, tmp_path):
    write_corpus(tmp_path / "docs", 1)
    (tmp_path / "docs" / "broken.pdf").write_bytes(b"%PDF-1.4\n")
    (tmp_path / "docs" / "picture.png").write_bytes(b"x")
    ended = run("kb", "build", "my_kb", "docs")
    assert ended.code == 3
    assert "left out broken.pdf: " in ended.err
    assert "left out 1 file that is no document (1 unsupported_format)" in ended.err
    assert ids(tmp_path / "my_kb") == ["product0000.md"]


def test_nothing_to_build_from_is_an_error(run, tmp_path):
    (tmp_path / "empty").mkdir()
    ended = run("kb", "build", "my_kb", "empty")
    assert ended.code == 2
    assert "no files in this folder" in ended.err
    (tmp_path / "empty" / "picture.png").write_bytes(b"x")
    ended = run("kb", "build", "my_kb", "empty")
    assert ended.code == 2
    assert "nothing to build" in ended.err
    assert not (tmp_path / "my_kb").exists()


def test_a_foreign_folder_or_file_is_never_built_over(run, rows, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("Dear all")
    (tmp_path / "file").write_text("Dear all")
    for target in ("mine", "file"):
        ended = run("kb", "build", target, rows.name, "--replace")
        assert ended.code == 2
        assert "is not a knowledge base" in ended.err
    assert (tmp_path / "mine" / "letter.txt").read_text() == "Dear all"


def test_an_existing_one_is_replaced_only_when_asked(run, rows, built):
    ended = run("kb", "build", "my_kb", rows.name)
    assert ended.code == 2
    assert "--replace" in ended.err
    assert run("kb", "build", "my_kb", rows.name, "--replace").code == 0
    assert len(ids(built)) == 3


def test_a_dry_run_counts_and_writes_nothing(run, rows, tmp_path):
    ended = run("kb", "build", "my_kb", rows.name, "--dry-run", "--json", "--type", "hybrid")
    assert ended.code == 0, ended.err
    assert (ended.json["documents"], ended.json["chunks_to_embed"]) == (3, 3)
    assert ended.json["tokens_to_embed"] > 10
    ended = run("kb", "build", "my_kb", rows.name, "--dry-run")
    assert "would hold 3 documents in 3 chunks" in ended.out
    assert [path.name for path in tmp_path.iterdir()] == [rows.name]


def test_whole_documents_and_small_chunks(run, tmp_path):
    write_corpus(tmp_path / "docs", 2)
    small = run("kb", "build", "a", "docs", "--chunk-size", "40", "--json").json
    whole = run("kb", "build", "b", "docs", "--whole", "--json").json
    assert small["chunks"] > 4
    assert whole["chunks"] == 2


def test_the_configuration_counts_and_options_count_more(run, tmp_path):
    write_corpus(tmp_path / "docs", 2)
    (tmp_path / "wellread.yaml").write_text(
        "path: {input_dir: docs}\nknowledge: {title_boost: 2.0, alpha: 0.25}\n"
        "ingest: {chunk_size: 40, min_chunk_tokens: 5}\n"
    )
    words = ["kb", "build", "my_kb", "docs", "--config", "wellread.yaml", "--alpha", "0.75"]
    made = run(*words, "--json").json
    assert made["settings"]["title_boost"] == 2.0
    assert made["settings"]["alpha"] == 0.75
    assert made["origin"]["chunking"]["chunk_size"] == 40


# -- changing


def test_documents_are_added_and_known_ones_refused(run, built, tmp_path):
    write_corpus(tmp_path / "more", 1, first=8)
    ended = run("kb", "add", "my_kb", "more", "--json")
    assert ended.code == 0, ended.err
    assert ended.json["added"] == 1
    before = (built / "manifest.json").read_bytes()
    ended = run("kb", "add", "my_kb", "more")
    assert ended.code == 2
    assert "product0008.md" in ended.err
    assert "update" in ended.err
    assert (built / "manifest.json").read_bytes() == before


def test_what_is_added_is_cut_as_what_was_built(run, tmp_path):
    write_corpus(tmp_path / "docs", 1)
    write_corpus(tmp_path / "more", 1, first=1)
    for way in (["--chunk-size", "40"], ["--whole"]):
        first = run("kb", "build", "kb", "docs", *way, "--replace", "--json").json["chunks"]
        added = run("kb", "add", "kb", "more", "--json").json["chunks"]
        assert added == first
    run("kb", "build", "kb", "docs", "--replace")
    ended = run("kb", "add", "kb", "more", "--chunk-size", "40", "--json")
    assert ended.code == 0, ended.err
    assert ended.json["chunks"] > 4


def test_a_folder_is_synced(run, built, tmp_path):
    write_corpus(tmp_path / "docs", 1, first=8)
    (tmp_path / "docs" / "product0001.md").unlink()
    (tmp_path / "docs" / "product0002.md").write_text("The Corvo is a loom no more. " * 5)
    told = run("kb", "update", "my_kb", "docs", "--json").json
    assert (told["added"], told["updated"], told["removed"], told["unchanged"]) == (1, 1, 0, 1)
    told = run("kb", "update", "my_kb", "docs", "--prune", "--json").json
    assert (told["removed"], told["unchanged"]) == (1, 3)
    assert ids(built) == ["product0000.md", "product0002.md", "product0008.md"]


def test_documents_are_removed_by_id_or_by_what_holds_of_them(run, rows, tmp_path):
    run("kb", "build", "my_kb", rows.name)
    ended = run("kb", "remove", "my_kb", "policy_001", "absent")
    assert ended.code == 2
    assert "'absent'" in ended.err
    assert len(ids(tmp_path / "my_kb")) == 3
    assert run("kb", "remove", "my_kb", "--where", "year=2021", "--json").json["removed"] == 2
    assert ids(tmp_path / "my_kb") == ["policy_001"]
    assert run("kb", "remove", "my_kb", "--where", "year=1999", "--json").json["removed"] == 0
    assert run("kb", "remove", "my_kb").code == 2


# -- searching


def test_search_as_json_is_a_list_of_passages(run, rows):
    run("kb", "build", "my_kb", rows.name)
    (found,) = run("kb", "search", "my_kb", "free shipping", "--json").json
    assert found["id"] == "policy_002#0-33"
    assert found["source"] == "shipping.md"
    assert found["rank"] == 1
    assert found["metadata"] == {"year": 2021}


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (["year=2020"], {"policy_001"}),
        (["year=2021"], {"policy_002", "faq_001"}),
        (["year=2020", "year=2021"], {"policy_001", "policy_002", "faq_001"}),
        (["public=true"], {"policy_001"}),
        (["year=2021", "public=false"], {"faq_001"}),
        (["source=shipping.md"], {"policy_002"}),
        (["document_id=faq_001"], {"faq_001"}),
        (["year=1999"], set()),
    ],
)
def test_search_filters_by_metadata(run, rows, where, expected):
    run("kb", "build", "my_kb", rows.name)
    options = [word for one in where for word in ("--where", one)]
    query = "return items, shipping on orders, sign up button"
    found = run("kb", "search", "my_kb", query, *options, "--json").json
    assert {one["document_id"] for one in found} == expected


def test_a_filter_without_a_value_is_an_error(run, built):
    ended = run("kb", "search", "my_kb", "kiln", "--where", "year")
    assert ended.code == 2
    assert "name=value" in ended.err


def test_nothing_found_is_said_and_no_error(run, built):
    ended = run("kb", "search", "my_kb", "zzz qqq")
    assert (ended.code, ended.out) == (0, "")
    assert "nothing found" in ended.err
    assert run("kb", "search", "my_kb", "zzz qqq", "--json").json == []


def test_the_whole_text_and_the_neighbours_are_shown_when_asked(run, tmp_path):
    write_corpus(tmp_path / "docs", 1)
    run("kb", "build", "my_kb", "docs", "--chunk-size", "40")
    query = "service in euros"
    short = run("kb", "search", "my_kb", query, "-k", "1").out
    full = run("kb", "search", "my_kb", query, "-k", "1", "--full").out
    wide = run("kb", "search", "my_kb", query, "-k", "1", "--full", "--neighbours", "5").out
    assert len(short) < len(full) < len(wide)
    assert "\n    The Alba 100 can be ordered in" in full


def test_words_are_marked_only_for_a_terminal(run, built, monkeypatch):
    assert "\x1b[" not in run("kb", "search", "my_kb", "kiln").out
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[1;33mkiln" in run("kb", "search", "my_kb", "kiln").out


def test_results_that_repeat_are_shown_when_asked(run, tmp_path):
    text = "The inlet valve is closed before the tank is drained. " * 4
    path = tmp_path / "twins.jsonl"
    path.write_text("\n".join(json.dumps({"id": i, "content": text}) for i in "ab"))
    run("kb", "build", "my_kb", "twins.jsonl")
    assert len(run("kb", "search", "my_kb", "valve", "--json").json) == 1
    assert len(run("kb", "search", "my_kb", "valve", "--no-collapse", "--json").json) == 2


def test_results_of_one_source_are_limited_when_asked(run, tmp_path):
    write_corpus(tmp_path / "docs", 1)
    run("kb", "build", "my_kb", "docs", "--chunk-size", "40")
    assert len(run("kb", "search", "my_kb", "Alba", "--json").json) > 1
    assert len(run("kb", "search", "my_kb", "Alba", "--max-per-source", "1", "--json").json) == 1


def test_queries_are_read_a_line(run, built, monkeypatch):
    import io

    monkeypatch.setattr(sys, "stdin", io.StringIO("Brisk kiln\n\nzzz qqq\n"))
    lines = run("kb", "search", "my_kb", "-", "--json").out.splitlines()
    found = [json.loads(line) for line in lines]
    assert [one["query"] for one in found] == ["Brisk kiln", "zzz qqq"]
    assert found[0]["passages"][0]["document_id"] == "product0001.md"
    assert found[1]["passages"] == []


@pytest.mark.parametrize("query", ["", "   ", "\n"])
def test_an_empty_query_is_an_error(run, built, query):
    ended = run("kb", "search", "my_kb", query)
    assert ended.code == 2
    assert "the query is empty" in ended.err


def test_top_k_is_at_least_one_and_may_be_above_the_size(run, built):
    ended = run("kb", "search", "my_kb", "kiln", "--top-k", "0")
    assert ended.code == 2
    assert "top_k is 0" in ended.err
    assert run("kb", "search", "my_kb", "kiln", "--top_k", "1000000", "--json").code == 0
    assert run("kb", "search", "my_kb", "kiln", "--neighbours", "-1").code == 2


# -- what is missing, foreign or damaged


VERBS = [
    ["search", "BASE", "kiln"],
    ["info", "BASE"],
    ["add", "BASE", "docs"],
    ["update", "BASE", "docs"],
    ["remove", "BASE", "product0000.md"],
    ["snapshot", "BASE", "monday"],
    ["snapshot", "BASE", "--list"],
    ["compare", "BASE", "BASE"],
    ["reindex", "BASE"],
]


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_what_is_no_knowledge_base_is_an_error_and_stays_as_it_is(run, tmp_path, verb):
    write_corpus(tmp_path / "docs", 1)
    (tmp_path / "file").write_text("text")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "manifest.json").write_text("{")
    before = sorted(tmp_path.rglob("*"))
    for name, told in [
        ("absent", "Knowledge base not found: absent"),
        ("docs", "docs is not a knowledge base"),
        ("file", "file is not a knowledge base"),
        ("broken", "broken is damaged"),
        ("absent@monday", "Knowledge base not found"),
    ]:
        ended = run("kb", *(name if word == "BASE" else word for word in verb))
        assert ended.code == 2, ended
        assert told in ended.err
        assert "Traceback" not in ended.err
    assert sorted(tmp_path.rglob("*")) == before


def test_a_damaged_store_is_an_error(run, built):
    (built / "chunks.sqlite").write_bytes(b"this is no database" * 100)
    ended = run("kb", "search", "my_kb", "kiln")
    assert ended.code == 2
    assert "damaged" in ended.err


# -- info, snapshots, comparing


def test_info_says_what_there_is(run, built):
    shown = run("kb", "info", "my_kb").out
    assert "documents        3\n" in shown
    assert "retriever        bm25 (opens as bm25, simple)\n" in shown
    assert "chunks.sqlite" in shown
    told = run("kb", "info", "my_kb", "--json").json
    assert told["documents"] == 3
    assert sum(told["parts"].values()) > 10_000
    listed = run("kb", "info", "my_kb", "--documents").out.split()
    assert listed == run("kb", "info", "my_kb", "--documents", "--json").json
    assert listed == ["product0000.md", "product0001.md", "product0002.md"]


def test_a_snapshot_lives_beside_the_changes(run, built):
    assert run("kb", "snapshot", "my_kb", "monday").code == 0
    run("kb", "remove", "my_kb", "product0001.md")
    assert run("kb", "search", "my_kb", "Brisk kiln", "--json").json == []
    found = run("kb", "search", "my_kb@monday", "Brisk kiln", "--json").json
    assert found[0]["document_id"] == "product0001.md"
    assert run("kb", "info", "my_kb@monday", "--json").json["documents"] == 3
    assert run("kb", "info", "my_kb", "--json").json["snapshots"] == ["monday"]
    assert "monday" in run("kb", "snapshot", "my_kb", "--list").out
    told = run("kb", "compare", "my_kb@monday", "my_kb", "--json").json
    assert told["removed"] == ["product0001.md"]
    shown = run("kb", "compare", "my_kb@monday", "my_kb").out
    assert "documents 3 -> 2" in shown
    assert "product0001.md" in shown
    ended = run("kb", "add", "my_kb@monday", "docs")
    assert ended.code == 2
    assert "is a snapshot" in ended.err
    assert run("kb", "snapshot", "my_kb", "--delete", "monday").code == 0
    assert run("kb", "snapshot", "my_kb", "--list", "--json").json == []


def test_a_snapshot_without_a_name_has_the_date(run, built):
    for _ in range(3):
        assert run("kb", "snapshot", "my_kb").code == 0
    names = [one["name"] for one in run("kb", "snapshot", "my_kb", "--list", "--json").json]
    assert len(set(names)) == 3
    assert [name[len(names[0]) :] for name in names] == ["", "-2", "-3"]


def test_the_same_is_said_to_be_the_same(run, built):
    run("kb", "snapshot", "my_kb", "monday")
    assert "the same 3 documents" in run("kb", "compare", "my_kb", "my_kb@monday").out


def test_the_indexes_are_built_anew(run, built):
    before = run("kb", "search", "my_kb", "kiln", "--json").json
    with KnowledgeBase.open(built):
        pass
    ended = run("kb", "reindex", "my_kb")
    assert ended.code == 0, ended.err
    assert run("kb", "search", "my_kb", "kiln", "--json").json == before


# -- doctor


def findings(ended: Ended) -> dict[str, str]:
    return {one["what"]: one["state"] for one in ended.json}


def test_a_sound_one_is_said_to_be_sound(run, built):
    run("kb", "snapshot", "my_kb", "monday")
    ended = run("kb", "doctor", "my_kb", "--json")
    assert ended.code == 0
    assert set(findings(ended).values()) == {"ok"}
    assert {"store", "content", "indexes", "search", "snapshots"} <= findings(ended).keys()
    assert "ok       content: 3 documents" in run("kb", "doctor", "my_kb").out
    assert run("kb", "doctor", "my_kb@monday").code == 0


def change(base: Path, sql: str) -> None:
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(base / "chunks.sqlite")) as held:
        held.execute(sql)
        held.commit()


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("UPDATE documents SET title = 'Other' WHERE id = 'product0001.md'", "product0001.md"),
        ("UPDATE chunks SET text = upper(text) WHERE position = 0", "3 of 3 documents"),
        ("UPDATE facts SET value = '5' WHERE name = 'fingerprint'", "fingerprint"),
    ],
)
def test_content_that_is_not_what_was_stored_is_found(run, built, sql, told):
    change(built, sql)
    ended = run("kb", "doctor", "my_kb", "--json")
    assert ended.code == 1
    (problem,) = [one for one in ended.json if one["state"] == "problem"]
    assert problem["what"] == "content"
    assert told in problem["seen"]
    assert "wellread kb update my_kb" in problem["advice"]


def test_a_damaged_database_is_found(run, built):
    path = built / "chunks.sqlite"
    data = bytearray(path.read_bytes())
    data[4096 * 2 : 4096 * 3] = b"\xff" * 4096
    path.write_bytes(data)
    ended = run("kb", "doctor", "my_kb", "--json")
    assert ended.code == 1
    assert findings(ended)["store"] == "problem"
    assert "--replace" in ended.out


@pytest.mark.parametrize("name", ["absent", "docs"])
def test_what_is_no_knowledge_base_is_a_problem(run, tmp_path, name):
    write_corpus(tmp_path / "docs", 1)
    ended = run("kb", "doctor", name, "--json")
    assert ended.code == 1
    assert findings(ended)["manifest"] == "problem"
    assert run("kb", "doctor", name, "--repair").code == 2


def test_an_index_that_lost_chunks_is_found_and_repaired(run, built):
    import shutil

    whole = built / "words"
    kept = built.parent / "kept"
    shutil.copytree(whole, kept)
    with KnowledgeBase.open(built) as base:
        text = "The Heron drone is sown. " * 5
        from tests.knowledge.conftest import make_pair

        base.add([make_pair(f"new{number}", f"{text} {number}") for number in range(30)])
        position = (whole / "position.json").read_bytes()
    # An index put back from elsewhere, which claims to have read everything.
    shutil.rmtree(whole)
    shutil.copytree(kept, whole)
    (whole / "position.json").write_bytes(position)
    ended = run("kb", "doctor", "my_kb", "--json")
    assert ended.code == 1, ended.out
    assert "--repair" in ended.out
    ended = run("kb", "doctor", "my_kb", "--repair")
    assert ended.code == 0, ended.out
    assert run("kb", "search", "my_kb", "Heron", "--json").json


def test_vectors_and_embedder_are_looked_at(run, tmp_path):
    import shutil

    import numpy as np

    write_corpus(tmp_path / "docs", 3)
    run("kb", "build", "my_kb", "docs", "--type", "hybrid", "--embedder", "lsa")
    ended = run("kb", "doctor", "my_kb", "--json")
    assert ended.code == 0, ended.out
    assert findings(ended)["embedder"] == findings(ended)["vectors"] == "ok"
    (matrix,) = (tmp_path / "my_kb" / "vectors").rglob("*.matrix")
    numbers = np.frombuffer(matrix.read_bytes(), np.float32).copy()
    numbers[:3] = np.nan
    matrix.write_bytes(numbers.tobytes())
    ended = run("kb", "doctor", "my_kb", "--json")
    assert ended.code == 1
    assert findings(ended)["vectors"] == "problem"
    assert run("kb", "doctor", "my_kb", "--repair").code == 0
    for path in (tmp_path / "my_kb").glob("embedder*"):
        shutil.rmtree(path)
    ended = run("kb", "doctor", "my_kb", "--json")
    assert ended.code == 1
    assert findings(ended)["embedder"] == "problem"


def test_another_retriever_is_made_from_what_is_stored(run, built):
    ended = run("kb", "search", "my_kb", "kiln", "--type", "hybrid")
    assert ended.code == 2
    assert "wellread kb reindex my_kb --type hybrid" in ended.err
    ended = run("kb", "reindex", "my_kb", "--type", "hybrid", "--embedder", "lsa", "--json")
    assert ended.code == 0, ended.err
    assert ended.json["retriever_types"] == ["hybrid", "dense", "bm25", "simple"]
    for kind in ended.json["retriever_types"]:
        found = run("kb", "search", "my_kb", "Brisk kiln", "--type", kind, "--json").json
        assert found[0]["document_id"] == "product0001.md"


def test_what_was_left_by_a_kill_is_told_and_cleared(run, built):
    for leftover in (built.parent / ".my_kb.building", built / "snapshots" / ".monday.making"):
        leftover.mkdir(parents=True)
    ended = run("kb", "doctor", "my_kb", "--json")
    assert ended.code == 0
    assert findings(ended)["leftovers"] == "note"
    assert run("kb", "doctor", "my_kb", "--repair").code == 0
    assert not list(built.parent.glob(".my_kb.*"))
    assert "leftovers" not in findings(run("kb", "doctor", "my_kb", "--json"))


def test_a_build_killed_between_its_two_renames_can_be_undone(run, built):
    built.rename(built.with_name(".my_kb.old"))
    ended = run("kb", "doctor", "my_kb")
    assert ended.code == 1
    assert "mv " in ended.out


# -- the example


def test_the_example_is_written_and_its_commands_work(run, tmp_path):
    import shlex

    ended = run("kb", "example", "rag_examples")
    assert ended.code == 0, ended.err
    made = {path.name for path in (tmp_path / "rag_examples").iterdir()}
    assert made == {"documents.jsonl", "queries_train.jsonl", "knowledge_base"}
    commands = [line.strip() for line in ended.out.splitlines() if line.startswith("    wellread")]
    assert len(commands) >= 2
    for command in commands:
        shown = run(*shlex.split(command)[1:])
        assert shown.code == 0, f"{command}\n{shown.err}"
        assert shown.out
    again = run("kb", "example", "rag_examples")
    assert again.code == 2
    assert "--replace" in again.err
    assert run("kb", "example", "rag_examples", "--replace", "--type", "simple").code == 0


# -- the page


PAGE = (Path(__file__).parents[2] / "docs" / "knowledge-base.md").read_text("utf-8")


def commands_of(text: str) -> list[list[str]]:
    import re
    import shlex

    return [shlex.split(line)[1:] for line in re.findall(r"(?m)^wellread .*$", text)]


def test_the_commands_of_the_page_work_in_their_order(run, tmp_path):
    write_corpus(tmp_path / "docs", 3)
    write_corpus(tmp_path / "more_docs", 1, first=8)
    commands = commands_of(PAGE)
    assert len(commands) >= 12
    for command in commands:
        ended = run(*command)
        assert ended.code == 0, f"{command}\n{ended.out}\n{ended.err}"


def test_what_the_guide_types_has_a_command_here_that_works(run, rows, tmp_path):
    import re

    write_corpus(tmp_path / "docs", 1)
    table = PAGE.split("who come from the RAG guide")[1].split("## ")[0]
    commands = re.findall(r"(?m)^\|.*\| `(wellread [^`]*)` \|$", table)
    assert len(commands) >= 5
    for command in commands:
        words = command.replace("data/my_kb", "kb_simple").split()[1:]
        if "dense" in words or "hybrid" in words:
            words += ["--embedder", "lsa"]
            words = [w for w in words if w not in {"--model", "all-MiniLM-L6-v2"}]
        ended = run(*words)
        assert ended.code == 0, f"{command}\n{ended.err}"


def test_every_option_of_build_and_search_stands_on_the_page(run):
    import re

    for verb in ("build", "search", "reindex"):
        shown = run("kb", verb, "--help").out
        options = set(re.findall(r"(?m)^  (?:-\w, )?(--[a-z-]+)", shown)) - {"--help"}
        assert [one for one in sorted(options) if one not in PAGE] == []


def test_every_setting_stands_on_the_page():
    from wellread.knowledge.settings import EmbedderSettings, KnowledgeSettings

    names = [name for name in KnowledgeSettings.model_fields if name != "embedder"]
    names += [f"embedder.{name}" for name in EmbedderSettings.model_fields]
    assert [name for name in names if f"`{name}`" not in PAGE] == []


def test_searching_words_loads_nothing_heavy(built):
    import subprocess

    program = (
        "import sys\n"
        "sys.argv = ['wellread', 'kb', 'search', 'my_kb', 'kiln']\n"
        "from wellread.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "heavy = {'onnxruntime', 'scipy', 'tokenizers', 'usearch', 'lancedb', 'psycopg', 'torch',\n"
        "         'aiohttp', 'kreuzberg', 'pypdfium2', 'jinja2'}\n"
        "print('HEAVY', sorted(heavy & set(sys.modules)))\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program],
        cwd=built.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout.rstrip().endswith("HEAVY []")
