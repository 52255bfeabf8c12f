"""A reply as it is streamed: bytes of the body to pieces of text, and at the end to an answer.

    bytes ──events.py──> events ──┬─> text of the first choice ──pieces.py──> tell(piece)
                                  └─> finish reason, usage, errors ──end()──> Answer | Problem

An answer is whole only where the server says why it ended. ``[DONE]`` alone is not enough: gateways
write it after a failure too. And it may be missing: some servers leave it out, or leave the
connection open. Whatever else ends a stream is a `Problem`: an error event, an event that is not
JSON, bytes that just stop. A thought that the chat template opened, so that only its end stands in
the reply, is told before it can be known; the reply is without it.

A server that does not stream sends one JSON object; it is known by its first byte, and read as any
other reply.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from wellread.llm.chat import ChatReply, ChatRequest
from wellread.llm.events import Event, EventDecoder
from wellread.llm.pieces import Pieces
from wellread.llm.secrecy import spellings, without
from wellread.llm.wire import (
    Answer,
    Problem,
    counted_usage,
    excerpt,
    read_answer,
    thought_before,
    told_error,
    weigh,
)

MAX_BODY = 32_000_000
_MAX_LINE = 4_000_000
_MAX_HEAD = 2_000
_DONE = b"[DONE]"
# What an object or a page of HTML begins with, and no line of events.
_WHOLE = (b"{", b"[", b"<")


class StreamReader:
    """Reads the body of one answer of status 200; `tell` is handed each piece of its text.

    `key` is taken out of whatever the server says.
    """

    def __init__(self, request: ChatRequest, key: str | None, tell: Callable[[str], None]) -> None:
        self._request = request
        self._key = key
        self._tell = tell
        self._pieces = Pieces(spellings(key) if key else ())
        self._decoder = EventDecoder()
        self._head = b""
        self._size = 0
        self._whole: list[bytes] | None = None
        self._events = self._choices = 0
        self._done = False
        self._finish = ""
        self._declined = ""
        self._counted: Any = None
        self._problem: Problem | None = None

    @property
    def is_done(self) -> bool:
        """Whether the server has said that nothing follows."""
        return self._done

    @property
    def is_whole(self) -> bool:
        """Whether the server has said that the text is complete."""
        return self._problem is None and bool(self._finish)

    def take(self, received: bytes) -> bool:
        """Read on; False where what may follow cannot mend it."""
        self._size += len(received)
        if len(self._head) < _MAX_HEAD:
            self._head += received[:_MAX_HEAD]
            if not self._events and self._head.lstrip().startswith(_WHOLE):
                self._whole = self._whole or []
        if self._whole is not None:
            self._whole.append(received)
        else:
            for event in self._decoder.take(received):
                self._read(event)
        if self._size > MAX_BODY or self._decoder.waiting > _MAX_LINE:
            self._problem = Problem("unusable", "malformed", f"a reply of over {MAX_BODY:,} bytes")
        return self._problem is None

    def end(self, retry_after: str = "") -> Answer[ChatReply] | Problem:
        """What all that was read amounts to; tells the last piece."""
        if self._problem is None and self._whole is None and not self._done:
            for event in self._decoder.end():
                self._read(event)
        if self._problem is not None:
            return self._problem
        if self._whole is not None:
            return self._end_whole(b"".join(self._whole), retry_after)
        if not self._events:
            return Problem("broken", "malformed", f"no events in {self._said(self._head)!r}")
        if self._done and not self._choices:
            return Problem("unusable", "no_choices", "no choices in the stream")
        if not self.is_whole:
            return Problem("broken", "broken_off", "the stream ended without a finish reason")
        return self._end_streamed()

    def _end_streamed(self) -> Answer[ChatReply] | Problem:
        tail = self._pieces.end()
        said = self._pieces.text
        usage, estimated = counted_usage(self._counted, self._request, said)
        # What was told of such a thought cannot be taken back, but it is no part of the reply.
        text = said if self._pieces.left_out_thought else said[thought_before(said) :]
        reply = ChatReply(text, self._finish, usage, estimated)
        found = weigh(reply, self._declined, partial=self._request.partial)
        if tail and isinstance(found, Answer):
            self._tell(tail)
        return found

    def _end_whole(self, body: bytes, retry_after: str) -> Answer[ChatReply] | Problem:
        """The reply of a server that does not stream."""
        found = read_answer(self._request, 200, retry_after, without(self._key, body))
        if isinstance(found, Problem):
            return found
        reply = found.reply
        text = reply.text.strip()
        self._tell(text)
        return Answer(ChatReply(text, reply.finish_reason, reply.usage, reply.estimated))

    def _read(self, event: Event) -> None:
        if self._problem is not None or self._done:
            return
        self._events += 1
        if event.data.strip() == _DONE:
            self._done = True
            return
        data = without(self._key, event.data)
        chunk = _loads(data)
        if _is_error(event, chunk):
            self._problem = _error(chunk, data)
        elif not isinstance(chunk, dict):
            self._problem = Problem("broken", "malformed", f"not a JSON object: {excerpt(data)!r}")
        else:
            self._read_chunk(chunk)

    def _read_chunk(self, chunk: Mapping[str, Any]) -> None:
        if isinstance(chunk.get("usage"), Mapping):
            self._counted = chunk["usage"]
        choices = chunk.get("choices")
        # Some begin with an event without choices, and usage comes in one.
        for choice in choices if isinstance(choices, Sequence) else ():
            if isinstance(choice, Mapping) and choice.get("index") in {0, None}:
                self._choices += 1
                self._read_choice(choice)

    def _read_choice(self, choice: Mapping[str, Any]) -> None:
        delta = choice.get("delta")
        source = delta if isinstance(delta, Mapping) else choice
        content = source.get("content") if source is delta else source.get("text")
        self._declined += str(source.get("refusal") or "")
        self._finish = str(choice.get("finish_reason") or self._finish)
        if isinstance(content, str) and (piece := self._pieces.take(content)):
            self._tell(piece)

    def _said(self, body: bytes) -> str:
        return excerpt(without(self._key, body))


def _loads(data: bytes) -> Any:
    """The value of an event, or None; half characters stay what they are until they are whole."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(data.decode("utf-8", "surrogateescape"))
    except (ValueError, RecursionError):
        return None


def _is_error(event: Event, chunk: Any) -> bool:
    if event.kind == "error":
        return True
    if not isinstance(chunk, dict):
        return False
    if chunk.get("error") or chunk.get("object") == "error":
        return True
    choices = chunk.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    return isinstance(first, dict) and first.get("finish_reason") == "error"


def _error(chunk: Any, data: bytes) -> Problem:
    """What the server tells of its trouble amid a stream."""
    found = told_error(chunk, "", data) if isinstance(chunk, dict) else None
    return found or Problem("broken", "server_error", f"the server says {excerpt(data)!r}")
