"""What is committed: words, links, lock files, dependencies."""

from __future__ import annotations

import re
import subprocess
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from urllib.parse import unquote

import pytest

MOST_CORE_DEPENDENCIES = 15
# Put together from pieces, or this file would be its own finding.
FORBIDDEN = {
    "a path of the place where it was written": re.compile("/" + r"work/|/" + r"opt/(pypi|wheels)"),
    "the host of a package index": re.compile(
        r"pypi\." + r"org|python" + r"hosted\.org|/" + "simple/"
    ),
    "a ticket number": re.compile(r"\bissue[s]? " + r"#?\d", re.IGNORECASE),
    "a private key": re.compile("-----BEGIN" + " [A-Z ]*PRIVATE KEY"),
}
LINK = re.compile(r"!?\[[^\]]*\]\(([^()\s]+)\)")
REQUIREMENT = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*==\S+")


def text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def test_the_repository_speaks_of_itself_alone(root: Path, repository_files: list[Path]) -> None:
    found = [
        f"{path.relative_to(root)}:{number}: {what}"
        for path in repository_files
        for number, line in enumerate(text_of(path).split("\n"), 1)
        for what, pattern in FORBIDDEN.items()
        if pattern.search(line)
    ]
    assert found == []


def links(root: Path, files: list[Path]) -> Iterator[tuple[Path, str]]:
    for path in files:
        if path.suffix == ".md" and (path.parent == root or root / "docs" in path.parents):
            # Code blocks show what prints brackets, not links.
            text = re.sub(r"^```.*?^```", "", text_of(path), flags=re.DOTALL | re.MULTILINE)
            yield from ((path, target) for target in LINK.findall(text))


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ +(.+)$", text_of(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).strip().replace(" ", "-") for h in headings}


def test_links_between_our_pages_lead_somewhere(root: Path, repository_files: list[Path]) -> None:
    broken = []
    for page, target in links(root, repository_files):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = unquote(target).partition("#")
        goal = (page.parent / name).resolve() if name else page
        if not goal.exists() or (anchor and anchor not in anchors(goal)):
            broken.append(f"{page.relative_to(root)}: {target}")
    assert broken == []


def test_every_page_of_the_documentation_is_in_its_index(root: Path) -> None:
    index = root / "docs" / "README.md"
    linked = {target.split("#")[0] for page, target in links(root, [index])}
    pages = {str(p.relative_to(index.parent)) for p in index.parent.rglob("*.md")} - {"README.md"}
    assert pages - linked == set()


def lock_files(root: Path) -> list[Path]:
    return sorted((root / "requirements").glob("*.txt"))


def test_there_is_a_lock_file_for_the_core_each_extra_and_development(root: Path) -> None:
    project = tomllib.loads(text_of(root / "pyproject.toml"))["project"]
    expected = {"core", "dev", "build", "models", *project["optional-dependencies"]}
    assert {path.stem for path in lock_files(root)} == expected


def problems_of_lock(text: str) -> list[str]:
    """Lines that are no pinned requirement with hashes: options, addresses, paths."""
    problems = []
    entries = re.sub(r"\\\n", " ", text).split("\n")
    for entry in entries:
        body = entry.split(" #")[0].strip()
        if not body or body.startswith("#"):
            problems += [entry] if "://" in entry else []
        elif not REQUIREMENT.match(body) or "://" in body or "--hash=sha256:" not in body:
            problems.append(entry)
    return problems


def test_lock_files_pin_every_version_with_hashes_and_name_no_address(root: Path) -> None:
    assert {p.name: problems_of_lock(text_of(p)) for p in lock_files(root)} == {
        p.name: [] for p in lock_files(root)
    }


@pytest.mark.parametrize(
    "line",
    [
        "numpy==2.0",
        "numpy>=2 --hash=sha256:00",
        "--index-url https://example.org/packages",
        "--find-links wheels",
        "-e .",
        "numpy @ https://example.org/numpy.whl --hash=sha256:00",
    ],
)
def test_a_lock_file_with_such_a_line_is_found_out(line: str) -> None:
    assert problems_of_lock(f"rich==15.0.0 \\\n    --hash=sha256:00\n{line}\n") == [line]


def versions(path: Path) -> set[str]:
    return set(re.findall(r"^([a-z0-9][\w.-]*==[^\s;]+)", text_of(path), re.MULTILINE))


# What holds torch, whose build differs by machine and which development installs by itself, and
# weights that would bring it along.
NOT_IN_DEVELOPMENT = {"models", "sentence-transformers", "train"}


def test_lock_files_agree_with_each_other(root: Path) -> None:
    development = versions(root / "requirements" / "dev.txt")
    names = {pin.partition("==")[0] for pin in development}
    for path in lock_files(root):
        others = versions(path) - development
        if path.stem not in NOT_IN_DEVELOPMENT:
            assert others == set(), path.name
        assert {pin.partition("==")[0] for pin in others} & names == set(), path.name


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def direct_dependencies(root: Path) -> list[str]:
    project = tomllib.loads(text_of(root / "pyproject.toml"))["project"]
    return [re.split(r"[^A-Za-z0-9._-]", line)[0] for line in project["dependencies"]]


def test_the_core_has_few_dependencies_and_each_is_locked(root: Path) -> None:
    direct = direct_dependencies(root)
    locked = {pin.split("==")[0] for pin in versions(root / "requirements" / "core.txt")}
    assert len(direct) <= MOST_CORE_DEPENDENCIES
    assert {normal(name) for name in direct} - {normal(name) for name in locked} == set()


def test_each_core_dependency_is_justified_in_the_decisions(root: Path) -> None:
    rows = re.findall(r"^\| `([^`]+)` \|", text_of(root / "docs" / "decisions.md"), re.MULTILINE)
    missing = set(direct_dependencies(root)) - set(rows)
    assert missing == set()


def needed_by_core(root: Path) -> Iterator[metadata.Distribution]:
    for pin in versions(root / "requirements" / "core.txt"):
        try:
            yield metadata.distribution(pin.split("==")[0])
        except metadata.PackageNotFoundError:
            continue  # Locked for another platform or Python.


def test_no_core_dependency_runs_code_at_every_start_of_python(root: Path) -> None:
    distributions = list(needed_by_core(root))
    assert len(distributions) >= len(direct_dependencies(root))
    found = [
        f"{d.name}: {file}"
        for d in distributions
        for file in d.files or []
        if str(file).endswith(".pth") or file.name in {"sitecustomize.py", "usercustomize.py"}
    ]
    assert found == []


def test_the_scripts_of_the_frame_are_sound_and_executable(root: Path) -> None:
    scripts = [root / ".ci" / "run", *sorted((root / "tools").rglob("*.sh"))]
    for script in scripts:
        assert script.stat().st_mode & 0o100, script
        assert "set -euo pipefail" in text_of(script), script
        subprocess.run(["bash", "-n", str(script)], check=True)


def test_every_verb_of_the_makefile_that_a_page_names_exists(
    root: Path, repository_files: list[Path]
) -> None:
    verbs = set(re.findall(r"^([a-z-]+):", text_of(root / "Makefile"), re.MULTILINE))
    pages = [p for p in repository_files if p.suffix == ".md" and p.parent in {root, root / "docs"}]
    named = {v for p in pages for v in re.findall(r"`make ([a-z-]+)", text_of(p))}
    assert named
    assert named - verbs == set()
