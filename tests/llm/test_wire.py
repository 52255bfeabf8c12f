"""The protocol as pure functions: what is sent, and what each kind of answer amounts to."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellread.errors import ModelError
from wellread.llm.chat import ChatRequest, Message, Sampling, Usage
from wellread.llm.endpoint import Endpoint
from wellread.llm.wire import Answer, Problem, read_answer, request_body, strip_thought, wait_s

ENDPOINT = Endpoint(base_url="http://localhost/v1", model="m")
REQUEST = ChatRequest((Message("system", "Be brief."), Message("user", "Hello?")))


def body(request: ChatRequest = REQUEST, form="none", **more) -> dict:
    return json.loads(request_body(ENDPOINT.model_copy(update=more), request, form))


def answer(status: int = 200, retry_after: str = "", **fields) -> Answer | Problem:
    return read_answer(REQUEST, status, retry_after, json.dumps(fields).encode())


def said(content: str | None, finish: str = "stop", **message) -> Answer | Problem:
    choice = {"message": {"content": content, **message}, "finish_reason": finish}
    return answer(choices=[choice], usage={"prompt_tokens": 7, "completion_tokens": 3})


def test_a_chat_request_has_the_fields_of_the_protocol():
    request = ChatRequest(REQUEST.messages, Sampling(0.1, 0.9, 55, ("a", "b")))
    assert body(request) == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hello?"},
        ],
        "temperature": 0.1,
        "top_p": 0.9,
        "max_tokens": 55,
        "stop": ["a", "b"],
    }


def test_at_most_four_stop_strings_are_sent():
    assert body(ChatRequest(REQUEST.messages, Sampling(stop=tuple("abcdef"))))["stop"] == [*"abcd"]


def test_a_completion_request_has_a_prompt_and_no_messages():
    sent = body(ChatRequest(REQUEST.messages, completion=True))
    assert sent["prompt"] == "Be brief.\n\nHello?"
    assert "messages" not in sent


def test_a_schema_is_asked_for_in_the_form_that_is_wanted():
    request = ChatRequest(REQUEST.messages, schema={"type": "object"})
    assert body(request, "json_schema")["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "reply", "schema": {"type": "object"}},
    }
    assert body(request, "json_object")["response_format"] == {"type": "json_object"}
    assert "response_format" not in body(request, "none")


def test_extra_fields_are_added_and_null_takes_a_field_out():
    sent = body(extra_body={"max_tokens": None, "max_completion_tokens": 9, "reasoning": {"a": 1}})
    assert "max_tokens" not in sent
    assert sent["max_completion_tokens"] == 9
    assert sent["reasoning"] == {"a": 1}


def test_text_that_is_no_unicode_cannot_be_sent_and_says_so():
    with pytest.raises(ModelError) as caught:
        body(ChatRequest((Message("user", "half \ud800 a pair"),)))
    assert caught.value.reason == "unencodable"


def test_a_whole_reply_is_read_with_the_servers_count():
    found = said("Hi.")
    assert isinstance(found, Answer)
    assert (found.reply.text, found.reply.usage) == ("Hi.", Usage(7, 3))
    assert not found.reply.estimated


def test_where_the_server_does_not_count_the_tokens_are_estimated_and_marked():
    found = answer(choices=[{"message": {"content": "Hi there."}, "finish_reason": "stop"}])
    assert isinstance(found, Answer)
    assert found.reply.estimated
    assert found.reply.usage.output_tokens > 0


def test_a_text_completion_is_read():
    found = answer(choices=[{"text": "and so on", "finish_reason": "stop"}])
    assert isinstance(found, Answer)
    assert found.reply.text == "and so on"


@pytest.mark.parametrize(
    ("found", "trouble", "reason"),
    [
        (said("cut of", "length"), "truncated", "truncated"),
        (said("", "stop"), "unusable", "empty"),
        (said(None), "unusable", "empty"),
        (said("<think>only thinking"), "unusable", "empty"),
        (said("x", "content_filter"), "rejected", "content_filter"),
        (said(None, refusal="I won't"), "rejected", "refused"),
        (answer(choices=[]), "unusable", "no_choices"),
        (answer(choices="odd"), "unusable", "no_choices"),
        (read_answer(REQUEST, 200, "", b"<html>"), "broken", "malformed"),
        (read_answer(REQUEST, 200, "", b'{"choices": [{'), "broken", "malformed"),
        (read_answer(REQUEST, 200, "", b"[]"), "broken", "malformed"),
        (answer(error={"code": 429, "message": "upstream"}), "busy", "rate_limited"),
        (answer(error={"code": 502, "message": "upstream"}), "broken", "server_error"),
        (answer(429), "busy", "rate_limited"),
        (answer(503), "busy", "rate_limited"),
        (answer(500), "broken", "server_error"),
        (answer(502), "broken", "server_error"),
        (answer(408), "broken", "server_error"),
        (answer(400, error={"message": "odd field"}), "rejected", "bad_request"),
        (answer(413), "rejected", "bad_request"),
        (answer(422), "rejected", "bad_request"),
        (
            answer(400, error={"message": "maximum context length is 4096"}),
            "rejected",
            "context_too_long",
        ),
        (answer(401), "no_key", "key_refused"),
        (answer(402), "fatal", "no_credit"),
        (answer(429, error={"code": "insufficient_quota"}), "fatal", "no_credit"),
        (answer(403), "forbidden", "forbidden"),
        (answer(404), "fatal", "not_found"),
        (answer(301), "fatal", "not_found"),
    ],
)
def test_each_kind_of_answer_is_told_apart(found, trouble, reason):
    assert isinstance(found, Problem)
    assert (found.trouble, found.reason) == (trouble, reason)


def test_an_unusable_reply_still_says_what_it_cost():
    found = said("cut of", "length")
    assert isinstance(found, Problem)
    assert found.usage == Usage(7, 3)


def test_what_a_refused_key_is_told_does_not_quote_the_server():
    found = answer(401, error={"message": "Incorrect API key provided: sk-CANARY"})
    assert isinstance(found, Problem)
    assert "CANARY" not in found.message


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("3", 3.0),
        ("0.25", 0.25),
        ("-5", 0.0),
        ("", None),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 10.0),
        ("Wed, 21 Oct 2015 07:27:00 GMT", 0.0),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(header, seconds):
    assert wait_s(header, now=1445412470.0) == seconds


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("<think>a</think>b", "b"),
        ("\n<think>\na\n</think>\n\nb", "b"),
        ("<thinking>a</thinking>b", "b"),
        ("opened by the template</think>\nb", "b"),
        ("Use <think> and </think> tags.", "Use <think> and </think> tags."),
        ("I think so.", "I think so."),
        ("<think>never ends", ""),
    ],
)
def test_reasoning_before_the_reply_is_taken_off(text, kept):
    assert strip_thought(text) == kept


@given(st.integers(100, 599), st.text(), st.binary(max_size=200))
def test_no_answer_whatever_makes_it_fail(status, header, garbage):
    assert isinstance(read_answer(REQUEST, status, header, garbage), Answer | Problem)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["choices", "message", "content", "usage", "error", "code", "text"]),
            inner,
        )
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["choices", "usage", "error"]), JSON))
def test_no_json_of_the_wrong_shape_makes_it_fail(value):
    assert isinstance(read_answer(REQUEST, 200, "", json.dumps(value).encode()), Answer | Problem)
