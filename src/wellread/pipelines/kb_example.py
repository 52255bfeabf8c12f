"""The example: ten documents, five questions about them, and their knowledge base.

    FOLDER/documents.jsonl        id, title, content, source, metadata
    FOLDER/queries_train.jsonl    query, expected_answer, relevant_docs
    FOLDER/knowledge_base/

`dense` and `hybrid` fall back on `lsa` where the model asked for by default is not on this
machine, and say so.
"""

from __future__ import annotations

import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wellread.demo import EXAMPLE
from wellread.errors import InputError, WellreadError
from wellread.knowledge import manifest as manifests
from wellread.knowledge.base import KnowledgeBase
from wellread.knowledge.options import with_options
from wellread.knowledge.reading import Reading
from wellread.knowledge.settings import KnowledgeSettings
from wellread.storage.files import atomic_write, read_jsonl

DOCUMENTS = "documents.jsonl"
QUERIES = "queries_train.jsonl"
KNOWLEDGE_BASE = "knowledge_base"
LSA_NOTICE = (
    "No embedding model is at hand ({reason}); the knowledge base uses lsa, which is fitted on\n"
    "these documents. Name a model with: --model NAME_OR_FOLDER"
)


@dataclass(frozen=True, slots=True)
class ExampleFiles:
    """What was written, and what to type next."""

    documents: Path
    queries: Path
    knowledge_base: Path
    retriever_type: str
    commands: tuple[str, ...]
    notice: str = ""


def write_example(folder: Path, *, replace: bool = False, **options: Any) -> ExampleFiles:
    """Write the example to `folder`; `options` are those of a knowledge base (`with_options`).

    Raises InputError where one of the files is there already, unless `replace`.
    """
    _refuse_existing(folder, replace=replace)
    settings, ingest = with_options({"retriever_type": "bm25", **_given(options)})
    for name in (DOCUMENTS, QUERIES):
        with atomic_write(folder / name) as file, (EXAMPLE / name).open("rb") as shipped:
            shutil.copyfileobj(shipped, file)
    base = folder / KNOWLEDGE_BASE
    chosen_embedder = options.get("model") or options.get("embedder")
    notice = ""
    try:
        _build(folder, settings, ingest, replace)
    except WellreadError as error:
        if settings.retriever_type not in {"dense", "hybrid"} or chosen_embedder:
            raise
        notice = LSA_NOTICE.format(reason=error.message.partition("\n")[0])
        lsa, _ = with_options({"embedder": "lsa"}, settings)
        _build(folder, lsa, ingest, replace)
    commands = _commands(folder, base)
    return ExampleFiles(
        folder / DOCUMENTS, folder / QUERIES, base, settings.retriever_type, commands, notice
    )


def _build(folder: Path, settings: KnowledgeSettings, ingest: Any, replace: bool) -> None:
    reading = Reading(folder / DOCUMENTS, ingest)
    base = folder / KNOWLEDGE_BASE
    KnowledgeBase.build(
        base, reading.pairs(), settings, origin=reading.origin(), replace=replace
    ).close()


def _commands(folder: Path, base: Path) -> tuple[str, ...]:
    _, first = next(read_jsonl(folder / QUERIES))
    at = shlex.quote(str(base))
    return (
        f"wellread kb search {at} {shlex.quote(first['query'])}",
        f"wellread kb info {at}",
        f"wellread kb eval {at} --queries {shlex.quote(str(folder / QUERIES))}",
    )


def _refuse_existing(folder: Path, *, replace: bool) -> None:
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file", hint="name a folder to write the example to")
    known = [name for name in (DOCUMENTS, QUERIES) if (folder / name).exists()]
    if manifests.exists(folder / KNOWLEDGE_BASE):
        known.append(KNOWLEDGE_BASE)
    if known and not replace:
        raise InputError(
            f"{folder} holds {', '.join(known)} already",
            hint="choose another folder, or write over them with: --replace",
        )


def _given(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}
