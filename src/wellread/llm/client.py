"""The client for OpenAI-compatible servers: one request in, one reply out, or a reason.

For each request: wait for a slot (limiter.py) -> send -> read the answer (wire.py, streaming.py)
-> a reply, or a problem and what follows from it:

    busy, unreachable       the call waits without its slot, as long as the server says, and goes
                            again; only the deadline ends it
    broken, unusable        again after a growing, jittered wait, at most `max_retries` times
    truncated               twice more, where it is drawn at random
    rejected                ModelError for this record
    a refused key, no such model, no credit, down for everyone
                            AuthenticationError or EndpointError: for everyone, at once

What was told of a streamed reply cannot be taken back: after its first piece every problem is the
end. A field that is not of the oldest protocol (wire.OPTIONAL) is left out where it is refused.

The key is read from the environment for each call, and taken out of whatever the server says.
"""

from __future__ import annotations

import functools
import hashlib
import warnings
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import replace
from types import TracebackType
from typing import NoReturn, Self, TypeVar

import aiohttp

from wellread import __version__
from wellread.errors import AuthenticationError, EndpointError
from wellread.llm.chat import ChatReply, ChatRequest
from wellread.llm.course import Course, Told
from wellread.llm.embeddings import (
    EmbeddingReply,
    EmbeddingRequest,
    embedding_body,
    read_embeddings,
)
from wellread.llm.endpoint import DEFAULT_CONCURRENCY, Endpoint
from wellread.llm.exchange import Exchange, receive_stream, receive_whole, send
from wellread.llm.limiter import Limiter, Ticket
from wellread.llm.usage import estimate_input, estimate_tokens
from wellread.llm.wire import (
    Answer,
    Form,
    Problem,
    optional_fields,
    read_answer,
    refused_fields,
    request_body,
)

T = TypeVar("T")
_BACKOFF_S = 0.5
_BACKOFF_MOST_S = 60.0
_REDRAWS = 2
_REJECTED_EVERYONE = 20
_FORBIDDEN_EVERYONE = 3
_FORMS: tuple[Form, ...] = ("json_schema", "json_object", "none")


class EndpointClient:
    """A `ChatModel` behind an `Endpoint`; an async context manager, used from one event loop.

    `environment` stands in for ``os.environ``. `warn` is told, once each, which settings the
    server refuses and is asked without; by default that is a UserWarning.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        environment: Mapping[str, str] | None = None,
        warn: Callable[[str], None] = warnings.warn,
    ) -> None:
        self.endpoint = endpoint
        self._environment = environment
        self._warn = warn
        self._left_out: set[str] = set()
        self._session: aiohttp.ClientSession | None = None
        self._limiter: Limiter | None = None
        asked = endpoint.structured_output
        self._form: Form = "json_schema" if asked == "auto" else asked
        self._form_works = asked != "auto"
        self._succeeded = False
        self._rejected = 0
        self._forbidden = 0
        self._mean_output = 0.0

    @property
    def name(self) -> str:
        """The model's name."""
        return self.endpoint.model

    @property
    def limiter(self) -> Limiter:
        """The limiter of this endpoint, while the client is open."""
        if self._limiter is None:
            raise EndpointError(f"{self.name}: the client is not open; use 'async with'")
        return self._limiter

    async def __aenter__(self) -> Self:
        endpoint = self.endpoint
        self._limiter = Limiter(
            endpoint.concurrency or DEFAULT_CONCURRENCY,
            requests_per_minute=endpoint.requests_per_minute,
            tokens_per_minute=endpoint.tokens_per_minute,
            patience_s=endpoint.patience_s,
            name=f"{self.name} at {endpoint.base_url}",
        )
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            cookie_jar=aiohttp.DummyCookieJar(),
            # A proxy named in the environment would read every prompt.
            trust_env=False,
            headers={"User-Agent": f"wellread/{__version__}", "Content-Type": "application/json"},
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()
        self._session = self._limiter = None

    async def reply(self, request: ChatRequest) -> ChatReply:
        """Answer one request.

        Raises ReplyError where the answers stay unusable, ModelError where this request cannot be
        answered, AuthenticationError and EndpointError where none can.
        """
        return await self.reply_and_keep(request, _keep_nothing)

    async def reply_and_keep(
        self, request: ChatRequest, keep: Callable[[ChatReply], Awaitable[None]]
    ) -> ChatReply:
        """Answer one request, and await ``keep(reply)`` before its slot goes to another.

        So the calls that a crash could lose, sent or answered but not kept, are never more than
        the slots.
        """
        return await self._answered(request, keep, None)

    async def stream(self, request: ChatRequest, tell: Callable[[str], None]) -> ChatReply:
        """Answer one request, and tell each piece of its text as it comes.

        Joined, the pieces end with the reply's text, and are no more than it but where a thought
        could not be told from it. The request is sent again only as long as nothing was told.
        A server that does not stream tells all at once. Raises as `reply` does; cancelled, it
        hangs up.
        """
        return await self._answered(request, _keep_nothing, Told(tell))

    async def _answered(
        self,
        request: ChatRequest,
        keep: Callable[[ChatReply], Awaitable[None]],
        told: Told | None,
    ) -> ChatReply:
        limiter = self.limiter
        course = Course()
        guess = self._guess(request)
        forms = self._forms(request)
        form = next(forms)
        redraws = self._redraws(request)
        while True:
            left_out = self._left_out | course.left_out
            streams = told is not None
            body = request_body(self.endpoint, request, form, streams=streams, without=left_out)
            ticket = await limiter.acquire(guess)
            course.until = course.until or limiter.now() + self.endpoint.deadline_s
            found = await self._exchange(self._exchange_of(request, told, course), body, ticket)
            if isinstance(found, Answer):
                try:
                    reply = self._whole(found, course, form, guess)
                    await keep(reply)
                finally:
                    limiter.succeeded(ticket)
                return reply
            if told is not None and told.pieces:
                raise course.broken_off(self.name, found, request, told.text)
            if found.reason == "bad_request":
                if self._leaves_out(found, course, optional_fields(request, streams=streams)):
                    continue
                if simpler := next(forms, None):
                    form = simpler
                    continue
            await limiter.sleep(self._wait_s(found, course, redraws, body))

    def _exchange_of(
        self, request: ChatRequest, told: Told | None, course: Course
    ) -> Exchange[ChatReply]:
        path = "/completions" if request.completion else "/chat/completions"
        read = functools.partial(read_answer, request)
        if told is None:
            return Exchange(path, functools.partial(receive_whole, read))
        receive = functools.partial(receive_stream, request, read, told)
        return Exchange(path, receive, course.until - self.limiter.now())

    def _leaves_out(self, refused: Problem, course: Course, optional: Mapping[str, object]) -> bool:
        """Whether it may help to send the request again without some of its `optional` fields."""
        sent = [name for name in optional if name not in self._left_out | course.left_out]
        named = refused_fields(refused.message, sent)
        if settings := [name for name in named if name in {"top_k", "seed"}]:
            self._warn(
                f"{self.name} refuses {' and '.join(settings)} and is asked without: "
                f"{refused.message}"
            )
        if not named and "stream_options" in sent and not self._succeeded:
            # Not every server says what it did not like.
            named = ("stream_options",)
        course.left_out.update(named)
        return bool(named)

    async def embed_and_keep(
        self, request: EmbeddingRequest, keep: Callable[[EmbeddingReply], Awaitable[None]]
    ) -> EmbeddingReply:
        """Embed some texts in one call, as `reply_and_keep` answers a request."""
        limiter = self.limiter
        course = Course()
        limited = self.endpoint.tokens_per_minute is not None
        guess = sum(map(estimate_tokens, request.texts)) if limited else 0
        body = embedding_body(self.endpoint, request)
        read = functools.partial(read_embeddings, request)
        exchange = Exchange("/embeddings", functools.partial(receive_whole, read))
        while True:
            ticket = await limiter.acquire(guess)
            course.until = course.until or limiter.now() + self.endpoint.deadline_s
            found = await self._exchange(exchange, body, ticket)
            if isinstance(found, Answer):
                try:
                    self._succeeded = True
                    self._rejected = self._forbidden = 0
                    await keep(found.reply)
                finally:
                    limiter.succeeded(ticket)
                return found.reply
            await limiter.sleep(self._wait_s(found, course, 0, body))

    def _forms(self, request: ChatRequest) -> Iterator[Form]:
        """How to ask for JSON: the form that works, or while none has, one after the other."""
        yield self._form
        if request.schema is not None and not self._form_works:
            yield from _FORMS[_FORMS.index(self._form) + 1 :]

    def _guess(self, request: ChatRequest) -> int:
        """Tokens that the call will take, about; only the limit of tokens a minute asks."""
        if self.endpoint.tokens_per_minute is None:
            return 0
        output = self._mean_output or request.sampling.max_tokens
        return estimate_input(request) + int(min(output, request.sampling.max_tokens))

    async def _exchange(
        self, exchange: Exchange[T], body: bytes, ticket: Ticket
    ) -> Answer[T] | Problem:
        """Send once; after a Problem tell the limiter, and give the slot back."""
        try:
            found = await self._send(exchange, body)
            if isinstance(found, Problem) and found.trouble in {"no_key", "fatal"}:
                self._give_up(found)
        except BaseException:
            self.limiter.release(ticket)
            raise
        if isinstance(found, Answer):
            return found
        if found.trouble in {"busy", "unreachable", "broken"}:
            self.limiter.troubled(ticket, found.trouble, found.retry_after_s, found.message)
        else:
            self.limiter.succeeded(ticket)
        return found

    async def _send(self, exchange: Exchange[T], body: bytes) -> Answer[T] | Problem:
        if self._session is None:
            raise EndpointError(f"{self.name}: the client is not open; use 'async with'")
        key = self.endpoint.read_key(self._environment)
        return await send(self._session, self.endpoint, exchange, body, key)

    def _whole(self, found: Answer[ChatReply], course: Course, form: Form, guess: int) -> ChatReply:
        """Note what a success teaches, and add what the failed attempts cost."""
        reply = found.reply
        if form != self._form or not self._form_works:
            self._form, self._form_works = form, True
        self._left_out |= course.left_out
        self._succeeded = True
        self._rejected = self._forbidden = 0
        if self.endpoint.tokens_per_minute is not None:
            tokens = reply.usage.input_tokens + reply.usage.output_tokens
            self._mean_output += 0.05 * (reply.usage.output_tokens - self._mean_output)
            self.limiter.correct(guess, tokens)
        return replace(reply, usage=reply.usage + course.usage) if course.wasted else reply

    def _wait_s(self, problem: Problem, course: Course, redraws: int, body: bytes) -> float:
        """Seconds until the request goes again; raises where it may not."""
        course.usage += problem.usage
        match problem.trouble:
            case "busy" | "unreachable":
                course.busy += 1
                seconds = self._wait_as_told(problem, course, body)
            case "broken" | "unusable" if course.failures < self.endpoint.max_retries:
                course.failures += 1
                seconds = _backoff_s(course.failures, body)
            case "truncated" if course.truncated < redraws:
                course.truncated += 1
                seconds = 0.0
            case _:
                self._note_rejection(problem)
                raise course.failure(self.name, problem)
        if self.limiter.now() + seconds > course.until:
            raise course.failure(self.name, problem)
        return seconds

    def _redraws(self, request: ChatRequest) -> int:
        """How often a reply that was cut off is drawn again: never where it would be the same."""
        return min(_REDRAWS, self.endpoint.max_retries) if request.sampling.temperature else 0

    def _wait_as_told(self, problem: Problem, course: Course, body: bytes) -> float:
        told = problem.retry_after_s
        if told is None:
            return _backoff_s(course.busy, body)
        if told > self.endpoint.patience_s:
            self._give_up(
                Problem(
                    "fatal",
                    "busy",
                    f"the endpoint asks to wait {told:,.0f} s, longer than patience_s",
                    hint="what was paid for is kept; run the same command again later",
                )
            )
        # Spread over a tenth more, so that those who wait do not all come back at once.
        return told * (1.0 + 0.1 * _jitter(body, course.busy))

    def _note_rejection(self, problem: Problem) -> None:
        """Where everyone is rejected, it is not the record: stop instead of failing them all."""
        if problem.trouble == "forbidden":
            self._forbidden += 1
            if self._forbidden >= _FORBIDDEN_EVERYONE:
                self._give_up(replace(problem, trouble="no_key"))
        elif problem.reason == "bad_request":
            self._rejected += 1
            if self._rejected >= _REJECTED_EVERYONE and not self._succeeded:
                self._give_up(
                    replace(
                        problem,
                        message=f"every request is refused: {problem.message}",
                        hint="models.….extra_body takes fields out (null) or adds them",
                    )
                )

    def _give_up(self, problem: Problem) -> NoReturn:
        """Stop everyone."""
        message = f"{self.name} at {self.endpoint.base_url}: {problem.message}"
        error: EndpointError
        if problem.trouble == "no_key":
            name = self.endpoint.key_name
            hint = f"check {name} in the environment" if name else "add api_key: ${NAME}"
            error = AuthenticationError(message, reason=problem.reason, hint=hint)
        else:
            error = EndpointError(message, reason=problem.reason, hint=problem.hint)
        self.limiter.end(error)
        raise error


async def _keep_nothing(reply: ChatReply) -> None:
    """For callers without a journal."""


def _backoff_s(attempt: int, body: bytes) -> float:
    """Full jitter below a ceiling that doubles."""
    return min(_BACKOFF_MOST_S, _BACKOFF_S * 2.0 ** (attempt - 1)) * _jitter(body, attempt)


def _jitter(body: bytes, attempt: int) -> float:
    """A number in [0, 1) that follows from the request: spread out, and the same in every run."""
    digest = hashlib.blake2b(body, digest_size=8, salt=attempt.to_bytes(8, "big")).digest()
    return int.from_bytes(digest, "big") / 2.0**64
