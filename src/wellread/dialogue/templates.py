"""Jinja templates that are data: an allow-list of what a template may do, nothing more.

A template may print variables and their fields, compare, branch, use a few filters, and loop over
a variable (two loops deep at most). It may not call, multiply, import or reach into attributes
that start with an underscore, so that no template a user downloads can run code or eat memory.
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

_FILTERS = frozenset({"trim", "length", "lower", "upper", "join", "tojson", "first", "last"})
_NODES = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.Name,
    nodes.Const,
    nodes.Getattr,
    nodes.Getitem,
    nodes.If,
    nodes.For,
    nodes.CondExpr,
    nodes.Compare,
    nodes.Operand,
    nodes.And,
    nodes.Or,
    nodes.Not,
    nodes.Test,
    nodes.Filter,
)
_TESTS = frozenset({"defined", "none"})
_MAX_LOOPS = 2

_ENVIRONMENT = ImmutableSandboxedEnvironment(
    undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False
)


class Template:
    """A parsed template. Raises TemplateError, naming `origin` and the line, for what is off."""

    def __init__(self, source: str, *, origin: str) -> None:
        self.source = source
        self.origin = origin
        try:
            tree = _ENVIRONMENT.parse(source)
        except TemplateSyntaxError as error:
            raise TemplateError(f"{origin}:{error.lineno} {error.message}") from error
        except RecursionError as error:
            raise TemplateError(f"{origin}: nested too deeply") from error
        for node, loops in _walk(tree, 0):
            if problem := _problem(node, loops):
                raise TemplateError(
                    f"{origin}:{node.lineno} {problem}",
                    hint="templates may print, compare, branch and loop over variables",
                )
        self.variables = frozenset(find_undeclared_variables(tree))
        self._compiled = _ENVIRONMENT.from_string(source)

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


def _walk(node: nodes.Node, loops: int) -> Iterator[tuple[nodes.Node, int]]:
    inside = loops + isinstance(node, nodes.For)
    yield node, inside
    for child in node.iter_child_nodes():
        yield from _walk(child, inside)


def _problem(node: nodes.Node, loops: int) -> str:
    """Why `node` is not allowed, or ""."""
    kind = type(node).__name__.lower()
    if not isinstance(node, _NODES):
        return f"a template may not use '{kind}'"
    if isinstance(node, nodes.Getattr) and node.attr.startswith("_"):
        return f"a template may not read '{node.attr}'"
    if isinstance(node, nodes.Filter) and node.name not in _FILTERS:
        return f"filter '{node.name}' is not among {', '.join(sorted(_FILTERS))}"
    if isinstance(node, nodes.Test) and node.name not in _TESTS:
        return f"test '{node.name}' is not among {', '.join(sorted(_TESTS))}"
    if isinstance(node, nodes.For) and (loops > _MAX_LOOPS or node.recursive):
        return f"loops may be {_MAX_LOOPS} deep and not recursive"
    if isinstance(node, nodes.For) and not isinstance(node.iter, nodes.Name | nodes.Getattr):
        return "a loop runs over a variable"
    return ""
