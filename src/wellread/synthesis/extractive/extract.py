"""All facts of a chunk, in the order of its text."""

from __future__ import annotations

from collections.abc import Iterator

from wellread.records import Chunk
from wellread.synthesis.extractive import english
from wellread.synthesis.extractive.context import Context, context_of
from wellread.synthesis.extractive.facts import Draft, Fact, Sentence
from wellread.synthesis.extractive.language import language_of
from wellread.synthesis.extractive.sentences import sentences

LANGUAGES = ("en", "de")
"""Languages with rules."""


def extract(chunk: Chunk) -> tuple[Fact, ...]:
    """Facts of `chunk`, at most two a sentence, each question asked once."""
    context = context_of(chunk)
    facts: list[Fact] = []
    before = ""
    seen: set[str] = set()
    for sentence in sentences(chunk.text):
        best = sorted(
            english.drafts(sentence, before, context), key=lambda pair: -pair[0].weight
        )
        for draft, statement in best[:2]:
            if draft.question not in seen:
                seen.add(draft.question)
                facts.append(_fact(draft, statement, sentence))
        before = sentence.text
    return tuple(facts)


def _fact(draft: Draft, statement: str, sentence: Sentence) -> Fact:
    question = draft.question[:1].upper() + draft.question[1:]
    return Fact(
        question,
        draft.about,
        draft.answer,
        statement,
        sentence.start,
        sentence.end,
        draft.rule,
        draft.weight,
        draft.subject,
    )


__all__ = ["LANGUAGES", "Context", "Iterator", "extract", "language_of"]
