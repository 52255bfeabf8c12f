"""Items in groups become training conversations, one for each item (pure).

Of a group of k items, conversation i has the system prompt with the passages of item i, then the
turns of the items before it, only read, then the turns of item i, learned:

    item 1   [system 1] [Q1 A1]
    item 2   [system 2] [q1 a1] [Q2 A2]             capitals = learned
    item 3   [system 3] [q1 a1] [q2 a2] [Q3 A3]     Q only with train_on_user

Turns after the target condition nothing; ``trailing_turns: keep`` adds them all the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from wellread.dialogue.passages import PassageForm, render_passages
from wellread.records import Conversation, Passage, QuestionAnswer, Turn
from wellread.synthesis.retrieval import generator


@dataclass(frozen=True, slots=True)
class Item:
    """The turns about one chunk and the passages they rest on."""

    id: str
    passages: tuple[Passage, ...]
    turns: tuple[QuestionAnswer, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """How conversations are laid out; see the options of the same names."""

    final_assistant_prompts: tuple[str, ...]
    passage_form: PassageForm = "chunks"
    train_on_user: bool = True
    trailing_turns: Literal["drop", "keep"] = "drop"
    seed: int = 0


def conversations(group: Sequence[Item], layout: Layout) -> Iterator[Conversation]:
    """One conversation for each item of `group`, in order."""
    for position, target in enumerate(group):
        shown = group if layout.trailing_turns == "keep" else group[: position + 1]
        turns = [Turn("system", system_prompt(target, layout))]
        for item in shown:
            turns.extend(_turns(item, layout, learn=item is target))
        yield Conversation(tuple(turns))


def own_conversation(item: Item, layout: Layout) -> Conversation:
    """The conversation of an item without those before it."""
    return next(conversations([item], layout))


def system_prompt(item: Item, layout: Layout) -> str:
    """One of the prompts, drawn by the item's id, with the passages in place of {data}."""
    prompts = layout.final_assistant_prompts
    drawn = generator(layout.seed, "system prompt", item.id).integers(len(prompts))
    data = render_passages(item.passages, layout.passage_form)
    return prompts[int(drawn)].replace("{data}", data)


def _turns(item: Item, layout: Layout, *, learn: bool) -> Iterator[Turn]:
    for turn in item.turns:
        learned = learn and turn.learn
        yield Turn("user", turn.question, learned and layout.train_on_user)
        yield Turn("assistant", spoken(turn), learned)


def spoken(turn: QuestionAnswer) -> str:
    """What the assistant says: the reasoning first, then the answer."""
    if not turn.reasoning:
        return turn.answer
    return f"Thought Process:\n{turn.reasoning}\n\nAnswer:\n{turn.answer}"
