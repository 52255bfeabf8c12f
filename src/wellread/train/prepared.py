"""A folder that ``wellread prepare`` wrote, opened for training."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from wellread.datasets.metadata import read_metadata
from wellread.datasets.shards import Shards
from wellread.dialogue.codec import Codec
from wellread.errors import InputError
from wellread.storage.files import fingerprint


@dataclass(frozen=True, slots=True)
class Prepared:
    """Conversations to learn from and, unless there are none, to evaluate on."""

    folder: Path
    train: Shards
    val: Shards | None
    codec: Codec
    fingerprint: str


def open_prepared(folder: Path) -> Prepared:
    """Open a dataset; InputError where it is none, or holds nothing to learn from."""
    if not folder.is_dir():
        raise InputError(f"{folder}: no such dataset folder", hint=_how(folder))
    metadata = read_metadata(folder)
    train = Shards.open(folder / "train")
    if not len(train):
        raise InputError(f"{folder}/train holds no conversation", hint=_how(folder))
    val = Shards.open(folder / "val") if "val" in metadata.get("shards", {}) else None
    return Prepared(
        folder=folder,
        train=train,
        val=val if val is not None and len(val) else None,
        codec=Codec.open(folder),
        fingerprint=fingerprint(metadata),
    )


def _how(folder: Path) -> str:
    return f"make it with: wellread prepare --input conversations.jsonl --output-dir {folder}"


def lengths_of(shards: Shards) -> npt.NDArray[np.int64]:
    """Tokens of each conversation."""
    return np.asarray(shards.lengths, dtype=np.int64)
