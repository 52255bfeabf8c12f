"""A model that answers by rule: for tests, dry runs and examples, without a server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from wellread.llm.chat import ChatReply, ChatRequest, Usage
from wellread.llm.usage import estimate_input, estimate_tokens


@dataclass
class ScriptedModel:
    """A `ChatModel` whose replies are what `answer` makes of the request.

    `answer` may raise a ModelError. `requests` holds what was asked, in order, unless
    `keep_requests` is off. `latency_s` lets other work go on meanwhile.

    >>> import asyncio
    >>> from wellread.llm.chat import ChatRequest, Message
    >>> model = ScriptedModel("echo", lambda request: request.messages[-1].content.upper())
    >>> asyncio.run(model.reply(ChatRequest((Message("user", "hello"),)))).text
    'HELLO'
    """

    name: str
    answer: Callable[[ChatRequest], str]
    latency_s: float = 0.0
    keep_requests: bool = True
    requests: list[ChatRequest] = field(default_factory=list)

    async def reply(self, request: ChatRequest) -> ChatReply:
        """Answer by rule, with estimated tokens."""
        if self.keep_requests:
            self.requests.append(request)
        await asyncio.sleep(self.latency_s)
        text = self.answer(request)
        return ChatReply(text, usage=Usage(estimate_input(request), estimate_tokens(text)))
