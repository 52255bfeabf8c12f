"""The parent's side of the reading process: one request, one reply, or the process is killed.

Parsers of foreign formats crash, hang and eat memory. They run in `wellread.ingest.child`, a
process of its own that is kept alive from file to file, gets no secrets in its environment, and
speaks JSON lines over pipes. Steps of `Worker.read`: start the child if none lives -> write the
request -> wait for the line of reply until the deadline -> kill the child if it fails.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import orjson

from wellread.errors import DocumentError
from wellread.ingest.settings import IngestSettings

_FILES_PER_CHILD = 200
_START_SECONDS = 30.0
_BLOCK = 1 << 18
_KEPT_VARIABLES = (
    "PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "PYTHONPATH", "TESSDATA_PREFIX", "SYSTEMROOT",
)  # fmt: skip


class Worker:
    """A reading process, started at the first file; use it as a context manager."""

    def __init__(self, settings: IngestSettings) -> None:
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self._files = 0

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def read(self, path: Path) -> dict[str, Any]:
        """What the child found in `path`; raises DocumentError with the reason it could not."""
        died = self._process is not None and self._process.poll() is not None
        if died or self._files >= _FILES_PER_CHILD:
            self.stop()
        process = self._process or self._start()
        self._files += 1
        line = self._ask(process, {"path": str(path)}, self._settings.max_seconds_per_file)
        reply = orjson.loads(line)
        if "reason" in reply:
            if reply["reason"] == "out_of_memory":
                self.stop()
            raise DocumentError(reply["reason"], reply["detail"])
        return dict(reply)

    def stop(self) -> None:
        """Kill the child; the next file starts a fresh one."""
        process, self._process, self._files = self._process, None, 0
        if process is None:
            return
        with contextlib.suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe:
                with contextlib.suppress(OSError):
                    pipe.close()

    def _start(self) -> subprocess.Popen[bytes]:
        """A new session, so that the child and what it starts die together."""
        environment = {k: os.environ[k] for k in _KEPT_VARIABLES if k in os.environ}
        environment |= {"OMP_THREAD_LIMIT": "1", "PYTHONUTF8": "1"}
        self._process = process = subprocess.Popen(
            [sys.executable, "-P", "-m", "wellread.ingest.child", self._options()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,
        )
        self._files = 0
        self._ask(process, None, _START_SECONDS)
        return process

    def _options(self) -> str:
        chosen = {"max_seconds_per_file", "max_memory_mb", "max_file_mb", "ocr", "language"}
        return orjson.dumps(self._settings.model_dump(include=chosen)).decode()

    def _ask(
        self, process: subprocess.Popen[bytes], request: dict[str, str] | None, seconds: float
    ) -> bytes:
        """Send `request` and wait for one line; the child is killed when it fails to answer."""
        try:
            if request is not None:
                os.write(_descriptor(process.stdin), orjson.dumps(request) + b"\n")
            return self._line(_descriptor(process.stdout), time.monotonic() + seconds)
        except TimeoutError as error:
            self.stop()
            raise DocumentError("timeout", f"no text after {seconds:g} s") from error
        except (OSError, EOFError) as error:
            process.wait(_START_SECONDS)
            status = process.returncode
            self.stop()
            raise DocumentError(*_death(status, self._settings)) from error

    def _line(self, descriptor: int, deadline: float) -> bytes:
        parts: list[bytes] = []
        size = 0
        while not parts or not parts[-1].endswith(b"\n"):
            wait = deadline - time.monotonic()
            if wait <= 0 or not select.select([descriptor], [], [], wait)[0]:
                raise TimeoutError
            part = os.read(descriptor, _BLOCK)
            if not part:
                raise EOFError
            size += len(part)
            if size > self._settings.max_memory_mb << 20:
                self.stop()
                raise DocumentError("too_large", f"more than {size:,} bytes of text")
            parts.append(part)
        return b"".join(parts)


def _descriptor(pipe: Any) -> int:
    return int(pipe.fileno())


def _death(status: int, settings: IngestSettings) -> tuple[str, str]:
    """Reason and detail for a child that ended by itself."""
    if status == -signal.SIGXCPU:
        return "timeout", f"no text after {settings.max_seconds_per_file:g} s of processor time"
    if status in (-signal.SIGABRT, -signal.SIGKILL):
        return "out_of_memory", f"the parser died, limit {settings.max_memory_mb} MB"
    return "parser_crash", f"the parser ended with status {status}"
