"""What is said about a knowledge base: what a call changed, and what it holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from wellread.knowledge.manifest import OPENS_AS, Manifest
from wellread.knowledge.settings import KnowledgeSettings
from wellread.knowledge.store import Store


@dataclass(frozen=True, slots=True)
class Changes:
    """What a call changed, in documents; `chunks` counts those written and removed."""

    added: int = 0
    updated: int = 0
    removed: int = 0
    unchanged: int = 0
    chunks: int = 0


@dataclass(frozen=True, slots=True)
class KnowledgeInfo:
    """What a knowledge base holds; `behind` counts chunks that an index has yet to read.

    `retriever_type` is what it is opened as, `retriever_types` what it could be. `embedder` and
    `vectors` (how they are searched, with which measured recall) and `noise` (how near queries
    come that mean nothing) are empty where it has none.
    """

    folder: str
    retriever_type: str
    documents: int
    chunks: int
    languages: Mapping[str, int]
    fingerprint: str
    behind: int
    bytes: int
    retriever_types: tuple[str, ...] = ()
    engine: str = ""
    embedder: Mapping[str, Any] = field(default_factory=dict)
    vectors: Mapping[str, Any] = field(default_factory=dict)
    noise: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    origin: Mapping[str, Any] = field(default_factory=dict)


def describe(
    folder: Path, store: Store, manifest: Manifest, settings: KnowledgeSettings, behind: int
) -> KnowledgeInfo:
    """What a knowledge base opened with `settings` holds."""
    documents, chunks = store.counts()
    files = [path for path in folder.rglob("*") if path.is_file()]
    return KnowledgeInfo(
        folder=str(folder),
        retriever_type=settings.retriever_type,
        documents=documents,
        chunks=chunks,
        languages=store.languages(),
        fingerprint=store.fingerprint(),
        behind=behind,
        bytes=sum(path.stat().st_size for path in files),
        retriever_types=OPENS_AS[manifest.settings.retriever_type],
        engine=settings.engine,
        embedder=asdict(manifest.embedder) if manifest.embedder else {},
        vectors=manifest.vectors,
        noise=asdict(manifest.noise) if manifest.noise else {},
        settings=settings.model_dump(mode="json"),
        origin=manifest.origin,
    )
