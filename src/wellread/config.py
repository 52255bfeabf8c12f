"""Settings from YAML, with every mistake located.

`Settings` is the frozen base of all settings models: one model a stage, next to the stage it
configures. `read_settings` loads a YAML file into one and reports all mistakes at once, each as

    wellread.yaml:14:5 rag_data.rag_max_chunk: unknown option; did you mean 'rag_max_chunks'?

Steps: parse with positions -> replace ``${NAME}`` from the environment -> validate -> translate
each validation error back to its line and column. An `api_key` or a `location` is never replaced:
the name of an environment variable stays in it until the moment of a call, so that no key or
password enters a settings object, a file or an error.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from wellread.errors import ConfigError

_PLACEHOLDER = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_OPTION = re.compile(r"\b[a-z_]+\.[a-z_]+\b")
_MAX_BYTES = 4_000_000


class Settings(BaseModel):
    """Base of every settings model: frozen, and an unknown key is an error."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, validate_default=True
    )


S = TypeVar("S", bound=Settings)
Location = tuple[int | str, ...]
# Options whose wrong values may be keys or passwords: a mistake in them is told without the value.
_UNSEEN: tuple[Location, ...] = (("api_key",), ("base_url",), ("location",))
_UNRESOLVED = ("api_key", "location")


def read_settings(path: Path, model: type[S], *, environment: Mapping[str, str] | None = None) -> S:
    """Read `path` into `model`.

    Raises ConfigError with one line for every mistake in the file. `environment` stands in for
    ``os.environ`` when ``${NAME}`` is resolved.
    """
    check = f"then check it with: wellread plan {path}"
    variables = os.environ if environment is None else environment
    return _read(path, model, None, variables, check)


def combine_settings(path: Path | None, model: type[S], given: Mapping[str, Any]) -> S:
    """Read `path`, if there is one, into `model`; what is `given` on the command line goes first.

    Raises ConfigError with a line for every mistake: in the file with its place, in `given` with
    the name of the option.
    """
    return _read(path, model, given, os.environ, "then run the same command again")


def _read(
    path: Path | None,
    model: type[S],
    given: Mapping[str, Any] | None,
    variables: Mapping[str, str],
    check: str,
) -> S:
    tree = CommentedMap() if path is None else _parse(path)
    place = Path() if path is None else path
    mistakes: list[str] = []
    values: Any = _resolve(tree, (), variables, tree, place, mistakes)
    if not mistakes:
        try:
            return model.model_validate(_merged(values, given or {}))
        except ValidationError as error:
            mistakes = [
                _describe_given(e)
                if path is None or (given is not None and _of_command_line(e, given))
                else _describe(e, tree, path, model)
                for e in error.errors(include_url=False)
            ]
    hint = "" if path is None else f"mend {path}, {check}"
    raise ConfigError("\n".join(mistakes), hint=hint)


def _merged(values: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(values)
    for name, value in given.items():
        old = merged.get(name)
        deeper = isinstance(value, Mapping) and isinstance(old, Mapping)
        merged[name] = _merged(old or {}, value) if deeper else value
    return merged


def _of_command_line(error: ErrorDetails, given: Any) -> bool:
    """Whether an option, down to its last name, is `given`, or might have been."""
    location: Location = error["loc"]
    if error["type"] == "missing":
        return len(location) == 1
    for key in location:
        if not isinstance(given, Mapping) or key not in given:
            return bool(given) and not isinstance(given, Mapping)
        given = given[key]
    return bool(location)


def _describe_given(error: ErrorDetails) -> str:
    """One line for a mistake on the command line."""
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] == "missing":
        return f"--{_dotted(error['loc']).replace('_', '-')} is not given"
    seen = error.get("input")
    shown = f" (found {seen!r})" if isinstance(seen, str | int | float | bool) else ""
    name = f"{_dotted(error['loc'])}: " if error["loc"] else ""
    return f"{name}{message[:1].lower()}{message[1:]}{shown}"


def _parse(path: Path) -> Any:
    """Load YAML keeping positions; refuse tags and anchors, which no config of ours needs."""
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ConfigError(f"{path}:1:1 the file is larger than {_MAX_BYTES:,} bytes")
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise ConfigError(
            f"{path}: no such file", hint="write one with: wellread init FOLDER_OF_DOCUMENTS"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read as UTF-8 text ({error})") from error
    text = _as_yaml(text, path)
    yaml = YAML(typ="rt")
    try:
        for event in yaml.parse(text):
            if getattr(event, "anchor", None) or getattr(event, "tag", None):
                at = event.start_mark
                raise ConfigError(f"{path}:{at.line + 1}:{at.column + 1} tags and anchors are off")
        tree = YAML(typ="rt").load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{mark.line + 1}:{mark.column + 1}" if mark else "1:1"
        raise ConfigError(f"{path}:{where} not YAML: {error.problem or error.context}") from error
    except (YAMLError, RecursionError, ValueError) as error:
        raise ConfigError(f"{path}:1:1 not YAML: {error}") from error
    if tree is None:
        return CommentedMap()
    if not isinstance(tree, CommentedMap):
        raise ConfigError(f"{path}:1:1 expected options as 'name: value', found {_kind(tree)}")
    return tree


def _as_yaml(text: str, path: Path) -> str:
    """JSON is YAML but for the tabs that may stand between its values."""
    return text.replace("\t", " ") if path.suffix.lower() == ".json" else text


def _resolve(
    node: Any,
    location: Location,
    variables: Mapping[str, str],
    tree: Any,
    path: Path,
    mistakes: list[str],
) -> Any:
    """A plain copy of the tree with ``${NAME}`` replaced everywhere but in what holds secrets."""

    def deeper(child: Any, key: int | str) -> Any:
        return _resolve(child, (*location, key), variables, tree, path, mistakes)

    if isinstance(node, CommentedMap):
        return {str(key): deeper(child, key) for key, child in node.items()}
    if isinstance(node, CommentedSeq):
        return [deeper(child, index) for index, child in enumerate(node)]
    if not isinstance(node, str) or (location and location[-1] in _UNRESOLVED):
        return node
    for name in _PLACEHOLDER.findall(node):
        if name not in variables:
            mistakes.append(
                f"{_place(path, tree, location, at_value=True)} {_dotted(location)}: "
                f"the environment has no {name} to put in place of ${{{name}}}"
            )
    return _PLACEHOLDER.sub(lambda match: variables.get(match[1], ""), str(node))


def _describe(error: ErrorDetails, tree: Any, path: Path, model: type[Settings]) -> str:
    """One located line for one pydantic error."""
    location: Location = tuple(part for part in error["loc"] if not _is_branch_name(part, tree))
    if error["type"] == "extra_forbidden":
        known = _fields_at(model, location[:-1])
        close = difflib.get_close_matches(str(location[-1]), known, n=1, cutoff=0.5)
        advice = f"did you mean '{close[0]}'?" if close else f"known: {', '.join(sorted(known))}"
        where = _place(path, tree, location, at_value=False)
        return f"{where} {_dotted(location)}: unknown option; {advice}"
    message = error["msg"].removeprefix("Value error, ")
    # What is wrong between two options is told of the whole; its message names them.
    location = location or _named_in(message, tree)
    where = _place(path, tree, location, at_value=True)
    seen = error.get("input")
    plain = isinstance(seen, str | int | float | bool) and location[-1:] not in _UNSEEN
    shown = f" (found {seen!r})" if plain else ""
    return f"{where} {_dotted(location)}: {message[:1].lower()}{message[1:]}{shown}"


def _named_in(message: str, tree: Any) -> Location:
    """The first option that `message` names and the file holds."""
    for name in _OPTION.findall(message):
        location = tuple(name.split("."))
        node = tree
        for key in location:
            node = node.get(key) if isinstance(node, CommentedMap) else None
        if node is not None:
            return location
    return ()


def _is_branch_name(part: int | str, tree: Any) -> bool:
    """Pydantic adds the name of a union's branch to the path, such as ``function-plain``."""
    return isinstance(part, str) and ("[" in part or part.startswith("function-"))


def _place(path: Path, tree: Any, location: Location, *, at_value: bool) -> str:
    """``file:line:column`` of the deepest part of `location` that the file holds."""
    line, column, node = 0, 0, tree
    for depth, key in enumerate(location):
        try:
            last = depth == len(location) - 1
            if isinstance(node, CommentedMap):
                line, column = node.lc.value(key) if last and at_value else node.lc.key(key)
            elif isinstance(node, CommentedSeq):
                line, column = node.lc.item(key)
            node = node[key]
        except (KeyError, IndexError, TypeError, AttributeError):
            break
    return f"{path}:{line + 1}:{column + 1}"


def _dotted(location: Iterable[int | str]) -> str:
    return ".".join(str(part) for part in location) or "the file"


def _fields_at(model: type[BaseModel], location: Location) -> list[str]:
    """Option names of the settings model that lives at `location` below `model`."""
    here: Any = model
    for key in location:
        nested = here.model_fields.get(key) if _is_model(here) else None
        here = _nested_model(nested.annotation) if nested else _nested_model(here)
    return list(here.model_fields) if _is_model(here) else []


def _is_model(candidate: Any) -> bool:
    return isinstance(candidate, type) and issubclass(candidate, BaseModel)


def _nested_model(annotation: Any) -> Any:
    """The settings model inside ``X``, ``X | None``, ``dict[str, X]`` or ``list[X]``."""
    if _is_model(annotation):
        return annotation
    return next((m for part in get_args(annotation) if (m := _nested_model(part))), None)


def _kind(value: Any) -> str:
    return {"CommentedSeq": "a list", "str": "text"}.get(type(value).__name__, repr(value))
