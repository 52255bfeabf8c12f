"""``wellread check calibrate`` as a person uses it."""

from __future__ import annotations

import json

import pytest

from tests.cli.test_kb import Run, run
from tests.pipelines.corpora import write_corpus

__all__ = ["run"]
CALIBRATE = ("check", "calibrate", "manuals")


@pytest.fixture(autouse=True)
def manuals(run: Run, tmp_path):
    write_corpus(tmp_path / "manuals", 10)


def test_the_example_of_the_help_writes_a_calibration_that_checks_can_use(run, tmp_path):
    ended = run(*CALIBRATE, "--goal", "precision=0.9", "--prior", "0.15")
    assert ended.code == 0, ended.err
    assert "goal precision=0.9, prior 0.15; measured on held-out documents" in ended.out
    assert "all, before" in ended.out
    assert "Errors caught" in ended.out
    (own,) = (tmp_path / "calibrations").iterdir()
    assert f"Written: calibrations/{own.name}" in ended.err
    row = {"question": "q?", "contexts": ["It runs at 67 psi."], "answer": "It runs at 69 psi."}
    (tmp_path / "answers.jsonl").write_text(json.dumps(row) + "\n", "utf-8")
    checked = run("check", "answers.jsonl", "--calibration", f"calibrations/{own.name}", "--json")
    assert checked.code == 0, checked.err
    assert checked.json["calibration"] == own.name


def test_the_report_can_be_had_as_json(run):
    report = run(*CALIBRATE, "--json", "-q").json
    assert report["sizes"]["documents"] == 10
    assert report["parts"][0]["name"] == "all"
    assert 0 <= report["parts"][0]["after"]["calibration_error"] <= 1


def test_a_dry_run_counts_the_cases_and_writes_nothing(run, tmp_path):
    ended = run(*CALIBRATE, "--dry-run")
    assert ended.code == 0, ended.err
    assert "10 documents" in ended.out
    assert "same_paragraph" in ended.out
    assert not (tmp_path / "calibrations").exists()
    sizes = run(*CALIBRATE, "--dry-run", "--kinds", "number", "--json").json
    assert sizes["cases"]["number"] > 0 == sizes["cases"]["date"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("check", "calibrate", "nowhere"), "nowhere: no such file or folder"),
        ((*CALIBRATE, "--goal", "best"), "it is f1, precision=0.9 or false-flags=0.05"),
        ((*CALIBRATE, "--prior", "2"), "prior: input should be less than 1"),
        ((*CALIBRATE, "--kinds", "typo"), "input should be 'number', 'date'"),
        ((*CALIBRATE, "--detector", "nobody"), "unknown detector 'nobody'"),
        (("check", "calibrate", "manuals/product0001.md"), "at least 2 are needed"),
    ],
)
def test_mistakes_are_told_with_exit_code_2(run, words, said):
    ended = run(*words)
    assert ended.code == 2
    assert said in ended.err
