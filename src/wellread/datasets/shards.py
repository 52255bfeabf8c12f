"""Token shards: conversations end to end in flat files that any program can map into memory.

    shard_00000.bin         token ids, little-endian uint16, or uint32 for more than 65,536 ids
    shard_00000_mask.bin    uint8, 1 for each token that is learned
    shard_00000_index.npy   int64, where conversation i starts; one more entry for the end

The files have no header. What they hold stands in ``dataset_metadata.json`` in the folder above
that of the split: dtype, and of each shard its name, counts and hashes. A conversation is never
cut, so a shard is smaller than asked for, or holds one conversation that is larger.

`ShardWriter` streams, with one conversation in memory; `Shards` maps and keeps the index only.
"""

from __future__ import annotations

import array
import contextlib
import hashlib
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import numpy as np
import numpy.typing as npt

from wellread.datasets.metadata import METADATA, Shard, read_split
from wellread.errors import InputError
from wellread.storage.files import atomic_write, file_sha256, storage_errors

SHARD_BYTES = 50_000_000
_UINT16_IDS = 65_536
_ITEM_BYTES = {"uint16": 2, "uint32": 4}
_AGAIN = "make the dataset again with: wellread prepare --replace"

Tokens = npt.NDArray[Any]


def dtype_for(vocab_size: int) -> str:
    """The smallest dtype that holds every id below `vocab_size`.

    >>> dtype_for(65_536), dtype_for(65_537)
    ('uint16', 'uint32')
    """
    return "uint16" if vocab_size <= _UINT16_IDS else "uint32"


def shard_files(folder: Path, name: str) -> dict[str, Path]:
    """The three files of a shard, by what they hold."""
    return {
        "tokens": folder / f"{name}.bin",
        "mask": folder / f"{name}_mask.bin",
        "index": folder / f"{name}_index.npy",
    }


class ShardWriter:
    """Writes the shards of one split; a context manager. `shards` describes what is finished.

    `dtype` is that of the ids; an id that it can't hold, or that is not below `vocab_size`, is
    an error and never another id.
    """

    def __init__(self, folder: Path, vocab_size: int, *, shard_size: int = SHARD_BYTES) -> None:
        self.folder = folder
        self.vocab_size = vocab_size
        self.dtype = dtype_for(vocab_size)
        self.shards: list[Shard] = []
        self._shard_tokens = max(1, shard_size // _ITEM_BYTES[self.dtype])
        self._open: _OpenShard | None = None

    def __enter__(self) -> Self:
        with storage_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        return self

    def write(self, ids: Sequence[int], mask: Sequence[int]) -> None:
        """Add one conversation."""
        packed = _packed(ids, self.dtype, self.vocab_size)
        marks = bytes(mask)
        learned = marks.count(1)
        if len(marks) != len(ids) or not marks:
            raise InputError(f"a conversation of {len(ids):,} tokens with {len(marks):,} marks")
        if learned + marks.count(0) != len(marks):
            raise InputError(f"a mask holds {max(marks)}; it is 0 or 1 for each token")
        if self._open and self._open.offsets[-1] + len(marks) > self._shard_tokens:
            self._finish()
        if self._open is None:
            self._open = _OpenShard(self.folder, f"shard_{len(self.shards):05d}")
        self._open.add(packed, marks, learned)

    def _finish(self) -> None:
        if self._open:
            self.shards.append(self._open.finish())
            self._open = None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self._finish()
        elif self._open:
            self._open.give_up(kind, error, trace)


def _packed(ids: Sequence[int], dtype: str, vocab_size: int) -> bytes:
    """The ids as little-endian bytes, each looked at before it is made narrower."""
    try:
        values = np.asarray(ids)
        low, high = (int(values.min()), int(values.max())) if len(values) else (0, 0)
        is_whole = not len(values) or np.issubdtype(values.dtype, np.integer)
    except (OverflowError, TypeError, ValueError) as error:
        raise InputError(f"ids that are no numbers: {error}") from error
    if low < 0 or high >= vocab_size or not is_whole:
        raise InputError(
            f"an id that {dtype} can't hold for a vocabulary of {vocab_size:,} ids, among "
            f"{low} to {high}",
            hint="is this the tokenizer of the model?",
        )
    return values.astype(np.dtype(dtype).newbyteorder("<")).tobytes()


class _OpenShard:
    """The shard that is being written, with its hashes."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self.offsets = array.array("q", [0])
        self._learned = 0
        self._paths = shard_files(folder, name)
        self._hashes = {kind: hashlib.sha256() for kind in self._paths}
        self._stack = contextlib.ExitStack()
        self._files: dict[str, IO[bytes]] = {
            kind: self._stack.enter_context(atomic_write(path))
            for kind, path in self._paths.items()
        }

    def add(self, packed: bytes, marks: bytes, learned: int) -> None:
        self._write("tokens", packed)
        self._write("mask", marks)
        self.offsets.append(self.offsets[-1] + len(marks))
        self._learned += learned

    def _write(self, kind: str, data: bytes) -> None:
        self._hashes[kind].update(data)
        with storage_errors(self._paths[kind]):
            self._files[kind].write(data)

    def finish(self) -> Shard:
        """Write the index, and let the three files appear."""
        index = np.asarray(self.offsets, dtype="<i8")
        with storage_errors(self._paths["index"]):
            np.lib.format.write_array(_Hashed(self._files["index"], self._hashes["index"]), index)
        self._stack.close()
        return Shard(
            name=self.name,
            conversations=len(self.offsets) - 1,
            tokens=self.offsets[-1],
            learned_tokens=self._learned,
            sha256={kind: value.hexdigest() for kind, value in self._hashes.items()},
        )

    def give_up(
        self,
        kind: type[BaseException],
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, trace)


class _Hashed:
    """A file that hashes what is written to it."""

    def __init__(self, file: IO[bytes], hashed: Any) -> None:
        self._file = file
        self._hash = hashed

    def write(self, data: bytes) -> int:
        self._hash.update(data)
        return self._file.write(data)


@dataclass(frozen=True, slots=True)
class _Mapped:
    tokens: Tokens
    mask: npt.NDArray[np.uint8]


class Shards:
    """The conversations of one split, mapped into memory; equal to one long list.

    It can be handed to other processes, which map the files for themselves.
    """

    def __init__(self, folder: Path, dtype: str, shards: Sequence[Shard]) -> None:
        self.folder = folder
        self.dtype = dtype
        self.shards = tuple(shards)
        self._offsets = [_checked_index(folder, shard, dtype) for shard in shards]
        self._starts = [0]
        for offsets in self._offsets:
            self._starts.append(self._starts[-1] + len(offsets) - 1)
        self._maps: dict[int, _Mapped] = {}

    @classmethod
    def open(cls, folder: Path) -> Shards:
        """The split in `folder`, such as ``DATASET/train``.

        Raises InputError naming the file that is missing, foreign, or of another size.
        """
        dtype, shards = read_split(folder)
        return cls(folder, dtype, shards)

    def __reduce__(self) -> tuple[Any, ...]:
        return Shards, (self.folder.absolute(), self.dtype, self.shards)

    def __len__(self) -> int:
        return self._starts[-1]

    @cached_property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Tokens of each conversation."""
        found = [np.diff(offsets) for offsets in self._offsets]
        return np.concatenate([np.empty(0, np.int64), *found])

    @cached_property
    def learned(self) -> npt.NDArray[np.int64]:
        """Learned tokens of each conversation; reads all masks once."""
        found = [
            np.add.reduceat(self._map(at).mask, offsets[:-1], dtype=np.int64)
            for at, offsets in enumerate(self._offsets)
        ]
        return np.concatenate([np.empty(0, np.int64), *found])

    def tokens(self, index: int) -> Tokens:
        """Ids of one conversation, a view into the file."""
        at, place = self._find(index)
        return self._map(at).tokens[place]

    def mask(self, index: int) -> npt.NDArray[np.uint8]:
        """Its mask, 1 for each token that is learned."""
        at, place = self._find(index)
        return self._map(at).mask[place]

    def verify(self) -> None:
        """Read every file and compare its hash; InputError names the first that differs."""
        for shard in self.shards:
            for kind, path in shard_files(self.folder, shard.name).items():
                if file_sha256(path) != shard.sha256.get(kind):
                    raise InputError(f"{path}: its content is not what was written", hint=_AGAIN)

    def _find(self, index: int) -> tuple[int, slice]:
        if not 0 <= index < len(self):
            raise IndexError(f"conversation {index} of {len(self):,}")
        at = bisect_right(self._starts, index) - 1
        offsets, within = self._offsets[at], index - self._starts[at]
        return at, slice(int(offsets[within]), int(offsets[within + 1]))

    def _map(self, at: int) -> _Mapped:
        if at not in self._maps:
            files = shard_files(self.folder, self.shards[at].name)
            kind = np.dtype(self.dtype).newbyteorder("<")
            with storage_errors(files["tokens"]):
                tokens = np.memmap(files["tokens"], dtype=kind, mode="r").view(np.ndarray)
                mask = np.memmap(files["mask"], dtype=np.uint8, mode="r").view(np.ndarray)
            self._maps[at] = _Mapped(tokens, mask)
        return self._maps[at]


def _checked_index(folder: Path, shard: Shard, dtype: str) -> npt.NDArray[np.int64]:
    """The offsets of a shard whose three files agree with each other and with the metadata."""
    files = shard_files(folder, shard.name)
    for path in files.values():
        if not path.is_file():
            raise InputError(f"{path}: no such file; {METADATA} lists it", hint=_AGAIN)
    offsets = _read_index(files["index"])
    count = int(offsets[-1])
    if len(offsets) - 1 != shard.conversations or count != shard.tokens:
        raise InputError(
            f"{files['index']}: {len(offsets) - 1:,} conversations of {count:,} tokens; {METADATA} "
            f"says {shard.conversations:,} of {shard.tokens:,}",
            hint=_AGAIN,
        )
    for path, width in ((files["tokens"], _ITEM_BYTES[dtype]), (files["mask"], 1)):
        size = path.stat().st_size
        if size != count * width:
            raise InputError(
                f"{path}: {size:,} bytes; expected {count * width:,}, {width} for each of "
                f"{count:,} tokens",
                hint=f"the file is cut off or from another dataset; {_AGAIN}",
            )
    return offsets


def _read_index(path: Path) -> npt.NDArray[np.int64]:
    try:
        offsets = np.load(path, allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise InputError(f"{path}: not an index of a shard ({error})", hint=_AGAIN) from error
    if (
        offsets.ndim != 1
        or offsets.dtype != np.int64
        or len(offsets) < 2
        or offsets[0] != 0
        or not (np.diff(offsets) > 0).all()
    ):
        raise InputError(f"{path}: not an index of a shard: int64 offsets that rise from 0")
    return np.ascontiguousarray(offsets, dtype=np.int64)
