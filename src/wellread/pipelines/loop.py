"""Does the loop close? What a model answers about a made-up world, with passages and without.

    measure_loop(answer, folder) -> LoopReport        `folder` is what ``wellread world`` wrote

`answer` takes a conversation that ends with a question and gives the text of the answer. Each
question of the world is asked in six ways:

    closed_book    no passages: what the weights know by themselves
    gold           the passage that tells it, among others, in an order of chance
    retrieved      what a knowledge base over the documents brings
    changed        the same after each value in the documents was changed and the base updated
    without_gold   passages near to it, and not the one that tells it: declining is right
    untold         a question that no document answers, with what the base brings: likewise

The knowledge base is built in a temporary folder, with BM25.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from wellread.checks.abstention import declines
from wellread.config import Settings
from wellread.dialogue.passages import render_passages
from wellread.errors import InputError
from wellread.knowledge.base import KnowledgeBase
from wellread.knowledge.reading import Reading
from wellread.knowledge.settings import KnowledgeSettings
from wellread.pipelines.world import Question, draw_value, is_held_out
from wellread.pipelines.world_files import DOCUMENTS, QUESTIONS, read_questions
from wellread.pipelines.world_forms import KINDS, Attribute
from wellread.records import Chunk, ContextPart, Conversation, Document, Passage, Turn

Answer = Callable[[Conversation], str]
Progress = Callable[[int, int], None]
Way = Literal["closed_book", "gold", "retrieved", "changed", "without_gold", "untold"]
WAYS: tuple[Way, ...] = ("closed_book", "gold", "retrieved", "changed", "without_gold", "untold")
_BATCH = 64
_CITATION = re.compile(r"\[(\d{1,2})\]")


class LoopSettings(Settings):
    """How the loop is measured."""

    top_k: Annotated[int, Field(ge=1, le=9)] = 4
    """Passages for a question."""
    max_questions: Annotated[int | None, Field(ge=1)] = None
    """Questions with an answer, and as many without; left out, all."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Of the order of passages, the passages beside the right one, and the changed values."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as it was asked in one way; `expected` is None where declining is right.

    `gold_rank` is the number of the passage that tells the answer, 0 where none does. `before` is
    the value that the documents told before they were changed.
    """

    way: Way
    question: Question
    expected: str | None
    passages: tuple[Passage, ...]
    gold_rank: int = 0
    before: str = ""

    @property
    def conversation(self) -> Conversation:
        """What the model is given."""
        turns = [Turn("user", self.question.question)]
        if self.passages:
            parts = tuple(
                ContextPart(line, rank)
                for rank, line in enumerate(
                    render_passages(self.passages, "numbered").split("\n"), start=1
                )
            )
            context = "\n".join(part.text for part in parts)
            turns.insert(0, Turn("context", context, parts=parts))
        return Conversation(tuple(turns))


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer with its marks: `exact` against the expected value, `stale` against the old."""

    asked: Asked
    answer: str
    exact: bool
    cites_gold: bool
    declined: bool
    stale: bool

    def to_dict(self) -> dict[str, Any]:
        """As a row of JSON."""
        return {
            "way": self.asked.way,
            "question": self.asked.question.question,
            "expected": self.asked.expected,
            "answer": self.answer,
            "exact": self.exact,
            "cites_gold": self.cites_gold,
            "declined": self.declined,
            "passages": [passage.content for passage in self.asked.passages],
        }


@dataclass(frozen=True, slots=True)
class Figures:
    """Shares of `questions` asked in one way.

    `exact`: the answer holds the value, letter for letter. `cited`: that, and it cites the passage
    that tells it and no other. `declined`: no answer was given. `found`: the passage was among
    those given. `stale`: the answer holds the value from before the documents were changed.
    """

    questions: int
    exact: float
    cited: float
    declined: float
    found: float
    stale: float


@dataclass(frozen=True, slots=True)
class LoopReport:
    """Figures for each way of asking, and every answer."""

    figures: dict[Way, Figures]
    answers: tuple[Answered, ...]

    def to_dict(self) -> dict[str, Any]:
        """Figures and answers as JSON."""
        return {
            "figures": {way: asdict(figures) for way, figures in self.figures.items()},
            "answers": [answered.to_dict() for answered in self.answers],
        }

    def rows(self) -> list[tuple[object, ...]]:
        """Rows of a table under `COLUMNS`."""
        return [
            (way, f.questions, *(f"{s:.0%}" for s in (f.found, f.exact, f.cited, f.declined)))
            for way, f in self.figures.items()
        ]


COLUMNS = ("asked", "questions", "told in passages", "right value", "and cited", "declined")


def measure_loop(
    answer: Answer,
    folder: Path,
    settings: LoopSettings | None = None,
    *,
    tell: Progress | None = None,
) -> LoopReport:
    """Ask `answer` every question of the world in `folder`, in every way; `tell` gets progress.

    The same folder, settings and model give the same report.
    """
    return measure_batches(
        lambda asked: [answer(one) for one in asked], folder, settings, tell=tell
    )


def measure_batches(
    answer_all: Callable[[Sequence[Conversation]], Sequence[str]],
    folder: Path,
    settings: LoopSettings | None = None,
    *,
    tell: Progress | None = None,
) -> LoopReport:
    """The same for one who answers many conversations at once, in their order."""
    asked = list(ask_in_every_way(folder, settings or LoopSettings()))
    answered: list[Answered] = []
    for start in range(0, len(asked), _BATCH):
        batch = asked[start : start + _BATCH]
        answers = answer_all([one.conversation for one in batch])
        answered += [mark(one, text) for one, text in zip(batch, answers, strict=True)]
        if tell:
            tell(len(answered), len(asked))
    figures = {way: _figures([a for a in answered if a.asked.way == way]) for way in WAYS}
    return LoopReport({way: f for way, f in figures.items() if f.questions}, tuple(answered))


def mark(asked: Asked, answer: str) -> Answered:
    """Compare one answer with what was expected.

    >>> question = Question("How heavy is it?", "47 kg", "pump-a-weight", "pump", "weight")
    >>> marked = mark(Asked("gold", question, "47 kg", (), gold_rank=2), "It weighs 47 kg [2]")
    >>> marked.exact, marked.cites_gold, marked.declined
    (True, True, False)
    """
    cited = {int(number) for number in _CITATION.findall(answer)}
    exact = asked.expected is not None and holds(answer, asked.expected)
    return Answered(
        asked,
        answer,
        exact=exact,
        cites_gold=exact and cited == {asked.gold_rank},
        declined=declines(answer, "en") == "whole",
        stale=bool(asked.before) and holds(answer, asked.before),
    )


def holds(answer: str, value: str) -> bool:
    """Whether `value` stands in the answer, letter for letter, and not as a part of another.

    >>> holds("It weighs 47 kg [2]", "47 kg"), holds("It weighs 147 kg [2]", "47 kg")
    (True, False)
    """
    text = _CITATION.sub(" ", answer)
    return re.search(rf"(?<!\w){re.escape(value)}(?!\w)", text) is not None


def _figures(answered: Sequence[Answered]) -> Figures:
    def share(marks: Iterable[bool]) -> float:
        return round(sum(marks) / max(len(answered), 1), 4)

    return Figures(
        questions=len(answered),
        exact=share(a.exact for a in answered),
        cited=share(a.cites_gold for a in answered),
        declined=share(a.declined for a in answered),
        found=share(a.asked.gold_rank > 0 for a in answered),
        stale=share(a.stale for a in answered),
    )


# -- asking


def ask_in_every_way(folder: Path, settings: LoopSettings) -> Iterator[Asked]:
    """Every question in every way, with its passages."""
    questions = read_questions(folder / QUESTIONS)
    told = [q for q in questions if q.answer is not None][: settings.max_questions]
    untold = [q for q in questions if q.answer is None][: settings.max_questions]
    pairs = [(d, tuple(chunks)) for d, chunks in Reading(folder / DOCUMENTS).pairs()]
    chunks = {document.id: found[0] for document, found in pairs}
    for question in told:
        if question.fact_id not in chunks:
            raise InputError(
                f"{folder / DOCUMENTS}: no document {question.fact_id!r}, of which "
                f"{QUESTIONS} asks {question.question!r}",
                hint=f"write the world anew with: wellread world {folder} --replace",
            )
    for question in told:
        yield Asked("closed_book", question, question.answer, ())
        yield from _by_hand(question, chunks, settings)
    with (
        tempfile.TemporaryDirectory(prefix="wellread-loop-") as place,
        KnowledgeBase.build(
            Path(place) / "base", pairs, KnowledgeSettings(retriever_type="bm25")
        ) as base,
    ):
        yield from _retrieved("retrieved", base, told, settings)
        yield from _retrieved("untold", base, untold, settings)
        changed, before = _changed(told, dict(pairs_by_id(pairs)), settings)
        base.update(changed)
        yield from _retrieved("changed", base, list(before), settings, before)


def pairs_by_id(
    pairs: Iterable[tuple[Document, tuple[Chunk, ...]]],
) -> Iterator[tuple[str, Document]]:
    """Documents by their id."""
    return ((document.id, document) for document, _ in pairs)


def _by_hand(
    question: Question, chunks: Mapping[str, Chunk], settings: LoopSettings
) -> Iterator[Asked]:
    """The passage that tells the answer among near ones, and those without it."""
    rng = np.random.default_rng([settings.seed, *question.fact_id.encode()])
    start, _, attribute = question.fact_id.rpartition("-")
    others = [i for i in chunks if i != question.fact_id]
    same = [i for i in others if i.rpartition("-")[0] == start]
    alike = [i for i in others if i.rpartition("-")[2] == attribute and i.startswith(question.kind)]
    near = [same[int(i)] for i in rng.permutation(len(same))[: settings.top_k // 2]]
    near += [alike[int(i)] for i in rng.permutation(len(alike))[: settings.top_k - len(near)]]
    with_gold = [question.fact_id, *near[: settings.top_k - 1]]
    shuffled = [with_gold[int(i)] for i in rng.permutation(len(with_gold))]
    gold = shuffled.index(question.fact_id) + 1
    yield Asked("gold", question, question.answer, _passages(shuffled, chunks), gold)
    yield Asked("without_gold", question, None, _passages(near, chunks))


def _passages(ids: Sequence[str], chunks: Mapping[str, Chunk]) -> tuple[Passage, ...]:
    return tuple(Passage(chunks[i], 1.0 / rank, rank) for rank, i in enumerate(ids, start=1))


def _retrieved(
    way: Way,
    base: KnowledgeBase,
    questions: Sequence[Question],
    settings: LoopSettings,
    before: Mapping[Question, str] | None = None,
) -> Iterator[Asked]:
    for question in questions:
        passages = base.search(question.question, settings.top_k)
        ranks = (p.rank for p in passages if p.chunk.document_id == question.fact_id)
        old = (before or {}).get(question, "")
        yield Asked(way, question, question.answer, passages, next(ranks, 0), old)


# -- changing what the documents tell


def _changed(
    questions: Sequence[Question], documents: Mapping[str, Document], settings: LoopSettings
) -> tuple[list[tuple[Document, tuple[Chunk, ...]]], dict[Question, str]]:
    """Documents with another value in each, and the questions with that as their answer."""
    pairs, before = list[tuple[Document, tuple[Chunk, ...]]](), dict[Question, str]()
    for question in questions:
        old = question.answer or ""
        rng = np.random.default_rng([settings.seed, 1, *question.fact_id.encode()])
        new = _other_value(rng, _attribute(question), old)
        document = documents[question.fact_id]
        text = document.text.replace(old, new)
        if text == document.text:
            raise InputError(f"document {document.id!r} does not hold {old!r}: {document.text!r}")
        edited = Document(
            document.id, text, document.title, document.source, document.language, document.metadata
        )
        chunk = Chunk(
            f"{document.id}#0-{len(text)}", document.id, text, 0, len(text), source=document.source
        )
        pairs.append((edited, (chunk,)))
        before[
            Question(question.question, new, question.fact_id, question.kind, question.attribute)
        ] = old
    return pairs, before


def _other_value(rng: np.random.Generator, attribute: Attribute, old: str) -> str:
    while True:
        value = draw_value(rng, attribute, held_out=is_held_out(old.split(" ", maxsplit=1)[0]))
        if value != old:
            return value


def _attribute(question: Question) -> Attribute:
    for kind in KINDS:
        for attribute in kind.attributes:
            if (kind.name, attribute.name) == (question.kind, question.attribute):
                return attribute
    raise InputError(f"the world has no {question.kind!r} with {question.attribute!r}")
