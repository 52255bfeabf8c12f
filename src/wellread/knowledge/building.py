"""Steps of a build: batches of documents, and the rename that makes the result appear whole."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from wellread.errors import InputError, KnowledgeBaseError, StorageError
from wellread.knowledge import manifest as manifests
from wellread.knowledge.entries import Entry
from wellread.knowledge.store import Store
from wellread.storage.files import storage_errors
from wellread.storage.ownership import sole_owner

SNAPSHOTS = "snapshots"
"""Folder in a knowledge base that outlives its being built anew."""
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


@contextlib.contextmanager
def sole_builder(workshop: Path) -> Iterator[None]:
    """Hold the right to build in `workshop`; StorageError names the process that is at it."""
    lock = workshop.with_name(workshop.name + ".lock")
    with sole_owner(workshop):
        try:
            # Another may have ended and removed the file between our opening and locking it.
            if lock.read_text(encoding="ascii").strip() != str(os.getpid()):
                raise FileNotFoundError
        except OSError as error:
            raise StorageError(
                f"{workshop}: in use by another build", hint="wait for it to end, then try again"
            ) from error
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                lock.unlink()


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
    """Rename the finished folder to its name; an old one makes way only now, save its snapshots."""
    old = workshop.with_suffix(".old")
    with storage_errors(folder):
        if old.exists() and not folder.exists():
            old.rename(folder)  # a build was killed between the two renames below
        keep_snapshots(old, folder)
        shutil.rmtree(old, ignore_errors=True)
        if folder.exists():
            folder.rename(old)
        workshop.rename(folder)
        keep_snapshots(old, folder)
        shutil.rmtree(old, ignore_errors=True)


def keep_snapshots(old: Path, folder: Path) -> None:
    """Move the snapshots of what was replaced to what replaced it."""
    kept = folder / SNAPSHOTS
    if (old / SNAPSHOTS).is_dir() and folder.is_dir() and not kept.exists():
        (old / SNAPSHOTS).rename(kept)
