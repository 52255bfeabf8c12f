"""Tokens to pieces of text: nothing is handed out that the next token could change."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from wellread.chat.reader import Reader


def lossy(ids) -> str:
    return bytes(ids).decode("utf-8", "replace")


def read(data: bytes, *stops: str, end: int | None = None, most: int = 10_000):
    reader = Reader(lossy, stop_ids=() if end is None else (end,), stops=stops, most=most)
    pieces = []
    for byte in data:
        if reader.done:
            break
        pieces.append(reader.take(byte))
    return reader, pieces


@given(st.text(alphabet=st.characters(blacklist_categories=("Cs",), blacklist_characters="\ufffd")))
def test_pieces_are_whole_characters_and_joined_the_text(text):
    data = text.encode()
    reader, pieces = read(data + b"\xff", end=255)
    assert "".join(pieces) == text.strip() == reader.text
    assert all("\ufffd" not in piece for piece in pieces)
    assert reader.finish_reason == "stop"
    assert reader.tokens == len(data) + 1


@given(
    st.text(alphabet="ab*F .", max_size=30),
    st.lists(st.text(alphabet="ab*F", min_size=1, max_size=4), min_size=1, max_size=3),
)
def test_an_answer_ends_before_the_first_stop_string(text, stops):
    reader, pieces = read(text.encode(), *stops)
    ends = [text.find(stop) for stop in stops if stop in text]
    for so_far in itertools.accumulate(pieces):
        assert not any(stop in so_far for stop in stops)
    if ends:
        # A longer stop string may begin earlier and end later than the one that is whole first.
        first = min(text.find(stop) + len(stop) for stop in stops if stop in text)
        seen = text[:first]
        cut = min(seen.find(stop) for stop in stops if stop in seen)
        assert reader.text == text[:cut].strip()
        assert reader.done
    else:
        assert text.strip().startswith(reader.text)


def test_the_beginning_of_a_stop_string_waits_and_comes_when_it_is_none():
    _, pieces = read(b"so **Fin", "**Finished.**")
    assert "".join(pieces) == "so"
    _, pieces = read(b"so **Fine", "**Finished.**")
    assert "".join(pieces) == "so **Fine"
    _, pieces = read(b"so **Fin\xff", "**Finished.**", end=255)
    assert "".join(pieces) == "so **Fin"


def test_a_character_that_length_cuts_is_left_out():
    reader, _ = read("ab🙂".encode(), most=4)
    assert (reader.text, reader.finish_reason, reader.tokens) == ("ab", "length", 4)


def test_white_space_at_both_ends_is_no_part_of_an_answer():
    reader, pieces = read(b"  \n a b \n\xff", end=255)
    assert reader.text == "a b"
    assert "".join(pieces) == "a b"


def test_nothing_is_taken_where_there_is_no_room():
    reader = Reader(lossy, stop_ids=(), stops=(), most=0)
    assert reader.done
    assert reader.finish_reason == "length"


def test_what_is_cancelled_stays_as_far_as_it_came():
    reader, _ = read(b"abc")
    reader.cancel()
    assert (reader.done, reader.finish_reason, reader.text) == (True, "cancelled", "abc")
