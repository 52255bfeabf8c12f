"""``wellread experiment`` as a person uses it."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.cli.test_kb import Run, run
from tests.pipelines.asked import answer_on_the_wire, write_questions
from wellread.llm.server import LoopbackServer
from wellread.pipelines.experiment.arms import ARMS

__all__ = ["run"]

PAGE = Path(__file__).parents[2] / "docs" / "experiment.md"


@pytest.fixture
def questions(tmp_path):
    return write_questions(tmp_path / "questions.jsonl", 4)


def test_the_command_of_the_help_runs_and_leaves_its_files(run: Run, questions, tmp_path):
    shown = run("experiment", "--help").out
    example = " ".join(shown.partition("Example: wellread ")[2].split("\n\n")[0].split())
    assert example.startswith("experiment questions.jsonl")
    ended = run(*example.split())
    assert ended.code == 0, ended.err
    assert "The arms, all held against the same text" in ended.out
    assert "extracted by rule" in ended.out
    assert "Look at experiment/report.html" in ended.err
    names = {path.name for path in (tmp_path / "experiment").iterdir() if path.is_file()}
    assert names >= {
        "answers.jsonl",
        "dataset.jsonl",
        "manifest.json",
        "rejected.jsonl",
        "report.html",
        "report.json",
        "report.txt",
    }
    assert (tmp_path / "experiment" / "report.txt").read_text() in ended.out


def test_a_server_is_asked_and_the_report_can_be_had_as_json(run: Run, questions):
    with LoopbackServer(answer_on_the_wire, models=("scripted",)) as server:
        options = ("--base-url", server.base_url, "--arms", "closed_book,rag_repair", "--json")
        report = run("experiment", "questions.jsonl", *options, "-q").json
    assert [arm["arm"] for arm in report["arms"]] == ["closed_book", "rag_repair"]
    assert report["setting"]["answerer"] == "scripted"
    assert report["spent"]["calls"] >= 24
    assert report["comparisons"][0]["p"] < 0.5


def test_a_dry_run_asks_nothing_and_writes_nothing(run: Run, questions, tmp_path):
    server = ("--base-url", "http://127.0.0.1:9/v1", "--api-model", "m")
    ended = run("experiment", "questions.jsonl", *server, "--dry-run")
    assert ended.code == 0, ended.err
    assert "closed book again" in ended.out
    assert "repairs, at most 2 each" in ended.out
    assert not (tmp_path / "experiment").exists()
    plan = run("experiment", "questions.jsonl", *server, "--dry-run", "--json").json
    assert [arm["calls"] for arm in plan["arms"]] == [12, 12, 12, 12]
    assert "no call, no cost" in run("experiment", "questions.jsonl", "--dry-run").out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--arms", "rag,closed"), "closed_book"),
        (("--api-model", "m"), "add --base-url"),
        (("--knowledge-base", "none"), "none"),
        (("--detector", "tarot"), "tarot"),
        (("--config", "none.yaml"), "no such file"),
    ],
)
def test_what_cannot_be_used_is_told(run: Run, questions, options, said):
    ended = run("experiment", "questions.jsonl", *options)
    assert ended.code == 2, ended.err
    assert said in ended.err


def test_a_budget_ends_with_its_own_code(run: Run, questions):
    with LoopbackServer(answer_on_the_wire, models=("scripted",)) as server:
        options = ("--base-url", server.base_url, "--max-calls", "5")
        assert run("experiment", "questions.jsonl", *options, "-q").code == 4
        assert run("experiment", "questions.jsonl", "--base-url", server.base_url, "-q").code == 0


def test_the_commands_of_the_page_run_in_their_order(run: Run, questions, tmp_path):
    blocks = re.findall(r"(?ms)^```sh\n(.*?)^```", PAGE.read_text("utf-8"))
    commands = [line for block in blocks for line in block.splitlines() if line]
    assert len(commands) >= 3
    with LoopbackServer(answer_on_the_wire, models=("my-model",)) as server:
        for command in commands:
            named = command.replace("http://localhost:8000/v1", server.base_url)
            ended = run(*shlex.split(named)[1:])
            assert ended.code == 0, f"{command}\n{ended.err}"
    assert (tmp_path / "with-model" / "report.html").is_file()


def test_every_option_and_every_file_stands_on_the_page(run: Run, questions, tmp_path):
    page = PAGE.read_text("utf-8")
    assert run("experiment", "questions.jsonl", "-q").code == 0
    names = [path.name for path in (tmp_path / "experiment").iterdir() if path.is_file()]
    assert [name for name in names if name not in page and not name.startswith(".")] == []
    assert [arm for arm in ARMS if f"`{arm}`" not in page] == []


def test_a_configuration_names_model_budget_and_retriever(run: Run, questions, tmp_path):
    (tmp_path / "in").mkdir()
    with LoopbackServer(answer_on_the_wire) as server:
        (tmp_path / "wellread.yaml").write_text(
            "path: {input_dir: in}\nbudget: {max_calls: 200}\nknowledge: {retriever_type: simple}\n"
            f"models: {{large: {{base_url: '{server.base_url}', model: scripted}}}}\n"
        )
        config = ("--config", "wellread.yaml")
        report = run("experiment", "questions.jsonl", *config, "--json", "-q").json
        assert report["setting"]["answerer"] == "scripted"
        assert report["setting"]["retriever"] == "simple"
        less = run("experiment", "questions.jsonl", *config, "--max-calls", "3", "-o", "less", "-q")
        assert less.code == 4
        both = run("experiment", "questions.jsonl", *config, "--base-url", server.base_url)
        assert (both.code, "give one of them" in both.err) == (2, True)


def test_a_judge_that_talks_nonsense_passes_nothing(run: Run, questions, tmp_path):
    with LoopbackServer(answer_on_the_wire, models=("scripted",)) as server:
        options = ("--base-url", server.base_url, "--detector", "judge", "--max-questions", "2")
        ended = run("experiment", "questions.jsonl", *options, "--arms", "context,rag_repair")
    assert ended.code == 0, ended.err
    assert "checked by judge" in ended.out
    assert "never counted as good" in ended.out
    assert (tmp_path / "experiment" / "dataset.jsonl").read_text() == ""
