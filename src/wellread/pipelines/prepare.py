"""From files of conversations to a folder of token shards with their loss mask.

    input.jsonl ──1 survey──> groups ──2 split──> sides ─┐
         └──────3 tokenizer───4 encode, fit──────────────┴──> train/ val/ + what reads them

The input is read twice, or three times where a tokenizer is made from it; memory holds one batch,
and well under a kilobyte for each row. The folder appears whole when the last file is written: it
is made beside its place and then renamed. The same input, options and seed give the same bytes,
whatever the number of processes.

    train/ val/             shards: tokens, mask, index
    tokenizer.json, tokenizer_config.json, chat_format.json, tokenizer_state.json
    rejected.jsonl          rows left out, each with its reason
    dataset_metadata.json   what all of it is; written last
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wellread.datasets.encode import Made, Refused, RowEncoder
from wellread.datasets.folder import finished_folder
from wellread.datasets.metadata import split_counts, write_metadata
from wellread.datasets.parallel import encoded_lines
from wellread.datasets.shards import ShardWriter
from wellread.datasets.split import TRAIN, VAL, Groups, Split
from wellread.datasets.tokenizer_state import tokenizer_state
from wellread.dialogue.codec import Codec
from wellread.engine.progress import Progress
from wellread.errors import NothingMadeError, RowError
from wellread.pipelines.ledger import Ledger
from wellread.pipelines.prepare_options import (
    PrepareSettings,
    codec_for,
    format_name,
    lines_of,
    row_of,
    stopping,
)
from wellread.records import Rejection
from wellread.storage.files import (
    JsonlWriter,
    file_sha256,
    fingerprint,
    write_json,
)

REJECTED = "rejected.jsonl"
TOKENIZER_STATE = "tokenizer_state.json"
_LOW_MASK_RATIO = 0.1
_PARALLEL_FROM_BYTES = 20_000_000


@dataclass(frozen=True, slots=True)
class PrepareReport:
    """What was made: `metadata` as written, the `counts` of every stage, and `notices`."""

    folder: Path
    metadata: dict[str, Any]
    counts: dict[str, Any]
    notices: tuple[str, ...] = ()


def prepare_dataset(
    settings: PrepareSettings,
    *,
    progress: Progress | None = None,
    replace: bool = False,
    dry_run: bool = False,
) -> PrepareReport:
    """Prepare the conversations of `settings.input` for training.

    Raises RowError for the first bad row, unless they are skipped, and InputError for a folder
    that is there already, unless it is a dataset and `replace`. With `dry_run` all is done but
    nothing stays.
    """
    progress = progress or Progress.silent()
    with finished_folder(settings.output_dir, replace=replace, keep=not dry_run) as folder:
        with progress.stage("read") as bar:
            survey = _survey(settings, bar.advance)
        codec = codec_for(settings)
        with progress.stage("encode", survey.rows) as bar:
            report = _written(settings, survey, codec, folder, bar.advance)
    return report


@dataclass(frozen=True, slots=True)
class _Survey:
    """Sides of all rows, and what is known of them before any is encoded."""

    split: Split
    rows: int
    shared: int
    inputs: tuple[dict[str, Any], ...]


def _survey(settings: PrepareSettings, advance: Callable[[], None]) -> _Survey:
    """Read everything once: every row is well-formed or skipped, and has its side."""
    with Groups() as groups:
        given, rows = bytearray(), 0
        splits = settings.val_split > 0 and not settings.val_file
        files = [(path, TRAIN) for path in settings.input]
        files += [(path, VAL) for path in settings.val_file]
        for path, side in files:
            for line in lines_of(path):
                row = row_of(line, skip_bad=settings.skip_bad)
                if row and (splits or settings.val_file):
                    groups.add(row)
                if row:
                    given.append(side)
                rows += 1
                advance()
        if not given:
            names = ", ".join(str(path) for path in settings.input)
            raise NothingMadeError(
                f"{names}: no conversation among {rows:,} rows",
                hint="leave out --skip-bad to see what is wrong with the first" if rows else "",
            )
        split = groups.divided(settings.val_split, settings.seed) if splits else _as_given(given)
        shared = 0 if splits or not settings.val_file else groups.shared(split.sides)
    return _Survey(split, rows, shared, tuple(_described(path) for path, _ in files))


def _as_given(sides: bytearray) -> Split:
    return Split(bytes(sides), "document", 0, 0.0)


def _described(path: Path) -> dict[str, Any]:
    return {"name": path.name, "sha256": file_sha256(path), "bytes": path.stat().st_size}


class _Writing:
    """Both splits, and the account of every row."""

    def __init__(self, settings: PrepareSettings, survey: _Survey, ledger: Ledger) -> None:
        self.trimmed = self.left_out = self.cut = 0
        self._skip_bad = settings.skip_bad
        self._sides = survey.split.sides
        self._next = 0
        self._ledger = ledger

    def add(self, outcome: Made | Refused, writers: tuple[ShardWriter, ShardWriter]) -> None:
        """Write one conversation to its side, or down why not."""
        if isinstance(outcome, Refused) and outcome.rejection.stage == "read":
            self._refuse(outcome)  # it was counted without a side
            return
        self._ledger.keep("read")
        side = self._sides[self._next]
        self._next += 1
        if isinstance(outcome, Refused):
            self._refuse(outcome)
            return
        self._ledger.keep("fit")
        self.trimmed += bool(outcome.left_out or outcome.is_cut)
        self.left_out += outcome.left_out
        self.cut += outcome.is_cut
        writers[side].write(outcome.ids, outcome.mask)

    def _refuse(self, refused: Refused) -> None:
        rejection = refused.rejection
        if refused.is_bad and not self._skip_bad:
            raise stopping(RowError(rejection.reason, rejection.detail, hint=refused.hint))
        stage = "read" if rejection.stage == "read" else "fit"
        self._ledger.drop(Rejection(stage, rejection.id, rejection.reason, rejection.detail))


def _written(
    settings: PrepareSettings,
    survey: _Survey,
    codec: Codec,
    folder: Path,
    advance: Callable[[], None],
) -> PrepareReport:
    size = codec.tokenizer.vocab_size
    files = (*settings.input, *settings.val_file)
    lines = (line for path in files for line in lines_of(path))
    encoder = RowEncoder(codec, settings.max_seq_len)
    with contextlib.ExitStack() as stack:
        rejected = stack.enter_context(JsonlWriter(folder / REJECTED))
        ledger = Ledger(rejected)
        writing = _Writing(settings, survey, ledger)
        train, val = (
            stack.enter_context(ShardWriter(folder / name, size, shard_size=settings.shard_size))
            for name in ("train", "val")
        )
        for outcomes in encoded_lines(lines, encoder, _jobs(settings, files)):
            for outcome in outcomes:
                writing.add(outcome, (train, val))
                advance()
    if not train.shards:
        reasons = ledger.as_json()["stages"]
        raise NothingMadeError(
            f"no conversation for training is left; {_why(reasons)}",
            hint="give --max-seq-len more tokens" if "too_long" in str(reasons) else "",
        )
    codec.save(folder)
    write_json(folder / TOKENIZER_STATE, tokenizer_state(codec))
    counts = _counts(ledger, writing, survey, train, val)
    notices = _notices(settings, survey, codec, counts)
    described = _description(settings, survey, codec, counts)
    metadata = write_metadata(
        folder, {"train": train.shards, "val": val.shards}, train.dtype, described
    )
    return PrepareReport(settings.output_dir, metadata, counts, tuple(notices))


def _jobs(settings: PrepareSettings, files: Iterable[Path]) -> int:
    if settings.jobs:
        return settings.jobs
    size = sum(path.stat().st_size for path in files)
    return (os.cpu_count() or 1) if size >= _PARALLEL_FROM_BYTES else 1


def _why(stages: dict[str, Any]) -> str:
    dropped = {r: n for account in stages.values() for r, n in account["dropped"].items()}
    return ", ".join(f"{n:,} {reason}" for reason, n in dropped.items()) or "all are in val/"


def _counts(
    ledger: Ledger, writing: _Writing, survey: _Survey, train: ShardWriter, val: ShardWriter
) -> dict[str, Any]:
    return {
        **ledger.as_json(),
        "train": split_counts(train.shards),
        "val": split_counts(val.shards),
        "rejected": sum(a.dropped.total() for a in ledger.accounts.values()),
        "fit": {
            "conversations_trimmed": writing.trimmed,
            "passages_left_out": writing.left_out,
            "passages_cut": writing.cut,
        },
        "split": {
            "by": "val_file" if not survey.split.groups else survey.split.level,
            "groups": survey.split.groups,
            "largest_group": round(survey.split.largest, 4),
            "val_shared_with_train": survey.shared,
        },
    }


def _notices(
    settings: PrepareSettings, survey: _Survey, codec: Codec, counts: dict[str, Any]
) -> list[str]:
    notes = list(survey.split.notes) if survey.split.groups else []
    notes += getattr(codec.form, "notices", ())
    ratio = counts["train"]["mask_ratio"]
    if ratio < _LOW_MASK_RATIO:
        notes.append(
            f"Mask ratio is low ({ratio:.1%}): answers are very short, or contexts very long. "
            "This is fine, but training will be slower."
        )
    if settings.val_split and not settings.val_file and not counts["val"]["conversations"]:
        notes.append("No conversation is left for validation; there are too few, or too alike.")
    if survey.shared:
        notes.append(
            f"{survey.shared:,} conversations for validation share a document, or nearly a text, "
            "with some for training."
        )
    return notes


def _description(
    settings: PrepareSettings, survey: _Survey, codec: Codec, counts: dict[str, Any]
) -> dict[str, Any]:
    form, tokenizer = codec.form, codec.tokenizer
    return {
        "tokenization": tokenizer.name,
        "vocab_size": tokenizer.vocab_size,
        "tokenizer_fingerprint": tokenizer.fingerprint,
        "chat_format": format_name(settings),
        "chat_format_fingerprint": fingerprint(form.model_dump(mode="json")),
        "special_tokens_used": list(form.special_tokens),
        "val_split": settings.val_split,
        "shard_size": settings.shard_size,
        "max_seq_len": settings.max_seq_len,
        "seed": settings.seed,
        "train_eot": settings.train_eot,
        "inputs": list(survey.inputs),
        "counts": counts,
    }
