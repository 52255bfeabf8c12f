"""Fine-tuning beside TRL's SFTTrainer: same model, same ids and labels, packed rows, one machine.

    WELLREAD_PARITY_PYTHON=.venv-parity/bin/python python -m benchmarks.training
    python -m benchmarks.training --parts loading
    python -m benchmarks.training --parts gpu

The parts:

trl      tokens per second and per CPU second of both, taking turns, and their ratio
loading  a step with real batches and with one batch held in memory, and what it took to make them
gpu      tokens per second and share of the measured matrix-multiply ceiling, for a transformer
         and a hybrid of about 150 million parameters; where there is a GPU

TRL is given ids and labels, so it templates and tokenizes nothing, and packs by `bfd`. Rows hold
`--row` tokens, `--rows` of them make a step; lengths of conversations are log-normal. Both train
in float32 on the CPU with AdamW, clipping and no checkpointing of activations. A run's first steps
are left out. The interpreter needs trl: the one that `WELLREAD_PARITY_PYTHON` names is used where
this one lacks it (`tools/parity_environment.sh` makes it), and without either the part is left out.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import statistics
import sys
import tempfile
import time
import unittest.mock
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

WARM_UP = 3
VOCABULARY = 4096
SOURCE = Path(__file__).parents[1] / "src"


@dataclass(slots=True)
class Clock:
    """Wall and CPU time of the steps after the first few, and the tokens they held."""

    steps: int
    tokens_of_step: list[int] = field(default_factory=list)
    _started: tuple[float, float] = (0.0, 0.0)
    wall_s: float = 0.0
    cpu_s: float = 0.0

    def after_step(self, step: int) -> None:
        """Note the time, once the first steps are made and once all are."""
        if step == WARM_UP:
            self._started = (time.perf_counter(), time.process_time())
        if step == self.steps:
            self.wall_s = time.perf_counter() - self._started[0]
            self.cpu_s = time.process_time() - self._started[1]

    @property
    def tokens(self) -> int:
        """Tokens of the steps that were timed."""
        return sum(self.tokens_of_step[WARM_UP : self.steps])

    @property
    def step_s(self) -> float:
        """CPU seconds of a step."""
        return self.cpu_s / (self.steps - WARM_UP)


def conversations(count: int, longest: int, seed: int = 7) -> list[tuple[list[int], list[int]]]:
    """Ids and masks with log-normal lengths, the last two fifths of each learned."""
    rng = np.random.default_rng(seed)
    lengths = np.clip(rng.lognormal(5.5, 0.7, count).astype(int), 16, longest)
    made = []
    for length in lengths:
        learned = int(length * 0.4)
        ids = rng.integers(10, VOCABULARY, length).tolist()
        made.append((ids, [0] * (length - learned) + [1] * learned))
    return made


def prepared(folder: Path, rows: list[tuple[list[int], list[int]]]) -> Path:
    """A dataset folder as ``wellread prepare`` leaves it."""
    from wellread.datasets.metadata import write_metadata
    from wellread.datasets.shards import ShardWriter
    from wellread.dialogue.codec import Codec
    from wellread.dialogue.formats import PRESETS
    from wellread.dialogue.tokenizer import train_tokenizer

    text = ["What runs at 67 psi, and since when? The pump does, since 1960."]
    form = PRESETS["chatml"]
    tokenizer = train_tokenizer("bpe", text, form, vocab_size=512)
    tokenizer.vocab_size = VOCABULARY
    Codec(tokenizer, form).save(folder)
    with ShardWriter(folder / "train", VOCABULARY) as writer:
        for ids, mask in rows:
            writer.write(ids, mask)
    splits = {"train": writer.shards, "val": ()}
    write_metadata(folder, splits, "uint16", {"vocab_size": VOCABULARY})
    return folder


# -- ours


def train_ours(
    dataset: Path, settings: dict[str, Any], clock: Clock, wrap: Callable[[Any], Any] | None = None
) -> None:
    """`train_sft`, as the command line calls it, with a clock beside it."""
    from transformers import TrainerCallback

    from wellread.train import sft
    from wellread.train.settings import TrainSettings

    class Steps(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            clock.after_step(state.global_step)

    class Timed(sft.SftTrainer):
        def __init__(self, model: Any, batches: Any, *rest: Any, **named: Any) -> None:
            clock.tokens_of_step += [batches.tokens_of_step(n + 1) for n in range(clock.steps)]
            super().__init__(model, wrap(batches) if wrap else batches, *rest, **named)
            self.add_callback(Steps())

    with (
        tempfile.TemporaryDirectory() as output,
        unittest.mock.patch.object(sft, "SftTrainer", Timed),
    ):
        chosen = TrainSettings(
            dataset_dir=dataset,
            output_dir=Path(output) / "model",
            max_iters=clock.steps,
            grad_accum_steps=1,
            packing="packed",
            eval_every=0,
            eval_start=False,
            save_every=0,
            samples=0,
            **settings,
        )
        sft.train_sft(chosen)


# -- TRL


def train_trl(
    rows: list[tuple[list[int], list[int]]], settings: dict[str, Any], clock: Clock
) -> None:
    """TRL's trainer on the same ids and labels, with the same model, rows and optimizer."""
    from transformers import PreTrainedTokenizerFast, TrainerCallback
    from transformers.trainer_callback import PrinterCallback
    from trl import SFTConfig, SFTTrainer

    import datasets
    from wellread.train.models import new_model

    class Steps(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            clock.after_step(state.global_step)

    def note(module: Any, args: Any, kwargs: dict[str, Any]) -> None:
        clock.tokens_of_step.append(kwargs["input_ids"].numel())

    model = new_model(settings["model"], VOCABULARY, 0, [1], 42)
    model.register_forward_pre_hook(note, with_kwargs=True)
    given = datasets.Dataset.from_list(
        [
            {
                "input_ids": ids,
                "labels": [i if m else -100 for i, m in zip(ids, mask, strict=True)],
            }
            for ids, mask in rows
        ]
    )
    with tempfile.TemporaryDirectory() as output:
        chosen = SFTConfig(
            output_dir=output,
            max_steps=clock.steps,
            per_device_train_batch_size=settings["device_batch_size"],
            gradient_accumulation_steps=1,
            packing=True,
            packing_strategy="bfd",
            max_length=settings["max_seq_len"],
            learning_rate=3e-4,
            adam_beta2=0.95,
            max_grad_norm=1.0,
            bf16=False,
            use_cpu=True,
            gradient_checkpointing=False,
            logging_strategy="no",
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            seed=42,
        )
        trainer = SFTTrainer(
            model=model,
            args=chosen,
            train_dataset=given,
            processing_class=_plain_tokenizer(PreTrainedTokenizerFast),
        )
        trainer.remove_callback(PrinterCallback)
        trainer.add_callback(Steps())
        trainer.train()


def _plain_tokenizer(kind: Any) -> Any:
    """TRL wants one, though it has nothing to tokenize."""
    import tokenizers

    backend = tokenizers.Tokenizer(tokenizers.models.WordLevel({"<pad>": 0, "<eos>": 1}))
    return kind(tokenizer_object=backend, pad_token="<pad>", eos_token="<eos>")


# -- parts


def beside_trl(options: argparse.Namespace) -> None:
    """Both train, taking turns."""
    with _quietly(), tempfile.TemporaryDirectory() as folder:
        rows = conversations(_needed(options), options.row)
        settings = _settings(options)
        dataset = prepared(Path(folder) / "dataset", rows)
        ours, theirs = list[Clock](), list[Clock]()
        for turn in range(options.repeats):
            for kind in ("ours", "trl") if turn % 2 == 0 else ("trl", "ours"):
                clock = Clock(options.steps)
                if kind == "ours":
                    train_ours(dataset, settings, clock)
                else:
                    train_trl(rows, settings, clock)
                (ours if kind == "ours" else theirs).append(clock)
    print(
        f"trl: {options.preset}, {options.rows} rows of {options.row} tokens a step, "
        f"{options.steps - WARM_UP} steps, {options.repeats} turns each"
    )
    rates = {}
    for name, clocks in (("wellread", ours), ("TRL", theirs)):
        by_cpu = statistics.median(c.tokens / c.cpu_s for c in clocks)
        by_wall = statistics.median(c.tokens / c.wall_s for c in clocks)
        fill = statistics.median(c.tokens for c in clocks)
        full = (options.steps - WARM_UP) * options.rows * options.row
        rates[name] = (by_cpu, by_wall)
        print(
            f"  {name:9} {by_cpu:9,.0f} tokens per CPU second {by_wall:9,.0f} per second, "
            f"rows {fill / full:.1%} full"
        )
    (cpu, wall), (their_cpu, their_wall) = rates["wellread"], rates["TRL"]
    print(f"  ratio     {cpu / their_cpu:9.2f} by CPU time {wall / their_wall:19.2f} by the clock")


def loading(options: argparse.Namespace) -> None:
    """What it costs to make batches of shards, beside a step with a batch that is there already."""
    spent: list[float] = []

    class Timed:
        def __init__(self, batches: Any) -> None:
            self._batches = batches

        def __len__(self) -> int:
            return len(self._batches)

        def __getitem__(self, index: int) -> Any:
            start = time.process_time()
            made = self._batches[index]
            if index >= WARM_UP:
                spent.append(time.process_time() - start)
            return made

    class Constant(Timed):
        def __getitem__(self, index: int) -> Any:
            return {name: tensor.clone() for name, tensor in self._first.items()}

        def __init__(self, batches: Any) -> None:
            super().__init__(batches)
            self._first = batches[0]

    with _quietly(), tempfile.TemporaryDirectory() as folder:
        rows = conversations(_needed(options), options.row)
        dataset = prepared(Path(folder) / "dataset", rows)
        real, constant = list[float](), list[float]()
        for turn in range(options.repeats):
            kinds = [(real, Timed), (constant, Constant)]
            for times, wrap in kinds if turn % 2 == 0 else reversed(kinds):
                clock = Clock(options.steps)
                train_ours(dataset, _settings(options), clock, wrap)
                times.append(clock.step_s)
    step = statistics.median(real)
    made = statistics.median(spent)
    print(f"loading: {options.preset}, {options.rows} rows of {options.row} tokens a step")
    print(f"  step with real batches      {step * 1e3:9.2f} ms of CPU time")
    print(f"  step with constant batches  {statistics.median(constant) * 1e3:9.2f} ms")
    print(f"  ratio                       {step / statistics.median(constant):9.3f}")
    print(f"  making a batch              {made * 1e3:9.2f} ms, {made / step:.2%} of a step")


def on_gpu(options: argparse.Namespace) -> None:
    """A transformer and a hybrid in bfloat16, beside what a plain matrix product reaches."""
    import torch

    if not torch.cuda.is_available():
        print("gpu: left out, there is none here")
        return
    from wellread.train.isolation import packing_leak
    from wellread.train.models import new_model
    from wellread.train.presets import NewModel

    ceiling = _matmul_ceiling(torch)
    print(
        f"gpu: {torch.cuda.get_device_name()}, {ceiling / 1e12:,.0f} TFLOP/s in bfloat16 products"
    )
    for name, pattern in (("transformer", ""), ("hybrid", ",".join("MMMT" * 4))):
        chosen = NewModel(preset="large", block_pattern=pattern, max_positions=4096)
        model = new_model(chosen, 32_768, 0, [1], 42).to("cuda")
        leak = packing_leak(model)
        flops = _flops_per_token(model, options.gpu_row)
        rate = _train_rate(torch, model, options.gpu_rows, options.gpu_row)
        print(
            f"  {name:12} {sum(p.numel() for p in model.parameters()) / 1e6:6.0f} M parameters "
            f"{rate:12,.0f} tokens/s, {rate * flops / ceiling:.1%} of the ceiling "
            f"(packing leak {leak:.1e})"
        )
        del model
        torch.cuda.empty_cache()


def _matmul_ceiling(torch: Any, size: int = 8192) -> float:
    """Floating-point operations a second of a square product of random numbers."""
    a = torch.randn(size, size, device="cuda", dtype=torch.bfloat16)
    b = torch.randn(size, size, device="cuda", dtype=torch.bfloat16)
    for _ in range(5):
        a @ b
    torch.cuda.synchronize()
    best = 0.0
    for _ in range(5):
        start = time.perf_counter()
        for _ in range(20):
            a @ b
        torch.cuda.synchronize()
        best = max(best, 20 * 2 * size**3 / (time.perf_counter() - start))
    return best


def _flops_per_token(model: Any, row: int) -> float:
    """Six for every weight that multiplies, and attention's own, causal; scans are left out."""
    config = model.config
    embeddings = model.get_input_embeddings().weight.numel()
    tied = model.get_output_embeddings().weight is model.get_input_embeddings().weight
    weights = sum(p.numel() for p in model.parameters()) - (0 if tied else embeddings)
    kinds = list(getattr(config, "layers_block_type", None) or [])
    attending = sum(kind in {"attention", "full_attention"} for kind in kinds)
    layers = attending if kinds else config.num_hidden_layers
    return 6.0 * weights + 6.0 * layers * config.hidden_size * row


def _train_rate(torch: Any, model: Any, rows: int, row: int, steps: int = 20) -> float:
    """Tokens a second of forward, backward and AdamW on full rows."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
    ids = torch.randint(10, 32_000, (rows, row), device="cuda")
    positions = torch.arange(row, device="cuda").expand(rows, row)

    def step() -> None:
        with torch.autocast("cuda", torch.bfloat16):
            loss = model(input_ids=ids, position_ids=positions, labels=ids).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    for _ in range(5):
        step()
    torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(steps):
        step()
    torch.cuda.synchronize()
    return steps * rows * row / (time.perf_counter() - start)


def _settings(options: argparse.Namespace) -> dict[str, Any]:
    from wellread.train.presets import NewModel

    return {
        "model": NewModel(preset=options.preset, max_positions=max(4096, options.row)),
        "device_batch_size": options.rows,
        "max_seq_len": options.row,
        "device": "cpu",
    }


def _needed(options: argparse.Namespace) -> int:
    """Conversations for all steps of a run, so that none is seen twice."""
    return int(options.steps * options.rows * options.row / 250)


@contextmanager
def _quietly() -> Iterator[None]:
    """No bars of the libraries between the figures."""
    import transformers

    transformers.logging.disable_progress_bar()
    transformers.logging.set_verbosity_error()
    if importlib.util.find_spec("datasets"):
        import datasets

        datasets.disable_progress_bars()
    yield


def _with_trl() -> bool:
    """Whether trl is here; where another Python that has it is named, go on in that one."""
    if importlib.util.find_spec("trl"):
        return True
    named = os.environ.get("WELLREAD_PARITY_PYTHON", "")
    if not named:
        return False
    os.environ.update(PYTHONPATH=str(SOURCE), PYTHONWARNINGS="ignore")
    os.execv(named, [named, str(Path(__file__)), *sys.argv[1:]])
    return False


def main() -> int:
    """Run the parts that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--preset", default="small", help="size of the model on the CPU")
    parser.add_argument("--row", type=int, default=512, help="tokens of a row")
    parser.add_argument("--rows", type=int, default=4, help="rows of a step")
    parser.add_argument("--steps", type=int, default=15)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--gpu-row", type=int, default=4096)
    parser.add_argument("--gpu-rows", type=int, default=16)
    options = parser.parse_args()
    if importlib.util.find_spec("torch") is None:
        print("left out: training needs the extra: pip install 'wellread[train]'")
        return 0
    for part in options.parts:
        if part == "trl" and not _with_trl():
            print("trl: left out, there is none here; name a Python: WELLREAD_PARITY_PYTHON=…")
            continue
        PARTS[part](options)
    return 0


PARTS: dict[str, Callable[[argparse.Namespace], None]] = {
    "trl": beside_trl,
    "loading": loading,
    "gpu": on_gpu,
}

if __name__ == "__main__":
    sys.exit(main())
