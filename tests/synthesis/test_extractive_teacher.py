"""What the extractive teacher writes for each kind of brief."""

from __future__ import annotations

import asyncio

import pytest

from wellread.errors import ModelError
from wellread.records import Chunk, Kind, Passage
from wellread.synthesis.extractive import ExtractiveTeacher, extract
from wellread.synthesis.extractive.passages import topic
from wellread.synthesis.extractive.phrases import ENGLISH
from wellread.synthesis.extractive.phrases_german import GERMAN
from wellread.synthesis.tasks import RagBrief, RagPair

WARRANTY = (
    "The Kestrel 300 is a desktop label printer for small workshops. "
    "The warranty lasts 36 months. "
    "A claim must be reported within 30 days of delivery. "
    "Do not immerse the drum in water."
)


def chunk(text: str, source: str, heading: str, *, start: int = 0, name: str = "") -> Chunk:
    document = name or source
    end = start + len(text)
    return Chunk(
        f"{document}#{start}-{end}", document, text, start, end,
        title="Kestrel 300 - User manual", source=f"docs/{source}", heading=heading, language="en",
    )  # fmt: skip


GOLD = chunk(WARRANTY, "warranty.md", "Manual > Warranty")
RETURNS = chunk(
    "Returned goods travel in their own box. The driver weighs each box.", "returns.docx", "Returns"
)


def write(kind: Kind, *shown: Chunk, memory: bool = False, pairs: int = 1) -> tuple[RagPair, ...]:
    passages = tuple(Passage(one, 1.0, i + 1) for i, one in enumerate(shown))
    brief = RagBrief(GOLD, kind, passages, memory, pairs)
    return asyncio.run(ExtractiveTeacher().rag_question_answer(brief)).pairs


def test_a_success_walks_through_the_passages_in_order_and_cites_the_right_one() -> None:
    [pair] = write("success", RETURNS, GOLD)
    first, second = pair.thought_process.split("\n")
    assert "1" in first
    assert "returns.docx" in first
    assert "Returns" in first
    assert "2" in second
    assert "warranty.md" in second
    assert "The warranty lasts 36 months." in second
    assert "36 months" in pair.answer
    assert "warranty.md" in pair.answer
    assert "docs/" not in pair.answer
    assert pair.expected_answer == "36 months"
    assert pair.evidence == ("The warranty lasts 36 months.",)


def test_several_pairs_ask_for_different_facts() -> None:
    pairs = write("success", GOLD, pairs=3)
    assert len({pair.question for pair in pairs}) == 3
    assert len({pair.evidence for pair in pairs}) == 3


def test_a_prohibition_is_answered_with_no_and_the_rule() -> None:
    pairs = write("success", GOLD, pairs=8)
    [rule] = [p for p in pairs if "immerse" in p.question]
    assert rule.answer.startswith("No")
    assert "Do not immerse the drum in water" in rule.answer


def test_the_same_fact_in_another_passage_is_said_to_agree() -> None:
    copy = chunk("The warranty lasts 36 months.", "card.txt", "Service card")
    [pair] = write("success", copy, GOLD)
    assert "warranty.md" in pair.answer
    assert "card.txt" in pair.answer


def test_a_success_without_the_fact_in_its_passages_is_refused() -> None:
    with pytest.raises(ModelError) as caught:
        write("success", RETURNS)
    assert caught.value.reason == "passages_lack_answer"


def test_a_failure_from_memory_names_the_file_it_remembers() -> None:
    [pair] = write("failure", RETURNS, memory=True)
    assert "36 months" in pair.answer
    assert "warranty.md" in pair.answer
    assert "returns.docx" in pair.thought_process


@pytest.mark.parametrize("kind", ["failure", "abstain"])
def test_without_memory_the_answer_declines_and_invents_nothing(kind: Kind) -> None:
    [pair] = write(kind, RETURNS)
    assert "36" not in pair.answer + pair.thought_process
    assert "warranty.md" not in pair.answer + pair.thought_process
    assert "how long the warranty lasts" in pair.answer
    assert "Returns" in pair.answer
    assert pair.expected_answer == "36 months"


def test_a_failure_whose_passages_answer_is_refused() -> None:
    with pytest.raises(ModelError) as caught:
        write("failure", GOLD)
    assert caught.value.reason == "passage_answers"


def test_a_partial_brief_asks_for_both_halves_and_answers_the_visible_one() -> None:
    cut = WARRANTY.index(" A claim")
    half = chunk(WARRANTY[:cut], "warranty.md", "Manual > Warranty")
    [pair] = write("partial", RETURNS, half)
    assert pair.question.count("?") == 2
    assert "how long does the warranty last?" in pair.question
    assert "within how many days" in pair.question
    assert "36 months" in pair.answer
    assert "30 days" not in pair.answer
    assert "within how many days of delivery a claim must be reported" in pair.answer
    assert len(pair.evidence) == 2


def test_a_partial_brief_that_shows_everything_is_refused() -> None:
    with pytest.raises(ModelError) as caught:
        write("partial", GOLD)
    assert caught.value.reason == "no_partial_question"


def test_a_chunk_without_facts_is_refused() -> None:
    brief = RagBrief(chunk("Nobody came.", "a.md", ""), "success", ())
    with pytest.raises(ModelError) as caught:
        asyncio.run(ExtractiveTeacher().rag_question_answer(brief))
    assert caught.value.reason == "no_facts"


def test_a_passage_without_heading_or_title_is_described_by_its_own_words() -> None:
    bare = Chunk("b#0", "b", "Nobody came to the old mill in winter.", 0, 38, source="mill.txt")
    [pair] = write("success", bare, GOLD)
    assert "“Nobody came to the old mill in winter”" in pair.thought_process


def test_german_briefs_are_answered_in_german() -> None:
    text = "Ein Feuchtsensor ist ein Bauteil, das die Luftfeuchte misst."
    german = Chunk("s.md#0", "s.md", text, 0, len(text), source="s.md", language="de")
    brief = RagBrief(german, "success", (Passage(RETURNS, 1, 1), Passage(german, 1, 2)))
    [pair] = asyncio.run(ExtractiveTeacher().rag_question_answer(brief)).pairs
    assert pair.question == "Was ist ein Feuchtsensor?"
    assert "was ein Feuchtsensor ist" in pair.thought_process
    assert "s.md" in pair.answer


def test_every_phrase_has_many_wordings_and_both_languages_have_the_same_phrases() -> None:
    assert ENGLISH.keys() == GERMAN.keys()
    for table in (ENGLISH, GERMAN):
        few = {name for name, options in table.items() if len(options) < 6}
        assert few == {"empty", "and", "about_fallback", "also_ask"}


def test_wordings_vary_between_chunks() -> None:
    answers = set()
    for number in range(30):
        text = "A feed roller is a rubber cylinder that pulls one sheet at a time."
        one = Chunk(f"{number}#0", "d", text, 0, len(text), source="d.md", language="en")
        brief = RagBrief(one, "success", (Passage(one, 1.0, 1),))
        answers.add(asyncio.run(ExtractiveTeacher().rag_question_answer(brief)).pairs[0].answer)
    assert len(answers) >= 5


def test_two_facts_of_one_sentence_are_not_asked_in_one_conversation() -> None:
    text = "Otto Lindqvist invented the wet roller in 1911."
    one = Chunk("o.md#0", "o.md", text, 0, len(text), source="o.md", language="en")
    assert len(extract(one)) == 2
    brief = RagBrief(one, "success", (Passage(one, 1.0, 1),), pairs=2)
    assert len(asyncio.run(ExtractiveTeacher().rag_question_answer(brief)).pairs) == 1


def test_a_passage_of_several_sections_is_described_by_the_one_that_answers():
    text = "### C03: no link\n\nC03 is a fault.\n\n### B02: imbalance\n\nB02 is a warning."
    chunk = Chunk("a#0-9", "a", text, 0, len(text), heading="C03: no link")
    assert topic(chunk, text.index("B02 is")).text == "B02: imbalance"
    assert topic(chunk, text.index("C03 is")).text == "C03: no link"
    assert topic(chunk).text == "C03: no link"
