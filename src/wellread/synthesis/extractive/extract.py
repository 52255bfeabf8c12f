"""All facts of a chunk, in the order of its text.

1. Layout first: tables, key-value lines and glossary entries.
2. Then every sentence by the rules of its language; at most two questions a sentence.
3. No question twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from wellread.records import Chunk
from wellread.synthesis.extractive import english, german
from wellread.synthesis.extractive.context import Context, context_of
from wellread.synthesis.extractive.facts import Draft, Fact, Sentence
from wellread.synthesis.extractive.language import LANGUAGES, language_of
from wellread.synthesis.extractive.sentences import sentences
from wellread.synthesis.extractive.structured import structured_facts

_UNENCODABLE = re.compile("[\ud800-\udfff]")
_RULES = {"en": english.drafts, "de": german.drafts}


def extract(chunk: Chunk) -> tuple[Fact, ...]:
    """Facts of `chunk`; none where its language has no rules."""
    language = language_of(chunk)
    if language not in LANGUAGES:
        return ()
    context = context_of(chunk)
    unique: dict[str, Fact] = {}
    for fact in structured_facts(chunk.text, context, language):
        unique.setdefault(fact.question, fact)
    for fact in _from_sentences(chunk.text, context, language):
        unique.setdefault(fact.question, fact)
    return tuple(sorted(unique.values(), key=lambda fact: fact.start))


def _from_sentences(text: str, context: Context, language: str) -> Iterator[Fact]:
    before = ""
    for sentence in sentences(text, language):
        found = sorted(
            _RULES[language](sentence, before, context), key=lambda pair: -pair[0].weight
        )
        if _UNENCODABLE.search(text, sentence.start, sentence.end):
            continue
        for draft, statement in found[:2]:
            yield _fact(draft, statement, sentence)
        before = sentence.text


def _fact(draft: Draft, statement: str, sentence: Sentence) -> Fact:
    return Fact(
        question=draft.question[:1].upper() + draft.question[1:],
        about=draft.about,
        answer=draft.answer,
        statement=statement,
        start=sentence.start,
        end=sentence.end,
        rule=draft.rule,
        weight=draft.weight,
        subject=draft.subject,
    )
