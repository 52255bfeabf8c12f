"""Metadata filters: ``where={"source": ["a.pdf", "b.pdf"], "year": 2020}``.

Every name must hold (and), a list of values offers a choice (or). Names are `document_id`,
`source`, `title`, `heading` and `language` of a chunk and every key of its metadata or its
document's; a key whose value is a list holds each of its members. Values are compared whole.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from wellread.errors import InputError
from wellread.knowledge.store import IndexRow

Where = Mapping[str, Any]
Facts = tuple[tuple[str, ...], ...]
_LONGEST = 200


def facts_of(row: IndexRow) -> list[str]:
    """Everything a filter can ask of a chunk, each as one string."""
    chunk = row.chunk
    values = {
        **row.metadata,
        "document_id": chunk.document_id,
        "source": chunk.source,
        "title": chunk.title,
        "heading": chunk.heading,
        "language": chunk.language,
    }
    return [
        _fact(name, member)
        for name, value in values.items()
        for member in _members(value)
        if _is_plain(member) and member != ""
    ]


def holds(facts: Facts, row: IndexRow) -> bool:
    """Whether a chunk has one alternative of every fact that is asked for."""
    own = set(facts_of(row))
    return all(not own.isdisjoint(alternatives) for alternatives in facts)


def required_facts(where: Where | None) -> Facts:
    """One tuple of alternatives for every name in `where`."""
    return tuple(_alternatives(name, value) for name, value in sorted((where or {}).items()))


def _alternatives(name: str, value: Any) -> tuple[str, ...]:
    members = list(_members(value))
    for member in members:
        if not _is_plain(member):
            raise InputError(
                f"filter {name!r}: {member!r} cannot be compared",
                hint="use text, a number, true or false, or a list of them",
            )
    return tuple(_fact(name, member) for member in members)


def _members(value: Any) -> Iterable[Any]:
    return value if isinstance(value, list | tuple | set | frozenset) else (value,)


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | bool | int | float)


@functools.lru_cache(maxsize=2000, typed=True)
def _fact(name: str, value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    shown = value if isinstance(value, str) else f"\x00{value!r}"
    fact = f"{name}\x1f{shown}"
    if len(fact) <= _LONGEST:
        return fact.encode("utf-8", "replace").decode()
    return hashlib.blake2b(fact.encode("utf-8", "replace"), digest_size=16).hexdigest()
