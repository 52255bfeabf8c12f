"""Steps of a build: batches of documents, and the rename that makes the result appear whole."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from wellread.errors import InputError, KnowledgeBaseError
from wellread.knowledge import manifest as manifests
from wellread.knowledge.entries import Entry
from wellread.knowledge.store import Store
from wellread.storage.files import storage_errors

_BATCH_CHUNKS = 2000


def batches(entries: Iterator[Entry]) -> Iterator[list[Entry]]:
    """Entries in lists of about two thousand chunks."""
    batch: list[Entry] = []
    held = 0
    for entry in entries:
        batch.append(entry)
        held += len(entry.chunks) + 1
        if held >= _BATCH_CHUNKS:
            yield batch
            batch, held = [], 0
    if batch:
        yield batch


def refuse_known(store: Store, entry: Entry) -> None:
    """Raise InputError where the document or one of its chunks is in the store already."""
    document = entry.document
    if store.document_hash(document.id) is not None:
        raise InputError(
            f"document id {document.id!r} occurs twice (here with title {document.title!r}, "
            f"source {document.source!r})",
            hint="give each document its own id, or use update to replace what is there",
        )
    for chunk_id, owner in store.owners([chunk.id for chunk in entry.chunks]).items():
        raise InputError(f"chunk id {chunk_id!r} of document {document.id!r} is also in {owner!r}")


def check_free(folder: Path, *, replace: bool) -> None:
    """Refuse to build where something else lies, or a knowledge base that may not be replaced."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    if not manifests.exists(folder):
        raise KnowledgeBaseError(
            f"{folder} exists and is not a knowledge base", hint="choose another folder"
        )
    if not replace:
        raise KnowledgeBaseError(
            f"{folder} already holds a knowledge base",
            hint=f"add to it with: wellread kb add {folder} DOCUMENTS, or use --replace",
        )


def put_in_place(workshop: Path, folder: Path) -> None:
    """Rename the finished folder to its name; an old one makes way only now."""
    old = workshop.with_suffix(".old")
    with storage_errors(folder):
        shutil.rmtree(old, ignore_errors=True)
        if folder.exists():
            folder.rename(old)
        workshop.rename(folder)
        shutil.rmtree(old, ignore_errors=True)
