"""A made-up world whose facts are known: documents, conversations about it, and questions (pure).

    is_held_out(text)      every name and number is either for training or held out, for good
    training rows          fresh entities for each conversation: passages, questions, answers
    World                  held-out entities: their facts are documents, and questions are asked

A model that learned from the training rows has never seen a name or a value of the world, so that
only what it reads can tell it an answer. Steps of a conversation:

1. Draw up to three entities of one kind and two to four attributes, and write a fact for some of
   these cells: beside most facts stands another of the same entity or of the same attribute.
2. Ask about facts that were written, and, for a share, about cells that were not.
3. Answer by quoting, "The weight of the pump Torvik is 47 kg.", or decline in the same words: "The
   weight of the pump Torvik is not in the passages."

The `LESSONS` before are easier: lists of pairs to look up in, fewer passages, nothing in vain.
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple, TypeVar

import numpy as np
from pydantic import Field

from wellread.config import Settings
from wellread.dialogue.passages import label, render_passages
from wellread.pipelines.world_forms import KINDS, Attribute, EntityKind
from wellread.records import Chunk, Passage

T = TypeVar("T")
ABSTENTION = "not in the passages"
_BEGINNINGS = """
    Bal Bel Bin Brer Dal Din Dor Dril Drul Dul Fan Fel Gan Gen Glel Gul Her Kal Kar Kren Krun
    Lan Lon Mil Nal Nen Nin Pel Per Plan Plin Plul Rar Rin Sen Skan Sken Skor Stan Stil Stun
    Tar Tor Trar Trul Vor Zer Zul
""".split()
_ENDINGS = "by da dale gard ka lin low mo mund nis ra ro sey tas ten thor".split()
_HELD_OUT_SHARE = 5  # one of five


class WorldSettings(Settings):
    """Options of ``wellread world``."""

    seed: Annotated[int, Field(ge=0)] = 0
    """Decides about everything that is drawn."""
    conversations: Annotated[int, Field(ge=1)] = 42_000
    """Training conversations about up to `max_passages` passages."""
    lessons: Annotated[int, Field(ge=0)] = 24_000
    """Easier conversations in each of the lessons that come before."""
    val_conversations: Annotated[int, Field(ge=1)] = 200
    """Conversations about held-out names and values, with one question each."""
    entities: Annotated[int, Field(ge=4, le=100)] = 24
    """Held-out entities of each kind, which the documents tell of."""
    max_passages: Annotated[int, Field(ge=1, le=9)] = 5
    """Most passages of a conversation."""
    questions: Annotated[int, Field(ge=1)] = 8
    """Most questions of a training conversation, each with its answer."""
    absent: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Share of questions about what no passage tells."""


class Lesson(NamedTuple):
    """How hard a file of conversations is.

    A `lists` share of its rows are lists of up to `pairs` to look up in; the others have up to
    `passages` passages and so many `questions`. An `absent` share of questions is in vain.
    """

    lists: float
    pairs: int
    passages: int
    questions: int
    absent: float


# Copying is learned from one thing to copy, choosing from a few, and declining last.
LESSONS = (Lesson(0.75, 2, 1, 3, 0.0), Lesson(0.6, 5, 3, 5, 0.0))


def final_lesson(settings: WorldSettings) -> Lesson:
    """What the model is to do in the end, with some lists in between."""
    return Lesson(0.25, 6, settings.max_passages, settings.questions, settings.absent)


@dataclass(frozen=True, slots=True)
class Fact:
    """A cell of the world: `text` is a sentence that tells `value`."""

    kind: EntityKind
    entity: str
    attribute: Attribute
    value: str
    text: str

    @property
    def id(self) -> str:
        """``pump-torvel-weight``: the id of its document."""
        return f"{self.kind.name}-{self.entity}-{self.attribute.name}".lower()

    def passage(self, rank: int) -> Passage:
        """The fact as a retriever brings it."""
        chunk = Chunk(self.id, self.id, self.text, 0, len(self.text), source=self.kind.source)
        return Passage(chunk, 1.0 / rank, rank)


@dataclass(frozen=True, slots=True)
class Question:
    """A question about the world; `answer` is the value alone.

    It is None, and `fact_id` is "", where no document tells.
    """

    question: str
    answer: str | None
    fact_id: str
    kind: str
    attribute: str


class Cell(NamedTuple):
    """What may be told and asked of: an entity's attribute."""

    kind: EntityKind
    entity: str
    attribute: Attribute


@dataclass(frozen=True, slots=True)
class World:
    """Facts that the documents tell, and cells that they do not."""

    facts: tuple[Fact, ...]
    untold: tuple[Cell, ...]


def is_held_out(text: str) -> bool:
    """Whether a name or a number is never seen in training: one of five, by its hash.

    >>> sum(is_held_out(str(number)) for number in range(1000)) in range(160, 240)
    True
    """
    return zlib.crc32(f"held out {text}".encode()) % _HELD_OUT_SHARE == 0


def draw_name(rng: np.random.Generator, *, held_out: bool) -> str:
    """A made-up name such as ``Torvik``."""
    while True:
        name = _one(rng, _BEGINNINGS) + _one(rng, _ENDINGS)
        if is_held_out(name) == held_out:
            return name


def draw_names(rng: np.random.Generator, count: int, *, held_out: bool) -> list[str]:
    """So many names, all different."""
    names: dict[str, None] = {}
    while len(names) < count:
        names[draw_name(rng, held_out=held_out)] = None
    return list(names)


def draw_value(rng: np.random.Generator, attribute: Attribute, *, held_out: bool) -> str:
    """A value such as ``47 bar``, ``Torvel`` or ``Manor Belvil``."""
    if attribute.value != "number":
        count = 2 if attribute.value == "person" else 1
        return " ".join(draw_names(rng, count, held_out=held_out))
    while True:
        number = str(int(rng.integers(attribute.low, attribute.high)))
        if is_held_out(number) == held_out:
            return f"{number} {attribute.unit}".strip()


def draw_fact(rng: np.random.Generator, cell: Cell, *, held_out: bool) -> Fact:
    """The fact of a cell: a value, and the sentence that tells it."""
    value = draw_value(rng, cell.attribute, held_out=held_out)
    while cell.entity in value.split():
        value = draw_value(rng, cell.attribute, held_out=held_out)
    return Fact(*cell, value, statement(cell, value))


def statement(cell: Cell, value: str) -> str:
    """What a document says of a cell, and an answer repeats."""
    return f"The {cell.attribute.name} of the {cell.kind.name} {cell.entity} is {value}."


def decline(cell: Cell) -> str:
    """The answer where no passage tells."""
    return statement(cell, ABSTENTION)


def ask(rng: np.random.Generator, cell: Cell | Fact) -> str:
    """A question about a cell."""
    return _one(rng, cell.attribute.questions).format(entity=cell.entity)


# -- training


def training_row(rng: np.random.Generator, lesson: Lesson) -> dict[str, Any]:
    """A conversation of a lesson, as a row of its file."""
    return (list_row if rng.random() < lesson.lists else passages_row)(rng, lesson)


def passages_row(
    rng: np.random.Generator, lesson: Lesson, *, held_out: bool = False
) -> dict[str, Any]:
    """A conversation about fresh passages."""
    told, untold = _draw_context(rng, lesson.passages, held_out=held_out)
    known = [(ask(rng, fact), fact.text) for fact in told]
    if not lesson.absent:
        # Questions come back: copying from an answer before is the easier first step.
        turns = [_one(rng, known) for _ in range(lesson.questions)]
    else:
        wanted = max(1, round(len(known) * lesson.absent / (1 - lesson.absent)))
        vain = [(ask(rng, cell), decline(cell)) for cell in untold[:wanted]]
        turns = _shuffled(rng, [*known, *vain])[: lesson.questions]
    return _row(context_of(told), turns)


def list_row(rng: np.random.Generator, lesson: Lesson) -> dict[str, Any]:
    """Numbered names, each with a value, and questions what stands beside a name."""
    count = int(rng.integers(max(1, lesson.pairs // 2), lesson.pairs + 1))
    attributes = [a for kind in KINDS for a in kind.attributes]
    *names, stranger = draw_names(rng, count + 1, held_out=False)
    values = (draw_value(rng, _one(rng, attributes), held_out=False) for _ in names)
    turns = [_beside(name, value) for name, value in zip(names, values, strict=True)]
    numbered = (f"{label(n, 'numbered')} {line}" for n, (_, line) in enumerate(turns, 1))
    context = "\n".join(numbered)
    if not lesson.absent:
        asked = [_one(rng, turns) for _ in range(min(8, lesson.pairs + 2))]
    else:
        again = [_one(rng, turns) for _ in range(min(3, count))]
        asked = _shuffled(rng, [*turns, _beside(stranger, ABSTENTION), *again])
    return _row(context, asked)


def _beside(name: str, value: str) -> tuple[str, str]:
    return f"What is beside {name}?", f"Beside {name} is {value}."


def context_of(facts: Sequence[Fact]) -> str:
    """The facts as numbered passages."""
    return render_passages([f.passage(i) for i, f in enumerate(facts, 1)], "numbered")


def _draw_context(
    rng: np.random.Generator, most: int, *, held_out: bool
) -> tuple[list[Fact], list[Cell]]:
    """Facts told in an order of chance, and cells that are not told, the near ones first.

    Near is a cell whose entity and whose attribute are both told of: declining must not be learned
    from a strange word alone.
    """
    kind = _one(rng, KINDS)
    *entities, stranger = draw_names(rng, int(rng.integers(2, 5)), held_out=held_out)
    attributes, breadth = _shuffled(rng, kind.attributes), int(rng.integers(2, 5))
    grid = _shuffled(rng, [Cell(kind, e, a) for e in entities for a in attributes[:breadth]])
    count = int(rng.integers(min(2, most), min(most, len(grid)) + 1))
    strange = [Cell(kind, stranger, a) for a in attributes[:breadth]]
    strange += [Cell(kind, e, a) for e in entities for a in attributes[breadth:]]
    facts = [draw_fact(rng, cell, held_out=held_out) for cell in grid[:count]]
    return facts, [*grid[count:], *_shuffled(rng, strange)]


# -- the held-out world


def draw_world(settings: WorldSettings) -> World:
    """Held-out entities; one attribute of each is told nowhere."""
    rng = np.random.default_rng([settings.seed, 1])
    facts: list[Fact] = []
    untold: list[Cell] = []
    names = iter(draw_names(rng, len(KINDS) * settings.entities, held_out=True))
    for kind in KINDS:
        for entity in itertools.islice(names, settings.entities):
            silent = int(rng.integers(len(kind.attributes)))
            for place, attribute in enumerate(kind.attributes):
                cell = Cell(kind, entity, attribute)
                if place == silent:
                    untold.append(cell)
                else:
                    facts.append(draw_fact(rng, cell, held_out=True))
    return World(tuple(facts), tuple(untold))


def world_questions(settings: WorldSettings, world: World) -> Iterator[Question]:
    """A question about every fact, then one about everything untold."""
    rng = np.random.default_rng([settings.seed, 2])
    for fact in world.facts:
        yield Question(ask(rng, fact), fact.value, fact.id, fact.kind.name, fact.attribute.name)
    for cell in world.untold:
        yield Question(ask(rng, cell), None, "", cell.kind.name, cell.attribute.name)


def _row(context: str, turns: Sequence[tuple[str, str]]) -> dict[str, Any]:
    messages = [
        {"role": role, "content": content}
        for turn in turns
        for role, content in zip(("user", "assistant"), turn, strict=True)
    ]
    return {"context": context, "messages": messages}


def _one(rng: np.random.Generator, values: Sequence[T]) -> T:
    return values[int(rng.integers(len(values)))]


def _shuffled(rng: np.random.Generator, values: Sequence[T]) -> list[T]:
    return [values[int(i)] for i in rng.permutation(len(values))]
