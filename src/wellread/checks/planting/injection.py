"""Answers whose faults are known: gold answers, and the same with one error planted in each.

    Item(question, answer, chunks) ──labelled_cases──> LabelledCase(gold, supported)
                                                       LabelledCase(number, spans=("69"))
                                                       LabelledCase(negation, …) …

| kind              | what is planted                                             |
|-------------------|-------------------------------------------------------------|
| `number` `date`   | another value, which no passage has                         |
| `name`            | a name of another document, which no passage has            |
| `unit`            | the same number with another unit of the same dimension     |
| `negation`        | the main clause says the opposite                           |
| `addition`        | a sentence of another document, most of it in no passage    |
| `other_paragraph` | the answer to another question, which no passage gives      |
| `same_paragraph`  | a wrong answer that stands in the passage itself            |

1. Names, sentences and answers that can be borrowed are collected by document.
2. Each item gives its gold case and one case for every kind that can be planted in it.
3. A proposal that might still be right is thrown away: see `plant` for the tests.

What is drawn for an item follows from the seed and the item alone, not from its neighbours' order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from wellread.checks.abstention import answer_sentences
from wellread.checks.detector import Case
from wellread.checks.planting.borrowing import Pool, pool_of
from wellread.checks.planting.items import (
    Item,
    Scene,
    ends_as_sentence,
    items_from_chunks,
    lot,
    passages_of,
)
from wellread.checks.planting.negation import negation_edits
from wellread.checks.planting.swaps import Edit, date_edits, name_edits, number_edits, unit_edits
from wellread.checks.reading.evidence import read_sources
from wellread.records import Chunk, Span

ErrorKind = Literal[
    "number",
    "date",
    "name",
    "unit",
    "negation",
    "addition",
    "other_paragraph",
    "same_paragraph",
]
CaseKind = Literal["gold"] | ErrorKind
ERROR_KINDS: tuple[ErrorKind, ...] = get_args(ErrorKind)
# What RAGTruth's and LettuceDetect's taxonomy calls each kind.
_CATEGORIES: dict[ErrorKind, str] = {
    "number": "contradiction/numerical",
    "date": "contradiction/temporal",
    "name": "contradiction/entity",
    "unit": "contradiction/numerical",
    "negation": "contradiction/negation",
    "addition": "unsupported_addition/claim",
    "other_paragraph": "unsupported_addition/claim",
    "same_paragraph": "contradiction/relational",
}
_RULES: dict[ErrorKind, Callable[[Scene], Iterator[Edit]]] = {
    "number": number_edits,
    "date": date_edits,
    "unit": unit_edits,
    "negation": negation_edits,
}


@dataclass(frozen=True, slots=True)
class LabelledCase:
    """A case with the truth about it: `spans` are what is wrong in the answer, () for gold.

    `document_id` is that of the chunk the question is about: what is fitted and what is measured
    are split by it.
    """

    case: Case
    supported: bool
    spans: tuple[Span, ...]
    kind: CaseKind
    document_id: str


@dataclass(frozen=True, slots=True)
class Planted:
    """A wrong answer and where in it the error lies."""

    answer: str
    start: int
    end: int
    was: str


def labelled_cases(
    items: Iterable[Item], seed: int, kinds: Sequence[ErrorKind] = ERROR_KINDS
) -> Iterator[LabelledCase]:
    """The gold case of every item, then one of each of `kinds` that can be planted in it.

    An item without an answer or without text in its chunks gives nothing.
    """
    usable = [item for item in items if item.usable]
    pool = pool_of(usable)
    for item in usable:
        yield LabelledCase(_case(item, item.answer), True, (), "gold", item.document_id)
        sources = read_sources(passages_of(item))
        for kind in kinds:
            random = lot(seed, item.question, item.answer, item.chunk.id, kind)
            planted = plant(Scene.of(item, sources, random), kind, pool)
            if planted is not None:
                yield _labelled(item, kind, planted)


def cases_from_chunks(
    chunks: Iterable[Chunk], seed: int, kinds: Sequence[ErrorKind] = ERROR_KINDS
) -> Iterator[LabelledCase]:
    """Labelled cases from documents alone: answers are facts and sentences of the chunks.

    The questions are only as good as small rules can make them; items of real questions and
    answers make better cases.
    """
    return labelled_cases(items_from_chunks(chunks, seed), seed, kinds)


def plant(scene: Scene, kind: ErrorKind, pool: Pool) -> Planted | None:
    """The item's answer with one error of `kind`, or None where none is surely wrong.

    A swapped value stands nowhere in the passages, in no reading of it; a unit not after that
    number; a negation flips the main clause, and no hedge before it leaves both sides possible;
    what is borrowed is mostly in no passage; an answer of the same paragraph shares no telling
    word with a right one.
    """
    if kind == "addition":
        return _add(scene, pool)
    if kind in ("other_paragraph", "same_paragraph"):
        borrow = pool.other_paragraph if kind == "other_paragraph" else pool.same_paragraph
        answer = borrow(scene)
        return None if answer is None else Planted(answer, 0, len(answer), scene.answer)
    for edit in _edits(kind, scene, pool):
        was = scene.answer[edit.start : edit.end]
        if edit.text.casefold() != was.casefold():
            answer = scene.answer[: edit.start] + edit.text + scene.answer[edit.end :]
            return Planted(answer, edit.start, edit.start + len(edit.text), was)
    return None


def _edits(kind: ErrorKind, scene: Scene, pool: Pool) -> Iterator[Edit]:
    if kind == "name":
        return name_edits(scene, pool.names(scene))
    return _RULES[kind](scene)


def _add(scene: Scene, pool: Pool) -> Planted | None:
    """A borrowed sentence before the answer, after it, or between two of its sentences."""
    sentence = pool.sentence(scene)
    if sentence is None:
        return None
    answer = scene.answer.rstrip()
    places = [start for start, _ in answer_sentences(answer, scene.language)]
    # Before an answer of a few words an addition would read as the answer itself.
    places = [*(places if ends_as_sentence(answer) else ()), len(answer)]
    at = places[int(scene.random.integers(len(places)))]
    if at == len(answer):
        lead = " " if ends_as_sentence(answer) else ". "
        return Planted(answer + lead + sentence, at + len(lead), at + len(lead + sentence), "")
    return Planted(f"{answer[:at]}{sentence} {answer[at:]}", at, at + len(sentence), "")


def _labelled(item: Item, kind: ErrorKind, planted: Planted) -> LabelledCase:
    text = planted.answer[planted.start : planted.end]
    reason = f"planted: {kind}" + (f", was {planted.was!r}" if planted.was else "")
    span = Span(planted.start, planted.end, text, _CATEGORIES[kind], reason, 1.0)
    return LabelledCase(_case(item, planted.answer), False, (span,), kind, item.document_id)


def _case(item: Item, answer: str) -> Case:
    return Case(item.question, passages_of(item), answer)


__all__ = [
    "ERROR_KINDS",
    "CaseKind",
    "ErrorKind",
    "Item",
    "LabelledCase",
    "Planted",
    "cases_from_chunks",
    "items_from_chunks",
    "labelled_cases",
    "plant",
]
