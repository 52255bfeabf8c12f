"""The journey on documents that ship with the package: no key, no network, no model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from wellread.demo import DOCUMENTS
from wellread.pipelines.explain import Explained, read_explained
from wellread.pipelines.project import PathSettings, Project


def demo_project(output_dir: Path) -> Project:
    """The default configuration over the shipped documents."""
    return Project(path=PathSettings(input_dir=DOCUMENTS, output_dir=output_dir.resolve()))


def one_of_each(folder: Path) -> Iterator[Explained]:
    """The shortest example each of success, failure and abstain."""
    shortest: dict[str, Explained] = {}
    for explained in read_explained(folder):
        if explained.example is None:
            continue
        kind = explained.example.kind
        if kind not in shortest or _length(explained) < _length(shortest[kind]):
            shortest[kind] = explained
    for kind in ("success", "failure", "abstain"):
        if kind in shortest:
            yield shortest[kind]


def _length(explained: Explained) -> int:
    return sum(len(segment.text) for segment in explained.segments)
