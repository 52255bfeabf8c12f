"""The manifest of a knowledge base: what the folder is, and with which settings it was built.

settings       as they were when it was built; `agree` says what may differ when it is opened
embedder       which model made the vectors, by its fingerprint, and how texts were given to it
embedder_home  where below the folder what was fitted on the documents lies ("" = the folder)
noise_floor    the cosine below which a result by meaning means nothing
vectors        how they are searched (exact or hnsw), and the recall measured
documents, chunks, fingerprint    of the store as it was when this was written
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from wellread import __version__
from wellread.errors import InputError, KnowledgeBaseError
from wellread.knowledge.embedders.choose import as_info
from wellread.knowledge.embedders.embedder import EmbedderInfo
from wellread.knowledge.noise import Noise
from wellread.knowledge.settings import KnowledgeSettings, RetrieverType
from wellread.knowledge.store import Store
from wellread.storage.files import MANIFEST, read_json, write_json

FORMAT = "wellread knowledge base"
VERSION = 3
OPENS_AS: dict[RetrieverType, tuple[RetrieverType, ...]] = {
    "simple": ("simple",),
    "bm25": ("bm25", "simple"),
    "dense": ("dense", "simple"),
    "hybrid": ("hybrid", "dense", "bm25", "simple"),
}
"""What a knowledge base built for a retriever can be opened as."""
_FIXED = ("language", "engine")


@dataclass(frozen=True, slots=True)
class Manifest:
    """What the manifest records; `origin` is free text and numbers from whoever built it."""

    settings: KnowledgeSettings
    origin: Mapping[str, Any] = field(default_factory=dict)
    embedder: EmbedderInfo | None = None
    embedder_home: str = ""
    noise: Noise | None = None
    vectors: Mapping[str, Any] = field(default_factory=dict)


def write(folder: Path, store: Store, manifest: Manifest) -> None:
    """Write the manifest with the counts and the fingerprint of the store as it is."""
    documents, chunks = store.counts()
    write_json(
        folder / MANIFEST,
        {
            "format": FORMAT,
            "version": VERSION,
            "wellread": __version__,
            "settings": manifest.settings.model_dump(mode="json"),
            "origin": manifest.origin,
            "embedder": asdict(manifest.embedder) if manifest.embedder else None,
            "embedder_home": manifest.embedder_home,
            "noise": asdict(manifest.noise) if manifest.noise else None,
            "vectors": manifest.vectors,
            "documents": documents,
            "chunks": chunks,
            "fingerprint": store.fingerprint(),
        },
    )


def exists(folder: Path) -> bool:
    """Whether a folder says that it is a knowledge base."""
    try:
        return bool(_value(folder).get("format") == FORMAT)
    except KnowledgeBaseError:
        return False


def read(folder: Path) -> Manifest:
    """Read the manifest; KnowledgeBaseError where the folder is no whole knowledge base."""
    value = _value(folder)
    if value.get("format") != FORMAT:
        raise KnowledgeBaseError(
            f"{folder / MANIFEST} is not the manifest of a knowledge base "
            f"(format {value.get('format')!r}, expected {FORMAT!r})",
            hint=_build_hint(folder),
        )
    if value.get("version") != VERSION:
        raise KnowledgeBaseError(
            f"{folder} has format version {value.get('version')!r}; this program reads {VERSION}",
            hint="build it anew, or use the version of wellread that made it: "
            f"{value.get('wellread')!r}",
        )
    try:
        settings = KnowledgeSettings.model_validate(value.get("settings"))
    except ValidationError as error:
        raise KnowledgeBaseError(
            f"{folder / MANIFEST}: settings that this program does not know: "
            f"{error.errors(include_url=False)[0]['msg']}",
            hint=_build_hint(folder),
        ) from error
    try:
        return Manifest(
            settings,
            value.get("origin") or {},
            as_info(value["embedder"]) if value.get("embedder") else None,
            str(value.get("embedder_home") or ""),
            Noise(**value["noise"]) if value.get("noise") else None,
            dict(value.get("vectors") or {}),
        )
    except (TypeError, ValueError, AttributeError) as error:
        raise KnowledgeBaseError(
            f"{folder / MANIFEST} is damaged: {error}", hint=_build_hint(folder)
        ) from error


def _value(folder: Path) -> dict[str, Any]:
    if not folder.exists():
        raise KnowledgeBaseError(f"Knowledge base not found: {folder}", hint=_build_hint(folder))
    if not folder.is_dir() or not (folder / MANIFEST).is_file():
        raise KnowledgeBaseError(
            f"{folder} is not a knowledge base: it has no {MANIFEST}", hint=_build_hint(folder)
        )
    try:
        value = read_json(folder / MANIFEST)
    except InputError as error:
        raise KnowledgeBaseError(
            f"{folder} is damaged: {error.message}", hint=_build_hint(folder)
        ) from error
    return value if isinstance(value, dict) else {}


def _build_hint(folder: Path) -> str:
    return f"build one with: wellread kb build {folder} DOCUMENTS"


def agree(
    folder: Path, recorded: KnowledgeSettings, asked: KnowledgeSettings | None
) -> KnowledgeSettings:
    """The settings to open with; KnowledgeBaseError where one that is fixed differs.

    A retriever is refused for which there are no indexes. Whether the embedder is the one the
    vectors come from is seen when it is loaded.
    """
    if asked is None:
        return recorded
    check_fixed(folder, recorded, asked)
    allowed = OPENS_AS[recorded.retriever_type]
    if asked.retriever_type not in allowed:
        raise KnowledgeBaseError(
            f"{folder} was built with retriever_type {recorded.retriever_type!r}, and has no "
            f"index for {asked.retriever_type!r}",
            hint=f"use {' or '.join(map(repr, allowed))}, or make the index with: "
            f"wellread kb reindex {folder} --type {asked.retriever_type}",
        )
    return asked


def check_fixed(folder: Path, recorded: KnowledgeSettings, asked: KnowledgeSettings) -> None:
    """Raise KnowledgeBaseError where a setting differs that only a new build can change."""
    for name in _FIXED:
        built, wanted = getattr(recorded, name), getattr(asked, name)
        if built != wanted:
            raise KnowledgeBaseError(
                f"{folder} was built with {name} {built!r}, and {wanted!r} is asked for",
                hint=f"set {name} to {built!r}, or build the knowledge base anew",
            )
