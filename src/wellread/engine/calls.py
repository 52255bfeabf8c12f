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
from collections.abc import AsyncIterator, Mapping
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
    _flights: dict[str, asyncio.Future[Entry]] = field(default_factory=dict, repr=False)
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
        while flight := self._flights.get(key):
            await asyncio.wait([flight])
            if not flight.cancelled():
                return self._open(flight.result(), new=False)
        entry = self.journal.get(key)
        if entry is None or (self.retry_failures and entry.reply.startswith(_FAILURE)):
            entry = await self._fly(key, body, request)
            return self._open(entry, new=True)
        return self._open(entry, new=False)

    async def _fly(self, key: str, body: bytes, request: ChatRequest) -> Entry:
        """Make the call; whoever asks for the same key meanwhile waits for its end."""
        flight: asyncio.Future[Entry] = asyncio.get_running_loop().create_future()
        self._flights[key] = flight
        try:
            entry = await self._call(key, body, request)
        except Exception as error:
            flight.set_exception(error)
            flight.exception()  # looked at: nobody else may be waiting
            raise
        else:
            flight.set_result(entry)
            return entry
        finally:
            flight.cancel()
            del self._flights[key]

    async def _call(self, key: str, body: bytes, request: ChatRequest) -> Entry:
        """Reserve, call, settle, commit."""
        reserved = Amount.of(most_usage(request), self.meter.prices)
        await self.spending.reserve(reserved)
        spent = Amount()
        try:
            reply, usage = await self._answer(request)
            spent = Amount.of(usage, self.meter.prices)
        finally:
            self.spending.settle(reserved, spent)
        return await self.journal.put(key, body, reply)

    async def _answer(self, request: ChatRequest) -> tuple[bytes, Usage]:
        """The reply, or the lasting failure, as the journal keeps it."""
        try:
            reply = await self.model.reply(request)
        except EndpointError:
            raise
        except ModelError as error:
            if error.reason not in _LASTING:
                raise
            usage = error.usage if isinstance(error, UnusableReplyError) else Usage()
            return _failure_json(error, usage), usage
        return _reply_json(reply), reply.usage

    def _open(self, entry: Entry, *, new: bool) -> ChatReply:
        """The reply in `entry`, counted at its first use in this run; raises a kept failure."""
        value = orjson.loads(entry.reply)
        usage, estimated = Usage(*value["usage"]), bool(value.get("estimated"))
        if self._is_first_use(entry.number):
            self.meter.count(usage, new=new, estimated=estimated)
            if not new:
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


def _reply_json(reply: ChatReply) -> bytes:
    usage = reply.usage
    value: dict[str, Any] = {
        "finish_reason": reply.finish_reason,
        "text": reply.text,
        "usage": [usage.input_tokens, usage.output_tokens],
    }
    if reply.estimated:
        value["estimated"] = True
    return encode(value)


def _failure_json(error: ModelError, usage: Usage) -> bytes:
    return encode(
        {
            "failure": {
                "hint": error.hint,
                "message": error.message,
                "reason": error.reason,
                "unusable": isinstance(error, ReplyError),
            },
            "usage": [usage.input_tokens, usage.output_tokens],
        }
    )


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
