"""Files that are whole or absent: atomic writes, JSONL, and the manifest that is written last.

A file is written under a temporary name in its own folder, flushed to the disk, and renamed, so
that under its final name there is either the old content or the new, never a part of one. JSON is
read and written by orjson, which refuses NaN, lone surrogates and deep nesting.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Self, TypeVar, cast

import orjson

from wellread import __version__
from wellread.errors import InputError, StorageError

if TYPE_CHECKING:
    from pydantic import TypeAdapter

MANIFEST = "manifest.json"
_TEMPORARY = re.compile(r"\..+\.\d+\.tmp")
MAX_LINE_BYTES = 64_000_000
T = TypeVar("T")


@contextlib.contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn the operating system's refusals below into a StorageError that names `path`."""
    try:
        yield
    except OSError as error:
        hint = ""
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            hint = "make room on that disk, then run the same command again; nothing is paid twice"
        elif error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
            hint = "choose a folder that you may write to (path.output_dir)"
        raise StorageError(f"{path}: {error.strerror or error}", hint=hint) from error


@contextlib.contextmanager
def atomic_write(path: Path) -> Iterator[IO[bytes]]:
    """Open `path` for writing; it appears under its name when the block ends without an error."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with storage_errors(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
            _sync_folder(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


def remove_leftovers(folder: Path) -> None:
    """Delete what `atomic_write` left below `folder` when its process was killed.

    Only for a folder that no other run is writing to.
    """
    with storage_errors(folder):
        for leftover in folder.rglob(".*.tmp"):
            if _TEMPORARY.fullmatch(leftover.name):
                leftover.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Make the rename itself survive a power cut; not every system can open a folder."""
    with contextlib.suppress(PermissionError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write_json(path: Path, value: Any) -> None:
    """Write one value as indented JSON with sorted keys."""
    with atomic_write(path) as file:
        file.write(orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS))
        file.write(b"\n")


def read_json(path: Path) -> Any:
    """Read one JSON value; InputError names the file where it is absent or not JSON."""
    try:
        return orjson.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file") from error
    except (OSError, orjson.JSONDecodeError) as error:
        raise InputError(f"{path}: not readable as JSON ({error})") from error


class JsonlWriter:
    """Writes records line by line; the file appears when the ``with`` block ends well.

    `rows` and `sha256` describe what was written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows = 0
        self._hash = hashlib.sha256()
        self._stack = contextlib.ExitStack()
        self._file: IO[bytes] | None = None

    def __enter__(self) -> Self:
        self._file = self._stack.enter_context(atomic_write(self.path))
        return self

    def write(self, record: Any) -> None:
        """Add one line; dataclasses are written with their field names."""
        if self._file is None:
            raise StorageError(f"{self.path}: not open for writing")
        line = orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)
        self._hash.update(line)
        with storage_errors(self.path):
            self._file.write(line)
        self.rows += 1

    @property
    def sha256(self) -> str:
        """Of the bytes written so far."""
        return self._hash.hexdigest()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, trace)


def write_jsonl(path: Path, records: Iterable[Any]) -> int:
    """Write records as JSONL and return how many there were."""
    with JsonlWriter(path) as writer:
        for record in records:
            writer.write(record)
    return writer.rows


def read_jsonl(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield ``(line number, object)`` in constant memory, blank lines left out.

    Raises InputError as ``file:line`` for a line that is not a JSON object or is larger than
    64 MB.
    """
    for number, line in read_lines(path):
        yield number, json_object(line, f"{path}:{number}")


def read_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield ``(line number, line)`` of a JSONL file in constant memory, blank lines left out."""
    try:
        with path.open("rb") as file:
            number = 0
            while line := file.readline(MAX_LINE_BYTES + 1):
                number += 1
                if len(line) > MAX_LINE_BYTES:
                    raise InputError(f"{path}:{number} the line is over {MAX_LINE_BYTES:,} bytes")
                if line.strip():
                    yield number, line
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error


def json_object(line: bytes, where: str) -> dict[str, Any]:
    """The JSON object of one line; InputError starts with `where`."""
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise InputError(f"{where} not JSON: {error}") from error
    if not isinstance(value, dict):
        raise InputError(f"{where} expected a JSON object, found {type(value).__name__}")
    return value


def read_record(kind: type[T], value: Mapping[str, Any], where: str) -> T:
    """Validate a JSON object as the record `kind`; InputError starts with `where`."""
    from pydantic import ValidationError

    try:
        record: T = _adapter(cast(Any, kind)).validate_python(value)
        return record
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{where} {place}: {first['msg']}, for a {kind.__name__}") from error


@lru_cache(maxsize=32)
def _adapter(kind: type) -> TypeAdapter[Any]:
    """What validates records of `kind`; making one takes longer than a hundred records."""
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


def file_sha256(path: Path) -> str:
    """The hash of a file's bytes, read in pieces."""
    with storage_errors(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fingerprint(value: Any) -> str:
    """A short stable hash of any JSON value or dataclass."""
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]


def write_manifest(
    folder: Path, *, config: Any, inputs: Mapping[str, str], counts: Any, outputs: Iterable[Path]
) -> dict[str, Any]:
    """Write ``manifest.json``: what was made, from what, by which version; nothing about time.

    `inputs` maps a name to the hash of its content. Called after all outputs, so that a folder
    with a manifest is a folder whose run ended.
    """
    manifest = {
        "wellread": __version__,
        "config": fingerprint(config),
        "inputs": dict(inputs),
        "counts": counts,
        "outputs": {
            path.relative_to(folder).as_posix(): {
                "sha256": file_sha256(path),
                "bytes": path.stat().st_size,
            }
            for path in sorted(outputs)
        },
    }
    write_json(folder / MANIFEST, manifest)
    return manifest
