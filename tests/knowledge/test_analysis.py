"""Text to terms."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wellread.knowledge import analysis
from wellread.knowledge.analysis import (
    STEMMERS,
    index_terms,
    joined_terms,
    query_terms,
    spelled_words,
)
from wellread.knowledge.selection import near_duplicates


@pytest.mark.parametrize(
    ("text", "language", "terms"),
    [
        ("The houses are running", "en", ["hous", "run"]),
        ("The houses", "en-GB", ["hous"]),
        ("Die Häuser und die Straße", "de", ["haus", "strass"]),
        ("Ｆｕｌｌ　ｗｉｄｔｈ", "", ["full", "width"]),
        ("分", "zh", ["分"]),
        ("中文分词", "zh", ["中文", "文分", "分词"]),
        ("GPT模型v2", "zh", ["gpt", "模型", "v2"]),
        ("한국어는", "ko", ["한국", "국어", "어는"]),
        ("हिन्दी भाषा", "hi", ["हिन्दी", "भाषा"]),
        ("naïve nai\u0308ve", "", ["naive", "naive"]),
        ("don't stop-words_now", "", ["don", "t", "stop", "words", "now"]),
        ("a\ud800b", "", ["a", "b"]),
        ("", "en", []),
        ("x" * 500, "en", []),
    ],
)
def test_terms_of_a_text(text: str, language: str, terms: list[str]) -> None:
    assert index_terms(text, language) == terms


@pytest.mark.parametrize("language", [*STEMMERS, "xx", "", "nb"])
def test_every_language_analyses_any_text(language: str) -> None:
    assert len(index_terms("Zürich 東京 Москва θάλασσα", language)) >= 4


def test_a_query_drops_the_stop_words_of_its_own_language_only() -> None:
    assert set(query_terms("the history of the war", ["de", "en"])) >= {"histori", "war"}
    assert "the" not in query_terms("the history of the war", ["de", "en"])
    assert "war" not in query_terms("das war die Geschichte", ["en", "de"])


def test_a_question_is_asked_without_its_question_words() -> None:
    assert query_terms("What does the officer do?", ["en"]) == {"offic": 1}
    assert query_terms("Wie wird der Druck gemessen?", ["en", "de"]).keys() >= {"druck"}
    assert "wird" not in query_terms("Wie wird der Druck gemessen?", ["en", "de"])
    assert set(query_terms("who are you", ["en"])) == {"who", "you"}


def test_a_query_counts_its_words() -> None:
    assert query_terms("cat Cats dog", ["en"]) == {"cat": 2, "dog": 1}


def test_spelled_words_keep_their_capitals() -> None:
    assert spelled_words("The NATO treaty") == ["The", "NATO", "treaty"]


@pytest.mark.parametrize(
    ("second", "same"),
    [
        ("one two three four five six seven eight nine ten", True),
        ("One, two, three: four five six seven eight nine ten!", True),
        ("one two three four five six seven eight nine ten eleven", True),
        ("ten nine eight seven six five four three two one", False),
        ("one two three four five", False),
        ("", False),
    ],
)
def test_near_duplicates_share_runs_of_words(second: str, same: bool) -> None:
    first = "one two three four five six seven eight nine ten"
    assert near_duplicates(first, second, 0.8) is same


def test_near_duplicates_are_seen_in_scripts_without_spaces() -> None:
    text = (
        "自然语言处理是人工智能领域的重要方向之一，研究人与计算机之间用自然语言进行有效通信的方法。"
    )
    assert near_duplicates(text, text[:-1] + "！", 0.8)
    assert not near_duplicates(text, text[::-1], 0.8)


WORDS = st.sampled_from(
    [
        "The",
        "houses,",
        "中文分词",
        "don't",
        "na\u0308ive",
        "x" * 120,
        "हिन्दी",
        "HÄUSER–",
        "\x1f",
        "ＦＵＬＬ",
    ]
)


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(st.text(max_size=80), st.lists(WORDS, max_size=20).map(" ".join)),
    st.sampled_from([*STEMMERS, "", "zh", "xx"]),
)
def test_remembered_words_give_the_same_terms_as_the_whole_text(text: str, language: str) -> None:
    for _ in range(2):  # unknown, then known
        assert joined_terms(text, language).split(" ") == (index_terms(text, language) or [""])


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analysis, "_MAX_KNOWN", 10)
    analysis._known.cache_clear()
    text = " ".join(f"word{n} " + "y" * n for n in range(99))
    assert joined_terms(text, "en").split() == index_terms(text, "en")
    assert len(analysis._known("en", False)) <= 10
