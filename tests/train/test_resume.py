"""A run that is killed at any moment and started again ends as one that was left alone."""

from __future__ import annotations

import json
import shutil
import signal
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
from wellread.train.stopping import stop_on_signals

# Ends its process, as a kill does, in the middle of the training forward pass number COUNT.
_KILLED = """
import json, os, sys
import torch
from wellread.train.settings import TrainSettings
from wellread.train.sft import train_sft

left = int(sys.argv[2])

def count(module, inputs):
    global left
    if module.training and type(module).__name__ in ("LlamaModel", "Lfm2Model", "NemotronHModel"):
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


def run_signalled(settings: TrainSettings, *how: str) -> subprocess.CompletedProcess[str]:
    """The command, which gets a signal as `signalled.py` says."""
    config = settings.folder.with_suffix(".json")
    config.write_text(settings.model_dump_json(exclude_none=True), encoding="utf-8")
    return subprocess.run(
        [sys.executable, str(Path(__file__).with_name("signalled.py")), *how, str(config)],
        check=False,
        timeout=200,
        capture_output=True,
        text=True,
        start_new_session=True,  # a signal to its group is none to ours
    )


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


@pytest.mark.parametrize(
    ("name", "target", "kind", "count", "stops_after"),
    [
        # Of 8 steps of two forward passes, an evaluation and samples after the 4th and 8th.
        pytest.param("SIGTERM", "self", "training", 2 * 4 + 1, 5, id="SIGTERM in a step"),
        pytest.param("SIGINT", "self", "training", 2 * 3 + 2, 4, id="Ctrl-C before looks are due"),
        pytest.param(
            "SIGTERM", "self", "evaluating", 2, 4, id="in an evaluation", marks=pytest.mark.slow
        ),
        pytest.param(
            "SIGTERM", "self", "evaluating", 4, 4, id="in samples", marks=pytest.mark.slow
        ),
        pytest.param(
            "SIGTERM", "self", "training", 2 * 8, 8, id="in the last step", marks=pytest.mark.slow
        ),
        # Of steps of twelve, so that batches must still be read after the signal.
        pytest.param(
            "SIGTERM", "group", "training", 12 + 1, 2, id="to readers", marks=pytest.mark.slow
        ),
        pytest.param(
            "SIGINT", "group", "training", 12 + 1, 2, id="^C in a terminal", marks=pytest.mark.slow
        ),
    ],
)
def test_a_run_told_to_stop_keeps_its_step_and_ends_as_one_left_alone(
    dataset: Path,
    tmp_path: Path,
    name: str,
    target: str,
    kind: str,
    count: int,
    stops_after: int,
) -> None:
    chosen: dict[str, Any] = {
        "model": DROPOUT, "grad_accum_steps": 12 if target == "group" else 2, "eval_every": 4,
        "log_every": 3, "samples": 1, "sample_every": 4, "sample_tokens": 3,
        "workers": 2 if target == "group" else 0,
    }  # fmt: skip
    alone = TrainSettings(**options(dataset, tmp_path / "alone", **chosen))
    train_sft(alone)
    told = TrainSettings(**options(dataset, tmp_path / "told", **chosen))
    ended = run_signalled(told, name, target, kind, str(count))
    assert ended.returncode == {"SIGTERM": 143, "SIGINT": 130}[name], ended.stderr
    assert f"{name}: stopped after step {stops_after}, which a checkpoint holds" in ended.stderr
    assert "run the same command again" in ended.stderr
    report = train_sft(told)
    assert report.resumed_from == stops_after
    assert same_weights(tmp_path / "alone", tmp_path / "told")
    for kept in ("loss", "val_loss"):
        assert steps_of(tmp_path / "alone", kept) == steps_of(tmp_path / "told", kept)
    samples = [(tmp_path / run / "samples.jsonl").read_bytes() for run in ("alone", "told")]
    assert samples[0] == samples[1]


@pytest.mark.slow
def test_a_run_told_to_stop_before_its_first_step_leaves_no_checkpoint(
    dataset: Path, tmp_path: Path
) -> None:
    settings = TrainSettings(**options(dataset, tmp_path / "m"))
    ended = run_signalled(settings, "SIGTERM", "self", "beginning", "1")
    assert ended.returncode == 143, ended.stderr
    assert "SIGTERM: stopped before the first step" in ended.stderr
    assert last_checkpoint(settings.folder) is None


def test_a_second_interrupt_stops_at_once_and_the_handlers_are_put_back() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    told: list[str] = []
    with pytest.raises(KeyboardInterrupt), stop_on_signals(told.append) as stop:
        signal.raise_signal(signal.SIGTERM)
        assert stop.signal == signal.SIGTERM
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)
    assert told == ["SIGTERM: stopping where nothing is lost (Ctrl-C again stops at once)"]
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_a_run_killed_before_its_first_checkpoint_begins_again_with_any_options(
    dataset: Path, tmp_path: Path
) -> None:
    settings = TrainSettings(**options(dataset, tmp_path / "m", max_iters=4, save_every=3))
    run_killed(settings, forward=2)
    shutil.copytree(tmp_path / "m", tmp_path / "n")
    report = train_sft(settings)
    assert not report.resumed_from
    assert [step for step, _ in steps_of(tmp_path / "m")] == [1, 2, 3, 4]
    assert [step for step, _ in steps_of(tmp_path / "m", "val_loss")] == [0, 4]
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
