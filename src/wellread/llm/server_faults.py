"""How the loopback server fails on demand.

Faults follow from (seed, request, how often it came before), so that they are the same in each run
and in any order.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Faults:
    """What goes wrong, as shares of all requests that add up to at most 1.

    `rate_malformed` answers with half a JSON body, `rate_cut` with a whole one whose text is cut
    to two thirds, `rate_drop` closes the connection amid the body, `rate_timeout` never answers,
    `rate_error` tells of an error in an answer of status 200, `rate_unfinished` ends a stream in
    its middle as if nothing were missing (and leaves a whole reply alone).
    `refuse_s` refuses everyone with 429 for so long after the first request. `faulty_attempts`
    is how often the same request may meet a fault before it is let through.
    """

    seed: int = 0
    rate_429: float = 0.0
    retry_after_s: float | None = None
    rate_500: float = 0.0
    rate_503: float = 0.0
    rate_drop: float = 0.0
    rate_timeout: float = 0.0
    rate_malformed: float = 0.0
    rate_cut: float = 0.0
    rate_empty: float = 0.0
    rate_length: float = 0.0
    rate_wrong_type: float = 0.0
    rate_error: float = 0.0
    rate_unfinished: float = 0.0
    refuse_s: float = 0.0
    faulty_attempts: int = 8

    def of(self, body: bytes, attempt: int) -> str:
        """The fault that the request with `body` meets at its `attempt` (from 0), or ""."""
        if attempt >= self.faulty_attempts:
            return ""
        salt = self.seed.to_bytes(8, "big") + attempt.to_bytes(8, "big")
        digest = hashlib.blake2b(body, digest_size=8, key=salt).digest()
        drawn = int.from_bytes(digest, "big") / 2.0**64
        for name in FAULTS:
            drawn -= getattr(self, f"rate_{name}")
            if drawn < 0.0:
                return name
        return ""


FAULTS = (
    "429",
    "500",
    "503",
    "drop",
    "timeout",
    "malformed",
    "cut",
    "empty",
    "length",
    "wrong_type",
    "error",
    "unfinished",
)
