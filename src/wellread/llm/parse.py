"""From what a model wrote to a validated value, with one chance to mend it.

    text -> find the JSON -> read it, tolerantly -> validate with a pydantic model -> value
                                                └─> a message that says what is wrong

`ask` sends a request, reads the reply, and where it does not fit sends the conversation once more
with the message, so that the model can mend its own mistake.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, TypeVar

import orjson
from pydantic import BaseModel, ValidationError

from wellread.errors import ReplyError
from wellread.llm.chat import ChatModel, ChatReply, ChatRequest, Message

T = TypeVar("T", bound=BaseModel)

_FENCE = re.compile(r"```[a-zA-Z0-9_-]*[ \t]*\r?\n?(.*?)```", re.DOTALL)
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|,(?=\s*[}\]])', re.DOTALL)
_STRING_CONTROL = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]]', re.DOTALL)
_OPENING = re.compile(r"[{\[]")
_BEGUN = re.compile(r'\{\s*"|\[\s*\{\s*"')
_MAX_TEXT = 1_000_000
# Each unclosed bracket costs a look at all that follows it.
_MAX_CLOSED, _MAX_UNCLOSED = 200, 4
_MAX_MISTAKES = 8


def read_json(text: str) -> Any:
    r"""The JSON object or array in `text`; ValueError says what was found instead.

    Taken as they come: code fences, sentences around it, trailing commas, line breaks inside
    strings.

    >>> read_json('Sure! ```json\n{"suitable": true,}\n``` Anything else?')
    {'suitable': True}
    """
    if not text.strip():
        raise ValueError("the reply is empty")
    lists: list[Any] = []
    for candidate in _candidates(text[:_MAX_TEXT]):
        value = _loads(candidate)
        if value is None:
            value = _loads(_mended(candidate))
        if isinstance(value, dict):
            return value
        if isinstance(value, list):
            lists.append(value)
    if lists:
        return max(lists, key=_objects)
    raise ValueError("the reply holds no JSON object" + _why(text))


def _loads(text: str) -> Any:
    """The value, or None where `text` is not JSON."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def _candidates(text: str) -> Iterator[str]:
    """Stretches that may be the JSON, the likeliest first."""
    yield text
    for fenced in _FENCE.finditer(text):
        yield fenced[1]
    yield from _balanced(text)


def _objects(values: list[Any]) -> int:
    """How many objects a list holds; a list without any is more likely a footnote."""
    return sum(isinstance(value, dict) for value in values)


def _balanced(text: str) -> Iterator[str]:
    """Stretches from an opening bracket to the one that closes it, from the left.

    What lies inside such a stretch, or behind the beginning of an object that never ends, is not
    tried on its own: a part of a broken object is not the object.
    """
    start, closed, unclosed = 0, 0, 0
    while closed < _MAX_CLOSED and (opening := _OPENING.search(text, start)):
        end = _closing(text, opening.start())
        if end:
            closed += 1
            yield text[opening.start() : end]
        elif _BEGUN.match(text, opening.start()) or unclosed == _MAX_UNCLOSED:
            return
        else:
            unclosed += 1
        start = end or opening.end()


def _closing(text: str, start: int) -> int:
    """Index behind the bracket that closes the one at `start`, or 0; strings are skipped."""
    depth = 0
    for match in _BRACKET.finditer(text, start):
        token = match[0]
        if token in "{[":
            depth += 1
        elif token in "}]":
            depth -= 1
            if depth == 0:
                return match.end()
    return 0


def _mended(text: str) -> str:
    """`text` without trailing commas, and with line breaks inside strings escaped."""
    without = _TOKEN.sub(lambda match: "" if match[0] == "," else match[0], text)
    return _STRING_CONTROL.sub(lambda match: _escape(match[0]), without)


def _escape(string: str) -> str:
    if string.isprintable():
        return string
    return "".join(json.dumps(c)[1:-1] if c < " " else c for c in string)


def _why(text: str) -> str:
    """Where a reply that begins like JSON stops being it."""
    start = text.find("{")
    if start < 0:
        return f": it begins with {text.strip()[:60]!r}"
    try:
        json.loads(text[start:_MAX_TEXT])
    except (json.JSONDecodeError, RecursionError) as error:
        return f": {error}"
    return ""


def read_value(text: str, output: type[T], parse_text: Callable[[str], T] | None = None) -> T:
    """`text` as an `output`; ValueError says what does not fit, in words for the model.

    `parse_text` reads replies that are not JSON and raises ValueError where it cannot. An array
    is taken as the value of the only required list of `output`.
    """
    try:
        value = read_json(text)
    except ValueError:
        if parse_text is None:
            raise
        return _by_rule(text, parse_text)
    try:
        return output.model_validate(_wrapped(value, output))
    except ValidationError as error:
        mistakes = error.errors(include_url=False, include_input=False, include_context=False)
        lines = [
            f"{'.'.join(map(str, mistake['loc'])) or 'the object'}: {_message(mistake['msg'])}"
            for mistake in mistakes[:_MAX_MISTAKES]
        ]
        raise ValueError("\n".join(lines)) from error


def _by_rule(text: str, parse_text: Callable[[str], T]) -> T:
    try:
        return parse_text(text)
    except ValidationError as error:
        mistakes = error.errors(include_url=False, include_input=False, include_context=False)
        raise ValueError("\n".join(_message(m["msg"]) for m in mistakes)) from error


def _message(message: str) -> str:
    return message.removeprefix("Value error, ")


def _wrapped(value: Any, output: type[BaseModel]) -> Any:
    """A bare list, put where `output` has its only required field."""
    if not isinstance(value, list):
        return value
    required = [name for name, field in output.model_fields.items() if field.is_required()]
    return {required[0]: value} if len(required) == 1 else value


async def ask(
    model: ChatModel,
    request: ChatRequest,
    output: type[T],
    *,
    repairs: int = 3,
    parse_text: Callable[[str], T] | None = None,
) -> tuple[T, tuple[ChatReply, ...]]:
    """Ask until the reply fits `output`, and return it with all replies that it took.

    After a reply that does not fit, the request grows by that reply and by what is wrong with it,
    at most `repairs` times. Raises ReplyError (reason ``not_the_schema``) where it never fits.
    """
    replies: list[ChatReply] = []
    asked = request
    while True:
        reply = await model.reply(asked)
        replies.append(reply)
        try:
            return read_value(reply.text, output, parse_text), tuple(replies)
        except ValueError as error:
            if len(replies) > repairs:
                raise ReplyError(
                    f"{model.name}: the reply does not fit: {error}", reason="not_the_schema"
                ) from error
            # A new draw: the same bad reply twice makes the same request, which is in the journal.
            asked = replace(
                repair(request, reply, str(error)), repeat=request.repeat + len(replies) - 1
            )


def repair(request: ChatRequest, reply: ChatReply, wrong: str) -> ChatRequest:
    """`request` with the reply that did not fit and what is wrong with it."""
    said = (
        f"That reply cannot be used:\n{wrong}\n\n"
        "Write the whole reply again, in the form that was asked for, with this mended. "
        "Write nothing else."
    )
    turns = (Message("assistant", reply.text), Message("user", said))
    return replace(request, messages=request.messages + turns)
