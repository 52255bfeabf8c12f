"""The one noun of the extractive teacher: a fact with the question that asks for it.

    chunk text --sentences--> Sentence --rules of the language--> Fact

A rule that cannot word a grammatical question returns nothing: precision before coverage.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence: `text` is tidied for reading, ``chunk.text[start:end]`` is what was there."""

    text: str
    start: int
    end: int
    item: bool = False
    """True for the item of a list, which may lack a final stop."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What a rule makes of a sentence, before names are filled in and checks are passed.

    `question` ends with "?", `about` is the same as an indirect question ("how long the warranty
    lasts"), `answer` is what the sentence says in a few words, `subject` the phrase asked about.
    """

    question: str
    about: str
    answer: str
    rule: str
    subject: str = ""
    weight: float = 1.0
    statement: str = ""
    """The sentence to answer with, where it is not the one that was read."""


@dataclass(frozen=True, slots=True)
class Fact:
    """A draft that passed every check; `statement` is a full sentence that answers the question."""

    question: str
    about: str
    answer: str
    statement: str
    start: int
    end: int
    rule: str
    weight: float
    subject: str = ""
