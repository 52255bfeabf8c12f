"""The made-up world as files.

    FOLDER/documents/pumps.jsonl …   id, text, source: a sentence a row, held-out names only
    FOLDER/questions.jsonl           question, answer or null, fact_id or ""
    FOLDER/lesson-1.jsonl …          easier conversations to begin with, see `LESSONS`
    FOLDER/train.jsonl               conversations about passages with training names only
    FOLDER/val.jsonl                 the same with held-out names, one question each
    FOLDER/manifest.json             written last

Every row of conversations has its own source of randomness, drawn from the seed, the file and its
number, so that more rows leave the first ones as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wellread.errors import InputError
from wellread.pipelines.world import (
    LESSONS,
    Fact,
    Lesson,
    Question,
    WorldSettings,
    draw_world,
    final_lesson,
    passages_row,
    training_row,
    world_questions,
)
from wellread.pipelines.world_forms import KINDS
from wellread.storage.files import (
    MANIFEST,
    JsonlWriter,
    read_jsonl,
    read_record,
    write_manifest,
)

DOCUMENTS = "documents"
QUESTIONS = "questions.jsonl"
TRAIN = "train.jsonl"
VAL = "val.jsonl"


@dataclass(frozen=True, slots=True)
class WorldFiles:
    """What was written: rows of each file, by its path below `folder`."""

    folder: Path
    rows: dict[str, int]


def write_world(folder: Path, settings: WorldSettings, *, replace: bool = False) -> WorldFiles:
    """Write the world to `folder`.

    Raises InputError where something lies there already that is not a world, or is one and may not
    be replaced.
    """
    _refuse_existing(folder, replace=replace)
    world = draw_world(settings)
    files: dict[str, Iterable[Any]] = {
        **document_rows(world.facts),
        QUESTIONS: (asdict(question) for question in world_questions(settings, world)),
        **{
            f"lesson-{number}.jsonl": _training(settings, 10 + number, lesson, settings.lessons)
            for number, lesson in enumerate(LESSONS, start=1)
        },
        TRAIN: _training(settings, 4, final_lesson(settings), settings.conversations),
        VAL: _held_out(settings),
    }
    rows: dict[str, int] = {}
    for name, records in files.items():
        with JsonlWriter(folder / name) as writer:
            for record in records:
                writer.write(record)
        rows[name] = writer.rows
    write_manifest(
        folder,
        config=settings.model_dump(mode="json"),
        inputs={},
        counts=rows,
        outputs=[folder / name for name in files],
    )
    return WorldFiles(folder, rows)


def document_rows(facts: Iterable[Fact]) -> dict[str, list[dict[str, str]]]:
    """The rows of each file of documents, by its path."""
    files: dict[str, list[dict[str, str]]] = {
        f"{DOCUMENTS}/{kind.source}.jsonl": [] for kind in KINDS
    }
    for fact in facts:
        row = {"id": fact.id, "text": fact.text, "source": fact.kind.source}
        files[f"{DOCUMENTS}/{fact.kind.source}.jsonl"].append(row)
    return files


def read_questions(file: Path) -> list[Question]:
    """The questions that `write_world` wrote; InputError names a line that is none."""
    return [read_record(Question, row, f"{file}:{line}") for line, row in read_jsonl(file)]


def _training(
    settings: WorldSettings, stream: int, lesson: Lesson, count: int
) -> Iterator[dict[str, Any]]:
    return (training_row(_rng(settings, stream, number), lesson) for number in range(count))


def _held_out(settings: WorldSettings) -> Iterator[dict[str, Any]]:
    lesson = final_lesson(settings)._replace(questions=1)
    for number in range(settings.val_conversations):
        yield passages_row(_rng(settings, 5, number), lesson, held_out=True)


def _rng(settings: WorldSettings, stream: int, number: int) -> np.random.Generator:
    return np.random.default_rng([settings.seed, stream, number])


def _refuse_existing(folder: Path, *, replace: bool) -> None:
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    if not folder.is_dir() or not (folder / MANIFEST).is_file():
        raise InputError(f"{folder} exists and is not a world", hint="choose another folder")
    if not replace:
        raise InputError(
            f"{folder} already holds a world", hint="choose another folder, or use --replace"
        )
