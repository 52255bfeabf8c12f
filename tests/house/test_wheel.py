"""What a user of a wheel gets."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder],
        cwd=root,
        check=True,
        capture_output=True,
    )
    (built,) = folder.glob("*.whl")
    return built


def members(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_a_wheel_holds_every_file_of_the_package(
    wheel: Path, root: Path, repository_files: list[Path]
) -> None:
    source = root / "src"
    ours = {str(p.relative_to(source)) for p in repository_files if source in p.parents}
    assert ours - members(wheel) == set()


def test_a_wheel_holds_nothing_but_the_package_and_its_description(wheel: Path) -> None:
    tops = {name.split("/")[0] for name in members(wheel)}
    version = importlib.metadata.version("wellread")
    assert tops == {"wellread", f"wellread-{version}.dist-info"}
    assert not [name for name in members(wheel) if name.endswith((".pth", ".pyc"))]


def test_the_documents_of_the_demo_are_in_the_wheel_in_every_format(wheel: Path) -> None:
    documents = [n for n in members(wheel) if n.startswith("wellread/demo/documents/")]
    suffixes = {Path(name).suffix for name in documents}
    assert suffixes == {".txt", ".md", ".pdf", ".docx", ".html", ".jsonl"}
    assert len(documents) >= 12


def test_the_wheel_carries_the_licence(wheel: Path, root: Path) -> None:
    (name,) = [n for n in members(wheel) if n.endswith("licenses/LICENSE")]
    with zipfile.ZipFile(wheel) as archive:
        text = archive.read(name)
    assert text == (root / "LICENSE").read_bytes()
    assert b"Apache License" in text
    assert b"END OF TERMS AND CONDITIONS" in text
