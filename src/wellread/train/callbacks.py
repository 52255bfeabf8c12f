"""What happens beside the steps of a run: figures, evaluation, samples, checkpoints, the bar.

Losses stay on the device until `log_every` steps are together: fetching each would make the
device wait. They are fetched earlier where a checkpoint follows, so that none holds weights after
a loss that is no number.
"""

from __future__ import annotations

import math
import time
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import TrainerCallback

from wellread.engine.progress import Bar
from wellread.errors import TrainingError
from wellread.train.data import Batches
from wellread.train.evaluate import Evaluation, Evaluator
from wellread.train.metrics import StepLog, Tracker
from wellread.train.processes import Processes
from wellread.train.samples import Sampler
from wellread.train.stopping import Stopping, stopped
from wellread.train.trainer import SftTrainer


@dataclass(frozen=True, slots=True)
class Rhythm:
    """After how many steps something happens; 0 is never, save after the last."""

    steps: int
    log: int
    evaluate: int
    save: int
    sample: int
    evaluate_first: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """What was done already at the step that a run goes on from."""

    evaluated: bool = False
    sampled: bool = False


@dataclass(slots=True)
class _Step:
    """One step whose figures are still on the device."""

    number: int
    loss: Tensor
    items: Tensor
    gradient_norm: Tensor | float
    learning_rate: float
    tokens: int


@dataclass(slots=True)
class Outputs:
    """Where figures go; None on processes that do not write."""

    metrics: StepLog | None
    samples: StepLog | None
    tracker: Tracker | None
    bar: Bar


class Watcher(TrainerCallback):
    """Does at each step what is due."""

    def __init__(
        self,
        trainer: SftTrainer,
        batches: Batches,
        rhythm: Rhythm,
        processes: Processes,
        outputs: Outputs,
        evaluator: Evaluator | None,
        sampler: Sampler | None,
        stopping: Stopping,
        seen: Seen,
    ) -> None:
        self._trainer = trainer
        self._batches = batches
        self._rhythm = rhythm
        self._processes = processes
        self._outputs = outputs
        self._evaluator = evaluator
        self._sampler = sampler
        self._stopping = stopping
        self._seen = seen
        self._waiting: list[_Step] = []
        self._clock = time.perf_counter()
        self.tokens = 0
        self.learned = 0
        self.seconds = 0.0
        self.last_loss = math.nan

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Evaluate what the run starts from, or what it stopped before."""
        step = int(state.global_step)
        evaluating, sampling = self._due_at(step)
        self._look(
            step,
            evaluating=evaluating and not self._seen.evaluated,
            sampling=sampling and not self._seen.sampled,
        )
        if number := self._stopping():
            raise stopped(number, step)
        self._clock = time.perf_counter()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Note the step; then whatever is due after it, unless the run stops here."""
        step = int(state.global_step)
        self._note(step)
        saving = self._due(self._rhythm.save, step) and step < self._rhythm.steps
        evaluating, sampling = self._due_at(step)
        stopping = self._stopping()
        if stopping or saving or evaluating or sampling or step % self._rhythm.log == 0:
            self._fetch()
        if not stopping:
            self._look(step, evaluating=evaluating, sampling=sampling)
            stopping = self._stopping() if evaluating or sampling else 0
        control.should_save = saving or stopping > 0
        if stopping:
            control.should_training_stop = True
        self._outputs.bar.advance()
        if saving or evaluating or sampling:
            self._clock = time.perf_counter()  # what was not training is not counted as such

    def _due_at(self, step: int) -> tuple[bool, bool]:
        """Whether to evaluate and to sample at a step, 0 being before the first."""
        rhythm = self._rhythm
        if step == 0:
            return rhythm.evaluate_first, False
        last = step == rhythm.steps
        return self._due(rhythm.evaluate, step) or last, self._due(rhythm.sample, step) or last

    def _look(self, step: int, *, evaluating: bool, sampling: bool) -> None:
        if evaluating and not self._evaluate(step):
            return
        if sampling:
            self._sample(step)

    def _due(self, every: int, step: int) -> bool:
        return every > 0 and step % every == 0

    def _note(self, step: int) -> None:
        trainer = self._trainer
        norm = trainer.gradient_norm
        self._waiting.append(
            _Step(
                number=step,
                loss=trainer.step_loss.clone(),
                items=trainer.step_items,
                gradient_norm=0.0 if norm is None else norm,
                learning_rate=trainer.rate_of(step),
                tokens=self._batches.tokens_of_step(step),
            )
        )
        trainer.step_loss.zero_()

    def _fetch(self) -> None:
        """Bring the figures of waiting steps here, look at them and write them down."""
        steps, self._waiting = self._waiting, []
        if not steps:
            return
        losses = self._processes.total(torch.stack([s.loss for s in steps])).tolist()
        items = torch.stack([s.items.double() for s in steps]).tolist()
        norms = [float(s.gradient_norm) for s in steps]
        seconds = time.perf_counter() - self._clock
        self._clock = time.perf_counter()
        tokens = sum(s.tokens for s in steps)
        self._count(tokens, int(sum(items)), seconds)
        records = []
        for step, loss, count, norm in zip(steps, losses, items, norms, strict=True):
            mean = loss / max(1, count)
            self._refuse_no_number(step.number, mean, norm)
            records.append(
                {
                    "step": step.number,
                    "epoch": round(self._batches.epochs_after(step.number), 4),
                    "loss": mean,
                    "learning_rate": step.learning_rate,
                    "gradient_norm": norm,
                    "learned_tokens": int(count),
                    "tokens": step.tokens,
                    "tokens_per_s": round(tokens / max(1e-9, seconds), 1),
                }
            )
        self._write(records)
        self.last_loss = records[-1]["loss"]
        self._outputs.bar.note = f"loss {self.last_loss:.3f}"

    def _count(self, tokens: int, learned: int, seconds: float) -> None:
        self.tokens += tokens
        self.learned += learned
        self.seconds += seconds

    def _refuse_no_number(self, step: int, loss: float, norm: float) -> None:
        if math.isfinite(loss) and math.isfinite(norm):
            return
        what = "loss" if not math.isfinite(loss) else "gradient"
        numbers = self._batches.conversations_of_step(step)
        shown = ", ".join(map(str, numbers[:12])) + (" …" if len(numbers) > 12 else "")
        raise TrainingError(
            f"step {step}: the {what} is no number any more ({loss if what == 'loss' else norm}); "
            f"the step held conversations {shown} of train/",
            hint="lower --learning-rate, keep --grad-clip 1, or look at these conversations",
        )

    def _evaluate(self, step: int) -> bool:
        """Evaluate to the end; false where the run stops meanwhile."""
        if self._evaluator is None:
            return True
        found: Evaluation | None = self._evaluator(self._trainer.model)
        if found is None:
            return False
        self._write([{"step": step, **{f"val_{k}": v for k, v in asdict(found).items()}}])
        return True

    def _write(self, records: list[dict[str, Any]]) -> None:
        if self._outputs.metrics:
            self._outputs.metrics.write(records)
        if self._outputs.tracker:
            for record in records:
                values = {name: value for name, value in record.items() if name != "step"}
                self._outputs.tracker.log(values, record["step"])

    def _sample(self, step: int) -> None:
        if self._sampler and self._outputs.samples:
            self._outputs.samples.write(self._sampler(self._trainer.model, step))
        self._processes.wait()
