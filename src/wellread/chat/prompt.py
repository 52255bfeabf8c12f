"""A conversation as messages, or as our record, to the ids of a prompt that fit into a model.

    {"messages": [{"role": "retrieval", "documents": […]}, {"role": "user", …}]}  or Conversation
        ──conversation_of──> Conversation ──fit_prompt──> Fitted(ids, what was left out)

Messages are read by the function that reads training files, so that a prompt is the beginning of an
example. What has no room is left out: earlier exchanges first, the oldest of them first, then
passages, the lowest-ranked first, as training leaves them out.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wellread.chat.answering import PromptTooLongError
from wellread.datasets import messages as training
from wellread.datasets.fit import fitted
from wellread.dialogue.codec import Codec
from wellread.errors import InputError
from wellread.records import Conversation

Given = Conversation | Mapping[str, Any] | Sequence[Mapping[str, Any]]
_WHERE = "the conversation:"


@dataclass(frozen=True, slots=True)
class Fitted:
    """The ids of a prompt, the conversation they are of, and what was left out of it.

    Of one more passage the end is missing where it `is_cut`.
    """

    ids: list[int]
    conversation: Conversation
    passages_left_out: int = 0
    is_cut: bool = False
    turns_left_out: int = 0


def conversation_of(given: Given) -> Conversation:
    """The conversation that a prompt is made of; its last turn is the user's.

    Raises InputError for messages that no training file could hold.
    """
    if isinstance(given, Conversation):
        conversation = given
    else:
        row = dict(given) if isinstance(given, Mapping) else {"messages": list(given)}
        messages = row.get("messages")
        if isinstance(messages, list | tuple) and _asks(messages):
            # An answer makes it a row of training data; it goes again at once.
            row["messages"] = [*messages, {"role": "assistant", "content": "…"}]
            read = training.conversation_of(row, _WHERE)
            return Conversation(read.turns[:-1])
        if not isinstance(messages, list | tuple):
            raise InputError(
                f"a conversation whose 'messages' is {messages!r:.40}",
                hint='{"messages": [{"role": "user", "content": "…"}]}',
            )
        last = messages[-1] if messages else None
        raise _not_a_question(last.get("role") if isinstance(last, Mapping) else last)
    if not conversation.turns or conversation.turns[-1].role != "user":
        raise _not_a_question(conversation.turns[-1].role if conversation.turns else None)
    return conversation


def _asks(messages: Sequence[Any]) -> bool:
    last = messages[-1] if messages else None
    return isinstance(last, Mapping) and last.get("role") == "user"


def _not_a_question(role: object) -> InputError:
    seen = "holds no message" if role is None else f"ends with {role!r}"
    return InputError(
        f"the conversation {seen}", hint="its last message is the user's, which is to be answered"
    )


def fit_prompt(conversation: Conversation, codec: Codec, room: int | None) -> Fitted:
    """The prompt of at most `room` tokens; PromptTooLongError where nothing more can go."""

    def count(shorter: Conversation) -> int:
        return len(codec.encode_prompt(shorter))

    if room is None:
        return Fitted(codec.encode_prompt(conversation), conversation)
    recent = list(_with_fewer_exchanges(conversation))
    least = bisect_left(recent, True, key=lambda shorter: count(shorter) <= room)
    shorter = recent[min(least, len(recent) - 1)]
    found = fitted(shorter, room, count)
    if found.reason:
        raise PromptTooLongError(
            f"the prompt is too long for the model: {found.detail}",
            hint="ask a shorter question, or use a shorter system prompt or smaller passages",
        )
    return Fitted(
        codec.encode_prompt(found.conversation),
        found.conversation,
        passages_left_out=found.left_out,
        is_cut=found.is_cut,
        turns_left_out=len(conversation.turns) - len(shorter.turns),
    )


def _with_fewer_exchanges(conversation: Conversation) -> Iterator[Conversation]:
    """The conversation; then without its first question and answer, and so on to the last."""
    turns = conversation.turns
    yield conversation
    head = turns[:1] if turns[0].role == "system" else ()
    for at, turn in enumerate(turns):
        if turn.role == "assistant":
            yield Conversation((*head, *turns[at + 1 :]))
