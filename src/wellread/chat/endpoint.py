"""Answers from a model behind any OpenAI-compatible endpoint; an `Answerer` that needs no torch.

A conversation becomes messages as a chat template would take them: its context stands at the head
of the question. Servers tokenize what they are sent with control tokens switched on, so the content
is escaped. The client comes with its limits, retries and waits. It lives on a thread of its own:

    stream ──request──> (thread) EndpointClient.stream ──pieces, a queue──> for piece in stream
       └──closed or interrupted: the call is cancelled, and the client hangs up
"""

from __future__ import annotations

import asyncio
import threading
import warnings
from collections.abc import Callable, Coroutine, Generator
from concurrent.futures import Future
from dataclasses import dataclass, replace
from queue import SimpleQueue
from typing import Any, TypeVar

from wellread.chat.answering import Generated, PromptTooLongError, Sampling, Stream
from wellread.config import combine_settings
from wellread.dialogue.escape import escape
from wellread.dialogue.messages import messages_of
from wellread.errors import InputError, ModelError
from wellread.llm import chat
from wellread.llm.client import EndpointClient
from wellread.llm.endpoint import Endpoint
from wellread.llm.listing import list_models
from wellread.records import Conversation

T = TypeVar("T")
_ROLES: dict[str, chat.MessageRole] = {
    "system": "system",
    "user": "user",
    "assistant": "assistant",
}
_PATIENCE_S = 20.0
_DEADLINE_S = 600.0


@dataclass(frozen=True, slots=True)
class _Warning:
    """What the client warns of, on its way to the thread that asks."""

    text: str


_Said = SimpleQueue[str | _Warning | None]


class EndpointAnswerer:
    """Asks a model behind an endpoint; close it when done.

    The client lives on a thread of its own, so that this works within a running event loop too.
    With `streams` off a reply is asked for, and handed out, whole. `warn` is told which settings
    the server refuses and is asked without; by default that is a UserWarning.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        streams: bool = True,
        warn: Callable[[str], None] = warnings.warn,
    ) -> None:
        self.endpoint = endpoint
        self._streams = streams
        self._warn = warn
        self._loop = _Loop()
        self._client: EndpointClient | None = None
        self._said = _Said()

    @property
    def name(self) -> str:
        """The model's name, as the server knows it."""
        return self.endpoint.model

    def stream(self, conversation: Conversation, sampling: Sampling) -> Stream:
        """The next answer, piece by piece as the server sends it.

        It raises ModelError where the answer breaks off: what came of it is no answer.
        """
        return Stream(self._streamed(request_of(conversation, sampling)))

    def close(self) -> None:
        """Hang up."""
        if self._client is not None:
            self._loop.run(_cancel_others())
            self._loop.run(self._client.__aexit__(None, None, None))
            self._client = None
        self._loop.close()

    def _streamed(self, request: chat.ChatRequest) -> Generator[str, None, Generated]:
        # A queue for each answer: one that was interrupted may still be writing to its own.
        said = self._said = _Said()
        told = 0
        answering = self._loop.start(self._reply(request, said))
        try:
            answering.add_done_callback(lambda _: said.put(None))
            while (one := said.get()) is not None:
                if isinstance(one, _Warning):
                    self._warn(one.text)
                else:
                    told += len(one)
                    yield one
            reply = answering.result()
        except ModelError as error:
            raise _translated(error) from error
        finally:
            answering.cancel()
        return Generated(
            "length" if reply.finish_reason == "length" else "stop",
            prompt_tokens=reply.usage.input_tokens,
            tokens=reply.usage.output_tokens,
            estimated=reply.estimated,
            thought=told - len(reply.text),
        )

    async def _reply(self, request: chat.ChatRequest, said: _Said) -> chat.ChatReply:
        if self._client is None:
            client = EndpointClient(self.endpoint, warn=lambda text: self._said.put(_Warning(text)))
            await client.__aenter__()
            self._client = client
        if self._streams:
            return await self._client.stream(request, said.put)
        whole = await self._client.reply(request)
        reply = replace(whole, text=whole.text.strip())
        said.put(reply.text)
        return reply


def request_of(conversation: Conversation, sampling: Sampling) -> chat.ChatRequest:
    """What an endpoint is asked: messages with the context in the question, all escaped."""
    made = messages_of(conversation, merge_system=False, thinks=False)
    drawn = chat.Sampling(
        sampling.temperature,
        sampling.top_p,
        sampling.max_tokens,
        sampling.stop,
        top_k=sampling.top_k,
        # Where the likeliest token is taken each time, the usual seed changes nothing.
        seed=sampling.seed if sampling.seed or sampling.temperature else None,
    )
    said = tuple(chat.Message(_ROLES[m.role], escape(m.slots[0])) for m in made)
    return chat.ChatRequest(said, drawn, partial=True)


def chat_endpoint(base_url: str, model: str | None, key_name: str | None) -> Endpoint:
    """An endpoint for a person who waits: it gives up sooner than one that makes data.

    Without `model` the server is asked; InputError where it offers none or several.
    """
    given: dict[str, Any] = {
        "base_url": base_url,
        "api_key": f"${{{key_name}}}" if key_name else "",
        "patience_s": _PATIENCE_S,
        "deadline_s": _DEADLINE_S,
        "max_retries": 2,
    }
    endpoint = combine_settings(None, Endpoint, {**given, "model": model or "?"})
    if model:
        return endpoint
    names = asyncio.run(list_models(endpoint))
    if len(names) == 1:
        return combine_settings(None, Endpoint, {**given, "model": names[0]})
    raise InputError(
        f"{base_url} names {len(names) or 'no'} models",
        hint="choose one with --api-model" + (f": {', '.join(names[:20])}" if names else " NAME"),
    )


def _translated(error: ModelError) -> Exception:
    """The error with what a person at the chat can do about it."""
    if error.reason == "context_too_long":
        return PromptTooLongError(error.message, hint="ask for fewer passages: --top-k 2")
    return error


class _Loop:
    """An event loop on a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="endpoint", daemon=True)
        self._thread.start()

    def start(self, task: Coroutine[Any, Any, T]) -> Future[T]:
        """Run `task` there; cancelling the future cancels it."""
        return asyncio.run_coroutine_threadsafe(task, self._loop)

    def run(self, task: Coroutine[Any, Any, T]) -> T:
        """Run `task` to its end; interrupted, it is cancelled."""
        future = self.start(task)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def close(self) -> None:
        """Stop the thread; closing twice is harmless."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()


async def _cancel_others() -> None:
    """End the answers that nobody waits for any more."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
