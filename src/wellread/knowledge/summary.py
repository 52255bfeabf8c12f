"""What is said about a knowledge base: what a call changed, and what it holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


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
    """What a knowledge base holds; `behind` counts chunks that the index has yet to read."""

    folder: str
    retriever_type: str
    documents: int
    chunks: int
    languages: Mapping[str, int]
    fingerprint: str
    behind: int
    bytes: int
    settings: Mapping[str, Any] = field(default_factory=dict)
    origin: Mapping[str, Any] = field(default_factory=dict)
