"""Supervised fine-tuning: a prepared folder and a model in, a trained model out.

    train_sft(TrainSettings(dataset_dir="data/chat_sft", output_dir="models/expert"))

Steps:
1. open the dataset and claim the output folder, where another run's is refused;
2. make or load the model, and see whether its rows may be packed;
3. plan batches and steps;
4. train, from the last whole checkpoint where there is one;
5. write the model in Hugging Face format, with the tokenizer and the chat format, the card last.

Run again with the same settings, it goes on where it was killed, with the same weights in the end,
or returns the report of a run that ended.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel

from wellread.datasets.shards import Shards
from wellread.engine.progress import Bar, Progress
from wellread.errors import InputError
from wellread.storage.files import read_jsonl, storage_errors
from wellread.storage.ownership import sole_owner
from wellread.train.callbacks import Outputs, Rhythm, Seen, Watcher
from wellread.train.card import model_card, save_whole
from wellread.train.checkpoints import (
    claim_folder,
    clear_folder,
    last_checkpoint,
    read_card,
    step_of,
    tidy_checkpoints,
    write_model,
)
from wellread.train.data import Batches, Layout, Schedule
from wellread.train.evaluate import Evaluator
from wellread.train.loss import TokenLoss
from wellread.train.memory import out_of_memory_told
from wellread.train.metrics import (
    METRICS,
    SAMPLES,
    StepLog,
    is_noted,
    open_tracker,
    read_evaluations,
)
from wellread.train.planning import (
    TrainPlan,
    choose_packing,
    foretell_memory,
    lay_out,
    plan_run,
    positions_of,
)
from wellread.train.prepared import Prepared, lengths_of, open_prepared
from wellread.train.processes import Processes, join_processes
from wellread.train.quiet import quiet
from wellread.train.samples import Sampler, choose_prompts
from wellread.train.settings import TrainSettings
from wellread.train.starting import Tell, starting_model
from wellread.train.stopping import Stop, Stopping, stopped
from wellread.train.trainer import SftTrainer


@dataclass(frozen=True, slots=True)
class TrainReport:
    """What a run came to; losses are means over learned tokens, in nats.

    `val_loss_before` is that of the model it started from; None where nothing was evaluated.
    `seconds` and `tokens_per_s` are of this call alone, evaluations left out.
    """

    folder: Path
    steps: int
    parameters: int
    trained_parameters: int
    packing: str
    train_loss: float
    val_loss_before: float | None
    val_loss: float | None
    val_bits_before: float | None
    val_bits: float | None
    tokens: int
    learned_tokens: int
    seconds: float
    tokens_per_s: float
    resumed_from: int = 0
    already_done: bool = False


@dataclass(frozen=True, slots=True)
class _Ready:
    """A run that can begin."""

    settings: TrainSettings
    dataset: Prepared
    processes: Processes
    model: nn.Module
    layout: Layout
    schedule: Schedule
    plan: TrainPlan
    bfloat16: bool


def plan_sft(settings: TrainSettings, *, tell: Tell | None = None) -> TrainPlan:
    """What `train_sft` would do; nothing is written."""
    processes = join_processes(settings.device)
    with quiet():
        ready = _prepare(settings, open_prepared(settings.dataset_dir), processes, tell)
        with out_of_memory_told(settings, ready.layout.row_tokens, str(processes.device)):
            memory = foretell_memory(
                settings,
                ready.dataset,
                ready.model,
                ready.layout,
                ready.schedule,
                bfloat16=ready.bfloat16,
            )
    return dataclasses.replace(ready.plan, memory=memory)


def train_sft(
    settings: TrainSettings,
    *,
    progress: Progress | None = None,
    tell: Tell | None = None,
    replace: bool = False,
    stop: Stop | None = None,
) -> TrainReport:
    """Train and write the model to ``settings.folder``.

    `tell` hears what a person should know, such as why rows are not packed; `replace` gives up
    the run or model that the folder holds. Under torchrun, all processes call it, and only the
    first tells and writes. Where `stop` asks for it, the run writes a checkpoint and raises
    StoppedError.
    """
    processes = join_processes(settings.device)
    dataset = open_prepared(settings.dataset_dir)
    with quiet(), _owned(settings.folder, processes):
        if processes.first:
            if replace:
                clear_folder(settings.folder)
            claim_folder(settings.folder, _identity(settings, dataset, processes))
        processes.wait()
        if card := read_card(settings.folder):
            return _report(settings.folder, card, already_done=True)
        ready = _prepare(settings, dataset, processes, tell)
        with out_of_memory_told(settings, ready.layout.row_tokens, str(processes.device)):
            return _train(ready, progress or Progress.silent(), stop)


@contextlib.contextmanager
def _owned(folder: Path, processes: Processes) -> Iterator[None]:
    """Keep other runs out of the folder."""
    if not processes.first:
        yield
        return
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with sole_owner(folder / ".wellread"):
        yield


def _identity(settings: TrainSettings, dataset: Prepared, processes: Processes) -> dict[str, Any]:
    return {
        "settings": settings.decides(),
        "dataset": dataset.fingerprint,
        "processes": processes.count,
    }


def _prepare(
    settings: TrainSettings, dataset: Prepared, processes: Processes, tell: Tell | None
) -> _Ready:
    spoken = tell if tell and processes.first else _nothing
    model = starting_model(settings, dataset, processes.device, spoken)
    bfloat16 = _bfloat16(settings, processes)
    packing, reason = choose_packing(model, settings, bfloat16=bfloat16)
    if packing == "bucketed" and settings.packing == "auto":
        spoken(f"Rows are not packed: {reason}.")
    layout = lay_out(settings, dataset, packing, positions_of(model))
    schedule = Schedule(lengths_of(dataset.train), layout)
    plan = plan_run(
        settings,
        dataset,
        model,
        layout,
        schedule,
        reason=reason,
        processes=processes.count,
    )
    return _Ready(settings, dataset, processes, model, layout, schedule, plan, bfloat16)


def _nothing(_words: str) -> None:
    """Tell nobody."""


def _bfloat16(settings: TrainSettings, processes: Processes) -> bool:
    if settings.dtype != "auto":
        return settings.dtype == "bfloat16"
    return processes.device.type == "cuda" and bool(torch.cuda.is_bf16_supported())


def _train(ready: _Ready, progress: Progress, stop: Stop | None) -> TrainReport:
    settings, plan, processes = ready.settings, ready.plan, ready.processes
    checkpoint = last_checkpoint(settings.folder)
    start = step_of(checkpoint) if checkpoint else 0
    seen = _seen(settings.folder, start) if checkpoint else Seen()
    processes.wait()
    if processes.first:
        tidy_checkpoints(settings.folder, settings.keep_checkpoints)
    batches, stopping = _batches(ready), Stopping(stop, processes)
    trainer = SftTrainer(
        ready.model,
        batches,
        token_loss := TokenLoss(ready.model, whole=settings.compile),
        settings,
        processes,
        ready.dataset.codec,
        steps=plan.steps,
        accumulation=plan.accumulation,
        bfloat16=ready.bfloat16,
    )
    with progress.stage("train", total=plan.steps) as bar:
        bar.advance(start)
        with _outputs(ready, start if checkpoint else None, bar) as outputs:
            watcher = Watcher(
                trainer,
                batches,
                _rhythm(settings, plan.steps),
                processes,
                outputs,
                _evaluator(ready, token_loss, stopping),
                _sampler(ready),
                stopping,
                seen,
            )
            trainer.run(watcher, checkpoint)
    if stopping.agreed:
        processes.wait()  # the first has marked the checkpoint as whole
        raise stopped(stopping.agreed, trainer.state.global_step)
    if processes.first:
        _write(ready, trainer, watcher)
    processes.wait()
    card = read_card(settings.folder) or {}
    return _report(settings.folder, card, watcher=watcher, resumed_from=start)


def _batches(ready: _Ready) -> Batches:
    settings, plan = ready.settings, ready.plan
    per_step = plan.accumulation * plan.processes
    learned = round(plan.epochs * ready.schedule.batches_per_epoch)
    return Batches(
        ready.dataset.train,
        ready.schedule,
        ready.layout,
        steps=plan.steps,
        per_step=per_step,
        learned=None if settings.max_iters else learned,
    )


def _rhythm(settings: TrainSettings, steps: int) -> Rhythm:
    tenth = max(1, steps // 10)
    return Rhythm(
        steps=steps,
        log=settings.log_every,
        evaluate=tenth if settings.eval_every is None else settings.eval_every,
        save=tenth if settings.save_every is None else settings.save_every,
        sample=settings.sample_every,
        evaluate_first=settings.eval_start,
    )


def _seen(folder: Path, step: int) -> Seen:
    evaluated = is_noted(folder / METRICS, step, "val_loss")
    return Seen(evaluated, is_noted(folder / SAMPLES, step))


@contextlib.contextmanager
def _outputs(ready: _Ready, start: int | None, bar: Bar) -> Iterator[Outputs]:
    """Files and trackers that hold what was done up to `start`; None is nothing yet."""
    if not ready.processes.first:
        yield Outputs(None, None, None, Bar("train"))
        return
    folder = ready.settings.folder
    keep = -1 if start is None else start
    with contextlib.ExitStack() as stack:
        metrics = stack.enter_context(contextlib.closing(StepLog(folder / METRICS, keep)))
        samples = stack.enter_context(contextlib.closing(StepLog(folder / SAMPLES, keep)))
        tracker = stack.enter_context(
            contextlib.closing(open_tracker(ready.settings, folder, max(0, keep)))
        )
        yield Outputs(metrics, samples, tracker, bar)


def _evaluator(ready: _Ready, loss: TokenLoss, stopping: Stopping) -> Evaluator | None:
    if ready.dataset.val is None:
        return None
    layout = _val_layout(ready.dataset.val, ready.layout, ready.model)
    schedule = Schedule(lengths_of(ready.dataset.val), layout)
    count = min(schedule.batches_per_epoch, ready.settings.eval_steps or 2**62)
    batches = Batches(ready.dataset.val, schedule, layout, steps=count)
    return Evaluator(batches, count, loss, ready.processes, stopping)


def _val_layout(val: Shards, layout: Layout, model: nn.Module) -> Layout:
    """As in training, with rows that hold the longest of ``val/`` too."""
    lengths, positions = lengths_of(val), positions_of(model)
    if positions and lengths.max() > positions:
        raise InputError(
            f"conversation {int(lengths.argmax())} of val/ has {int(lengths.max()):,} tokens, and "
            f"the model takes {positions:,} positions",
            hint=f"prepare the dataset again with --max-seq-len {positions}",
        )
    return dataclasses.replace(layout, row_tokens=max(layout.row_tokens, int(lengths.max())))


def _sampler(ready: _Ready) -> Sampler | None:
    settings, val = ready.settings, ready.dataset.val
    if val is None or not settings.samples or not ready.processes.first:
        return None
    prompts = choose_prompts(val, settings.samples)
    positions = positions_of(ready.model)
    return Sampler(prompts, ready.dataset.codec, most=settings.sample_tokens, positions=positions)


def _write(ready: _Ready, trainer: SftTrainer, watcher: Watcher) -> None:
    folder = ready.settings.folder
    evaluations = list(read_evaluations(folder))
    totals = _totals(folder)
    card = model_card(ready.settings, ready.dataset, ready.plan, evaluations, totals)
    model: PreTrainedModel = trainer.model
    write_model(folder, lambda aside: save_whole(model, ready.dataset.codec, aside), card)


def _totals(folder: Path) -> dict[str, Any]:
    """Sums over all steps of a run, those before it was taken up again too."""
    steps = [record for _, record in read_jsonl(folder / METRICS) if "loss" in record]
    return {
        "train_loss": steps[-1]["loss"],
        "tokens": sum(step["tokens"] for step in steps),
        "learned_tokens": sum(step["learned_tokens"] for step in steps),
    }


def _report(
    folder: Path,
    card: dict[str, Any],
    *,
    watcher: Watcher | None = None,
    resumed_from: int = 0,
    already_done: bool = False,
) -> TrainReport:
    metrics = card["metrics"]
    seconds = watcher.seconds if watcher else 0.0
    return TrainReport(
        folder=folder,
        steps=card["step"],
        parameters=card["parameters"],
        trained_parameters=card["trained_parameters"],
        packing=card["packing"],
        seconds=seconds,
        tokens_per_s=watcher.tokens / max(1e-9, seconds) if watcher else 0.0,
        resumed_from=resumed_from,
        already_done=already_done,
        **metrics,
    )
