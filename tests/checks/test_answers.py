from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wellread.checks.answers import answer_score, answers, split_reasoning
from wellread.records import Chunk

XQUAD = Path(__file__).parents[2] / "../shared/data/xquad"
PUMP = (
    "The pump was built in 1960 in Leeds. It runs at 67 psi and weighs 12 kg. Its seals are made "
    "of nitrile rubber, because oil dissolves natural rubber."
)


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("At what pressure does the pump run?", "67 psi"),
        ("What does the pump weigh?", "twelve kilograms"),
        ("Where was the pump built?", "in Leeds"),
        ("When was the pump built?", "1960"),
        ("Why are the seals made of nitrile rubber?", "Natural rubber is dissolved by oil."),
        ("Of what are the seals of the pump made?", "nitrile rubber"),
    ],
)
def test_a_passage_that_holds_the_answer_is_found_out(question: str, expected: str) -> None:
    assert answers(question, expected, PUMP)


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("At what pressure does the pump run?", "69 psi"),
        ("Where was the pump built?", "in Bremen"),
        ("When was the museum founded by the duchess?", "1960"),
        ("How long is the warranty on the pump?", "24 months"),
        ("What does the pump weigh?", ""),
    ],
)
def test_a_passage_without_the_answer_is_cleared(question: str, expected: str) -> None:
    assert not answers(question, expected, PUMP)


def test_a_chunk_serves_as_well_as_its_text() -> None:
    chunk = Chunk("a#0-1", "a", PUMP, 0, len(PUMP), language="en")
    assert answer_score("At what pressure does the pump run?", "67 psi", chunk) == 1.0


def test_an_empty_passage_answers_nothing() -> None:
    assert answer_score("Why?", "67 psi", " ") == 0.0


@pytest.mark.parametrize(
    ("text", "reasoning", "answer"),
    [
        ("Thought Process:\nChunk 1 helps.\n\nAnswer:\nIt is red.", "Chunk 1 helps.", "It is red."),
        ("**Thought Process:** Chunk 1.\n**Answer:** It is red.", "Chunk 1.", "It is red."),
        ("Thought Process: The answer: see 2.\nAnswer: Red.", "The answer: see 2.", "Red."),
        ("Gedankengang:\nChunk 1 hilft.\n\nAntwort:\nRot.", "Chunk 1 hilft.", "Rot."),
        ("<think>Chunk 1.</think>\nAnswer: Red.", "Chunk 1.", "Red."),
        ("It is red.", "", "It is red."),
        ("Thought Process: only thoughts", "", "Thought Process: only thoughts"),
        ("Answer: Red.", "", "Red."),
        ("", "", ""),
    ],
)
def test_reasoning_and_answer_are_told_apart(text: str, reasoning: str, answer: str) -> None:
    assert split_reasoning(text) == (reasoning, answer)


WORD = st.text(alphabet="abcdefgh \n", min_size=1, max_size=60).map(str.strip).filter(bool)


@settings(max_examples=150, deadline=None)
@given(WORD, WORD)
def test_what_was_put_together_comes_apart_again(reasoning: str, answer: str) -> None:
    text = f"Thought Process:\n{reasoning}\n\nAnswer:\n{answer}"
    assert split_reasoning(text) == (reasoning, answer)


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=200), st.text(max_size=100), st.text(max_size=300))
def test_any_text_has_a_score(question: str, expected: str, passage: str) -> None:
    assert 0.0 <= answer_score(question, expected, passage) <= 1.0
    reasoning, answer = split_reasoning(passage)
    assert len(reasoning) + len(answer) <= len(passage)


@pytest.mark.real
@pytest.mark.parametrize(
    ("language", "found", "mistaken"), [("en", 0.98, 0.06), ("de", 0.97, 0.05)]
)
def test_gold_answers_are_found_in_their_paragraphs(
    language: str, found: float, mistaken: float
) -> None:
    """Measured: recall .994 and .984; 4.5 % and 2.9 % of the other paragraphs say yes too."""
    path = XQUAD / f"xquad.{language}.json"
    if not path.exists():
        pytest.skip("no questions with gold answers here")
    own, other = [], []
    for article in json.loads(path.read_text("utf-8"))["data"][::4]:
        chunks = [
            Chunk("p", "p", p["context"], 0, 1, language=language) for p in article["paragraphs"]
        ]
        for at, paragraph in enumerate(article["paragraphs"]):
            for row in paragraph["qas"]:
                gold = row["answers"][0]["text"]
                own.append(answers(row["question"], gold, chunks[at]))
                other += [
                    answers(row["question"], gold, chunk)
                    for n, chunk in enumerate(chunks)
                    if n != at
                ]
    assert sum(own) >= found * len(own)
    assert sum(other) <= mistaken * len(other)
