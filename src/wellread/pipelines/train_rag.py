"""From a knowledge base and base tasks to a dataset to train on.

    knowledge base ─┐
    base tasks ─────┴─attach─> conversations.jsonl ──prepare──> dataset/ ──> wellread train sft

    FOLDER/conversations.jsonl   each with its passages, or with none where none helps
    FOLDER/rejected.jsonl        tasks that were left out, with the reason
    FOLDER/dataset/              as ``wellread prepare`` leaves it
    FOLDER/attached.json         what it was made from, and counts; written last

Made again from the same, it is left as it is, so that a run that was killed goes on. Where no base
task is given, questions lie beside the knowledge base (`queries_train.jsonl`) or are made from its
chunks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from wellread.checks.lexical import LexicalDetector
from wellread.engine.progress import Progress
from wellread.errors import NothingMadeError
from wellread.knowledge.base import KnowledgeBase
from wellread.knowledge.opening import open_knowledge_base
from wellread.pipelines.attach import Attached, AttachSettings, Task, attach_passages
from wellread.pipelines.base_tasks import OWN_QUESTIONS, find_tasks, own_questions, read_tasks
from wellread.pipelines.prepare import prepare_dataset
from wellread.pipelines.prepare_options import PrepareSettings
from wellread.storage.files import (
    JsonlWriter,
    file_sha256,
    fingerprint,
    read_json,
    write_json,
)

CONVERSATIONS = "conversations.jsonl"
REJECTED = "rejected.jsonl"
DATASET = "dataset"
RECORD = "attached.json"
_QUERIES = "queries_train.jsonl"


class RagTaskSettings(AttachSettings):
    """What is attached to what."""

    knowledge_base: str
    """Folder of the knowledge base, or ``BASE@SNAPSHOT``."""
    retriever_type: Literal["simple", "bm25", "dense", "hybrid"] | None = None
    """The retriever; left out, the one it was built for."""
    base_tasks: tuple[str, ...] = ()
    """Files of conversations or questions, their names in `tasks_dir`, or ``own-questions``."""
    tasks_dir: Path = Path("tasks")
    """Where base tasks lie that are given by name."""
    task_samples: int | None = Field(default=None, ge=1)
    """Most of each base task; left out, all."""
    tokenization: str = "bpe"
    """As in `prepare`: gpt2, char or bpe, or the folder of the model to start from."""
    format: str = "auto"
    """How turns are written, as in `prepare`."""
    val_split: float = Field(default=0.1, ge=0, lt=1)
    """Share of conversations for validation."""
    max_seq_len: int = Field(default=4096, ge=0)
    """Tokens of the longest conversation; contexts are shortened to fit."""


@dataclass(frozen=True, slots=True)
class RagTasks:
    """What was made: `kinds` counts conversations by kind, `left_out` tasks by reason."""

    folder: Path
    tasks: list[str]
    kinds: dict[str, int]
    left_out: dict[str, int]
    notices: list[str]
    already_done: bool = False

    @property
    def conversations(self) -> Path:
        """The file of conversations."""
        return self.folder / CONVERSATIONS

    @property
    def dataset(self) -> Path:
        """Where the dataset lies."""
        return self.folder / DATASET


def make_rag_dataset(
    settings: RagTaskSettings, folder: Path, *, progress: Progress | None = None
) -> RagTasks:
    """Attach passages to the base tasks, and prepare them in `folder`.

    Raises KnowledgeBaseError for a knowledge base that is missing, InputError for a task that is,
    and NothingMadeError where no task is left.
    """
    progress = progress or Progress.silent()
    with _opened(settings) as base:
        sources = _sources(settings, base)
        made_from = _identity(settings, base, sources)
        if done := _done(folder, made_from):
            return done
        with progress.stage("attach passages") as bar:
            tasks = chain.from_iterable(_tasks(source, base, settings) for source in sources)
            kinds, left_out = _written(tasks, base, settings, folder, bar.advance)
    _refuse_nothing(folder, kinds, left_out)
    made = prepare_dataset(_preparing(settings, folder), progress=progress, replace=True)
    told: dict[str, Any] = {
        "tasks": [str(source) for source in sources],
        "kinds": dict(sorted(kinds.items())),
        "left_out": dict(sorted(left_out.items())),
        "notices": list(made.notices),
    }
    write_json(folder / RECORD, {"made_from": made_from, **told})
    return RagTasks(folder, **told)


def find_rag_dataset(settings: RagTaskSettings, folder: Path) -> RagTasks | None:
    """What `make_rag_dataset` made of the same settings, or None where it has not yet."""
    with _opened(settings) as base:
        return _done(folder, _identity(settings, base, _sources(settings, base)))


def _opened(settings: RagTaskSettings) -> KnowledgeBase:
    given = {"retriever_type": settings.retriever_type} if settings.retriever_type else {}
    return open_knowledge_base(settings.knowledge_base, **given)


def _preparing(settings: RagTaskSettings, folder: Path) -> PrepareSettings:
    return PrepareSettings(
        input=(folder / CONVERSATIONS,),
        output_dir=folder / DATASET,
        tokenization=settings.tokenization,
        format=settings.format,
        val_split=settings.val_split,
        max_seq_len=settings.max_seq_len,
        seed=settings.seed,
    )


def _sources(settings: RagTaskSettings, base: KnowledgeBase) -> tuple[Path | str, ...]:
    """Files, and the word for the knowledge base's own questions."""
    if settings.base_tasks:
        return tuple(
            name if name == OWN_QUESTIONS else find_tasks(name, settings.tasks_dir)
            for name in settings.base_tasks
        )
    beside = base.folder.parent / _QUERIES
    return (beside,) if beside.is_file() else (OWN_QUESTIONS,)


def _tasks(source: Path | str, base: KnowledgeBase, settings: RagTaskSettings) -> Iterator[Task]:
    if isinstance(source, Path):
        return read_tasks(source, settings.task_samples)
    return own_questions(base, settings.seed, settings.task_samples)


def _written(
    tasks: Iterator[Task],
    base: KnowledgeBase,
    settings: RagTaskSettings,
    folder: Path,
    advance: Any,
) -> tuple[Counter[str], Counter[str]]:
    kinds, left_out = Counter[str](), Counter[str]()
    folder.mkdir(parents=True, exist_ok=True)
    attached = attach_passages(tasks, base.search, LexicalDetector(), settings)
    with JsonlWriter(folder / CONVERSATIONS) as rows, JsonlWriter(folder / REJECTED) as rejected:
        for one in attached:
            advance()
            if isinstance(one, Attached):
                kinds[one.kind] += 1
                rows.write(one.as_row())
            else:
                left_out[one.reason] += 1
                rejected.write(one)
    return kinds, left_out


def _refuse_nothing(folder: Path, kinds: Counter[str], left_out: Counter[str]) -> None:
    if kinds:
        return
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in left_out.items()) or "none"
    raise NothingMadeError(
        f"no base task is left to train on (left out: {reasons})",
        hint=f"the reasons stand in {folder / REJECTED}; give other --base-tasks, or more --top-k",
    )


def _identity(
    settings: RagTaskSettings, base: KnowledgeBase, sources: tuple[Path | str, ...]
) -> str:
    files = [file_sha256(source) if isinstance(source, Path) else source for source in sources]
    told = settings.model_dump(mode="json", exclude={"knowledge_base", "tasks_dir", "base_tasks"})
    return fingerprint([told, files, base.info().fingerprint])


def _done(folder: Path, made_from: str) -> RagTasks | None:
    """What lies in `folder`, where it was made from the same."""
    file = folder / RECORD
    if not file.is_file():
        return None
    noted = read_json(file)
    if noted.pop("made_from", "") != made_from or not (folder / DATASET).is_dir():
        return None
    return RagTasks(folder, **noted, already_done=True)
