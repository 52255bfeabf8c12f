"""ShareGPT rows to conversations.

    {"system"?, "conversations": [{"from": "human", "value": …}, {"from": "gpt", "value": …}]}

`train` and `weight` of a message count as they do in `messages`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wellread.datasets.messages import conversation_of
from wellread.errors import RowError
from wellread.records import Conversation

_ROLES = {
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "system": "system",
    "context": "context",
}


def conversation_of_sharegpt(row: Mapping[str, Any], where: str) -> Conversation:
    """The conversation of a row with `conversations`; RowError starts with `where`."""
    turns = row["conversations"]
    if not isinstance(turns, list):
        raise RowError("no_messages", f"{where} conversations is {turns!r:.40}; it is a list")
    messages = [_message(turn, f"{where} conversations[{i}]") for i, turn in enumerate(turns)]
    head = {name: value for name, value in row.items() if name != "conversations"}
    return conversation_of({**head, "messages": messages}, where)


def _message(turn: Any, where: str) -> dict[str, Any]:
    speaker = turn.get("from") if isinstance(turn, dict) else None
    if not isinstance(speaker, str) or speaker not in _ROLES:
        seen = f"from {speaker!r:.40}" if isinstance(turn, dict) else f"{turn!r:.40}"
        raise RowError("unknown_role", f"{where}: {seen}; it is from {', '.join(_ROLES)}")
    return {**turn, "role": _ROLES[speaker], "content": turn.get("value")}
