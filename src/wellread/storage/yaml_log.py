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

# Characters that YAML reads back as they are inside a literal block.
_PLAIN = re.compile(r"[\t\n\x20-\x7e\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]*")
_LINE_BREAKS = re.compile("[\u2028\u2029\x85]")


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
    if "\n" not in text or text[0] in " \n\t" or text[-1] == "\n" or _LINE_BREAKS.search(text):
        return False
    return _PLAIN.fullmatch(text) is not None


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
