"""``wellread check`` as a person uses it."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shlex
from pathlib import Path

import pytest

from tests.checks.tiny_encoder import tiny_bert
from tests.cli.test_kb import run
from tests.pipelines.corpora import write_corpus
from wellread.llm.server import LoopbackServer

__all__ = ["run"]
TEXT = "The pump runs at 67 psi. It was built in 1960."
ROWS = [
    {"id": "right", "question": "q?", "contexts": [TEXT], "answer": "The pump runs at 67 psi."},
    {"id": "wrong", "question": "q?", "contexts": [TEXT], "answer": "The pump runs at 69 psi."},
    {"id": "empty", "question": "q?", "contexts": [TEXT], "answer": ""},
]


@pytest.fixture
def answers(tmp_path) -> Path:
    path = tmp_path / "answers.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return path


def test_the_example_works_on_what_rag_data_made(run, tmp_path):
    write_corpus(tmp_path / "docs", 3)
    assert run("init", "docs").code == 0
    assert run("rag-data", "-q", "wellread.yaml").code == 0
    shown = run("check", "--help").out
    found = re.search(r"Example: (wellread check [^\n]+)", shown)
    assert found
    ended = run(*shlex.split(found[1])[1:])
    assert ended.code == 0, ended.err
    assert re.search(r"success +\d+ +\d+ \(100%\)", ended.out)
    assert "failure: made to decline or to answer from memory" in ended.out
    assert "/failure" not in ended.out
    assert (tmp_path / "wellread-output" / "rag_examples.verdicts.jsonl").stat().st_size > 100


def test_a_person_sees_counts_reasons_and_the_worst_answer_with_its_evidence(run, answers):
    ended = run("check", answers.name)
    assert ended.code == 0
    assert ended.out.startswith("3 answers of answers.jsonl\nchecked by lexical, grounded from a")
    assert re.search(r"all +3 +1 \(33%\) +- +1 \(33%\) +- +1 \(33%\)", ended.out)
    assert re.search(r"the answer is empty +1", ended.out)
    assert "Least supported 1: wrong (line 2), score 0." in ended.out
    assert ">>69" in ended.out
    assert "69 is not in the passages; nearest is 67" in ended.out
    assert "nearest   The pump runs at 67 psi." in ended.out
    assert "right" not in ended.out
    assert "answers.verdicts.jsonl" in ended.err


def test_options_may_stand_before_the_file_and_json_is_for_programs(run, answers, tmp_path):
    ended = run("check", "--json", "--output", "out/v.jsonl", "--worst", 0, "--limit=2", answers)
    assert ended.code == 0
    told = json.loads(ended.out)
    assert told["outcomes"]["ungrounded"] == 1
    assert (told["answers"], told["worst"], told["output"]) == (2, [], "out/v.jsonl")
    assert len((tmp_path / "out" / "v.jsonl").read_text().splitlines()) == 2
    assert run("check", answers, "-q").out == ""


def test_a_threshold_a_group_and_labels(run, tmp_path):
    rows = [{**row, "labels": [], "model": f"m[{at}]"} for at, row in enumerate(ROWS)]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    ended = run("check", "a.jsonl", "--group-by", "model", "--threshold", 0)
    assert ended.code == 0
    assert "m[0]" in ended.out
    assert "2 answers with a label, 0 not supported" in ended.out
    assert "supported, yet flagged: 0.0%" in ended.out
    assert "1 more labelled answers were not scored" in ended.out


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("nowhere.jsonl",), 2, "nowhere.jsonl: no such file\n  see: wellread check --help"),
        (("calibrat",), 2, "calibrat: no such file"),
        (("answers.jsonl", "--detector", "lexicon"), 2, "unknown detector 'lexicon'\n  it is lex"),
        (("answers.jsonl", "--detector", "judge"), 2, "none is named\n  add --base-url"),
        (("answers.jsonl", "--detector", "encoder:here"), 2, "here: no such folder"),
        (("answers.jsonl", "--api-model", "m"), 2, "belong to a server\n  add --base-url"),
        (("answers.jsonl", "--calibration", "there"), 2, "there: no calibration there"),
        (("answers.jsonl", "--threshold", "2"), 2, "threshold"),
        (("bad.jsonl",), 2, "bad.jsonl:2 no answer to check"),
        (("bad.jsonl", "--skip-bad"), 3, "1 row was left out, the first: bad.jsonl:2 no answer"),
        (("answers.jsonl", "-o", "answers.jsonl"), 2, "would replace the answers"),
    ],
)
def test_a_mistake_ends_with_a_word_and_its_exit_code(run, answers, tmp_path, words, code, said):
    (tmp_path / "bad.jsonl").write_text(json.dumps(ROWS[0]) + '\n{"question": "q"}\n')
    ended = run("check", *words)
    assert ended.code == code
    assert said in ended.err
    assert "Traceback" not in ended.err


def test_without_words_and_with_help_all_options_are_shown(run):
    shown = run("check", "--help")
    assert shown.code == 0
    for word in ("check FILE", "check calibrate", "--detector", "--threshold", "--skip-bad"):
        assert word in shown.out
    assert "--detector" in run("check").out + run("check").err
    assert "--goal" in run("check", "calibrate", "--help").out


def test_a_judge_behind_a_server_checks_a_file(run, answers):
    def supported(request):
        said = request["messages"][1]["content"].split("<answer>")[1].split("</answer>")[0].strip()
        claim = {"claim": said, "verdict": "supported", "quote": said}
        return json.dumps({"claims": [claim]})

    with LoopbackServer(supported, models=("m",)) as server:
        words = ("--detector", "judge", "--base-url", server.base_url, "--api-model", "m")
        ended = run("check", answers, *words)
    assert ended.code == 0, ended.err
    assert "checked by judge" in ended.out
    assert "the quote 'The pump runs at 69 psi.' is in no passage" in ended.out
    assert answers.with_name("answers.verdicts.journal.sqlite").exists()


PAGE = Path(__file__).parents[2] / "docs" / "check.md"


def judge(request):
    said = request["messages"][1]["content"].split("<answer>")[1].split("</answer>")[0].strip()
    return json.dumps({"claims": [{"claim": said, "verdict": "supported", "quote": said}]})


def test_the_commands_of_the_page_run_in_their_order(run, answers, tmp_path):
    blocks = re.findall(r"(?ms)^```sh\n(.*?)^```", PAGE.read_text("utf-8"))
    commands = [line for block in blocks for line in block.splitlines() if line]
    assert len(commands) >= 5
    has_models = importlib.util.find_spec("torch") and importlib.util.find_spec("transformers")
    if has_models:
        words = "the pump runs at 67 69 psi . it was built in 1960 passage 1 : q ?".split()
        tiny_bert(tmp_path / "models" / "encoder", words, ["69"])
    write_corpus(tmp_path / "docs", 3)
    assert run("init", "docs").code == 0
    assert run("rag-data", "-q", "wellread.yaml").code == 0
    with LoopbackServer(judge, models=("my-model",)) as server:
        for command in commands:
            if "encoder" in command and not has_models:
                continue
            named = command.replace("http://localhost:8000/v1", server.base_url)
            ended = run(*shlex.split(named)[1:])
            assert ended.code == 0, f"{command}\n{ended.err}"


def test_every_option_of_an_encoder_and_every_detector_stands_on_the_page():
    from wellread.checks.encoder import EncoderSettings
    from wellread.pipelines.detectors import DETECTORS

    page = PAGE.read_text("utf-8")
    assert [name for name in EncoderSettings.model_fields if f"| `{name}` |" not in page] == []
    assert [name for name in DETECTORS if f"| `{name}` |" not in page] == []


def test_beside_a_file_in_a_folder_that_is_read_only_verdicts_need_a_place(
    run, answers, monkeypatch
):
    # Root may write anywhere, so the question itself is answered for it.
    monkeypatch.setattr("os.access", lambda path, mode: mode != os.W_OK)
    ended = run("check", answers)
    assert ended.code == 2
    assert "may not be written to\n  name a file: --output" in ended.err
    assert run("check", answers, "-o", "v.jsonl", "-q").code == 0


def test_a_row_that_cannot_be_read_is_placed_and_the_way_on_is_told(run, answers):
    answers.write_text(answers.read_text("utf-8") + '{"question": "x", "answ\n', "utf-8")
    ended = run("check", answers)
    assert ended.code == 2
    assert "answers.jsonl:4 not JSON" in ended.err
    assert "mend the row, or leave such rows out with --skip-bad" in ended.err
    assert run("check", answers, "--skip-bad", "-q").code == 3
