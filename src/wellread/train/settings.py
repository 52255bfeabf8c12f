"""What a training run is told: one frozen model, read from a file and from flags.

    dataset_dir: data/chat_sft
    model: {preset: micro}          # a new model; or init_from: models/base
    max_iters: 2000
    learning_rate: 0.001

Everything that decides about the weights is compared when a run is taken up again
(`decides`); the rest may change from call to call. Needs no torch, so that a mistake is told before
that is loaded.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from wellread.config import Settings
from wellread.train.presets import NewModel

# What may differ when a run is taken up again: it changes what is told, not the weights.
_FREE = frozenset(
    {
        "output_dir", "model_name", "dataset_dir", "eval_every", "eval_steps", "eval_start",
        "save_every", "keep_checkpoints", "log_every", "sample_every", "samples", "sample_tokens",
        "report_to", "run_name", "device", "workers", "knowledge_base", "retriever_type", "top_k",
        "system",
    }
)  # fmt: skip


class LoraSettings(Settings):
    """An adapter: how large, and on which layers."""

    rank: Annotated[int, Field(ge=1, le=1024)] = 16
    """Columns of the two small matrices; more learn more and cost more."""
    alpha: Annotated[float, Field(gt=0)] = 32.0
    """The adapter's output is multiplied with alpha / rank."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of the adapter's inputs left out in training."""
    targets: Literal["auto"] | tuple[str, ...] = "auto"
    """Ends of the paths of layers; ``auto`` takes the list for the model's family."""


class TrainSettings(Settings):
    """Options of ``wellread train sft``."""

    dataset_dir: Path
    """Folder that ``wellread prepare`` wrote."""
    init_from: str | None = None
    """Model to start from: a folder, or a hub name such as ``org/name``; none = a new one."""
    model: NewModel | None = None
    """What a new model looks like; not with `init_from`. Left out, the preset micro."""
    lora: LoraSettings | None = None
    """Train an adapter over frozen weights; left out, all weights are trained."""
    output_dir: Path | None = None
    """Where the model goes; left out, ``models/<model_name>``."""
    model_name: str | None = None
    """Name of the model below ``models/``."""

    num_epochs: Annotated[float, Field(gt=0, le=100_000)] = 1
    """Times that every conversation is learned from."""
    max_iters: Annotated[int | None, Field(ge=1)] = None
    """Optimizer steps, in place of `num_epochs`."""
    device_batch_size: Annotated[int, Field(ge=1, le=65_536)] = 4
    """Rows that one device holds at once: packed rows, or conversations in buckets."""
    grad_accum_steps: Annotated[int | None, Field(ge=1, le=65_536)] = None
    """Batches of a device for one step; left out, what `target_examples_per_step` needs."""
    target_examples_per_step: Annotated[int, Field(ge=1)] = 32
    """Conversations for one step, on all devices together, about."""
    max_seq_len: Annotated[int | None, Field(ge=8)] = None
    """Tokens of a row, and most of a conversation; left out, 1,024 or what the longest needs."""
    packing: Literal["auto", "packed", "bucketed"] = "auto"
    """``packed``: several conversations in a row; ``bucketed``: one, beside others as long;
    ``auto``: packed where the model is measured to keep neighbours apart."""
    use_loss_mask: bool = True
    """Learn only what the mask marks; false learns every token, as in pretraining."""

    learning_rate: Annotated[float, Field(gt=0, lt=10)] = 3e-4
    """The highest."""
    lr_decay: Literal["linear", "cosine", "constant"] = "linear"
    """How the learning rate falls after the warm-up."""
    min_lr_ratio: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of the learning rate that is left at the last step."""
    warmup: Annotated[float, Field(ge=0)] = 0.03
    """Steps in which the learning rate rises: a share of all below 1, else a number."""
    weight_decay: Annotated[float, Field(ge=0, le=10)] = 0.0
    """Of matrices; vectors, such as norms and biases, have none."""
    adam_beta1: Annotated[float, Field(ge=0, lt=1)] = 0.9
    """Memory of the gradient."""
    adam_beta2: Annotated[float, Field(ge=0, lt=1)] = 0.95
    """Memory of its square."""
    adam_epsilon: Annotated[float, Field(gt=0)] = 1e-8
    """Keeps the division of Adam from zero."""
    grad_clip: Annotated[float, Field(ge=0)] = 1.0
    """Longest gradient; 0 does not clip."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 42
    """Of new weights, of the order of conversations and of dropout."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    """``auto``: the GPU where there is one."""
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    """Numbers to compute with; ``auto``: bfloat16 on a GPU that has it. Trained weights and the
    optimizer are kept in float32."""
    attention: str = "auto"
    """A name that transformers knows, such as ``sdpa``, ``eager``, ``flash_attention_2``."""
    gradient_checkpointing: bool = False
    """Compute activations twice in place of keeping them: a third slower, much less memory."""
    compile: bool = False
    """Compile the model with torch.compile: minutes at the start, quicker steps on a GPU."""
    workers: Annotated[int, Field(ge=0, le=64)] = 0
    """Processes that read batches; 0 reads between steps, which the memory-mapped shards allow."""

    eval_every: Annotated[int | None, Field(ge=0)] = None
    """Steps between evaluations on ``val/``; left out, a tenth of all; 0 only before and after."""
    eval_steps: Annotated[int | None, Field(ge=1)] = None
    """Batches of an evaluation; left out, all of ``val/``."""
    eval_start: bool = True
    """Evaluate before the first step, for a figure to compare with."""
    save_every: Annotated[int | None, Field(ge=0)] = None
    """Steps between checkpoints; left out, a tenth of all; 0 none."""
    keep_checkpoints: Annotated[int, Field(ge=1)] = 2
    """The newest that stay."""
    log_every: Annotated[int, Field(ge=1)] = 10
    """Steps whose figures are brought from the device together."""
    sample_every: Annotated[int, Field(ge=0)] = 0
    """Steps between generations from prompts of ``val/``; 0 only after the last."""
    samples: Annotated[int, Field(ge=0, le=1000)] = 4
    """Prompts of ``val/`` that are answered then; 0 none."""
    sample_tokens: Annotated[int, Field(ge=1)] = 128
    """Most tokens of such an answer."""
    report_to: Literal["none", "tensorboard", "wandb"] = "none"
    """Where figures go beside ``metrics.jsonl``."""
    run_name: str | None = None
    """What the run is called there; left out, the name of the output folder."""

    knowledge_base: str | None = None
    """Knowledge base that the chat with this model opens; noted in ``wellread.json``."""
    retriever_type: str | None = None
    """The retriever, noted likewise."""
    top_k: Annotated[int | None, Field(ge=1)] = None
    """Passages for a question, noted likewise."""
    system: str | None = None
    """System prompt of the chat, noted likewise."""

    @model_validator(mode="after")
    def _agrees(self) -> TrainSettings:
        if self.init_from and self.model:
            raise ValueError("model describes a new model, and init_from names one: leave one out")
        if not (self.output_dir or self.model_name):
            raise ValueError("give output_dir, or model_name for models/<model_name>")
        if self.model_name and Path(self.model_name).name != self.model_name:
            raise ValueError(f"model_name is a name and no path: {self.model_name!r}")
        return self

    @property
    def folder(self) -> Path:
        """Where the model goes."""
        return self.output_dir or Path("models") / str(self.model_name)

    @property
    def new_model(self) -> NewModel:
        """What a new model looks like."""
        return self.model or NewModel()

    def decides(self) -> dict[str, Any]:
        """The options that decide about the weights, as JSON."""
        return self.model_dump(mode="json", exclude=set(_FREE))
