"""One writer at a time: a lock file beside what is written, held as long as its owner lives."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from wellread.errors import StorageError
from wellread.storage.files import storage_errors

# Lock files this process holds; the system itself lets one process lock a file twice.
_open_paths: set[Path] = set()


@contextlib.contextmanager
def sole_owner(path: Path) -> Iterator[None]:
    """Hold the lock file beside `path`; StorageError names the process that has it already.

    The lock dies with its process, however that ends.
    """
    lock_path = path.with_name(path.name + ".lock")
    real = lock_path.resolve()
    # The system's lock is by process, and closing a second descriptor would drop it.
    if real in _open_paths:
        raise _in_use(path, str(os.getpid()))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(lock_path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise StorageError(
            f"{lock_path}: {error.strerror or error}",
            hint="choose a folder that you may write to (path.output_dir)",
        ) from error
    try:
        if not _lock(descriptor):
            raise _in_use(path, os.read(descriptor, 20).decode("ascii", "replace").strip())
        with storage_errors(lock_path):
            _sign(descriptor, lock_path)
        _open_paths.add(real)
        try:
            yield
        finally:
            _open_paths.discard(real)
    finally:
        os.close(descriptor)


def _sign(descriptor: int, lock_path: Path) -> None:
    """Write who holds the lock; on a full disk nothing of it is left."""
    try:
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
    except OSError:
        lock_path.unlink(missing_ok=True)
        raise


def _in_use(path: Path, owner: str) -> StorageError:
    return StorageError(
        f"{path}: in use by another run (process {owner or 'unknown'})",
        hint="wait for it to end, or choose another output folder",
    )


def _lock(descriptor: int) -> bool:
    """Lock a file for this process, where the system has record locks (not on Windows)."""
    if sys.platform == "win32":
        return True
    import fcntl

    try:
        # Not flock: a child process that outlives us would keep the lock.
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
