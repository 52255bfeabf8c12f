"""Values from what models write, and the second chance they get."""

from __future__ import annotations

import asyncio
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from wellread.errors import ReplyError
from wellread.llm.chat import ChatRequest, Message
from wellread.llm.parse import ask, read_json, read_value
from wellread.llm.scripted import ScriptedModel

REQUEST = ChatRequest((Message("user", "Judge this."),))


class Judgement(BaseModel):
    suitable: bool
    reason: str = Field(default="", max_length=20)


class Pairs(BaseModel):
    pairs: list[Judgement]


@pytest.mark.parametrize(
    "text",
    [
        '{"suitable": true}',
        '```json\n{"suitable": true}\n```',
        '```\n{"suitable": true}\n```',
        'Sure! Here it is:\n{"suitable": true}\nAnything else?',
        '{"suitable": true,}',
        'Set {a} of braces, then {"suitable": true}',
        '  \n{\n "suitable":\ttrue\n}\n',
        'As asked [1]: {"suitable": true} [2]',
    ],
)
def test_json_is_found_whatever_stands_around_it(text):
    assert read_value(text, Judgement) == Judgement(suitable=True)


def test_line_breaks_inside_strings_are_taken_as_they_come():
    assert read_json('{"a": "one\ntwo\tthree"}') == {"a": "one\ntwo\tthree"}


def test_trailing_commas_inside_strings_stay():
    assert read_json('{"a": "x,}", "b": [1, 2,],}') == {"a": "x,}", "b": [1, 2]}


def test_braces_inside_strings_do_not_end_the_object():
    assert read_json('See: {"a": "}{", "b": "\\"}"} done') == {"a": "}{", "b": '"}'}


def test_a_part_of_a_broken_object_is_not_taken_for_the_whole():
    with pytest.raises(ValueError, match="no JSON object"):
        read_value('{"pairs": [{"suitable": true}, {"suitab', Pairs)


def test_a_bare_list_is_taken_as_the_only_required_list():
    assert read_value('[{"suitable": true}]', Pairs).pairs == [Judgement(suitable=True)]


@pytest.mark.parametrize("text", ["", "  ", "Yes.", "{broken", '"just text"', "12"])
def test_a_reply_without_json_is_told_so(text):
    with pytest.raises(ValueError, match="the reply"):
        read_json(text)


def test_what_does_not_fit_is_said_field_by_field():
    with pytest.raises(ValueError, match=r"suitable: .*\nreason: .*20 characters"):
        read_value(json.dumps({"suitable": "perhaps", "reason": "x" * 30}), Judgement)


def test_deep_nesting_is_refused_and_does_not_crash():
    with pytest.raises(ValueError, match="the reply"):
        read_json("[" * 100_000)


@given(st.text())
def test_no_text_whatever_makes_it_fail_otherwise(text):
    try:
        value = read_json(text)
    except ValueError:
        return
    assert isinstance(value, dict | list)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
    max_leaves=6,
)


@settings(max_examples=40, deadline=None)
@given(
    st.dictionaries(st.text(st.characters(codec="utf-8")), VALUES), st.sampled_from(["", "Ok. "])
)
def test_whatever_json_is_written_is_read_back(value, before):
    assert read_json(f"{before}{json.dumps(value)}") == value


def scripted(*replies: str) -> ScriptedModel:
    left = list(replies)
    return ScriptedModel("scripted", lambda request: left.pop(0))


def test_a_reply_that_fits_takes_one_call():
    model = scripted('{"suitable": false}')
    value, replies = asyncio.run(ask(model, REQUEST, Judgement))
    assert value == Judgement(suitable=False)
    assert len(replies) == len(model.requests) == 1


def test_a_reply_that_does_not_fit_is_sent_back_with_what_is_wrong():
    model = scripted('{"suitable": "perhaps"}', '{"suitable": true}')
    value, replies = asyncio.run(ask(model, REQUEST, Judgement))
    assert value.suitable
    assert len(replies) == 2
    question, bad, complaint = model.requests[1].messages
    assert question == REQUEST.messages[0]
    assert (bad.role, bad.content) == ("assistant", '{"suitable": "perhaps"}')
    assert "suitable: " in complaint.content


def test_the_same_bad_reply_twice_is_drawn_anew_and_not_taken_from_the_journal():
    model = scripted("bad", "bad", '{"suitable": true}')
    asyncio.run(ask(model, REQUEST, Judgement))
    assert len(set(map(repr, model.requests))) == 3


def test_a_model_that_never_fits_is_given_up_after_the_repairs():
    model = scripted("no", "no", "no", "no")
    with pytest.raises(ReplyError) as caught:
        asyncio.run(ask(model, REQUEST, Judgement, repairs=1))
    assert caught.value.reason == "not_the_schema"
    assert len(model.requests) == 2


def by_words(text: str) -> Judgement:
    if "suitable" not in text:
        raise ValueError("say suitable or not")
    return Judgement(suitable="not" not in text)


def test_a_rule_reads_replies_that_are_no_json():
    value, _ = asyncio.run(
        ask(scripted("It is not suitable."), REQUEST, Judgement, parse_text=by_words)
    )
    assert not value.suitable


def test_a_rule_that_finds_nothing_has_its_words_sent_back():
    model = scripted("Hm.", "suitable")
    asyncio.run(ask(model, REQUEST, Judgement, parse_text=by_words))
    assert "say suitable or not" in model.requests[1].messages[-1].content
