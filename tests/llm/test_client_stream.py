"""The client as it streams, against servers on loopback: what is told, retried, refused, left."""

from __future__ import annotations

import asyncio
import contextlib
import time
import traceback

import orjson
import pytest

from wellread.errors import AuthenticationError, EndpointError, ModelError, ReplyError
from wellread.llm import client as client_module
from wellread.llm import exchange as exchange_module
from wellread.llm.chat import ChatReply, ChatRequest, Message, Sampling
from wellread.llm.client import EndpointClient
from wellread.llm.endpoint import Endpoint
from wellread.llm.server import Faults, LoopbackServer
from wellread.llm.server_stream import Streaming

TEXT = "Größe zählt: 你好, the 🙂 pump runs at 67 psi."
WORDS = TEXT.split()
CANARY = "sk-CANARY0123456789abcdef"


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch):
    monkeypatch.setattr(client_module, "_BACKOFF_S", 0.002)


def request(text: str = "Hello?", **sampling) -> ChatRequest:
    return ChatRequest((Message("user", text),), Sampling(**sampling), partial=True)


def serving(**options) -> LoopbackServer:
    return LoopbackServer(lambda body: TEXT, **options)


class Heard:
    """What came of one streamed reply: the pieces, when they came, and how it ended."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.times: list[float] = []
        self.warnings: list[str] = []
        self.reply: ChatReply | None = None
        self.error: ModelError | None = None

    def tell(self, piece: str) -> None:
        self.pieces.append(piece)
        self.times.append(time.perf_counter())

    @property
    def text(self) -> str:
        return "".join(self.pieces)


async def hear(client: EndpointClient, heard: Heard, asked: ChatRequest) -> Heard:
    try:
        heard.reply = await client.stream(asked, heard.tell)
    except ModelError as error:
        heard.error = error
    return heard


def listen(server: LoopbackServer, *asked: ChatRequest, environment=None, **settings) -> Heard:
    """Ask one thing after the other; what was heard of the last, and the warnings of all."""

    async def scene() -> Heard:
        endpoint = Endpoint.model_validate(
            {"base_url": server.base_url, "model": "m", "max_retries": 2, **settings}
        )
        warnings: list[str] = []
        heard = Heard()
        async with EndpointClient(endpoint, environment=environment, warn=warnings.append) as c:
            for one in asked or (request(),):
                heard = await hear(c, Heard(), one)
            assert c.limiter.in_flight == 0
        heard.warnings = warnings
        return heard

    async def served() -> Heard:
        async with server:
            return await scene()

    return asyncio.run(served())


@contextlib.asynccontextmanager
async def opened(server: LoopbackServer, **options):
    """A client of a server that serves by now."""
    concurrency = options.pop("concurrency", None)
    endpoint = Endpoint(base_url=server.base_url, model="m", concurrency=concurrency)
    async with EndpointClient(endpoint, **options) as client:
        yield client


class Watching(LoopbackServer):
    """Keeps the requests that come."""

    def __init__(self, **options) -> None:
        super().__init__(lambda body: TEXT, **options)
        self.bodies: list[dict] = []

    def refused(self, body: bytes):
        self.bodies.append(orjson.loads(body))
        return super().refused(body)


# -- what is told


def test_pieces_come_as_the_server_writes_them():
    heard = listen(serving(streaming=Streaming(piece_s=0.05)))
    assert heard.text == TEXT
    assert len(heard.pieces) == len(WORDS)
    gaps = [b - a for a, b in zip(heard.times, heard.times[1:], strict=False)]
    assert sum(gaps) > 0.03 * len(gaps)
    assert heard.reply == ChatReply(TEXT, "stop", heard.reply.usage)
    assert heard.reply.usage.output_tokens > 5
    assert not heard.reply.estimated


@pytest.mark.parametrize(
    "style",
    [
        Streaming(cut_bytes=1),
        Streaming(cut_bytes=3, crlf=True, pings=True),
        Streaming(cut_bytes=7, pings=True),
        Streaming(crlf=True),
    ],
)
def test_the_same_text_comes_over_every_wire(style):
    heard = listen(serving(streaming=style))
    assert (heard.text, heard.reply.text) == (TEXT, TEXT)


def test_a_server_that_does_not_stream_answers_whole():
    heard = listen(serving(streaming=None))
    assert heard.pieces == [TEXT]
    assert heard.reply.finish_reason == "stop"
    assert not heard.reply.estimated


def test_where_the_server_does_not_count_the_usage_is_estimated():
    heard = listen(serving(count_usage=False))
    assert heard.reply.estimated
    assert heard.reply.usage.output_tokens > 5


def test_a_streamed_reply_is_the_whole_one():
    async def scene() -> tuple[ChatReply, ChatReply]:
        server = LoopbackServer()
        async with server, opened(server) as client:
            return await client.reply(request()), await client.stream(request(), print)

    whole, streamed = asyncio.run(scene())
    assert whole == streamed


def test_text_completions_are_streamed_too():
    asked = ChatRequest((Message("user", "once"),), completion=True)
    server = LoopbackServer(lambda body: body["prompt"].upper() + " more")
    assert listen(server, asked).pieces == ["ONCE", " more"]


# -- troubles


@pytest.mark.parametrize(
    "fault",
    ["429", "500", "503", "wrong_type", "empty", "drop", "malformed", "error", "unfinished"],
)
def test_before_the_first_piece_a_trouble_costs_one_call_more(fault):
    server = LoopbackServer(
        lambda body: "Word.",
        faults=Faults(**{f"rate_{fault}": 1.0}, faulty_attempts=1, retry_after_s=0.01),
    )
    heard = listen(server)
    assert (heard.text, heard.error) == ("Word.", None)
    assert server.stats.requests == 2


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("drop", "hung up"),
        ("malformed", "not a JSON object"),
        ("error", "the model has crashed"),
        ("unfinished", "without a finish reason"),
    ],
)
def test_after_the_first_piece_a_trouble_is_the_end_and_no_answer(fault, told):
    server = serving(faults=Faults(**{f"rate_{fault}": 1.0}))
    heard = listen(server)
    half = " ".join(WORDS[: len(WORDS) // 2])
    assert heard.text == half
    assert heard.reply is None
    assert isinstance(heard.error, ReplyError)
    assert heard.error.reason == "broken_off"
    assert f"the answer broke off after {len(half)} characters: " in heard.error.message
    assert told in heard.error.message
    assert heard.error.usage.output_tokens > 2
    assert server.stats.requests == 1


def test_a_trouble_that_stays_is_told_after_the_retries():
    server = LoopbackServer(lambda body: "Word.", faults=Faults(rate_unfinished=1.0))
    heard = listen(server)
    assert heard.error.reason == "malformed"
    assert server.stats.requests == 3


def test_retry_after_is_kept_to():
    server = serving(
        faults=Faults(rate_429=1.0, faulty_attempts=1, retry_after_s=0.5), keep_arrivals=True
    )
    assert listen(server).text == TEXT
    first, second = server.stats.arrivals
    assert 0.49 < second - first < 10.0


def test_a_stream_that_stalls_ends_at_the_deadline():
    began = time.perf_counter()
    heard = listen(serving(streaming=Streaming(piece_s=0.3)), deadline_s=1.0)
    assert 0.9 < time.perf_counter() - began < 5.0
    assert "no whole reply in 1 s" in heard.error.message
    assert heard.error.reason == "broken_off"
    assert 0 < len(heard.pieces) < len(WORDS)


def test_a_server_that_never_begins_is_left_at_the_deadline():
    server = serving(faults=Faults(rate_timeout=1.0))
    began = time.perf_counter()
    heard = listen(server, deadline_s=0.5)
    assert time.perf_counter() - began < 5.0
    assert heard.error.reason == "timeout"


def test_a_refused_key_is_told_as_such():
    heard = listen(serving(key="right"), environment={"K": CANARY}, api_key="${K}")
    assert isinstance(heard.error, AuthenticationError)
    assert "K" in heard.error.hint


class Echoing(LoopbackServer):
    """Refuses everything, and repeats the key."""

    def refused(self, body: bytes):
        return 400, orjson.dumps({"error": {"message": f"{CANARY} may not"}})


def test_a_refusal_that_repeats_the_key_is_told_without_it():
    heard = listen(Echoing(), environment={"K": CANARY}, api_key="${K}")
    assert "[key] may not" in heard.error.message
    found = traceback.TracebackException.from_exception(heard.error, capture_locals=True)
    assert CANARY not in "".join(found.format())


def test_streams_that_are_heard_to_their_end_share_a_connection():
    server = serving(streaming=Streaming(piece_s=0.01))
    listen(server, *[request(f"{n}") for n in range(5)])
    assert server.stats.hung_up == 0
    assert server.stats.connections == 1


def test_a_key_that_the_answer_repeats_is_hidden_though_it_comes_in_bits():
    async def by_letter(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        for letter in f"It is {CANARY}.":
            chunk = {"choices": [{"index": 0, "delta": {"content": letter}}]}
            writer.write(b"data: " + orjson.dumps(chunk) + b"\n\n")
            await writer.drain()
        writer.write(b'data: {"choices": [{"delta": {}, "finish_reason": "stop"}]}\n\n')
        await writer.drain()

    heard = with_raw_server(by_letter, environment={"K": CANARY}, api_key="${K}")
    assert heard.text == "It is [key]."


def with_raw_server(answer, *, environment=None, **settings) -> Heard:
    """What is heard from a server that writes bytes."""

    async def scene() -> Heard:
        closed = asyncio.Event()

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await answer(reader, writer)
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
            closed.set()

        async with await asyncio.start_server(handle, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            endpoint = Endpoint.model_validate(
                {"base_url": f"http://127.0.0.1:{port}/v1", "model": "m", **settings}
            )
            async with EndpointClient(endpoint, environment=environment) as client:
                heard = await hear(client, Heard(), request())
            await asyncio.wait_for(closed.wait(), 10)
            return heard

    return asyncio.run(scene())


@pytest.mark.parametrize(
    ("more", "hangs_up"), [(b"", True), (b"", False), (b"data: [DONE]\n\n", False)]
)
def test_what_is_lost_behind_the_last_word_is_not_missed(more, hangs_up, monkeypatch):
    monkeypatch.setattr(exchange_module, "_AFTER_TEXT_S", 0.2)

    async def forgetful(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        chunk = {"choices": [{"delta": {"content": "All of it."}, "finish_reason": "stop"}]}
        event = b"data: " + orjson.dumps(chunk) + b"\n\n"
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + event + more)
        await writer.drain()
        if not hangs_up:
            with contextlib.suppress(ConnectionError):
                await reader.read()

    began = time.perf_counter()
    heard = with_raw_server(forgetful)
    assert time.perf_counter() - began < 4.0
    assert heard.reply.text == "All of it."
    assert heard.reply.estimated


def test_cancelled_the_client_hangs_up_at_once():
    server = serving(streaming=Streaming(piece_s=0.05))

    async def scene() -> float:
        async with server, opened(server, concurrency=1) as client:
            first = asyncio.Event()
            task = asyncio.create_task(client.stream(request(), lambda piece: first.set()))
            await asyncio.wait_for(first.wait(), 10)
            began = time.perf_counter()
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            while not server.stats.hung_up:
                await asyncio.sleep(0.005)
            took = time.perf_counter() - began
            # Its slot is free again.
            assert (await client.stream(request(), lambda piece: None)).text == TEXT
            return took

    assert asyncio.run(scene()) < 5.0


# -- fields that not every server knows


def test_settings_that_are_set_are_sent_and_others_are_not():
    server = Watching()
    listen(server, request(), request(top_k=7, seed=3))
    plain, full = server.bodies
    assert plain["stream_options"] == {"include_usage": True}
    assert not {"top_k", "seed"} & set(plain)
    assert (full["top_k"], full["seed"]) == (7, 3)


def test_a_server_that_refuses_to_count_is_asked_without_from_then_on():
    server = Watching(refuse_fields=("stream_options",))
    heard = listen(server, request("a"), request("b"))
    assert heard.text == TEXT
    assert heard.reply.estimated
    assert ["stream_options" in body for body in server.bodies] == [True, False, False]
    assert heard.warnings == []


def test_refused_settings_are_dropped_once_with_a_warning_each_and_for_the_whole_chat():
    server = Watching(refuse_fields=("top_k", "seed", "stream_options"))
    heard = listen(server, request("a", top_k=7, seed=3), request("b", top_k=7, seed=3))
    assert heard.text == TEXT
    assert len(server.bodies) == 3
    [warning] = heard.warnings
    assert warning.startswith("m refuses top_k and seed and is asked without: HTTP 400")


def test_only_the_setting_that_is_named_is_dropped():
    server = Watching(refuse_fields=("top_k",))
    heard = listen(server, request(top_k=7, seed=3))
    assert heard.text == TEXT
    assert server.bodies[-1]["seed"] == 3
    assert "stream_options" in server.bodies[-1]
    assert "refuses top_k and" in heard.warnings[0]


def test_a_server_that_refuses_streams_is_asked_for_whole_replies():
    server = Watching(refuse_fields=("stream",))
    heard = listen(server)
    assert heard.pieces == [TEXT]
    assert "stream_options" not in server.bodies[-1]


class Vague(Watching):
    """Refuses options of streams, and does not say that it is them."""

    def refused(self, body: bytes):
        super().refused(body)
        if b"stream_options" in body or b"bad" in body:
            return 422, orjson.dumps({"detail": "Extra inputs are not permitted"})
        return None


def test_a_refusal_that_names_nothing_is_tried_once_without_counting():
    server = Vague()
    heard = listen(server, request("a"), request("b"))
    assert heard.text == TEXT
    assert ["stream_options" in body for body in server.bodies] == [True, False, False]
    other = Vague()
    assert listen(other, request("bad")).error.reason == "bad_request"
    assert len(other.bodies) == 2


def test_a_refusal_of_something_else_is_not_tried_again_once_streams_work():
    class Later(Watching):
        def refused(self, body: bytes):
            super().refused(body)
            return (400, b'{"error": "no images"}') if b"image" in body else None

    server = Later()
    heard = listen(server, request("a"), request("image"))
    assert heard.error.reason == "bad_request"
    assert len(server.bodies) == 2


def test_seed_and_top_k_reach_a_server_that_is_asked_for_whole_replies_too():
    server = Watching(refuse_fields=("seed",))
    warned: list[str] = []

    async def scene() -> ChatReply:
        async with server, opened(server, warn=warned.append) as client:
            return await client.reply(request(top_k=7, seed=3))

    assert asyncio.run(scene()).text == TEXT
    assert [body.get("seed") for body in server.bodies] == [3, None]
    assert server.bodies[-1]["top_k"] == 7
    assert "stream" not in server.bodies[-1]
    assert len(warned) == 1


def test_a_field_of_extra_body_that_is_refused_is_the_users_to_take_out():
    server = Watching(refuse_fields=("top_k",))
    heard = listen(server, request(top_k=7), extra_body={"top_k": 5})
    assert heard.error.reason == "bad_request"
    assert len(server.bodies) <= 3


def test_a_client_that_is_not_open_does_not_stream():
    closed = EndpointClient(Endpoint(base_url="http://localhost/v1", model="m"))
    with pytest.raises(EndpointError, match="not open"):
        asyncio.run(closed.stream(request(), print))
