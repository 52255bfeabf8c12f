"""What a person is shown of a passage."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from wellread.knowledge.analysis import query_terms
from wellread.knowledge.excerpts import excerpt, place_of, weights
from wellread.records import Chunk, Passage

LONG = "It says nothing of use here, and goes on about the weather and the sea. " * 12


def shown(text: str, query: str, width: int = 120, language: str = "en"):
    return excerpt(text, dict.fromkeys(query_terms(query, [language]), 1.0), language, width)


def marked(found) -> list[str]:
    return [found.text[start:end] for start, end in found.marks]


def test_the_part_that_fits_the_query_is_shown():
    found = shown(LONG + "The inlet valves are closed first. " + LONG, "closing a valve")
    assert marked(found) == ["valves", "closed"]
    assert found.text.startswith("… The inlet valves")
    assert found.text.endswith("…")


def test_rare_words_say_more_than_common_ones():
    text = LONG + "A winter store. " + LONG + "The battery, its charge. " + LONG
    told = weights({"winter": 1, "store": 2, "batteri": 60, "charg": 70, "its": 90}, 100)
    assert "winter store" in excerpt(text, told, "en", 60).text


def test_words_are_marked_in_the_forms_of_their_language():
    found = shown("Die Häuser stehen am Fluss.", "haus", language="de")
    assert marked(found) == ["Häuser"]


def test_chinese_is_marked_by_pairs_that_join():
    found = shown("我们讨论知识图谱的构建。", "知识图谱", language="zh")
    assert marked(found) == ["知识图谱"]


def test_a_passage_without_the_words_is_shown_from_its_beginning():
    found = shown(LONG, "meaning", 60)
    assert found.marks == ()
    assert LONG.startswith(found.text.removesuffix(" …"))


def test_headings_are_left_out_where_there_is_text():
    assert shown("# Valves\n\nClose them.", "valves").text == "Close them."
    assert shown("# Valves", "valves").text == "Valves"


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=300), st.text(max_size=20), st.integers(20, 200))
def test_an_excerpt_is_one_line_of_about_the_width_and_its_marks_are_words(text, query, width):
    found = shown(text, query, width)
    assert "\n" not in found.text
    assert len(found.text) <= width + 4
    assert all(found.text[start:end].strip() for start, end in found.marks)
    ends = [0, *(place for mark in found.marks for place in mark)]
    assert ends == sorted(ends)


def test_a_passage_is_placed_by_page_or_line_or_source():
    def place(**fields) -> str:
        chunk = Chunk("a#0-1", "a", "x", 0, 1, **fields)
        return place_of(Passage(chunk, 1.0, 1))

    assert place(source="m.pdf", pages=(3, 4), lines=(1, 9)) == "m.pdf, pages 3-4"
    assert place(source="m.pdf", pages=(3, 3)) == "m.pdf, page 3"
    assert place(source="v.md", lines=(12, 18)) == "v.md, lines 12-18"
    assert place(source="v.md") == "v.md"
    assert place() == "a"
