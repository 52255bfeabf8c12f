"""Quotes are found whatever their spaces and quotation marks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellread.checks.reading.quotes import Plain

TEXT = "He said:\n “The  pump — the old one —\nruns at 67 psi.” It’s fine."


@pytest.mark.parametrize(
    ("quote", "found"),
    [
        ('said: "The pump - the old one', "said:\n “The  pump — the old one"),
        ("it's fine", "It’s fine"),
        ("The pump … runs at 67 psi", "The  pump — the old one —\nruns at 67 psi"),
        ("**runs** at", "runs at"),
        ("runs\u00a0at", "runs at"),
    ],
)
def test_a_quote_is_found_where_it_stands(quote, found):
    place = Plain(TEXT).find(quote)
    assert place is not None
    assert TEXT[slice(*place)] == found


@pytest.mark.parametrize(
    "quote", ["runs at 69 psi", "", "…", "67 psi … The pump", "at", "   ", "runs … fast"]
)
def test_what_does_not_stand_there_is_not_found(quote):
    assert Plain(TEXT).find(quote) is None


def test_in_a_short_text_a_short_quote_counts():
    assert Plain("67").find("67") == (0, 2)


@given(st.text(min_size=6), st.data())
def test_every_stretch_of_a_text_with_enough_letters_is_found(text, data):
    plain = Plain(text)
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    quote = text[start:end]
    place = plain.find(quote)
    if place is not None:
        assert 0 <= place[0] < place[1] <= len(text)
    elif (
        sum(c.isalnum() for c in Plain(quote).text) >= 4 and "…" not in quote and "..." not in quote
    ):
        raise AssertionError((text, quote))


def test_letters_that_fold_to_several_keep_their_places():
    assert Plain("Die Straße ist lang").find("straße ist") == (4, 14)
