"""A streamed reply, read from bytes: events, pieces of text, and what the end amounts to."""

from __future__ import annotations

import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellread.llm.chat import ChatReply, ChatRequest, Message, Usage
from wellread.llm.events import EventDecoder
from wellread.llm.pieces import Pieces
from wellread.llm.streaming import StreamReader
from wellread.llm.wire import Answer, Problem, strip_thought

REQUEST = ChatRequest((Message("user", "Hello?"),), partial=True)
KEY = "sk-CANARY/0123456789"


def event(value: object) -> bytes:
    return b"data: " + orjson.dumps(value) + b"\n\n"


def said(text: str, finish: str | None = None) -> bytes:
    return event({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish}]})


def finish(reason: str = "stop") -> bytes:
    return event({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})


DONE = b"data: [DONE]\n\n"
USAGE = event({"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 3}})


def read(
    body: bytes, size: int = 0, *, key: str | None = None, request: ChatRequest = REQUEST
) -> tuple[Answer[ChatReply] | Problem, list[str]]:
    """What a body amounts to that arrives in bits of `size` bytes, and the pieces told."""
    told: list[str] = []
    reader = StreamReader(request, key, told.append)
    for start in range(0, len(body), size or max(1, len(body))):
        if not reader.take(body[start : start + (size or len(body))]):
            break
    return reader.end(), told


def reply(body: bytes, size: int = 0, **more) -> ChatReply:
    found, told = read(body, size, **more)
    assert isinstance(found, Answer), found
    assert "".join(told) == found.reply.text
    return found.reply


def problem(body: bytes, **more) -> Problem:
    found, _ = read(body, **more)
    assert isinstance(found, Problem), found
    return found


# -- whole answers


def test_the_text_comes_with_the_servers_usage_and_reason():
    body = said("Hello") + said(" there.") + finish("length") + USAGE + DONE
    found = reply(body)
    assert found == ChatReply("Hello there.", "length", Usage(7, 3))
    assert read(body)[1] == ["Hello", " there."]


def test_usage_may_come_with_the_last_choice_and_is_estimated_where_it_does_not_come():
    last = {"choices": [{"index": 0, "delta": {"content": "Hi"}, "finish_reason": "stop"}]}
    counted = last | {"usage": {"prompt_tokens": 5, "completion_tokens": 1}}
    assert reply(event(counted) + DONE).usage == Usage(5, 1)
    guessed = reply(event(last | {"usage": None}) + DONE)
    assert guessed.estimated
    assert guessed.usage.output_tokens == 1


@pytest.mark.parametrize("size", [1, 2, 3, 5, 64])
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_it_may_be_cut_anywhere_even_within_a_character(size, end):
    text = "Größe: 你好 🙂 — naïve."
    body = b": ping\n\n" + b"".join(map(said, text)) + finish() + b": ping\n" + USAGE + DONE
    body = body.replace(b"\n", end)
    assert reply(body, size).text == text
    assert reply(body, size).usage == Usage(7, 3)


def test_characters_that_the_server_cuts_are_put_together():
    cut_bytes = b"".join(
        b'data: {"choices": [{"delta": {"content": "' + bytes([byte]) + b'"}}]}\n\n'
        for byte in "é🙂".encode()
    )
    assert reply(cut_bytes + finish() + DONE).text == "é🙂"
    halves = "".join(
        'data: {"choices": [{"delta": {"content": "HALF"}}]}\n\n'.replace("HALF", half)
        for half in ("\\ud83d", "\\ude42")
    )
    assert reply(halves.encode() + said("!") + finish() + DONE).text == "🙂!"
    alone = b'data: {"choices": [{"delta": {"content": "a\\ud83db"}}]}\n\n'
    assert reply(alone + finish() + DONE).text == "a\ufffdb"


def test_an_event_may_span_lines_have_names_and_lack_its_last_empty_line():
    body = b'\xef\xbb\xbfdata: {"choices": [{"delta":\ndata:  {"content": "Hi"}}]}\n\n'
    body += b"id: 4\nretry: 10\nevent: message\n" + finish()
    body += b"data: [DONE]"
    assert reply(body).text == "Hi"


def test_other_choices_reasoning_and_empty_parts_are_passed_over():
    body = event({"choices": [], "prompt_filter_results": []})
    body += event({"choices": [{"index": 0, "delta": {"role": "assistant", "content": None}}]})
    body += event({"choices": [{"index": 0, "delta": {"reasoning_content": "Let me see."}}]})
    body += event({"choices": [{"index": 1, "delta": {"content": "Another."}}]})
    assert reply(body + said("Yes.") + finish() + DONE).text == "Yes."


def test_a_text_completion_is_streamed_too():
    body = event({"choices": [{"index": 0, "text": "On", "finish_reason": None}]})
    body += event({"choices": [{"index": 0, "text": "ce.", "finish_reason": "stop"}]})
    assert reply(body + DONE).text == "Once."


def test_a_finish_reason_is_an_end_without_done_too():
    assert reply(said("All of it.") + finish()).text == "All of it."


def test_nothing_behind_done_is_read():
    found, told = read(
        said("Hi") + finish() + DONE + said("more") + event({"error": {"message": "x"}})
    )
    assert (told, isinstance(found, Answer)) == (["Hi"], True)


def test_a_server_that_does_not_stream_is_read_all_the_same():
    whole = {
        "choices": [{"message": {"content": "<think>Hm.</think> Whole."}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 4, "completion_tokens": 2},
    }
    for body in (orjson.dumps(whole), b"\r\n " + json.dumps(whole, indent=1).encode()):
        assert reply(body, 7) == ChatReply("Whole.", "stop", Usage(4, 2))


# -- what is no answer


@pytest.mark.parametrize(
    ("body", "trouble", "reason", "told"),
    [
        (said("Half of"), "broken", "broken_off", "without a finish reason"),
        (said("Half of") + DONE, "broken", "broken_off", "without a finish reason"),
        (said("Half of") + USAGE + DONE, "broken", "broken_off", "without a finish reason"),
        (said("Half") + b'data: {"choices": [{"ind', "broken", "malformed", "not a JSON object"),
        (said("Half") + b"data: {oops}\n\n" + finish() + DONE, "broken", "malformed", "{oops}"),
        (said("Half") + b"data: 7\n\n" + DONE, "broken", "malformed", "'7'"),
        (b"", "broken", "malformed", "no events"),
        (b"Internal trouble", "broken", "malformed", "Internal trouble"),
        (b": ping\n\n: ping\n\n", "broken", "malformed", "no events"),
        (b"<html>Gateway</html>", "broken", "malformed", "not JSON"),
        (b'{"choices": [', "broken", "malformed", "not JSON"),
        (DONE, "unusable", "no_choices", "no choices"),
        (event({"choices": []}) + DONE, "unusable", "no_choices", "no choices"),
        (finish() + DONE, "unusable", "empty", "no text"),
        (said("  \n ") + finish() + DONE, "unusable", "empty", "no text"),
        (said("Half") + finish("content_filter") + DONE, "rejected", "content_filter", "filter"),
        (
            event({"choices": [{"delta": {"refusal": "I can't."}}]}) + finish() + DONE,
            "rejected",
            "refused",
            "I can't.",
        ),
    ],
)
def test_what_is_not_whole_is_a_problem(body, trouble, reason, told):
    found = problem(body)
    assert (found.trouble, found.reason) == (trouble, reason)
    assert told in found.message


@pytest.mark.parametrize(
    ("error", "trouble", "reason"),
    [
        (event({"error": {"message": "out of memory", "code": 500}}), "broken", "server_error"),
        (event({"error": {"message": "slow down", "code": 429}}), "busy", "rate_limited"),
        (event({"error": {"message": "out of memory", "code": "oom"}}), "broken", "server_error"),
        (event({"error": "out of memory"}), "broken", "server_error"),
        (
            event({"object": "error", "message": "context length is 8", "code": 400}),
            "rejected",
            "context_too_long",
        ),
        (b'event: error\ndata: {"message": "out of memory"}\n\n', "broken", "server_error"),
        (b"event: error\ndata: out of memory\n\n", "broken", "server_error"),
        (b'error: {"code": 500, "message": "out of memory"}\n\n', "broken", "server_error"),
        (
            event({"choices": [{"delta": {"content": ""}, "finish_reason": "error"}]}),
            "broken",
            "server_error",
        ),
    ],
)
def test_an_error_amid_the_stream_is_an_error_in_every_spelling(error, trouble, reason):
    found, told = read(said("Half of") + error + said(" it.") + finish() + DONE)
    assert isinstance(found, Problem)
    assert (found.trouble, found.reason) == (trouble, reason)
    assert told == ["Half of"]


def test_a_reply_cut_off_is_taken_only_where_parts_are_wanted():
    body = said("Half of") + finish("length") + DONE
    assert reply(body).finish_reason == "length"
    whole = ChatRequest(REQUEST.messages)
    assert problem(body, request=whole).trouble == "truncated"


def test_a_line_without_end_is_given_up():
    reader = StreamReader(REQUEST, None, lambda piece: None)
    assert reader.take(b"data: ")
    line = b"x" * 1_000_000
    assert [reader.take(line) for _ in range(4)] == [True, True, True, False]
    assert reader.end().message.startswith("a reply of over")


# -- what is never told


@pytest.mark.parametrize("size", range(1, len(KEY) + 2))
def test_a_key_is_never_told_however_it_is_cut(size):
    text = f"Your key is {KEY}."
    parts = [text[at : at + size] for at in range(0, len(text), size)]
    found, told = read(b"".join(map(said, parts)) + finish() + DONE, key=KEY)
    assert "".join(told) == "Your key is [key]."
    assert isinstance(found, Answer)
    assert KEY not in repr(found)


@pytest.mark.parametrize(
    "body",
    [
        event({"error": {"message": f"bad {KEY}"}}),
        f"data: bad {KEY}\n\n".encode(),
        f"bad {KEY}".encode(),
        orjson.dumps({"error": {"message": f"bad {KEY}"}}).replace(b"/", b"\\/"),
        event({"choices": [{"delta": {"refusal": f"no {KEY}"}, "finish_reason": "stop"}]}),
    ],
)
def test_no_problem_holds_the_key(body):
    found = problem(body, key=KEY)
    assert "CANARY" not in repr(found)
    assert "[key]" in found.message


def test_a_thought_is_not_told_and_text_about_thoughts_is():
    thought = "<think>Let me <b>see</b>.</thi" + "nk>\n\nYes </think> it is.  "
    for size in (1, 3, 100):
        parts = [thought[at : at + size] for at in range(0, len(thought), size)]
        found, told = read(b"".join(map(said, parts)) + finish() + DONE)
        assert "".join(told) == "Yes </think> it is."
        assert isinstance(found, Answer)
    assert problem(said("<think>never ending") + finish() + DONE).reason == "empty"


def test_a_thought_of_which_only_the_end_is_marked_is_told_and_is_not_in_the_reply():
    found, told = read(said("Let me see.") + said("</think>\n\nYes.") + finish() + DONE)
    assert "".join(told) == "Let me see.</think>\n\nYes."
    assert isinstance(found, Answer)
    assert found.reply.text == "Yes."
    assert problem(said("Let me see.</think>") + finish() + DONE).reason == "empty"


LIKELY = st.lists(
    st.sampled_from(
        [
            "<think>",
            "<thinking>",
            "</think>",
            "</thinking>",
            "<think",
            "<",
            ">",
            " ",
            "\n",
            "a",
            "ü",
        ]
    )
    | st.text(max_size=3)
)


@given(LIKELY, st.data())
def test_pieces_joined_are_the_text_of_a_whole_reply(parts, data):
    text = "".join(parts)
    if not text.lstrip().startswith(("<think>", "<thinking>")):
        # Only its end tells such a thought, which is too late for what was told.
        text = text.replace("</think", "</thank")
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    pieces = Pieces()
    told = [pieces.take(text[a:b]) for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    told.append(pieces.end())
    assert "".join(told) == strip_thought(text).strip() == pieces.text
    assert all(not piece[-1:].isspace() for piece in told)


@given(st.lists(st.text(alphabet="ab", max_size=4)), st.sampled_from(["ab", "aab", "b"]))
def test_pieces_joined_are_the_text_without_the_secret(parts, secret):
    pieces = Pieces((secret,))
    told = [*(pieces.take(part) for part in parts), pieces.end()]
    assert "".join(told) == "".join(parts).replace(secret, "[key]")


LINES = [b"data: a", b"data:", b"event: x", b"error: y", b": ping", b"id", b"\r", b"\n", b"\r\n"]


@given(st.lists(st.sampled_from(LINES), max_size=12).map(b"".join), st.integers(1, 9))
def test_events_are_the_same_however_the_bytes_are_cut(body, size):
    assert decoded(body, size) == decoded(body, 1000)


def decoded(body: bytes, size: int) -> list:
    decoder = EventDecoder()
    found = [e for at in range(0, len(body), size) for e in decoder.take(body[at : at + size])]
    return [*found, *decoder.end()]


@given(st.binary(max_size=300))
def test_no_bytes_make_a_crash(body):
    for prefix in (b"", b"data: ", b'data: {"choices": [{"delta": {"content": "', b"{"):
        read(prefix + body, 7)
