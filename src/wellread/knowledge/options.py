"""Options as they are given by hand, on a command line or to a function, as settings.

A name reaches the settings that have an option of that name: those of the knowledge base, of its
embedder (`model`, `embedder` for its kind), or of reading and cutting (`chunk_size`, …). What
nobody knows is an error that says what was meant.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from wellread.config import Settings
from wellread.errors import InputError
from wellread.ingest.settings import IngestSettings
from wellread.knowledge.settings import EmbedderSettings, KnowledgeSettings

S = TypeVar("S", bound=Settings)
_EMBEDDER = frozenset(EmbedderSettings.model_fields) - {"kind"}
_KNOWLEDGE = frozenset(KnowledgeSettings.model_fields) - {"embedder"}
_INGEST = frozenset(IngestSettings.model_fields)
# What is wrong in these may be a key or a password, and is told without the value.
_UNSEEN = frozenset({"location", "endpoint", "base_url", "api_key"})
_OTHER_NAMES = {"type": "retriever_type", "model_name": "model", "embedder_kind": "embedder"}


def with_options(
    options: Mapping[str, Any],
    knowledge: KnowledgeSettings | None = None,
    ingest: IngestSettings | None = None,
) -> tuple[KnowledgeSettings, IngestSettings]:
    """Settings with `options` in place of their own; an option that is None changes nothing.

    >>> knowledge, ingest = with_options({"type": "hybrid", "alpha": 0.7, "chunk_size": 200})
    >>> knowledge.retriever_type, knowledge.alpha, ingest.chunk_size
    ('hybrid', 0.7, 200)
    """
    given = {_OTHER_NAMES.get(n, n): value for n, value in options.items() if value is not None}
    _refuse_unknown(given)
    knowledge, ingest = knowledge or KnowledgeSettings(), ingest or IngestSettings()
    own = {name: value for name, value in given.items() if name in _KNOWLEDGE}
    embedder = _embedder(given, knowledge.embedder)
    cutting = {name: value for name, value in given.items() if name in _INGEST}
    return (
        _changed(knowledge, {**own, "embedder": embedder}),
        _changed(ingest, _smaller_least(cutting, ingest)),
    )


def _embedder(given: Mapping[str, Any], now: EmbedderSettings) -> EmbedderSettings:
    """The embedder's settings; `embedder` is its kind, or its settings whole."""
    whole: Any = given.get("embedder", now)
    values = {name: value for name, value in given.items() if name in _EMBEDDER}
    if isinstance(whole, str):
        return _changed(now, {**values, "kind": whole})
    if isinstance(whole, Mapping):
        return _changed(EmbedderSettings(), {**whole, **values})
    return _changed(EmbedderSettings.model_validate(whole), values)


def _smaller_least(given: dict[str, Any], now: IngestSettings) -> dict[str, Any]:
    """A small chunk size asked for takes the least size of a chunk down with it."""
    size = given.get("chunk_size")
    if isinstance(size, int) and "min_chunk_tokens" not in given:
        return {**given, "min_chunk_tokens": min(now.min_chunk_tokens, size // 2)}
    return given


def _changed(settings: S, values: Mapping[str, Any]) -> S:
    if not values:
        return settings
    now = {name: getattr(settings, name) for name in type(settings).model_fields}
    try:
        return type(settings).model_validate({**now, **values})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = ".".join(str(part) for part in first["loc"])
        seen = first.get("input")
        plain = isinstance(seen, str | int | float | bool) and not _UNSEEN.intersection(
            first["loc"]
        )
        shown = f" (found {seen!r})" if plain else ""
        message = first["msg"].removeprefix("Value error, ")
        raise InputError(f"{name}: {message}{shown}" if name else message) from error


def _refuse_unknown(given: Mapping[str, Any]) -> None:
    known = _KNOWLEDGE | _EMBEDDER | _INGEST | {"embedder"}
    for name in given:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            advice = (
                f"did you mean {close[0]!r}?" if close else f"known: {', '.join(sorted(known))}"
            )
            raise InputError(f"{name!r}: unknown option; {advice}")
