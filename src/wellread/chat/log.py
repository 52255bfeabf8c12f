r"""Chats kept as rows that `wellread prepare` reads, to be looked through and trained on.

{"context": "[1] (a.md) …\n[2] (b.md) …",
 "messages": [{"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}],
 "verdict": {"outcome": "grounded", "score": 0.98, …}}
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from wellread.dialogue.passages import render_passages
from wellread.errors import InputError
from wellread.records import Chunk, Passage, Verdict
from wellread.storage.append import append_jsonl

DEFAULT_LOG = Path("data/rag_logs.jsonl")
_RESERVED = frozenset({"context", "messages", "system", "verdict"})


def log_for_sft(
    query: str,
    retrieved_docs: Iterable[Passage | Mapping[str, Any]],
    answer: str,
    *,
    path: str | Path = DEFAULT_LOG,
    system: str = "",
    verdict: Verdict | None = None,
    **more: Any,
) -> dict[str, Any]:
    """Add one answered question to a file of training rows; returns the row.

    `retrieved_docs` are passages, their dictionaries, or ``{"text", "source": {"filename"}}``.
    The `verdict` of a check stands beside the row for whoever looks it through; `more` are further
    fields. Only answers that somebody found right should be trained on.
    """
    if taken := sorted(_RESERVED & more.keys()):
        raise InputError(f"{taken[0]!r} is a field of the row already", hint="choose another name")
    for name, text in (("query", query), ("answer", answer)):
        if not text.strip():
            raise InputError(f"the {name} is empty: nothing to learn from")
    passages = [_passage(given, rank) for rank, given in enumerate(retrieved_docs, start=1)]
    row: dict[str, Any] = {"system": system} if system else {}
    if passages:
        row["context"] = render_passages(passages, "numbered")
    row["messages"] = [
        {"role": "user", "content": query},
        {"role": "assistant", "content": answer},
    ]
    if verdict is not None:
        row["verdict"] = dataclasses.asdict(verdict)
    append_jsonl(Path(path), row | more)
    return row | more


def _passage(given: Passage | Mapping[str, Any], rank: int) -> Passage:
    if isinstance(given, Passage):
        return given
    text = given.get("content", given.get("text"))
    if not isinstance(text, str):
        raise InputError(
            f"retrieved document {rank} has no text", hint="give it as 'content' or 'text'"
        )
    source = _source(given, rank)
    chunk = Chunk(str(given.get("id") or rank), source, text, 0, len(text), source=source)
    return Passage(chunk, 0.0, rank)


def _source(given: Mapping[str, Any], rank: int) -> str:
    source = given.get("source")
    if isinstance(source, Mapping):
        source = source.get("filename") or source.get("file")
    return str(source or given.get("document_id") or given.get("id") or f"document {rank}")
