"""Tokens, money and the budget.

    Prices           money for a million tokens
    UsageMeter       what one model's replies took: all that this run uses, and what was new
    TokenReport      the five fields of ``large_model_tokens.json``
    Budget, Spending the limits of a run, and what it has used of them

A reply from the journal counts as it did when it was paid for, so that a run that was killed and
run again reports the same totals as one that was not, and stops at the same budget.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TypedDict

from wellread.errors import BudgetError, ReplyError
from wellread.llm.chat import ChatRequest, Usage

_MILLION = 1_000_000
_BYTES_A_TOKEN = 4
_TOKENS_A_MESSAGE = 8


class UnusableReplyError(ReplyError):
    """A ReplyError with the tokens that the unusable replies took; they were paid for."""

    def __init__(self, message: str, *, reason: str, usage: Usage, hint: str = "") -> None:
        super().__init__(message, reason=reason, hint=hint)
        self.usage = usage


class TokenReport(TypedDict):
    """What ``small_model_tokens.json`` and ``large_model_tokens.json`` hold."""

    input_tokens: int
    input_cost: float
    output_tokens: int
    output_cost: float
    name: str


@dataclass(frozen=True, slots=True)
class Prices:
    """Money for a million tokens, in whatever currency the user thinks in."""

    per_million_input: float = 0.0
    per_million_output: float = 0.0

    def cost(self, usage: Usage) -> float:
        """The price of `usage`."""
        return (
            usage.input_tokens * self.per_million_input
            + usage.output_tokens * self.per_million_output
        ) / _MILLION


@dataclass(slots=True)
class UsageMeter:
    """Counts the calls and tokens of one model.

    `used` is what all replies of this run took, from the journal or new; `paid` is the part that
    was new. `estimated` calls came without a count from the server and were estimated.
    """

    name: str
    prices: Prices = field(default_factory=Prices)
    calls: int = 0
    used: Usage = field(default_factory=Usage)
    new_calls: int = 0
    paid: Usage = field(default_factory=Usage)
    estimated: int = 0

    def count(self, usage: Usage, *, new: bool, estimated: bool = False) -> None:
        """Add one call."""
        self.calls += 1
        self.used += usage
        self.estimated += estimated
        if new:
            self.new_calls += 1
            self.paid += usage

    def report(self) -> TokenReport:
        """Totals of all replies used, in the seed's five fields."""
        return TokenReport(
            input_tokens=self.used.input_tokens,
            input_cost=self.prices.cost(Usage(self.used.input_tokens, 0)),
            output_tokens=self.used.output_tokens,
            output_cost=self.prices.cost(Usage(0, self.used.output_tokens)),
            name=self.name,
        )


@dataclass(frozen=True, slots=True)
class Budget:
    """The limits of a run; None = none. Tokens are input and output together."""

    max_calls: int | None = None
    max_tokens: int | None = None
    max_money: float | None = None


@dataclass(frozen=True, slots=True)
class Amount:
    """Calls, tokens and money of one or more calls."""

    calls: int = 0
    tokens: int = 0
    money: float = 0.0

    @classmethod
    def of(cls, usage: Usage, prices: Prices) -> Amount:
        """One call that took `usage`."""
        return cls(1, usage.input_tokens + usage.output_tokens, prices.cost(usage))

    def __add__(self, other: Amount) -> Amount:
        return Amount(
            self.calls + other.calls, self.tokens + other.tokens, self.money + other.money
        )

    def __sub__(self, other: Amount) -> Amount:
        return Amount(
            self.calls - other.calls, self.tokens - other.tokens, self.money - other.money
        )


class Spending:
    """What a run has used of its budget, shared by all its models.

    A call reserves the most it may take before it is made, and settles afterwards. Near the limit
    calls wait for those in flight, so that the budget is used as far as it goes and not beyond.
    """

    def __init__(self, budget: Budget | None = None) -> None:
        self.budget = budget or Budget()
        self.spent = Amount()
        self._reserved = Amount()
        self.limited = self.budget != Budget()
        self._settled = asyncio.Event()

    async def reserve(self, most: Amount) -> None:
        """Set `most` aside for one call, or raise BudgetError where it may not be made."""
        while self.limited and (limit := self._exceeded(self.spent + self._reserved + most)):
            if not self._reserved.calls or self._exceeded(self.spent + most):
                raise BudgetError(
                    f"the budget is used up: {limit} (used: {self._summary()})",
                    hint="what was paid for is kept; raise the limit and run the same command",
                )
            self._settled.clear()
            await self._settled.wait()
        self._reserved += most

    def settle(self, reserved: Amount, spent: Amount) -> None:
        """Replace a reservation by what the call took."""
        self._reserved -= reserved
        self.spent += spent
        self._settled.set()

    def add(self, spent: Amount) -> None:
        """Count a call that was paid for in an earlier run."""
        self.spent += spent

    def _exceeded(self, total: Amount) -> str:
        budget = self.budget
        if budget.max_calls is not None and total.calls > budget.max_calls:
            return f"budget.max_calls = {budget.max_calls:,}"
        if budget.max_tokens is not None and total.tokens > budget.max_tokens:
            return f"budget.max_tokens = {budget.max_tokens:,}"
        if budget.max_money is not None and total.money > budget.max_money * (1 + 1e-9):
            return f"budget.max_money = {budget.max_money:g}"
        return ""

    def _summary(self) -> str:
        spent = self.spent
        return f"{spent.calls:,} calls, {spent.tokens:,} tokens, {spent.money:.4f} money"


def estimate_tokens(text: str) -> int:
    """Tokens of `text`, about: a token for each four bytes of UTF-8.

    >>> estimate_tokens("How long is the warranty?")
    7
    """
    return -(-len(text.encode("utf-8", "replace")) // _BYTES_A_TOKEN)


def estimate_input(request: ChatRequest) -> int:
    """Tokens of a request, about, with what a chat template adds."""
    return sum(estimate_tokens(message.content) + _TOKENS_A_MESSAGE for message in request.messages)


def most_usage(request: ChatRequest) -> Usage:
    """The most one reply to `request` may take."""
    return Usage(estimate_input(request), request.sampling.max_tokens)
