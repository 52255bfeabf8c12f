"""Open a knowledge base by its name, with options in place of what was recorded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from wellread.errors import KnowledgeBaseError
from wellread.knowledge import manifest as manifests
from wellread.knowledge.base import KnowledgeBase
from wellread.knowledge.options import with_options
from wellread.knowledge.snapshots import is_snapshot, locate


def open_knowledge_base(name: str | Path, **options: Any) -> KnowledgeBase:
    """Open a knowledge base, or a snapshot of one as ``my_kb@monday``.

    `options` replace what was recorded, such as ``retriever_type="hybrid"`` or ``alpha=0.7``.
    """
    folder = locate(name)
    recorded = manifests.read(folder)
    settings, _ = with_options(options, recorded.settings)
    return KnowledgeBase.open(folder, settings)


def open_to_change(name: str | Path) -> KnowledgeBase:
    """The same for changing it, which a snapshot does not allow."""
    folder = locate(name)
    if is_snapshot(folder):
        raise KnowledgeBaseError(
            f"{name} is a snapshot, which stays as it is",
            hint="change the knowledge base itself, or a copy of the snapshot's folder",
        )
    return KnowledgeBase.open(folder)
