"""A model whose replies are kept: what was paid for once is never paid for again.

    request -> key -> in the journal?  yes: that reply
                                       no:  budget -> call -> journal (committed) -> reply

Two equal requests at the same time make one call. A failure that would come again, such as a
reply that stays cut off or a prompt that the server refuses, is kept as well: a finished run that
is run again makes no call at all. Troubles that pass (a server that is down) are not kept.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from wellread.errors import EndpointError, ModelError, ReplyError
from wellread.llm.chat import ChatModel, ChatReply, ChatRequest, Usage
from wellread.llm.client import EndpointClient
from wellread.llm.endpoint import Endpoint
from wellread.llm.usage import (
    Amount,
    Prices,
    Spending,
    UnusableReplyError,
    UsageMeter,
    most_usage,
)
from wellread.llm.wire import encode
from wellread.storage.journal import Entry, Journal

# Reasons that hold however often the same request is made.
_LASTING = frozenset(
    {"bad_request", "content_filter", "context_too_long", "empty", "refused", "truncated"}
)
# How such a failure begins in the journal, where the keys of a value are sorted.
_FAILURE = b'{"failure"'
Keep = Callable[[ChatReply | ModelError], Awaitable[None]]


def call_key(request: bytes) -> str:
    """The journal's key of a call: the hash of its canonical JSON."""
    return hashlib.sha256(request).hexdigest()


def canonical_request(
    model: str, request: ChatRequest, variant: Mapping[str, Any] | None = None
) -> bytes:
    """All that shapes a reply, as JSON with sorted keys, and nothing else.

    Address, key, prices, limits and retries are not in it: the same model elsewhere gives the
    reply that was paid for. `variant` are further fields of the request, such as the endpoint's
    extra_body.
    """
    sampling = request.sampling
    parts: dict[str, Any] = {
        "model": model,
        "messages": [[message.role, message.content] for message in request.messages],
        "sampling": [
            sampling.temperature,
            sampling.top_p,
            sampling.max_tokens,
            list(sampling.stop),
        ],
    }
    if request.schema is not None:
        parts["schema"] = request.schema
    if request.completion:
        parts["completion"] = True
    if sampling.top_k:
        parts["top_k"] = sampling.top_k
    if sampling.seed is not None:
        parts["seed"] = sampling.seed
    if request.repeat:
        parts["repeat"] = request.repeat
    if variant:
        parts["variant"] = variant
    return encode(parts)


@dataclass
class JournaledModel:
    """A `ChatModel` around `model`, with its replies in `journal`, counted and budgeted.

    `variant` is what else shapes the replies; `open_model` passes the endpoint's extra_body.
    `retry_failures` makes calls again whose lasting failure is in the journal.
    """

    model: ChatModel
    journal: Journal
    meter: UsageMeter
    spending: Spending = field(default_factory=Spending)
    variant: Mapping[str, Any] | None = None
    retry_failures: bool = False
    _flights: dict[str, asyncio.Future[None] | None] = field(default_factory=dict, repr=False)
    _counted: bytearray = field(default_factory=bytearray, repr=False)

    @property
    def name(self) -> str:
        """The name of the model inside."""
        return self.model.name

    async def reply(self, request: ChatRequest) -> ChatReply:
        """The journal's reply, or a new one once it is committed.

        Raises what the model raises, BudgetError before a call that is not allowed, and
        StorageError where the journal cannot be written.
        """
        body = canonical_request(self.name, request, self.variant)
        key = call_key(body)
        while key in self._flights:
            await self._landing(key)
        entry = self.journal.get(key)
        if entry is None or (self.retry_failures and entry.reply.startswith(_FAILURE)):
            return await self._fly(key, body, request)
        return self._open(entry)

    async def _landing(self, key: str) -> None:
        """Wait until the call that is being made for `key` has ended, however it ends."""
        landing = self._flights[key]
        if landing is None:
            landing = self._flights[key] = asyncio.get_running_loop().create_future()
        await asyncio.shield(landing)

    async def _fly(self, key: str, body: bytes, request: ChatRequest) -> ChatReply:
        """Make the call; whoever asks for the same key meanwhile waits for its end."""
        self._flights[key] = None  # a future only once somebody waits: mostly nobody does
        entry: Entry | None = None

        async def keep(answer: ChatReply | ModelError) -> None:
            nonlocal entry
            entry = await self.journal.put(key, body, _as_json(answer))

        try:
            answer = await self._paid(request, keep)
            if entry is None:
                await keep(answer)
        finally:
            if landing := self._flights.pop(key):
                landing.set_result(None)
        self._is_first_use(entry.number if entry else 0)
        if isinstance(answer, ChatReply):
            self.meter.count(answer.usage, new=True, estimated=answer.estimated)
            return answer
        self.meter.count(_usage_of(answer), new=True)
        raise answer

    async def _paid(self, request: ChatRequest, keep: Keep) -> ChatReply | ModelError:
        """A new answer within the budget: a reply, or a failure that lasts."""
        spending = self.spending
        if not spending.limited:
            return await self._answer(request, keep)
        reserved = Amount.of(most_usage(request), self.meter.prices)
        await spending.reserve(reserved)
        spent = Amount()
        try:
            answer = await self._answer(request, keep)
            spent = Amount.of(_usage_of(answer), self.meter.prices)
        finally:
            spending.settle(reserved, spent)
        return answer

    async def _answer(self, request: ChatRequest, keep: Keep) -> ChatReply | ModelError:
        try:
            if isinstance(self.model, EndpointClient):
                return await self.model.reply_and_keep(request, keep)
            return await self.model.reply(request)
        except EndpointError:
            raise
        except ModelError as error:
            if error.reason not in _LASTING:
                raise
            return error

    def _open(self, entry: Entry) -> ChatReply:
        """The reply in `entry`, counted at its first use in this run; raises a kept failure."""
        value = orjson.loads(entry.reply)
        usage, estimated = Usage(*value["usage"]), bool(value.get("estimated"))
        if self._is_first_use(entry.number):
            self.meter.count(usage, new=False, estimated=estimated)
            self.spending.add(Amount.of(usage, self.meter.prices))
        if "failure" in value:
            raise _failure(value["failure"])
        return ChatReply(value["text"], value["finish_reason"], usage, estimated)

    def _is_first_use(self, number: int) -> bool:
        """Whether this run has not used the entry before: a bit for each row of the journal."""
        place, bit = number >> 3, 1 << (number & 7)
        if place >= len(self._counted):
            self._counted.extend(bytes(place + 1 - len(self._counted) + 1024))
        first = not self._counted[place] & bit
        self._counted[place] |= bit
        return first


def _usage_of(answer: ChatReply | ModelError) -> Usage:
    """What was paid for an answer, usable or not."""
    if isinstance(answer, ChatReply | UnusableReplyError):
        return answer.usage
    return Usage()


def _as_json(answer: ChatReply | ModelError) -> bytes:
    """An answer as the journal keeps it."""
    usage = _usage_of(answer)
    value: dict[str, Any] = {"usage": [usage.input_tokens, usage.output_tokens]}
    if isinstance(answer, ChatReply):
        value |= {"finish_reason": answer.finish_reason, "text": answer.text}
        if answer.estimated:
            value["estimated"] = True
    else:
        value["failure"] = {
            "hint": answer.hint,
            "message": answer.message,
            "reason": answer.reason,
            "unusable": isinstance(answer, ReplyError),
        }
    return encode(value)


def _failure(kept: Mapping[str, Any]) -> ModelError:
    kind = ReplyError if kept["unusable"] else ModelError
    return kind(kept["message"], reason=kept["reason"], hint=kept["hint"])


@contextlib.asynccontextmanager
async def open_model(
    endpoint: Endpoint,
    journal: Journal,
    *,
    spending: Spending | None = None,
    retry_failures: bool = False,
) -> AsyncIterator[JournaledModel]:
    """The model behind `endpoint`, connected, with its own meter; closed at the end."""
    prices = Prices(endpoint.cost_per_million_input, endpoint.cost_per_million_output)
    async with EndpointClient(endpoint) as client:
        yield JournaledModel(
            client,
            journal,
            UsageMeter(endpoint.model, prices),
            spending or Spending(),
            endpoint.extra_body or None,
            retry_failures,
        )
