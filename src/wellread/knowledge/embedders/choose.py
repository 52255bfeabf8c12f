"""From settings to an embedder, and whether it is the one that a knowledge base was built with."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable, Iterator
from pathlib import Path

from wellread.errors import KnowledgeBaseError
from wellread.knowledge.embedders.embedder import Embedder, EmbedderInfo
from wellread.knowledge.settings import EmbedderSettings

EMBEDDERS = {
    "onnx": "wellread.knowledge.embedders.onnx_model:OnnxEmbedder",
    "sentence-transformers": "wellread.knowledge.embedders.torch_model:SentenceTransformerEmbedder",
    "endpoint": "wellread.knowledge.embedders.endpoint:EndpointEmbedder",
    "lsa": "wellread.knowledge.embedders.lsa:LsaEmbedder",
}
"""Loaded by name: none of them is paid for by who uses another."""

Corpus = Callable[[], Iterator[str]]
_COMPARED = (
    "kind",
    "model",
    "fingerprint",
    "dimension",
    "window",
    "query_prefix",
    "passage_prefix",
)
_SAME_VECTORS = frozenset({"onnx", "sentence-transformers"})


def open_embedder(
    settings: EmbedderSettings, folder: Path, *, corpus: Corpus | None = None
) -> Embedder:
    """The embedder that `settings` ask for.

    `folder` is that of the knowledge base: what an embedder keeps lies in ``folder/embedder``.
    With `corpus`, which gives the texts of all chunks each time it is called, one that is fitted
    is fitted anew; without, it is read.
    """
    module, _, name = EMBEDDERS[settings.kind].partition(":")
    make = getattr(importlib.import_module(module), name)
    opened: Embedder = make(settings, folder, corpus=corpus)
    return opened


def agree(recorded: EmbedderInfo, found: EmbedderInfo, folder: Path) -> None:
    """Raise KnowledgeBaseError where the vectors of `folder` come from another embedder."""
    for name in _COMPARED:
        built, now = getattr(recorded, name), getattr(found, name)
        if built == now or (name == "kind" and {built, now} <= _SAME_VECTORS):
            continue
        if name == "model" and recorded.fingerprint == found.fingerprint:
            continue  # the same weights in another folder
        raise KnowledgeBaseError(
            f"{folder} was built with another embedder: {name} {_short(built)}, now {_short(now)}",
            hint=f"put {recorded.model!r} back, or embed anew with: wellread kb reindex {folder}",
        )


def as_info(values: dict[str, object]) -> EmbedderInfo:
    """What a manifest recorded; keys that this program does not know are left out."""
    names = {field.name for field in dataclasses.fields(EmbedderInfo)}
    return EmbedderInfo(**{k: v for k, v in values.items() if k in names})  # type: ignore[arg-type]


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:16]}…{text[-8:]}"
