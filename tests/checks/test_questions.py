from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wellread.checks.questions import answer_problem, question_problem

REFUSED = {
    "mentions_text": [
        "What did the author say about pumps?",
        "According to the document, what is the limit?",
        "What is described in this section?",
        "What topics does the article discuss?",
        "What does the passage say about oil?",
        "What is the purpose of this document?",
        "What does the manual state about safety?",
        "What are the steps mentioned in the text?",
        "What is the main idea of the passage?",
        "In the given context, what is oil?",
        "Based on the information provided, what is oil?",
        "How does the narrator feel about the war?",
        "Was sagt der Text über Öl?",
        "Laut dem Dokument, wie hoch ist der Druck?",
        "Wie viele Preise hat sie laut Text gewonnen?",
        "Was meint der Autor mit Freiheit?",
        "根据上述文章，泵的压力是多少？",
    ],
    "mentions_figure": ["What does Figure 3 show?", "What happens in chapter 3?"],
    "refers_back": [
        "Which of the following is true?",
        "What is mentioned above about oil?",
        "What are the aforementioned conditions?",
        "Welche der folgenden Aussagen ist richtig?",
    ],
    "dangling_pronoun": [
        "What does it do?",
        "Who is he?",
        "What is its purpose?",
        "How long does it last?",
        "When was it built?",
        "Is it safe?",
        "Why is this important?",
        "What does this mean?",
        "What are these used for?",
        "How many are there?",
        "What did they decide?",
        "When was this edict declared?",
        "Wer ist er?",
        "Was macht sie?",
        "Wie lange dauert es?",
        "Was bedeutet das?",
        "Warum ist das wichtig?",
    ],
    "too_short": ["Oil?", "Why pumps?", "泵？"],
    "no_question": ["The pump is red and heavy.", "泵是红色的。"],
    "ground_truth": ["What is the Ground Truth here?"],
    "prompt_leak": ['{"question": "What is oil?"}', "**QUESTION:** What is oil?"],
    "control_token": ["What is oil?<|im_end|>", "[INST] What is oil? [/INST]"],
    "ai_voice": ["As an AI language model, what is oil?"],
    "empty": ["", "  "],
}
FINE = [
    "What is a context switch?",
    "What is a chapter 11 bankruptcy?",
    "Which document must a traveller carry?",
    "How do I open a text file?",
    "How does Word handle text boxes?",
    "What is a section chief responsible for?",
    "Who is the author of Hamlet?",
    "What does it take to become a pilot?",
    "Is it possible to return an opened pump?",
    "What does a context manager do in Python?",
    "How long does it take to charge the X200 battery?",
    "Which passage leads to the cellar of Elsinore castle?",
    "Why is it important to rinse the filter?",
    "Who signs the report of survey?",
    "What is the role of the author in copyright law?",
    "Why is it called Times Square?",
    "What should be done if the pump fails and it leaks?",
    "What is the text size of the display?",
    "What does the article of war 15 regulate?",
    "Explain how the pump is primed.",
    "Wie lange gilt die Garantie?",
    "Welche Dokumente braucht man für die Einreise?",
    "Wer ist der Autor von Faust?",
    "Wie lange dauert es, bis der Akku geladen ist?",
    "Ist es möglich, die Pumpe zurückzugeben?",
    "Wie viele erzwungene Fumbles hatte Thomas Davis?",
    "Was besagt Abschnitt 5 des Gesetzes?",
    "Combien de temps dure la garantie ?",
    "¿Cuánto dura la garantía de la bomba?",
    "这台水泵的压力是多少？",
]


@pytest.mark.parametrize(
    ("question", "code"), [(q, code) for code, questions in REFUSED.items() for q in questions]
)
def test_a_question_that_cannot_stand_alone_is_refused(question: str, code: str) -> None:
    assert question_problem(question) == code


@pytest.mark.parametrize("question", FINE)
def test_a_question_that_stands_alone_is_let_through(question: str) -> None:
    assert question_problem(question) is None


def test_a_question_in_another_language_than_the_source_is_refused() -> None:
    assert question_problem("Wie lange gilt die Garantie?", language="en") == "wrong_language"
    assert question_problem("How long is the pump under warranty?", "de") == "wrong_language"
    assert question_problem("Wie lange gilt die Garantie?", language="de") is None
    assert question_problem("Was ist ein Blitter?", language="") is None


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ("The Ground Truth says 24 months.", "ground_truth"),
        ("The ground-truth chunk helps.", "ground_truth"),
        ("**QUESTION:** What? **ANSWER:** That.", "prompt_leak"),
        ('{"answer": "24 months"}', "prompt_leak"),
        ("As an AI language model, I cannot.", "ai_voice"),
        ("It lasts 24 months.<|eot_id|>", "control_token"),
        ("24 months</s>", "control_token"),
        (" \n", "empty"),
        ("Write f'{name}' to format a string in Python.", None),
        ("It lasts 24 months [1].", None),
        ("The truth on the ground was different.", None),
        ("Set {a, b} has two elements.", None),
    ],
)
def test_an_answer_that_leaks_its_making_is_refused(answer: str, code: str | None) -> None:
    assert answer_problem(answer) == code


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=300), st.sampled_from(["", "en", "de", "zh", "xx"]))
def test_any_text_gets_a_code_or_none(text: str, language: str) -> None:
    codes = {None, "wrong_language", *REFUSED}
    assert question_problem(text, language) in codes
    assert answer_problem(text) in codes
