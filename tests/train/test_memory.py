"""The memory that a dry run foretells is what a run takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="training needs the extra: pip install 'wellread[train]'")

import torch

from tests.peak_memory import run_with_peak
from tests.train.families import tiny_model
from tests.train.small import conversations, options, write_dataset
from wellread.train.memory import Largest, Memory, estimate
from wellread.train.settings import TrainSettings
from wellread.train.sft import plan_sft

_TRAIN = """
import sys
from wellread.train.settings import TrainSettings
from wellread.train.sft import train_sft
train_sft(TrainSettings.model_validate_json(sys.argv[1]))
"""


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("dataset"), conversations(400))


def settings(**chosen: Any) -> TrainSettings:
    return TrainSettings(dataset_dir=Path(), output_dir=Path("m"), **chosen)


def batch(width: int, rows: int = 4) -> Largest:
    return Largest(rows=rows, width=width, learned=0.1, packing="packed")


def estimated(model: torch.nn.Module, largest: Largest, **chosen: Any) -> Memory:
    return estimate(model, settings(**chosen), largest, bfloat16=False)


def test_rows_longer_than_those_measured_are_foretold_by_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = tiny_model("llama")
    foretold = estimated(model, batch(2048)).activations
    monkeypatch.setattr("wellread.train.memory._PROBED_TOKENS", 2048)
    assert foretold == pytest.approx(estimated(model, batch(2048)).activations, rel=0.02)


def test_twice_as_many_rows_take_twice_as_much() -> None:
    one, two = (estimated(tiny_model("llama"), batch(96, rows)).activations for rows in (3, 6))
    assert two == pytest.approx(2 * one, rel=0.1)


@pytest.mark.parametrize("kind", ["llama", "nemotron_h"])
def test_measuring_leaves_model_and_randomness_as_they_are(kind: str) -> None:
    model = tiny_model(kind, attention_dropout=0.1).eval()
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    randomness = torch.get_rng_state()
    first = estimated(model, batch(64))
    assert first == estimated(model, batch(64))
    assert torch.equal(torch.get_rng_state(), randomness)
    assert not any(module.training for module in model.modules())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert all(torch.equal(before[name], weight) for name, weight in model.state_dict().items())


def test_what_lessens_memory_lessens_the_estimate(dataset: Path) -> None:
    def foretold(**chosen: Any) -> Memory:
        memory = plan_sft(TrainSettings(**options(dataset, Path("m"), **chosen))).memory
        assert memory is not None
        return memory

    plain = foretold()
    assert foretold(gradient_checkpointing=True).activations < plain.activations / 2
    assert foretold(lora={"rank": 2}).training < plain.training / 4
    assert foretold(device_batch_size=1).activations < plain.activations
    assert foretold(packing="bucketed").activations < plain.activations


@pytest.mark.slow
@pytest.mark.parametrize(
    "chosen", [{}, {"gradient_checkpointing": True}], ids=["whole", "checkpointed"]
)
def test_the_peak_of_a_run_is_that_foretold(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chosen: dict[str, Any]
) -> None:
    # Freed memory goes back at once: what glibc keeps of it is none of the run's.
    monkeypatch.setenv("MALLOC_MMAP_THRESHOLD_", str(128 * 1024))

    def run(name: str, **changes: Any) -> TrainSettings:
        given = {"max_iters": 2, "eval_start": False, "max_seq_len": 512, **changes}
        return TrainSettings(**options(dataset, tmp_path / name, **given))

    small = {"model": {"preset": "small", "max_positions": 512}, "device_batch_size": 4}
    large = run("large", **{**small, **chosen})
    peaks = []
    for one in (run("nothing", model={"preset": "nano", "n_layer": 1}, device_batch_size=1), large):
        peaks.append(run_with_peak(_TRAIN, one.model_dump_json(exclude_none=True))[1] * 1024)
    memory = plan_sft(large).memory
    assert memory is not None
    assert 0.8 < memory.total / (peaks[1] - peaks[0]) < 1.25
