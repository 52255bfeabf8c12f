"""What training costs beside the arithmetic: ratios of processor time, measured in one run.

    python benchmarks/train_step.py DATASET [--preset nano] [--steps 200]

DATASET is a folder of ``wellread prepare``. Three ways to make the same steps: a bare PyTorch loop
over one constant batch, the same loop over the batches of the shards, and `train_sft`.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import torch  # noqa: TID253

from wellread.train.data import Batches, Schedule
from wellread.train.loss import TokenLoss, learned_tokens
from wellread.train.planning import choose_packing, lay_out, positions_of
from wellread.train.prepared import lengths_of, open_prepared
from wellread.train.schedule import make_optimizer
from wellread.train.settings import TrainSettings
from wellread.train.sft import train_sft
from wellread.train.starting import starting_model

_REPEATS = 3


def _settings(arguments: argparse.Namespace, output: str) -> TrainSettings:
    return TrainSettings.model_validate(
        {
            "dataset_dir": arguments.dataset,
            "output_dir": output,
            "model": {"preset": arguments.preset},
            "max_iters": arguments.steps,
            "grad_accum_steps": 1,
            "save_every": 0,
            "eval_every": 0,
            "eval_steps": 1,
            "eval_start": False,
            "samples": 0,
            "device": "cpu",
        }
    )


def _bare(settings: TrainSettings, batches: Batches, steps: int, *, constant: bool) -> float:
    """Seconds of processor time a step."""
    dataset = open_prepared(settings.dataset_dir)
    model = starting_model(settings, dataset, torch.device("cpu"), print)
    loss, optimizer = TokenLoss(model), make_optimizer(model, settings)
    fixed = batches[1 % len(batches)]
    start = time.process_time()
    for step in range(steps):
        batch = fixed if constant else batches[step]
        (loss(model, batch) / learned_tokens(batch)).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), settings.grad_clip)
        optimizer.step()
        optimizer.zero_grad()
    return (time.process_time() - start) / steps


def _ours(settings: TrainSettings) -> float:
    start = time.process_time()
    train_sft(settings, replace=True)
    return (time.process_time() - start) / (settings.max_iters or 1)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--preset", default="nano")
    parser.add_argument("--steps", type=int, default=200)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        settings = _settings(arguments, folder)
        dataset = open_prepared(arguments.dataset)
        model = starting_model(settings, dataset, torch.device("cpu"), print)
        packing, _ = choose_packing(model, settings)
        layout = lay_out(settings, dataset, packing, positions_of(model))
        schedule = Schedule(lengths_of(dataset.train), layout)
        batches = Batches(dataset.train, schedule, layout, steps=arguments.steps)
        _bare(settings, batches, 20, constant=False)  # warm
        rounds = [
            (
                _bare(settings, batches, arguments.steps, constant=True),
                _bare(settings, batches, arguments.steps, constant=False),
                _ours(settings),
            )
            for _ in range(_REPEATS)
        ]
    constant, read, ours = (statistics.median(column) for column in zip(*rounds, strict=True))
    print(f"a step, bare loop, constant batch    {constant * 1e3:8.2f} ms")
    print(f"a step, bare loop, batches read      {read * 1e3:8.2f} ms  {read / constant:.3f}x")
    print(f"a step, train_sft with its start     {ours * 1e3:8.2f} ms  {ours / read:.3f}x")


if __name__ == "__main__":
    main()
