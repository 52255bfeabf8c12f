"""``wellread train sft`` as a person types it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

pytest.importorskip("torch", reason="training needs the extra: pip install 'wellread[train]'")

from tests.train.small import conversations, write_dataset
from wellread.cli.app import app
from wellread.errors import ConfigError, InputError

CONFIG = """
model:
  preset: nano
  n_embd: 32
  max_positions: 128
max_iters: 50
max_seq_len: 96
learning_rate: 0.003
save_every: 0
use_loss_mask: true
"""


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dataset")
    return write_dataset(folder, conversations(40), conversations(4, seed=9))


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "train.yaml"
    file.write_text(CONFIG, encoding="utf-8")
    return file


def run(*arguments: object) -> tuple[str, str]:
    """What the command says on stdout and on stderr."""
    found = CliRunner().invoke(app, ["train", "sft", *map(str, arguments)])
    if found.exception and not isinstance(found.exception, SystemExit):
        raise found.exception
    assert found.exit_code == 0, found.output
    return found.stdout, found.stderr


def test_flags_go_before_the_file(dataset: Path, config: Path, tmp_path: Path) -> None:
    _, said = run(
        "--config-file", config, "--dataset-dir", dataset, "--output-dir", tmp_path / "m",
        "--max_iters", 3, "--learning_rate=0.001", "--top_k", 4,
    )  # fmt: skip
    card = json.loads((tmp_path / "m" / "wellread.json").read_text(encoding="utf-8"))
    assert card["step"] == 3
    assert card["settings"]["learning_rate"] == 0.001
    assert card["settings"]["model"]["n_embd"] == 32
    assert card["chat"] == {"top_k": 4}
    assert "3 steps" in said
    assert "bits per learned token (before: " in said
    assert f"wellread chat {tmp_path / 'm'}" in said


def test_a_flag_changes_one_option_of_a_new_model(
    dataset: Path, config: Path, tmp_path: Path
) -> None:
    said, _ = run(
        config, "--dataset-dir", dataset, "--output-dir", tmp_path / "m", "--block-pattern", "T,M",
        "--dry-run", "--json",
    )  # fmt: skip
    assert json.loads(said)["packing"] == "bucketed"


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        (["--use_loss_mask", "false"], False),
        (["--use-loss-mask=False"], False),
        (["--use_loss_mask", "true"], True),
        (["--no-use-loss-mask"], False),
        ([], True),
    ],
)
def test_truth_is_written_as_a_word_or_as_a_flag(
    dataset: Path, config: Path, tmp_path: Path, written: list[str], wanted: bool
) -> None:
    run(config, "--dataset-dir", dataset, "--output-dir", tmp_path / "m", "--max-iters", 1,
        *written, "--samples", 0)  # fmt: skip
    card = json.loads((tmp_path / "m" / "wellread.json").read_text(encoding="utf-8"))
    assert card["settings"]["use_loss_mask"] is wanted


def test_a_json_file_with_tabs_is_read(dataset: Path, tmp_path: Path) -> None:
    file = tmp_path / "micro.json"
    file.write_text(
        '{\n\t"use_loss_mask": true,\n\t"model": {"preset": "nano"},\n\t"max_iters": 2\n}\n',
        encoding="utf-8",
    )
    _, said = run(
        "--config_file", file, "--dataset_dir", dataset, "--output_dir", tmp_path / "m", "--dry-run"
    )
    assert "steps       2" in said


def test_a_dry_run_says_what_it_would_do_and_writes_nothing(
    dataset: Path, config: Path, tmp_path: Path
) -> None:
    _, said = run(config, "--dataset-dir", dataset, "--output-dir", tmp_path / "m", "--dry-run")
    for word in ("parameters", "conversations", "packed", "steps", "memory", "full"):
        assert word in said
    assert not (tmp_path / "m").exists()


def test_the_same_command_again_trains_nothing(dataset: Path, config: Path, tmp_path: Path) -> None:
    command = (config, "--dataset-dir", dataset, "--output-dir", tmp_path / "m", "--max-iters", 2)
    run(*command)
    _, said = run(*command)
    assert "ended before" in said


def test_json_goes_to_stdout_and_quiet_says_nothing(
    dataset: Path, config: Path, tmp_path: Path
) -> None:
    printed, said = run(
        config, "--dataset-dir", dataset, "--output-dir", tmp_path / "m", "--max-iters", 2,
        "--json", "--quiet",
    )  # fmt: skip
    assert json.loads(printed)["steps"] == 2
    assert said == ""


def test_a_mistake_in_the_file_is_told_with_its_line(dataset: Path, tmp_path: Path) -> None:
    file = tmp_path / "train.yaml"
    file.write_text("max_iters: 5\nlearning_rte: 0.1\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"train.yaml:2:1 learning_rte: unknown option") as error:
        run(file, "--dataset-dir", dataset, "--output-dir", tmp_path / "m")
    assert "learning_rate" in error.value.message


def test_a_mistake_on_the_command_line_is_told_without_a_line(
    dataset: Path, config: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as error:
        run(config, "--dataset-dir", dataset, "--output-dir", tmp_path / "m", "--packing", "tight")
    assert error.value.message.startswith("packing: ")
    assert "found 'tight'" in error.value.message
    with pytest.raises(ConfigError, match="give dataset_dir"):
        run(config, "--output-dir", tmp_path / "m")


def test_a_dataset_that_is_not_there_is_told_with_how_to_make_it(
    config: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError) as error:
        run(config, "--dataset-dir", tmp_path / "absent", "--output-dir", tmp_path / "m")
    assert "wellread prepare" in error.value.hint
    assert not (tmp_path / "m").exists()


_LOADED = """
import sys
from wellread.cli import main

sys.argv = ["wellread", "train", "sft", *sys.argv[1:]]
try:
    main()
except SystemExit as ended:
    print(ended.code, *sorted({"torch", "transformers", "peft"}.intersection(sys.modules)))
"""


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("--knowledge-base absent", "Knowledge base not found: absent"),
        ("--knowledge-base foreign", "foreign is not a knowledge base"),
        ("--dataset-dir absent --output-dir m", "absent: no such dataset folder"),
        ("--dataset-dir data --packing tight --output-dir m", "packing: "),
        ("--lora-rank 0 --dataset-dir data --output-dir m", "lora.rank: "),
    ],
)
def test_what_is_mistyped_is_told_before_torch_is_loaded(
    tmp_path: Path, typed: str, said: str
) -> None:
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "notes.txt").write_text("mine", encoding="utf-8")
    ended = subprocess.run(
        [sys.executable, "-c", _LOADED, *typed.split()],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    )
    assert said in ended.stderr
    assert ended.stdout.split() == ["2"]
    assert not (tmp_path / "models").exists()
