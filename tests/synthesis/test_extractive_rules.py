"""What the rules must refuse, how names are filled in, and what holds for any text at all."""

from __future__ import annotations

import asyncio
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wellread.errors import ModelError
from wellread.records import Chunk, Kind, Passage
from wellread.synthesis.extractive import ExtractiveTeacher, Fact, extract
from wellread.synthesis.extractive.language import detect
from wellread.synthesis.extractive.sentences import sentences, tidy
from wellread.synthesis.extractive.suitability import unsuitable
from wellread.synthesis.tasks import RagBrief


def chunk(text: str, *, title: str = "", language: str = "en", name: str = "notes.md") -> Chunk:
    return Chunk(
        f"{name}#0-{len(text)}", name, text, 0, len(text), title=title, source=name,
        language=language,
    )  # fmt: skip


def questions(text: str, *, title: str = "", language: str = "en") -> list[str]:
    return [fact.question for fact in extract(chunk(text, title=title, language=language))]


REFUSED = [
    "It holds 250 sheets.",
    "This is a device that prints labels.",
    "I believe the Kestrel 300 weighs 4 kg.",
    "We sold 300 printers in 2021.",
    "The following table lists the parts of the printer.",
    "As shown in Figure 3, the drum holds 250 sheets.",
    "See chapter 4 for the parts of the printer.",
    "Is the Kestrel 300 a printer with a drum?",
    "What a fine printer this is!",
    "The information provided includes the point of origin.",
    "Several recent studies comparing printers support this view.",
    "The printer weighs",
    "weighs 4 kg when it is empty.",
    "The drum holds 250 sheets (see",
    "Alice said that the Queen had gone.",
    "They were founded in 1998.",
    "The same is true of the other printers.",
    "PRINT QUALITY The drum holds 250 sheets.",
    "The result is a matter of taste.",
    "Each other part lasts as long as the first.",
]


@pytest.mark.parametrize("text", REFUSED)
def test_a_sentence_that_cannot_be_asked_about_alone_is_refused(text: str) -> None:
    assert questions(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "Er wiegt 4 kg.",
        "Diese Walze ist ein Zylinder, der Papier bewegt.",
        "Ich bin ein Drucker, der Etiketten druckt.",
        "Das von Lindqvist entwickelte Verfahren beruht darauf.",
        "Siehe Kapitel 4 für die Teile des Druckers.",
        "Strenggenommen ist eine Walze ein Zylinder.",
        "Wiegt der Drucker 4 kg?",
    ],
)
def test_a_german_sentence_that_cannot_be_asked_about_alone_is_refused(text: str) -> None:
    assert questions(text, language="de") == []


def test_a_general_subject_is_refused_where_nothing_names_what_it_belongs_to() -> None:
    assert questions("The warranty lasts 36 months.") == []


def test_a_general_subject_is_anchored_to_the_product_of_the_title() -> None:
    [question] = questions("The warranty lasts 36 months.", title="Kestrel 300 - User manual")
    assert question.endswith(" the Kestrel 300, how long does the warranty last?")


def test_a_pronoun_is_replaced_by_the_subject_of_the_sentence_before() -> None:
    facts = extract(chunk("The Kestrel 300 is quiet. It weighs 4.2 kg."))
    assert [(f.question, f.statement) for f in facts] == [
        ("How much does the Kestrel 300 weigh?", "The Kestrel 300 weighs 4.2 kg.")
    ]


def test_a_possessive_is_replaced_by_its_owner() -> None:
    [fact] = extract(chunk("The Kestrel 300 is quiet. Its usable memory is 512 MB."))
    assert fact.question == "What is the usable memory of the Kestrel 300?"


def test_a_pronoun_with_two_possible_meanings_is_refused() -> None:
    assert questions("Marie met Jane Smith in Paris. She died in 1934.") == []


def test_the_device_is_named_by_the_title() -> None:
    [fact] = extract(chunk("The device weighs 4.2 kg.", title="Kestrel 300"))
    assert fact.question == "How much does the Kestrel 300 weigh?"


def test_a_table_is_read_by_row_and_column() -> None:
    table = "| Part | Larder 5 | Larder 10 |\n| --- | --- | --- |\n| Weight | 58 kg | 104 kg |\n"
    assert [(f.question, f.answer) for f in extract(chunk(table))] == [
        ("What is the weight for the Larder 5?", "58 kg"),
        ("What is the weight for the Larder 10?", "104 kg"),
    ]


def test_key_values_need_a_product_that_they_describe() -> None:
    text = "Weight: 3.2 kg\nNote: 3 things\n"
    assert questions(text, title="Kestrel 300") == ["What is the weight of the Kestrel 300?"]
    assert questions(text) == []


def test_a_glossary_entry_asks_for_the_meaning_of_its_term() -> None:
    text = "- **Duplex** - the printing of both sides of a sheet\n"
    [fact] = extract(chunk(text))
    assert fact.question == "What does the term “Duplex” mean?"
    assert fact.answer == "the printing of both sides of a sheet"


def test_an_abbreviation_counts_only_where_the_initials_agree() -> None:
    text = "The firm uses a printing machine (EDI) and explosive ordnance disposal (EOD)."
    assert questions(text) == ["What does the abbreviation EOD stand for?"]


def test_sentences_know_where_they_stood() -> None:
    text = "# Drum\n\nThe **drum** holds\n250 sheets. It turns.\n\n- One item\n- 4-2. Another one"
    found = list(sentences(text))
    assert [s.text for s in found][:2] == ["The drum holds 250 sheets.", "It turns."]
    assert all(tidy(text[s.start : s.end]) == s.text for s in found)


def test_paragraph_numbers_and_bullet_glyphs_cut_text_without_line_breaks() -> None:
    text = "SUPPORT IN BRIGADES 3-16. The cell plans fires.  Plan early.  Train often."
    assert "The cell plans fires." in [s.text for s in sentences(text)]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Two words.", "too_short"),
        ("Contents\n" + "Drum care ........ 12\nCleaning the rollers ........ 14\n" * 6,
         "table_of_contents"),
        ("drum, 4-12, 4-15 feeder, 3-1 roller, 2-9 tray, 7-10 lamp, 5-6 toner, 8-1 sensor, 9-2 "
         "paper, 1-3 cover, 2-2 power cable, 4-4 spare fuse, 3-3", "index_or_references"),
        ("Copyright 2021. All rights reserved. This licence agreement and disclaimer, without "
         "warranty, cover the trademark and its terms of use.", "boilerplate"),
        ("12 14 15 18 190 2000 " * 20 + "rows and values for each of the twelve months of a year "
         "and day", "mostly_numbers"),
        ("\x03\x04\x05\x06 %$#^&*~~ \x01\x02" * 30, "garbled"),
        ("Le tambour de la machine est une pièce qui tourne dans le boîtier et que le moteur fait "
         "avancer pour les pages.", "language_without_rules"),
        ("Alice was very tired of sitting there. She looked around and sighed, and nobody came to "
         "see her at all.", "no_facts"),
    ],
)  # fmt: skip
def test_an_unsuitable_chunk_is_refused_with_its_code(text: str, code: str) -> None:
    judgement = asyncio.run(ExtractiveTeacher().filter_chunk(chunk(text, language="")))
    assert (judgement.suitable, judgement.reason) == (False, code)


def test_a_chunk_with_a_fact_is_suitable() -> None:
    text = "A feed roller is a rubber cylinder that pulls one sheet at a time from the tray."
    judgement = asyncio.run(ExtractiveTeacher().filter_chunk(chunk(text)))
    assert judgement.suitable
    assert judgement.reason == ""


def test_the_language_is_found_by_its_stop_words() -> None:
    assert detect("The drum of the printer is in the case and it turns with the motor.") == "en"
    assert detect("Die Walze ist in dem Gehäuse und wird von dem Motor bewegt.") == "de"
    assert detect("12 34 56") == ""


PIECES = st.sampled_from(
    """The A An Kestrel Larder drum printer 300 5 is was are holds weighs must be replaced every
    two weeks in 1998 on 3 March 2021 . . . , ; : ( ) " “ ” „ ' by of to and or that which if when
    If When Do not Its It He founded in located Der Die Das Ein ist war wurde am im Jahr gegründet
    fasst Liter weil , dass werden darf nicht Sie Wenn | --- \n \n\n # ** _ - • 4-12. EOD (EOD)
    because before before Before unless \u2028 \x00 \ud800 ﬁ 50% $ € °C percent explosive ordnance
    disposal means called known as there There""".split(" ")
)
TEXTS = st.one_of(
    st.lists(PIECES, max_size=60).map(" ".join), st.text(st.characters(), max_size=200)
)
KINDS: st.SearchStrategy[Kind] = st.sampled_from(["success", "failure", "partial", "abstain"])


def _holds(fact: Fact, text: str) -> None:
    assert text[fact.start : fact.end].strip()
    assert fact.question.endswith("?")
    assert fact.statement
    assert fact.answer
    if fact.rule != "prohibition":
        assert fact.answer.lower() not in fact.question.lower()


@settings(max_examples=300, deadline=None)
@given(text=TEXTS, title=st.sampled_from(["", "Kestrel 300", "FM 1-05", "{n}", "\ud800"]),
       language=st.sampled_from(["", "en", "de"]))  # fmt: skip
def test_any_text_gives_sound_facts_or_none(text: str, title: str, language: str) -> None:
    for fact in extract(chunk(text, title=title, language=language)):
        _holds(fact, text)
    unsuitable(chunk(text, language=language))


@settings(max_examples=200, deadline=None)
@given(text=TEXTS, others=st.lists(TEXTS, max_size=3), kind=KINDS, memory=st.booleans(),
       pairs=st.integers(0, 9), language=st.sampled_from(["", "en", "de"]))  # fmt: skip
def test_any_brief_gives_pairs_or_a_model_error(
    text: str, others: list[str], kind: Kind, memory: bool, pairs: int, language: str
) -> None:
    about = chunk("A drum is a part that turns. " + text, language=language)
    shown = [chunk(other, name=f"{i}.md") for i, other in enumerate(others)]
    if kind == "success":
        shown.append(about)
    passages = tuple(Passage(c, 1.0, i + 1) for i, c in enumerate(shown))
    brief = RagBrief(about, kind, passages, memory, pairs)
    try:
        made = asyncio.run(ExtractiveTeacher().rag_question_answer(brief))
    except ModelError as error:
        assert re.fullmatch("[a-z_]+", error.reason)
        return
    assert 1 <= len(made.pairs) <= 8
    for pair in made.pairs:
        assert pair.evidence
        assert all(quote in about.text for quote in pair.evidence)
        assert "Ground Truth" not in pair.thought_process + pair.answer
        assert made == asyncio.run(ExtractiveTeacher().rag_question_answer(brief))
