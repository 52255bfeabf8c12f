"""RAGTruth as it is published: answers in one file, what they rest on in `source_info.jsonl`.

    response.jsonl       {"id", "source_id", "model", "labels", "split", "quality", "response"}
    source_info.jsonl    {"source_id", "task_type", "source_info", "prompt"}
        QA          source_info = {"question", "passages"}
        Summary     source_info = the text
        Data2txt    source_info = an object

Only the place of each source in its file is held in memory.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import orjson

from wellread.checks.rows import PASSAGES
from wellread.errors import RowError
from wellread.storage.files import storage_errors


class Sources:
    """The sources beside a file of answers; opened only once a row asks for one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: IO[bytes] | None = None
        self._places: dict[str, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()

    def joined(self, value: dict[str, Any], where: str) -> dict[str, Any]:
        """`value` with the question and passages of its source, where it lacks passages itself.

        Raises RowError where the source is not there.
        """
        if "source_id" not in value or "response" not in value or set(PASSAGES) & value.keys():
            return value
        source = self._find(str(value["source_id"]))
        if source is None:
            raise RowError(
                "no_passages",
                f"{where} the answer rests on source {value['source_id']!r}, which is not in "
                f"{self.path}",
                hint="put RAGTruth's source_info.jsonl beside its response.jsonl",
            )
        info = source.get("source_info")
        task = {"task_type": source.get("task_type")}
        if isinstance(info, dict) and "passages" in info:
            return {**task, **value, "question": info.get("question", ""),
                    "passages": info["passages"]}  # fmt: skip
        text = info if isinstance(info, str) else orjson.dumps(info, option=orjson.OPT_INDENT_2)
        return {**task, **value, "context": text if isinstance(text, str) else text.decode()}

    def _find(self, source_id: str) -> dict[str, Any] | None:
        if self._file is None:
            if not self.path.is_file():
                return None
            self._index()
        if self._file is None or source_id not in self._places:
            return None
        self._file.seek(self._places[source_id])
        value: dict[str, Any] = orjson.loads(self._file.readline())
        return value

    def _index(self) -> None:
        with storage_errors(self.path):
            self._file = self.path.open("rb")
        while True:
            place = self._file.tell()
            line = self._file.readline()
            if not line:
                return
            with contextlib.suppress(orjson.JSONDecodeError):
                value = orjson.loads(line)
                if isinstance(value, dict):
                    self._places[str(value.get("source_id"))] = place
