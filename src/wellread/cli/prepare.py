"""``wellread prepare``: conversations to token shards with their loss mask."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wellread.cli.output import Json, Quiet, counts_table, print_json, progress, say, table

if TYPE_CHECKING:
    from wellread.pipelines.prepare import PrepareReport

_SHOWN = 20


def prepare(
    files: Annotated[
        list[Path] | None, typer.Argument(help="More files of conversations.", metavar="[FILE]...")
    ] = None,
    given: Annotated[
        list[Path] | None,
        typer.Option("--input", "-i", help="JSONL of conversations; several may follow."),
    ] = None,
    output_dir: Annotated[
        Path | None, typer.Option("--output-dir", "-o", help="Folder to write.")
    ] = None,
    tokenization: Annotated[
        str | None, typer.Option("--tokenization", help="gpt2, char, bpe or a folder.")
    ] = None,
    chat_format: Annotated[
        str | None,
        typer.Option(
            "--format", help="mypt, chatml, atk, llama3, qwen, template, or a chat_format.json."
        ),
    ] = None,
    val_split: Annotated[
        float | None, typer.Option("--val-split", help="Share for validation.")
    ] = None,
    val_file: Annotated[
        list[Path] | None,
        typer.Option("--val-file", help="JSONL for validation, not a split; several may follow."),
    ] = None,
    max_seq_len: Annotated[
        int | None,
        typer.Option("--max-seq-len", "--max-tokens", help="Longest conversation; 0 is any."),
    ] = None,
    shard_size: Annotated[
        int | None, typer.Option("--shard-size", help="Bytes of tokens in a shard.")
    ] = None,
    vocab_size: Annotated[int | None, typer.Option("--vocab-size", help="Ids of a model.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Draws what is validation.")] = None,
    train_eot: Annotated[
        bool, typer.Option("--train-eot", help="Learn the mark after a conversation.")
    ] = False,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave bad rows out and count them.")
    ] = False,
    jobs: Annotated[
        int, typer.Option("--jobs", "-j", help="Processes; 0 is as many as is useful.", min=0)
    ] = 0,
    replace: Annotated[
        bool, typer.Option("--replace", help="Write over the dataset that lies there.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Do it all and count, but write nothing.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Show rejected rows and a conversation.")
    ] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Turn conversations into token shards with their loss mask, split for training.

    Contexts are shortened where a conversation is too long, answers never. Every option is also
    understood with underscores, such as --output_dir.

    Example: wellread prepare demo-output/rag_examples.jsonl -o data/sft
    """
    from wellread.config import combine_settings
    from wellread.errors import InputError
    from wellread.pipelines.prepare import prepare_dataset
    from wellread.pipelines.prepare_options import PrepareSettings

    inputs = [*(given or ()), *(files or ())]
    if not inputs or output_dir is None:
        raise InputError(
            "the input is not given" if not inputs else "the output folder is not given",
            hint="wellread prepare --input conversations.jsonl --output-dir data/sft",
        )
    options: dict[str, Any] = {
        "input": inputs,
        "output_dir": output_dir,
        "val_file": val_file or None,
        "tokenization": tokenization,
        "format": chat_format,
        "val_split": val_split,
        "max_seq_len": max_seq_len,
        "shard_size": shard_size,
        "vocab_size": vocab_size,
        "seed": seed,
        "train_eot": train_eot,
        "skip_bad": skip_bad,
        "jobs": jobs,
    }
    chosen = {name: value for name, value in options.items() if value is not None}
    settings = combine_settings(None, PrepareSettings, chosen)
    with progress(quiet) as shown:
        report = prepare_dataset(settings, progress=shown, replace=replace, dry_run=dry_run)
    if as_json:
        print_json(dataclasses.asdict(report))
    if not quiet:
        _tell(report, dry_run=dry_run)
    if verbose and not dry_run:
        _tell_more(report.folder)


def _tell(report: PrepareReport, *, dry_run: bool) -> None:
    counts, metadata = report.counts, report.metadata
    counts_table(counts)
    columns = ("split", "conversations", "tokens", "learned", "mask ratio", "shards")
    rows = [
        (
            name,
            counts[name]["conversations"],
            counts[name]["tokens"],
            counts[name]["learned_tokens"],
            f"{counts[name]['mask_ratio']:.1%}",
            len(metadata["shards"][name]),
        )
        for name in ("train", "val")
    ]
    table("What was made", columns, rows)
    read = counts["stages"]["read"]["in"]
    train, val = counts["train"]["conversations"], counts["val"]["conversations"]
    say(f"{read:,} rows = {train:,} train + {val:,} val + {counts['rejected']:,} rejected")
    fit = counts["fit"]
    if fit["conversations_trimmed"]:
        say(
            f"{fit['conversations_trimmed']:,} conversations were too long and lost passages: "
            f"{fit['passages_left_out']:,} left out, {fit['passages_cut']:,} cut at a sentence"
        )
    for notice in report.notices:
        say(notice)
    if dry_run:
        say("Nothing was written (--dry-run).")
        return
    say(f"Written to {report.folder}. See it with: wellread inspect {report.folder}")


def _tell_more(folder: Path) -> None:
    from wellread.cli.inspect import show
    from wellread.cli.output import console
    from wellread.pipelines.explain import read_explained
    from wellread.pipelines.prepare import REJECTED
    from wellread.storage.files import read_jsonl

    for _, row in itertools.islice(read_jsonl(folder / REJECTED), _SHOWN):
        say(f"rejected: {row['reason']}: {row['detail']}")
    show(itertools.islice(read_explained(folder), 1), explain=False, screen=console(stderr=True))
