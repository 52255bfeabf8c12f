"""The embeddings route: bodies, answers, and the client that asks."""

from __future__ import annotations

import asyncio
import base64
import struct

import orjson
import pytest

from wellread.errors import AuthenticationError, ModelError
from wellread.llm.client import EndpointClient
from wellread.llm.embeddings import (
    EmbeddingReply,
    EmbeddingRequest,
    embedding_body,
    read_embeddings,
)
from wellread.llm.endpoint import Endpoint
from wellread.llm.server import Faults, LoopbackServer, hashed_vector
from wellread.llm.wire import Answer, Problem

TWO = EmbeddingRequest(("one", "two"))


def answer(*rows: object, **more: object) -> bytes:
    return orjson.dumps({"data": list(rows), **more})


def test_the_body_holds_the_texts_and_what_the_endpoint_adds_or_takes_out():
    endpoint = Endpoint(
        base_url="http://127.0.0.1:1/v1", model="m", extra_body={"dimensions": None, "user": "u"}
    )
    body = orjson.loads(embedding_body(endpoint, EmbeddingRequest(("a", "ü"), 8)))
    assert body == {"input": ["a", "ü"], "model": "m", "user": "u"}


def test_vectors_come_back_in_the_order_of_the_texts_whatever_the_order_of_the_answer():
    body = answer({"index": 1, "embedding": [2, 0]}, {"index": 0, "embedding": [1.5, 0]})
    found = read_embeddings(TWO, 200, "", body)
    assert isinstance(found, Answer)
    assert found.reply.vectors == ((1.5, 0.0), (2.0, 0.0))


def test_rows_that_do_not_tell_their_order_come_in_it():
    for told in ({}, {"index": 0}, {"index": None}):
        body = answer({"embedding": [1.0], **told}, {"embedding": [2.0], **told})
        found = read_embeddings(TWO, 200, "", body)
        assert isinstance(found, Answer)
        assert found.reply.vectors == ((1.0,), (2.0,))


def test_rows_for_texts_that_were_not_asked_about_are_a_problem():
    for told in ((0, 2), (1, 2), (-1, 0), (0, None), ("0", "1"), ([0], [1])):
        rows = ({"embedding": [1.0], "index": index} for index in told)
        found = read_embeddings(TWO, 200, "", answer(*rows))
        assert isinstance(found, Problem)
        assert "vectors for 2 texts" in found.message


def test_vectors_may_be_written_as_base64():
    packed = base64.b64encode(struct.pack("<2f", 0.5, -1)).decode()
    found = read_embeddings(EmbeddingRequest(("a",)), 200, "", answer({"embedding": packed}))
    assert isinstance(found, Answer)
    assert found.reply.vectors == ((0.5, -1.0),)


@pytest.mark.parametrize(
    ("body", "trouble", "said"),
    [
        (b"<html>", "broken", "not JSON"),
        (b"[]", "broken", "no list 'data'"),
        (answer({"embedding": [1.0]}), "unusable", "1 vectors for 2 texts"),
        (answer({"embedding": [1.0]}, {"embedding": [1.0, 2.0]}), "unusable", "different sizes"),
        (answer({"embedding": [1.0]}, {"embedding": None}), "unusable", "no list of finite"),
        (answer({"embedding": [1.0]}, {"embedding": "%"}), "unusable", "no list of finite"),
        (answer({"embedding": [1.0]}, {"embedding": [None]}), "unusable", "no list of finite"),
    ],
)
def test_an_answer_that_is_no_vector_for_each_text_is_a_problem(body, trouble, said):
    found = read_embeddings(TWO, 200, "", body)
    assert isinstance(found, Problem)
    assert found.trouble == trouble
    assert said in found.message


def test_another_size_than_asked_for_is_a_problem():
    request = EmbeddingRequest(("a",), 3)
    found = read_embeddings(request, 200, "", answer({"embedding": [1.0, 2.0]}))
    assert isinstance(found, Problem)
    assert "where 3 was asked for" in found.message


def embed(server: LoopbackServer, texts: tuple[str, ...], **options: object) -> EmbeddingReply:
    async def ask() -> EmbeddingReply:
        endpoint = Endpoint(base_url=server.base_url, model="m", **options)
        kept: list[EmbeddingReply] = []

        async def keep(reply: EmbeddingReply) -> None:
            kept.append(reply)

        async with EndpointClient(endpoint, environment={"KEY": "right"}) as client:
            reply = await client.embed_and_keep(EmbeddingRequest(texts), keep)
        assert kept == [reply]
        return reply

    return asyncio.run(ask())


@pytest.mark.parametrize("fault", ["429", "500", "malformed", "drop", "empty"])
def test_the_client_asks_again_after_a_fault_that_passes(fault):
    faults = Faults(**{f"rate_{fault}": 1.0}, retry_after_s=0.01, faulty_attempts=1)
    with LoopbackServer(faults=faults) as server:
        reply = embed(server, ("a pump", "a valve"))
        assert server.stats.requests == 2
    assert reply.vectors[1] == tuple(hashed_vector("a valve", len(reply.vectors[1])))


def test_a_refused_key_stops_at_once_and_is_not_shown():
    with LoopbackServer(key="another") as server:
        with pytest.raises(AuthenticationError) as caught:
            embed(server, ("a",), api_key="${KEY}")
        assert server.stats.requests == 1
    assert "right" not in str(caught.value)


def test_a_server_without_the_route_is_named():
    with LoopbackServer(models=("other",)) as server:
        with pytest.raises(ModelError, match="knows no such model or path"):
            embed(server, ("a",))
