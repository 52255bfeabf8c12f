"""What differs between two knowledge bases, or between one and a snapshot of it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wellread.knowledge import manifest as manifests
from wellread.knowledge.engines.choose import open_engine
from wellread.knowledge.store import Store


@dataclass(frozen=True, slots=True)
class Comparison:
    """What makes the second of two knowledge bases differ from the first, by document id.

    `changed` documents say something else, `recut` ones say the same in other chunks. `documents`
    and `chunks` are counts, first and second; `settings` those that differ.
    """

    documents: tuple[int, int]
    chunks: tuple[int, int]
    unchanged: int
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    recut: tuple[str, ...] = ()
    settings: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)

    @property
    def same(self) -> bool:
        """Whether both hold the same, with the same settings."""
        return not (self.added or self.removed or self.changed or self.recut or self.settings)


def compare(first: Path, second: Path) -> Comparison:
    """What the second knowledge base holds that the first does not, and the other way round."""
    one, other = manifests.read(first), manifests.read(second)
    with contextlib.ExitStack() as stack:
        stores = []
        for folder, recorded in ((first, one), (second, other)):
            engine = stack.enter_context(contextlib.closing(open_engine(folder, recorded.settings)))
            stores.append(engine.store)
        return _compared(stores[0], stores[1], _differing(one, other))


def _compared(first: Store, second: Store, settings: Mapping[str, tuple[Any, Any]]) -> Comparison:
    kinds: dict[str, list[str]] = {"added": [], "removed": [], "changed": [], "recut": []}
    unchanged = 0
    for document_id, in_first, in_second in _merged(first, second):
        if not in_first or not in_second:
            kinds["added" if in_second else "removed"].append(document_id)
        elif first.document_hash(document_id) == second.document_hash(document_id):
            unchanged += 1
        else:
            same = first.document(document_id) == second.document(document_id)
            kinds["recut" if same else "changed"].append(document_id)
    counts = list(zip(first.counts(), second.counts(), strict=True))
    return Comparison(
        documents=counts[0],
        chunks=counts[1],
        unchanged=unchanged,
        settings=settings,
        **{name: tuple(ids) for name, ids in kinds.items()},
    )


def _merged(first: Store, second: Store) -> Iterator[tuple[str, bool, bool]]:
    """Each document id of either, and which of them has it; both lists are sorted."""
    left, right = first.document_ids(), second.document_ids()
    a, b = next(left, None), next(right, None)
    while a is not None or b is not None:
        if b is None or (a is not None and a < b):
            yield a or "", True, False
            a = next(left, None)
        elif a is None or b < a:
            yield b, False, True
            b = next(right, None)
        else:
            yield a, True, True
            a, b = next(left, None), next(right, None)


def _differing(first: manifests.Manifest, second: manifests.Manifest) -> dict[str, tuple[Any, Any]]:
    one, other = (_flat(m.settings.model_dump(mode="json")) for m in (first, second))
    return {
        name: (one.get(name), other.get(name))
        for name in sorted(one | other)
        if one.get(name) != other.get(name)
    }


def _flat(values: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Nested options by their dotted names."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{above}{name}.")
        else:
            flat[above + name] = value
    return flat
