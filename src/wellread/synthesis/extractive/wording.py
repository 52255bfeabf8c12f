"""Choosing among equal wordings by a hash of ids, so that the same input reads the same."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence


def pick(options: Sequence[str], *key: object) -> str:
    """One of `options`, fixed by `key` and evenly spread over keys."""
    text = "\x1f".join(str(part) for part in key).encode("utf-8", "surrogatepass")
    digest = hashlib.blake2b(text, digest_size=8).digest()
    return options[int.from_bytes(digest, "big") % len(options)]
