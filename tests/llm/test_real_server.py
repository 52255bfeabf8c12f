"""The client against llama.cpp's server: the protocol as someone else wrote it."""

from __future__ import annotations

import asyncio

import pytest
from pydantic import BaseModel

from tests.llm.tiny_gguf import WIDTH
from wellread.errors import EndpointError, ModelError, ReplyError
from wellread.knowledge.embedders.choose import open_embedder
from wellread.knowledge.settings import EmbedderSettings
from wellread.llm.chat import ChatReply, ChatRequest, Message, Sampling
from wellread.llm.client import EndpointClient
from wellread.llm.endpoint import Endpoint
from wellread.llm.parse import ask


class Pair(BaseModel):
    question: str
    answer: str


class Pairs(BaseModel):
    suitable: bool
    pairs: tuple[Pair, Pair]


def request(text: str = "What is the warranty?", max_tokens: int = 800, **more) -> ChatRequest:
    return ChatRequest((Message("user", text),), Sampling(0.7, max_tokens=max_tokens), **more)


def reply_to(base_url: str, asked: ChatRequest, **settings) -> ChatReply:
    async def scene() -> ChatReply:
        endpoint = Endpoint(base_url=base_url, model="tiny", **settings)
        async with EndpointClient(endpoint) as client:
            return await client.reply(asked)

    return asyncio.run(scene())


def test_replies_of_a_random_model_fit_the_schema_that_was_sent(llama_server):
    async def scene() -> list:
        endpoint = Endpoint(base_url=llama_server, model="tiny", concurrency=2)
        async with EndpointClient(endpoint) as client:
            asked = [request(f"Question {n}?", schema=Pairs.model_json_schema()) for n in range(12)]
            return await asyncio.gather(*(ask(client, one, Pairs, repairs=0) for one in asked))

    found = asyncio.run(scene())
    assert len({value.model_dump_json() for value, _ in found}) > 6
    for _, [reply] in found:
        assert reply.finish_reason == "stop"
        assert reply.usage.input_tokens > 10
        assert reply.usage.output_tokens > 10
        assert not reply.estimated


def test_free_text_and_completions_come_back_with_their_usage(llama_server):
    for asked in (request(), request(completion=True)):
        try:
            reply = reply_to(llama_server, asked)
        except ReplyError as error:  # a random model may well not come to an end
            assert error.reason in {"truncated", "empty"}
        else:
            assert reply.text
            assert reply.usage.output_tokens > 0


def test_a_reply_cut_off_by_the_server_is_told(llama_server):
    asked = request(max_tokens=8, schema=Pairs.model_json_schema())
    with pytest.raises(ReplyError) as caught:
        reply_to(llama_server, asked)
    assert caught.value.reason == "truncated"


def test_a_prompt_that_does_not_fit_is_told_as_such(llama_server):
    with pytest.raises(ModelError) as caught:
        reply_to(llama_server, request("warranty " * 20_000))
    assert caught.value.reason == "context_too_long"


def test_what_is_streamed_is_what_comes_whole(llama_server):
    asked = ChatRequest(
        (Message("user", "Was heißt größer? 你好"),), Sampling(0.0, max_tokens=80), partial=True
    )

    async def scene() -> tuple[ChatReply, ChatReply, list[str]]:
        pieces: list[str] = []
        async with EndpointClient(Endpoint(base_url=llama_server, model="tiny")) as client:
            streamed = await client.stream(asked, pieces.append)
            return await client.reply(asked), streamed, pieces

    whole, streamed, pieces = asyncio.run(scene())
    assert streamed.text == "".join(pieces) == whole.text.strip()
    assert (streamed.usage, streamed.finish_reason) == (whole.usage, whole.finish_reason)
    assert not streamed.estimated
    assert len(pieces) > 10


def test_a_prompt_that_does_not_fit_is_told_before_anything_is_streamed(llama_server):
    async def scene() -> None:
        async with EndpointClient(Endpoint(base_url=llama_server, model="tiny")) as client:
            await client.stream(request("warranty " * 20_000), pytest.fail)

    with pytest.raises(ModelError) as caught:
        asyncio.run(scene())
    assert caught.value.reason == "context_too_long"


def test_a_schema_that_the_server_cannot_follow_is_asked_for_more_simply(llama_server):
    odd = {"type": "object", "properties": {"a": {"type": "no such type"}}, "required": ["a"]}
    try:
        assert reply_to(llama_server, request(schema=odd)).text
    except ReplyError as error:
        assert error.reason in {"truncated", "empty"}


def test_a_wrong_path_is_told_with_a_hint(llama_server):
    with pytest.raises(EndpointError) as caught:
        reply_to(llama_server.replace("/v1", "/v7"), request())
    assert "base_url" in caught.value.hint


def test_texts_are_embedded_in_their_order_and_what_was_paid_for_is_kept(llama_server, tmp_path):
    settings = EmbedderSettings(
        kind="endpoint", endpoint={"base_url": llama_server, "model": "tiny"}, batch_size=4
    )
    texts = [f"The pump number {n} runs dry for {n * n} seconds." for n in range(10)]
    embedder = open_embedder(settings, tmp_path / "kb")
    made = embedder.passages(texts)
    assert made.shape == (10, WIDTH)
    for text, vector in zip(texts, made, strict=True):
        assert embedder.queries([text])[0] @ vector > 0.9999
    assert (made @ made.T < 0.9999).sum() == 90
    assert embedder.meter.new_calls == 1 + 3
    with pytest.raises(ModelError, match="begins 'word word") as caught:
        embedder.passages(["short", "word " * 3000])
    assert caught.value.reason == "context_too_long"
    embedder.close()
