"""Adding whole lines to a file that several processes write to.

Each record is one write at the end of the file, under a lock of the file where the system has such
locks: lines of different writers never mix, and a reader sees a line whole or not at all. A line
that a crash or a full disk left unfinished is closed before the next begins.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import orjson

from wellread.errors import InputError, StorageError
from wellread.storage.files import storage_errors


def append_jsonl(path: Path, record: Any) -> None:
    """Add one record as a line; folders are made. StorageError where it could not be written."""
    try:
        line = orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError as error:
        raise InputError(f"{path}: cannot be written as JSON ({error})") from error
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            _lock(descriptor)
            _append(descriptor, line, path)
        finally:
            os.close(descriptor)


def _append(descriptor: int, line: bytes, path: Path) -> None:
    end = os.fstat(descriptor).st_size
    if end and os.pread(descriptor, 1, end - 1) != b"\n":
        line = b"\n" + line
    try:
        written = os.write(descriptor, line)
    except OSError:
        os.ftruncate(descriptor, end)
        raise
    if written < len(line):
        os.ftruncate(descriptor, end)
        raise StorageError(f"{path}: the disk took {written:,} of {len(line):,} bytes")


def _lock(descriptor: int) -> None:
    """Wait for the lock of this open file; it goes when the file is closed."""
    if sys.platform != "win32":
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX)
