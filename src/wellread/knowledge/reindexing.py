"""Other indexes for the same documents: another retriever, another embedder, or a repair.

1. The new indexes are filled from the store: vectors of another embedder lie in a folder of their
   own beside the old ones, and what a killed run has embedded is still there.
2. The caller writes the manifest, and from then on the new ones count.
3. What nothing needs any more is deleted.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from wellread.knowledge.dense import Progress, key_of
from wellread.knowledge.engines.engine import Engine
from wellread.knowledge.manifest import Manifest
from wellread.knowledge.parts import KEPT, Parts
from wellread.knowledge.settings import KnowledgeSettings
from wellread.storage.files import storage_errors

_HOME = "embedder-{}"
_HOMES = re.compile(r"embedder-\d+")


def reindexed(
    engine: Engine,
    folder: Path,
    recorded: Manifest,
    settings: KnowledgeSettings,
    repair: bool,
    progress: Progress | None,
) -> Manifest:
    """Fill the indexes that `settings` need and return the manifest that says so.

    `repair` makes the words anew, and the vectors where they are not sound.
    """
    if repair:
        _forget_unsound(engine, folder, recorded)
    keeps = "dense" in KEPT[settings.retriever_type]
    made = Manifest(
        settings, recorded.origin, embedder_home=_home(folder, recorded, settings) if keeps else ""
    )
    parts = Parts(engine, folder, made, settings)
    try:
        return parts.bring_up_to_date(progress)
    finally:
        parts.close()


def _forget_unsound(engine: Engine, folder: Path, recorded: Manifest) -> None:
    kept = KEPT[recorded.settings.retriever_type]
    if "bm25" in kept:
        engine.forget("words")
    if "dense" in kept and recorded.embedder is not None:
        parts = Parts(engine, folder, recorded, recorded.settings)
        # Of the engines that do not look at their vectors themselves, a server does.
        sound = getattr(parts.dense().vectors, "sound", lambda store: True)(engine.store)
        parts.close()
        if not sound:
            engine.forget(key_of(recorded.embedder))


def _home(folder: Path, recorded: Manifest, settings: KnowledgeSettings) -> str:
    """A new place for an embedder that is fitted on the documents, as the old one still counts."""
    if settings.embedder.kind != "lsa":
        return ""
    taken = {recorded.embedder_home}
    return next(name for name in map(_HOME.format, range(1, 3)) if name not in taken)


def forget_unused(engine: Engine, folder: Path, recorded: Manifest, made: Manifest) -> None:
    """Delete what `recorded` needed and `made`, which counts now, does not."""
    if "bm25" not in KEPT[made.settings.retriever_type]:
        engine.forget("words")
    old = key_of(recorded.embedder) if recorded.embedder else ""
    new = key_of(made.embedder) if made.embedder else ""
    if old and old != new:
        engine.forget(old)
    homes = [path for path in folder.iterdir() if _HOMES.fullmatch(path.name)]
    if made.embedder_home:
        homes.append(folder / "embedder")
    for home in homes:
        if home.name != made.embedder_home and home.is_dir():
            with storage_errors(home):
                shutil.rmtree(home)
