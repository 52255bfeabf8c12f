"""Figures of a run: ``metrics.jsonl`` always, TensorBoard or Weights & Biases where asked for.

    {"step": 20, "loss": 2.31, "learning_rate": 0.0003, "gradient_norm": 0.8, …}
    {"step": 20, "val_loss": 2.5, "val_bits_per_token": 3.6, "val_tokens": 5210}

A line belongs to its step: a run taken up again drops the lines after its checkpoint first, so
that no step stands there twice.
"""

from __future__ import annotations

import importlib
import uuid
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import orjson

from wellread.errors import InputError
from wellread.storage.files import read_jsonl, storage_errors, write_jsonl
from wellread.train.settings import TrainSettings

METRICS = "metrics.jsonl"
SAMPLES = "samples.jsonl"


class StepLog:
    """A JSONL file whose lines each have a ``step``; lines after step `keep` are dropped."""

    def __init__(self, path: Path, keep: int) -> None:
        self._path = path
        write_jsonl(path, _until(path, keep))
        self._file = path.open("ab")

    def write(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Add lines; they can be read at once."""
        with storage_errors(self._path):
            for record in records:
                self._file.write(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE))
            self._file.flush()

    def close(self) -> None:
        """Write no more."""
        self._file.close()


def _until(path: Path, step: int) -> list[dict[str, Any]]:
    """Lines up to `step`; one that a kill cut off is dropped with those after it."""
    kept: list[dict[str, Any]] = []
    if not path.exists():
        return kept
    try:
        for _, record in read_jsonl(path):
            if int(record["step"]) <= step:
                kept.append(record)
    except (InputError, KeyError, ValueError):
        return kept
    return kept


def is_noted(path: Path, step: int, name: str = "step") -> bool:
    """Whether a line of `step` holds a value of that name."""
    return any(line["step"] == step and name in line for line in _until(path, step))


def read_evaluations(folder: Path) -> Iterator[dict[str, Any]]:
    """The evaluations of a run so far, in order."""
    file = folder / METRICS
    if file.is_file():
        yield from (record for _, record in read_jsonl(file) if "val_loss" in record)


class Tracker(Protocol):
    """Where figures go beside the file."""

    def log(self, values: Mapping[str, float], step: int) -> None:
        """Note the figures of a step."""

    def close(self) -> None:
        """Write what is left."""


class _NoTracker:
    def log(self, values: Mapping[str, float], step: int) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


class _TensorBoard:
    def __init__(self, folder: Path, start: int) -> None:
        module = _library("torch.utils.tensorboard", "tensorboard")
        self._writer = module.SummaryWriter(str(folder / "tensorboard"), purge_step=start + 1)

    def log(self, values: Mapping[str, float], step: int) -> None:
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        self._writer.close()


class _Wandb:
    """One run of Weights & Biases for one folder, taken up again with it."""

    def __init__(self, folder: Path, settings: TrainSettings) -> None:
        module = _library("wandb", "wandb")
        self._run = module.init(
            project="wellread",
            name=settings.run_name or folder.name,
            id=_run_id(folder),
            resume="allow",
            dir=str(folder),
            config=settings.model_dump(mode="json"),
        )

    def log(self, values: Mapping[str, float], step: int) -> None:
        self._run.log(dict(values), step=step)

    def close(self) -> None:
        self._run.finish()


def _run_id(folder: Path) -> str:
    """The same at every call for a folder, so that a run taken up again is one run there."""
    file = folder / "wandb_run_id"
    if not file.is_file():
        file.write_text(uuid.uuid4().hex[:12], encoding="utf-8")
    return file.read_text(encoding="utf-8").strip()


def open_tracker(settings: TrainSettings, folder: Path, start: int) -> Tracker:
    """The tracker of `report_to`, for a run that goes on after step `start`."""
    if settings.report_to == "tensorboard":
        return _TensorBoard(folder, start)
    if settings.report_to == "wandb":
        return _Wandb(folder, settings)
    return _NoTracker()


def _library(module: str, package: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise InputError(
            f"report_to {package} needs {package}, which is not installed",
            hint=f"pip install {package}, or leave --report-to out",
        ) from error
