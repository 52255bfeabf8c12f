"""Which pairs may be trained on: the table of `verify`, row by row."""

from __future__ import annotations

import pytest

from wellread.checks.lexical import LexicalDetector
from wellread.records import Chunk, Kind, Passage, Rejection, Verdict
from wellread.synthesis.tasks import RagBrief, RagPair
from wellread.synthesis.verify import verify

TEXT = "The Alba pump weighs 21 kg. It was built in Basel in 1974."
OTHER = "The Brisk lathe runs at 900 turns a minute. Its belt is changed once a year."
RIGHT = "The Alba pump weighs 21 kg (alba.md)."
DECLINES = "The passages do not say how much it weighs."


def chunk(name: str, text: str) -> Chunk:
    return Chunk(f"{name}#0-{len(text)}", name, text, 0, len(text), source=name, language="en")


ALBA, BRISK = chunk("alba.md", TEXT), chunk("brisk.md", OTHER)


def brief(kind: Kind = "success", *shown: Chunk, from_memory: bool = False) -> RagBrief:
    chunks = shown or ((ALBA, BRISK) if kind in ("success", "partial") else (BRISK,))
    passages = tuple(Passage(c, 1.0, rank) for rank, c in enumerate(chunks, start=1))
    return RagBrief(ALBA, kind, passages, from_memory)


def pair(answer: str = RIGHT, **changes: object) -> RagPair:
    told = RagPair(
        question="How much does the Alba pump weigh?",
        expected_answer="21 kg",
        evidence=("The Alba pump weighs 21 kg.",),
        thought_process="Chunk 1 gives the weight.",
        answer=answer,
    )
    return told.model_copy(update=changes)


class Listening(LexicalDetector):
    """The lexical detector, with the passages that it was shown."""

    def __init__(self) -> None:
        super().__init__()
        self.shown: list[tuple[Passage, ...]] = []

    def check(self, question: str, passages: tuple[Passage, ...], answer: str) -> Verdict:  # type: ignore[override]
        self.shown.append(passages)
        return super().check(question, passages, answer)


def verified(one: RagPair, about: RagBrief) -> tuple[Verdict | None, Rejection | None, Listening]:
    detector = Listening()
    return *verify(one, about, detector), detector


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"question": "How much does it weigh?"}, "dangling_pronoun"),
        ({"answer": "As an AI language model, I say 21 kg."}, "ai_voice"),
        ({"thought_process": "The Ground Truth says 21 kg."}, "ground_truth"),
        ({"evidence": ("It weighs 21 tons.",)}, "quotes_not_in_source"),
        ({"evidence": (" ",)}, "quotes_not_in_source"),
    ],
)
def test_wording_alone_disqualifies_and_no_detector_is_asked(
    changes: dict[str, object], reason: str
) -> None:
    verdict, rejection, detector = verified(pair(**changes), brief())
    assert rejection is not None
    assert rejection.reason == reason
    assert verdict is None
    assert not detector.shown


def test_a_quote_is_found_whatever_its_spaces_and_capitals() -> None:
    spread = pair(evidence=("the alba  pump\nweighs 21 KG.",))
    assert verified(spread, brief())[1] is None


def test_what_a_rejection_keeps_says_why_and_about_what() -> None:
    wrong = pair("The Alba pump weighs 37 kg.")
    _, rejection, _ = verified(wrong, brief())
    assert rejection is not None
    assert (rejection.stage, rejection.id, rejection.reason) == (
        "check",
        ALBA.id,
        "answer_ungrounded",
    )
    assert rejection.detail.splitlines() == [
        "37 is not in the passages; nearest is 21",
        f"Q: {wrong.question}",
        f"A: {wrong.answer}",
    ]


def test_an_answer_from_memory_rests_on_the_chunk_as_the_last_passage() -> None:
    verdict, rejection, detector = verified(pair(), brief("failure", from_memory=True))
    assert rejection is None
    assert verdict is not None
    assert verdict.outcome == "grounded"
    (shown,) = detector.shown
    assert [(p.chunk.id, p.rank) for p in shown] == [(BRISK.id, 1), (ALBA.id, 2)]
    # The same answer without leave to remember is not what was asked for.
    assert verified(pair(), brief("failure"))[1] is not None


@pytest.mark.parametrize(
    ("kind", "answer", "reason"),
    [
        ("success", DECLINES, "answer_abstained"),
        ("failure", RIGHT, "answer_ungrounded"),
        ("abstain", RIGHT, "answer_ungrounded"),
        ("partial", RIGHT, "does_not_say_what_is_missing"),
        ("partial", DECLINES, "does_not_say_what_is_missing"),
        ("failure", DECLINES, None),
        ("abstain", DECLINES, None),
        ("partial", f"{RIGHT} The passages do not say who built it.", None),
    ],
)
def test_each_kind_wants_its_own_sort_of_answer(
    kind: Kind, answer: str, reason: str | None
) -> None:
    verdict, rejection, _ = verified(pair(answer), brief(kind))
    assert verdict is not None
    assert (rejection.reason if rejection else None) == reason


@pytest.mark.parametrize("kind", ["failure", "abstain"])
def test_a_context_that_answers_may_not_be_declined(kind: Kind) -> None:
    about = brief(kind, BRISK, ALBA)
    verdict, rejection, _ = verified(pair(DECLINES), about)
    assert rejection is not None
    assert rejection.reason == "passages_answer"
    assert verdict is None
    # Where nobody knows what was expected, that cannot be told.
    assert verified(pair(DECLINES, expected_answer=""), about)[1] is None
