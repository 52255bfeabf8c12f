"""Libraries that not everyone has: a missing one is an error that says how to get it."""

from __future__ import annotations

import importlib
from typing import Any

from wellread.errors import InputError


def load(module: str, extra: str, why: str) -> Any:
    """The module, or InputError that names the extra to install."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        missing = error.name or module
        raise InputError(
            f"{why} needs {missing.partition('.')[0]}, which is not installed",
            hint=f"pip install 'wellread[{extra}]'",
        ) from error
