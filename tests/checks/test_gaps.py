"""Rules beside a model fill its gaps and do not overrule it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from wellread.checks.detector import Case
from wellread.checks.gaps import GapFilled, pointed
from wellread.checks.lexical import LexicalDetector
from wellread.checks.rows import passage
from wellread.records import Outcome, SentenceCheck, Verdict

PASSAGES = (passage("The pump runs at 67 psi. It was built in 1960.", 1),)
WRONG = "The pump runs at 69 psi. It was built in 1960."
RIGHT = "The pump runs at 67 psi. It was built in 1960."


@dataclass
class Says:
    """A detector of one opinion."""

    outcome: Outcome
    score: float
    name: str = "model"

    def check(self, question, passages, answer):
        return Verdict(self.outcome, self.score, self.name, threshold=0.5)

    def check_many(self, cases):
        return [self.check(*case) for case in cases]


def test_a_number_that_no_passage_has_counts_where_the_model_is_half_sure():
    verdict = GapFilled(Says("grounded", 0.6), LexicalDetector()).check("", PASSAGES, WRONG)
    assert verdict.outcome == "partial"
    assert any(span.text == "69" for span in verdict.spans)
    assert verdict.score < verdict.threshold
    assert verdict.detector == "model+lexical"
    assert "69" in verdict.reason


@pytest.mark.parametrize(
    ("outcome", "score"),
    [("grounded", 0.95), ("ungrounded", 0.1), ("unscored", 0.0), ("abstained", 1.0)],
)
def test_where_the_model_is_sure_or_says_anything_else_it_stands(outcome, score):
    model = Says(outcome, score)
    verdict = GapFilled(model, LexicalDetector()).check("", PASSAGES, WRONG)
    assert replace(verdict, evidence=()) == model.check("", PASSAGES, WRONG)
    assert bool(verdict.evidence) == (outcome in {"grounded", "ungrounded"})


def test_where_the_rules_find_nothing_hard_only_their_evidence_is_added():
    verdict = GapFilled(Says("grounded", 0.6), LexicalDetector()).check("", PASSAGES, RIGHT)
    assert (verdict.outcome, verdict.score, verdict.spans) == ("grounded", 0.6, ())
    assert verdict.evidence


def test_a_wording_that_differs_is_left_to_the_model():
    answer = "Gold plated dolphins admire opera on quiet afternoons."
    rules = LexicalDetector()
    found = rules.check("", PASSAGES, answer)
    assert found.outcome == "ungrounded"
    assert {span.category for span in found.spans} == {"unsupported_addition/claim"}
    verdict = GapFilled(Says("grounded", 0.6), rules).check("", PASSAGES, answer)
    assert (verdict.outcome, verdict.score, verdict.spans) == ("grounded", 0.6, ())


def test_with_no_score_to_doubt_rules_point_and_never_speak():
    filled = GapFilled(Says("grounded", 0.6), LexicalDetector(), sure=0.0)
    verdict = filled.check("", PASSAGES, WRONG)
    assert (verdict.outcome, verdict.detector, filled.name) == ("grounded", "model", "model")
    assert verdict.evidence


def test_each_sentence_gets_the_evidence_of_the_one_it_lies_on():
    rule = LexicalDetector().check("", PASSAGES, RIGHT)
    sentences = (SentenceCheck(0, 24, 0.6), SentenceCheck(25, 46, 0.9), SentenceCheck(46, 46, 0.9))
    made = pointed(Verdict("grounded", 0.6, "m", sentences=sentences), rule)
    first, second, third = (sentence.evidence for sentence in made.sentences)
    assert first is not None
    assert second is not None
    text = PASSAGES[0].content
    assert text[first.start : first.end] == "The pump runs at 67 psi."
    assert text[second.start : second.end] == "It was built in 1960."
    assert third is None


def test_many_are_checked_in_order():
    filled = GapFilled(Says("grounded", 0.6), LexicalDetector())
    verdicts = filled.check_many(Case("", PASSAGES, answer) for answer in (WRONG, RIGHT, WRONG))
    assert [verdict.outcome for verdict in verdicts] == ["partial", "grounded", "partial"]
