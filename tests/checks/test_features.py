from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wellread.checks.abstention import clauses
from wellread.checks.overlap.features import (
    CLAIM_FEATURES,
    TOKEN_FEATURES,
    Claim,
    answer_row,
    claim_matrix,
    read_claims,
    rule_floors,
    token_matrix,
)
from wellread.checks.overlap.fitted import shipped_weights, sigmoid
from wellread.checks.reading.evidence import Sources, read_sources
from wellread.records import Chunk, Passage

TEXT = "The pump runs at 67 psi and weighs 12 kg. Spare parts are kept in Leeds for ten years."
WORDS = st.sampled_from(
    "pump runs weighs spare parts kept Leeds years tulips bloom 67 12 99".split()
)
ANSWERS = st.lists(st.lists(WORDS, min_size=1, max_size=9), min_size=1, max_size=5).map(
    lambda sentences: " ".join(f"The {' '.join(words)}." for words in sentences)
)


def read(answer: str, question: str = "") -> tuple[Sources, list[Claim], frozenset[str]]:
    chunk = Chunk("a#0", "a", TEXT, 0, len(TEXT), language="en")
    sources = read_sources([Passage(chunk, 1.0, 1)])
    claims, asked = read_claims(question, sources, answer, list(clauses(answer, "en")), ())
    return sources, claims, asked


def measured(answer: str, question: str = "") -> dict[str, float]:
    sources, claims, asked = read(answer, question)
    row = claim_matrix(answer, sources, claims, asked)[0]
    return dict(zip(CLAIM_FEATURES, row.tolist(), strict=True))


def test_a_copied_sentence_misses_nothing_and_keeps_everything() -> None:
    row = measured("The pump runs at 67 psi and weighs 12 kg.")
    for name in CLAIM_FEATURES:
        if name.startswith(("missing", "rule", "negators", "scattered")):
            assert row[name] == 0.0, name
    assert row["order_kept"] == 1.0
    assert row["cosine"] > 0.95  # a number counts under several keys


def test_an_added_ending_shows_as_run_and_tail() -> None:
    row = measured("The pump runs at 67 psi and delights quiet gardeners everywhere.")
    assert row["missing_run"] == row["missing_tail"] == pytest.approx(math.log1p(4))
    assert row["missing_densest"] == pytest.approx(4 / 6)
    front = measured("Delighting quiet gardeners everywhere, the pump runs at 67 psi.")
    assert front["missing_run"] == row["missing_run"]
    assert front["missing_tail"] == 0.0


def test_words_turned_round_lose_order_but_not_coverage() -> None:
    row = measured("12 kg weighs, 67 psi at runs the pump.")
    assert row["missing_anywhere"] == 0.0
    assert row["order_kept"] < 0.6


def test_words_of_two_distant_sentences_count_as_scattered() -> None:
    middle = "Rain falls. " * 3
    text = f"Brass valves leak. {middle}Tulips bloom early."
    chunk = Chunk("a#0", "a", text, 0, len(text), language="en")
    sources = read_sources([Passage(chunk, 1.0, 1)])
    answer = "Brass tulips bloom."
    claims, asked = read_claims("", sources, answer, list(clauses(answer, "en")), ())
    row = claim_matrix(answer, sources, claims, asked)[0]
    assert row[CLAIM_FEATURES.index("missing_anywhere")] == 0.0
    assert row[CLAIM_FEATURES.index("scattered")] > 0.2


@settings(max_examples=100, deadline=None)
@given(answer=ANSWERS)
def test_every_measure_is_finite_and_every_claim_and_token_has_its_row(answer: str) -> None:
    sources, claims, asked = read(answer)
    rows = claim_matrix(answer, sources, claims, asked)
    assert rows.shape == (len(claims), len(CLAIM_FEATURES))
    assert np.isfinite(rows).all()
    for claim in claims:
        tokens = token_matrix(answer, sources, claim, 0.5, asked)
        assert tokens.shape == (len(claim.clause.tokens), len(TOKEN_FEATURES))
        assert np.isfinite(tokens).all()


@settings(max_examples=100, deadline=None)
@given(answer=ANSWERS)
def test_the_order_kept_is_the_longest_common_subsequence(answer: str) -> None:
    sources, claims, asked = read(answer)
    rows = claim_matrix(answer, sources, claims, asked)
    for claim, row in zip(claims, rows, strict=True):
        ours = [one.match.keys for one in claim.clause.tokens]
        theirs = [t.keys for t in sources.tokens(claim.window)] if claim.window else []
        best = slow_subsequence(ours, theirs) / len(ours)
        assert row[CLAIM_FEATURES.index("order_kept")] == pytest.approx(best)


def slow_subsequence(ours: list[frozenset[str]], theirs: list[frozenset[str]]) -> int:
    table = np.zeros((len(ours) + 1, len(theirs) + 1), int)
    for i, j in itertools.product(range(len(ours)), range(len(theirs))):
        hit = table[i, j] + 1 if ours[i] & theirs[j] else 0
        table[i + 1, j + 1] = max(hit, table[i, j + 1], table[i + 1, j])
    return int(table[-1, -1])


@given(logits=st.lists(st.floats(-30, 30), min_size=1, max_size=10))
def test_an_answer_is_told_by_its_worst_claim_and_the_mean(logits: list[float]) -> None:
    top, mean = answer_row(np.array(logits))
    assert top == max(logits)
    assert mean == pytest.approx(math.fsum(logits) / len(logits))


@given(logits=st.lists(st.floats(-30, 30), min_size=1, max_size=10), more=st.floats(0, 10))
def test_a_worse_claim_never_makes_an_answer_look_better(logits: list[float], more: float) -> None:
    model = shipped_weights().answer
    worse = [*logits[:-1], logits[-1] + more]
    before, after = (
        float(model.logits(np.array(answer_row(np.array(x))))) for x in (logits, worse)
    )
    assert after >= before - 1e-9


def test_what_a_rule_found_sets_a_lower_bound() -> None:
    _, claims, _ = read("The pump runs at 69 psi. The pump weighs 12 kg.")
    floors = sigmoid(rule_floors(claims))
    assert floors[0] == pytest.approx(0.75)
    assert floors[1] == 0.0
