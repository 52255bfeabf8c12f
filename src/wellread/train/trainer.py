"""transformers' Trainer with our batches, our loss, and checkpoints that are whole or not there.

What is ours: batches come in the order of the schedule; the loss of a step is the sum over its
learned tokens, on all processes and in all accumulated parts, over their number; which weights
decay; when a checkpoint counts. What is the library's: the loop, mixed precision, processes,
accumulation, clipping, saving and loading of optimizer, schedule and randomness.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import SequentialSampler
from transformers import Trainer, TrainerCallback, TrainingArguments
from transformers.trainer_callback import PrinterCallback

from wellread.dialogue.codec import Codec
from wellread.train.checkpoints import CHECKPOINTS, mark_complete, tidy_checkpoints
from wellread.train.data import Batches, only_item
from wellread.train.loss import TokenLoss
from wellread.train.processes import Processes
from wellread.train.schedule import make_optimizer, make_scheduler, rate_at
from wellread.train.settings import TrainSettings
from wellread.train.stopping import deaf
from wellread.train.weights import load_weights, save_weights

_NO_REENTRANT = {"use_reentrant": False}


class SftTrainer(Trainer):
    """Trains on `Batches`; `step_loss` and `gradient_norm` are those of the step just made."""

    def __init__(
        self,
        model: nn.Module,
        batches: Batches,
        token_loss: TokenLoss,
        settings: TrainSettings,
        processes: Processes,
        codec: Codec,
        *,
        steps: int,
        accumulation: int,
        bfloat16: bool,
    ) -> None:
        arguments = _arguments(settings, processes, steps, accumulation, bfloat16)
        if settings.gradient_checkpointing:
            _checkpoint_activations(model)
        super().__init__(
            model=model, args=arguments, train_dataset=batches, data_collator=only_item
        )
        self.remove_callback(PrinterCallback)
        self.model_accepts_loss_kwargs = True  # the loss is over the whole step already
        self._settings = settings
        self._codec = codec
        self._processes = processes
        self._token_loss = token_loss
        self._step_count = steps
        self.step_loss = torch.zeros((), dtype=torch.float64, device=processes.device)
        self.step_items = torch.zeros((), device=processes.device)
        self.gradient_norm: Tensor | float | None = None

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Any:
        """Share of a batch in the mean loss of its step.

        Processes take the mean of their gradients, hence the factor.
        """
        summed = self._token_loss(model, inputs)
        self.step_loss += summed.detach()
        items = torch.as_tensor(num_items_in_batch, device=summed.device)
        self.step_items = items
        return summed * self._processes.count / items.clamp(min=1)

    def create_optimizer(self, model: nn.Module | None = None) -> torch.optim.Optimizer:
        """AdamW with our groups."""
        if self.optimizer is None:
            self.optimizer: torch.optim.Optimizer = make_optimizer(
                model or self.model, self._settings
            )
        return self.optimizer

    def create_scheduler(
        self, num_training_steps: int, optimizer: torch.optim.Optimizer | None = None
    ) -> Any:
        """Warm-up and decay over all steps of the run."""
        if self.lr_scheduler is None:
            chosen = optimizer or self.optimizer
            base = getattr(chosen, "optimizer", chosen)
            self.lr_scheduler: Any = make_scheduler(base, self._settings, self._step_count)
        return self.lr_scheduler

    def rate_of(self, step: int) -> float:
        """The learning rate that a step was made with, the first being 1."""
        return self._settings.learning_rate * rate_at(step - 1, self._step_count, self._settings)

    def floating_point_ops(self, inputs: Mapping[str, Any]) -> int:
        """Not counted: the library walks through all weights for it, at every batch."""
        return 0

    def get_train_dataloader(self) -> Any:
        """The library's, whose processes leave signals to this one; nothing in them is random."""
        loader = super().get_train_dataloader()
        # What the library returns wraps the loader that starts the processes.
        getattr(loader, "base_dataloader", loader).worker_init_fn = deaf
        return loader

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        return SequentialSampler(train_dataset or self.train_dataset)

    def _get_grad_norm(self, model: nn.Module, grad_norm: Any = None) -> Any:
        self.gradient_norm = super()._get_grad_norm(model, grad_norm=grad_norm)
        return self.gradient_norm

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        """Weights and configuration; no pickle of the arguments, which nothing reads."""
        if self.args.should_save and output_dir:
            folder = Path(output_dir)
            folder.mkdir(parents=True, exist_ok=True)
            save_weights(self.model, folder)
            self.model.config.save_pretrained(folder)
            self._codec.save(folder)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        load_weights(model or self.model, Path(resume_from_checkpoint))

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        super()._save_checkpoint(model, trial)
        self._processes.wait()
        if self._processes.first:
            folder = self._settings.folder
            mark_complete(folder / CHECKPOINTS / f"checkpoint-{self.state.global_step}")
            tidy_checkpoints(folder, self._settings.keep_checkpoints)

    def run(self, callback: TrainerCallback, checkpoint: Path | None) -> None:
        """Train to the end, from `checkpoint` where there is one."""
        self.add_callback(callback)
        self.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)


def _checkpoint_activations(model: Any) -> None:
    """Keep only what flows between layers; the library renamed the method once."""
    if hasattr(model, "activation_checkpointing_enable"):
        model.activation_checkpointing_enable(activation_checkpointing_kwargs=_NO_REENTRANT)
    else:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs=_NO_REENTRANT)


def _arguments(
    settings: TrainSettings,
    processes: Processes,
    steps: int,
    accumulation: int,
    bfloat16: bool,
) -> TrainingArguments:
    cuda = processes.device.type == "cuda"
    arguments = TrainingArguments(
        output_dir=str(settings.folder / CHECKPOINTS),
        max_steps=steps,
        per_device_train_batch_size=1,  # an item is a batch
        gradient_accumulation_steps=accumulation,
        learning_rate=settings.learning_rate,
        max_grad_norm=settings.grad_clip,
        seed=settings.seed,
        bf16=bfloat16,
        use_cpu=not cuda,
        torch_compile=settings.compile,
        ddp_find_unused_parameters=False,
        ddp_backend=processes.backend,
        average_tokens_across_devices=True,
        dataloader_num_workers=settings.workers,
        dataloader_pin_memory=cuda,
        remove_unused_columns=False,
        disable_tqdm=True,
        logging_strategy="no",
        logging_nan_inf_filter=False,  # looks at every loss, and waits for the device to do so
        save_strategy="no",
        eval_strategy="no",
        report_to=[],
    )
    if processes.count == 1:
        arguments._n_gpu = min(1, arguments.n_gpu)  # one process is one GPU: no DataParallel
    return arguments
