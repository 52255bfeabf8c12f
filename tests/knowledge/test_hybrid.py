"""Fusion: one ranking out of two, the same however deep one asks."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellread.knowledge.dense import DenseIndex
from wellread.knowledge.hybrid import HybridIndex, fused_by_rank, fused_by_score
from wellread.knowledge.noise import Noise
from wellread.knowledge.ranking import by_score_and_id
from wellread.knowledge.retriever import Query, Scored
from wellread.knowledge.settings import KnowledgeSettings

QUERY = Query("what", {"what": 1})


def hits(scores: dict[int, float]) -> list[Scored]:
    return [Scored(r, s) for r, s in sorted(scores.items(), key=lambda i: (-i[1], i[0]))]


SCORES = st.dictionaries(st.integers(0, 40), st.floats(0.001, 50), max_size=30).map(hits)
COSINES = st.dictionaries(st.integers(0, 40), st.floats(0.001, 1), max_size=30).map(hits)
FUSIONS = st.sampled_from([fused_by_score, fused_by_rank])


class Ranked:
    """A retriever that knows its ranking by heart."""

    def __init__(self, ranked: Sequence[Scored]) -> None:
        self.ranked = list(ranked)

    def search(self, query: Query, limit: int) -> list[Scored]:
        return self.ranked[:limit]


class RankedMeaning(DenseIndex):
    """The real thresholds over cosines known by heart."""

    def __init__(
        self, ranked: Sequence[Scored], noise: Noise | None, settings: KnowledgeSettings
    ) -> None:
        self.noise, self._settings, self.ranked = noise, settings, list(ranked)

    def nearest(self, query: Query, limit: int) -> list[Scored]:
        return self.ranked[:limit]


def hybrid(
    words: Sequence[Scored], dense: Sequence[Scored], noise: Noise | None = None, **options: Any
) -> HybridIndex:
    settings = KnowledgeSettings(retriever_type="hybrid", **options)
    return HybridIndex(Ranked(words), RankedMeaning(dense, noise, settings), settings)  # type: ignore[arg-type]


@given(FUSIONS, COSINES, SCORES, st.floats(0, 1))
def test_fused_scores_lie_between_0_and_1_and_fall(
    fuse: Any, dense: list[Scored], words: list[Scored], weight: float
) -> None:
    made = fuse(dense, words, weight)
    rows = [hit.row for hit in made]
    wanted = {h.row for h in (dense if weight else [])} | {h.row for h in words if weight < 1}
    assert len(rows) == len(set(rows))
    assert set(rows) <= {h.row for h in [*dense, *words]}
    assert set(rows) == wanted or weight < 1e-300
    assert all(0 < hit.score <= 1 for hit in made)
    assert made == sorted(made, key=lambda hit: (-hit.score, hit.row))


@given(FUSIONS, COSINES, SCORES, st.floats(0.01, 0.99), st.randoms())
def test_rows_by_other_numbers_are_fused_the_same(
    fuse: Any, dense: list[Scored], words: list[Scored], weight: float, random: Any
) -> None:
    names = list(range(41))
    random.shuffle(names)
    renamed = fuse(
        [Scored(names[h.row], h.score) for h in dense],
        [Scored(names[h.row], h.score) for h in words],
        weight,
    )
    first = {names[h.row]: h.score for h in fuse(dense, words, weight)}
    assert {h.row: h.score for h in renamed} == first


@given(COSINES, SCORES, st.floats(0.01, 0.99), st.floats(0.1, 10))
def test_the_measure_of_a_part_does_not_matter(
    dense: list[Scored], words: list[Scored], weight: float, factor: float
) -> None:
    scaled = [Scored(h.row, h.score * factor) for h in words]
    first = {h.row: h.score for h in fused_by_score(dense, words, weight)}
    second = {h.row: h.score for h in fused_by_score(dense, scaled, weight)}
    assert first == pytest.approx(second)


@given(FUSIONS, COSINES, SCORES, st.floats(0.01, 0.99))
def test_what_is_better_in_both_parts_is_better_together(
    fuse: Any, dense: list[Scored], words: list[Scored], weight: float
) -> None:
    places = {h.row: place for place, h in enumerate(fuse(dense, words, weight))}
    for better, worse in itertools.pairwise(dense):
        in_words = {h.row: -place for place, h in enumerate(words)}
        low = -len(words)
        higher = in_words.get(better.row, low) > in_words.get(worse.row, low)
        if higher and better.score > worse.score * 1.001:
            assert places[better.row] < places[worse.row]


def test_a_linear_sum_by_hand() -> None:
    dense, words = hits({1: 0.8, 2: 0.4}), hits({2: 10.0, 3: 5.0})
    assert fused_by_score(dense, words, 0.25) == [
        Scored(2, 0.25 * 0.5 + 0.75), Scored(3, 0.375), Scored(1, 0.25),
    ]  # fmt: skip


def test_reciprocal_ranks_by_hand() -> None:
    dense, words = hits({1: 0.8, 2: 0.4}), hits({2: 10.0, 3: 5.0})
    made = fused_by_rank(dense, words, 0.5)
    assert [h.row for h in made] == [2, 1, 3]
    assert made[0].score == pytest.approx(0.5 * 61 / 62 + 0.5)
    assert made[1].score == pytest.approx(0.5)
    assert made[2].score == pytest.approx(0.5 * 61 / 62)


@given(COSINES, SCORES, st.integers(1, 12), st.sampled_from(["linear", "rrf"]), st.floats(0, 1))
def test_asking_deeper_leaves_what_was_found_where_it_is(
    dense: list[Scored], words: list[Scored], depth: int, fusion: str, alpha: float
) -> None:
    made = hybrid(words, dense, Noise(0.2, 0.3, 9, 9), depth=depth, fusion=fusion, alpha=alpha)
    whole = made.search(QUERY, 1000)
    for limit in (1, 2, depth, depth + 1, 2 * depth, 60):
        assert made.search(QUERY, limit) == whole[:limit]
    rows = [hit.row for hit in whole]
    assert len(rows) == len(set(rows))
    assert all(hit.score > 0 for hit in whole)
    assert [h.score for h in whole] == sorted((h.score for h in whole), reverse=True)
    wanted = {h.row for h in words} if alpha < 1 else set()
    wanted |= {h.row for h in dense if h.score > 0.3} if alpha > 0 else set()
    assert wanted <= set(rows) <= wanted | {h.row for h in words}


@given(COSINES, SCORES, st.integers(1, 5), st.integers(1, 5))
def test_a_ranking_read_in_steps_is_the_whole_ranking(
    dense: list[Scored], words: list[Scored], depth: int, step: int
) -> None:
    made = hybrid(words, dense, depth=depth)
    names = {row: f"{row:03}" for row in range(41)}
    steps = list(by_score_and_id(lambda n: made.search(QUERY, n), lambda rows: names, step))
    once = list(by_score_and_id(lambda n: made.search(QUERY, n), lambda rows: names, 1000))
    assert steps == once
    assert {hit.row for hit in steps} == {hit.row for hit in [*dense, *words]}


def test_alpha_0_is_words_alone_and_alpha_1_is_meaning_alone() -> None:
    words, dense = hits({1: 3.0, 2: 2.0}), hits({3: 0.9, 1: 0.5, 4: 0.1})
    noise = Noise(0.2, 0.3, 9, 9)
    assert [h.row for h in hybrid(words, dense, noise, alpha=0).search(QUERY, 9)] == [1, 2]
    assert [h.row for h in hybrid(words, dense, noise, alpha=1).search(QUERY, 9)] == [3, 1]


def test_what_only_meaning_brings_must_stand_above_noise() -> None:
    words, dense = hits({1: 3.0}), hits({2: 0.29, 1: 0.25})
    noise = Noise(0.2, 0.3, 9, 9)
    assert [h.row for h in hybrid(words, dense, noise).search(QUERY, 9)] == [1]
    assert hybrid([], dense, noise).search(QUERY, 9) == []
    assert [h.row for h in hybrid([], dense, noise, min_similarity=0.26).search(QUERY, 9)] == [2]


def test_meaning_counts_as_far_as_it_stands_out() -> None:
    settings = KnowledgeSettings()
    meaning = RankedMeaning([], Noise(0.2, 0.3, 9, 9), settings)
    assert [meaning.confidence(c) for c in (0.1, 0.2, 0.6, 0.9)] == [0, 0, 1, 1]
    assert meaning.confidence(0.4) == pytest.approx(0.5)
    assert RankedMeaning([], None, settings).confidence(0.1) == 1
    assert RankedMeaning([], Noise(0, 0, 9, 9), settings).confidence(0.1) == 1
