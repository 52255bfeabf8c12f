"""``wellread train``: a model from a prepared dataset."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wellread.cli.kb_parts import with_hyphens
from wellread.cli.output import Json, Quiet, print_json, progress, say, say_now
from wellread.cli.parsing import TrueOrFalse

if TYPE_CHECKING:
    from wellread.pipelines.train_sft import RagTrainSettings
    from wellread.train.planning import TrainPlan
    from wellread.train.settings import TrainSettings
    from wellread.train.sft import TrainReport

_NEEDED = ("torch", "transformers", "accelerate", "peft", "safetensors", "tokenizers")
_MIB, _GIB = 2**20, 2**30

train = typer.Typer(
    help="Train a model.",
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    context_settings={"token_normalize_func": with_hyphens},
)


@train.callback()
def _kinds() -> None:
    """Train a model."""


@train.command(cls=TrueOrFalse)
def sft(
    config: Annotated[
        Path | None, typer.Argument(help="A file of options, YAML or JSON.", show_default=False)
    ] = None,
    config_file: Annotated[
        Path | None, typer.Option("--config-file", "--config", help="The same as CONFIG.")
    ] = None,
    dataset_dir: Annotated[
        Path | None, typer.Option("--dataset-dir", help="Folder of `wellread prepare`.")
    ] = None,
    output_dir: Annotated[
        Path | None, typer.Option("--output-dir", help="Where the model goes.")
    ] = None,
    model_name: Annotated[
        str | None, typer.Option("--model-name", help="In place of that: models/NAME.")
    ] = None,
    init_from: Annotated[
        str | None,
        typer.Option(
            "--init-from",
            "--init-from-model",
            "--source",
            help="Start from this folder, name below models/, or org/name.",
        ),
    ] = None,
    preset: Annotated[
        str | None, typer.Option("--preset", help="New model: nano, micro, small, medium, base …")
    ] = None,
    block_pattern: Annotated[
        str | None, typer.Option("--block-pattern", help='New model: blocks, such as "T,T,M,M".')
    ] = None,
    n_layer: Annotated[int | None, typer.Option("--n-layer", help="New model: blocks.")] = None,
    n_embd: Annotated[int | None, typer.Option("--n-embd", help="New model: width.")] = None,
    n_head: Annotated[int | None, typer.Option("--n-head", help="New model: heads.")] = None,
    max_positions: Annotated[
        int | None, typer.Option("--max-positions", help="New model: longest conversation.")
    ] = None,
    dropout: Annotated[
        float | None, typer.Option("--dropout", help="New model: dropout of attention.")
    ] = None,
    lora: Annotated[
        bool | None, typer.Option("--lora/--no-lora", help="Train an adapter only.")
    ] = None,
    lora_rank: Annotated[int | None, typer.Option("--lora-rank", help="Its size.")] = None,
    num_epochs: Annotated[
        float | None, typer.Option("--num-epochs", help="Times through the data.")
    ] = None,
    max_iters: Annotated[
        int | None,
        typer.Option("--max-iters", "--max-iterations", help="Steps, in place of epochs."),
    ] = None,
    device_batch_size: Annotated[
        int | None, typer.Option("--device-batch-size", "--batch-size", help="Rows at once.")
    ] = None,
    grad_accum_steps: Annotated[
        int | None, typer.Option("--grad-accum-steps", help="Batches for one step.")
    ] = None,
    target_examples_per_step: Annotated[
        int | None,
        typer.Option("--target-examples-per-step", help="Conversations for one step, about."),
    ] = None,
    max_seq_len: Annotated[
        int | None, typer.Option("--max-seq-len", "--block-size", help="Tokens of a row.")
    ] = None,
    packing: Annotated[
        str | None, typer.Option("--packing", help="auto, packed or bucketed.")
    ] = None,
    use_loss_mask: Annotated[
        bool | None,
        typer.Option("--use-loss-mask/--no-use-loss-mask", help="Learn marked tokens only."),
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option("--learning-rate", "--lr", help="The highest.")
    ] = None,
    lr_decay: Annotated[
        str | None, typer.Option("--lr-decay", help="linear, cosine or constant.")
    ] = None,
    min_lr_ratio: Annotated[
        float | None, typer.Option("--min-lr-ratio", help="Share of it left at the end.")
    ] = None,
    warmup: Annotated[
        float | None, typer.Option("--warmup", help="Share of steps below 1, else steps.")
    ] = None,
    weight_decay: Annotated[
        float | None, typer.Option("--weight-decay", help="Of matrices.")
    ] = None,
    grad_clip: Annotated[
        float | None, typer.Option("--grad-clip", help="Longest gradient; 0 does not clip.")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Of weights and order.")] = None,
    device: Annotated[str | None, typer.Option("--device", help="auto, cpu or cuda.")] = None,
    dtype: Annotated[str | None, typer.Option("--dtype", help="auto, float32 or bfloat16.")] = None,
    attention: Annotated[
        str | None, typer.Option("--attention", help="Such as sdpa or flash_attention_2.")
    ] = None,
    gradient_checkpointing: Annotated[
        bool | None,
        typer.Option(
            "--gradient-checkpointing/--no-gradient-checkpointing", help="Less memory, slower."
        ),
    ] = None,
    compile_model: Annotated[
        bool | None, typer.Option("--compile/--no-compile", help="Use torch.compile.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", help="Processes that read batches.")
    ] = None,
    eval_every: Annotated[
        int | None, typer.Option("--eval-every", "--eval-interval", help="Steps between.")
    ] = None,
    eval_steps: Annotated[
        int | None, typer.Option("--eval-steps", "--eval-iters", help="Batches of val/.")
    ] = None,
    save_every: Annotated[
        int | None, typer.Option("--save-every", help="Steps between checkpoints.")
    ] = None,
    keep_checkpoints: Annotated[
        int | None, typer.Option("--keep-checkpoints", help="The newest that stay.")
    ] = None,
    sample_every: Annotated[
        int | None, typer.Option("--sample-every", help="Steps between answers to val/ prompts.")
    ] = None,
    samples: Annotated[int | None, typer.Option("--samples", help="Such prompts.")] = None,
    report_to: Annotated[
        str | None, typer.Option("--report-to", help="none, tensorboard or wandb.")
    ] = None,
    run_name: Annotated[
        str | None, typer.Option("--run-name", "--run", help="Name of the run there.")
    ] = None,
    knowledge_base: Annotated[
        str | None,
        typer.Option(
            "--knowledge-base", help="Make the dataset of it, if none is given; the chat opens it."
        ),
    ] = None,
    retriever_type: Annotated[
        str | None, typer.Option("--retriever-type", help="simple, bm25, dense or hybrid.")
    ] = None,
    top_k: Annotated[int | None, typer.Option("--top-k", help="Passages for a question.")] = None,
    base_tasks: Annotated[
        str | None,
        typer.Option("--base-tasks", help="Files or names, by commas, to attach passages to."),
    ] = None,
    tasks_dir: Annotated[
        Path | None, typer.Option("--tasks-dir", help="Where tasks lie that are given by name.")
    ] = None,
    task_samples: Annotated[
        int | None, typer.Option("--task-samples", help="Most of each base task.")
    ] = None,
    distractor_share: Annotated[
        float | None,
        typer.Option("--distractor-share", help="Answers beside unrelated passages."),
    ] = None,
    no_answer_share: Annotated[
        float | None,
        typer.Option("--no-answer-share", help="Questions that no passage answers."),
    ] = None,
    tokenization: Annotated[
        str | None,
        typer.Option("--tokenization", help="Of a dataset that is made: gpt2, char or bpe."),
    ] = None,
    system: Annotated[
        str | None, typer.Option("--system", help="System prompt, noted for the chat.")
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace/--no-replace", help="Give up the run that lies there.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run/--no-dry-run", help="Say what it would do, write nothing.")
    ] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Fine-tune a model, or train a new one, on a prepared dataset.

    Stopped or killed, run it again: it goes on from its last checkpoint. Every option, also those
    without a flag, can stand in the file; flags go first.

    Example: wellread train sft --dataset-dir data/sft --model-name expert
    """
    named = dict(locals())
    for name in ("config", "config_file", "replace", "dry_run", "as_json", "quiet"):
        named.pop(name)
    named["compile"] = named.pop("compile_model")
    with _one_voice():
        settings = _settings(config or config_file, named)
        if dry_run:
            with tempfile.TemporaryDirectory() as folder:
                _tell_plan(_with_dataset(settings, quiet, Path(folder)), as_json)
            return
        ready = _with_dataset(settings, quiet)
        _train(ready, replace=replace, as_json=as_json, quiet=quiet)


def _is_first() -> bool:
    """Whether this is the process that speaks, of those that torchrun started."""
    return os.environ.get("RANK", "0") == "0"


@contextlib.contextmanager
def _one_voice() -> Iterator[None]:
    """Leave it to the first process to say what went wrong."""
    from wellread.errors import WellreadError

    try:
        yield
    except WellreadError as error:
        if _is_first():
            raise
        raise typer.Exit(error.exit_code) from None


def _with_dataset(
    settings: RagTrainSettings, quiet: bool, folder: Path | None = None
) -> TrainSettings:
    """The settings with a dataset: that of the knowledge base is made in `folder`."""
    from wellread.pipelines.train_sft import training_settings
    from wellread.train.prepared import open_prepared

    quiet = quiet or not _is_first()
    with progress(quiet) as shown:
        ready = training_settings(settings, folder, progress=shown, tell=None if quiet else say)
    open_prepared(ready.dataset_dir)  # what is no dataset is told before torch is loaded
    return ready


def _settings(config: Path | None, named: Mapping[str, Any]) -> RagTrainSettings:
    """The options of the file, and over them those that were given by name."""
    _refuse_missing_libraries()
    from wellread.config import combine_settings
    from wellread.pipelines.train_sft import RagTrainSettings

    given = {name: value for name, value in named.items() if value is not None}
    model = {name: given.pop(name) for name in _NEW_MODEL if name in given}
    wants_adapter = given.pop("lora", None)
    rank = given.pop("lora_rank", None)
    if model:
        given["model"] = model
    if wants_adapter is False:
        given["lora"] = None
    elif wants_adapter or rank is not None:
        given["lora"] = {} if rank is None else {"rank": rank}
    return combine_settings(config, RagTrainSettings, given)


_NEW_MODEL = ("preset", "block_pattern", "n_layer", "n_embd", "n_head", "max_positions", "dropout")


def _refuse_missing_libraries() -> None:
    from wellread.errors import InputError

    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise InputError(
            f"training needs {missing[0]}, which is not installed",
            hint="pip install 'wellread[train]'",
        )


def _train(settings: TrainSettings, *, replace: bool, as_json: bool, quiet: bool) -> None:
    from wellread.train.sft import train_sft
    from wellread.train.stopping import stop_on_signals

    quiet = quiet or not _is_first()
    with progress(quiet) as shown, stop_on_signals(None if quiet else say_now) as stop:
        report = train_sft(
            settings, progress=shown, tell=None if quiet else say, replace=replace, stop=stop
        )
    if not _is_first():
        return
    if as_json:
        print_json(dataclasses.asdict(report))
    if not quiet:
        _tell_report(report)


def _tell_report(report: TrainReport) -> None:
    if report.already_done:
        say("This run has ended before; nothing was trained.")
    elif report.resumed_from:
        say(f"Went on from the checkpoint of step {report.resumed_from:,}.")
    trained = (
        ""
        if report.trained_parameters == report.parameters
        else f", {report.trained_parameters:,} of them trained"
    )
    say(
        f"{report.steps:,} steps, {report.learned_tokens:,} learned tokens of {report.tokens:,}, "
        f"{report.parameters:,} parameters{trained}"
        + (f", {report.tokens_per_s:,.0f} tokens a second" if report.tokens_per_s else "")
    )
    say(f"Training loss of the last step: {report.train_loss:.3f}")
    if report.val_loss is not None:
        before = (
            "" if report.val_bits_before is None else f" (before: {report.val_bits_before:.3f})"
        )
        say(
            f"Validation: {report.val_bits:.3f} bits per learned token{before}, "
            f"loss {report.val_loss:.3f}"
        )
    else:
        say("No validation: the dataset has no val/.")
    say(f"Written to {report.folder}. Talk to it with: wellread chat {report.folder}")


def _tell_plan(settings: TrainSettings, as_json: bool) -> None:
    from wellread.train.sft import plan_sft

    plan = plan_sft(settings, tell=say)
    if as_json:
        print_json(dataclasses.asdict(plan))
        return
    for line in _plan_lines(plan):
        say(line)


def _plan_lines(plan: TrainPlan) -> list[str]:
    lines = [
        f"model       {plan.parameters:,} parameters, {plan.trained_parameters:,} trained",
        f"dataset     {plan.conversations:,} conversations, {plan.tokens:,} tokens",
        f"rows        {plan.rows:,} of at most {plan.row_tokens:,} tokens, {plan.packing}: "
        f"{plan.reason}; {plan.fill:.1%} full",
        f"step        {plan.rows_per_step:,} rows: {plan.batch_rows} on a device x "
        f"{plan.accumulation} accumulated x {plan.processes} processes",
        f"steps       {plan.steps:,}, {plan.epochs:.2f} epochs",
    ]
    if memory := plan.memory:
        lines.append(
            f"memory      about {_size(memory.total)} a device: weights {_size(memory.weights)}, "
            f"gradients and optimizer {_size(memory.training)}, "
            f"activations {_size(memory.activations)}"
        )
    return lines


def _size(count: int) -> str:
    return f"{count / _GIB:.1f} GiB" if count >= _GIB else f"{count / _MIB:.1f} MiB"
