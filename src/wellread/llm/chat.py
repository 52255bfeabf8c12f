"""What is said to a language model and what comes back, independent of who answers.

Anything with a `name` and an async `reply` is a `ChatModel`: the HTTP client, the scripted model,
and the wrapper that keeps replies in the journal. Callers cannot tell them apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

MessageRole = Literal["system", "user", "assistant"]


@dataclass(frozen=True, slots=True)
class Message:
    """One message on the wire."""

    role: MessageRole
    content: str


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the model draws its reply; at most four stop strings, the protocol's limit.

    `top_k` (0 = all tokens) and `seed` (None = the server's own) are sent where they are set.
    Servers that do not know them are asked without.
    """

    temperature: float = 0.7
    top_p: float = 1.0
    max_tokens: int = 2000
    stop: tuple[str, ...] = ()
    top_k: int = 0
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One call.

    `schema` is the JSON schema the reply must follow, or None for free text. `completion` asks
    the text-completion route instead of chat. `repeat` tells equal requests apart that are
    meant to be drawn again. `partial` takes a reply that was cut off at `max_tokens` as it is,
    with the finish reason ``length``; without, such a reply is a failure.
    """

    messages: tuple[Message, ...]
    sampling: Sampling = Sampling()
    schema: Mapping[str, Any] | None = None
    completion: bool = False
    repeat: int = 0
    partial: bool = False


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the server counted them."""

    input_tokens: int = 0
    output_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.input_tokens + other.input_tokens, self.output_tokens + other.output_tokens
        )


@dataclass(frozen=True, slots=True)
class ChatReply:
    """One reply; `finish_reason` is the server's word, ``stop`` where the reply is whole.

    `estimated` says that the server did not count the tokens, and `usage` is our estimate.
    """

    text: str
    finish_reason: str = "stop"
    usage: Usage = Usage()
    estimated: bool = False


class ChatModel(Protocol):
    """Whoever answers requests. Raises `wellread.errors.ModelError` where no reply can be had."""

    @property
    def name(self) -> str:
        """The model's name, part of every journal key."""
        ...

    async def reply(self, request: ChatRequest) -> ChatReply:
        """Answer one request."""
        ...
