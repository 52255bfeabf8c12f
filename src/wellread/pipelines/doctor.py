"""Look at everything a run needs before it starts, without paying for a call.

Each finding is ``ok``, ``note`` (works without it) or ``problem`` (a run would stop there).
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from wellread.errors import WellreadError
from wellread.ingest.files import find_files
from wellread.llm.endpoint import Endpoint
from wellread.llm.listing import list_models
from wellread.pipelines.project import Project, read_project

State = Literal["ok", "note", "problem"]
_ENOUGH_DISK_MB = 1000
_TRAINING = ("torch", "transformers", "peft", "accelerate", "tokenizers", "safetensors")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    what: str
    state: State
    seen: str
    advice: str = ""


def examine(config: Path) -> list[Finding]:
    """All findings; where the configuration cannot be read the rest is looked at without it."""
    findings = [_python()]
    try:
        project = read_project(config)
    except WellreadError as error:
        findings.append(Finding("configuration", "problem", error.message, error.hint))
        return [*findings, _disk(Path.cwd()), _tesseract(), _training()]
    findings.append(Finding("configuration", "ok", f"{config}, teacher: {project.teacher}"))
    findings += [_documents(project), _writable(project), _disk(project.path.output_dir)]
    findings += [_tesseract(), _training(), *_endpoints(project)]
    return findings


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding("python", "ok", version)


def _documents(project: Project) -> Finding:
    try:
        count = len(
            find_files(project.path.input_dir, project.ingest, skip=project.path.output_dir)
        )
    except WellreadError as error:
        return Finding("documents", "problem", error.message, error.hint)
    where = project.path.input_dir
    if not count:
        return Finding("documents", "problem", f"no files in {where}", "put documents there")
    return Finding("documents", "ok", f"{count:,} files in {where}")


def _writable(project: Project) -> Finding:
    folder = _existing(project.path.output_dir)
    if os.access(folder, os.W_OK):
        return Finding("output folder", "ok", str(project.path.output_dir))
    advice = "choose another path.output_dir"
    return Finding("output folder", "problem", f"{folder} cannot be written to", advice)


def _disk(folder: Path) -> Finding:
    free = shutil.disk_usage(_existing(folder)).free // 1_000_000
    if free < _ENOUGH_DISK_MB:
        return Finding("disk", "problem", f"{free:,} MB free", "make room before a run")
    return Finding("disk", "ok", f"{free:,} MB free")


def _existing(folder: Path) -> Path:
    return next(
        place for place in (folder.absolute(), *folder.absolute().parents) if place.exists()
    )


def _tesseract() -> Finding:
    found = shutil.which("tesseract")
    if found:
        return Finding("tesseract", "ok", found)
    advice = "pages that are pictures are reported and left out; install tesseract to read them"
    return Finding("tesseract", "note", "not installed", advice)


def _training() -> Finding:
    """Whether models can be trained here, told without loading torch, which takes seconds."""
    versions = {name: _version(name) for name in _TRAINING}
    missing = [name for name, version in versions.items() if not version]
    if missing:
        advice = "only training and chat with a model of your own need it: "
        advice += "pip install 'wellread[train]'"
        return Finding("training", "note", f"not installed: {', '.join(missing)}", advice)
    seen = ", ".join(f"{name} {version}" for name, version in versions.items())
    if shutil.which("nvidia-smi") and versions["torch"].endswith("+cpu"):
        advice = "a GPU is here, and this build of torch does not use it: install another build"
        return Finding("training", "note", seen, advice)
    return Finding("training", "ok", seen)


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def _endpoints(project: Project) -> Iterator[Finding]:
    if not project.models:
        yield Finding("models", "note", "none given: the extractive teacher writes, for trying out")
    for name, endpoint in project.models.items():
        yield _endpoint(f"models.{name}", endpoint)


def _endpoint(what: str, endpoint: Endpoint) -> Finding:
    """Ask the server for its models: that shows address, key and model name and costs nothing."""
    try:
        served = asyncio.run(list_models(endpoint))
    except WellreadError as error:
        return Finding(what, "problem", error.message, error.hint)
    if served and endpoint.model not in served:
        advice = f"it serves: {', '.join(served[:8])}"
        return Finding(what, "problem", f"{endpoint.base_url} has no {endpoint.model}", advice)
    return Finding(what, "ok", f"{endpoint.model} at {endpoint.base_url}")
