"""Snapshots: a knowledge base as it was, kept inside it.

    my_kb/snapshots/monday/     a knowledge base like any other, named ``my_kb@monday``

Others may go on writing while one is taken. In this order, so that no index knows more than the
store: copy the indexes -> copy the store as of one moment (SQLite's backup) -> let the indexes
read on -> write the manifest -> rename. Index files that never change are linked, not copied. A
snapshot that was killed leaves a hidden folder, which the next one clears away.

A knowledge base of another engine is copied document by document into one of the engine `folder`.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import shutil
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from wellread.errors import InputError, KnowledgeBaseError, StorageError, WellreadError
from wellread.knowledge import manifest as manifests
from wellread.knowledge.base import KnowledgeBase
from wellread.knowledge.building import SNAPSHOTS, check_free, put_in_place
from wellread.knowledge.engines.choose import open_engine
from wellread.knowledge.entries import Pair
from wellread.knowledge.sqlite_store import FILE
from wellread.knowledge.store import Store
from wellread.records import Chunk
from wellread.storage.files import MANIFEST, read_json, storage_errors

MAKING = ".making"
"""How the hidden folder in which one is made, or from which it goes, ends."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_IMMUTABLE = re.compile(r"[0-9a-f]{32}\.[a-z.0-9]+")
_TRIES = 20
_PATIENT_TRIES = 600
_PAUSE_S = 0.1
_SPARE_BYTES = 50_000_000


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One snapshot; `made_at` is in seconds since 1970."""

    name: str
    folder: str
    documents: int
    chunks: int
    fingerprint: str
    bytes: int
    made_at: float


# -- names


def locate(name: str | Path) -> Path:
    """The folder of a knowledge base or, for ``my_kb@monday``, of one of its snapshots.

    Raises KnowledgeBaseError where there is no such snapshot.
    """
    base, at, snapshot = str(name).rpartition("@")
    # A folder that is there under the whole name is meant, and so is a missing one to be built.
    if not at or not base or Path(name).exists() or not _NAME.fullmatch(snapshot):
        return Path(name)
    if not manifests.exists(Path(base)):
        return Path(name)
    folder = Path(base) / SNAPSHOTS / snapshot
    if not (folder / MANIFEST).is_file():
        raise KnowledgeBaseError(
            f"{base} has no snapshot {snapshot!r}; {_known(Path(base))}",
            hint=f"make one with: wellread kb snapshot {base} {snapshot}",
        )
    return folder


def is_snapshot(folder: Path) -> bool:
    """Whether `folder` is a snapshot of the knowledge base that holds it."""
    parent = folder.absolute().parent
    return parent.name == SNAPSHOTS and manifests.exists(parent.parent)


def snapshots(folder: Path) -> list[Snapshot]:
    """The snapshots of a knowledge base, the oldest first."""
    manifests.read(folder)
    places = folder.joinpath(SNAPSHOTS).glob("[!.]*")
    found = [_described(place) for place in places if (place / MANIFEST).is_file()]
    return sorted(found, key=lambda snapshot: (snapshot.made_at, snapshot.name))


def _described(place: Path) -> Snapshot:
    manifest = place / MANIFEST
    value = read_json(manifest)
    return Snapshot(
        name=place.name,
        folder=str(place),
        documents=int(value["documents"]),
        chunks=int(value["chunks"]),
        fingerprint=str(value["fingerprint"]),
        bytes=sum(path.stat().st_size for path in place.rglob("*") if path.is_file()),
        made_at=manifest.stat().st_mtime,
    )


def _known(base: Path) -> str:
    names = ", ".join(snapshot.name for snapshot in snapshots(base))
    return f"it has {names}" if names else "it has none"


# -- life


def take(folder: Path, name: str) -> Snapshot:
    """Keep the knowledge base in `folder` as it is now under `name`.

    Raises InputError for a name that is taken or no file name, KnowledgeBaseError where there is
    no knowledge base or it is a snapshot itself.
    """
    manifests.read(folder)
    target = _free_place(folder, name)
    _copy(folder, target)
    return _described(target)


def copy_base(folder: Path, target: Path, *, replace: bool = False) -> None:
    """Copy a knowledge base as it is now to a folder of its own, without its snapshots."""
    manifests.read(folder)
    check_free(target, replace=replace)
    _copy(folder, target)


def delete(folder: Path, name: str) -> None:
    """Delete the snapshot `name`; InputError where there is none."""
    place = folder / SNAPSHOTS / name
    if not _NAME.fullmatch(name) or not (place / MANIFEST).is_file():
        raise InputError(f"{folder} has no snapshot {name!r}; {_known(folder)}")
    gone = place.with_name(f".{name}{MAKING}")
    with storage_errors(place):
        shutil.rmtree(gone, ignore_errors=True)
        place.rename(gone)
        shutil.rmtree(gone)


def _free_place(folder: Path, name: str) -> Path:
    if is_snapshot(folder):
        raise KnowledgeBaseError(f"{folder} is a snapshot; take one of the knowledge base itself")
    if not _NAME.fullmatch(name):
        raise InputError(
            f"{name!r} cannot be the name of a snapshot",
            hint="use letters, digits, '.', '-' and '_', at most 100, such as 2031-05-04",
        )
    target = folder / SNAPSHOTS / name
    if target.exists():
        raise InputError(
            f"{folder} has a snapshot {name!r} already",
            hint=f"take another name, or delete it: wellread kb snapshot {folder} --delete {name}",
        )
    return target


def _check_room(folder: Path) -> None:
    """Refuse before half of a copy fills the disk."""
    copied = (size for name, size, _ in _state(folder) if not _IMMUTABLE.fullmatch(Path(name).name))
    needed = _SPARE_BYTES + sum(copied) + folder.joinpath(FILE).stat().st_size
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise StorageError(
            f"{folder}: a snapshot needs about {needed // 1_000_000:,} MB, and "
            f"{free // 1_000_000:,} MB are free",
            hint="make room, or delete old snapshots: wellread kb snapshot BASE --list",
        )


# -- copying


def _copy(folder: Path, target: Path) -> None:
    """Work beside `target`, which appears whole or not at all."""
    recorded = manifests.read(folder)
    if recorded.settings.engine != "folder":
        _copy_through_store(folder, target, recorded)
        return
    _check_room(folder)
    workshop = target.absolute().with_name(f".{target.absolute().name}{MAKING}")
    with storage_errors(workshop):
        shutil.rmtree(workshop, ignore_errors=True)
        workshop.mkdir(parents=True)
    try:
        _fill(folder, workshop, recorded)
        put_in_place(workshop, target)
    finally:
        shutil.rmtree(workshop, ignore_errors=True)


def _fill(folder: Path, workshop: Path, recorded: manifests.Manifest) -> None:
    _copy_indexes(folder, workshop, recorded)
    _copy_store(folder / FILE, workshop / FILE)
    with contextlib.closing(open_engine(workshop, recorded.settings)) as engine:
        manifests.write(workshop, engine.store, recorded)
    # Opened once, the indexes have read what was written to the store after they were copied. Where
    # that fails, for want of the embedder, they read it at the next opening.
    with contextlib.suppress(WellreadError):
        KnowledgeBase.open(workshop).close()


def _copy_indexes(folder: Path, workshop: Path, recorded: manifests.Manifest) -> None:
    """Copy everything but store, manifest and snapshots, as it was at one moment."""
    if any(_copied(folder, workshop) for _ in range(_TRIES)):
        return
    # Someone writes without pause: made to wait, the indexes come to rest.
    with (
        contextlib.closing(open_engine(folder, recorded.settings)) as engine,
        engine.store.writing(),
    ):
        for _ in range(_PATIENT_TRIES):
            if _copied(folder, workshop):
                return
            time.sleep(_PAUSE_S)
    raise StorageError(f"{folder}: its indexes kept changing", hint="try again in a while")


def _copied(folder: Path, workshop: Path) -> bool:
    """Copy the indexes; False where they changed meanwhile."""
    with storage_errors(workshop):
        shutil.rmtree(workshop)
        workshop.mkdir()
        before = _state(folder)
        with contextlib.suppress(FileNotFoundError):  # merged away by another process
            _copy_files(folder, workshop)
            return _state(folder) == before
    return False


def _copy_files(folder: Path, workshop: Path) -> None:
    for path in _parts(folder):
        place = workshop / path.relative_to(folder)
        place.parent.mkdir(parents=True, exist_ok=True)
        if _IMMUTABLE.fullmatch(path.name):
            with contextlib.suppress(OSError):
                os.link(path, place)
                continue
        shutil.copyfile(path, place)


def _parts(folder: Path) -> list[Path]:
    """Every file that belongs to an index or the embedder."""
    found = []
    for here, folders, names in os.walk(folder):
        if Path(here) == folder:
            folders[:] = [name for name in folders if name != SNAPSHOTS]
            names = [name for name in names if name != MANIFEST and not name.startswith(FILE)]
        found += [Path(here) / name for name in names if not _is_passing(name)]
    return found


def _is_passing(name: str) -> bool:
    return name.endswith((".lock", ".tmp", "-shm"))


def _state(folder: Path) -> list[tuple[str, int, int]]:
    found = []
    for path in _parts(folder):
        with contextlib.suppress(FileNotFoundError):
            status = path.stat()
            found.append((str(path), status.st_size, status.st_mtime_ns))
    return sorted(found)


def _copy_store(source: Path, target: Path) -> None:
    """A copy as of one moment, while others read and write."""
    try:
        with (
            contextlib.closing(
                sqlite3.connect(f"{source.absolute().as_uri()}?mode=rw", uri=True)
            ) as held,
            contextlib.closing(sqlite3.connect(target)) as copy,
        ):
            held.backup(copy)
    except sqlite3.OperationalError as error:
        raise StorageError(f"{source}: cannot be copied: {error}") from error
    except sqlite3.DatabaseError as error:
        raise KnowledgeBaseError(
            f"{source} is damaged: {error}", hint="see more with: wellread kb doctor BASE"
        ) from error


def _copy_through_store(folder: Path, target: Path, recorded: manifests.Manifest) -> None:
    settings = recorded.settings.model_copy(update={"engine": "folder", "location": ""})
    with contextlib.closing(open_engine(folder, recorded.settings)) as engine:
        pairs = stored_pairs(engine.store)
        KnowledgeBase.build(
            target, pairs, settings, origin=recorded.origin, replace=target.exists()
        ).close()


def stored_pairs(store: Store) -> Iterator[Pair]:
    """Every document of a store with its chunks, as `KnowledgeBase.build` takes them."""
    chunks = itertools.groupby(store.chunks(), key=lambda chunk: chunk.document_id)
    ahead = next(chunks, None)
    for document_id in list(store.document_ids()):
        own: tuple[Chunk, ...] = ()
        if ahead is not None and ahead[0] == document_id:
            own = tuple(ahead[1])
            ahead = next(chunks, None)
        document = store.document(document_id)
        if document is not None:
            yield document, own
