from __future__ import annotations

import json
import random
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wellread.checks.answering.types import expects, fit, shape
from wellread.checks.detector import Case, Detector
from wellread.checks.reading.tokens import tokenise
from wellread.checks.short_answers import (
    ShortAnswerDetector,
    ShortAnswerSettings,
    core_span,
    shipped_weights,
)
from wellread.checks.statistics import auroc
from wellread.records import Chunk, Passage

XQUAD = Path(__file__).parents[2] / "../shared/data/xquad"
BRIDGE = (
    "The Alder bridge was drawn by Ada Byron and opened in 1960. It cost 67 million dollars and "
    "carries 12,000 cars a day across the river Tarn. Carl Roth painted it green in 1974 because "
    "the old paint held lead. About 40% of the steel came from Norway."
)
BRUECKE = (
    "Die Erlenbrücke wurde von Ada Byron entworfen und 1960 eröffnet. Sie überquert den Fluss "
    "Tarn und trägt 12.000 Autos am Tag. Carl Roth strich sie 1974 grün."
)


def passage(text: str, name: str = "a.md", rank: int = 1, language: str = "") -> Passage:
    return Passage(
        Chunk(f"{name}#0", name, text, 0, len(text), source=name, language=language), 1.0, rank
    )


@pytest.fixture(scope="module")
def detector() -> ShortAnswerDetector:
    return ShortAnswerDetector()


@pytest.mark.parametrize(
    ("question", "wanted"),
    [
        ("Who drew the bridge?", "person"),
        ("When did the king die?", "date"),
        ("In what year did it open?", "year"),
        ("How many cars does it carry?", "count"),
        ("How much does it cost?", "money"),
        ("How long is it?", "amount"),
        ("What percentage of the steel came from Norway?", "percent"),
        ("Where did the steel come from?", "place"),
        ("Which river does it cross?", "place"),
        ("Why was it painted?", "reason"),
        ("Is it green?", "yes_no"),
        ("What sea lay to the east when he died?", "place"),
        ("When the king died, who took over?", "person"),
        ("What do plants breathe?", "thing"),
        ("Name it.", "thing"),
    ],
)
def test_the_first_question_word_says_what_is_wanted(question: str, wanted: str) -> None:
    assert expects(question).wanted == wanted


@pytest.mark.parametrize(
    ("question", "language", "wanted"),
    [
        ("Wer hat die Brücke entworfen?", "de", "person"),
        ("Wie viele Autos trägt sie?", "de", "count"),
        ("In welchem Jahr wurde sie eröffnet?", "de", "year"),
        ("¿Quién dibujó el puente?", "es", "person"),
        ("¿Cuántos coches?", "es", "count"),
        ("Où est le pont ?", "fr", "place"),
        ("Quando fu aperto?", "it", "date"),
        ("Hoeveel auto's?", "nl", "count"),
        ("Quem desenhou a ponte?", "pt", "person"),
        ("这座桥是哪一年开放的?", "zh", "year"),
        ("Hvem tegnet broen?", "no", "thing"),
    ],
)
def test_other_languages_have_their_question_words_or_fall_back(
    question: str, language: str, wanted: str
) -> None:
    assert expects(question, language).wanted == wanted


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ("17", "number"),
        ("four", "number"),
        ("12 kg", "measure"),
        ("1998", "year"),
        ("5 March 1998", "date"),
        ("the 19th century", "date"),
        ("40%", "percent"),
        ("$67 million", "money"),
        ("Ada Byron", "name"),
        ("green", "words"),
        ("because it held lead", "clause"),
        ("Yes.", "yes_no"),
    ],
)
def test_answers_have_shapes(answer: str, found: str) -> None:
    assert shape(answer, tokenise(answer)) == found


def test_a_number_is_no_person_and_a_name_no_count() -> None:
    assert fit("person", "number") == fit("count", "name") == -1.0
    assert fit("thing", "name") > 0


@pytest.mark.parametrize(
    ("question", "right", "wrong"),
    [
        ("Who drew the Alder bridge?", "Ada Byron", ["Carl Roth", "1960", "Norway", "12,000"]),
        ("When did the bridge open?", "1960", ["1974", "Ada Byron", "67 million dollars"]),
        ("Who painted the bridge green?", "Carl Roth", ["Ada Byron", "1974"]),
        ("How much did it cost?", "67 million dollars", ["Carl Roth", "green"]),
        ("Which river does the bridge cross?", "Tarn", ["Norway", "1960", "Ada Byron"]),
        ("What share of the steel came from Norway?", "40%", ["Ada Byron", "1974"]),
    ],
)
def test_the_right_answer_scores_above_wrong_ones_of_the_same_passage(
    detector: ShortAnswerDetector, question: str, right: str, wrong: list[str]
) -> None:
    told = [passage(BRIDGE)]
    best = detector.check(question, told, right)
    assert best.outcome == "grounded", best
    for answer in wrong:
        verdict = detector.check(question, told, answer)
        assert verdict.score < best.score, answer
        assert detector.examine(question, told, answer).supported == 1.0


def test_german_answers_are_told_apart_too(detector: ShortAnswerDetector) -> None:
    told = [passage(BRUECKE, language="de")]
    question = "Wer hat die Erlenbrücke entworfen?"
    assert detector.check(question, told, "Ada Byron").outcome == "grounded"
    assert detector.check(question, told, "Carl Roth").outcome == "ungrounded"
    assert detector.check(question, told, "1974").outcome == "ungrounded"


def test_what_is_absent_is_ungrounded_and_marked(detector: ShortAnswerDetector) -> None:
    found = detector.examine("Who drew the bridge?", [passage(BRIDGE)], "Jane Doe")
    assert found.verdict.outcome == "ungrounded"
    assert found.supported < 0.5
    assert found.verdict.spans[0].text == "Jane Doe"
    assert found.verdict.spans[0].category.startswith("unsupported_addition")


def test_a_clash_of_types_is_named(detector: ShortAnswerDetector) -> None:
    verdict = detector.check("Who drew the Alder bridge?", [passage(BRIDGE)], "12,000")
    assert verdict.outcome == "ungrounded"
    assert "the question asks for a person" in verdict.reason
    assert verdict.spans[0].category == "contradiction/relational"


def test_the_nearer_rival_is_named(detector: ShortAnswerDetector) -> None:
    verdict = detector.check("Who drew the Alder bridge?", [passage(BRIDGE)], "Carl Roth")
    assert verdict.outcome == "ungrounded"
    assert "stands nearer to what is asked" in verdict.reason


def test_an_answer_that_repeats_the_question_is_no_answer(detector: ShortAnswerDetector) -> None:
    verdict = detector.check("Who drew the Alder bridge?", [passage(BRIDGE)], "Alder bridge")
    assert verdict.outcome == "ungrounded"


def test_passages_about_something_else_ground_nothing(detector: ShortAnswerDetector) -> None:
    for question in ("Who won the Nobel Prize for chemistry?", "Who?", ""):
        verdict = detector.check(question, [passage(BRIDGE)], "Ada Byron")
        assert verdict.outcome == "ungrounded"
        assert "nothing of what is asked" in verdict.reason


def test_the_evidence_is_the_sentence_of_the_answer(detector: ShortAnswerDetector) -> None:
    verdict = detector.check("Who painted the bridge?", [passage(BRIDGE)], "Carl Roth")
    evidence = verdict.evidence[0]
    assert BRIDGE[evidence.start : evidence.end].startswith("Carl Roth painted it green in 1974")


@pytest.mark.parametrize(
    "answer", ["The answer is Ada Byron.", "It was Ada Byron.", "“Ada Byron”", "Ada Byron (a.md)",
               "Ada Byron [1].", "The Alder bridge was drawn by Ada Byron."],
)  # fmt: skip
def test_lead_ins_citations_and_short_sentences_change_nothing(
    detector: ShortAnswerDetector, answer: str
) -> None:
    verdict = detector.check("Who drew the Alder bridge?", [passage(BRIDGE)], answer)
    assert verdict.outcome == "grounded", verdict


def test_numbers_written_as_words_are_found(detector: ShortAnswerDetector) -> None:
    told = [passage("The pump has four valves. It was built by seven engineers.")]
    assert detector.check("How many valves does the pump have?", told, "4").outcome == "grounded"
    assert detector.check("How many valves does the pump have?", told, "7").outcome == "ungrounded"


def test_bad_input_is_never_grounded(detector: ShortAnswerDetector) -> None:
    told = [passage(BRIDGE)]
    assert detector.check("Who?", told, "").outcome == "unscored"
    assert detector.check("Who?", told, "…").outcome == "unscored"
    assert detector.check("Who drew it?", [], "Ada Byron").outcome == "unscored"
    assert detector.check("Who drew it?", [passage(" ")], "Ada Byron").outcome == "unscored"
    assert detector.check("Is it green?", told, "Yes").outcome != "grounded"
    assert detector.check("", told, "Jane Doe").outcome == "ungrounded"
    declined = detector.check("Who drew it?", told, "The passages do not say.")
    assert declined.outcome == "abstained"


def test_the_answer_of_another_passage_is_weighed_against_all(
    detector: ShortAnswerDetector,
) -> None:
    other = passage("The Elm tower was drawn by Max Born and opened in 1911.", "b.md", 2)
    told = [other, passage(BRIDGE)]
    assert detector.check("Who drew the Alder bridge?", told, "Ada Byron").outcome == "grounded"
    assert detector.check("Who drew the Alder bridge?", told, "Max Born").outcome == "ungrounded"
    assert detector.check("Who drew the Elm tower?", told, "Max Born").outcome == "grounded"


def test_long_answers_are_judged_by_their_text(detector: ShortAnswerDetector) -> None:
    answer = (
        "The Alder bridge was drawn by Ada Byron and opened in 1960. It cost 67 million dollars "
        "and carries 12,000 cars a day across the river Tarn."
    )
    verdict = detector.check("Who drew the bridge?", [passage(BRIDGE)], answer)
    assert verdict == detector.text_detector.check(
        "Who drew the bridge?", [passage(BRIDGE)], answer
    )


def test_a_second_answer_that_agrees_helps_and_one_that_does_not_hurts() -> None:
    question, told = "Who drew the Alder bridge?", [passage(BRIDGE)]
    plain = ShortAnswerDetector().check(question, told, "Carl Roth").score
    yes = ShortAnswerDetector(ask_again=lambda q, p: "Carl Roth.").examine(
        question, told, "Carl Roth"
    )
    no = ShortAnswerDetector(ask_again=lambda q, p: "Ada Byron").examine(
        question, told, "Carl Roth"
    )
    silent = ShortAnswerDetector(ask_again=lambda q, p: "I do not know.").examine(
        question, told, "Carl Roth"
    )
    assert (yes.agreement, no.agreement, silent.agreement) == (1.0, 0.0, 0.0)
    assert no.verdict.score == silent.verdict.score < plain < yes.verdict.score


def test_a_yes_stands_on_the_second_answer_alone() -> None:
    told = [passage(BRIDGE)]
    agrees = ShortAnswerDetector(ask_again=lambda q, p: "Yes")
    differs = ShortAnswerDetector(ask_again=lambda q, p: "No")
    assert agrees.check("Is it green?", told, "Yes.").outcome == "grounded"
    assert differs.check("Is it green?", told, "Yes.").outcome == "ungrounded"


def test_it_is_a_detector_and_each_case_stands_by_itself(detector: ShortAnswerDetector) -> None:
    as_protocol: Detector = detector
    cases = [
        Case("Who drew the Alder bridge?", [passage(BRIDGE)], answer)
        for answer in ("Ada Byron", "Carl Roth", "", "Jane Doe")
    ]
    together = as_protocol.check_many(cases)
    assert together == [as_protocol.check(*case) for case in cases]
    assert {v.version for v in together} == {shipped_weights().version}


def test_the_limit_on_words_is_a_setting() -> None:
    told = [passage(BRIDGE)]
    strict = ShortAnswerDetector(ShortAnswerSettings(max_words=1))
    verdict = strict.check("Who drew it?", told, "Carl Roth")
    assert verdict.detector != "answer"


TEXTS = st.text(max_size=60) | st.sampled_from(
    ["Ada Byron", "1960", "12,000", "the river Tarn", "Yes", "不知道", "<b>67</b>", "| a | b |"]
)


@settings(max_examples=150, deadline=None)
@given(question=TEXTS, answer=TEXTS, texts=st.lists(TEXTS | st.just(BRIDGE), max_size=3))
def test_any_text_gets_a_sound_verdict(question: str, answer: str, texts: list[str]) -> None:
    told = [passage(text, f"{n}.md", n + 1) for n, text in enumerate(texts)]
    found = ShortAnswerDetector().examine(question, told, answer)
    verdict = found.verdict
    assert 0 <= verdict.score <= 1
    assert 0 <= found.supported <= 1
    assert 0 <= found.answers <= 1
    assert (verdict.outcome == "grounded") <= (verdict.score >= verdict.threshold)
    for span in verdict.spans:
        assert answer[span.start : span.end] == span.text
    for pointer in verdict.evidence:
        text = next(p.chunk.text for p in told if p.chunk.id == pointer.chunk_id)
        assert 0 <= pointer.start < pointer.end <= len(text)
    if not any(text.strip() for text in texts):
        assert verdict.outcome in {"unscored", "abstained"}


@settings(max_examples=100, deadline=None)
@given(TEXTS)
def test_the_core_of_an_answer_lies_inside_it(answer: str) -> None:
    start, end = core_span(answer)
    assert 0 <= start <= end <= len(answer)
    assert bool(answer) == (end > start)


@pytest.mark.real
@pytest.mark.skipif(not XQUAD.is_dir(), reason="needs the data beside the checkout")
@pytest.mark.parametrize("language", ["en", "de", "zh"])
def test_gold_answers_are_told_from_others_of_their_paragraph(language: str) -> None:
    drawn = random.Random(5)
    told = json.loads((XQUAD / f"xquad.{language}.json").read_text(encoding="utf-8"))["data"]
    cases: list[Case] = []
    right: list[bool] = []
    for paragraph in [p for article in told for p in article["paragraphs"]][::8]:
        gold = [(q["question"], q["answers"][0]["text"]) for q in paragraph["qas"]]
        shown = [passage(paragraph["context"], language=language)]
        for question, answer in gold:
            others = sorted({a for _, a in gold if not _overlap(a, answer)})
            if others:
                cases += [Case(question, shown, a) for a in (answer, drawn.choice(others))]
                right += [True, False]
    scores = [verdict.score for verdict in ShortAnswerDetector().check_many(cases)]
    assert auroc(scores, right) >= 0.80


def _overlap(one: str, other: str) -> bool:
    a, b = (" ".join(re.findall(r"\w+", text.casefold())) for text in (one, other))
    return a in b or b in a


def test_a_part_of_a_date_stands_where_the_whole_date_does() -> None:
    text = "The test began on January 27, 1967. Ada Byron drew the pump in Lund."
    passages = [passage(text)]
    check = ShortAnswerDetector().examine("When did the test begin?", passages, "January 27")
    assert check.supported == 1.0
    assert check.verdict.outcome == "grounded"
    elsewhere = ShortAnswerDetector().check("Who drew the pump?", passages, "January 27")
    assert "is a date" in elsewhere.reason


def test_where_a_second_answer_cannot_be_had_the_words_decide() -> None:
    passages = [passage(BRIDGE)]
    silent = ShortAnswerDetector(ask_again=lambda question, passages: None)
    check = silent.examine("Who drew the bridge?", passages, "Ada Byron")
    assert check == ShortAnswerDetector().examine("Who drew the bridge?", passages, "Ada Byron")
    assert check.agreement is None
