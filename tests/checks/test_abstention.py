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

# How models put it when they have nothing to say.
REFUSALS = [
    "The provided passages do not contain enough information to answer this question.",
    "I'm sorry, but I couldn't find that in the context.",
    "There isn't any mention of the price in the provided documents.",
    "The context doesn't specify who designed it.",
    "This information is not available in the given sources.",
    "Unfortunately, the documents don't cover this topic.",
    "I am unable to answer based on the information provided.",
    "The text makes no mention of a warranty.",
    "No answer can be derived from the passages.",
    "Nothing in the sources addresses this.",
    "I do not have enough information to answer that.",
    "I don't have access to that information.",
    "Sorry, that isn't something the documents talk about.",
    "The question cannot be answered with the given context.",
    "That is not covered by the material I have.",
    "I have no information on that.",
    "Based on the context, I can't say.",
    "I can't tell from these excerpts.",
    "It isn't stated anywhere in the passages.",
    "The passages give no indication of when this happened.",
    "None of the provided sources discuss this.",
    "The answer isn't in the context.",
    "I wasn't able to find an answer in the retrieved documents.",
    "Insufficient information.",
    "Not enough information.",
    "Not mentioned in the context.",
    "Not stated in the passages.",
    "No relevant information found.",
    "N/A",
    "Unknown.",
    "Unanswerable.",
    "I'm not sure; the documents are unclear on this.",
    "There's not enough detail in the passages to say.",
    "The retrieved chunks are not relevant to the question.",
    "The given text offers no details about the cost.",
    "I'm afraid I can't answer that from the sources.",
    "My sources say nothing about this.",
    "We are not told when it was built.",
    "The document is silent about pricing.",
    "It remains unclear from the text who built it.",
    "The excerpt leaves out the date.",
    "I cannot determine this from what has been provided.",
    "That detail is missing from the passages.",
    "I have not found anything about that.",
    "As far as I can see, the sources do not touch on this.",
    "It's impossible to know from the passages.",
    "The documents fail to mention the price.",
    "I would need more information to answer this.",
    "I do not know.",
    "No information available.",
    "Leider enthalten die Dokumente dazu keine Informationen.",
    "Das geht aus dem Text nicht hervor.",
    "Ich weiß es nicht.",
    "Dazu liegen mir keine Informationen vor.",
    "Diese Frage lässt sich anhand der Quellen nicht beantworten.",
    "Im Kontext wird das nicht erwähnt.",
    "Nicht angegeben.",
    "Keine Angabe.",
    "Unbekannt.",
    "Die Antwort ist in den Textstellen nicht zu finden.",
    "Hierzu machen die Quellen keine Angaben.",
    "Ich kann das anhand der Textstellen nicht sagen.",
    "Davon ist in den Dokumenten keine Rede.",
    "Es tut mir leid, aber darüber steht in den Unterlagen nichts.",
    "Die Quellen schweigen dazu.",
    "Der Text gibt darüber keine Auskunft.",
    "Der Text lässt offen, wer es gebaut hat.",
    "Die bereitgestellten Informationen reichen nicht aus, um die Frage zu beantworten.",
    "Das kann ich nicht beantworten.",
    "Dazu konnte ich nichts finden.",
    "The given context lacks information about the speed.",
    "I was not able to locate this detail.",
    "The passage never says who the author is.",
    "From the passages alone, this cannot be determined.",
    "The sources provided do not allow a conclusion on this.",
    "There is nothing about that in the passages.",
    "Nothing about this appears in the documents.",
    "This question is outside the scope of the provided documents.",
    "The provided text is about batteries and doesn't mention prices.",
    "I have no way of knowing that from the passages.",
    "The documents at hand give no answer to that.",
    "We cannot tell from the text.",
    "The information requested is not present in the context.",
    "That's not something I can answer from these sources.",
    "I can't find any reference to it.",
    "No mention of this in the text.",
    "The answer cannot be found in the provided passages.",
    "No source mentions the price.",
    "Regrettably, the material provided does not include that figure.",
    "Dazu sagt der Text nichts.",
    "In den Quellen steht darüber nichts.",
    "Ich habe dazu keine Informationen gefunden.",
    "Aus dem Kontext ist das nicht ersichtlich.",
    "Der Kontext enthält keine Angabe zum Preis.",
    "Sorry, the provided context has nothing on this.",
    "The text is silent on that question.",
    "I see nothing in the passages that would answer this.",
    "The supplied documents don't say.",
    "Not specified.",
    "I cannot confirm that based on these passages.",
    "The passages discuss seals, but they do not say who makes them.",
    "No passage provides an answer.",
    "It is not mentioned who paid for it.",
    "Regarding the price, the sources provide no details.",
    "The article doesn't say anything about it.",
    "I could not find any information on the date of the repair.",
    "The answer to this question is not provided in the excerpts.",
    "There is insufficient context to answer.",
    "The available information does not allow me to answer this.",
    "Darauf gibt der Text keine Antwort.",
    "Leider kann ich diese Frage nicht beantworten.",
    "Das ist den Textstellen nicht zu entnehmen.",
    "Über den Preis sagen die Quellen nichts.",
    "Die Angaben reichen für eine Antwort nicht aus.",
]
# What may look like it and claims something all the same.
CLAIMS = [
    "The museum does not have enough rooms to show all its paintings.",
    "He was unable to answer the king's letter.",
    "It was unknown to the Greeks.",
    "The unknown soldier lies there.",
    "The author's name is not given on the cover.",
    "The price is not included in the ticket.",
    "No information may be given to the press.",
    "The treaty makes no mention of slavery.",
    "The cause of the fire remains unclear.",
    "The king could not find a successor.",
    "The bill says nothing about taxes.",
    "Nothing in the house was left standing.",
    "The data is not available to the public.",
    "Users without access cannot see the file.",
    "The suspect had no information about the plan.",
    "The letter leaves out the date of the battle.",
    "The committee was not told about the merger.",
    "The company does not provide information to third parties.",
    "The law is silent about divorce.",
    "The origin of the name is unknown.",
    "She did not know the answer.",
    "The committee found no evidence of fraud.",
    "There is not enough oxygen at that height.",
    "N/A stands for not applicable.",
    "The documents were destroyed in 1812.",
    "Missing from the army were 200 men.",
    "The article of association does not cover losses.",
    "The Court could not determine the guilt.",
    "Der Täter ist unbekannt.",
    "Die Ursache ist bis heute nicht geklärt.",
    "Er konnte die Frage des Königs nicht beantworten.",
    "Die Polizei machte keine Angaben zur Identität.",
    "Der Preis ist im Ticket nicht enthalten.",
    "Der Vertrag sagt nichts über Steuern.",
    "Die Kirche schwieg dazu.",
    "Das Wasser reicht nicht aus.",
    "Der König konnte nichts finden.",
    "Es war nicht genug Geld da.",
    "They never say goodbye.",
    "They do not talk about politics.",
    "These do not go into the dishwasher.",
    "These materials do not allow light to pass.",
    "Polarised glass does not support growth.",
    "Der König sagte nichts.",
    "Über den Krieg schrieb er nie.",
]


@pytest.mark.parametrize("answer", [*WHOLE, *REFUSALS])
def test_an_answer_that_only_declines_is_recognised(answer: str) -> None:
    assert declines(answer) == "whole", list(clauses(answer))


@pytest.mark.parametrize("answer", PART)
def test_an_answer_that_says_what_is_missing_declines_in_part(answer: str) -> None:
    assert declines(answer) == "part", list(clauses(answer))


@pytest.mark.parametrize("answer", [*NO, *CLAIMS])
def test_denying_something_is_not_declining(answer: str) -> None:
    assert declines(answer) == "no", list(clauses(answer))


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(CLAIMS), st.sampled_from(REFUSALS))
def test_a_claim_before_a_refusal_declines_in_part(claim: str, refusal: str) -> None:
    assert declines(f"{claim}\n{refusal}") == "part"


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(CLAIMS), min_size=1, max_size=6))
def test_claims_together_decline_no_more_than_each_alone(claims: list[str]) -> None:
    assert declines("\n".join(claims)) == "no"


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(REFUSALS), st.sampled_from(["", " ", "\n"]), st.booleans())
def test_case_and_space_around_it_change_no_refusal(text: str, space: str, lower: bool) -> None:
    assert declines(space + (text.lower() if lower else text) + space) == "whole"


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
