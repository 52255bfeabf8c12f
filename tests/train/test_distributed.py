"""Two processes learn what one learns that takes their batches in turn."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs the extra: pip install 'wellread[train]'")

from tests.train.small import conversations, options, same_weights, weights, write_dataset
from wellread.train.settings import TrainSettings
from wellread.train.sft import train_sft

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dataset")
    return write_dataset(folder, conversations(37), conversations(7, seed=9))


def run_two(
    settings: dict[str, Any],
    folder: Path,
    program: Sequence[str] = ("-m", "wellread", "train", "sft"),
) -> subprocess.CompletedProcess[str]:
    """The command as a person types it, under torchrun."""
    config = folder / "config.json"
    config.write_text(
        TrainSettings(**settings).model_dump_json(exclude_none=True), encoding="utf-8"
    )
    command = ["torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    return subprocess.run(
        [sys.executable, "-m", *command, *program, str(config), "--json"],
        check=False,
        timeout=250,
        capture_output=True,
        text=True,
        start_new_session=True,  # a signal to its group is none to ours
        env={**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
    )


def figures(folder: Path, name: str) -> list[float]:
    lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)[name] for line in lines if f'"{name}"' in line]


@pytest.mark.parametrize("packing", ["packed", "bucketed"])
def test_two_processes_equal_one_that_accumulates(
    dataset: Path, tmp_path: Path, packing: str
) -> None:
    shared = {"packing": packing, "max_iters": None, "num_epochs": 2, "learning_rate": 1e-3}
    one = options(dataset, tmp_path / "one", grad_accum_steps=2, **shared)
    two = options(dataset, tmp_path / "two", grad_accum_steps=1, **shared)
    report = train_sft(TrainSettings(**one))
    ended = run_two(two, tmp_path)
    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout)  # of the first process alone: two would be no JSON
    assert told["steps"] == report.steps
    assert told["learned_tokens"] == report.learned_tokens
    # Adam takes gradients of any scale alike, so the weights alone would not show a wrong one.
    for name in ("loss", "val_loss", "gradient_norm", "learned_tokens"):
        ours, theirs = figures(tmp_path / "one", name), figures(tmp_path / "two", name)
        assert theirs == pytest.approx(ours, rel=1e-3), name
    alone, together = weights(tmp_path / "one"), weights(tmp_path / "two")
    for name, tensor in alone.items():
        np.testing.assert_allclose(together[name], tensor, atol=2e-4)


def test_only_the_first_process_speaks_of_an_error(dataset: Path, tmp_path: Path) -> None:
    ended = run_two(options(dataset, tmp_path / "m", max_seq_len=16), tmp_path)
    assert ended.returncode != 0
    assert ended.stderr.count("error: ") == 1
    assert "longer than a row of 16 tokens" in ended.stderr


LONG: dict[str, Any] = {"max_iters": 60, "eval_every": 4, "samples": 1, "sample_tokens": 3}


@pytest.fixture(scope="module")
def alone(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two processes that nothing stopped."""
    folder = tmp_path_factory.mktemp("alone")
    assert run_two(options(dataset, folder / "m", **LONG), folder).returncode == 0
    return folder / "m"


@pytest.mark.parametrize(
    ("name", "target", "kind", "count", "stops_after"),
    [
        ("SIGTERM", "self", "training", 3, 3),
        ("SIGTERM", "parent", "training", 3, None),
        ("SIGINT", "group", "training", 3, None),
        ("SIGTERM", "self", "evaluating", 1, 4),
    ],
    ids=["one of two", "torchrun itself", "a Ctrl-C to all", "one, in an evaluation"],
)
def test_two_processes_stop_after_the_same_step(
    dataset: Path,
    alone: Path,
    tmp_path: Path,
    name: str,
    target: str,
    kind: str,
    count: int,
    stops_after: int | None,
) -> None:
    told = options(dataset, tmp_path / "told", **LONG)
    program = [str(Path(__file__).with_name("signalled.py")), name, target, kind, str(count)]
    ended = run_two(told, tmp_path, program)
    assert ended.returncode == 1  # what torchrun makes of any end of a process
    found = re.findall(rf"{name}: stopped after step (\d+), which a checkpoint holds", ended.stderr)
    assert len(found) == 1, ended.stderr
    assert stops_after in {None, int(found[0])}
    again = run_two(told, tmp_path)
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["resumed_from"] == int(found[0])
    assert same_weights(alone, tmp_path / "told")
    for figure in ("loss", "val_loss"):
        assert figures(alone, figure) == figures(tmp_path / "told", figure)
