"""The index against a slow BM25 in plain Python, and the order of ties."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wellread.knowledge.analysis import index_terms, query_terms
from wellread.knowledge.base import KnowledgeBase
from wellread.knowledge.ranking import by_score_and_id
from wellread.knowledge.retriever import Scored

K1, B = 1.2, 0.75
WORDS = ["river", "rivers", "mountain", "the", "running", "run", "of", "glacier", "lake", "water"]


def slow_bm25(corpus: dict[str, str], query: str) -> dict[str, float]:
    """Every matching document's score, written down from the formula."""
    terms = {name: index_terms(text, "en") for name, text in corpus.items()}
    average = sum(map(len, terms.values())) / len(terms)
    scores: dict[str, float] = {}
    for term, weight in query_terms(query, ["en"]).items():
        frequency = sum(term in document for document in terms.values())
        idf = math.log(1 + (len(terms) - frequency + 0.5) / (frequency + 0.5))
        for name, document in terms.items():
            tf = Counter(document)[term]
            if tf:
                norm = K1 * (1 - B + B * len(document) / average)
                scores[name] = scores.get(name, 0.0) + weight * idf * tf * (K1 + 1) / (tf + norm)
    return scores


CORPUS = st.dictionaries(
    st.text("abcdef", min_size=1, max_size=3),
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=30).map(" ".join),
    min_size=1,
    max_size=12,
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(corpus=CORPUS, query=st.lists(st.sampled_from(WORDS), min_size=1, max_size=6).map(" ".join))
def test_bm25_ranks_as_the_formula_does(
    build: Callable[..., KnowledgeBase], corpus: dict[str, str], query: str
) -> None:
    base = build(corpus, language="en", collapse_duplicates=False)
    found = {p.chunk.document_id: p.score for p in base.search(query, 99)}
    expected = slow_bm25(corpus, query)
    assert found.keys() == expected.keys()
    assert all(math.isclose(found[name], expected[name], rel_tol=1e-4) for name in found)
    assert list(found) == sorted(found, key=lambda name: (-found[name], f"{name}#"))


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(corpus=CORPUS, query=st.lists(st.sampled_from(WORDS), min_size=1, max_size=6).map(" ".join))
def test_simple_sums_the_rarity_of_the_words_found(
    build: Callable[..., KnowledgeBase], corpus: dict[str, str], query: str
) -> None:
    base = build(corpus, language="en", retriever_type="simple", collapse_duplicates=False)
    terms = {name: set(index_terms(text, "en")) for name, text in corpus.items()}
    expected = {}
    for name, document in terms.items():
        for term in query_terms(query, ["en"]).keys() & document:
            df = sum(term in other for other in terms.values())
            idf = math.log(1 + (len(terms) - df + 0.5) / (df + 0.5))
            expected[name] = expected.get(name, 0.0) + idf
    found = {p.chunk.document_id: p.score for p in base.search(query, 99)}
    assert found.keys() == expected.keys()
    assert all(math.isclose(found[name], expected[name], rel_tol=1e-4) for name in found)


@given(
    scores=st.lists(st.integers(1, 4), max_size=60),
    step=st.integers(1, 20),
    noise=st.lists(st.floats(-1e-8, 1e-8), min_size=60, max_size=60),
)
def test_ties_are_settled_by_name_however_the_hits_are_asked_for(
    scores: list[int], step: int, noise: list[float]
) -> None:
    names = {row: f"c{(row * 7) % 60:02}" for row in range(len(scores))}
    hits = sorted(
        (Scored(row, score * (1 + noise[row])) for row, score in enumerate(scores)),
        key=lambda hit: -hit.score,
    )

    def search(limit: int) -> Sequence[Scored]:
        return hits[:limit]

    def ids(rows: Sequence[int]) -> dict[int, str]:
        return {row: names[row] for row in rows}

    ordered = [hit.row for hit in by_score_and_id(search, ids, step)]
    assert ordered == sorted(names, key=lambda row: (-scores[row], names[row]))
