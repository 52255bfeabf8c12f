"""How the loopback server streams a reply: a completion to events, and events onto the wire.

    completion ──events──> JSON of each event ──as_bytes──> bits ──Pump──> sent, a bit at a time

A fault of a stream strikes in the middle: half of the text has been sent by then.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

_WORD = re.compile(r"\s*\S+|\s+\Z")
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
_END = b"0\r\n\r\n"
IN_STREAM = frozenset({"drop", "malformed", "error", "unfinished"})


@dataclass(frozen=True, slots=True)
class Streaming:
    """How replies are streamed: a word at a time, with `piece_s` seconds between them.

    `cut_bytes` sends the stream in bits of so many bytes, which cut lines and characters. `crlf`
    ends lines as HTTP does, and `pings` puts a comment before each event.
    """

    piece_s: float = 0.0
    cut_bytes: int = 0
    crlf: bool = False
    pings: bool = False


def events(completion: Mapping[str, Any], fault: str, *, wants_usage: bool) -> Iterator[bytes]:
    """The data of each event; a fault of `IN_STREAM` leaves out the second half."""
    choices = completion["choices"]
    chunk = {k: v for k, v in completion.items() if k not in {"choices", "usage"}}
    chunk["object"] = chunk["object"].removesuffix(".completion") + ".completion.chunk"
    words = _WORD.findall(_text_of(choices[0])) if choices else ["", ""]
    for word in words[: len(words) // 2] if fault in IN_STREAM else words:
        yield orjson.dumps({**chunk, "choices": [_delta(choice, word) for choice in choices]})
    if fault == "error":
        yield orjson.dumps({"error": {"message": "the model has crashed", "code": 500}})
    elif fault == "malformed":
        yield b'{"choices": [{"index": 0, "del'
    if fault in {"error", "drop", "unfinished"}:
        return
    ended = [
        _delta(choice, None) | {"finish_reason": choice["finish_reason"]} for choice in choices
    ]
    yield orjson.dumps({**chunk, "choices": ended})
    if wants_usage and "usage" in completion:
        yield orjson.dumps({**chunk, "choices": [], "usage": completion["usage"]})
    yield b"[DONE]"


def _text_of(choice: Mapping[str, Any]) -> str:
    return str(choice["message"]["content"] if "message" in choice else choice["text"])


def _delta(choice: Mapping[str, Any], text: str | None) -> dict[str, Any]:
    made: dict[str, Any] = {"index": choice["index"], "finish_reason": None}
    if "message" not in choice:
        return made | {"text": text or ""}
    return made | {"delta": {} if text is None else {"content": text}}


def as_bytes(data: bytes, style: Streaming) -> Iterator[bytes]:
    """One event as it goes out, in chunks of HTTP."""
    event = (b": ping\n\n" if style.pings else b"") + b"data: " + data + b"\n\n"
    if style.crlf:
        event = event.replace(b"\n", b"\r\n")
    size = style.cut_bytes or len(event)
    for start in range(0, len(event), size):
        cut = event[start : start + size]
        yield b"%x\r\n%s\r\n" % (len(cut), cut)


class Pump:
    """Writes a stream a bit at a time, and stops where nobody listens any more.

    `transport` is None once the other side has hung up; where that is before the end, `left` is
    called.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        transport: Callable[[], asyncio.Transport | None],
        left: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._transport = transport
        self._left = left

    def start(self, parts: Sequence[bytes], style: Streaming, *, drops: bool) -> None:
        """Send the events with these data; with `drops` hang up behind them."""
        bits = [bit for data in parts for bit in as_bytes(data, style)]
        # Cut bits follow at once; what a person waits for is the next word.
        between = style.piece_s * len(parts) / max(1, len(bits))
        self._send(deque([HEAD, *bits]), between, drops)

    def _send(self, bits: deque[bytes], between: float, drops: bool) -> None:
        transport = self._transport()
        if transport is None or transport.is_closing():
            self._left()
            return
        transport.write(bits.popleft())
        if bits:
            self._loop.call_later(between, self._send, bits, between, drops)
        else:
            # By itself, as servers do that flush each event.
            self._loop.call_later(between, self._end, drops)

    def _end(self, drops: bool) -> None:
        if transport := self._transport():
            if drops:
                transport.close()
            else:
                transport.write(_END)
