"""``dataset_metadata.json``: what a prepared dataset holds, and how to read its files.

The first twelve keys are those that programs know from elsewhere; the others say what a flat file
cannot: dtype and byte order, which tokenizer and chat format, and each shard with its hashes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from wellread.errors import InputError
from wellread.storage.files import read_json, read_record, write_json

METADATA = "dataset_metadata.json"
FORMAT = "wellread-shards-1"
_HOW = "make a dataset with: wellread prepare --input conversations.jsonl --output-dir DATASET"


@dataclass(frozen=True, slots=True)
class Shard:
    """What one shard holds; `sha256` is by file, by the end of its name."""

    name: str
    conversations: int
    tokens: int
    learned_tokens: int
    sha256: dict[str, str] = field(default_factory=dict)


def read_metadata(folder: Path) -> dict[str, Any]:
    """The metadata of the dataset in `folder`; InputError where there is none of ours."""
    file = folder / METADATA
    if not file.is_file():
        raise InputError(f"{folder}: no {METADATA} there", hint=_HOW)
    value = read_json(file)
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise InputError(
            f'{file}: not the metadata of a dataset of ours (no "format": "{FORMAT}")',
            hint=f"shards of other programs have no index of their conversations; {_HOW}",
        )
    return value


def read_split(folder: Path) -> tuple[str, tuple[Shard, ...]]:
    """The dtype and the shards of a split, such as ``DATASET/train``."""
    value = read_metadata(folder.parent)
    file = folder.parent / METADATA
    splits = value.get("shards")
    listed = splits.get(folder.name) if isinstance(splits, dict) else None
    if not isinstance(listed, list):
        known = ", ".join(splits) if isinstance(splits, dict) else "none"
        raise InputError(f"{file}: no split {folder.name!r}; it has {known}")
    dtype = value.get("dtype")
    if dtype not in {"uint16", "uint32"} or value.get("byte_order") != "little":
        raise InputError(f"{file}: dtype {dtype!r}; it is uint16 or uint32, little-endian")
    where = f"{file} shards.{folder.name}"
    return dtype, tuple(read_record(Shard, shard, where) for shard in listed)


def split_counts(shards: Sequence[Shard]) -> dict[str, Any]:
    """Conversations, tokens and learned tokens of a split, with their share."""
    tokens = sum(shard.tokens for shard in shards)
    learned = sum(shard.learned_tokens for shard in shards)
    return {
        "conversations": sum(shard.conversations for shard in shards),
        "tokens": tokens,
        "learned_tokens": learned,
        "mask_ratio": learned / tokens if tokens else 0.0,
    }


def write_metadata(
    folder: Path, splits: Mapping[str, Sequence[Shard]], dtype: str, described: Mapping[str, Any]
) -> dict[str, Any]:
    """Write what the dataset in `folder` holds; the last file of all.

    `splits` holds the shards of ``train`` and ``val``; `described` what shards don't know.
    """
    train, val = split_counts(splits["train"]), split_counts(splits["val"])
    value = {
        "format": FORMAT,
        "num_conversations": train["conversations"] + val["conversations"],
        "num_train_conversations": train["conversations"],
        "num_val_conversations": val["conversations"],
        "num_train_tokens": train["tokens"],
        "num_val_tokens": val["tokens"],
        "num_train_shards": len(splits["train"]),
        "num_val_shards": len(splits["val"]),
        "train_mask_ratio": train["mask_ratio"],
        "val_mask_ratio": val["mask_ratio"],
        "dtype": dtype,
        "byte_order": "little",
        "shards": {name: [asdict(shard) for shard in shards] for name, shards in splits.items()},
        **described,
    }
    write_json(folder / METADATA, value)
    return value
