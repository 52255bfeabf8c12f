"""Look a knowledge base over: is it whole, and does it find what it holds?

    manifest -> store -> content against its hashes -> indexes against the store -> a sample found
    by its own words -> embedder -> snapshots -> leftovers of what was killed -> disk

Each finding is ``ok``, ``note`` (works without it) or ``problem``, with what to type next. Looking
changes nothing but what any opening does: an index that was left behind reads on.
"""

from __future__ import annotations

import contextlib
import hashlib
import heapq
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from wellread.errors import WellreadError
from wellread.knowledge import manifest as manifests
from wellread.knowledge import workshop
from wellread.knowledge.base import KnowledgeBase
from wellread.knowledge.building import SNAPSHOTS, keep_snapshots
from wellread.knowledge.engines.choose import open_engine
from wellread.knowledge.entries import make_entry
from wellread.knowledge.parts import KEPT, Parts
from wellread.knowledge.snapshots import MAKING, stored_pairs
from wellread.knowledge.sqlite_store import FILE
from wellread.knowledge.store import Store
from wellread.knowledge.terms import key_terms
from wellread.pipelines.doctor import Finding
from wellread.storage.files import MANIFEST, read_json, remove_leftovers, storage_errors

_SAMPLE = 20
_AMONG = 50
_FOUND_SHARE = 0.8
_SPARE_SHARE = 1.2
_ROWS_SHOWN = 3


def examine_base(folder: Path) -> list[Finding]:
    """All findings; what cannot be looked at because of another problem is left out."""
    return list(_findings(folder))


def repair_base(folder: Path) -> list[str]:
    """Clear what killed builds and snapshots left, build the indexes anew; says what was done.

    The store is the source of truth: what it has lost only a new build brings back.
    """
    done = []
    keep_snapshots(_beside(folder, ".old"), folder)
    workshop.leave(workshop.workshop_of(folder))
    for leftover in _leftovers(folder):
        if leftover != workshop.workshop_of(folder):
            with storage_errors(leftover):
                shutil.rmtree(leftover)
            done.append(f"deleted {leftover}")
    remove_leftovers(folder)
    with KnowledgeBase.open(folder) as base:
        base.reindex()
    done.append("built the indexes anew from the store")
    return done


def _findings(folder: Path) -> Iterator[Finding]:
    try:
        recorded = manifests.read(folder)
    except WellreadError as error:
        yield Finding("manifest", "problem", error.message, error.hint)
        yield from _look_for_leftovers(folder)
        return
    engine = recorded.settings.engine
    yield Finding("manifest", "ok", f"{recorded.settings.retriever_type}, engine {engine}")
    if engine == "folder":
        integrity = _integrity(folder)
        yield integrity
        if integrity.state == "problem":
            return
    try:
        with contextlib.closing(open_engine(folder, recorded.settings)) as opened:
            yield from _content(folder, opened.store, recorded)
        meaning = list(_meaning(folder, recorded))
        yield from meaning
        every = {"collapse_duplicates": False, "max_per_source": 0}
        with KnowledgeBase.open(folder, recorded.settings.model_copy(update=every)) as base:
            yield from _indexes(base)
            if all(finding.state == "ok" for finding in meaning):
                yield _sample(base)
    except WellreadError as error:
        yield Finding("opening", "problem", error.message, error.hint)
    yield from _look_at_snapshots(folder)
    yield from _look_for_leftovers(folder)
    yield _disk(folder)


# -- store and content


def _integrity(folder: Path) -> Finding:
    path = folder / FILE
    anew = f"build it anew: wellread kb build {folder} DOCUMENTS --replace"
    if not path.is_file():
        return Finding("store", "problem", f"{path} is gone", anew)
    try:
        uri = f"{path.absolute().as_uri()}?mode=ro"
        with contextlib.closing(sqlite3.connect(uri, uri=True)) as held:
            rows = held.execute("PRAGMA integrity_check").fetchmany(_ROWS_SHOWN)
    except sqlite3.Error as error:
        return Finding("store", "problem", f"{path}: {error}", anew)
    if rows != [("ok",)]:
        seen = "; ".join(str(row[0]) for row in rows)
        return Finding("store", "problem", f"{path}: {seen}", anew)
    return Finding("store", "ok", f"{FILE} passes SQLite's own check")


def _content(folder: Path, store: Store, recorded: manifests.Manifest) -> Iterator[Finding]:
    """Every document as it is stored against the hash under which it was."""
    total, wrong = 0, list[str]()
    for pair in stored_pairs(store):
        document_id = pair[0].id
        try:
            told = make_entry(pair, recorded.settings.language).hash
        except WellreadError:
            told = "0"
        if told != store.document_hash(document_id):
            wrong.append(document_id)
        total = (total + int(told, 16)) % (1 << 128)
    documents, chunks = store.counts()
    anew = f"replace what is wrong with: wellread kb update {folder} DOCUMENTS"
    if wrong:
        named = ", ".join(wrong[:_ROWS_SHOWN])
        seen = f"{len(wrong):,} of {documents:,} documents are not what was stored: {named}"
        yield Finding("content", "problem", seen, anew)
    elif f"{total:032x}" != store.fingerprint():
        yield Finding("content", "problem", "the fingerprint is not that of the documents", anew)
    else:
        yield Finding("content", "ok", f"{documents:,} documents, {chunks:,} chunks, hashes agree")
    said = read_json(folder / MANIFEST).get("fingerprint")
    if said != store.fingerprint():
        advice = "the next change writes it anew; it was stopped between the store and the manifest"
        yield Finding("manifest", "note", "its counts are not those of the store", advice)


# -- indexes


def _meaning(folder: Path, recorded: manifests.Manifest) -> Iterator[Finding]:
    """The embedder is there and the one that was recorded; its vectors are whole, of length 1."""
    if "dense" not in KEPT[recorded.settings.retriever_type] or recorded.embedder is None:
        return
    with contextlib.closing(open_engine(folder, recorded.settings)) as engine:
        parts = Parts(engine, folder, recorded, recorded.settings)
        with contextlib.closing(parts):
            try:
                info = parts.dense().embedder.open().info
                yield Finding("embedder", "ok", f"{info.model} ({info.kind}), as recorded")
            except WellreadError as error:
                yield Finding("embedder", "problem", error.message, error.hint)
            # A server looks at its own vectors; such an engine has nothing to ask.
            sound = getattr(parts.dense().vectors, "sound", lambda store: True)
            if sound(engine.store):
                yield Finding("vectors", "ok", "one for every chunk read, each of length 1")
            else:
                advice = f"make them anew: wellread kb doctor {folder} --repair"
                yield Finding("vectors", "problem", "not one of length 1 for every chunk", advice)


def _indexes(base: KnowledgeBase) -> Iterator[Finding]:
    advice = f"build them anew: wellread kb doctor {base.folder} --repair"
    behind = base.info().behind
    if behind:
        yield Finding("indexes", "problem", f"{behind:,} chunks have not been read", advice)
    else:
        yield Finding("indexes", "ok", "have read everything in the store")


def _sample(base: KnowledgeBase) -> Finding:
    """Chunks searched for, in their documents, by the words that tell them from all others."""
    asked = found = 0
    for chunk_id in heapq.nsmallest(_SAMPLE, base.chunk_ids(), key=_lot):
        chunk = base.chunk(chunk_id)
        terms = key_terms(chunk, base)
        if not terms:
            continue
        asked += 1
        own = {"document_id": chunk.document_id}
        passages = base.search(" ".join(terms), _AMONG, where=own)
        found += any(passage.id == chunk_id for passage in passages)
    seen = f"{found} of {asked} sampled chunks are found by their own words"
    if found >= asked * _FOUND_SHARE:
        return Finding("search", "ok", seen)
    if base.settings.retriever_type == "dense":
        return Finding("search", "note", seen, "words by themselves say little to this retriever")
    advice = f"build the indexes anew: wellread kb doctor {base.folder} --repair"
    return Finding("search", "problem", seen, advice)


def _lot(chunk_id: str) -> bytes:
    return hashlib.blake2b(chunk_id.encode(), digest_size=8).digest()


# -- around it


def _look_at_snapshots(folder: Path) -> Iterator[Finding]:
    places = sorted(folder.joinpath(SNAPSHOTS).glob("[!.]*"))
    for place in places:
        try:
            recorded = manifests.read(place)
            with contextlib.closing(open_engine(place, recorded.settings)) as opened:
                said = read_json(place / MANIFEST)["fingerprint"]
                whole = opened.store.fingerprint() == said
        except WellreadError as error:
            whole, said = False, error.message
        if not whole:
            advice = f"delete it: wellread kb snapshot {folder} --delete {place.name}"
            yield Finding("snapshot", "problem", f"{place.name} is not whole: {said}", advice)
    if places:
        yield Finding("snapshots", "ok", ", ".join(place.name for place in places))


def _look_for_leftovers(folder: Path) -> Iterator[Finding]:
    old = _beside(folder, ".old")
    if old.is_dir() and not folder.exists():
        advice = f"put the old one back: mv {old} {folder}"
        yield Finding("leftovers", "problem", f"a build was killed as it replaced {folder}", advice)
        return
    for leftover in _leftovers(folder):
        advice = "harmless unless something is at it now; --repair deletes it"
        if leftover == workshop.workshop_of(folder):
            advice = "the next build takes over what it had embedded"
        yield Finding("leftovers", "note", f"{leftover} was left by what was killed", advice)


def _leftovers(folder: Path) -> list[Path]:
    """Folders that a killed build or snapshot left."""
    if not folder.exists():
        return []
    beside = [_beside(folder, ending) for ending in (".building", ".old", MAKING)]
    inside = folder.joinpath(SNAPSHOTS).glob(".*")
    return [path for path in (*beside, *sorted(inside)) if path.is_dir()]


def _beside(folder: Path, ending: str) -> Path:
    return folder.absolute().with_name(f".{folder.absolute().name}{ending}")


def _disk(folder: Path) -> Finding:
    """Room for building it anew beside itself."""
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    free = shutil.disk_usage(folder).free
    seen = f"{free // 1_000_000:,} MB free, {max(1, size // 1_000_000):,} MB in use here"
    if free < size * _SPARE_SHARE:
        return Finding("disk", "note", seen, "too little to build it anew beside the old one")
    return Finding("disk", "ok", seen)
