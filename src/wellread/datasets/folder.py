"""A dataset's folder that is there whole or not at all."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from wellread.datasets.metadata import METADATA
from wellread.errors import InputError
from wellread.storage.files import storage_errors


@contextlib.contextmanager
def finished_folder(folder: Path, *, replace: bool, keep: bool = True) -> Iterator[Path]:
    """A folder to write to, which takes the place of `folder` when the block ends well.

    Raises InputError where `folder` holds something, unless that is a dataset and `replace`. What
    runs that were killed left beside it is removed. Without `keep` all of it is.
    """
    folder = folder.absolute()
    if keep:
        _refuse_occupied(folder, replace)
    made = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    with storage_errors(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(folder)
        made.mkdir()
    try:
        yield made
        if keep:
            with storage_errors(folder):
                _put_in_place(made, folder)
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _refuse_occupied(folder: Path, replace: bool) -> None:
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    if not (folder / METADATA).is_file():
        what = "a folder that is no dataset" if folder.is_dir() else "a file"
        raise InputError(f"{folder}: {what} is there already", hint="choose another --output-dir")
    if not replace:
        raise InputError(
            f"{folder}: a dataset is there already",
            hint="write over it with --replace, or choose another --output-dir",
        )


def _put_in_place(made: Path, folder: Path) -> None:
    """Rename; what was there stays until the new one is."""
    old = made.with_suffix(".old")
    if folder.is_symlink():
        folder = folder.resolve()
    if folder.exists():
        folder.rename(old)
    made.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def _remove_leftovers(folder: Path) -> None:
    name = re.compile(rf"\.{re.escape(folder.name)}\.(\d+)\.tmp")
    for beside in folder.parent.iterdir():
        found = name.fullmatch(beside.name)
        if found and not _is_running(int(found[1])):
            shutil.rmtree(beside, ignore_errors=True)


def _is_running(process: int) -> bool:
    if process == os.getpid():
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
