"""The made-up world: what training sees is not what is asked, and answers follow from passages."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wellread.checks.abstention import declines
from wellread.errors import InputError
from wellread.pipelines.loop import (
    Asked,
    LoopSettings,
    ask_in_every_way,
    mark,
    measure_loop,
)
from wellread.pipelines.world import (
    ABSTENTION,
    LESSONS,
    Cell,
    Lesson,
    Question,
    WorldSettings,
    decline,
    draw_world,
    final_lesson,
    is_held_out,
    list_row,
    passages_row,
    statement,
    training_row,
)
from wellread.pipelines.world_files import document_rows, read_questions, write_world
from wellread.pipelines.world_forms import KINDS
from wellread.records import Conversation

SMALL = WorldSettings(conversations=40, lessons=20, val_conversations=20, entities=4)
FINAL = final_lesson(SMALL)
_CELLS = [Cell(kind, "Torvik", a) for kind in KINDS for a in kind.attributes]
_SPOKEN = {word for cell in _CELLS for f in (decline(cell), *cell.attribute.questions)
           for word in re.findall(r"\w+", f)} - {"Torvik"}  # fmt: skip
_SPOKEN |= {cell.attribute.unit for cell in _CELLS} | {"Beside", "beside"}
_FRAME = re.compile(r"\[\d\]|\(\w+\)")


def _names_and_numbers(row: dict[str, object]) -> set[str]:
    """What is drawn in a row: everything but the words of its forms."""
    text = _FRAME.sub(" ", str(row["context"]) + " ")
    for message in row["messages"]:  # type: ignore[attr-defined]
        text += _FRAME.sub(" ", message["content"]) + " "
    return set(re.findall(r"\w+", text)) - _SPOKEN


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("world") / "world"
    write_world(place, SMALL)
    return place


def _rows(file: Path) -> list[dict[str, object]]:
    return [orjson.loads(line) for line in file.read_bytes().splitlines()]


@given(st.integers(0, 10**6))
@settings(max_examples=60, deadline=None)
def test_training_holds_no_held_out_name_or_value_and_the_other_side_no_other(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for row in (passages_row(rng, FINAL), list_row(rng, FINAL)):
        assert not [word for word in _names_and_numbers(row) if is_held_out(word)]
    held_out = _names_and_numbers(passages_row(rng, FINAL, held_out=True))
    assert held_out
    assert all(is_held_out(word) for word in held_out)


@given(st.integers(0, 10**6))
@settings(max_examples=60, deadline=None)
def test_an_answer_quotes_a_passage_and_only_what_is_untold_is_declined(seed: int) -> None:
    row = passages_row(np.random.default_rng(seed), FINAL)
    passages = row["context"].split("\n")
    assert 1 <= len(passages) <= SMALL.max_passages
    questions, answers = row["messages"][::2], row["messages"][1::2]
    for question, answer in zip(questions, answers, strict=True):
        cell = _asked_for(question["content"])
        tells = [p.split(") ")[1] for p in passages if _told(p, cell)]
        assert [answer["content"]] == (tells or [decline(cell)])


def _asked_for(question: str) -> Cell:
    entity = next(word for word in re.findall(r"\w+", question) if word not in _SPOKEN)
    return next(
        Cell(kind, entity, attribute)
        for kind in KINDS
        for attribute in kind.attributes
        if question in [form.format(entity=entity) for form in attribute.questions]
    )


def _told(passage: str, cell: Cell) -> str:
    """The value that a passage tells of the cell, "" for none."""
    pattern = re.escape(statement(cell, "@")).replace("@", r"([\w ]+)")
    found = re.search(r"\) " + pattern + "$", passage)
    return found[1] if found else ""


def test_declining_is_told_from_answering_whatever_is_asked() -> None:
    for cell in _CELLS:
        assert declines(decline(cell), "en") == "whole"
        assert declines(statement(cell, "47 kg"), "en") == "no"


def test_what_is_asked_in_vain_is_often_near_in_both_name_and_attribute() -> None:
    rng = np.random.default_rng(3)
    near = vain = 0
    for row in (passages_row(rng, FINAL) for _ in range(200)):
        for question, answer in zip(row["messages"][::2], row["messages"][1::2], strict=True):
            if answer["content"].endswith(f"{ABSTENTION}."):
                cell = _asked_for(question["content"])
                vain += 1
                named = f"The {cell.attribute.name} of" in row["context"]
                near += named and f" {cell.entity} is" in row["context"]
    assert vain > 200
    assert near / vain > 0.2


def test_the_same_seed_writes_the_same_bytes_and_more_rows_leave_the_first_alone(
    folder: Path, tmp_path: Path
) -> None:
    write_world(tmp_path / "same", SMALL)
    for file in folder.rglob("*.json*"):
        assert (tmp_path / "same" / file.relative_to(folder)).read_bytes() == file.read_bytes()
    write_world(tmp_path / "more", SMALL.model_copy(update={"conversations": 50}))
    assert _rows(tmp_path / "more/train.jsonl")[:40] == _rows(folder / "train.jsonl")
    write_world(tmp_path / "other", SMALL.model_copy(update={"seed": 1}))
    assert _rows(tmp_path / "other/train.jsonl") != _rows(folder / "train.jsonl")


def test_every_question_has_its_document_and_what_is_untold_has_none(folder: Path) -> None:
    world = draw_world(SMALL)
    documents = {row["id"]: row for rows in document_rows(world.facts).values() for row in rows}
    questions = read_questions(folder / "questions.jsonl")
    assert len(questions) == 3 * 4 * SMALL.entities
    for question in questions:
        if question.answer is None:
            assert question.fact_id == ""
        else:
            assert question.answer in documents[question.fact_id]["text"]
            assert documents[question.fact_id]["text"].count(question.answer) == 1
    assert sum(q.answer is None for q in questions) == 3 * SMALL.entities


@pytest.mark.parametrize("lesson", [*LESSONS, FINAL])
def test_a_lesson_is_no_harder_than_it_says(lesson: Lesson) -> None:
    rng = np.random.default_rng(0)
    rows = [training_row(rng, lesson) for _ in range(300)]
    lists = [row for row in rows if ") " not in row["context"]]
    assert len(lists) / len(rows) == pytest.approx(lesson.lists, abs=0.1)
    assert max(row["context"].count("\n") + 1 for row in lists) == lesson.pairs
    told = [row for row in rows if row not in lists]
    assert max(row["context"].count("\n") + 1 for row in told) == lesson.passages
    questions = [len(row["messages"]) // 2 for row in told]
    assert max(questions) == lesson.questions
    assert lesson.absent or min(questions) == lesson.questions
    declined = sum(m["content"].endswith(f"{ABSTENTION}.") for row in told for m in row["messages"])
    assert declined / sum(questions) == pytest.approx(lesson.absent, abs=0.08)


def test_a_folder_that_is_no_world_is_left_alone(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear all")
    with pytest.raises(InputError, match="is not a world"):
        write_world(tmp_path, SMALL, replace=True)
    with pytest.raises(InputError, match="already holds a world"):
        write_world(folder, SMALL)


# -- measuring


def _reader(conversation: Conversation) -> str:
    """Reads as a model should: the statement that tells what is asked, or none."""
    cell = _asked_for(conversation.turns[-1].content)
    passages = [part.text for turn in conversation.turns for part in turn.parts]
    for number, passage in enumerate(passages, 1):
        if value := _told(passage, cell):
            return f"{value} [{number}]"
    return decline(cell)


def test_one_who_reads_gets_everything_that_was_found_and_nothing_closed_book(
    folder: Path,
) -> None:
    report = measure_loop(_reader, folder)
    figures = report.figures
    assert figures["closed_book"].exact == 0
    assert figures["gold"].exact == figures["gold"].cited == 1
    assert figures["without_gold"].declined == figures["untold"].declined == 1
    for way in ("retrieved", "changed"):
        assert figures[way].found > 0.9
        assert figures[way].exact == figures[way].cited == figures[way].found
        assert figures[way].stale == 0


def test_one_who_learned_the_documents_by_heart_is_stale_when_they_change(folder: Path) -> None:
    by_heart = {q.question: q.answer for q in read_questions(folder / "questions.jsonl")}

    def remember(conversation: Conversation) -> str:
        asked = conversation.turns[-1].content
        return by_heart[asked] or decline(_asked_for(asked))

    figures = measure_loop(remember, folder).figures
    assert figures["closed_book"].exact == figures["retrieved"].exact == 1
    assert figures["retrieved"].cited == 0
    assert figures["changed"].exact == 0
    assert figures["changed"].stale == 1
    assert figures["without_gold"].declined == 0


def test_passages_hold_the_right_one_where_they_should_and_nowhere_else(folder: Path) -> None:
    for asked in ask_in_every_way(folder, LoopSettings(top_k=3)):
        held = [p.rank for p in asked.passages if p.chunk.document_id == asked.question.fact_id]
        assert held == ([asked.gold_rank] if asked.gold_rank else [])
        assert (not asked.passages) == (asked.way == "closed_book")
        assert len(asked.passages) <= 3
        if asked.way == "gold":
            assert asked.gold_rank
            assert asked.expected in asked.passages[asked.gold_rank - 1].content
        if asked.way == "changed":
            assert asked.expected != asked.before


def test_the_same_folder_is_asked_the_same_way(folder: Path) -> None:
    few = LoopSettings(max_questions=5)
    assert list(ask_in_every_way(folder, few)) == list(ask_in_every_way(folder, few))


@pytest.mark.parametrize(
    ("answer", "exact", "cites", "declined"),
    [
        ("47 kg [2]", True, True, False),
        ("47 kg. [2]", True, True, False),
        ("47 kg [1]", True, False, False),
        ("47 kg [1] [2]", True, False, False),
        ("47 kg", True, False, False),
        ("The pump weighs 47 kg [2]", True, True, False),
        ("147 kg [2]", False, False, False),
        ("4 7 kg [2]", False, False, False),
        ("47 m [2]", False, False, False),
        (decline(_CELLS[0]), False, False, True),
        ("", False, False, False),
    ],
)
def test_an_answer_is_right_letter_for_letter(
    answer: str, exact: bool, cites: bool, declined: bool
) -> None:
    question = Question("How heavy is it?", "47 kg", "pump-a-weight", "pump", "weight")
    marked = mark(Asked("gold", question, "47 kg", (), gold_rank=2), answer)
    assert (marked.exact, marked.cites_gold, marked.declined) == (exact, cites, declined)


def test_a_question_without_its_document_names_it(folder: Path, tmp_path: Path) -> None:
    write_world(tmp_path / "w", SMALL)
    pumps = tmp_path / "w/documents/pumps.jsonl"
    pumps.write_bytes(b"\n".join(pumps.read_bytes().splitlines()[1:]))
    with pytest.raises(InputError, match="no document 'pump-"):
        list(ask_in_every_way(tmp_path / "w", LoopSettings()))
