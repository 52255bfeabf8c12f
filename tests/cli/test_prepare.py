"""``wellread prepare`` as a person types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from wellread.cli.app import app
from wellread.errors import InputError


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """Files of 3, 4, 5 and 6 conversations."""
    made = {}
    for count, name in enumerate(("a", "b", "c", "d"), start=3):
        turns = [{"role": "user", "content": "Where?"}, {"role": "assistant", "content": "Here."}]
        rows = [{"messages": turns, "context": f"{name} {number}"} for number in range(count)]
        file = tmp_path / f"{name}.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        made[name] = str(file)
    return made


@pytest.mark.parametrize(
    ("words", "train", "val"),
    [
        ("--input a b --val-file c d", 7, 11),
        ("--val_file c d --input a b", 7, 11),
        ("-i a b --val-file=c d", 7, 11),
        ("a b --val-file c --val-file d", 7, 11),
        ("--val-file c d --seed 1 a b", 7, 11),
        ("--val-file c --input=a b d", 13, 5),
        ("--val-file c -- a b", 7, 5),
    ],
)
def test_several_files_may_follow_an_option(
    files: dict[str, str], tmp_path: Path, words: str, train: int, val: int
) -> None:
    typed = [
        name + equals + files.get(value, value) if equals else files.get(word, word)
        for word in words.split()
        for name, equals, value in [word.partition("=")]
    ]
    options = ["--tokenization", "char", "--output-dir", str(tmp_path / "out"), "--json", "-q"]
    found = CliRunner().invoke(app, ["prepare", *options, *typed])
    assert found.exit_code == 0, found.exception
    counts = json.loads(found.stdout)["counts"]
    assert counts["train"]["conversations"] == train
    assert counts["val"]["conversations"] == val


def test_files_that_all_belong_to_an_option_leave_no_input(
    files: dict[str, str], tmp_path: Path
) -> None:
    words = ["prepare", "-o", str(tmp_path / "out"), "--val-file", files["a"], files["b"]]
    with pytest.raises(InputError, match="the input is not given"):
        CliRunner().invoke(app, words, catch_exceptions=False)
