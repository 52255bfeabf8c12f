"""The reading process: limits itself, then parses one file for each line it is sent.

Run as ``python -m wellread.ingest.child OPTIONS``. A request is ``{"path": ...}``, a reply is
``{"text" or "pages", "title", "metadata", "problems"}`` or ``{"reason", "detail"}``, one JSON
line each. Standard output belongs to the protocol: whatever a parser prints goes nowhere.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from wellread.errors import DocumentError
from wellread.ingest.formats import check_archive, check_magic


def main(options: Mapping[str, Any]) -> None:
    """Answer requests until standard input closes."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    _limit_memory(int(options["max_memory_mb"]))
    _send(replies, {"ready": True})
    for line in sys.stdin.buffer:
        _limit_processor(float(options["max_seconds_per_file"]))
        _send(replies, read(Path(orjson.loads(line)["path"]), options))


def read(path: Path, options: Mapping[str, Any]) -> dict[str, Any]:
    """The reply for one file."""
    try:
        check_magic(path)
        if path.suffix.lower() == ".pdf":
            from wellread.ingest.pdf import read_pdf

            return read_pdf(path, options)
        from wellread.ingest.office import read_office

        if path.suffix.lower() not in (".html", ".htm"):
            check_archive(path, float(options["max_file_mb"]) * (1 << 20))
        return read_office(path)
    except DocumentError as error:
        return {"reason": error.reason, "detail": error.message}
    except MemoryError:
        return {"reason": "out_of_memory", "detail": f"limit {options['max_memory_mb']} MB"}
    except OSError as error:
        return {"reason": "unreadable", "detail": str(error)}
    except Exception as error:  # noqa: BLE001 a parser may raise anything; the file is the record
        return {"reason": "damaged", "detail": f"{type(error).__name__}: {error}"}


def _send(replies: BinaryIO, reply: Mapping[str, Any]) -> None:
    try:
        line = orjson.dumps(reply)
    except TypeError:  # a lone surrogate
        line = orjson.dumps(_plain(reply))
    replies.write(line + b"\n")
    replies.flush()


def _plain(value: Any) -> Any:
    """`value` with lone surrogates replaced."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, Mapping):
        return {_plain(key): _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def _limit_memory(megabytes: int) -> None:
    try:
        import resource
    except ImportError:  # Windows: the deadline is all there is
        return
    resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _limit_processor(seconds: float) -> None:
    """Allow `seconds` more than what was used up by the files before."""
    try:
        import resource
    except ImportError:
        return
    used = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    # Twice the time: the parser may use two threads; the parent's clock is the tight limit.
    resource.setrlimit(resource.RLIMIT_CPU, (int(used + 2 * seconds) + 2, hard))


if __name__ == "__main__":
    main(orjson.loads(sys.argv[1]))
