"""The words that stand for a chunk."""

from __future__ import annotations

from collections.abc import Callable

from wellread.knowledge.base import KnowledgeBase
from wellread.knowledge.terms import key_terms

CORPUS = {
    "glacier": "The glaciers of the Alps are melting. Each glacier loses ice, and NASA measures "
    "the ice of every glacier.",
    "rivers": "The rivers of the Alps carry water and ice to the sea in every year, 1999 and 2000.",
    "water": "Water is measured in every river and in the sea.",
}


def test_the_rarest_and_most_repeated_words_come_first_as_they_are_spelled(
    build: Callable[..., KnowledgeBase], retriever_type: str
) -> None:
    base = build(CORPUS, retriever_type=retriever_type)
    chunk = next(base.chunks())
    terms = key_terms(chunk, base)
    assert terms[0] == "glacier"
    assert "NASA" in terms
    assert not {"The", "the", "of", "every"} & set(terms[:6])
    assert key_terms(chunk, base, 3) == terms[:3]
    assert key_terms(chunk, base, 0) == ()


def test_key_terms_find_their_own_chunk(
    build: Callable[..., KnowledgeBase], retriever_type: str
) -> None:
    base = build(CORPUS, retriever_type=retriever_type)
    for chunk in base.chunks():
        assert base.search(" ".join(key_terms(chunk, base)))[0].chunk == chunk


def test_numbers_and_single_letters_are_no_key_terms(build: Callable[..., KnowledgeBase]) -> None:
    base = build({"a": "x 1999 ² 3 b", "b": "plain words"})
    assert key_terms(next(base.chunks()), base) == ()


def test_key_terms_of_a_chunk_that_is_not_in_the_knowledge_base(
    build: Callable[..., KnowledgeBase], pair: Callable[..., object]
) -> None:
    base = build(CORPUS)
    chunk = pair("new", "Volcanoes and the sea")[1][0]  # type: ignore[index]
    assert key_terms(chunk, base)[0] == "Volcanoes"


def test_a_rare_word_outweighs_a_repeated_common_one(build: Callable[..., KnowledgeBase]) -> None:
    corpus = {"a": "valve pump pump", **{f"b{i}": f"pump number{i}" for i in range(30)}}
    base = build(corpus)
    assert key_terms(next(base.chunks()), base)[0] == "valve"
