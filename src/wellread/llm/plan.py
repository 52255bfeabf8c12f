"""What calls would take before any is made: tokens, money, time. Pure arithmetic.

The requests are real ones, or a sample of them; assumed are the length of replies and the time
that the server takes. Calls that have to be made again are not in it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from wellread.llm.chat import ChatRequest, Usage
from wellread.llm.endpoint import Endpoint
from wellread.llm.usage import Prices, estimate_input

# A served model of some ten billion parameters, one call among many.
TOKENS_PER_SECOND = 40.0
FIRST_TOKEN_S = 1.0


@dataclass(frozen=True, slots=True)
class Estimate:
    """What `calls` calls would take."""

    calls: int
    input_tokens: int
    output_tokens: int
    money: float
    seconds: float

    @property
    def minutes(self) -> float:
        """`seconds` in minutes."""
        return self.seconds / 60.0


def estimate(
    endpoint: Endpoint,
    requests: Iterable[ChatRequest],
    *,
    calls: int,
    reply_tokens: float,
    concurrency: int,
    latency_s: float | None = None,
) -> Estimate:
    """Add up `calls` calls like `requests`, which may be a sample of them.

    `latency_s` is the time of one call; where it is None it follows from `reply_tokens`.
    """
    prompts = [estimate_input(request) for request in requests]
    if not prompts or calls < 1:
        return Estimate(0, 0, 0, 0.0, 0.0)
    usage = Usage(round(calls * sum(prompts) / len(prompts)), round(calls * reply_tokens))
    if latency_s is None:
        latency_s = FIRST_TOKEN_S + reply_tokens / TOKENS_PER_SECOND
    prices = Prices(endpoint.cost_per_million_input, endpoint.cost_per_million_output)
    seconds = max(
        _rounds(calls, concurrency) * latency_s,
        60.0 * calls / endpoint.requests_per_minute if endpoint.requests_per_minute else 0.0,
        60.0 * _total(usage) / endpoint.tokens_per_minute if endpoint.tokens_per_minute else 0.0,
    )
    return Estimate(calls, usage.input_tokens, usage.output_tokens, prices.cost(usage), seconds)


def _rounds(calls: int, concurrency: int) -> float:
    """How many calls each slot makes; the last round is as long as a full one."""
    return max(1.0, calls / concurrency)


def _total(usage: Usage) -> int:
    return usage.input_tokens + usage.output_tokens
