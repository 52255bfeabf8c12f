"""One HTTP exchange with an endpoint: bytes out, and an answer or a problem back.

    send ──POST──> response ──receive_whole | receive_stream──> Answer | Problem

What goes wrong on the way is a Problem too. The connection is closed where the reading stops
before the body has ended, or is cancelled.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import aiohttp

from wellread.llm.chat import ChatReply, ChatRequest
from wellread.llm.endpoint import Endpoint, Secret
from wellread.llm.secrecy import without
from wellread.llm.streaming import MAX_BODY, StreamReader
from wellread.llm.wire import Answer, Problem

T = TypeVar("T")
_CONNECT_S = 30.0
# How long the count of tokens may take that follows the last word, and the end of the body behind
# [DONE]: read to its end, a connection can be used again.
_AFTER_TEXT_S = 5.0
_AFTER_DONE_S = 0.1


@dataclass(frozen=True, slots=True)
class Exchange(Generic[T]):
    """Where a request goes, and how its response is read; `most_s` bounds it beside timeout_s."""

    path: str
    receive: Callable[[aiohttp.ClientResponse, Secret | None], Awaitable[Answer[T] | Problem]]
    most_s: float = math.inf


async def send(
    session: aiohttp.ClientSession,
    endpoint: Endpoint,
    exchange: Exchange[T],
    body: bytes,
    key: Secret | None,
) -> Answer[T] | Problem:
    """One HTTP exchange; what goes wrong on the way is a Problem too."""
    headers = {"Authorization": Secret(f"Bearer {key}")} if key else None
    seconds = min(endpoint.timeout_s, max(0.001, exchange.most_s))
    try:
        async with session.post(
            endpoint.base_url + exchange.path,
            data=body,
            headers=headers,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=seconds, sock_connect=_CONNECT_S),
        ) as response:
            return await exchange.receive(response, key)
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
        return Problem("unreachable", "unreachable", f"no connection ({_said(error)})")
    except TimeoutError:
        return Problem("broken", "timeout", f"no whole reply in {round(seconds, 3):g} s")
    except aiohttp.InvalidURL:
        return Problem("fatal", "bad_url", "base_url is not an address")
    except (aiohttp.ClientError, OSError) as error:
        return Problem("broken", "disconnected", f"the connection broke ({_said(error)})")


async def receive_whole(
    read: Callable[[int, str, bytes], Answer[T] | Problem],
    response: aiohttp.ClientResponse,
    key: Secret | None,
) -> Answer[T] | Problem:
    """A whole reply, by ``read(status, Retry-After, body)``."""
    body = await _read_body(response)
    if body is None:
        return Problem("unusable", "malformed", f"a reply of over {MAX_BODY:,} bytes")
    return read(response.status, _retry_after(response), without(key, body))


async def receive_stream(
    request: ChatRequest,
    read: Callable[[int, str, bytes], Answer[ChatReply] | Problem],
    tell: Callable[[str], None],
    response: aiohttp.ClientResponse,
    key: Secret | None,
) -> Answer[ChatReply] | Problem:
    """A reply piece by piece; ``read`` is for what is no stream."""
    if response.status != 200:
        return await receive_whole(read, response, key)
    reader = StreamReader(request, key, tell)
    loop = asyncio.get_running_loop()
    lingering = math.inf
    try:
        async with asyncio.timeout(None) as patience:
            async for received in response.content.iter_any():
                if not reader.take(received):
                    break
                linger_s = _AFTER_DONE_S if reader.is_done else _AFTER_TEXT_S
                if (reader.is_done or reader.is_whole) and linger_s < lingering:
                    lingering = linger_s
                    patience.reschedule(loop.time() + linger_s)
    except (TimeoutError, aiohttp.ClientError, OSError):
        # What is lost behind the last word is no part of the reply.
        if not (reader.is_done or reader.is_whole):
            raise
    return reader.end(_retry_after(response))


def _retry_after(response: aiohttp.ClientResponse) -> str:
    return response.headers.get("Retry-After", "")


async def _read_body(response: aiohttp.ClientResponse) -> bytes | None:
    """The whole body, or None where it is larger than any reply."""
    if response.content_length is not None:
        return await response.read() if response.content_length <= MAX_BODY else None
    pieces, size = [], 0
    async for piece in response.content.iter_any():
        pieces.append(piece)
        size += len(piece)
        if size > MAX_BODY:
            return None
    return b"".join(pieces)


def _said(error: Exception) -> str:
    """A connection error in one line; aiohttp's own text of some errors holds the headers."""
    if isinstance(error, aiohttp.ClientPayloadError):
        return "the server hung up"
    if isinstance(error, aiohttp.ClientResponseError):
        return type(error).__name__
    return f"{type(error).__name__}: {error}"[:200]
