"""Supervised fine-tuning from a knowledge base: its dataset first, then the training itself.

    settings with a dataset_dir ───────────────────────────> wellread.train.sft
    settings with a knowledge base ──make_rag_dataset──┘     (its dataset, in the output folder)

Without --output-dir and --model-name such a model is `rag`, which `load_model("rag")` finds.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator, model_validator

from wellread.chat.models import model_folders
from wellread.engine.progress import Progress
from wellread.errors import InputError
from wellread.pipelines.train_rag import (
    REJECTED,
    RagTasks,
    RagTaskSettings,
    find_rag_dataset,
    make_rag_dataset,
)
from wellread.train.settings import TrainSettings

BASE_TASKS = "base_tasks"
DEFAULT_NAME = "rag"
_TASK_OPTIONS = (
    "base_tasks", "tasks_dir", "task_samples", "distractor_share", "no_answer_share", "val_split",
    "format",
)  # fmt: skip
_KINDS = {
    "useful": "with useful passages alone",
    "among": "with a useful passage among others",
    "no_answer": "with passages that do not answer",
    "plain": "without passages",
}
_POLL_S = 0.5
_PATIENCE_S = 3600.0
Tell = Callable[[str], None]


class RagTrainSettings(TrainSettings):
    """Options of ``wellread train sft``, with those of a dataset that a knowledge base makes."""

    dataset_dir: Path | None = None  # type: ignore[assignment]  # made of the knowledge base
    """Folder that ``wellread prepare`` wrote; left out, one is made of the knowledge base."""
    base_tasks: tuple[str, ...] = ()
    """Files of conversations or questions that passages are attached to, or their names in
    `tasks_dir`; left out, the knowledge base's own questions."""
    tasks_dir: Path = Path("tasks")
    """Where base tasks lie that are given by name."""
    task_samples: int | None = Field(default=None, ge=1)
    """Most of each base task; left out, all."""
    distractor_share: float = Field(default=0.6, ge=0, le=1)
    """Of the answers that a passage supports: share with unrelated passages around it."""
    no_answer_share: float = Field(default=0.2, ge=0, le=1)
    """Of them: share shown with unrelated passages only, and an answer that declines."""
    tokenization: str | None = None
    """As in `prepare`; left out, that of the model to start from, and bpe for a new one."""
    format: str = "auto"
    """How turns are written, as in `prepare`."""
    val_split: float = Field(default=0.1, ge=0, lt=1)
    """Share of the conversations for validation."""

    @model_validator(mode="before")
    @classmethod
    def _named(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("knowledge_base") and not given.get("dataset_dir"):
            named = given.get("output_dir") or given.get("model_name")
            return given if named else {**given, "model_name": DEFAULT_NAME}
        return given

    @field_validator("base_tasks", mode="before")
    @classmethod
    def _by_commas(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("init_from")
    @classmethod
    def _by_name(cls, name: str | None) -> str | None:
        """A model below ``models/`` may be given by its name alone."""
        if not name or Path(name).exists():
            return name
        places = (folder / name for folder in model_folders())
        return next((str(place) for place in places if place.is_dir()), name)

    @model_validator(mode="after")
    def _has_data(self) -> RagTrainSettings:
        if self.dataset_dir is None and not self.knowledge_base:
            raise ValueError(
                "give dataset_dir, a folder of `wellread prepare`, or knowledge_base, which a "
                "dataset is made of"
            )
        return self

    def for_training(self, dataset: Path) -> TrainSettings:
        """The options of the training alone, on `dataset`."""
        own = {name: getattr(self, name) for name in TrainSettings.model_fields}
        return TrainSettings(**{**own, "dataset_dir": dataset})

    def tasks(self) -> RagTaskSettings:
        """The options of the dataset that the knowledge base makes."""
        shared = {name: getattr(self, name) for name in _TASK_OPTIONS}
        optional = {"top_k": self.top_k, "max_seq_len": self.max_seq_len}
        told = {
            **shared,
            **{name: value for name, value in optional.items() if value is not None},
            "knowledge_base": self.knowledge_base or "",
            "retriever_type": self.retriever_type,
            "tokenization": self.tokenization or self.init_from or "bpe",
            "seed": self.seed,
        }
        return RagTaskSettings.model_validate(told)


def training_settings(
    settings: RagTrainSettings,
    folder: Path | None = None,
    *,
    progress: Progress | None = None,
    tell: Tell | None = None,
) -> TrainSettings:
    """Settings to train with; where no dataset is given, it is made of the knowledge base first.

    It goes to `folder`, and where none is named to one in the output folder. Under torchrun the
    first process makes it, and the others wait for it.
    """
    if settings.dataset_dir is not None:
        return settings.for_training(settings.dataset_dir)
    folder = folder or settings.folder / BASE_TASKS
    if os.environ.get("RANK", "0") != "0":
        return settings.for_training(_awaited(settings.tasks(), folder).dataset)
    made = make_rag_dataset(settings.tasks(), folder, progress=progress)
    if tell:
        _tell(made, tell)
    return settings.for_training(made.dataset)


def _tell(made: RagTasks, tell: Tell) -> None:
    kinds = ", ".join(f"{count:,} {_KINDS[kind]}" for kind, count in made.kinds.items())
    left = ", ".join(f"{count:,} {reason}" for reason, count in made.left_out.items())
    tell(f"Base tasks: {', '.join(made.tasks)}")
    tell(f"Conversations in {made.conversations}: {kinds}")
    if left:
        tell(f"Left out, see {made.folder / REJECTED}: {left}")
    for notice in made.notices:
        tell(notice)


def _awaited(settings: RagTaskSettings, folder: Path) -> RagTasks:
    waited = 0.0
    while waited < _PATIENCE_S:
        if made := find_rag_dataset(settings, folder):
            return made
        time.sleep(_POLL_S)
        waited += _POLL_S
    raise InputError(f"{folder}: the first process made no dataset within an hour")
