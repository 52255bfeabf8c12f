"""Is the memory that `wellread train sft --dry-run` foretells what a run then takes?

    python -m benchmarks.train_memory [--only lora]

Each run trains two steps on the CPU in a process of its own, on conversations of random tokens that
fill its rows. The peak is that which the kernel tells for the process, less that of a run with next
to no model. It is taken twice: where the C library gives freed memory back at once, which is what
the run needs and the ratio is of (to be within 1.25 either way), and as the C library is, which
keeps what was freed and has it in pieces.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from tests.peak_memory import run_with_peak

from wellread.datasets.metadata import write_metadata
from wellread.datasets.shards import ShardWriter
from wellread.dialogue.codec import Codec
from wellread.dialogue.formats import PRESETS
from wellread.dialogue.tokenizer import open_tokenizer, train_tokenizer
from wellread.train.settings import TrainSettings
from wellread.train.sft import plan_sft

_MIB = 2**20
_LEARNED = 0.3
_GIVE_BACK = "MALLOC_MMAP_THRESHOLD_"
_TRAIN = """
import sys
from wellread.train.settings import TrainSettings
from wellread.train.sft import train_sft
train_sft(TrainSettings.model_validate_json(sys.argv[1]))
"""
_LESS = {"gradient_checkpointing": True}
_LORA = {"lora": {"rank": 8}}
_NOTHING: tuple[str, str, int, int, dict[str, Any]] = ("nano", "bpe", 1, 64, {})
# Preset, tokenization, rows at once, tokens of a row, and what else is chosen.
_RUNS: tuple[tuple[str, str, int, int, dict[str, Any]], ...] = (
    ("micro", "bpe", 4, 2048, {}),
    ("small", "bpe", 4, 512, {}),
    ("small", "bpe", 4, 512, _LESS),
    ("small", "bpe", 4, 512, {"grad_accum_steps": 2}),
    ("small", "bpe", 2, 2048, {}),
    ("small", "bpe", 2, 2048, _LESS),
    ("small", "gpt2", 4, 512, {}),
    ("small", "bpe", 4, 512, {"model": {"preset": "small", "dropout": 0.1}}),
    ("small", "bpe", 2, 512, {"model": {"preset": "small", "block_pattern": "T,M,T,M"}}),
    ("small", "bpe", 4, 512, {"packing": "bucketed"}),
    ("medium", "bpe", 1, 128, {}),
    ("medium", "bpe", 2, 512, {}),
    ("medium", "bpe", 2, 512, _LORA),
    ("medium", "bpe", 2, 512, _LORA | _LESS),
    ("base", "bpe", 1, 512, {}),
)


def write_dataset(folder: Path, tokenization: str, row_tokens: int) -> None:
    """Conversations of random tokens, two to a row, so that batches are alike."""
    form, draw = PRESETS["mypt"], np.random.default_rng(1)
    letters = list("etaoinshrdlu")
    words = ["".join(draw.choice(letters, 6)) for _ in range(4_000)]
    made = tokenization == "bpe"
    tokenizer = train_tokenizer("bpe", words, form) if made else open_tokenizer(tokenization, form)
    codec = Codec(tokenizer, form)
    with ShardWriter(folder / "train", tokenizer.vocab_size) as writer:
        for _ in range(160):
            length = row_tokens // 2
            ids = draw.integers(300, tokenizer.vocab_size, length).tolist()
            learned = round(_LEARNED * length)
            writer.write(ids, bytes(length - learned) + b"\1" * learned)
    codec.save(folder)
    write_metadata(folder, {"train": writer.shards, "val": ()}, "uint16", {})


def settings_of(run: tuple[str, str, int, int, dict[str, Any]], folder: Path) -> TrainSettings:
    """The settings of a run, whose dataset is made where it is not there."""
    preset, tokenization, rows, row_tokens, more = run
    dataset = folder / f"{tokenization}-{row_tokens}"
    if not dataset.exists():
        write_dataset(dataset, tokenization, row_tokens)
    chosen: dict[str, Any] = {
        "dataset_dir": dataset,
        "output_dir": folder / "model",
        "model": {"preset": preset},
        "max_iters": 2,
        "device_batch_size": rows,
        "grad_accum_steps": 1,
        "max_seq_len": row_tokens,
        "save_every": 0,
        "device": "cpu",
    }
    return TrainSettings.model_validate(chosen | more)


def peak(settings: TrainSettings, *, gives_back: bool) -> int:
    """Most bytes that a process takes that trains."""
    os.environ.pop(_GIVE_BACK, None)
    if gives_back:
        os.environ[_GIVE_BACK] = str(128 * 1024)  # glibc's own, without its growth
    with tempfile.TemporaryDirectory() as name:
        aside = settings.model_copy(update={"output_dir": Path(name)})
        return run_with_peak(_TRAIN, aside.model_dump_json(exclude_none=True))[1] * 1024


def main() -> None:
    """Print a line for each run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--only", default="", help="runs whose line holds this")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        nothing = settings_of(_NOTHING, folder)
        bare = {gives_back: peak(nothing, gives_back=gives_back) for gives_back in (True, False)}
        print(f"the program with next to no model: {bare[True] / _MIB:,.0f} MiB")
        print(f"{'estimate':>12}{'peak':>12}{'ratio':>8}{'peak as is':>12}")
        for run in _RUNS:
            preset, tokenization, rows, row_tokens, more = run
            line = f"{preset}, {tokenization}, {rows} x {row_tokens} {more or ''}"
            if options.only not in line:
                continue
            settings = settings_of(run, folder)
            foretold = plan_sft(settings)
            total = foretold.memory.total if foretold.memory else 0
            found, kept = (peak(settings, gives_back=way) - bare[way] for way in (True, False))
            print(
                f"{total / _MIB:8,.0f} MiB{found / _MIB:8,.0f} MiB{total / found:8.2f}"
                f"{kept / _MIB:8,.0f} MiB  {line}",
                flush=True,
            )


if __name__ == "__main__":
    main()
