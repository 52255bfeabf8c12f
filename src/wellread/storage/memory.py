"""Give freed memory back: native libraries leave holes that only the C library can return."""

from __future__ import annotations

import ctypes
import sys
from functools import lru_cache
from typing import Any


def release_memory() -> None:
    """Return what has been freed to the system, where the C library is glibc; else nothing.

    Indexing in batches frees much between them, and without this the process keeps its peak.
    """
    trim = _malloc_trim()
    if trim is not None:
        trim(0)


@lru_cache(maxsize=1)
def _malloc_trim() -> Any:
    if not sys.platform.startswith("linux"):
        return None
    return getattr(ctypes.CDLL(None), "malloc_trim", None)
