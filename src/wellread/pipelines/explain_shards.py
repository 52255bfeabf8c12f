"""Conversations of a prepared dataset, decoded beside their mask."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

from wellread.datasets.metadata import METADATA
from wellread.datasets.shards import Shards
from wellread.dialogue.codec import Codec
from wellread.records import Segment


def split_folder(path: Path) -> Path | None:
    """The split that `path` means: one itself, or that for training of a dataset."""
    if (path / METADATA).is_file():
        return path / "train"
    return path if path.is_dir() and (path.parent / METADATA).is_file() else None


def read_shards(folder: Path) -> Iterator[tuple[int, tuple[Segment, ...]]]:
    """Number from 1, and segments of one label each, of every conversation of a split."""
    shards, codec = Shards.open(folder), Codec.open(folder.parent)
    for index in range(len(shards)):
        yield index + 1, tuple(_segments(shards, codec, index))


def _segments(shards: Shards, codec: Codec, index: int) -> Iterator[Segment]:
    pairs = zip(shards.tokens(index).tolist(), shards.mask(index).tolist(), strict=True)
    for learned, run in itertools.groupby(pairs, key=lambda pair: pair[1]):
        yield Segment(codec.decode([token for token, _ in run]), bool(learned), "")
