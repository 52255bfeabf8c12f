"""What a search brings, for every retriever."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wellread.errors import InputError, WellreadError
from wellread.knowledge.base import KnowledgeBase
from wellread.knowledge.settings import KnowledgeSettings

Build = Callable[..., KnowledgeBase]
ANIMALS = {
    "cats": "The cat sleeps on the warm mat all day.",
    "dogs": "Dogs bark at night and chase the cat.",
    "house": "Die alten Häuser am Markt sind groß und schön, und die Katze ist auch da.",
    "words": "中文分词是自然语言处理的基础任务之一。",
    "tokyo": "東京タワーは日本の有名な観光名所です。",
}


def ids(base: KnowledgeBase, query: str, top_k: int = 5, **options: object) -> list[str]:
    return [p.chunk.document_id for p in base.search(query, top_k, **options)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("query", "best"),
    [
        ("sleeping on mats", "cats"),
        ("BARKING?", "dogs"),
        ("Haus am Märkten", "house"),
        ("haeuser hauser Hauses", "house"),
        ("分词", "words"),
        ("自然语言", "words"),
        ("東京タワー", "tokyo"),
    ],
)
def test_words_are_found_whatever_their_ending_and_script(
    build: Build, retriever_type: str, query: str, best: str
) -> None:
    assert ids(build(ANIMALS, retriever_type=retriever_type), query)[0] == best


@pytest.mark.parametrize(
    "query", ["", "   ", "zzz qqq", "?!:()[]\"'", "the of and", "ελληνικά", "\x00"]
)
def test_a_query_that_says_nothing_brings_nothing(
    build: Build, retriever_type: str, query: str
) -> None:
    base = build({"a": ANIMALS["cats"], "b": ANIMALS["dogs"]}, retriever_type=retriever_type)
    assert base.search(query) == ()


def test_query_syntax_is_plain_text(build: Build, retriever_type: str) -> None:
    base = build(ANIMALS, retriever_type=retriever_type)
    assert ids(base, '+title:"cat" AND (NOT mat) [* TO *] ^9 ~') == ids(
        base, "title cat AND NOT mat TO 9"
    )


def test_ranks_count_from_one_and_scores_fall_and_stay_above_zero(
    build: Build, retriever_type: str
) -> None:
    found = build(ANIMALS, retriever_type=retriever_type).search("cat mat dogs")
    assert [p.rank for p in found] == list(range(1, len(found) + 1))
    assert all(p.score > 0 for p in found)
    assert sorted((p.score for p in found), reverse=True) == [p.score for p in found]


def test_equal_scores_are_ordered_by_chunk_id(build: Build, retriever_type: str) -> None:
    corpus = {name: f"the same words here {i}" for i, name in enumerate("dbcaef")}
    base = build(corpus, retriever_type=retriever_type, collapse_duplicates=False)
    assert ids(base, "same words", 3) == ["a", "b", "c"]
    assert ids(base, "same words", 99) == list("abcdef")


def test_more_results_begin_with_the_fewer(build: Build, retriever_type: str) -> None:
    corpus = {f"d{i:03}": f"word{i % 7} word{i % 11} common text" for i in range(120)}
    base = build(corpus, retriever_type=retriever_type, collapse_duplicates=False)
    every = ids(base, "word3 word5 common", 1000)
    assert len(every) == 120
    assert [ids(base, "word3 word5 common", k) for k in (1, 7, 60)] == [
        every[:1],
        every[:7],
        every[:60],
    ]


def test_asking_for_no_result_is_an_error(build: Build) -> None:
    with pytest.raises(InputError, match="top_k is 0"):
        build(ANIMALS).search("cat", 0)


def test_an_enormous_top_k_brings_what_there_is(build: Build, retriever_type: str) -> None:
    assert len(ids(build(ANIMALS, retriever_type=retriever_type), "cat", 10**30)) == 2


def test_excluded_chunks_are_passed_over_and_replaced_by_the_next(
    build: Build, retriever_type: str
) -> None:
    corpus = {f"d{i:03}": f"shared subject {'x' * (i + 1)}" for i in range(60)}
    base = build(corpus, retriever_type=retriever_type, collapse_duplicates=False)
    kept = ids(base, "shared subject", 5, exclude=lambda c: c.document_id < "d050")
    assert kept == ["d050", "d051", "d052", "d053", "d054"]
    assert base.search("shared", exclude=lambda chunk: True) == ()


def test_near_duplicates_collapse_unless_switched_off(build: Build, retriever_type: str) -> None:
    text = " ".join(f"word{i}" for i in range(60))
    corpus = {"a": text, "b": f"{text} more", "c": "word1 stands alone in this text"}
    base = build(corpus, retriever_type=retriever_type)
    assert sorted(ids(base, "word1 word2")) == ["a", "c"]
    loose = KnowledgeSettings(retriever_type=retriever_type, collapse_duplicates=False)  # type: ignore[arg-type]
    with KnowledgeBase.open(base.folder, loose) as other:
        assert sorted(ids(other, "word1 word2")) == ["a", "b", "c"]


def test_one_source_fills_no_more_than_its_share(build: Build, retriever_type: str) -> None:
    parts = [f"river number {word}" for word in ("one", "two", "three", "four")]
    base = build(
        {"a": parts, "b": "a river elsewhere"}, retriever_type=retriever_type, max_per_source=2
    )
    assert sorted(ids(base, "river")) == ["a", "a", "b"]


def test_a_word_in_the_title_counts_by_its_boost(
    tmp_path: object, pair: Callable[..., object], build: Build, retriever_type: str
) -> None:
    base = build({"seed": "nothing of interest"}, retriever_type=retriever_type, title_boost=2.0)
    base.add([pair("a", "many words about many things", title="Volcanoes", language="en")])  # type: ignore[list-item]
    base.add([pair("b", "one volcano among words about things", language="en")])  # type: ignore[list-item]
    assert ids(base, "volcano words things") == ["a", "b"]
    plain = KnowledgeSettings(retriever_type=retriever_type, title_boost=0)  # type: ignore[arg-type]
    with KnowledgeBase.open(base.folder, plain) as other:
        assert ids(other, "volcano words things") == ["b", "a"]


def test_filters_ask_for_fields_and_metadata(
    pair: Callable[..., object], build: Build, retriever_type: str
) -> None:
    base = build({"seed": "seed text"}, retriever_type=retriever_type)
    facts = [
        {"year": 2020, "tags": ["x", "y"]},
        {"year": 2021, "tags": ["y"]},
        {"year": "2020", "ok": True},
    ]
    for i, metadata in enumerate(facts):
        base.add([pair(f"d{i}", f"report {i}", source=f"s{i}.pdf", metadata=metadata)])  # type: ignore[list-item]
    asked = [
        ({"year": 2020}, ["d0"]),
        ({"year": 2020.0}, ["d0"]),
        ({"year": [2020, 2021]}, ["d0", "d1"]),
        ({"tags": "y"}, ["d0", "d1"]),
        ({"tags": "y", "year": 2021}, ["d1"]),
        ({"year": "2020"}, ["d2"]),
        ({"ok": True}, ["d2"]),
        ({"ok": 1}, []),
        ({"source": "s1.pdf"}, ["d1"]),
        ({"document_id": ("d1", "d2")}, ["d1", "d2"]),
        ({"absent": "x"}, []),
        ({"year": []}, []),
        ({}, ["d0", "d1", "d2"]),
    ]
    for where, expected in asked:
        assert sorted(ids(base, "report", where=where)) == expected, where


def test_a_filter_by_something_that_cannot_be_compared_is_an_error(build: Build) -> None:
    with pytest.raises(InputError, match="filter 'year'"):
        build(ANIMALS).search("cat", where={"year": {"from": 2020}})


def test_neighbours_widen_a_result_to_the_text_around_it(build: Build, retriever_type: str) -> None:
    parts = ["first part", "second part", "third needle part", "fourth part", "fifth part"]
    base = build({"a": parts}, retriever_type=retriever_type)
    (wide,) = base.search("needle", neighbours=1)
    assert wide.chunk.text == "second part\n\nthird needle part\n\nfourth part"
    assert base.document("a").text[wide.chunk.start : wide.chunk.end] == wide.chunk.text
    assert wide.chunk.id == f"a#{wide.chunk.start}-{wide.chunk.end}"


def test_widened_results_do_not_repeat_each_other(build: Build, retriever_type: str) -> None:
    base = build({"a": ["needle one", "needle two", "three"]}, retriever_type=retriever_type)
    assert len(base.search("needle", neighbours=2)) == 1


def test_ten_megabytes_of_query_are_answered(build: Build, retriever_type: str) -> None:
    base = build(ANIMALS, retriever_type=retriever_type)
    words = "cat sleeps mat " + " ".join(f"w{i}" for i in range(1_300_000))
    assert ids(base, words)[0] == "cats"


def test_ten_megabytes_in_one_chunk_are_found(build: Build, retriever_type: str) -> None:
    long = " ".join(f"w{i % 50_000}" for i in range(1_600_000)) + " needle"
    base = build({"long": long, "short": "short text"}, retriever_type=retriever_type)
    assert ids(base, "needle") == ["long"]


def test_a_passage_is_plain_data_that_json_can_hold(build: Build) -> None:
    import orjson

    (passage, *_) = build(ANIMALS).search("cat")
    assert json.loads(orjson.dumps(passage))["chunk"]["document_id"] in ANIMALS


TEXT = st.text(max_size=60) | st.text(
    alphabet="ab \x00\ud800\u202e中ไ้é\u0301\U0001f600'\"*:(", max_size=60
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(text=TEXT, query=TEXT, title=TEXT)
def test_any_text_is_searched_or_refused_with_a_typed_error(
    pair: Callable[..., object],
    build: Build,
    retriever_type: str,
    text: str,
    query: str,
    title: str,
) -> None:
    base = build({"seed": "seed text"}, retriever_type=retriever_type)
    try:
        base.add([pair("new", text, title=title)])  # type: ignore[list-item]
    except WellreadError:
        assert base.count == 1
    else:
        assert base.document("new").text == text
    assert all(p.score > 0 for p in base.search(query) + base.search(text))
