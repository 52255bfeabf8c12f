"""Small corpora for the knowledge base tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.knowledge.engine_places import engine, options, server
from wellread.knowledge.base import KnowledgeBase
from wellread.knowledge.settings import KnowledgeSettings
from wellread.records import Chunk, Document

__all__ = ["engine", "options", "server"]
Pair = tuple[Document, list[Chunk]]
Corpus = dict[str, str | list[str]]


def make_pair(identifier: str, parts: str | list[str], **fields: Any) -> Pair:
    """A document whose chunks are `parts`, or one chunk where it is one text."""
    texts = [parts] if isinstance(parts, str) else parts
    document = Document(identifier, "\n\n".join(texts), **fields)
    chunks, start = [], 0
    for text in texts:
        end = start + len(text)
        shared = {
            "title": document.title,
            "source": document.source,
            "metadata": fields.get("metadata", {}),
        }
        chunks.append(Chunk(f"{identifier}#{start}-{end}", identifier, text, start, end, **shared))
        start = end + 2
    return document, chunks


@pytest.fixture
def pair() -> Callable[..., Pair]:
    return make_pair


@pytest.fixture(params=["bm25", "simple"])
def retriever_type(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Callable[..., KnowledgeBase]]:
    """``build({"a": "text", "b": ["one chunk", "another"]}, retriever_type="bm25")``."""
    made: list[KnowledgeBase] = []

    def make(corpus: Corpus, **options: Any) -> KnowledgeBase:
        folder = tmp_path / f"base{len(made)}"
        pairs = (make_pair(name, parts) for name, parts in corpus.items())
        made.append(KnowledgeBase.build(folder, pairs, KnowledgeSettings(**options)))
        return made[-1]

    yield make
    for base in made:
        base.close()
