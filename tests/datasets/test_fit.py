"""A conversation that is too long loses passages, never a word of an answer."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellread.datasets.conversations import parse_row
from wellread.datasets.fit import Fitted, fitted
from wellread.datasets.sources import cited, passages_of
from wellread.records import ContextPart, Conversation, Turn


def words(conversation: Conversation) -> int:
    """A counter that anybody can check: words, and two tokens around each turn."""
    return sum(len(turn.content.split()) + 2 for turn in conversation.turns)


def conversation(context: str, *said: str) -> Conversation:
    messages = [
        {"role": "user" if at % 2 == 0 else "assistant", "content": text}
        for at, text in enumerate(said)
    ]
    line = json.dumps({"context": context, "messages": messages}).encode()
    found = parse_row(line, "a:1", 1).conversation
    assert found
    return found


CONTEXT = (
    "[1] (a.md) Alpha one. Alpha two. Alpha three.\n"
    "[2] (b.md) Beta one two three four.\n"
    "[3] (c.md) Gamma one two three four."
)


def test_what_fits_stays_as_it_is():
    given_ = conversation(CONTEXT, "What?", "Who knows.")
    assert fitted(given_, words(given_), words) == Fitted(given_)


def test_the_lowest_ranked_passage_leaves_first_and_no_more_than_must():
    given_ = conversation(CONTEXT, "What?", "Who knows.")
    found = fitted(given_, words(given_) - 1, words)
    assert found.left_out == 1
    assert found.conversation.turns[0].content == CONTEXT.rsplit("\n", 1)[0]


@pytest.mark.parametrize("answer", ["It is four [3].", "See c.md.", "Gamma one two three four."])
def test_a_cited_passage_stays_and_keeps_its_number(answer):
    given_ = conversation(CONTEXT, "What?", answer)
    found = fitted(given_, words(given_) - 8, words)
    assert found.left_out == 2
    assert found.conversation.turns[0].content == "[3] (c.md) Gamma one two three four."


def test_a_conversation_whose_cited_passage_does_not_fit_goes():
    given_ = conversation(CONTEXT, "What?", "It is four [3].")
    found = fitted(given_, 13, words)
    assert found.reason == "cited_passage_does_not_fit"
    assert "13 fit" in found.detail


def test_of_the_best_passage_sentences_leave_where_none_is_cited():
    given_ = conversation(CONTEXT, "What?", "Who knows.")
    found = fitted(given_, 15, words)
    assert found.conversation.turns[0].content == "[1] (a.md) Alpha one. Alpha two."
    assert (found.left_out, found.is_cut) == (2, True)


@pytest.mark.parametrize("room", [0, 5, 9])
def test_what_is_too_long_all_the_same_goes_whole(room):
    given_ = conversation(CONTEXT, "What do you say?", "Who knows. " * 3)
    found = fitted(given_, room, words)
    assert found.reason == "too_long"
    assert found.conversation == given_


def test_a_conversation_without_passages_is_too_long():
    given_ = Conversation((Turn("user", "a b c"), Turn("assistant", "d e f", True)))
    assert fitted(given_, 9, words).reason == "too_long"


def test_passages_of_an_earlier_question_leave_before_equal_ones_of_a_later():
    parts = (ContextPart("[1] (a.md) x x x x.", 1), ContextPart("[2] (b.md) y y y y.", 2))
    context = Turn("context", "\n".join(part.text for part in parts), parts=parts)
    talk = (Turn("user", "Q"), Turn("assistant", "Who knows", True))
    given_ = Conversation((context, *talk, context, *talk))
    found = fitted(given_, words(given_) - 6, words)
    assert found.left_out == 1
    assert [turn.content.count("\n") for turn in found.conversation.turns] == [0, 0, 0, 1, 0, 0]


def test_a_context_that_loses_its_last_passage_goes_whole():
    parts = (ContextPart("Found:"), ContextPart("[1] (a.md) x x x x.", 1))
    context = Turn("context", "Found:\n[1] (a.md) x x x x.", parts=parts)
    later = Turn("context", "[1] (b.md) y y.", parts=(ContextPart("[1] (b.md) y y.", 1),))
    talk = (Turn("user", "Q"), Turn("assistant", "Who knows", True))
    given_ = Conversation((context, *talk, later, Turn("user", "Q"), Turn("assistant", "b.md")))
    found = fitted(given_, words(given_) - 1, words)
    assert found.conversation.turns[0].role == "user"
    assert found.left_out == 1


def test_passages_inside_a_system_prompt_leave_with_the_prompt_left_whole():
    chunk = "Chunk {0}\nSource: {1}.md\n---\n{2} {2} {2}\n---\n"
    system = (
        "Use these.\n\n" + chunk.format(1, "a", "x") + "\n" + chunk.format(2, "b", "y") + "\nEnd."
    )
    line = {"system": system, "messages": [{"role": "user", "content": "Q"}]}
    line["messages"].append({"role": "assistant", "content": "As chunk 2 says"})
    given_ = parse_row(json.dumps(line).encode(), "a:1", 1).conversation
    assert given_
    found = fitted(given_, words(given_) - 3, words)
    text = found.conversation.turns[0].content
    assert "x x x" not in text
    assert text.startswith("Use these.\n\n")
    assert text.endswith("Chunk 2\nSource: b.md\n---\ny y y\n---\n\nEnd.")


part_texts = st.lists(
    st.lists(st.sampled_from(["a", "b", "c."]), min_size=1, max_size=6).map(" ".join),
    min_size=1,
    max_size=6,
)


@given(texts=part_texts, cites=st.lists(st.integers(1, 6), max_size=2), room=st.integers(0, 60))
def test_what_comes_out_fits_and_holds_every_answer_and_every_cited_passage(texts, cites, room):
    context = "\n".join(f"[{n}] (d{n}.md) {text}" for n, text in enumerate(texts, start=1))
    answer = "So it is " + " ".join(f"[{n}]" for n in cites)
    given_ = conversation(context, "Why?", answer, "Sure?", "Who knows")
    found = fitted(given_, room, words)
    if found.reason:
        assert found.conversation == given_
        assert words(given_) > room
        return
    assert words(found.conversation) <= room
    kept = [turn for turn in found.conversation.turns if turn.role != "context"]
    assert kept == [turn for turn in given_.turns if turn.role != "context"]
    before, after = passages_of(given_), passages_of(found.conversation).values()
    stayed = {part.text for part in after}
    assert {before[place].text for place in cited(given_)} <= stayed
    assert len(after) + found.left_out == len(texts)
    if found.left_out and not found.is_cut:
        highest_left = max(p.rank for p in before.values() if p.text not in stayed)
        uncited = [p.rank for place, p in before.items() if place not in cited(given_)]
        assert highest_left == max(uncited)
