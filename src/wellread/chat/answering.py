"""What every answerer takes and gives: a conversation and `Sampling` in, a `Stream` of text out."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Protocol

from pydantic import Field

from wellread.chat.reader import FinishReason
from wellread.config import Settings
from wellread.errors import WellreadError
from wellread.records import Conversation

__all__ = ["Answerer", "Generated", "PromptTooLongError", "Sampling", "Stream"]


class PromptTooLongError(WellreadError):
    """A prompt does not fit into the model, whatever may be left out of it."""

    exit_code = 2


class Sampling(Settings):
    """How an answer is drawn."""

    max_tokens: int = Field(default=200, ge=1)
    """Most tokens of an answer."""
    temperature: float = Field(default=0.0, ge=0.0)
    """0 takes the likeliest token each time; higher is more varied."""
    top_k: int = Field(default=0, ge=0)
    """Draw among so many of the likeliest tokens; 0 = all. A server is told where it is set."""
    top_p: float = Field(default=1.0, gt=0.0, le=1.0)
    """Draw among the likeliest tokens that together have this probability."""
    seed: int = 0
    """Of what is drawn: the same answer each time, alone or in a batch. A server is told, and may
    keep to it or not."""
    stop: tuple[str, ...] = ()
    """Strings that end an answer, beside those of the chat format; they are not part of it."""


@dataclass(frozen=True, slots=True)
class Generated:
    """How an answer came about.

    `finish_reason` is ``stop`` where it came to its end, ``length`` where it was cut off.
    `left_out` counts the passages, and `turns_left_out` the earlier turns, for which the model
    had no room; `is_cut` says that the end of one more passage is missing. `estimated` says that
    nobody counted the tokens. The first `thought` characters of the pieces are none of the answer:
    a thought, which a server marked as such only at its end.
    """

    finish_reason: FinishReason
    prompt_tokens: int
    tokens: int
    left_out: int = 0
    is_cut: bool = False
    turns_left_out: int = 0
    estimated: bool = False
    thought: int = 0


class Stream(Iterator[str]):
    """The pieces of an answer as they come; `result` is there when they have ended.

    `close` stops the answer.
    """

    def __init__(self, pieces: Generator[str, None, Generated]) -> None:
        self._pieces = pieces
        self.result: Generated | None = None

    def __next__(self) -> str:
        try:
            return next(self._pieces)
        except StopIteration as ended:
            self.result = ended.value or self.result
            raise StopIteration from None

    def close(self) -> None:
        """Stop the answer and free what it holds."""
        self._pieces.close()


class Answerer(Protocol):
    """Whoever answers conversations: a model here, or one behind an endpoint."""

    @property
    def name(self) -> str:
        """The model's name."""
        ...

    def stream(self, conversation: Conversation, sampling: Sampling) -> Stream:
        """The next answer of the conversation.

        Raises PromptTooLongError where it is too long.
        """
        ...

    def close(self) -> None:
        """Let go of connections and memory."""
        ...
