"""The loopback server that users' tests stand on."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections import Counter

import pytest
from pydantic import BaseModel, Field

from wellread.llm.server import Faults, LoopbackServer, default_answer, fill_schema
from wellread.llm.server_stream import Streaming


def post(url: str, body: dict) -> dict:
    asked = urllib.request.Request(url, json.dumps(body).encode(), method="POST")
    with urllib.request.urlopen(asked, timeout=10) as answer:
        return json.load(answer)


def chat(text: str) -> dict:
    return {"model": "m", "messages": [{"role": "user", "content": text}]}


def test_it_answers_other_clients_and_counts_what_they_ask():
    with LoopbackServer() as server:
        for text in ("a", "b", "a"):
            answer = post(f"{server.base_url}/chat/completions", chat(text))
            assert answer["choices"][0]["message"]["content"].endswith(f"to: {text}")
        assert server.stats.by_key == {"a": 2, "b": 1}
        with urllib.request.urlopen(f"{server.base_url}/stats") as told:
            assert json.load(told)["requests"] == 3


def streamed(url: str, **more) -> list[str]:
    """The lines of a stream that hold something."""
    body = json.dumps(chat("a") | {"stream": True, **more}).encode()
    asked = urllib.request.Request(url, body, method="POST")
    with urllib.request.urlopen(asked, timeout=10) as answer:
        assert answer.headers["Content-Type"] == "text/event-stream"
        return [line.strip().decode() for line in answer if line.strip()]


def test_it_streams_to_other_clients_and_counts_where_it_is_asked_to():
    with LoopbackServer(lambda request: "One two.") as server:
        url = f"{server.base_url}/chat/completions"
        plain = streamed(url)
        counted = streamed(url, stream_options={"include_usage": True})
    *events, done = [line.removeprefix("data: ") for line in plain]
    choices = [json.loads(event)["choices"][0] for event in events]
    assert done == "[DONE]"
    assert [choice["delta"] for choice in choices] == [{"content": "One"}, {"content": " two."}, {}]
    assert [choice["finish_reason"] for choice in choices] == [None, None, "stop"]
    assert len(counted) == len(plain) + 1
    last = json.loads(counted[-2].removeprefix("data: "))
    assert (last["choices"], last["usage"]["completion_tokens"]) == ([], 2)


def test_pings_and_line_ends_are_as_the_style_says():
    with LoopbackServer(lambda request: "One.", streaming=Streaming(pings=True)) as server:
        lines = streamed(f"{server.base_url}/chat/completions")
    assert lines[::2] == [": ping"] * 3


def test_a_request_that_arrives_in_pieces_is_read_whole():
    import socket

    body = json.dumps(chat("piecewise")).encode()
    whole = (
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)
    ) + body
    with LoopbackServer() as server, socket.create_connection(("127.0.0.1", server.port)) as wire:
        for at in range(0, len(whole), 7):
            wire.sendall(whole[at : at + 7])
        assert b"to: piecewise" in wire.recv(65536)


def test_it_listens_on_loopback_only():
    with LoopbackServer() as server:
        assert server._server.sockets[0].getsockname()[0] == "127.0.0.1"


def test_a_script_that_fails_is_an_error_and_not_a_hang():
    with LoopbackServer(lambda body: body["no such field"]) as server:
        with pytest.raises(urllib.error.HTTPError, match="500"):
            post(f"{server.base_url}/chat/completions", chat("a"))


RATES = Faults(seed=5, rate_429=0.1, rate_500=0.1, rate_cut=0.05)


def test_faults_follow_from_the_request_and_the_attempt_alone():
    drawn = Counter(RATES.of(f"{n}".encode(), attempt) for n in range(2000) for attempt in (0, 1))
    assert drawn == Counter(
        RATES.of(f"{n}".encode(), attempt) for attempt in (1, 0) for n in reversed(range(2000))
    )
    assert 300 < drawn["429"] < 500
    assert 300 < drawn["500"] < 500
    assert 130 < drawn["cut"] < 270


def test_another_seed_draws_other_faults():
    other = Faults(seed=6, rate_429=0.1, rate_500=0.1, rate_cut=0.05)
    bodies = [f"{n}".encode() for n in range(200)]
    assert [RATES.of(body, 0) for body in bodies] != [other.of(body, 0) for body in bodies]


class Part(BaseModel):
    name: str
    size: int = Field(ge=3)
    tags: list[str] = Field(min_length=2)


class Whole(BaseModel):
    parts: list[Part] = Field(min_length=1)
    kind: bool
    note: str | None = None


def test_a_schema_is_filled_with_what_it_allows():
    schema = Whole.model_json_schema()
    filled = Whole.model_validate(fill_schema(schema, schema["$defs"], "word"))
    assert filled.parts[0].size == 3


def test_a_reply_stays_the_same_when_it_is_sent_back_to_be_mended():
    asked = chat("What?")
    again = {"messages": [*asked["messages"], {"role": "assistant", "content": "bad"}]}
    again["messages"].append({"role": "user", "content": "Mend it."})
    assert default_answer(asked) == default_answer(again)


def test_it_runs_as_a_command():
    command = [
        sys.executable,
        "-m",
        "wellread.llm.server",
        "--rate-500",
        "1.0",
        "--latency",
        "0.001",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        url = process.stdout.readline().strip()
        with pytest.raises(urllib.error.HTTPError, match="500"):
            post(f"{url}/chat/completions", chat("a"))
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 0
