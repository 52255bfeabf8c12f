"""Where the repository lies and what belongs to it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LEFT_OUT = {"build", "dist", "demo-output", "__pycache__"}


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def repository_files() -> list[Path]:
    """Every file that git would commit; without git, every file outside hidden folders."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listing.returncode == 0:
        paths = [ROOT / name for name in listing.stdout.decode().split("\0") if name]
    else:
        paths = [p for p in ROOT.rglob("*") if _is_ours(p.relative_to(ROOT))]
    return sorted(p for p in paths if p.is_file())


def _is_ours(path: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.parts if part != ".ci")
    return not hidden and not LEFT_OUT.intersection(path.parts)
