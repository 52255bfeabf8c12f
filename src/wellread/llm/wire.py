"""The OpenAI-compatible protocol as pure functions: a request to bytes, an answer to a reply.

    ChatRequest --request_body--> bytes ==HTTP==> (status, bytes) --read_answer--> Answer
                                                                               └─> Problem

What a server streams is read by streaming.py, with the same end.

A `Problem` says what kind of trouble it is, and so what may be done about it:

    busy        429, 503, 529: wait as long as the server says, then again
    unreachable no connection: the same
    broken      other 5xx, 408, 409, 425, or no answer of this protocol: again, a limited number
                of times
    unusable    an answer without a choice or a text: the same
    truncated   stopped at max_tokens: drawn again, it may come out shorter
    rejected    400, 413, 422: this request will never be answered
    forbidden   403: this request, or everyone
    fatal       a wrong key, no such model, no credit: nobody will be answered
"""

from __future__ import annotations

import email.utils
import math
import re
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

import orjson

from wellread.errors import ModelError
from wellread.llm.chat import ChatReply, ChatRequest, Usage
from wellread.llm.endpoint import Endpoint
from wellread.llm.usage import estimate_input, estimate_tokens

Form = Literal["json_schema", "json_object", "none"]
Trouble = Literal[
    "busy",
    "unreachable",
    "broken",
    "unusable",
    "truncated",
    "rejected",
    "forbidden",
    "no_key",
    "fatal",
]

T = TypeVar("T")
MAX_STOPS = 4
# Fields that not every server knows. Without `stream` a reply comes whole.
OPTIONAL = ("stream_options", "top_k", "seed", "stream")
_EXCERPT = 300
_THOUGHT = re.compile(r"\A\s*<think(?:ing)?>.*?(?:</think(?:ing)?>|\Z)", re.DOTALL)
_THOUGHT_END = re.compile(r"</think(?:ing)?>")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_NO_CREDIT = re.compile(
    r"insufficient_quota|insufficient[ _](?:credits?|balance|funds)", re.IGNORECASE
)
_TOO_LONG = re.compile(r"context[ _](?:length|window|size)|too (?:long|many tokens)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Problem:
    """Why an answer is no reply; `usage` is what it cost nevertheless."""

    trouble: Trouble
    reason: str
    message: str
    usage: Usage = field(default_factory=Usage)
    retry_after_s: float | None = None
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """A reply that can be used."""

    reply: T


def request_body(
    endpoint: Endpoint,
    request: ChatRequest,
    form: Form,
    *,
    streams: bool = False,
    without: Collection[str] = (),
) -> bytes:
    """The JSON of one request; `form` is how a schema is asked for.

    `without` names the `OPTIONAL` fields that the server refuses. Raises ModelError where the text
    is no Unicode (lone surrogates).
    """
    sampling = request.sampling
    body: dict[str, Any] = {"model": endpoint.model}
    if request.completion:
        body["prompt"] = "\n\n".join(message.content for message in request.messages)
    else:
        body["messages"] = [{"role": m.role, "content": m.content} for m in request.messages]
    body["max_tokens"] = sampling.max_tokens
    body["temperature"] = sampling.temperature
    body["top_p"] = sampling.top_p
    if sampling.stop:
        body["stop"] = list(sampling.stop[:MAX_STOPS])
    if request.schema is not None and form != "none":
        body["response_format"] = _response_format(request.schema, form)
    optional = optional_fields(request, streams=streams)
    # A server refuses options of a stream where there is none.
    dropped = {*without, "stream_options"} if "stream" in without else without
    body |= {name: value for name, value in optional.items() if name not in dropped}
    for name, value in endpoint.extra_body.items():
        if value is None:
            body.pop(name, None)
        else:
            body[name] = value
    return encode(body)


def optional_fields(request: ChatRequest, *, streams: bool) -> dict[str, Any]:
    """What of a request not every server knows."""
    fields: dict[str, Any] = {}
    if streams:
        fields |= {"stream": True, "stream_options": {"include_usage": True}}
    if request.sampling.top_k:
        fields["top_k"] = request.sampling.top_k
    if request.sampling.seed is not None:
        fields["seed"] = request.sampling.seed
    return fields


def refused_fields(said: str, sent: Collection[str]) -> tuple[str, ...]:
    """The optional fields among `sent` that a refusal names.

    >>> refused_fields("Unrecognized request argument supplied: top_k", ["seed", "top_k"])
    ('top_k',)
    """
    named = [name for name in OPTIONAL if name in sent and re.search(rf"\b{name}\b", said)]
    # Who refuses the options of a stream mostly names the stream as well.
    return tuple(named[:-1] if len(named) > 1 and named[-1] == "stream" else named)


def encode(value: Any) -> bytes:
    """JSON with sorted keys; ModelError where the text holds lone surrogates."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError as error:
        raise ModelError(f"cannot be sent as JSON: {error}", reason="unencodable") from error


def _response_format(schema: Mapping[str, Any], form: Form) -> dict[str, Any]:
    if form == "json_object":
        return {"type": "json_object"}
    return {"type": "json_schema", "json_schema": {"name": "reply", "schema": schema}}


def read_answer(
    request: ChatRequest, status: int, retry_after: str, body: bytes, *, now: float | None = None
) -> Answer[ChatReply] | Problem:
    """What the server's answer amounts to; `now` is the time of day a date is compared with."""
    if status != 200:
        return refusal(status, retry_after, body, now)
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return Problem("broken", "malformed", f"not JSON: {excerpt(body)!r}")
    if not isinstance(answer, dict):
        return Problem("broken", "malformed", f"not a JSON object: {excerpt(body)!r}")
    choices = answer.get("choices")
    written = str(choices) if choices else ""
    usage, estimated = counted_usage(answer.get("usage"), request, written)
    if isinstance(choices, Sequence) and choices and isinstance(choices[0], dict):
        return _choice(choices[0], usage, estimated, partial=request.partial)
    return told_error(answer, retry_after, body, now) or Problem(
        "unusable", "no_choices", f"no choices in {excerpt(body)!r}", usage
    )


def told_error(
    answer: Mapping[str, Any], retry_after: str, body: bytes, now: float | None = None
) -> Problem | None:
    """The error with a status of its own that is put into an answer of status 200, if there is one.

    Gateways do so with the error of the server behind them, and whoever streams has no other way.
    """
    error = answer.get("error", answer)
    code = error.get("code") if isinstance(error, Mapping) else None
    if isinstance(code, int) and 400 <= code < 600:
        return refusal(code, retry_after, body, now)
    return None


def _choice(
    choice: Mapping[str, Any], usage: Usage, estimated: bool, *, partial: bool
) -> Answer[ChatReply] | Problem:
    message = choice.get("message")
    source = message if isinstance(message, Mapping) else choice
    content = source.get("content") if source is message else source.get("text")
    text = strip_thought(content) if isinstance(content, str) else ""
    finish = str(choice.get("finish_reason") or "stop")
    reply = ChatReply(text, finish, usage, estimated)
    return weigh(reply, str(source.get("refusal") or ""), partial=partial)


def weigh(reply: ChatReply, declined: str, *, partial: bool) -> Answer[ChatReply] | Problem:
    """A reply as an answer, or why it is none; `declined` is how the model refused, or ""."""
    usage = reply.usage
    if reply.finish_reason == "length" and not partial:
        return Problem(
            "truncated",
            "truncated",
            f"the reply was cut off at max_tokens after {usage.output_tokens:,} tokens",
            usage,
        )
    if reply.finish_reason == "content_filter":
        return Problem("rejected", "content_filter", "stopped by the content filter", usage)
    if declined:
        said = excerpt(declined.encode("utf-8", "replace"))
        return Problem("rejected", "refused", f"the model declined: {said!r}", usage)
    if not reply.text.strip():
        return Problem("unusable", "empty", "the reply holds no text", usage)
    return Answer(reply)


def strip_thought(text: str) -> str:
    """Text without the reasoning that some models write before their reply.

    >>> strip_thought("<think>Let me see.</think>Yes.")
    'Yes.'
    >>> strip_thought("The template opened the thought.</think>Yes.")
    'Yes.'
    """
    if match := _THOUGHT.match(text):
        return text[match.end() :].lstrip()
    return text[thought_before(text) :]


def thought_before(text: str) -> int:
    """How many characters at the beginning are a thought of which only the end is marked."""
    end = _THOUGHT_END.search(text)
    # A closing tag in the middle of a reply about such tags is text.
    if not end or "<think" in text[: end.start()]:
        return 0
    return len(text) - len(text[end.end() :].lstrip())


def counted_usage(counted: Any, request: ChatRequest, written: str) -> tuple[Usage, bool]:
    """The server's count, or our estimate of a reply `written` and True."""
    if isinstance(counted, Mapping):
        read, made = counted.get("prompt_tokens"), counted.get("completion_tokens")
        if isinstance(read, int) and isinstance(made, int) and read >= 0 and made >= 0:
            return Usage(read, made), False
    if not written:
        return Usage(), False
    return Usage(estimate_input(request), estimate_tokens(written)), True


def refusal(status: int, retry_after: str, body: bytes, now: float | None = None) -> Problem:
    """What a status other than 200 means, whatever was asked."""
    if status in {429, 503, 529}:
        if _NO_CREDIT.search(body[:4000].decode("utf-8", "replace")):
            return _no_credit(status)
        return Problem(
            "busy", "rate_limited", f"HTTP {status}", retry_after_s=wait_s(retry_after, now)
        )
    if status == 401:
        return Problem("no_key", "key_refused", "the endpoint refuses the key (HTTP 401)")
    if status == 402:
        return _no_credit(status)
    if status == 403:
        return Problem("forbidden", "forbidden", "the endpoint refuses this request (HTTP 403)")
    if status >= 500 or status in {408, 409, 425}:
        return Problem("broken", "server_error", f"HTTP {status}: {excerpt(body)!r}")
    if status in {400, 413, 422}:
        return _rejected(status, body)
    return _wrong_address(status, body)


def _no_credit(status: int) -> Problem:
    return Problem(
        "fatal",
        "no_credit",
        f"the account behind the key has no credit left (HTTP {status})",
        hint="add credit, then run the same command again; what was paid for is kept",
    )


def _rejected(status: int, body: bytes) -> Problem:
    said = excerpt(body)
    if _TOO_LONG.search(said):
        return Problem(
            "rejected",
            "context_too_long",
            f"the prompt does not fit into the model (HTTP {status}: {said!r})",
            hint="lower chunk_size or rag_max_chunks",
        )
    return Problem("rejected", "bad_request", f"HTTP {status}: {said!r}")


def _wrong_address(status: int, body: bytes) -> Problem:
    what = "points elsewhere" if 300 <= status < 400 else "knows no such model or path"
    return Problem(
        "fatal",
        "not_found",
        f"the endpoint {what} (HTTP {status}: {excerpt(body)!r})",
        hint="check base_url, which mostly ends in /v1, and model",
    )


def wait_s(retry_after: str, now: float | None = None) -> float | None:
    """Seconds that a Retry-After header asks for, given as seconds or as a date.

    >>> wait_s("1.5")
    1.5
    >>> wait_s("Wed, 21 Oct 2015 07:28:00 GMT", now=1445412470.0)
    10.0
    """
    if not retry_after:
        return None
    try:
        seconds = float(retry_after)
    except ValueError:
        try:
            date = email.utils.parsedate_to_datetime(retry_after).timestamp()
        except (ValueError, OverflowError):
            return None
        seconds = date - (time.time() if now is None else now)
    return max(0.0, seconds) if math.isfinite(seconds) else None


def excerpt(body: bytes) -> str:
    r"""The beginning of an error on one line: the server's message, where it has one.

    >>> excerpt(b'{"error": {"message": "no such\\nmodel"}}')
    'no such model'
    """
    text = body[:4000].decode("utf-8", "replace")
    try:
        error = orjson.loads(body).get("error")
        message = error.get("message") if isinstance(error, dict) else error
        text = message if isinstance(message, str) else text
    except (orjson.JSONDecodeError, AttributeError):
        pass
    return _CONTROL.sub(" ", text)[:_EXCERPT].strip()
