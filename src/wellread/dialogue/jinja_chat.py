"""Runs the chat template of a model, a Jinja program that came with the model, in a sandbox.

It gets what such templates are written for (`messages`, `add_generation_prompt`, the names of
special tokens, `raise_exception`, `strftime_now`, `tojson`, loop controls) and nothing else. The
clock stands still, so that equal conversations are equal texts on every day. The marks
``{% generation %}`` are read and do nothing: what is learned is found in another way.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NoReturn

from jinja2 import TemplateSyntaxError, nodes
from jinja2.exceptions import TemplateError as JinjaError
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace

from wellread.errors import TemplateError

Message = Mapping[str, str]
_MAX_CHARACTERS = 200_000
_MAX_PRODUCT = 1_000_000


class Refusal(TemplateError):
    """The template itself refused a conversation, as with roles that it does not know."""


class _Generation(Extension):
    tags = {"generation"}  # noqa: RUF012 - as its base class has it

    def parse(self, parser: Parser) -> list[nodes.Node]:
        """The body stands for itself."""
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


class _Sandbox(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset({"*", "**", "%"})

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Arithmetic of small numbers only: `'x' * 10**10` would fill the memory."""
        numbers = isinstance(left, int | float) and isinstance(right, int | float)
        if not numbers or abs(left) > _MAX_PRODUCT or abs(right) > _MAX_PRODUCT:
            raise JinjaError(f"a chat template may not compute {operator} of these")
        if operator == "**" and abs(right) > 8:
            raise JinjaError("a chat template may not compute so large a power")
        return super().call_binop(context, operator, left, right)


class _Names(Namespace):
    """Jinja's `namespace` without names that reach into Python."""

    def __init__(*args: Any, **values: Any) -> None:
        self, *given = args
        attributes = dict(*given, **values)
        for name in attributes:
            _refuse_private(name)
        Namespace.__init__(self, attributes)

    def __setitem__(self, name: str, value: Any) -> None:
        _refuse_private(name)
        super().__setitem__(name, value)


class ChatTemplate:
    """A compiled chat template: ``template(messages)`` is their text.

    Raises TemplateError where it does not parse, and Refusal where it raises an exception of its
    own. `tokens` are the names it may print, such as ``{"bos_token": "<s>"}``; `date` is its today.
    """

    def __init__(self, source: str, tokens: Mapping[str, str], date: dt.date) -> None:
        if len(source) > _MAX_CHARACTERS:
            raise TemplateError(f"the chat template is longer than {_MAX_CHARACTERS:,} characters")
        self.source = source
        self._tokens = dict(tokens)
        self._now: Callable[[str], str] = dt.datetime.combine(date, dt.time()).strftime
        try:
            self._compiled = _environment().from_string(source)
        except TemplateSyntaxError as error:
            raise TemplateError(f"the chat template, line {error.lineno}: {error}") from error
        except (RecursionError, ValueError, MemoryError) as error:
            raise TemplateError("the chat template is too deep or too long to compile") from error

    def __call__(self, messages: Sequence[Message], *, prompt: bool = False) -> str:
        """The text of `messages`; with `prompt`, up to where the next answer begins."""
        try:
            return self._compiled.render(
                **self._tokens,
                messages=[dict(message) for message in messages],
                add_generation_prompt=prompt,
                tools=None,
                documents=None,
                strftime_now=self._now,
            )
        except Refusal:
            raise
        except (JinjaError, TypeError, ValueError, ArithmeticError, LookupError) as error:
            raise TemplateError(f"the chat template fails: {error}") from error


@lru_cache(maxsize=1)
def _environment() -> ImmutableSandboxedEnvironment:
    made = _Sandbox(trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, loopcontrols])
    made.globals = {"range": made.globals["range"], "dict": dict, "namespace": _Names}
    made.globals["raise_exception"] = _refuse
    made.filters["tojson"] = _to_json
    return made


def _refuse(message: object) -> NoReturn:
    raise Refusal(f"the chat template refuses this conversation: {message}")


def _refuse_private(name: object) -> None:
    if str(name).startswith("_"):
        raise JinjaError(f"a chat template may not set {name!r}")


def _to_json(value: Any, indent: int | None = None, **options: Any) -> str:
    """As chat templates expect it: plain characters, and no escapes for HTML."""
    known = {k: v for k, v in options.items() if k in {"separators", "sort_keys", "ensure_ascii"}}
    return json.dumps(value, indent=indent, **{"ensure_ascii": False, **known})
