"""A small OpenAI-compatible server on loopback that fails on demand: for tests and trying out.

    python -m wellread.llm.server --port 8000 --latency 0.05 --rate-429 0.05 --seed 1

It speaks ``/v1/chat/completions``, ``/v1/completions``, ``/v1/embeddings`` and ``/v1/models``;
``/stats`` tells what it was asked. Replies come from `answer`, a function of the request; by
default text, or JSON that fits the request's schema, which follows from the request alone.
Embeddings are hashed words. What is asked with ``"stream": true`` is streamed (server_stream.py).

It fails as server_faults.py draws. The protocol is parsed by hand, a request at a time on each
connection: at some thousand requests a second it must not be what is measured.
"""

from __future__ import annotations

import asyncio
import functools
import hashlib
import re
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import orjson

from wellread.llm.server_faults import FAULTS, Faults
from wellread.llm.server_stream import Pump, Streaming, events
from wellread.llm.usage import estimate_tokens

Answer = Callable[[Mapping[str, Any]], str]

_LENGTH = re.compile(rb"\r\ncontent-length:\s*(\d+)", re.IGNORECASE)
_BEARER = re.compile(rb"\r\nauthorization:\s*bearer\s+([^\r\n]*)", re.IGNORECASE)
_MAX_REQUEST = 64_000_000
_MAX_KEY = 200
EMBEDDING_SIZE = 64
_REASONS = {200: "OK", 401: "Unauthorized", 404: "Not Found", 429: "Too Many Requests"}


@dataclass(slots=True)
class Stats:
    """What the server was asked: requests by the text of their last message, and by fault.

    `hung_up` counts the streams that were not heard to their end.
    """

    requests: int = 0
    by_key: Counter[str] = field(default_factory=Counter)
    by_fault: Counter[str] = field(default_factory=Counter)
    in_flight: int = 0
    most_in_flight: int = 0
    hung_up: int = 0
    connections: int = 0
    arrivals: list[float] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """For ``/stats``: counts, without the text of the requests."""
        return {
            "requests": self.requests,
            "distinct": len(self.by_key),
            "by_fault": dict(self.by_fault),
            "most_in_flight": self.most_in_flight,
            "hung_up": self.hung_up,
            "connections": self.connections,
        }


@dataclass
class LoopbackServer:
    """The server; ``async with`` serves on the running loop, ``with`` on a thread of its own.

    `key` is the key it wants, "" for any; the one it refuses is repeated in the answer, as some
    servers do. `refuse_schema` answers 400 where a request asks for json_schema, `refuse_fields`
    where it has one of these fields. `streaming` is how it streams; None ignores the wish. `stats`
    is what came in; `arrivals` in it are times on the loop's clock, kept where `keep_arrivals` is
    on.
    """

    answer: Answer | None = None
    faults: Faults = field(default_factory=Faults)
    latency_s: float = 0.0
    key: str = ""
    models: tuple[str, ...] = ()
    refuse_schema: bool = False
    refuse_fields: tuple[str, ...] = ()
    streaming: Streaming | None = field(default_factory=Streaming)
    keep_arrivals: bool = False
    count_usage: bool = True
    port: int = 0
    stats: Stats = field(default_factory=Stats)
    attempts: Counter[bytes] = field(default_factory=Counter)
    first_request_at: float | None = None
    _server: asyncio.Server | None = None
    _connections: set[asyncio.Transport] = field(default_factory=set)
    _thread: threading.Thread | None = None
    _stop: asyncio.Event | None = None
    _loop: asyncio.AbstractEventLoop | None = None

    @property
    def base_url(self) -> str:
        """The address that goes into `Endpoint.base_url`."""
        return f"http://127.0.0.1:{self.port}/v1"

    def refused(self, body: bytes) -> tuple[int, bytes] | None:
        """Status and body where a request is refused for what it says; a subclass may say more."""
        if self.refuse_schema and b'"json_schema"' in body:
            return 400, _error("response_format json_schema is not supported")
        if self.refuse_fields:
            given = orjson.loads(body)
            if refused := [name for name in self.refuse_fields if name in given]:
                return 400, _error(f"Unrecognized request arguments supplied: {', '.join(refused)}")
        if self.models and (name := orjson.loads(body).get("model")) not in self.models:
            return 404, _error(f"The model `{name}` does not exist")
        return None

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: _Connection(self, loop), "127.0.0.1", self.port, backlog=2048
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._server is not None:
            self._server.close()
            for connection in tuple(self._connections):
                connection.abort()
            await self._server.wait_closed()

    def __enter__(self) -> Self:
        started: Future[None] = Future()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(started)), name="loopback-server", daemon=True
        )
        self._thread.start()
        started.result(timeout=30)
        return self

    async def _serve(self, started: Future[None]) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        try:
            async with self:
                started.set_result(None)
                await self._stop.wait()
        except OSError as error:
            started.set_exception(error)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._loop and self._stop and self._thread:
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(timeout=30)


_Write = Callable[[Mapping[str, Any], str], dict[str, Any]]


class _Connection(asyncio.Protocol):
    """One kept-alive connection; requests on it come one after the other."""

    def __init__(self, server: LoopbackServer, loop: asyncio.AbstractEventLoop) -> None:
        self._server = server
        self._loop = loop
        self._received = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            self._transport = transport
            self._server._connections.add(transport)
            self._server.stats.connections += 1

    def connection_lost(self, error: Exception | None) -> None:
        if self._transport:
            self._server._connections.discard(self._transport)
        self._transport = None

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._received[:end])
            length = int(match[1]) if (match := _LENGTH.search(head)) else 0
            if length > _MAX_REQUEST:
                self._close()
                return
            if len(self._received) < end + 4 + length:
                return
            body = bytes(self._received[end + 4 : end + 4 + length])
            del self._received[: end + 4 + length]
            self._handle(head, body)

    def _handle(self, head: bytes, body: bytes) -> None:
        path = head.split(b" ", 2)[1].decode("ascii", "replace") if b" " in head else ""
        if path.endswith("/stats"):
            self._send(200, orjson.dumps(self._server.stats.as_json()))
        elif path.endswith("/models"):
            named = [{"id": name, "object": "model"} for name in self._server.models]
            self._send(200, orjson.dumps({"object": "list", "data": named}))
        elif path.endswith("/completions"):
            chat = path.endswith("/chat/completions")
            self._complete(head, body, functools.partial(self._completion, chat=chat))
        elif path.endswith("/embeddings"):
            self._complete(head, body, self._embeddings)
        else:
            self._send(404, _error(f"no such path: {path}"))

    def _complete(self, head: bytes, body: bytes, write: _Write) -> None:
        server, stats = self._server, self._server.stats
        now = self._loop.time()
        server.first_request_at = (
            now if server.first_request_at is None else server.first_request_at
        )
        if server.keep_arrivals:
            stats.arrivals.append(now)
        attempt = self._count(body)
        given = match[1].decode("latin-1") if (match := _BEARER.search(head)) else ""
        if server.key and given != server.key:
            self._send(401, _error(f"Incorrect API key provided: {given}"))
        elif now - server.first_request_at < server.faults.refuse_s:
            stats.by_fault["429"] += 1
            self._send(429, _error("busy"), server.faults.retry_after_s)
        elif refusal := server.refused(body):
            self._send(*refusal)
        else:
            fault = server.faults.of(body, attempt)
            stats.by_fault[fault or "none"] += 1
            self._respond(body, fault, write)

    def _count(self, body: bytes) -> int:
        """Note the request; returns how often it came before."""
        server, stats = self._server, self._server.stats
        stats.requests += 1
        stats.by_key[_key(body)] += 1
        digest = hashlib.blake2b(body, digest_size=12).digest()
        attempt = server.attempts[digest]
        server.attempts[digest] += 1
        return attempt

    def _respond(self, body: bytes, fault: str, write: _Write) -> None:
        if fault == "429":
            self._send(429, _error("rate limit"), self._server.faults.retry_after_s)
        elif fault == "timeout":
            pass
        elif fault in {"500", "503"}:
            self._later(lambda: self._send(int(fault), _error("server trouble")))
        else:
            self._later(lambda: self._answer(body, fault, write))

    def _later(self, send: Callable[[], None]) -> None:
        stats = self._server.stats
        stats.in_flight += 1
        stats.most_in_flight = max(stats.most_in_flight, stats.in_flight)

        def finish() -> None:
            stats.in_flight -= 1
            send()

        if self._server.latency_s:
            self._loop.call_later(self._server.latency_s, finish)
        else:
            self._loop.call_soon(finish)

    def _answer(self, body: bytes, fault: str, write: _Write) -> None:
        try:
            request = orjson.loads(body)
            written = write(request, fault)
        except Exception as error:  # noqa: BLE001 a broken script is the client's 500, not a hang
            self._send(500, _error(f"the script failed: {error!r}"))
            return
        if request.get("stream") and self._server.streaming and fault != "wrong_type":
            self._stream(request, written, fault)
            return
        reply = orjson.dumps(written)
        if fault == "malformed":
            self._send(200, reply[: len(reply) // 2])
        elif fault == "drop":
            self._drop(reply)
        elif fault == "error":
            self._send(200, _error("the model has crashed", 500))
        elif fault == "wrong_type":
            self._send(200, b"<html><body>Gateway</body></html>", kind="text/html")
        else:
            self._send(200, reply)

    def _stream(self, request: Mapping[str, Any], completion: dict[str, Any], fault: str) -> None:
        asked = request.get("stream_options") or {}
        parts = list(events(completion, fault, wants_usage=bool(asked.get("include_usage"))))
        pump = Pump(self._loop, lambda: self._transport, self._left)
        pump.start(parts, self._server.streaming or Streaming(), drops=fault == "drop")

    def _left(self) -> None:
        self._server.stats.hung_up += 1

    def _completion(self, request: Mapping[str, Any], fault: str, *, chat: bool) -> dict[str, Any]:
        text = (self._server.answer or default_answer)(request)
        if fault in {"cut", "length"}:
            text = text[: 2 * len(text) // 3]
        finish = "length" if fault == "length" else "stop"
        choice: dict[str, Any] = {"index": 0, "finish_reason": finish}
        choice |= {"message": {"role": "assistant", "content": text}} if chat else {"text": text}
        completion = {
            "id": "loopback",
            "object": "chat.completion" if chat else "text_completion",
            "created": 0,
            "model": request.get("model", ""),
            "choices": [] if fault == "empty" else [choice],
        }
        if self._server.count_usage:
            read, written = estimate_tokens(last_text(request)), estimate_tokens(text)
            completion["usage"] = {
                "prompt_tokens": read,
                "completion_tokens": written,
                "total_tokens": read + written,
            }
        return completion

    def _embeddings(self, request: Mapping[str, Any], fault: str) -> dict[str, Any]:
        given = request["input"]
        texts = [given] if isinstance(given, str) else list(given)
        size = int(request.get("dimensions") or EMBEDDING_SIZE)
        rows = [
            {"object": "embedding", "index": n, "embedding": hashed_vector(text, size)}
            for n, text in enumerate(texts)
        ]
        answer: dict[str, Any] = {"object": "list", "model": request.get("model", "")}
        # The last first: the protocol tells the order by `index`.
        answer["data"] = [] if fault == "empty" else rows[::-1]
        if self._server.count_usage:
            read = sum(map(estimate_tokens, texts))
            answer["usage"] = {"prompt_tokens": read, "total_tokens": read}
        return answer

    def _send(
        self,
        status: int,
        body: bytes,
        retry_after_s: float | None = None,
        kind: str = "application/json",
    ) -> None:
        if self._transport is None:
            return
        extra = "" if retry_after_s is None else f"Retry-After: {retry_after_s:g}\r\n"
        head = (
            f"HTTP/1.1 {status} {_REASONS.get(status, 'Status')}\r\n"
            f"Content-Type: {kind}\r\n{extra}Content-Length: {len(body)}\r\n\r\n"
        )
        self._transport.write(head.encode("ascii") + body)

    def _drop(self, body: bytes) -> None:
        """Promise the whole body, send half, and hang up."""
        if self._transport is not None:
            head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n"
            self._transport.write(head.encode("ascii") + body[: len(body) // 2])
            self._close()

    def _close(self) -> None:
        if self._transport is not None:
            self._transport.close()


def hashed_vector(text: str, size: int) -> list[float]:
    """A vector of hashed words: texts that share words lie near each other, and nothing else."""
    vector = [0.0] * size
    for word in re.findall(r"\w+", text.lower()):
        digest = hashlib.blake2b(word.encode("utf-8", "replace"), digest_size=8).digest()
        vector[int.from_bytes(digest[:7], "big") % size] += 1.0 if digest[7] & 1 else -1.0
    return vector


def _error(message: str, code: int | None = None) -> bytes:
    more = {} if code is None else {"code": code}
    return orjson.dumps({"error": {"message": message, "type": "error", **more}})


def last_text(request: Mapping[str, Any]) -> str:
    """The text of a request's last message, its prompt, or what is to be embedded."""
    messages = request.get("messages")
    given = request.get("prompt", request.get("input", ""))
    return str(messages[-1]["content"]) if messages else str(given)


def first_text(request: Mapping[str, Any]) -> str:
    """The text of a request's first message from the user, or its prompt.

    It stays the same when a reply is sent back to be mended.
    """
    for message in request.get("messages", ()):
        if message["role"] == "user":
            return str(message["content"])
    return last_text(request)


def _key(body: bytes) -> str:
    """What requests are counted by: the last message, or its hash where it is long."""
    try:
        text = last_text(orjson.loads(body))
    except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError):
        return "unreadable"
    if len(text) <= _MAX_KEY:
        return text
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16).hexdigest()


def default_answer(request: Mapping[str, Any]) -> str:
    """A sentence, or JSON that fits the schema of the request; both follow from the request."""
    text = first_text(request)
    digest = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=4).hexdigest()
    wanted = request.get("response_format") or {}
    if wanted.get("type") == "json_schema":
        schema = wanted["json_schema"]["schema"]
        return orjson.dumps(fill_schema(schema, schema.get("$defs", {}), digest)).decode()
    return f"Reply {digest} to: {text[:60]}"


def fill_schema(schema: Mapping[str, Any], known: Mapping[str, Any], word: str) -> Any:
    """The smallest value that fits a JSON schema as pydantic writes them."""
    if "$ref" in schema:
        return fill_schema(known[schema["$ref"].rsplit("/", 1)[-1]], known, word)
    if "const" in schema or "enum" in schema:
        return schema["const"] if "const" in schema else schema["enum"][0]
    if choices := schema.get("anyOf"):
        return fill_schema(choices[0], known, word)
    match schema.get("type"):
        case "object":
            fields = schema.get("properties", {})
            wanted = schema.get("required", ())
            return {name: fill_schema(fields[name], known, word) for name in wanted}
        case "array":
            count = schema.get("minItems", 0)
            return [fill_schema(schema.get("items", {}), known, word) for _ in range(count)]
        case "boolean":
            return True
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "null":
            return None
        case _:
            return f"Text {word}"


def main() -> None:
    """Serve until interrupted; prints the address first."""
    import argparse

    parser = argparse.ArgumentParser(
        prog="python -m wellread.llm.server",
        description="A loopback OpenAI-compatible server with faults on demand.",
        epilog="Example: python -m wellread.llm.server --port 8000 --latency 0.05 --rate-429 0.05",
    )
    parser.add_argument("--port", type=int, default=0, help="0 picks a free one")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each reply")
    parser.add_argument("--piece", type=float, default=0.0, help="seconds between streamed words")
    parser.add_argument("--key", default="", help="the key to ask for; any where empty")
    parser.add_argument("--seed", type=int, default=0, help="of the faults")
    parser.add_argument("--retry-after", type=float, help="seconds, sent with each 429")
    parser.add_argument("--refuse", type=float, default=0.0, help="seconds of 429 for everyone")
    for name in FAULTS:
        option = f"--rate-{name.replace('_', '-')}"
        parser.add_argument(option, type=float, default=0.0, help="share of requests (0 to 1)")
    given = parser.parse_args()
    faults = Faults(
        seed=given.seed,
        retry_after_s=given.retry_after,
        refuse_s=given.refuse,
        **{f"rate_{name}": getattr(given, f"rate_{name}") for name in FAULTS},
    )
    server = LoopbackServer(
        faults=faults,
        latency_s=given.latency,
        streaming=Streaming(piece_s=given.piece),
        key=given.key,
        port=given.port,
    )
    try:
        asyncio.run(_serve_forever(server))
    except KeyboardInterrupt:
        return


async def _serve_forever(server: LoopbackServer) -> None:
    async with server:
        print(server.base_url, flush=True)  # noqa: T201 what a script that starts us reads
        await asyncio.Event().wait()


if __name__ == "__main__":
    main()
