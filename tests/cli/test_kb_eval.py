"""``wellread kb eval`` as a person uses it."""

from __future__ import annotations

import json

import pytest

from tests.cli.test_kb import Run, run

__all__ = ["run"]


@pytest.fixture
def example(run: Run):
    """The example's folder: knowledge_base/, queries_train.jsonl."""
    assert run("kb", "example", "ex", "--type", "bm25").code == 0
    return "ex/knowledge_base"


QUERIES = ("--queries", "ex/queries_train.jsonl")


def test_the_command_of_the_page_prints_figures_and_writes_the_report(run, example, tmp_path):
    ended = run("kb", "eval", example, *QUERIES, "--output", "eval")
    assert ended.code == 0, ended.err
    assert "5 queries from ex/queries_train.jsonl" in ended.out
    assert "bm25" in ended.out
    assert "simple" in ended.out
    names = {path.name for path in (tmp_path / "eval").iterdir()}
    assert names == {"report.json", "report.html", "plot.svg", "per_query.jsonl"}


def test_the_report_can_be_had_as_json_and_is_the_same_twice(run, example):
    made = [run("kb", "eval", example, *QUERIES, "--json", "-q").json for _ in range(2)]
    for report in made:
        for system in report["systems"]:
            system.pop("latency_p50_ms"), system.pop("latency_p99_ms")
    assert made[0] == made[1]
    assert made[0]["systems"][0]["measures"]["recall@5"]["mean"] == 1.0


def test_without_queries_it_asks_questions_of_its_own_and_says_what_they_are_worth(run, example):
    ended = run("kb", "eval", example, "--questions", "5")
    assert ended.code == 0, ended.err
    assert "questions made from the chunks" in ended.out
    assert "flatter" in ended.err


def test_weights_are_compared_where_the_base_is_hybrid(run):
    words = ("--type", "hybrid", "--embedder", "lsa")
    assert run("kb", "example", "ex", *words).code == 0
    options = ("--retrievers", "hybrid", "--alpha", "0.2,0.8", "--json")
    report = run("kb", "eval", "ex/knowledge_base", *QUERIES, *options).json
    names = [system["name"] for system in report["systems"]]
    assert names == ["hybrid alpha 0.2", "hybrid alpha 0.8"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--qrels", "x"), "--qrels judges --queries"),
        ((*QUERIES, "--retrievers", "dense"), "reindex"),
        ((*QUERIES, "--alpha", "a"), "not numbers"),
        ((*QUERIES, "--alpha", "2"), "between 0 and 1"),
        (("--queries", "gone.jsonl"), "no such file"),
    ],
)
def test_a_mistake_ends_with_what_to_type(run, example, words, said):
    ended = run("kb", "eval", example, *words)
    assert ended.code == 2
    assert said in ended.err


def test_relevant_ids_that_are_not_there_are_told(run, example, tmp_path):
    rows = [{"query": "return", "relevant": ["doc_001", "gone"]}]
    (tmp_path / "q.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    ended = run("kb", "eval", example, "--queries", "q.jsonl")
    assert "1 relevant id is not in the knowledge base" in ended.err
