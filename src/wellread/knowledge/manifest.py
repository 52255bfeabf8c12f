"""The manifest of a knowledge base: what the folder is, and with which settings it was built."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from wellread import __version__
from wellread.errors import InputError, KnowledgeBaseError
from wellread.knowledge.settings import KnowledgeSettings
from wellread.knowledge.store import Store
from wellread.storage.files import MANIFEST, read_json, write_json

FORMAT = "wellread knowledge base"
VERSION = 2
_FIXED = ("retriever_type", "language")


@dataclass(frozen=True, slots=True)
class Manifest:
    """What the manifest records; `origin` is free text and numbers from whoever built it."""

    settings: KnowledgeSettings
    origin: Mapping[str, Any] = field(default_factory=dict)


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
    return Manifest(settings, value.get("origin") or {})


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
    """The settings to open with; KnowledgeBaseError where a fixed one differs."""
    if asked is None:
        return recorded
    for name in _FIXED:
        built, wanted = getattr(recorded, name), getattr(asked, name)
        if built != wanted:
            raise KnowledgeBaseError(
                f"{folder} was built with {name} {built!r}, and {wanted!r} is asked for",
                hint=f"set {name} to {built!r}, or build the knowledge base anew",
            )
    return asked
