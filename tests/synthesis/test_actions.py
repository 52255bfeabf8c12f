"""What becomes of answers that fail their check: the books balance, and what goes on is sound."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wellread.checks.abstention import declines
from wellread.checks.lexical import LexicalDetector
from wellread.errors import AuthenticationError
from wellread.llm.chat import ChatReply, ChatRequest
from wellread.llm.scripted import ScriptedModel
from wellread.records import Chunk, Kind, Passage, Verdict
from wellread.synthesis.actions import (
    ABSTENTIONS,
    ENDS,
    ActionSettings,
    ActionTally,
    Settled,
    settle,
)
from wellread.synthesis.extractive.teacher import ExtractiveTeacher
from wellread.synthesis.model_teacher import ModelTeacher
from wellread.synthesis.tasks import RagBrief, RagPair

TEXT = "The Alba pump weighs 21 kg. It was built in Basel in 1974. It moves 40 litres a minute."
OTHER = "The Brisk lathe runs at 900 turns a minute. Its belt is changed once a year."
RIGHT = "The Alba pump weighs 21 kg (alba.md)."
WRONG = "The Alba pump weighs 37 kg (alba.md)."


def chunk(name: str, text: str) -> Chunk:
    return Chunk(f"{name}#0-{len(text)}", name, text, 0, len(text), source=name, language="en")


ALBA, BRISK = chunk("alba.md", TEXT), chunk("brisk.md", OTHER)


def brief(kind: Kind = "success", *, from_memory: bool = False, alone: bool = False) -> RagBrief:
    shown = {"success": [ALBA, BRISK]}.get(kind, [BRISK])
    passages = tuple(Passage(c, 1.0, rank) for rank, c in enumerate(shown, start=1))
    return RagBrief(ALBA, kind, passages[:1] if alone else passages, from_memory)


def pair(answer: str, expected: str = "21 kg") -> RagPair:
    return RagPair(
        question="How much does the Alba pump weigh?",
        expected_answer=expected,
        evidence=("The Alba pump weighs 21 kg.",),
        thought_process="Chunk 1 gives the weight.",
        answer=answer,
    )


def teacher(say: Callable[[int, ChatRequest], Any]) -> tuple[ModelTeacher, ScriptedModel]:
    """A teacher whose model says `say(number of the call, request)`."""
    asked: list[ChatRequest] = []

    def reply(request: ChatRequest) -> Any:
        asked.append(request)
        return say(len(asked), request)

    model = ScriptedModel("scripted", reply)
    return ModelTeacher.with_prompts({"large": model}, None), model


def answering(*answers: str) -> tuple[ModelTeacher, ScriptedModel]:
    def say(number: int, request: ChatRequest) -> str:
        said = answers[min(number, len(answers)) - 1]
        return json.dumps({"thought_process": "Chunk 1 was read again.", "answer": said})

    return teacher(say)


def done(
    one: RagPair, about: RagBrief, by: ModelTeacher | ExtractiveTeacher, **chosen: Any
) -> Settled:
    options = ActionSettings(**chosen)
    return asyncio.run(settle(one, about, by, LexicalDetector(), options))


def test_a_supported_answer_passes_and_nobody_is_asked():
    by, model = answering(RIGHT)
    settled = done(pair(RIGHT), brief(), by, on_unsupported="repair")
    assert settled.end == "passed"
    assert settled.verdict is not None
    assert settled.verdict.outcome == "grounded"
    assert [(turn.answer, turn.learn) for turn in settled.turns] == [(RIGHT, True)]
    assert not model.requests


def test_by_default_an_unsupported_answer_is_rejected_with_its_reason():
    settled = done(pair(WRONG), brief(), ExtractiveTeacher())
    assert settled.end == "rejected"
    assert settled.rejection is not None
    assert settled.rejection.reason.startswith("answer_")
    assert "37" in settled.rejection.detail


def test_keep_keeps_it_with_the_verdict_against_it():
    settled = done(pair(WRONG), brief(), ExtractiveTeacher(), on_unsupported="keep")
    assert settled.end == "kept"
    assert settled.rejection is None
    assert settled.verdict is not None
    assert settled.verdict.outcome in {"partial", "ungrounded"}


def test_repair_asks_again_with_the_fault_until_the_answer_passes():
    by, model = answering("The Alba pump weighs 38 kg (alba.md).", RIGHT)
    settled = done(pair(WRONG), brief(), by, on_unsupported="repair")
    assert (settled.end, settled.repairs, settled.pair.answer) == ("repaired", 2, RIGHT)
    first, second = (request.messages[1].content for request in model.requests)
    assert WRONG in first
    assert "37 is not in the passages" in first
    assert "38 kg" in second
    assert WRONG not in second
    assert TEXT in first


def test_a_repair_that_is_true_and_says_something_else_does_not_pass():
    beside = "The Alba pump was built in Basel in 1974 (alba.md)."
    by, model = answering(beside, RIGHT)
    settled = done(pair(WRONG), brief(), by, on_unsupported="repair")
    assert (settled.end, settled.pair.answer) == ("repaired", RIGHT)
    assert "does not say what was asked for: 21 kg" in model.requests[1].messages[1].content


def test_repair_stops_after_the_most_tries_and_falls_back():
    by, model = answering(WRONG.replace("37", "38"), WRONG.replace("37", "39"))
    settled = done(pair(WRONG), brief(), by, on_unsupported="repair", max_repairs=3)
    assert (settled.end, settled.repairs, len(model.requests)) == ("rejected", 3, 3)
    assert settled.pair.answer == WRONG
    kept = done(pair(WRONG), brief(), by, on_unsupported="repair", after_repairs="keep")
    assert (kept.end, kept.repairs) == ("kept", 2)


@pytest.mark.parametrize("after", ["keep", "abstain"])
def test_what_was_mended_needs_nothing_after_the_repairs(after):
    by, _ = answering(RIGHT)
    settled = done(pair(WRONG), brief(), by, on_unsupported="repair", after_repairs=after)
    assert (settled.end, settled.pair.answer) == ("repaired", RIGHT)
    corrected = done(pair(WRONG), brief(), by, on_unsupported="correct", after_repairs=after)
    assert corrected.end == "corrected"


def test_a_repair_that_declines_need_not_say_what_was_expected():
    declining = "The passages do not say how much the Alba pump weighs."
    by, _ = answering(declining)
    settled = done(pair(WRONG), brief("failure"), by, on_unsupported="repair")
    assert (settled.end, settled.pair.answer) == ("repaired", declining)


class Unguarded(ExtractiveTeacher):
    """A teacher that says what it is given, with nobody to look at the wording."""

    def __init__(self, *answers: str) -> None:
        super().__init__()
        self.answers, self.problems = list(answers), []

    async def rag_answer_again(self, brief: RagBrief, pair: RagPair, problem: str) -> RagPair:
        self.problems.append(problem)
        return pair.model_copy(update={"answer": self.answers.pop(0)})


def test_a_repair_whose_wording_is_at_fault_is_told_so_and_tried_again():
    by = Unguarded("The Ground Truth says 21 kg.", RIGHT)
    settled = done(pair(WRONG), brief(), by, on_unsupported="repair")
    assert (settled.end, settled.repairs) == ("repaired", 2)
    assert by.problems[1] == "ground_truth"


class Silent(LexicalDetector):
    """A detector that can judge nothing."""

    def check(self, question, passages, answer):
        return Verdict("unscored", 0.0, "silent", "nothing was said")


def test_an_abstention_that_no_detector_calls_one_is_rejected():
    options = ActionSettings(on_unsupported="abstain")
    settled = asyncio.run(settle(pair(WRONG), brief(), ExtractiveTeacher(), Silent(), options))
    assert settled.end == "rejected"
    assert settled.rejection is not None
    assert settled.pair.answer == WRONG


def test_an_abstention_is_in_the_language_of_its_source():
    text = "Die Pumpe Alba wiegt 21 kg und sie wurde in Basel gebaut. Das ist der Text der Seite."
    german = Chunk("alba.md#0", "alba.md", text, 0, len(text), source="alba.md")
    about = RagBrief(german, "success", (Passage(german, 1.0, 1), Passage(BRISK, 1.0, 2)))
    asked = RagPair(
        question="Wie viel wiegt die Pumpe Alba?",
        expected_answer="21 kg",
        thought_process="Die erste Stelle nennt das Gewicht.",
        answer="Die Pumpe Alba wiegt 37 kg.",
    )
    settled = done(asked, about, ExtractiveTeacher(), on_unsupported="abstain")
    assert settled.end == "abstained"
    assert settled.pair.answer in ABSTENTIONS["de"]


def test_a_reply_that_cannot_be_read_ends_the_repair_and_not_the_run():
    by, _ = teacher(lambda number, request: "I would rather not.")
    settled = done(pair(WRONG), brief(), by, on_unsupported="repair")
    assert (settled.end, settled.repairs) == ("rejected", 1)


def test_nobody_served_stops_the_run():
    def refuse(number: int, request: ChatRequest) -> ChatReply:
        raise AuthenticationError("the key is wrong")

    by, _ = teacher(refuse)
    with pytest.raises(AuthenticationError):
        done(pair(WRONG), brief(), by, on_unsupported="repair")


def test_a_correction_reads_the_mistake_and_learns_what_corrects_it():
    by, _ = answering(RIGHT)
    settled = done(pair(WRONG), brief(), by, on_unsupported="correct")
    assert settled.end == "corrected"
    mistake, mended = settled.turns
    assert (mistake.answer, mistake.learn) == (WRONG, False)
    assert (mended.answer, mended.learn) == (RIGHT, True)
    assert mended.question != mistake.question


def test_an_abstention_loses_the_passages_that_answer():
    settled = done(pair(WRONG), brief(), ExtractiveTeacher(), on_unsupported="abstain")
    assert settled.end == "abstained"
    assert settled.brief.kind == "abstain"
    assert [p.chunk.id for p in settled.brief.passages] == [BRISK.id]
    assert [p.rank for p in settled.brief.passages] == [1]
    assert declines(settled.pair.answer) == "whole"
    assert settled.verdict is not None
    assert settled.verdict.outcome == "abstained"


def test_without_another_passage_or_a_known_answer_there_is_no_abstention():
    alone = done(pair(WRONG), brief(alone=True), ExtractiveTeacher(), on_unsupported="abstain")
    unknown = done(pair(WRONG, ""), brief(), ExtractiveTeacher(), on_unsupported="abstain")
    assert alone.end == unknown.end == "rejected"
    assert alone.rejection is not None


def test_a_failure_that_answers_is_made_to_decline_in_its_own_context():
    about = brief("failure")
    settled = done(pair(WRONG), about, ExtractiveTeacher(), on_unsupported="abstain")
    assert settled.end == "abstained"
    assert settled.brief == about


def test_wording_at_fault_is_rejected_whatever_the_setting():
    bad = pair(RIGHT).model_copy(update={"evidence": ("This stands nowhere.",)})
    for action in ("keep", "repair", "correct", "abstain"):
        by, model = answering(RIGHT)
        settled = done(bad, brief(), by, on_unsupported=action)
        assert settled.end == "rejected"
        assert settled.rejection is not None
        assert settled.rejection.reason == "quotes_not_in_source"
        assert not model.requests


def test_the_extractive_teacher_answers_again_by_its_rule():
    wrote = asyncio.run(ExtractiveTeacher().rag_question_answer(brief())).pairs[0]
    spoiled = wrote.model_copy(update={"answer": WRONG})
    settled = done(spoiled, brief(), ExtractiveTeacher(), on_unsupported="repair")
    assert (settled.end, settled.pair.answer) == ("repaired", wrote.answer)


ANSWERS = st.sampled_from([RIGHT, WRONG, "The passages do not say.", "Ground truth: 21 kg.", "Ha."])


@settings(max_examples=60, deadline=None)
@given(
    answers=st.lists(ANSWERS, min_size=1, max_size=6),
    again=st.lists(ANSWERS, min_size=1, max_size=3),
    kind=st.sampled_from(["success", "failure", "abstain", "partial"]),
    action=st.sampled_from(["keep", "repair", "correct", "abstain", "reject"]),
    after=st.sampled_from(["keep", "abstain", "reject"]),
)
def test_the_books_balance_and_only_sound_pairs_go_on(answers, again, kind, action, after):
    by, _ = answering(*again)
    tally = ActionTally()
    settled = [
        done(pair(a), brief(kind), by, on_unsupported=action, after_repairs=after) for a in answers
    ]
    tally.add(settled)
    books = tally.as_json()
    assert books["in"] == len(answers) == sum(books[end] for end in ENDS)
    assert books["rejected"] == sum(books["reasons"].values())
    assert books["repairs_tried"] <= 2 * len(answers)
    for one in settled:
        assert (one.end == "rejected") == (one.rejection is not None)
        if one.end in {"passed", "repaired", "corrected", "abstained"}:
            assert one.verdict is not None
            assert one.verdict.outcome in {"grounded", "abstained"}
