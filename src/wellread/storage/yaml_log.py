"""A YAML list of flat records, written line by line for people to read.

Text of several lines is written as a literal block, so that prompts and replies look as they were;
whatever a literal block cannot hold exactly is written as a JSON string, which is YAML too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import orjson

from wellread.storage.files import atomic_write, storage_errors

# Characters that YAML does not read back as they are, some of them line breaks to it.
_ODD = re.compile(
    "[^\t\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)


class YamlLog:
    """Writes records as YAML; the file appears when the ``with`` block ends well."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows = 0
        self._writing = atomic_write(path)
        self._file: IO[bytes] | None = None

    def __enter__(self) -> Self:
        self._file = self._writing.__enter__()
        return self

    def write(self, record: Mapping[str, Any]) -> None:
        """Add one record."""
        if self._file is not None:
            with storage_errors(self.path):
                self._file.write(yaml_entry(record).encode())
            self.rows += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None and self.rows == 0 and error is None:
            self._file.write(b"[]\n")
        self._writing.__exit__(kind, error, trace)


def yaml_entry(record: Mapping[str, Any]) -> str:
    r"""One list item.

    >>> print(yaml_entry({"id": "a", "said": "one\ntwo"}), end="")
    - "id": "a"
      "said": |-
        one
        two
    """
    lines = [f"{_json(key)}: {_scalar(value)}" for key, value in record.items()]
    return "- " + "\n  ".join(lines) + "\n"


def _scalar(value: Any) -> str:
    if not isinstance(value, str) or not _fits_a_block(value):
        return _json(value)
    return "|-\n" + "\n".join(f"    {line}" if line else "" for line in value.split("\n"))


def _fits_a_block(text: str) -> bool:
    return (
        "\n" in text and text[0] not in " \n\t" and text[-1] != "\n" and _ODD.search(text) is None
    )


def _json(value: Any) -> str:
    """JSON with the characters escaped that YAML would refuse or change."""
    return _ODD.sub(lambda odd: f"\\U{ord(odd[0]):08x}", orjson.dumps(value).decode())
