"""The `messages` of a row to a conversation, with every rule that one has to keep.

    {"system"?, "context"?, "messages": [{"role", "content", "context"?, "train"?, "weight"?}, …]}
    {"messages": [{"role": "retrieval", "documents": […]}, {"role": "user", …}, …]}

A context stands before the first question, or before the question whose message holds it. Rules:
one system message at most, first; questions and answers in turn; an answer last; no empty text; at
least one answer that is learned. Every answer is, unless it says ``train: false`` or ``weight: 0``.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from wellread.datasets.contexts import context_parts, joined, retrieval_parts, system_parts
from wellread.errors import InputError, RowError
from wellread.records import Conversation, Role, Turn

ROLES: dict[str, Role] = {
    "system": "system",
    "user": "user",
    "assistant": "assistant",
    "context": "context",
}
_RETRIEVAL = "retrieval"
_OUR_KEYS = ("system", "context", "messages", "conversations", "segments")


def conversation_of(row: Mapping[str, Any], where: str) -> Conversation:
    """The conversation of a row with `messages`; RowError starts with `where`."""
    messages = _list(row, "messages", where)
    refuse_misspelt(row, where)
    head = list(_head(row, where))
    turns = list(_turns(messages, where))
    at = next((i for i, turn in enumerate(turns) if turn.role != "system"), len(turns))
    first_question = next((i for i, turn in enumerate(turns) if turn.role == "user"), at)
    systems = [turn for turn in head if turn.role == "system"]
    contexts = [turn for turn in head if turn.role == "context"]
    ordered = [*systems, *turns[:first_question], *contexts, *turns[first_question:]]
    return checked(ordered, where)


def checked(turns: Sequence[Turn], where: str) -> Conversation:
    """The conversation of these turns, where they keep the rules."""
    before = "start"
    for place, turn in enumerate(turns):
        if turn.role == "system" and place:
            raise RowError("role_order", f"{where} turn {place + 1}: {_system_problem(turns)}")
        if turn.role in {"user", "assistant"}:
            _check_alternation(turn.role, before, f"{where} turn {place + 1}")
            before = turn.role
        if turn.role == "context" and not any(t.role == "user" for t in turns[place:]):
            raise RowError(
                "role_order",
                f"{where} turn {place + 1}: a context that no question follows",
                hint="it stands before the question it is for",
            )
    if before != "assistant":
        problem = "holds no answer" if before == "start" else "ends with a question"
        if not any(turn.role == "assistant" for turn in turns):
            problem = "holds no message of the assistant"
        raise RowError(
            "no_answer",
            f"{where} the conversation {problem}; there would be nothing to learn after it",
            hint="the last message is the assistant's",
        )
    if not any(turn.learn for turn in turns):
        raise RowError(
            "nothing_learned",
            f"{where} no message is learned: each says train: false or weight: 0",
            hint="leave the row out, or let one answer be learned",
        )
    return Conversation(tuple(turns))


def system_turn(content: Any, where: str) -> Iterator[Turn]:
    """The turn of a top-level system prompt; none for an empty one."""
    text = text_of(content, where, can_be_empty=True)
    if text.strip():
        yield Turn("system", text, parts=system_parts(text))


def context_turn(content: Any, where: str) -> Iterator[Turn]:
    """The turn of a context given as text; none for an empty one."""
    text = text_of(content, where, can_be_empty=True)
    if text.strip():
        yield Turn("context", text, parts=context_parts(text))


def learns(message: Mapping[str, Any], role: str, where: str) -> bool:
    """Whether a message counts in the loss: `train` and `weight` decide, else its role."""
    train, weight = message.get("train"), message.get("weight")
    if train is not None and not isinstance(train, bool):
        raise RowError("bad_weight", f"{where} train is {train!r}; it is true or false")
    if weight is not None and weight not in (0, 1):
        raise RowError("bad_weight", f"{where} weight is {weight!r:.40}; it is 0 or 1")
    said = [bool(value) for value in (train, weight) if value is not None]
    return all(said) if said else role == "assistant"


def text_of(content: Any, where: str, *, can_be_empty: bool = False) -> str:
    """`content`, where it is text."""
    if not isinstance(content, str):
        kind = "null" if content is None else f"{type(content).__name__}: {content!r:.40}"
        raise RowError("not_text", f"{where} is {kind}; it must be text")
    if not content.strip() and not can_be_empty:
        raise RowError("empty_text", f"{where} is empty")
    return content


def refuse_misspelt(row: Mapping[str, Any], where: str) -> None:
    """A key that is nearly one of ours would be left out without a word."""
    for key in row:
        meant = _meant(key)
        if meant != key:
            raise RowError("unknown_key", f"{where} unknown key {key!r}; did you mean {meant!r}?")


@lru_cache(maxsize=256)
def _meant(key: str) -> str:
    """The key of ours that `key` nearly is, else itself."""
    near = difflib.get_close_matches(key, _OUR_KEYS, 1, 0.85)
    return near[0] if near and key not in _OUR_KEYS else key


def _list(row: Mapping[str, Any], name: str, where: str) -> list[Mapping[str, Any]]:
    messages = row.get(name)
    if not isinstance(messages, list) or not messages:
        seen = "an empty list" if messages == [] else f"{messages!r:.40}"
        raise RowError("no_messages", f"{where} {name} is {seen}; it is a list of messages")
    for place, message in enumerate(messages):
        if not isinstance(message, dict):
            raise RowError(
                "no_messages",
                f"{where} {name}[{place}] is {type(message).__name__}; it is an object",
            )
    return messages


def _head(row: Mapping[str, Any], where: str) -> Iterator[Turn]:
    if row.get("system") is not None:
        yield from system_turn(row["system"], f"{where} system")
    if row.get("context") is not None:
        yield from context_turn(row["context"], f"{where} context")


def _turns(messages: Sequence[Mapping[str, Any]], where: str) -> Iterator[Turn]:
    for place, message in enumerate(messages):
        here = f"{where} messages[{place}]"
        name = message.get("role")
        if name == _RETRIEVAL:
            yield _retrieval(message, here)
            continue
        role = ROLES.get(name) if isinstance(name, str) else None
        if role is None:
            allowed = ", ".join((*ROLES, _RETRIEVAL))
            raise RowError("unknown_role", f"{here}: unknown role {name!r:.40}; it is {allowed}")
        yield from turns_of(role, message, "content", here)


def turns_of(role: Role, message: Mapping[str, Any], key: str, where: str) -> Iterator[Turn]:
    """The turn of a message whose text is under `key`, after that of its own context."""
    if message.get("context") is not None:
        if role != "user":
            raise RowError("role_order", f"{where} context belongs to a user message, not {role}")
        yield from context_turn(message["context"], f"{where} context")
    text = text_of(message.get(key), f"{where} {key}")
    if role == "context":
        yield from context_turn(text, where)
        return
    parts = system_parts(text) if role == "system" else ()
    yield Turn(role, text, learns(message, role, where), parts)


def _retrieval(message: Mapping[str, Any], where: str) -> Turn:
    try:
        parts = retrieval_parts(dict(message))
    except (InputError, ValueError, TypeError) as error:
        raise RowError("bad_retrieval", f"{where}: {error}") from error
    return Turn("context", joined(parts), parts=parts)


def _check_alternation(role: str, before: str, where: str) -> None:
    if role == before:
        raise RowError(
            "role_order",
            f"{where}: two {role} messages in a row",
            hint="questions and answers stand in turn; join the two into one",
        )
    if role == "assistant" and before == "start":
        raise RowError("role_order", f"{where}: an answer without a question before it")


def _system_problem(turns: Sequence[Turn]) -> str:
    several = sum(turn.role == "system" for turn in turns) > 1
    return "a second system message" if several else "the system message stands first"
