"""Are the files of a tantivy index what was once written? Each ends with a checksum of itself.

    body | {"version": …, "crc": 154559768} | length of the JSON (4 bytes) | 1337 (4 bytes)

Files that change (`meta.json`, `position.json`, the locks) have none; a damaged one of these keeps
the index from being opened, and it is built again.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

from wellread.storage.files import storage_errors

_END = struct.Struct("<II")
_MAGIC = 1337
_LONGEST_FOOTER = 10_000
_READ_BYTES = 1 << 20


def damaged_files(folder: Path) -> Iterator[tuple[Path, str]]:
    """``(file, what is wrong with it)`` for every index file that is not as it was written."""
    with storage_errors(folder):
        files = sorted(path for path in folder.iterdir() if path.is_file())
    for path in files:
        if path.suffix not in {"", ".json", ".lock", ".tmp"} and not path.name.startswith("."):
            # Others may be writing: what is no longer needed goes at any time.
            try:
                fault = _fault(path)
            except FileNotFoundError:
                continue
            except OSError as error:
                fault = f"cannot be read: {error.strerror or error}"
            if fault:
                yield path, fault


def _fault(path: Path) -> str:
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(size - _END.size, 0))
        end = file.read()
        length, magic = _END.unpack(end) if len(end) == _END.size else (0, 0)
        body = size - _END.size - length
        if magic != _MAGIC or length > _LONGEST_FOOTER or body < 0:
            return "is cut short or damaged: it has no checksum"
        file.seek(body)
        try:
            expected = int(json.loads(file.read(length))["crc"])
        except (ValueError, KeyError, TypeError):
            return "is damaged: its checksum cannot be read"
        file.seek(0)
        checksum = 0
        for start in range(0, body, _READ_BYTES):
            checksum = zlib.crc32(file.read(min(_READ_BYTES, body - start)), checksum)
    return "" if checksum == expected else "is damaged: its checksum is another"
