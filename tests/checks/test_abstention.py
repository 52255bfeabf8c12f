from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wellread.checks.abstention import clauses, declines

WHOLE = [
    "The passages do not say when the bridge was built.",
    "I could not find this in the documents provided.",
    "I cannot answer this question based on the given passages.",
    "None of the chunks mentions the price.",
    "There is no information about the price in the context.",
    "The sources are silent on this. They deal with the weight of the lid instead.",
    "It is not clear from the passages. A document on pricing would be needed to answer this.",
    "Based on the provided passages, it is not possible to determine the price.",
    "I don't know.",
    "The answer is not in the passages I was given. Please provide a price list.",
    "What I was given does not state how long it lasts. They are about pumps and seals.",
    "Das steht nicht in den Quellen.",
    "Die Textstellen sagen nicht, wann die Brücke gebaut wurde. Sie behandeln ihr Gewicht.",
    "Aus den vorliegenden Textstellen geht nicht hervor, wie lange die Garantie gilt.",
    "Dazu finde ich in den Passagen keine Angabe.",
    "Ich kann die Frage nicht beantworten: Keine der Quellen erwähnt den Preis.",
    "Die Quellen enthalten keine Informationen über den Preis.",
    "Le texte ne précise pas la durée.",
    "El texto no menciona el precio.",
    "文中没有提到价格。",
]
PART = [
    "The lid is red. The passages do not say when it was made.",
    "The pump weighs 12 kg, according to a.md. As for its price, the passages at hand are silent.",
    "The passages do not give the price, but the pump weighs 12 kg.",
    "Der Deckel ist rot. Wann er gemacht wurde, steht nicht in den Quellen.",
    "Die Quellen sagen nichts zum Preis, aber die Pumpe wiegt 12 kg.",
    "The passages do not help here. From memory (a.md): the pump weighs 12 kg.",
]
NO = [
    "The bridge was built in 1960, not in 1950.",
    "Do not open the housing while the motor is warm.",
    "Crackers of this kind contain no gluten, and they do not contain nuts.",
    "These documents do not have to be signed.",
    "The data cannot be erased once the seal is broken.",
    "They cover the pan with a lid.",
    "The sources of the Nile are in Burundi and Ethiopia.",
    "You should check the oil every day.",
    "If there is no passport, travellers may not enter.",
    "The information office does not open on Mondays.",
    "Materials of this class do not offer protection against fire.",
    "Das Auto steht nicht in der Garage.",
    "Die Garantie deckt Frostschäden nicht ab.",
    "Kinder zahlen keinen Eintritt.",
    "Die Unterlagen müssen nicht unterschrieben werden.",
    "该泵没有油。",
    "",
]


@pytest.mark.parametrize("answer", WHOLE)
def test_an_answer_that_only_declines_is_recognised(answer: str) -> None:
    assert declines(answer) == "whole", list(clauses(answer))


@pytest.mark.parametrize("answer", PART)
def test_an_answer_that_says_what_is_missing_declines_in_part(answer: str) -> None:
    assert declines(answer) == "part", list(clauses(answer))


@pytest.mark.parametrize("answer", NO)
def test_denying_something_is_not_declining(answer: str) -> None:
    assert declines(answer) == "no", list(clauses(answer))


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=400))
def test_clauses_of_any_text_lie_in_order_inside_it(text: str) -> None:
    at = 0
    for start, end, _ in clauses(text):
        assert at <= start < end <= len(text)
        at = end


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(WHOLE + PART + NO), max_size=5))
def test_what_is_not_in_a_clause_is_space_or_a_turn(sentences: list[str]) -> None:
    text = " ".join(sentences)
    left = list(text)
    for start, end, _ in clauses(text):
        left[start:end] = " " * (end - start)
    turns = {"but", "however", "though", "yet", "although", "aber", "jedoch", "allerdings", "doch"}
    assert set("".join(left).replace(",", " ").replace(":", " ").split()) <= turns
