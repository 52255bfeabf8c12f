"""Where a knowledge base is built: ``.my_kb.building`` beside ``my_kb``.

A build that was killed or failed leaves what it had embedded, and the next one takes it:

    .my_kb.building/vectors/KEY    vectors of the build itself
    .my_kb.building/known/KEY      vectors that an earlier one left
"""

from __future__ import annotations

import shutil
from pathlib import Path

from wellread.storage.files import storage_errors

KNOWN = "known"
_VECTORS = "vectors"
_ENDING = ".building"


def workshop_of(folder: Path) -> Path:
    """Where `folder` is built."""
    return folder.absolute().with_name(f".{folder.absolute().name}{_ENDING}")


def replaced_by(workshop: Path) -> Path:
    """Where what is built in `workshop` will lie; any other folder stays where it is."""
    name = workshop.absolute().name
    if name.startswith(".") and name.endswith(_ENDING):
        return workshop.absolute().with_name(name[1 : -len(_ENDING)])
    return workshop


def clear(workshop: Path) -> None:
    """Make it empty but for the vectors that an earlier build has left."""
    with storage_errors(workshop):
        known = workshop / KNOWN
        known.mkdir(parents=True, exist_ok=True)
        for left in sorted(workshop.glob(f"{_VECTORS}/*")):
            if _bytes(left) > _bytes(known / left.name):
                shutil.rmtree(known / left.name, ignore_errors=True)
                left.rename(known / left.name)
        for other in workshop.iterdir():
            if other != known:
                shutil.rmtree(other) if other.is_dir() else other.unlink()


def finish(workshop: Path) -> None:
    """Let go of what earlier builds left, before the folder gets its name."""
    shutil.rmtree(workshop / KNOWN, ignore_errors=True)


def leave(workshop: Path) -> None:
    """After a failed build: delete it, unless there are vectors for the next one."""
    if not any(_bytes(place) for place in workshop.glob(f"{_VECTORS}/*")) and not any(
        _bytes(place) for place in workshop.glob(f"{KNOWN}/*")
    ):
        shutil.rmtree(workshop, ignore_errors=True)


def _bytes(place: Path) -> int:
    return sum(path.stat().st_size for path in place.glob("*.matrix"))
