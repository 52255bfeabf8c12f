"""Jinja templates that are data: an allow-list of what a template may do, nothing more.

A template may print variables, compare, branch, and use a few filters. It may not loop, call,
calculate, import or reach into an object, so that no template a user downloads can run code or
make more text than it was given.
Newlines at the end are kept, and an unknown variable is an error.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from jinja2 import StrictUndefined, TemplateSyntaxError, nodes
from jinja2.exceptions import TemplateError as JinjaError
from jinja2.meta import find_undeclared_variables
from jinja2.sandbox import ImmutableSandboxedEnvironment

from wellread.errors import TemplateError

_FILTERS = frozenset({"trim", "length", "lower", "upper", "tojson"})
_NODES = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.Name,
    nodes.Const,
    nodes.If,
    nodes.CondExpr,
    nodes.Compare,
    nodes.Operand,
    nodes.And,
    nodes.Or,
    nodes.Not,
    nodes.Test,
    nodes.Filter,
)
_MAX_CHARACTERS = 200_000
_TESTS = frozenset({"defined", "none"})
_MAX_DEPTH = 24
# Names that Jinja itself gives to every template.
_RESERVED = frozenset({"self", "super", "loop", "caller", "varargs", "kwargs"})

_ENVIRONMENT = ImmutableSandboxedEnvironment(
    undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False
)
_ENVIRONMENT.globals.clear()


class Template:
    """A parsed template. Raises TemplateError, naming `origin` and the line, for what is off."""

    def __init__(self, source: str, *, origin: str) -> None:
        self.source = source
        self.origin = origin
        if len(source) > _MAX_CHARACTERS:
            raise TemplateError(f"{origin}: longer than {_MAX_CHARACTERS:,} characters")
        try:
            tree = _ENVIRONMENT.parse(source)
            for node, depth in _walk(tree, 0):
                if problem := _problem(node, depth):
                    raise TemplateError(
                        f"{origin}:{node.lineno} {problem}",
                        hint="templates may print variables, compare and branch",
                    )
            self._compiled = _ENVIRONMENT.from_string(source)
        except TemplateSyntaxError as error:
            raise TemplateError(f"{origin}:{error.lineno} {error.message}") from error
        except (RecursionError, ValueError, MemoryError) as error:
            raise TemplateError(f"{origin}: too deep or too long to compile") from error
        self.variables = frozenset(find_undeclared_variables(tree))

    def render(self, **values: object) -> str:
        """The text with `values` put in. Raises TemplateError for a variable that is missing."""
        try:
            return self._compiled.render(**values)
        except (JinjaError, TypeError, ValueError, ArithmeticError, LookupError) as error:
            raise TemplateError(f"{self.origin}: {error}") from error


@lru_cache(maxsize=256)
def template(source: str, origin: str) -> Template:
    """A `Template`, parsed once for equal arguments."""
    return Template(source, origin=origin)


def _walk(tree: nodes.Node, depth: int) -> Iterator[tuple[nodes.Node, int]]:
    """Every node with its depth, without recursion, which a hostile template would exhaust."""
    waiting = [(tree, depth)]
    while waiting:
        node, depth = waiting.pop()
        yield node, depth
        waiting.extend((child, depth + 1) for child in node.iter_child_nodes())


def _problem(node: nodes.Node, depth: int) -> str:
    """Why `node` is not allowed, or ""."""
    kind = type(node).__name__.lower()
    if not isinstance(node, _NODES):
        return f"a template may not use '{kind}'"
    if depth > _MAX_DEPTH:
        return "nested too deeply"
    if isinstance(node, nodes.Name) and (node.name in _RESERVED or node.name.startswith("_")):
        return f"a template may not read '{node.name}'"
    if isinstance(node, nodes.Filter) and node.name not in _FILTERS:
        return f"filter '{node.name}' is not among {', '.join(sorted(_FILTERS))}"
    if isinstance(node, nodes.Test) and node.name not in _TESTS:
        return f"test '{node.name}' is not among {', '.join(sorted(_TESTS))}"
    return ""
