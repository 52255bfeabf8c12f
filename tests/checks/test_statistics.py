"""The statistics against slow references that are written another way."""

from __future__ import annotations

import math
import re
import string
from collections import Counter
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellread.checks.statistics import (
    answer_tokens,
    auroc,
    character_f1,
    exact_match,
    mcnemar,
    mean_interval,
    ratio_interval,
    token_f1,
)
from wellread.errors import InputError
from wellread.records import Span

ASCII = st.text(alphabet=string.ascii_letters + string.digits + " .,!-'\"the an", max_size=30)


def squad_normalised(text: str) -> str:
    """The steps as the paper's appendix lists them, on ASCII."""
    text = re.sub(
        r"\b(a|an|the)\b", " ", "".join(c for c in text.lower() if c.isalnum() or c == " ")
    )
    return " ".join(text.split())


@given(ASCII)
def test_ascii_is_normalised_as_squad_does(text):
    assert " ".join(answer_tokens(text)) == squad_normalised(text)


@given(ASCII, ASCII)
def test_f1_is_that_of_the_bags_of_tokens(one, other):
    said, gold = squad_normalised(one).split(), squad_normalised(other).split()
    common = sum((Counter(said) & Counter(gold)).values())
    if not said or not gold:
        expected = float(said == gold)
    elif not common:
        expected = 0.0
    else:
        precision, recall = common / len(said), common / len(gold)
        expected = 2 * precision * recall / (precision + recall)
    assert token_f1(one, [other]) == pytest.approx(expected)
    assert exact_match(one, [other]) == (said == gold)


def test_the_best_of_several_gold_answers_counts():
    assert token_f1("in March 1960", ["1960", "in March 1960"]) == 1
    assert exact_match("1960", ["March", "1960"])
    assert not exact_match("1960", [])
    assert token_f1("1960", []) == 0


def test_articles_are_those_of_the_language():
    assert exact_match("die Pumpe", ["Pumpe"], "de")
    assert not exact_match("die Pumpe", ["Pumpe"], "en")
    assert not exact_match("the pump", ["pump"], "zz")


def test_scripts_without_spaces_are_compared_by_character():
    assert token_f1("北京大学", ["北京"], "zh") == pytest.approx(2 * 2 / 6)
    assert exact_match("“北京”。", ["北京"], "zh")


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=25))
def test_auroc_is_the_share_of_pairs_in_the_right_order(rows):
    wins = [
        1.0 if a > b else 0.5 if a == b else 0.0
        for (a, yes), (b, other) in product(rows, rows)
        if yes and not other
    ]
    made = auroc([a for a, _ in rows], [yes for _, yes in rows])
    assert math.isnan(made) if not wins else made == pytest.approx(sum(wins) / len(wins))


def test_scores_without_their_labels_are_refused():
    with pytest.raises(InputError, match=r"\(2,\) scores"):
        auroc([1, 2], [True])


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_the_exact_binomial(first, second):
    n, least = first + second, min(first, second)
    tail = sum(Fraction(math.comb(n, k), 2**n) for k in range(least + 1))
    assert mcnemar(first, second) == pytest.approx(min(1.0, float(2 * tail)))


def test_mcnemar_of_large_counts_does_not_overflow():
    assert mcnemar(452, 2152) < 1e-200
    assert mcnemar(50_000, 50_000) == 1
    assert 0.4 < mcnemar(50_000, 50_250) < 0.5
    with pytest.raises(InputError, match="not negative"):
        mcnemar(-1, 3)


SPANS = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 14)), max_size=4)


@given(st.lists(st.tuples(st.integers(0, 12), SPANS, SPANS), max_size=5))
def test_character_f1_counts_sets_of_characters(rows):
    found, marked = set(), set()
    for number, (length, ours, theirs) in enumerate(rows):
        for into, spans in ((found, ours), (marked, theirs)):
            into |= {(number, i) for a, b in spans for i in range(a, min(b, length))}
    precision, recall, f1 = character_f1(rows)
    assert precision == (len(found & marked) / len(found) if found else 0)
    assert recall == (len(found & marked) / len(marked) if marked else 0)
    if precision and recall:
        assert f1 == pytest.approx(2 * precision * recall / (precision + recall))
    else:
        assert f1 == 0


def test_spans_of_records_count_as_pairs_do():
    span = Span(2, 6, "text", "numerical", "why")
    assert character_f1([(10, [span], [(2, 6)])]) == (1, 1, 1)


def slow_bootstrap(top, bottom, groups, random, resamples):
    """One draw at a time, by name of the group."""
    names = sorted(set(groups))
    ratios = []
    for chosen in random.integers(0, len(names), (resamples, len(names))):
        picked = [i for c in chosen for i in range(len(groups)) if groups[i] == names[c]]
        ratios.append(sum(top[i] for i in picked) / sum(bottom[i] for i in picked))
    return np.percentile(ratios, [2.5, 97.5])


def test_the_bootstrap_redraws_whole_documents():
    random = np.random.default_rng(7)
    groups = [f"d{i % 6}" for i in range(40)]
    top, bottom = random.integers(0, 2, 40), np.ones(40)
    made = ratio_interval(top, bottom, groups, np.random.default_rng(3), 100)
    low, high = slow_bootstrap(top, bottom, groups, np.random.default_rng(3), 100)
    assert (made.low, made.high) == pytest.approx((low, high))
    assert made.mean == pytest.approx(top.mean())


def test_rows_of_one_document_give_a_wider_interval_than_rows_alone():
    """Each document is all good or all bad: forty rows say no more than eight documents do."""
    values = [float(i // 5 % 2) for i in range(40)]
    by_document = mean_interval(values, [str(i // 5) for i in range(40)], np.random.default_rng(0))
    by_row = mean_interval(values, [str(i) for i in range(40)], np.random.default_rng(0))
    assert by_document.high - by_document.low > 1.5 * (by_row.high - by_row.low)


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    random = np.random.default_rng(11)
    hits = 0
    for _ in range(200):
        rates = random.beta(3, 5, 40)
        rows = [
            (float(random.random() < rate), str(d)) for d, rate in enumerate(rates) for _ in "x" * 4
        ]
        made = mean_interval([v for v, _ in rows], [d for _, d in rows], random, 400)
        hits += made.low <= 3 / 8 <= made.high
    assert 180 <= hits <= 198


def test_an_empty_ratio_is_no_number():
    random = np.random.default_rng(0)
    assert math.isnan(mean_interval([], [], random).mean)
    assert math.isnan(ratio_interval([0], [0], ["d"], random).mean)
    assert ratio_interval([1, 0], [1, 0], ["a", "b"], random).low == 1
    with pytest.raises(InputError, match="1 groups"):
        ratio_interval([1, 2], [1, 2], ["a"], random)
