"""Planted errors are errors: told by means other than those that plant them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wellread.checks.planting.borrowing import pool_of
from wellread.checks.planting.injection import (
    ERROR_KINDS,
    LabelledCase,
    cases_from_chunks,
    labelled_cases,
)
from wellread.checks.planting.items import Item, Scene, items_from_chunks, passages_of
from wellread.checks.planting.negation import negation_edits
from wellread.checks.planting.rewording import reword, reworded_items, rewrite
from wellread.checks.reading.evidence import read_sources
from wellread.checks.reading.numbers import find_dates
from wellread.records import Chunk

MANUALS = Path(__file__).parents[2] / "../shared/data/manuals"
NAMES = ("Ines Dahl", "Paul Renard", "Rita Sousa", "Mart Kask", "Eva Huber", "Nils Aas")
THINGS = ("pump", "kiln", "loom", "lathe", "oven", "winch")
MONTHS = ("January", "March", "May", "August", "November")


def chunk(text: str, document: str = "a.md", language: str = "en") -> Chunk:
    return Chunk(f"{document}#0-{len(text)}", document, text, 0, len(text), language=language)


def item(answer: str, text: str = "", language: str = "en", **more: object) -> Item:
    return Item("What is said?", answer, (chunk(text or answer, language=language),), **more)  # type: ignore[arg-type]


@st.composite
def corpora(draw: st.DrawFn) -> list[Chunk]:
    """Documents about invented machines, one chunk each."""
    found = []
    for number in range(draw(st.integers(2, 5))):
        name, thing = draw(st.sampled_from(NAMES)), draw(st.sampled_from(THINGS))
        weight, years = draw(st.integers(2, 9999)), draw(st.integers(2, 40))
        date = f"{draw(st.integers(1, 28))} {draw(st.sampled_from(MONTHS))}"
        year = draw(st.integers(1900, 2020))
        text = (
            f"The {thing} of {number} was designed by {name} on {date} {year}. "
            f"The heavy {thing} has a weight of {weight} kg and it lasts for {years} years. "
            f"A worn filter must be changed at once by trained staff of the {thing}. "
            f"The warm cover is not opened while the motor of the {thing} turns."
        )
        found.append(chunk(text, f"{thing}{number}.md"))
    return found


def planted(cases: Iterable[LabelledCase]) -> Iterator[tuple[str, LabelledCase]]:
    """Each wrong case with the right answer it was made from."""
    gold = ""
    for case in cases:
        if case.supported:
            gold = case.case.answer
        else:
            yield gold, case


def texts(case: LabelledCase) -> str:
    return " \n ".join(passage.content for passage in case.case.passages)


def numbers(text: str) -> set[int]:
    return {int(digits) for digits in re.findall(r"\d+", text)}


def denials(text: str) -> int:
    return len(re.findall(r"\b(?:not|never|cannot|without|no)\b|n['’]t\b", text.casefold()))


@settings(max_examples=15, deadline=None)
@given(corpora(), st.integers(0, 99))
def test_every_planted_error_is_an_error(chunks, seed):
    for gold, case in planted(cases_from_chunks(chunks, seed)):
        (span,) = case.spans
        answer, passages = case.case.answer, texts(case)
        assert answer != gold
        assert span.text == answer[span.start : span.end] != ""
        if case.kind in ("number", "date", "name", "unit", "negation"):
            assert gold.startswith(answer[: span.start])
            assert gold.endswith(answer[span.end :])
        if case.kind == "number":
            value = numbers(span.text)
            assert not value & numbers(passages), span
        elif case.kind == "date":
            there = {date for _, _, found in find_dates(passages) for date in found}
            said = {date for _, _, found in find_dates(span.text) for date in found}
            assert not said & there
            assert said or not numbers(span.text) & numbers(passages)
        elif case.kind == "name":
            assert not set(span.text.split()) & set(re.findall(r"\w+", passages))
        elif case.kind == "unit":
            number = re.search(r"(\d+)\s*$", answer[: span.start])
            assert number
            assert f"{number[1]} {span.text}" not in passages
        elif case.kind == "negation":
            assert abs(denials(answer) - denials(gold)) == 1
        elif case.kind == "addition":
            assert span.text not in passages
            assert (
                answer.replace(span.text, "").replace(" ", "").startswith(gold[:9].replace(" ", ""))
            )
        elif case.kind == "other_paragraph":
            assert not re.search(rf"(?<!\w){re.escape(answer)}(?!\w)", passages)
        else:
            assert answer in passages
            assert answer.casefold() not in gold.casefold()
            assert gold.casefold() not in answer.casefold()


@settings(max_examples=15, deadline=None)
@given(corpora(), st.integers(0, 99))
def test_cases_say_which_document_they_are_about_and_follow_from_the_seed(chunks, seed):
    made = list(cases_from_chunks(chunks, seed))
    assert made == list(cases_from_chunks(chunks, seed))
    for case in made:
        assert case.document_id in {p.chunk.document_id for p in case.case.passages}
        assert case.supported == (case.kind == "gold") == (not case.spans)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(max_size=120), max_size=4), st.integers(0, 9))
def test_any_text_is_taken_and_every_span_lies_in_its_answer(found, seed):
    chunks = [chunk(text, f"{at}.md", "") for at, text in enumerate(found)]
    for gold, case in planted(cases_from_chunks(chunks, seed)):
        (span,) = case.spans
        assert case.case.answer != gold
        assert case.case.answer[span.start : span.end] == span.text


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60), st.text(max_size=200), st.sampled_from(["en", "de", "zh", ""]))
def test_any_answer_is_taken(answer, text, language):
    two = [item(answer, text, language), item("It runs at 67 psi in Leeds.", language="en")]
    for case in labelled_cases(two, 0):
        assert case.case.answer.strip()


def test_items_without_answer_or_text_give_nothing():
    empty = Item("Why?", "because", (chunk(" "),))
    assert list(labelled_cases([item(" ", "text"), empty, Item("Why?", "so", ())], 0)) == []
    assert list(cases_from_chunks([], 0)) == []


# --- one rule at a time


def swap(kind: str, answer: str, text: str = "", language: str = "en", seed: int = 0) -> str | None:
    """The wrong answer, or None."""
    made = labelled_cases([item(answer, text, language)], seed, (kind,))  # type: ignore[arg-type]
    return next((case.case.answer for case in made if not case.supported), None)


@pytest.mark.parametrize(
    "answer",
    [
        "It needs at least 5 bolts.",
        "About 300 were built.",
        "Ten or more were built, 12 or more sold.",
        "See FM 6-0, chapter 4 and figure 7.",
        "1. Open the lid.",
        "This stands in [3].",
        "Es sind mindestens 5 Stück.",
        "至少5次。",
    ],
)
def test_a_number_that_bounds_or_names_a_place_is_left_alone(answer):
    language = "zh" if "至" in answer else "de" if "Es" in answer else "en"
    assert swap("number", answer, language=language) is None


@pytest.mark.parametrize(
    ("answer", "language"),
    [
        ("It weighs 1,250 kg.", "en"),
        ("It has three wheels.", "en"),
        ("Es wiegt 1.250 kg.", "de"),
        ("Er hat drei Räder.", "de"),
        ("Il pèse 67 kg.", "fr"),
        ("它重67公斤。", "zh"),
        ("يزن ٦٧ كيلوغراما", "ar"),
        ("67", "en"),
    ],
)
def test_numbers_are_swapped_in_many_languages_and_scripts(answer, language):
    wrong = swap("number", answer, language=language)
    assert wrong is not None
    assert wrong != answer


def test_a_number_is_never_swapped_for_one_that_the_passages_have():
    text = "It has 7 lamps. " + " ".join(f"{n} parts." for n in range(100) if n not in (7, 42))
    for seed in range(20):
        wrong = swap("number", "It has 7 lamps.", text, seed=seed)
        assert wrong is None or numbers(wrong) <= {42} | set(range(100, 1000))


@pytest.mark.parametrize(
    ("answer", "wrong"),
    [
        ("The valve is open.", "The valve is not open."),
        ("The valve is not open.", "The valve is open."),
        ("Do not open it.", "Open it."),
        ("It cannot rust.", "It can rust."),
        ("It works without oil.", "It works with oil."),
        ("no", "yes"),
        ("Yes.", "No."),
    ],
)
def test_a_negation_is_put_in_or_taken_out(answer, wrong):
    assert swap("negation", answer) == wrong


@pytest.mark.parametrize(
    ("answer", "wrong", "language"),
    [
        ("Die Anlage ist dicht.", "Die Anlage ist nicht dicht.", "de"),
        ("Das Rad dreht nicht.", "Das Rad dreht.", "de"),
        ("nein", "ja", "de"),
        ("Les portes sont fermées.", "Les portes ne sont pas fermées.", "fr"),
        ("La puerta está cerrada.", "La puerta no está cerrada.", "es"),
        ("La porta è chiusa.", "La porta non è chiusa.", "it"),
        ("大门不是红色的。", "大门是红色的。", "zh"),
        ("大门是红色的。", "大门不是红色的。", "zh"),
    ],
)
def test_other_languages_deny_in_their_own_way(answer, wrong, language):
    assert swap("negation", answer, language=language) == wrong


@pytest.mark.parametrize(
    "answer",
    [
        "Some valves are open.",
        "It may be open.",
        "If the lamp is red, stop.",
        "It is not only red.",
        "The lid is only for show.",
        "It is neither red nor blue.",
        "Is it open?",
        "Open it.",
    ],
)
def test_nothing_is_denied_where_both_sides_may_hold(answer):
    assert swap("negation", answer) is None


def test_a_unit_changes_to_one_of_its_kind_that_the_number_does_not_have_too():
    text = "It lasts 30 days, or 30 weeks, or 30 months, or 30 years, 30 hours, 30 minutes."
    assert swap("unit", "It lasts 30 days.", text) == "It lasts 30 seconds."
    assert swap("unit", "It weighs 0 kg.") is None
    assert swap("unit", "The floor has 30 m² of tiles.") is None


def test_a_wrong_answer_of_the_same_paragraph_is_no_accepted_one():
    text = "The pump was built by Ines Dahl and Paul Renard in Oslo."
    question = "Who built the pump?"
    one = Item(question, "Ines Dahl", (chunk(text),), accepted=("Paul Renard",))
    found = [
        c.case.answer for c in labelled_cases([one], 0, ("same_paragraph",)) if not c.supported
    ]
    assert found == ["Oslo"]
    vague = Item("What about pumps?", "Ines Dahl", (chunk(text),), exact=False)
    assert len(list(labelled_cases([vague], 0, ("same_paragraph",)))) == 1


def test_a_sentence_that_answers_as_well_is_not_called_wrong():
    text = "Chaplains advise the Army on funerals. Pastors advise the Navy on funerals."
    asked = Item("Chaplains advise what on funerals?", "Army", (chunk(text),))
    scene = Scene.of(asked, read_sources(passages_of(asked)), np.random.default_rng(0))
    assert pool_of([asked]).same_paragraph(scene) is None


def test_yes_and_no_are_turned_once_only():
    one = item("no")
    scene = Scene.of(one, read_sources(passages_of(one)), np.random.default_rng(0))
    assert [edit.text for edit in negation_edits(scene)] == ["yes"]


# --- items and rewording


def test_items_of_chunks_stand_in_their_chunk_and_show_it():
    text = "The pump runs at 67 psi in Leeds. It was built by Ines Dahl in the year 1960 there."
    made = list(
        items_from_chunks(
            [chunk(text), chunk("Ovens are kept warm at 90 degrees all day long.", "b.md")], 3
        )
    )
    assert {one.document_id for one in made} == {"a.md", "b.md"}
    for one in made:
        assert all(part in one.chunk.text for part in re.split(r"(?<=\.) ", one.answer))
        assert one.chunk in one.chunks


def test_rewording_keeps_numbers_names_and_denials():
    random = np.random.default_rng(0)
    answer = "The pump requires 12 numerous tools (see above). Ines Dahl does not provide them."
    for _ in range(20):
        other = reword(answer, "en", random)
        assert other != answer
        assert numbers(other) == {12}
        assert "Ines Dahl" in other
        assert denials(other) == 1
    assert reword("67 psi", "en", random).count("67 psi") == 1
    assert reword("67 psi", "xx", random) == "67 psi"


def test_rewriting_takes_plain_words_away_and_leaves_what_tells():
    random = np.random.default_rng(0)
    answer = "The old pump was not built by careful Ines Dahl in Leeds and runs at 67 psi."
    other = rewrite(answer, "en", ("wooden", "bridges"), 1.0, random)
    kept = {"Ines", "Dahl", "Leeds", "67", "not", "psi."}
    assert kept <= set(other.split())
    assert not {"pump", "careful", "built"} & set(other.split())
    assert rewrite(answer, "en", ("wooden",), 0.0, random) == answer
    assert rewrite(answer, "en", (), 1.0, random) == answer


def test_only_longer_answers_are_rewritten_with_words_that_several_chunks_use():
    long = "The old pump turns slowly while the motor of the old pump turns on and on."
    found = [item(long, f"{long} Number {n}.") for n in range(9)] + [item("67 psi")]
    changed = list(reworded_items(found, 0, 0.0, 1.0))
    assert changed[-1].answer == "67 psi"
    assert all(one.answer != long and one.accepted == (long,) for one in changed[:-1])
    words = {word for one in changed for word in re.findall(r"[a-z]+", one.answer.lower())}
    assert words <= set(re.findall(r"[a-z]+", long.lower())) | {"psi"}


def test_only_a_share_is_reworded_and_the_old_answer_stays_accepted():
    found = [item(f"{number} psi") for number in range(200)]
    assert list(reworded_items(found, 0, 0.0)) == found
    changed = [one for one in reworded_items(found, 0, 0.5) if one.accepted]
    assert 70 < len(changed) < 130
    assert all(one.accepted[0] in one.answer for one in changed)


@pytest.mark.real
@pytest.mark.skipif(not MANUALS.exists(), reason="the manuals are not here")
def test_every_kind_can_be_planted_in_a_real_manual():
    from wellread.ingest.chunk import split
    from wellread.ingest.read import read_file
    from wellread.ingest.settings import IngestSettings

    ingest = IngestSettings(chunk_size=400)
    path = next(iter(sorted(MANUALS.glob("*.txt"))))
    document = next(iter(read_file(path, ingest)))
    chunks = [one for one in split(document, ingest) if isinstance(one, Chunk)][:120]  # type: ignore[arg-type]
    kinds = {case.kind for case in cases_from_chunks(chunks, 0)}
    assert kinds >= {*ERROR_KINDS} - {"unit", "date"}
