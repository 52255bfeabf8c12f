"""Curves, thresholds and verdicts, on scores whose truth is known."""

from __future__ import annotations

import dataclasses
import itertools
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wellread.checks.calibrating import (
    Fit,
    Scored,
    best_threshold,
    fit_calibration,
    isotonic,
    platt,
    prior_weights,
)
from wellread.checks.calibration import (
    Applied,
    CalibratedDetector,
    Calibration,
    Goal,
    bucket_index,
    calibrated,
    count_words,
    read_calibration,
)
from wellread.checks.detector import Case
from wellread.checks.lexical import LexicalDetector
from wellread.checks.reliability import Judged, measure
from wellread.errors import InputError
from wellread.records import Chunk, Passage, Span, Verdict
from wellread.storage.files import write_json

RANDOM = np.random.default_rng(7)
F1 = Goal()


def true_odds(raw: np.ndarray) -> np.ndarray:
    """A detector that is too sure of itself: it says .9 where .7 are right."""
    return 0.1 + 0.65 * raw**2


def drawn(count: int, words: int, seed: int = 0) -> list[Scored]:
    random = np.random.default_rng(seed)
    raw = random.random(count)
    right = random.random(count) < true_odds(raw)
    return [
        Scored(float(x), words, bool(y), "gold" if y else "number", f"{at % 7}.md")
        for at, (x, y) in enumerate(zip(raw, right, strict=True))
    ]


def fitted(scored: list[Scored], goal: Goal = F1, prior: float = 0.5, method: str = "auto"):
    return fit_calibration(scored, Fit(goal, prior, method), detector="lexical", version="1")  # type: ignore[arg-type]


CALIBRATION = fitted(drawn(3000, 4) + drawn(3000, 20, 1) + drawn(3000, 90, 2))


# --- curves


@pytest.mark.parametrize("method", ["isotonic", "platt"])
def test_a_curve_comes_near_the_true_probability(method):
    cases = drawn(8000, 20)
    prior = sum(not case.supported for case in cases) / len(cases)
    calibration = fitted(cases, prior=prior, method=method)
    for raw in (0.1, 0.3, 0.5, 0.7, 0.9):
        found = calibration.apply(raw, 20).probability
        assert found == pytest.approx(true_odds(np.array(raw)), abs=0.06), raw


def slow_isotonic(labels: np.ndarray, weights: np.ndarray) -> list[float]:
    """The largest mean that some stretch up to here has, of the smallest from here on."""
    count = len(labels)

    def mean(first: int, last: int) -> float:
        own = slice(first, last + 1)
        return float((labels[own] * weights[own]).sum() / weights[own].sum())

    return [
        max(min(mean(first, last) for last in range(at, count)) for first in range(at + 1))
        for at in range(count)
    ]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.booleans(), min_size=2, max_size=12).filter(lambda v: 0 < sum(v) < len(v)))
def test_pooled_neighbours_are_those_of_the_min_max_formula(labels):
    raw = np.linspace(0.05, 0.95, len(labels))
    supported = np.array(labels)
    weights = prior_weights(supported, 0.4)
    curve = isotonic(raw, supported, weights)
    expected = slow_isotonic(supported.astype(float), weights)
    pools = [len(list(group)) for _, group in itertools.groupby(np.round(expected, 9))]
    assert len(curve) == len(pools)
    values = np.unique(np.round(expected, 9))
    shrunk = (values * pools + 0.6) / (np.array(pools) + 1)
    assert curve[:, 1] == pytest.approx(np.maximum.accumulate(shrunk))


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=2, max_size=80).filter(
        lambda rows: len({label for _, label in rows}) == 2
    ),
    st.floats(0.02, 0.98),
)
def test_curves_rise_and_stay_within_bounds_whatever_the_scores(rows, prior):
    raw, supported = np.array([x for x, _ in rows]), np.array([y for _, y in rows])
    weights = prior_weights(supported, prior)
    assert weights[~supported].sum() == pytest.approx(prior)
    for curve in (isotonic(raw, supported, weights), platt(raw, supported, weights)):
        assert (np.diff(curve[:, 0]) >= 0).all()
        assert (np.diff(curve[:, 1]) >= -1e-12).all()
        assert ((curve[:, 1] > 0) & (curve[:, 1] < 1)).all()


def test_a_score_that_tells_nothing_gives_the_prior_everywhere():
    cases = [Scored(0.5, 20, at % 2 == 0, "gold", "a") for at in range(400)]
    calibration = fitted(cases, prior=0.3)
    assert {calibration.apply(raw, 20).probability for raw in (0, 0.5, 1)} == {0.7}


def test_a_rarely_wrong_source_gives_higher_probabilities():
    cases = drawn(4000, 20)
    trusting, wary = fitted(cases, prior=0.05), fitted(cases, prior=0.6)
    assert trusting.apply(0.5, 20).probability > wary.apply(0.5, 20).probability + 0.3


# --- lengths


@pytest.mark.parametrize(
    ("words", "bucket"), [(0, 0), (8, 0), (9, 1), (40, 1), (41, 2), (10**6, 2)]
)
def test_lengths_fall_into_three_buckets(words, bucket):
    assert bucket_index(words) == bucket


def test_words_are_counted_in_scripts_with_and_without_spaces():
    assert count_words("It runs at 67 psi.") == 5
    assert count_words("答案是六次。") == 3
    assert count_words("") == count_words("  \n") == 0


def test_a_length_with_few_cases_borrows_the_curve_of_all():
    calibration = fitted(drawn(2000, 20) + drawn(10, 90))
    short, sentence, long = calibration.buckets
    assert [bucket.method for bucket in calibration.buckets] == ["pooled", "isotonic", "pooled"]
    assert short.curve == long.curve != sentence.curve
    assert fitted(drawn(120, 20)).buckets[1].method == "platt"


def test_too_few_cases_are_refused_with_their_number():
    with pytest.raises(InputError, match=r"10 right and 0 wrong answers were scored; at least 25"):
        fitted([Scored(0.5, 5, True, "gold", "a")] * 10)


# --- thresholds


def chosen(goal: Goal, prior: float = 0.2) -> tuple[float, float, float]:
    """Threshold, precision at the prior and false flags, on what it was chosen on."""
    raw = np.linspace(0, 1, 2001)
    supported = np.random.default_rng(1).random(2001) < raw
    weights = prior_weights(supported, prior)
    threshold = best_threshold(raw, supported, weights, goal)
    flagged = raw < threshold
    caught, false = weights[flagged & ~supported].sum(), weights[flagged & supported].sum()
    return threshold, caught / (caught + false), false / (1 - prior)


def test_the_threshold_meets_the_goal_it_was_chosen_for():
    for value in (0.7, 0.9):
        assert chosen(Goal("precision", value))[1] >= value
    for value in (0.02, 0.2):
        assert value - 0.01 < chosen(Goal("false-flags", value))[2] <= value + 1e-9


def test_stricter_goals_flag_less():
    strict, loose = chosen(Goal("precision", 0.95))[0], chosen(Goal("precision", 0.6))[0]
    assert strict < loose
    assert chosen(Goal("false-flags", 0.01))[0] < chosen(Goal("false-flags", 0.3))[0]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from([0.1, 0.2, 0.4, 0.7, 0.9]), st.booleans()),
        min_size=2,
        max_size=30,
    ).filter(lambda rows: len({label for _, label in rows}) == 2),
    st.floats(0.05, 0.95),
)
def test_no_other_threshold_has_a_better_f1(rows, prior):
    probabilities, supported = np.array([x for x, _ in rows]), np.array([y for _, y in rows])
    weights = prior_weights(supported, prior)

    def f1(threshold: float) -> float:
        flagged = probabilities < threshold
        caught = weights[flagged & ~supported].sum()
        return float(2 * caught / (weights[flagged].sum() + prior))

    best = f1(best_threshold(probabilities, supported, weights, F1))
    assert best >= max(f1(cut) for cut in np.linspace(0, 1, 101)) - 1e-9


@pytest.mark.parametrize("text", ["f1", "precision=0.9", "false-flags=0.05"])
def test_goals_are_read_and_written(text):
    assert str(Goal.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "f2",
        "f1=3",
        "precision",
        "precision=1.2",
        "precision=0",
        "false-flags=1",
        "false-flags=x",
    ],
)
def test_other_goals_are_refused(text):
    with pytest.raises(InputError, match="no such goal"):
        Goal.parse(text)


# --- the value


def test_a_calibration_survives_its_file_and_its_id_follows_what_it_holds(tmp_path):
    write_json(tmp_path / "calibration.json", CALIBRATION.to_dict())
    read = read_calibration(tmp_path)
    assert read == read_calibration(tmp_path / "calibration.json")
    assert read.id == CALIBRATION.id
    assert read.apply(0.4, 20) == CALIBRATION.apply(0.4, 20)
    assert dataclasses.replace(CALIBRATION, prior=0.4).id != CALIBRATION.id


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": 9}, "not a calibration of format 1"),
        ({"prior": "often"}, "prior"),
        ({"buckets": []}, "buckets: found none"),
    ],
)
def test_a_damaged_calibration_is_refused(tmp_path, change, said):
    write_json(tmp_path / "calibration.json", CALIBRATION.to_dict() | change)
    with pytest.raises(InputError, match=said):
        read_calibration(tmp_path)


def test_a_falling_curve_is_refused(tmp_path):
    value = json.loads(json.dumps(CALIBRATION.to_dict()))
    value["buckets"][1]["curve"] = [[0.0, 0.9], [1.0, 0.1]]
    write_json(tmp_path / "calibration.json", value)
    with pytest.raises(InputError, match=r"buckets\.sentence\.curve"):
        read_calibration(tmp_path)


def test_a_missing_calibration_says_how_to_make_one(tmp_path):
    with pytest.raises(InputError, match="wellread check calibrate"):
        read_calibration(tmp_path / "none")


# --- the detector

TEXT = "The pump runs at 67 psi. It was built in Leeds on 5 March 2019."
PASSAGES = (Passage(Chunk("a.md#0-62", "a.md", TEXT, 0, 62, source="a.md", language="en"), 1.0, 1),)
LEXICAL = LexicalDetector()
VERSION = LEXICAL.check("", PASSAGES, "It runs at 67 psi.").version


def calibrator(**changes: object) -> CalibratedDetector:
    own = {"detector": LEXICAL.name, "version": VERSION, **changes}
    return CalibratedDetector(LEXICAL, dataclasses.replace(CALIBRATION, **own))  # type: ignore[arg-type]


def test_verdicts_carry_probability_threshold_and_the_id():
    detector = calibrator()
    answers = ["The pump runs at 67 psi.", "The pump runs at 69 psi.", "", "I do not know."]
    verdicts = detector.check_many([Case("At what?", PASSAGES, answer) for answer in answers])
    assert verdicts == [detector.check("At what?", PASSAGES, answer) for answer in answers]
    assert {verdict.calibration for verdict in verdicts} == {detector.calibration.id}
    right, wrong, empty, declined = verdicts
    assert right.score > wrong.score
    assert right.threshold == wrong.threshold == detector.calibration.buckets[0].threshold
    assert wrong.outcome == "ungrounded"
    assert empty.outcome == "unscored"
    assert declined.outcome in ("abstained", "unscored")


def test_a_calibration_of_another_detector_or_version_is_refused():
    with pytest.raises(InputError, match="is for other, not lexical"):
        calibrator(detector="other")
    with pytest.raises(InputError, match="is for version 'old'"):
        calibrator(version="old").check("", PASSAGES, "It runs at 67 psi.")


SPAN = Span(0, 2, "69", "contradiction/numerical", "69 is not in the passages")
FOREIGN = Span(0, 4, "b.md", "fabricated_reference/source", "b.md is not among the passages")


@pytest.mark.parametrize(
    ("before", "spans", "probability", "after"),
    [
        ("partial", (SPAN,), 0.9, "grounded"),
        ("grounded", (), 0.9, "grounded"),
        ("grounded", (), 0.3, "ungrounded"),
        ("partial", (SPAN,), 0.3, "partial"),
        ("ungrounded", (FOREIGN,), 0.9, "ungrounded"),
    ],
)
def test_the_outcome_follows_the_threshold(before, spans, probability, after):
    raw = Verdict(before, 0.5, "d", spans[0].reason if spans else "", spans)
    made = calibrated(raw, Applied(probability, 0.6), "id")
    assert made.outcome == after
    assert bool(made.spans) == (after != "grounded" and bool(spans))
    assert bool(made.reason) == (after != "grounded")
    assert (made.score, made.threshold, made.calibration) == (probability, 0.6, "id")


# --- measures


def test_honest_probabilities_have_no_calibration_error_and_boasts_do():
    random = np.random.default_rng(3)
    honest = random.random(20000)
    right = random.random(20000) < honest
    prior = float((~right).mean())

    def error(probabilities: np.ndarray) -> float:
        judged = [
            Judged(float(p), p < 0.5, bool(y), "gold" if y else "name")
            for p, y in zip(probabilities, right, strict=True)
        ]
        return measure(judged, prior).calibration_error

    assert error(honest) < 0.012
    assert error(honest**0.3) > 0.1


def test_rates_count_flags_by_kind_and_the_unscored_are_no_flags():
    judged = [
        Judged(0.9, False, True, "gold"),
        Judged(0.2, True, True, "gold"),
        Judged(0.1, True, False, "number"),
        Judged(None, False, False, "number"),
    ]
    measures = measure(judged, 0.25)
    assert measures.rates["gold"].share == 0.5
    number = measures.rates["number"]
    assert (number.count, number.flagged, number.unscored) == (2, 1, 1)
    assert measures.recall == 0.5
    assert measures.precision == pytest.approx(0.25 * 0.5 / (0.25 * 0.5 + 0.75 * 0.5))
    assert measures.f1 == pytest.approx(2 / (1 / measures.precision + 1 / measures.recall))
    assert measure([], 0.2).calibration_error == 0


def test_bins_hold_what_lies_between_their_ends() -> None:
    said = [(0.05, False), (0.12, True), (0.18, False), (0.95, True), (1.0, True)]
    judged = [Judged(p, p < 0.5, y, "gold" if y else "number") for p, y in said]
    measures = measure(judged, 0.4)
    rows = [(b.low, b.high, b.count) for b in measures.bins]
    assert rows == [(0.0, 0.1, 1), (0.1, 0.2, 2), (0.9, 1.0, 2)]
    # Three right ones share a weight of 0.6, two wrong ones 0.4: a fifth each.
    assert [b.share for b in measures.bins] == pytest.approx([0.2, 0.4, 0.4])
    assert [b.predicted for b in measures.bins] == pytest.approx([0.05, 0.15, 0.975])
    assert [b.observed for b in measures.bins] == pytest.approx([0.0, 0.5, 1.0])
    error = 0.2 * 0.05 + 0.4 * 0.35 + 0.4 * 0.025
    assert measures.calibration_error == pytest.approx(error)
    squares = [0.05**2, 0.88**2, 0.18**2, 0.05**2, 0.0]
    assert measures.brier == pytest.approx(sum(squares) / 5)
    assert measures.auroc == pytest.approx(5 / 6)


def test_calibration_lowers_the_error_on_cases_not_fitted_on():
    fresh = drawn(6000, 20, seed=9)
    prior = sum(not case.supported for case in fresh) / len(fresh)
    calibration: Calibration = fitted(drawn(6000, 20, seed=4), prior=prior)

    def judged(case: Scored, probability: float) -> Judged:
        return Judged(probability, probability < 0.5, case.supported, case.kind)

    before = measure([judged(case, case.score) for case in fresh], prior)
    after = measure(
        [judged(case, calibration.apply(case.score, 20).probability) for case in fresh], prior
    )
    assert after.calibration_error < 0.03 < 0.1 < before.calibration_error
    assert after.brier < before.brier
