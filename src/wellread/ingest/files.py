"""Walk a folder: which files there are, and why some are not read."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from wellread.errors import InputError
from wellread.ingest.formats import KNOWN
from wellread.ingest.settings import IngestSettings


@dataclass(frozen=True, slots=True)
class File:
    """One file: `id` is its path below the folder; `reason` is set where it is not to be read."""

    path: Path
    id: str
    reason: str = ""
    detail: str = ""


def find_files(folder: Path, settings: IngestSettings, *, skip: Path | None = None) -> list[File]:
    """Every file below `folder` that the patterns allow, sorted by path.

    The folder `skip` is left out: what we write is no document.
    """
    if not folder.is_dir():
        what = "not a folder" if folder.exists() else "no such folder"
        raise InputError(f"{folder}: {what}", hint="name a folder of documents")
    root = folder.resolve()
    skipped = skip.resolve() if skip else None
    found = []
    for here, folders, names in os.walk(folder):
        linked = [name for name in folders if (Path(here) / name).is_symlink()]
        folders[:] = sorted(set(folders) - set(linked))
        if skipped is not None:
            folders[:] = [name for name in folders if (Path(here) / name).resolve() != skipped]
        for name in [*names, *linked]:
            path = Path(here) / name
            file_id = _readable(path.relative_to(folder).as_posix())
            if _is_wanted(file_id, settings):
                found.append(_examined(path, file_id, root, settings))
    return sorted(found, key=lambda file: file.id)


def find_file(path: Path, settings: IngestSettings) -> File:
    """One file that the user named; its id is its name."""
    if not path.is_file():
        what = "not a file" if path.exists() else "no such file or folder"
        raise InputError(f"{path}: {what}", hint="name a folder of documents, or one file")
    return _examined(path, _readable(path.name), path.resolve().parent, settings)


def _readable(path: str) -> str:
    """A name that is not valid UTF-8 still becomes an id that can be written."""
    return path.encode("utf-8", "backslashreplace").decode("utf-8")


def _is_wanted(file_id: str, settings: IngestSettings) -> bool:
    if settings.include and not any(fnmatchcase(file_id, one) for one in settings.include):
        return False
    return not any(fnmatchcase(file_id, one) for one in settings.exclude)


def _examined(path: Path, file_id: str, root: Path, settings: IngestSettings) -> File:
    """The file with the reason not to read it, if there is one."""
    if any(part.startswith(".") for part in file_id.split("/")):
        return File(path, file_id, "hidden", "its name or folder starts with a dot")
    if path.is_symlink() and not path.resolve().is_relative_to(root):
        return File(path, file_id, "link", "a link to outside of the folder")
    try:
        status = path.stat()
    except OSError as error:
        return File(path, file_id, "unreadable", str(error))
    if not stat.S_ISREG(status.st_mode):
        is_link = path.is_symlink()
        return File(path, file_id, "link" if is_link else "unreadable", "not a regular file")
    suffix = path.suffix.lower()
    if suffix not in KNOWN:
        return File(path, file_id, "unsupported_format", f"{suffix or 'no extension'}")
    if not status.st_size:
        return File(path, file_id, "empty_file", "0 bytes")
    limit = settings.max_file_mb * (1 << 20)
    if suffix != ".jsonl" and status.st_size > limit:
        return File(path, file_id, "too_large", f"{status.st_size:,} bytes, at most {limit:,.0f}")
    return File(path, file_id)
