"""The client for OpenAI-compatible servers: one request in, one whole reply out, or a reason.

For each request: wait for a slot (limiter.py) -> send -> read the answer (wire.py) -> a reply, or
a problem and what follows from it:

    busy, unreachable       the call waits without its slot, as long as the server says, and goes
                            again; only the deadline ends it
    broken, unusable        again after a growing, jittered wait, at most `max_retries` times
    truncated               twice more, where it is drawn at random
    rejected                ModelError for this record
    a refused key, no such model, no credit, down for everyone
                            AuthenticationError or EndpointError: for everyone, at once

The key is read from the environment for each call, and taken out of whatever the server says.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from types import TracebackType
from typing import Generic, NoReturn, Self, TypeVar
from urllib.parse import quote

import aiohttp
import orjson

from wellread import __version__
from wellread.errors import AuthenticationError, EndpointError, ModelError
from wellread.llm.chat import ChatReply, ChatRequest, Usage
from wellread.llm.embeddings import (
    EmbeddingReply,
    EmbeddingRequest,
    embedding_body,
    read_embeddings,
)
from wellread.llm.endpoint import DEFAULT_CONCURRENCY, Endpoint, Secret
from wellread.llm.limiter import Limiter, Ticket
from wellread.llm.usage import UnusableReplyError, estimate_input, estimate_tokens
from wellread.llm.wire import Answer, Form, Problem, read_answer, request_body

T = TypeVar("T")
_BACKOFF_S = 0.5
_BACKOFF_MOST_S = 60.0
_MAX_BODY = 32_000_000
_CONNECT_S = 30.0
_REDRAWS = 2
_REJECTED_EVERYONE = 20
_FORBIDDEN_EVERYONE = 3
_FORMS: tuple[Form, ...] = ("json_schema", "json_object", "none")


@dataclass(slots=True)
class _Course:
    """How one request fares: attempts by kind, and the tokens that unusable replies took.

    `until` is when it is given up, counted from the first time it was sent.
    """

    failures: int = 0
    busy: int = 0
    truncated: int = 0
    until: float = 0.0
    usage: Usage = field(default_factory=Usage)

    @property
    def wasted(self) -> bool:
        """Whether unusable replies were paid for."""
        return self.usage != Usage()


@dataclass(frozen=True, slots=True)
class _Exchange(Generic[T]):
    """Where a request goes, and how its answer is read: ``read(status, Retry-After, body)``."""

    path: str
    read: Callable[[int, str, bytes], Answer[T] | Problem]


class EndpointClient:
    """A `ChatModel` behind an `Endpoint`; an async context manager, used from one event loop.

    `environment` stands in for ``os.environ``.
    """

    def __init__(self, endpoint: Endpoint, *, environment: Mapping[str, str] | None = None) -> None:
        self.endpoint = endpoint
        self._environment = environment
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
            timeout=aiohttp.ClientTimeout(total=endpoint.timeout_s, sock_connect=_CONNECT_S),
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
        limiter = self.limiter
        course = _Course()
        guess = self._guess(request)
        forms = self._forms(request)
        form = next(forms)
        body = request_body(self.endpoint, request, form)
        exchange = _Exchange(
            "/completions" if request.completion else "/chat/completions",
            functools.partial(read_answer, request),
        )
        redraws = self._redraws(request)
        while True:
            ticket = await limiter.acquire(guess)
            course.until = course.until or limiter.now() + self.endpoint.deadline_s
            found = await self._exchange(exchange, body, ticket)
            if isinstance(found, Answer):
                try:
                    reply = self._whole(found, course, form, guess)
                    await keep(reply)
                finally:
                    limiter.succeeded(ticket)
                return reply
            if found.reason == "bad_request" and (simpler := next(forms, None)):
                form, body = simpler, request_body(self.endpoint, request, simpler)
                continue
            await limiter.sleep(self._wait_s(found, course, redraws, body))

    async def embed_and_keep(
        self, request: EmbeddingRequest, keep: Callable[[EmbeddingReply], Awaitable[None]]
    ) -> EmbeddingReply:
        """Embed some texts in one call, as `reply_and_keep` answers a request."""
        limiter = self.limiter
        course = _Course()
        limited = self.endpoint.tokens_per_minute is not None
        guess = sum(map(estimate_tokens, request.texts)) if limited else 0
        body = embedding_body(self.endpoint, request)
        exchange = _Exchange("/embeddings", functools.partial(read_embeddings, request))
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
        self, exchange: _Exchange[T], body: bytes, ticket: Ticket
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

    async def _send(self, exchange: _Exchange[T], body: bytes) -> Answer[T] | Problem:
        """One HTTP exchange; what goes wrong on the way is a Problem too."""
        if self._session is None:
            raise EndpointError(f"{self.name}: the client is not open; use 'async with'")
        key = self.endpoint.read_key(self._environment)
        headers = {"Authorization": Secret(f"Bearer {key}")} if key else None
        try:
            async with self._session.post(
                self.endpoint.base_url + exchange.path,
                data=body,
                headers=headers,
                allow_redirects=False,
            ) as response:
                answer = await _read_body(response)
                status, retry_after = response.status, response.headers.get("Retry-After", "")
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            return Problem("unreachable", "unreachable", f"no connection ({_said(error)})")
        except TimeoutError:
            waited = self.endpoint.timeout_s
            return Problem("broken", "timeout", f"no whole reply in {waited:g} s")
        except aiohttp.InvalidURL:
            return Problem("fatal", "bad_url", "base_url is not an address")
        except (aiohttp.ClientError, OSError) as error:
            return Problem("broken", "disconnected", f"the connection broke ({_said(error)})")
        if answer is None:
            return Problem("unusable", "malformed", f"a reply of over {_MAX_BODY:,} bytes")
        return exchange.read(status, retry_after, _without(key, answer))

    def _whole(
        self, found: Answer[ChatReply], course: _Course, form: Form, guess: int
    ) -> ChatReply:
        """Note what a success teaches, and add what the failed attempts cost."""
        reply = found.reply
        if form != self._form or not self._form_works:
            self._form, self._form_works = form, True
        self._succeeded = True
        self._rejected = self._forbidden = 0
        if self.endpoint.tokens_per_minute is not None:
            tokens = reply.usage.input_tokens + reply.usage.output_tokens
            self._mean_output += 0.05 * (reply.usage.output_tokens - self._mean_output)
            self.limiter.correct(guess, tokens)
        return replace(reply, usage=reply.usage + course.usage) if course.wasted else reply

    def _wait_s(self, problem: Problem, course: _Course, redraws: int, body: bytes) -> float:
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
                raise self._failure(problem, course)
        if self.limiter.now() + seconds > course.until:
            raise self._failure(problem, course)
        return seconds

    def _redraws(self, request: ChatRequest) -> int:
        """How often a reply that was cut off is drawn again: never where it would be the same."""
        return min(_REDRAWS, self.endpoint.max_retries) if request.sampling.temperature else 0

    def _wait_as_told(self, problem: Problem, course: _Course, body: bytes) -> float:
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

    def _failure(self, problem: Problem, course: _Course) -> ModelError:
        message = f"{self.name}: {problem.message}"
        if course.wasted or problem.trouble in {"unusable", "truncated"}:
            return UnusableReplyError(
                message, reason=problem.reason, usage=course.usage, hint=problem.hint
            )
        return ModelError(message, reason=problem.reason, hint=problem.hint)


async def _keep_nothing(reply: ChatReply) -> None:
    """For callers without a journal."""


async def _read_body(response: aiohttp.ClientResponse) -> bytes | None:
    """The whole body, or None where it is larger than any reply."""
    if response.content_length is not None:
        return await response.read() if response.content_length <= _MAX_BODY else None
    pieces, size = [], 0
    async for piece in response.content.iter_any():
        pieces.append(piece)
        size += len(piece)
        if size > _MAX_BODY:
            return None
    return b"".join(pieces)


def _without(key: str | None, body: bytes) -> bytes:
    """`body` without the key: some servers repeat the one they refuse."""
    for spelling in _spellings(key) if key else ():
        if spelling in body:
            body = body.replace(spelling, b"[key]")
    return body


@lru_cache(maxsize=16)
def _spellings(key: str) -> tuple[bytes, ...]:
    """The key as it is, as JSON writes it, and as an address writes it; the longest first."""
    plain = str(key)
    written = orjson.dumps(plain).decode()[1:-1]
    forms = {plain, written, written.replace("/", "\\/"), quote(plain, safe=""), quote(plain)}
    return tuple(form.encode() for form in sorted(forms, key=lambda form: (-len(form), form)))


def _said(error: Exception) -> str:
    """A connection error in one line; aiohttp's own text of some errors holds the headers."""
    if isinstance(error, aiohttp.ClientResponseError):
        return type(error).__name__
    return f"{type(error).__name__}: {error}"[:200]


def _backoff_s(attempt: int, body: bytes) -> float:
    """Full jitter below a ceiling that doubles."""
    return min(_BACKOFF_MOST_S, _BACKOFF_S * 2.0 ** (attempt - 1)) * _jitter(body, attempt)


def _jitter(body: bytes, attempt: int) -> float:
    """A number in [0, 1) that follows from the request: spread out, and the same in every run."""
    digest = hashlib.blake2b(body, digest_size=8, salt=attempt.to_bytes(8, "big")).digest()
    return int.from_bytes(digest, "big") / 2.0**64
