"""How values are written: the same one in another form is supported, another one is not."""

from __future__ import annotations

import pytest

from wellread.checks.lexical import LexicalDetector
from wellread.checks.reading.evidence import read_sources
from wellread.checks.reading.numbers import han_number
from wellread.checks.reading.tokens import tokenise
from wellread.checks.reading.units import unit_of
from wellread.records import Chunk, Passage, Verdict

DETECTOR = LexicalDetector()
STORED = "The unit may be stored at {} in winter."
FIRST_YEAR = "About {} of the pumps fail in the first year."
OPENED = "It was opened {} in Leeds."
COST = "The pump costs {}."
RACE = "He finished {} in the race of Leeds."


def check(text: str, answer: str) -> Verdict:
    passage = Passage(Chunk("a#0", "a.md", text, 0, len(text), source="a.md"), 1.0, 1)
    return DETECTOR.check("What is said?", [passage], answer)


@pytest.mark.parametrize(
    ("sentence", "one", "other"),
    [
        (STORED, "-5 °C", "−5 °C"),
        (STORED, "minus 5 °C", "-5 °C"),
        (STORED, "minus five °C", "–5 °C"),
        (STORED, "5 degrees below zero", "-5 degrees"),
        (COST, "-$5 million", "minus 5 million dollars"),
        (FIRST_YEAR, "5%", "five percent"),
        (FIRST_YEAR, "5 %", "0.05"),
        (FIRST_YEAR, "0.5 %", "0.005"),
        (OPENED, "on 5 March 2020", "on 2020/03/05"),
        (OPENED, "on 2020.3.5", "on March 5th, 2020"),
        (OPENED, "on the fifth of March 2020", "on 5 March 2020"),
        (OPENED, "on the thirty-first of March", "on 31 March"),
        (OPENED, "in the nineteenth century", "in the 19th century"),
        (OPENED, "in the twenty-first century", "in the 21st century"),
        (COST, "$500", "500 dollars"),
        (COST, "EUR 500", "€500"),
        (COST, "£500", "500 pounds"),
        ("It takes {} cups of sugar.", "1 1/2", "1½"),
        ("It takes {} cup of sugar.", "1/4", "0.25"),
        ("The constant is {} per mole.", "6.02e23", "6.02E+23"),
        ("该泵在{}巴下运行。", "六十七", "67"),
        ("该书于{}年出版。", "二〇〇八", "2008"),
    ],
)
def test_a_value_is_the_same_in_either_form(sentence: str, one: str, other: str) -> None:
    for text, answer in ((one, other), (other, one)):
        verdict = check(sentence.format(text), sentence.format(answer))
        assert verdict.outcome == "grounded", (text, answer, verdict.reason)


@pytest.mark.parametrize(
    ("sentence", "text", "answer", "reason"),
    [
        (STORED, "-5 °C", "5 °C", "5 is not in the passages; nearest is -5"),
        (STORED, "5 °C", "-5 °C", "-5 is not in the passages; nearest is 5"),
        (STORED, "5 °C", "minus 5 °C", "-5 is not in the passages; nearest is 5"),
        (STORED, "5 degrees", "5 degrees below zero", "-5 is not in the passages; nearest is 5"),
        (FIRST_YEAR, "5%", "0.5%", "0.5 is not in the passages; nearest is 5"),
        (FIRST_YEAR, "5%", "0.05%", "0.05 is not in the passages; nearest is 5"),
        (OPENED, "on 2020/03/05", "on 2020/03/06", "2020/03/06 is not in the passages; nearest is"),
        (OPENED, "in the nineteenth century", "in the eighteenth century", "nearest is nineteenth"),
        (OPENED, "in the 19th century", "in the twenty-first century", "nearest is 19"),
        (RACE, "third", "second", "second is not in the passages; nearest is third"),
        (RACE, "third", "first", "first is not in the passages; nearest is third"),
        (COST, "$500", "€500", "€500 is not in the passages, which have $500"),
        (COST, "$500", "500 euros", "500 euros is not in the passages, which have $500"),
        (COST, "USD 500", "£500", "£500 is not in the passages, which have USD 500"),
        ("It opens at {}.", "9 am", "9 pm", "9 pm is not in the passages, which have 9 am"),
        ("It opens at {}", "9:30 a.m.", "9:30 p.m.", "9:30 p.m. is not in the passages, which"),
        ("It takes {} cup of sugar.", "1/2", "1/4", "1/4 is not in the passages; nearest is 1/2"),
        ("The constant is {} per mole.", "6.02e23", "6.02e22", "nearest is 6.02e23"),
        ("Set {} = 3 in the file.", "max_retries", "min_retries", "min_retries is not in the"),
        (
            "该泵在{}巴下运行。",
            "六十七",
            "六十九",
            "六十九 is not in the passages; nearest is 六十七",
        ),
    ],
)
def test_another_value_is_never_taken_for_it(
    sentence: str, text: str, answer: str, reason: str
) -> None:
    verdict = check(sentence.format(text), sentence.format(answer))
    assert verdict.outcome == "ungrounded", (text, answer)
    assert reason in verdict.reason


@pytest.mark.parametrize(
    "text",
    ["3-5 hours", "3 -5 hours", "10 minus 5 hours", "form A-5", "(3)-5", "5 - 5", "- 5 hours"],
)
def test_a_dash_between_or_before_things_is_no_minus(text: str) -> None:
    assert [set(t.keys) for t in tokenise(text, "en") if t.kind == "number"][-1] == {"5"}


@pytest.mark.parametrize(
    "text",
    ["a third of it", "one third of it", "ten per second", "a thirty second break", "Second, stop",
     "first, open it"],
)  # fmt: skip
def test_shares_seconds_and_openings_are_no_places_in_a_row(text: str) -> None:
    assert not any(t.ordinal for t in tokenise(text, "en"))


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Wait 5 minutes. Open the lid.", "The third step is to wait 5 minutes."),
        ("There are 5 steps.", "The third of the steps is not described further."),
    ],
)
def test_the_place_of_a_step_is_no_number_that_the_passages_must_have(
    text: str, answer: str
) -> None:
    assert not [s for s in check(text, answer).spans if s.category.endswith("numerical")]


def test_a_list_mark_is_no_negative_number() -> None:
    assert check("Open the lid slowly.", "-5. Open the lid slowly.").outcome == "grounded"


def test_initials_stand_for_the_names_they_begin_and_for_no_others() -> None:
    text = "The bridge was designed by John Ronald Smith in 1920."
    right = check(text, "The bridge was designed by J. R. Smith in 1920.")
    assert right.outcome == "grounded"
    wrong = check(text, "The bridge was designed by C. B. Smith in 1920.")
    assert wrong.reason == "C. B is not in the passages, which have John Ronald here"
    # Letters that are spelled out where the source has none were made up.
    more = check("It was designed by J. R. Smith.", "It was designed by John Ronald Smith.")
    assert more.outcome == "ungrounded"


def test_a_name_with_underscores_supports_its_words() -> None:
    text = "Set max_retries to 3."
    assert check(text, "Set the max retries to 3.").outcome == "grounded"
    passage = Passage(Chunk("a#0", "a.md", text, 0, len(text), language="en"), 1.0, 1)
    sources = read_sources([passage])
    assert [sources.match(t).strength for t in tokenise("retries, max", "en")] == [1.0, 1.0]


def test_chinese_numerals_that_are_words_stay_words() -> None:
    assert [han_number(text) for text in ("千万", "万一", "三四", "十五", "一百二十")] == [
        None,
        None,
        None,
        15,
        120,
    ]
    assert [han_number(text) for text in ("十万", "三亿", "二十万零三")] == [
        10**5,
        3 * 10**8,
        200003,
    ]


def test_a_unit_may_stand_before_its_number() -> None:
    text = "It costs EUR 500, no more."
    assert unit_of(text, 13, 16) == ("euro", 9, 16)
    assert unit_of("It has 500 seats.", 7, 10) == ("", 7, 10)
