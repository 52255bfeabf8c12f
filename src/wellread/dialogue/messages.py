"""Conversations as the messages that a model's own chat template takes.

Such a template knows the roles system, user and assistant. A context goes to the head of the
question after it, and a system message too where the template has no place for one. What is left
is a list of messages, each with slots for the texts that the template lays into its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from wellread.errors import InputError
from wellread.records import Conversation, Turn

# A role with, for each slot, "x" or the white space that is all it holds.
Shape = tuple[str, tuple[str, ...]]
_THOUGHT = re.compile(r"\s*<think>(.*?)</think>(.*)", re.DOTALL)
_BETWEEN = "\n\n"


@dataclass(frozen=True, slots=True)
class Message:
    """One message; its slots are its text or, with thoughts before an answer, those and that.

    Of the first slot the `read` characters at its beginning are never learned: a context.
    """

    role: str
    slots: tuple[str, ...]
    learn: bool = False
    read: int = 0

    @property
    def shape(self) -> Shape:
        """What decides about the text around this message."""
        return self.role, tuple("x" if slot.strip() else slot for slot in self.slots)

    def changed(self, change: Callable[[str], str]) -> Message:
        """The message with every slot changed."""
        return replace(self, slots=tuple(map(change, self.slots)))

    def as_dict(self) -> dict[str, str]:
        """What a chat template takes."""
        return {"role": self.role, "content": content(self.slots)}


def content(slots: tuple[str, ...]) -> str:
    """The content of a message with these slots."""
    return slots[0] if len(slots) == 1 else f"<think>\n{slots[0]}\n</think>\n\n{slots[1]}"


def messages_of(conversation: Conversation, *, merge_system: bool, thinks: bool) -> list[Message]:
    """The messages of a conversation.

    `merge_system` puts the system message before the first question; `thinks` takes apart the
    answers that begin with thoughts in ``<think>`` tags.
    """
    made: list[Message] = []
    waiting: list[str] = []
    for turn in conversation.turns:
        if turn.role == "context" or (turn.role == "system" and merge_system):
            waiting.append(turn.content)
        elif turn.role == "user":
            made.append(_user(turn, waiting))
            waiting = []
        else:
            made.append(Message(turn.role, _slots(turn, thinks), turn.learn))
    if waiting:
        raise InputError(
            "a context that no user turn follows", hint="put it before the question it is for"
        )
    return made


def _user(turn: Turn, before: Iterable[str]) -> Message:
    head = "".join(text + _BETWEEN for text in before)
    return Message("user", (head + turn.content,), turn.learn, len(head))


def _slots(turn: Turn, thinks: bool) -> tuple[str, ...]:
    found = _THOUGHT.fullmatch(turn.content) if thinks and turn.role == "assistant" else None
    return (found[1].strip(), found[2].strip()) if found else (turn.content,)
