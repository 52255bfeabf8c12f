"""The client against a server on loopback: what it does with each trouble."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import io
import logging
import socket
import sys
import traceback
from collections import Counter

import orjson
import pytest

from wellread.errors import AuthenticationError, EndpointError, ModelError, ReplyError
from wellread.llm import client as client_module
from wellread.llm import exchange as exchange_module
from wellread.llm.chat import ChatReply, ChatRequest, Message, Sampling
from wellread.llm.client import EndpointClient
from wellread.llm.endpoint import Endpoint
from wellread.llm.server import Faults, LoopbackServer

CANARY = "sk-CANARY0123456789abcdef"
SCHEMA = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch):
    """Backoff in milliseconds; what is tested is that there is one."""
    monkeypatch.setattr(client_module, "_BACKOFF_S", 0.002)


def endpoint(server: LoopbackServer, **more) -> Endpoint:
    return Endpoint.model_validate({"base_url": server.base_url, "model": "m", **more})


def request(text: str = "Hello?", **more) -> ChatRequest:
    return ChatRequest((Message("user", text),), **more)


async def ask_all(server: LoopbackServer, requests, environment=None, **more) -> list:
    async with EndpointClient(endpoint(server, **more), environment=environment) as client:
        return await asyncio.gather(*map(client.reply, requests), return_exceptions=True)


def serve_and_ask(server: LoopbackServer, requests, environment=None, **more) -> list:
    async def scene() -> list:
        async with server:
            return await ask_all(server, requests, environment, **more)

    return asyncio.run(scene())


def texts(replies: list) -> list[str]:
    return [reply.text if isinstance(reply, ChatReply) else repr(reply) for reply in replies]


def many(count: int = 200) -> list[ChatRequest]:
    return [request(f"Record {n}") for n in range(count)]


def test_a_reply_comes_back_with_the_servers_usage():
    [reply] = serve_and_ask(LoopbackServer(lambda body: "Hi " + body["model"]), [request()])
    assert reply.text == "Hi m"
    assert (reply.usage.input_tokens, reply.usage.output_tokens) == (2, 1)


def test_a_completion_goes_the_text_route():
    [reply] = serve_and_ask(
        LoopbackServer(lambda body: body["prompt"].upper()), [request("once", completion=True)]
    )
    assert reply.text == "ONCE"


def test_a_server_that_does_not_count_has_its_replies_marked_as_estimated():
    [reply] = serve_and_ask(LoopbackServer(count_usage=False), [request()])
    assert reply.estimated
    assert reply.usage.output_tokens > 0


FAULTS = {
    "429": Faults(rate_429=0.2, retry_after_s=0.05),
    "429 without a wait": Faults(rate_429=0.2),
    "500": Faults(rate_500=0.2),
    "503": Faults(rate_503=0.2),
    "drop": Faults(rate_drop=0.2),
    "malformed": Faults(rate_malformed=0.2),
    "wrong type": Faults(rate_wrong_type=0.2),
    "empty": Faults(rate_empty=0.2),
    "an error of status 200": Faults(rate_error=0.2),
    "length": Faults(rate_length=0.04),
    "timeout": Faults(rate_timeout=0.1),
}


@pytest.mark.parametrize("faults", FAULTS.values(), ids=FAULTS)
def test_a_trouble_that_passes_costs_one_call_more_and_changes_nothing(faults):
    clean = texts(serve_and_ask(LoopbackServer(), many()))
    server = LoopbackServer(faults=faults)
    assert texts(serve_and_ask(server, many(), timeout_s=0.5)) == clean
    made = Counter(server.stats.by_fault)
    assert made.total() - made["none"] > 5
    assert made["none"] == 200


def test_unusable_replies_are_paid_for_and_so_counted():
    server = LoopbackServer(faults=Faults(rate_length=0.2, seed=1))
    replies = serve_and_ask(server, many(40))
    clean = serve_and_ask(LoopbackServer(), many(40))
    more = [
        reply.usage.output_tokens - other.usage.output_tokens
        for reply, other in zip(replies, clean, strict=True)
        if isinstance(reply, ChatReply)
    ]
    assert max(more) > 0
    assert min(more) == 0


def test_a_reply_that_stays_cut_off_is_an_error_that_knows_what_it_cost():
    server = LoopbackServer(faults=Faults(rate_length=1.0))
    [error] = serve_and_ask(server, [request()])
    assert isinstance(error, ReplyError)
    assert error.reason == "truncated"
    assert error.usage.output_tokens > 0
    assert server.stats.requests == 3


def test_a_reply_drawn_at_temperature_zero_is_not_drawn_again():
    server = LoopbackServer(faults=Faults(rate_length=1.0))
    serve_and_ask(server, [request(sampling=Sampling(temperature=0.0))])
    assert server.stats.requests == 1


def test_retries_are_limited():
    server = LoopbackServer(faults=Faults(rate_500=1.0, faulty_attempts=99))
    [error] = serve_and_ask(server, [request()], max_retries=3)
    assert type(error) is ModelError
    assert error.reason == "server_error"
    assert server.stats.requests == 4


def test_a_deadline_ends_all_waiting():
    server = LoopbackServer(faults=Faults(rate_429=1.0, retry_after_s=5.0, faulty_attempts=99))
    [error] = serve_and_ask(server, [request()], deadline_s=2.0)
    assert error.reason == "rate_limited"
    assert server.stats.requests == 1


@pytest.mark.parametrize("status", [400, 413, 422])
def test_what_cannot_succeed_is_not_tried_again(status):
    server = Refusing(status)
    [error] = serve_and_ask(server, [request()])
    assert type(error) is ModelError
    assert error.reason == "bad_request"
    assert server.stats.requests == 1


class Refusing(LoopbackServer):
    """A server that answers everything with one status."""

    def __init__(self, status: int, text: str = "no", after: int = 0) -> None:
        super().__init__()
        self.status, self.text, self.after = status, text, after

    def refused(self, body: bytes):
        if self.stats.requests <= self.after:
            return None
        return self.status, orjson.dumps({"error": {"message": self.text}})


def test_an_unknown_model_stops_everyone_with_a_hint():
    server = LoopbackServer(models=("other",))
    errors = serve_and_ask(server, many(20), concurrency=2)
    assert {type(error) for error in errors} == {EndpointError}
    assert "model" in errors[0].hint
    assert "does not exist" in errors[0].message
    assert server.stats.requests <= 2


def test_an_account_without_credit_stops_everyone():
    server = Refusing(429, "You exceeded your quota: insufficient_quota")
    errors = serve_and_ask(server, many(20), concurrency=2)
    assert {error.reason for error in errors} == {"no_credit"}
    assert server.stats.requests <= 2


def test_where_every_request_is_rejected_the_run_stops_instead_of_failing_them_all():
    server = Refusing(400, "Unsupported parameter: max_tokens")
    errors = serve_and_ask(server, many(200), concurrency=4)
    assert Counter(type(error) for error in errors)[EndpointError] > 150
    assert server.stats.requests < 30
    assert "extra_body" in errors[-1].hint


def test_one_forbidden_request_is_that_records_trouble_and_three_are_everyones():
    [error] = serve_and_ask(Refusing(403), [request()])
    assert type(error) is ModelError
    errors = serve_and_ask(Refusing(403), many(20), concurrency=1)
    assert [type(error) for error in errors[:3]] == [ModelError, ModelError, AuthenticationError]
    assert {type(error) for error in errors[3:]} == {AuthenticationError}


def test_a_refused_key_stops_everyone():
    server = LoopbackServer(key="sk-right")
    errors = serve_and_ask(server, many(50), {"K": CANARY}, api_key="${K}", concurrency=3)
    assert {type(error) for error in errors} == {AuthenticationError}
    assert server.stats.requests <= 3
    assert "K" in errors[0].hint


def test_the_right_key_is_sent():
    server = LoopbackServer(key="sk-right")
    [reply] = serve_and_ask(server, [request()], {"K": "sk-right"}, api_key="${K}")
    assert isinstance(reply, ChatReply)


def test_the_key_is_nowhere_even_where_the_server_repeats_it(caplog, capfd, monkeypatch):
    caplog.set_level(logging.DEBUG)
    shown = io.StringIO()

    def show(errors: list) -> None:
        for error in errors:
            chain: BaseException | None = error
            while chain is not None:
                found = traceback.TracebackException.from_exception(chain, capture_locals=True)
                shown.write("".join(found.format()) + repr(chain) + repr(vars(chain)))
                chain = chain.__cause__ or chain.__context__

    monkeypatch.setenv("K", CANARY)
    for server in (
        LoopbackServer(key="sk-right"),
        Refusing(400, f"odd request with {CANARY}"),
        Refusing(500, f"trouble with {CANARY}"),
        Refusing(403, f"{CANARY} may not"),
        Refusing(404, f"{CANARY} is not here"),
        LoopbackServer(faults=Faults(rate_drop=1.0)),
        LoopbackServer(faults=Faults(rate_timeout=1.0)),
    ):

        async def scene(server=server) -> None:
            async with server:
                client = EndpointClient(
                    endpoint(server, api_key="${K}", max_retries=1, timeout_s=0.3)
                )
                async with client:
                    show([await attempt(client)])
                    shown.write(repr(client) + repr(client.endpoint) + repr(vars(client)))

        asyncio.run(scene())
    [reply] = serve_and_ask(
        LoopbackServer(lambda body: f"Your key is {CANARY}."),
        [request()],
        {"K": CANARY},
        api_key="${K}",
    )
    assert reply.text == "Your key is [key]."
    gc.collect()
    out, err = capfd.readouterr()
    assert CANARY not in shown.getvalue() + caplog.text + out + err
    assert shown.getvalue().count("Error") > 6


async def attempt(client: EndpointClient) -> BaseException:
    try:
        await client.reply(request())
    except ModelError as error:
        return error
    raise RuntimeError("it was meant to fail")


def test_a_schema_is_asked_for_and_the_reply_follows_it():
    [reply] = serve_and_ask(LoopbackServer(), [request(schema=SCHEMA)])
    assert orjson.loads(reply.text) == {"ok": True}


def test_a_server_that_refuses_schemas_is_asked_without_from_then_on():
    server = LoopbackServer(refuse_schema=True)

    async def scene() -> list[ChatReply]:
        async with server, EndpointClient(endpoint(server)) as client:
            return [await client.reply(request(f"{n}", schema=SCHEMA)) for n in range(5)]

    assert len(asyncio.run(scene())) == 5
    assert server.stats.requests == 6


def test_a_bad_request_of_one_record_does_not_give_up_schemas_for_the_others():
    server = Picky()

    async def scene() -> None:
        async with server, EndpointClient(endpoint(server)) as client:
            with pytest.raises(ModelError):
                await client.reply(request("bad", schema=SCHEMA))
            await client.reply(request("good", schema=SCHEMA))
            with pytest.raises(ModelError):
                await client.reply(request("bad again", schema=SCHEMA))

    asyncio.run(scene())
    # Three forms for the first, since it might have been the form; one each once it has worked.
    assert server.stats.requests == 5
    assert server.forms == ["json_schema", "json_object", None, "json_schema", "json_schema"]


class Picky(LoopbackServer):
    """Rejects requests about something bad."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[str | None] = []

    def refused(self, body: bytes):
        self.forms.append(orjson.loads(body).get("response_format", {}).get("type"))
        return (400, orjson.dumps({"error": "bad"})) if b"bad" in body else None


@pytest.mark.parametrize("form", ["json_object", "none"])
def test_the_form_that_the_settings_name_is_used_from_the_start(form):
    server = Picky()
    serve_and_ask(server, [request(schema=SCHEMA)], structured_output=form)
    assert server.forms == [form if form != "none" else None]


def test_an_address_where_nobody_is_stops_everyone_soon(monkeypatch):
    monkeypatch.setattr("wellread.llm.limiter._NOBODY_S", 0.05)
    monkeypatch.setattr("wellread.llm.limiter._PROBE_S", 0.02)
    with contextlib.closing(socket.socket()) as unused:
        unused.bind(("127.0.0.1", 0))
        server = LoopbackServer(port=unused.getsockname()[1])
        errors = asyncio.run(ask_all(server, many(20)))
    assert {type(error) for error in errors} == {EndpointError}
    assert "nobody answers" in errors[0].message
    assert "start the server" in errors[0].hint


def test_a_wait_longer_than_patience_stops_everyone():
    server = LoopbackServer(faults=Faults(rate_429=1.0, retry_after_s=86_400))
    errors = serve_and_ask(server, many(20), concurrency=2)
    assert {type(error) for error in errors} == {EndpointError}
    assert "86,400 s" in errors[0].message


def test_no_retry_comes_before_retry_after_and_few_ask_while_everyone_is_refused():
    server = LoopbackServer(faults=Faults(refuse_s=2.5, retry_after_s=1.0), keep_arrivals=True)
    replies = serve_and_ask(server, many(100), concurrency=32)
    assert all(isinstance(reply, ChatReply) for reply in replies)
    began = server.stats.arrivals[0]
    refused = [at - began for at in server.stats.arrivals if at - began < 2.5]
    first_burst = server.stats.by_fault["429"] - sum(at >= 1.0 for at in refused)
    assert first_burst <= 100
    # Between the burst that could not know and the first wait's end nobody asks.
    late = [at for at in refused if at >= 1.0]
    assert len(late) <= 3
    assert not [at for at in refused if 0.5 < at < 1.0]


def test_no_more_calls_than_the_endpoint_allows_are_in_flight():
    server = LoopbackServer(latency_s=0.005)
    serve_and_ask(server, many(100), concurrency=7)
    assert server.stats.most_in_flight == 7


def test_a_proxy_in_the_environment_is_not_used(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    [reply] = serve_and_ask(LoopbackServer(), [request()])
    assert isinstance(reply, ChatReply)


def test_a_redirect_is_not_followed_so_that_no_prompt_goes_elsewhere():
    elsewhere = LoopbackServer()

    async def redirect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        location = f"{elsewhere.base_url}/chat/completions"
        head = f"HTTP/1.1 307 Moved\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
        writer.write(head.encode())
        await writer.drain()
        writer.close()

    async def scene() -> None:
        async with elsewhere, await asyncio.start_server(redirect, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            asked = Endpoint(base_url=f"http://127.0.0.1:{port}/v1", model="m")
            async with EndpointClient(asked) as client:
                with pytest.raises(EndpointError, match="points elsewhere"):
                    await client.reply(request())

    asyncio.run(scene())
    assert elsewhere.stats.requests == 0


def test_a_mistake_of_ours_amid_a_call_shows_no_key_in_the_variables_of_its_traceback(monkeypatch):
    async def broken(response: object) -> bytes:
        raise ZeroDivisionError

    monkeypatch.setattr(exchange_module, "_read_body", broken)
    monkeypatch.setenv("K", CANARY)
    [error] = serve_and_ask(LoopbackServer(), [request()], api_key="${K}")
    assert isinstance(error, ZeroDivisionError)
    found = "".join(
        traceback.TracebackException.from_exception(error, capture_locals=True).format()
    )
    assert "headers = " in found
    assert CANARY not in found


def test_a_client_that_is_not_open_says_so():
    closed = EndpointClient(Endpoint(base_url="http://localhost/v1", model="m"))
    with pytest.raises(EndpointError, match="not open"):
        asyncio.run(closed.reply(request()))


def test_the_client_is_imported_only_where_it_is_used():
    code = "import sys, wellread.llm.parse, wellread.llm.usage; print('aiohttp' in sys.modules)"
    import subprocess

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
