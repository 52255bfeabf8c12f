"""The key of an endpoint, taken out of what its server says: some repeat the one they refuse."""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import quote

import orjson

HIDDEN = "[key]"


def without(key: str | None, body: bytes) -> bytes:
    """`body` without the key, however it is spelled there."""
    for spelling in spellings(key) if key else ():
        if (written := spelling.encode()) in body:
            body = body.replace(written, HIDDEN.encode())
    return body


@lru_cache(maxsize=16)
def spellings(key: str) -> tuple[str, ...]:
    """The key as it is, as JSON writes it, and as an address writes it; the longest first."""
    plain = str(key)
    written = orjson.dumps(plain).decode()[1:-1]
    forms = {plain, written, written.replace("/", "\\/"), quote(plain, safe=""), quote(plain)}
    return tuple(sorted(forms, key=lambda form: (-len(form), form)))
