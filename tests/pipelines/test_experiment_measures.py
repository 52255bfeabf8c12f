"""The figures of an experiment on a handful of answers, each counted by hand."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence

import pytest

from wellread.checks.lexical import LexicalDetector
from wellread.llm.chat import Usage
from wellread.pipelines.experiment.arms import Answered, Arm, Said, Workplace, ask_arms
from wellread.pipelines.experiment.health import health, known_answers, sweep
from wellread.pipelines.experiment.measures import (
    Checked,
    Sampler,
    arm_figures,
    comparisons,
    holds,
    retrieval,
    score,
)
from wellread.pipelines.experiment.questions import Asked
from wellread.records import Chunk, Outcome, Passage, Span, Verdict
from wellread.synthesis.answering import Answer, Refused

TEXT = "Ada Byron drew the pump in 1960."
DECLINED = "The passages do not say that."


def passage(name: str, text: str = TEXT, rank: int = 1) -> Passage:
    return Passage(Chunk(name, name, text, 0, len(text)), 1.0, rank)


def verdict(outcome: Outcome, *spans: tuple[int, int]) -> Verdict:
    marked = tuple(Span(a, b, "", "unsupported_addition/claim", "") for a, b in spans)
    return Verdict(outcome, 0.9 if outcome == "grounded" else 0.1, "d", "", marked)


def checked(
    number: int,
    said: dict[Arm, tuple[str, Verdict]],
    gold: tuple[str, ...] | None = ("Ada Byron",),
    shown: tuple[Passage, ...] = (),
    retrieved: tuple[Passage, ...] = (),
) -> Checked:
    asked = Asked(str(number), "Who drew the pump?", gold, f"doc {number}", ("right",), TEXT)
    told = tuple(Said(arm, text, shown) for arm, (text, _) in said.items())
    answered = Answered(asked, (passage("right"),), retrieved, told)
    scored = {
        one.arm: score(answered, one, said[one.arm][1], None, language="en", threshold=None)
        for one in told
    }
    return Checked(answered, scored, "en")


GROUNDED, FLAGGED = verdict("grounded"), verdict("ungrounded")
ANSWERS = [
    ("Ada Byron", GROUNDED),
    ("Ada Byron", FLAGGED),  # right, and flagged for all of its 9 characters
    ("Jane Doe was it", verdict("partial", (0, 8), (4, 8))),  # 8 of 15 characters
    ("Jane Doe", GROUNDED),
    ("Ada Smith", verdict("partial", (4, 9))),  # half right: neither right nor wrong
    (DECLINED, FLAGGED),  # who declines is not flagged, whatever a detector says
    ("1960 in Rome", verdict("unscored")),
    ("The Ada Byron", GROUNDED),
]


def test_every_share_of_an_arm_is_of_the_rows_that_it_names() -> None:
    rows = [
        checked(number, {"rag": answer}, shown=(passage("right"),))
        for number, answer in enumerate(ANSWERS)
    ]
    made = arm_figures("rag", rows, Sampler(rows, 0))
    assert (made.rows, made.answered, made.unscored) == (8, 7, 1)
    assert made.flagged.mean == pytest.approx(3 / 8)
    assert made.flagged_of_answered.mean == pytest.approx(3 / 7)
    assert math.isnan(made.flagged_seen.mean)
    assert made.right_flagged.mean == pytest.approx(1 / 3)
    assert made.wrong_flagged.mean == pytest.approx(1 / 3)
    assert made.wrong_characters.mean == pytest.approx((9 + 8 + 5) / (9 + 9 + 15 + 8 + 9 + 12 + 13))
    assert made.exact.mean == pytest.approx(3 / 8)
    assert made.f1.mean == pytest.approx((1 + 1 + 0 + 0 + 0.5 + 0 + 0 + 1) / 8)
    assert made.abstained.mean == pytest.approx(1 / 8)
    assert (made.abstained_right, made.abstained_wrong, made.blind) == (0, 1, 0)
    assert made.copied.mean == pytest.approx(3 / 7)
    assert made.words == pytest.approx((2 + 2 + 4 + 2 + 2 + 3 + 3) / 7)


def test_declining_is_right_where_nothing_shown_answers_and_answering_is_blind() -> None:
    other = (passage("other", "The lathe is blue."),)
    rows = [
        checked(1, {"rag": (DECLINED, GROUNDED)}, shown=other),
        checked(2, {"rag": ("Ada Byron", GROUNDED)}, shown=other),
        checked(3, {"rag": (DECLINED, GROUNDED)}, gold=()),
        checked(4, {"rag": ("Ada Byron", GROUNDED)}, gold=()),
        checked(5, {"rag": ("Ada Byron", GROUNDED)}, gold=None),
    ]
    made = arm_figures("rag", rows, Sampler(rows, 0))
    assert (made.abstained_right, made.abstained_wrong, made.blind) == (2, 0, 2)
    # Exact match is known of four: right are the answer of the second and the silence of the third.
    assert made.exact.mean == pytest.approx(2 / 4)


def test_what_stands_in_a_text_stands_there_as_whole_words() -> None:
    shown = (passage("a", "The end-of-film credits name the U.S. Army."),)
    assert holds(shown, ("film",), "en")
    assert holds(shown, ("the US Army",), "en")
    assert not holds(shown, ("fil",), "en")
    assert not holds(shown, ("", "…"), "en")
    assert not holds((), ("film",), "en")
    assert holds(shown, None, "en") is None


def test_two_arms_are_compared_on_identical_rows_and_the_naive_figure_is_told_apart() -> None:
    pairs = [(FLAGGED, FLAGGED)] * 2 + [(FLAGGED, GROUNDED)] * 4 + [(GROUNDED, FLAGGED)] * 1
    pairs += [(GROUNDED, GROUNDED)] * 3
    rows = [
        checked(number, {"closed_book": ("Ada Byron", one), "rag": ("Jane Doe", other)})
        for number, (one, other) in enumerate(pairs)
    ]
    flagged, wrong = comparisons(("closed_book", "rag"), rows, Sampler(rows, 0))
    assert (flagged.event, wrong.event) == ("flagged", "wrong")
    assert (flagged.both, flagged.only_first, flagged.only_second, flagged.neither) == (2, 4, 1, 3)
    assert (flagged.first_share, flagged.second_share) == pytest.approx((0.6, 0.3))
    assert flagged.difference.mean == pytest.approx(-0.3)
    assert flagged.relative == pytest.approx(-0.5)
    assert flagged.p == pytest.approx(2 * (1 + 5) / 2**5)
    assert flagged.naive_second == pytest.approx(2 / 6)
    assert flagged.naive_relative == pytest.approx((2 / 6 - 0.6) / 0.6)
    assert (wrong.first_share, wrong.second_share) == (0, 1)
    assert wrong.relative is None
    assert wrong.naive_second is None


def test_the_right_chunk_is_hit_first_or_among_all() -> None:
    right, other = passage("right"), passage("other", "Nothing.")
    said: dict[Arm, tuple[str, Verdict]] = {"rag": ("Ada Byron", GROUNDED)}
    rows = [
        checked(1, said, retrieved=(right, other)),
        checked(2, said, retrieved=(other, right)),
        checked(3, said, retrieved=(other,)),
        checked(4, said, retrieved=(), gold=()),
    ]
    found = retrieval(rows, 2, Sampler(rows, 0))
    assert (found.rows, found.top_k) == (4, 2)
    assert found.hit_1.mean == pytest.approx(1 / 4)
    assert found.hit_k.mean == pytest.approx(2 / 4)
    assert found.held.mean == pytest.approx(2 / 3)


def test_an_answer_is_also_held_against_what_its_arm_was_shown() -> None:
    for text, seen, flagged in (
        ("Ada Byron", FLAGGED, True),
        ("Ada Byron", GROUNDED, False),
        (DECLINED, FLAGGED, False),
    ):
        said = Said("rag", text, (passage("right"),))
        asked = Asked("1", "Who drew the pump?", ("Ada Byron",), "doc", ("right",), TEXT)
        answered = Answered(asked, (passage("right"),), (), (said,))
        one = score(answered, said, GROUNDED, seen, language="en", threshold=None)
        assert (one.flagged, one.flagged_seen) == (False, flagged)
        # Against another threshold the score decides: grounded ones have 0.9 here.
        strict = score(answered, said, GROUNDED, seen, language="en", threshold=0.95)
        assert strict.flagged == (text != DECLINED)


def asked_of(name: str, document: str, text: str, *gold: str) -> tuple[Asked, tuple[Passage, ...]]:
    shown = (passage(text, text),)
    return Asked(name, f"What is {name}?", gold, document, (text,), text), shown


def test_swapped_answers_are_foreign_to_the_text_or_share_no_word_with_the_right_one() -> None:
    here = "Ada Byron met Ada Smith in Rome in 1960."
    rows = [
        asked_of("a", "A", here, "Ada Byron"),
        asked_of("b", "A", here, "Ada Smith"),
        asked_of("c", "A", here, "1960"),
        asked_of("d", "B", "Rome is warm.", "Rome"),
        asked_of("e", "C", "Oslo is cold.", "Oslo"),
        asked_of("f", "D", "Nobody knows."),
    ]
    made = list(known_answers(rows, 0, "en"))
    first = {one.truth: one.case.answer for one in made if one.case.question == "What is a?"}
    # Rome is another document's, and stands in this text; Ada Smith shares a word.
    assert first == {"gold": "Ada Byron", "other_paragraph": "Oslo", "same_paragraph": "1960"}
    for seed in range(1, 9):
        drawn = [one for one in known_answers(rows, seed, "en") if one.truth == "other_paragraph"]
        assert drawn[0].case.answer == "Oslo"
    alone = {one.truth for one in made if one.case.question == "What is e?"}
    assert alone == {"gold", "other_paragraph"}
    assert not [one for one in made if one.case.question == "What is f?"]


def test_health_counts_flags_by_truth_and_ranks_gold_above_the_rest() -> None:
    rows = [
        asked_of("a", "A", "Ada Byron drew it in 1960.", "Ada Byron"),
        asked_of("b", "B", "Oslo is cold.", "Oslo"),
    ]
    known = list(known_answers(rows, 0, "en"))
    assert [one.truth for one in known] == ["gold", "other_paragraph"] * 2
    scores = (0.9, 0.1, 0.6, 0.7)
    said = [Verdict("grounded" if s > 0.5 else "ungrounded", s, "d") for s in scores]
    gold, swapped = health(known, said, 0, None)
    assert (gold.truth, gold.rows, gold.flagged.mean, gold.auroc) == ("gold", 2, 0.0, None)
    assert (swapped.rows, swapped.flagged.mean) == (2, 0.5)
    assert swapped.auroc == pytest.approx(3 / 4)
    at = {round(one.threshold, 2): one.known for one in sweep((), [], known, said)}
    assert at[0.65] == {"gold": 0.5, "other_paragraph": 0.5}
    assert at[0.1] == {"gold": 0.0, "other_paragraph": 0.0}
    assert at[0.95] == {"gold": 1.0, "other_paragraph": 1.0}


class Saying:
    """An answerer that says one thing after another, each for a call that nobody counted."""

    name = "saying"

    def __init__(self, *texts: str) -> None:
        self.texts = list(texts)
        self.told: list[tuple[str, ...]] = []

    async def answer(
        self,
        question: str,
        passages: Sequence[Passage],
        *,
        refused: Sequence[Refused] = (),
        repeat: int = 0,
    ) -> Answer:
        self.told.append(tuple(one.text for one in refused))
        assert repeat == len(refused)
        return Answer(self.texts.pop(0), 1, Usage(10, 2), estimated=True)


@pytest.mark.parametrize(
    ("texts", "action", "said"),
    [
        (("Ada Byron drew it.",), "kept", "Ada Byron drew it."),
        (("Jane Doe drew it.", "Ada Byron drew it."), "repaired", "Ada Byron drew it."),
        (("Jane Doe drew it.", DECLINED), "declined", DECLINED),
        (("Jane Doe drew it.", "Carl Roth drew it."), "withdrawn", "I do not know."),
    ],
)
def test_the_repair_arm_counts_every_try(texts: tuple[str, ...], action: str, said: str) -> None:
    answerer = Saying(*texts)
    chunk = passage("right").chunk
    place = Workplace(
        answerer, LexicalDetector(), lambda _: (passage("right"),), lambda _: chunk,
        ("rag_repair",), repairs=1,
    )  # fmt: skip
    asked = Asked("1", "Who drew the pump?", ("Ada Byron",), "doc", ("right",), TEXT)
    made = asyncio.run(ask_arms(asked, place)).by("rag_repair")
    assert (made.action, made.text) == (action, said)
    tries = len(texts)
    assert (made.calls, made.estimated, made.usage) == (tries, tries, Usage(10 * tries, 2 * tries))
    assert answerer.told == [texts[:number] for number in range(tries)]
    assert len(made.refused) == tries - (action != "withdrawn")
