"""How one request to an endpoint fares, over all its attempts, and the error that it may end in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from wellread.errors import ModelError
from wellread.llm.chat import ChatRequest, Usage
from wellread.llm.usage import UnusableReplyError, estimate_input, estimate_tokens
from wellread.llm.wire import Problem


@dataclass(slots=True)
class Course:
    """Attempts by kind, and the tokens that unusable replies took.

    `until` is when it is given up, counted from the first time it was sent. `left_out` are fields
    that it is sent without.
    """

    failures: int = 0
    busy: int = 0
    truncated: int = 0
    until: float = 0.0
    usage: Usage = field(default_factory=Usage)
    left_out: set[str] = field(default_factory=set)

    @property
    def wasted(self) -> bool:
        """Whether unusable replies were paid for."""
        return self.usage != Usage()

    def failure(self, name: str, problem: Problem) -> ModelError:
        """The error of the model `name` for a request that is given up."""
        message = f"{name}: {problem.message}"
        if self.wasted or problem.trouble in {"unusable", "truncated"}:
            return UnusableReplyError(
                message, reason=problem.reason, usage=self.usage, hint=problem.hint
            )
        return ModelError(message, reason=problem.reason, hint=problem.hint)

    def broken_off(
        self, name: str, problem: Problem, request: ChatRequest, text: str
    ) -> ModelError:
        """The error for a reply of which `text` was told before the problem came."""
        if problem.usage == Usage():
            self.usage += Usage(estimate_input(request), estimate_tokens(text))
        else:
            self.usage += problem.usage
        message = f"the answer broke off after {len(text):,} characters: {problem.message}"
        hint = problem.hint or "ask again"
        return self.failure(name, replace(problem, reason="broken_off", message=message, hint=hint))


@dataclass(slots=True)
class Told:
    """Who is told the pieces of a streamed reply, and what was told."""

    tell: Callable[[str], None]
    pieces: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All that was told."""
        return "".join(self.pieces)

    def __call__(self, piece: str) -> None:
        """Tell a piece."""
        self.pieces.append(piece)
        self.tell(piece)
