"""What an engine does whose tables lie elsewhere than in the folder.

`engine.json` in the folder remembers them; the rename at the end of a build carries it along.

    name       of the tables, made up when the knowledge base is built, so that no two share one
    replaces   tables to drop once these are in their place: those of what lay there before

Tables say whose they are in words: `being_built` until the folder is opened in its place for the
first time, `built` from then on. What a killed build left says `being_built` for the same folder
of the same machine, and the next build for that folder drops it.
"""

from __future__ import annotations

import contextlib
import os
import platform
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from wellread.errors import InputError, KnowledgeBaseError
from wellread.storage.files import read_json, write_json

FILE = "engine.json"
PREFIX = "wellread_"
_NAME = re.compile(PREFIX + "[a-z0-9_]{1,50}")
_PLACEHOLDER = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_BUILDING = ".building"


@dataclass(frozen=True, slots=True)
class Tables:
    """What `engine.json` holds; `fresh` until the folder was opened in its place."""

    name: str
    replaces: tuple[str, ...] = ()
    fresh: bool = False


def new_tables(folder: Path) -> Tables:
    """Tables for a knowledge base that is being built in `folder`."""
    name = (_target(folder) or folder.absolute()).name.lower()
    readable = re.sub("[^a-z0-9]+", "_", name).strip("_")[:30]
    unique = f"{PREFIX}{readable or 'base'}_{uuid.uuid4().hex[:12]}"
    return Tables(unique, _replaced(folder), fresh=True)


def read_tables(folder: Path) -> Tables:
    """What the folder remembers; KnowledgeBaseError where that is gone or damaged."""
    try:
        value = read_json(folder / FILE)
    except InputError as error:
        raise _damaged(folder, error.message) from error
    names = [value.get("name"), *value.get("replaces", [])] if isinstance(value, dict) else [""]
    if not all(isinstance(name, str) and _NAME.fullmatch(name) for name in names):
        raise _damaged(folder, f"{FILE} names no tables")
    return Tables(names[0], tuple(names[1:]), "replaces" in value)


def write_tables(folder: Path, tables: Tables) -> None:
    """Remember the tables."""
    value: dict[str, object] = {"name": tables.name}
    if tables.fresh:
        value["replaces"] = list(tables.replaces)
    write_json(folder / FILE, value)


def in_place(folder: Path) -> bool:
    """Whether the folder lies where it belongs, and may be written to."""
    return _target(folder) is None and os.access(folder, os.W_OK)


def being_built(folder: Path) -> str:
    """What tables say of themselves while they are made."""
    return f"wellread knowledge base, being built for {_home(folder)}"


def built(folder: Path) -> str:
    """What tables say of themselves later."""
    return f"wellread knowledge base of {_home(folder)}"


def resolved(value: str, variables: Mapping[str, str] | None = None) -> str:
    """`value` with every ``${NAME}`` from the environment; InputError where one is missing."""
    known = os.environ if variables is None else variables
    for name in _PLACEHOLDER.findall(value):
        if not known.get(name):
            raise InputError(
                f"location asks for ${{{name}}}, and the environment has no {name}",
                hint=f"export {name}=…",
            )
    return _PLACEHOLDER.sub(lambda match: known[match[1]], value)


def is_placeholder(value: str) -> bool:
    """Whether `value` is one ``${NAME}`` and nothing else."""
    return _PLACEHOLDER.fullmatch(value) is not None


def _target(folder: Path) -> Path | None:
    """Where a folder in the making will lie: ``.NAME.building`` becomes NAME."""
    name = folder.absolute().name
    if name.startswith(".") and name.endswith(_BUILDING):
        return folder.absolute().with_name(name[1 : -len(_BUILDING)])
    return None


def _home(folder: Path) -> str:
    return f"{platform.node()}:{_target(folder) or folder.absolute()}"


def _replaced(folder: Path) -> tuple[str, ...]:
    """Tables of what lies where the new knowledge base will lie, or was moved away from there."""
    target = _target(folder)
    if target is None:
        return ()
    names: set[str] = set()
    for place in (target, folder.absolute().with_suffix(".old")):
        with contextlib.suppress(KnowledgeBaseError):
            known = read_tables(place)
            names |= {known.name, *known.replaces}
    return tuple(sorted(names))


def _damaged(folder: Path, reason: str) -> KnowledgeBaseError:
    return KnowledgeBaseError(
        f"{folder} is damaged: {reason}",
        hint=f"build it anew with: wellread kb build {folder} DOCUMENTS --replace",
    )
