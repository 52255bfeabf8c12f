"""A run that is killed at any moment and started again ends as one that was left alone."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="training needs the extra: pip install 'wellread[train]'")

from tests.train.small import conversations, options, same_weights, write_dataset
from wellread.train.checkpoints import last_checkpoint, tidy_checkpoints
from wellread.train.metrics import StepLog
from wellread.train.settings import TrainSettings
from wellread.train.sft import train_sft

# Ends its process, as a kill does, in the middle of the training forward pass number COUNT.
_KILLED = """
import json, os, sys
import torch
from wellread.train.settings import TrainSettings
from wellread.train.sft import train_sft

left = int(sys.argv[2])

def count(module, inputs):
    global left
    if module.training and type(module).__name__ in ("LlamaModel", "NemotronHModel"):
        left -= 1
        if left == 0:
            os._exit(9)

torch.nn.modules.module.register_module_forward_pre_hook(count)
train_sft(TrainSettings(**json.loads(sys.argv[1])))
"""


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dataset")
    return write_dataset(folder, conversations(60), conversations(6, seed=9))


def run_killed(settings: TrainSettings, forward: int) -> None:
    """Train in a process that dies in its forward pass number `forward`."""
    ended = subprocess.run(
        [sys.executable, "-c", _KILLED, settings.model_dump_json(), str(forward)],
        check=False,
        timeout=200,
        capture_output=True,
    )
    assert ended.returncode == 9, ended.stderr.decode()


def steps_of(folder: Path, name: str = "loss") -> list[tuple[int, float]]:
    lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    found = [json.loads(line) for line in lines]
    return [(line["step"], line[name]) for line in found if name in line]


HYBRID = {"preset": "nano", "n_embd": 32, "block_pattern": "T,M", "max_positions": 128}
CONVOLUTIONS = {**HYBRID, "block_pattern": "C,T"}
DROPOUT = {"preset": "nano", "n_embd": 32, "max_positions": 128, "dropout": 0.2}


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"model": DROPOUT}, id="packed, with dropout"),
        pytest.param(
            {"model": DROPOUT, "lora": {"rank": 2, "dropout": 0.1}},
            id="an adapter",
            marks=pytest.mark.slow,
        ),
        pytest.param({"model": HYBRID}, id="a hybrid in buckets", marks=pytest.mark.slow),
        pytest.param({"model": CONVOLUTIONS}, id="with convolutions", marks=pytest.mark.slow),
        pytest.param(
            {"model": HYBRID, "lora": {"rank": 2}},
            id="an adapter over a hybrid",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_killed_run_ends_with_the_weights_of_one_left_alone(
    dataset: Path, tmp_path: Path, changes: dict[str, Any]
) -> None:
    shared = {"grad_accum_steps": 2, "save_every": 3, "eval_every": 4, "lr_decay": "cosine"}
    chosen = {**shared, "log_every": 3, "samples": 1, "sample_every": 4, "sample_tokens": 3}
    alone = TrainSettings(**options(dataset, tmp_path / "alone", **chosen, **changes))
    train_sft(alone)
    killed = TrainSettings(**options(dataset, tmp_path / "killed", **chosen, **changes))
    run_killed(killed, forward=2 * 4 + 2)  # in the second half of step 5, after a checkpoint at 3
    assert not (tmp_path / "killed" / "wellread.json").exists()
    report = train_sft(killed)
    assert report.resumed_from == 3
    assert same_weights(tmp_path / "alone", tmp_path / "killed")
    for name in ("loss", "val_loss"):
        assert steps_of(tmp_path / "alone", name) == steps_of(tmp_path / "killed", name)
    samples = [(tmp_path / run / "samples.jsonl").read_bytes() for run in ("alone", "killed")]
    assert samples[0] == samples[1]


def test_a_run_killed_before_its_first_checkpoint_begins_again_with_any_options(
    dataset: Path, tmp_path: Path
) -> None:
    settings = TrainSettings(**options(dataset, tmp_path / "m", max_iters=4, save_every=3))
    run_killed(settings, forward=2)
    shutil.copytree(tmp_path / "m", tmp_path / "n")
    report = train_sft(settings)
    assert not report.resumed_from
    assert [step for step, _ in steps_of(tmp_path / "m")] == [1, 2, 3, 4]
    other = TrainSettings(**options(dataset, tmp_path / "n", max_iters=2, learning_rate=0.01))
    assert train_sft(other).steps == 2


def test_a_checkpoint_that_was_not_written_to_the_end_is_passed_over(
    dataset: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "m"
    settings = TrainSettings(**options(dataset, folder, max_iters=6, save_every=2))
    train_sft(settings)
    expected = shutil.copytree(folder, tmp_path / "expected")
    (folder / "wellread.json").unlink()
    assert last_checkpoint(folder) == folder / "checkpoints" / "checkpoint-4"
    with (folder / "checkpoints" / "checkpoint-4" / "optimizer.pt").open("r+b") as file:
        file.truncate(100)
    assert last_checkpoint(folder) == folder / "checkpoints" / "checkpoint-2"
    report = train_sft(settings)
    assert report.resumed_from == 2
    assert same_weights(expected, folder)


def test_only_the_newest_checkpoints_stay(dataset: Path, tmp_path: Path) -> None:
    settings = options(dataset, tmp_path / "m", max_iters=8, save_every=1, keep_checkpoints=3)
    train_sft(TrainSettings(**settings))
    names = {path.name for path in (tmp_path / "m" / "checkpoints").iterdir()}
    assert names == {"checkpoint-5", "checkpoint-6", "checkpoint-7"}


def test_tidying_removes_what_is_half_written(tmp_path: Path) -> None:
    (tmp_path / "checkpoints" / "checkpoint-3").mkdir(parents=True)
    tidy_checkpoints(tmp_path, keep=2)
    assert not list((tmp_path / "checkpoints").iterdir())


def test_lines_after_the_checkpoint_are_dropped_and_so_is_a_cut_one(tmp_path: Path) -> None:
    file = tmp_path / "metrics.jsonl"
    file.write_text('{"step":1,"loss":2}\n{"step":2,"loss":1}\n{"step":3,"lo', encoding="utf-8")
    log = StepLog(file, keep=1)
    log.write([{"step": 2, "loss": 1.5}])
    log.close()
    assert file.read_text(encoding="utf-8") == '{"step":1,"loss":2}\n{"step":2,"loss":1.5}\n'
