"""From the name of an engine to its parts."""

from __future__ import annotations

import importlib
from pathlib import Path

from wellread.errors import KnowledgeBaseError
from wellread.knowledge.engines.engine import Engine
from wellread.knowledge.settings import KnowledgeSettings

ENGINES = {
    "folder": "wellread.knowledge.engines.folder:FolderEngine",
    "lancedb": "wellread.knowledge.engines.lance:LanceEngine",
    "postgres": "wellread.knowledge.engines.postgres:PostgresEngine",
}
"""Loaded by name, so that a folder costs no driver of a server."""


def open_engine(folder: Path, settings: KnowledgeSettings, *, create: bool = False) -> Engine:
    """The engine that `settings` name; `create` makes its empty parts."""
    module, _, name = ENGINES[settings.engine].partition(":")
    try:
        loaded = importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise KnowledgeBaseError(
            f"the engine {settings.engine!r} needs the package {error.name}, which is not "
            "installed",
            hint=f"pip install 'wellread[{settings.engine}]'",
        ) from error
    engine: Engine = getattr(loaded, name)(folder, settings, create=create)
    return engine
