"""Base tasks: what a model is trained on beside, and with, the passages of a knowledge base.

    name or file -> Task: a conversation, or a question with its answer

    conversations   a .jsonl of any form that ``wellread prepare`` reads
    questions       a .jsonl of {"query", "expected_answer", "relevant_docs"?}
    own questions   written from the chunks of the knowledge base by the extractive teacher

A name, such as `SmolTalk`, is a file of that name in the folder of tasks: nothing is downloaded.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from wellread.datasets.conversations import read_conversations
from wellread.errors import InputError, ModelError
from wellread.knowledge.base import KnowledgeBase
from wellread.pipelines.attach import Task
from wellread.records import Chunk, Passage, Turn
from wellread.storage.files import read_jsonl
from wellread.synthesis.extractive.teacher import ExtractiveTeacher
from wellread.synthesis.tasks import RagBrief, Teacher

OWN_QUESTIONS = "own-questions"
_QUESTION = ("query", "question")
_ANSWER = ("expected_answer", "answer")
_RELEVANT = ("relevant_docs", "relevant", "relevant_ids")


def find_tasks(name: str, folder: Path) -> Path:
    """The file that a base task names: a path, or NAME.jsonl in `folder`.

    Raises InputError that says what to give.
    """
    for file in (Path(name), folder / name, folder / f"{name}.jsonl"):
        if file.is_file():
            return file
    lower = f"{name.lower()}.jsonl"
    for file in sorted(folder.glob("*.jsonl")) if folder.is_dir() else ():
        if file.name.lower() == lower:
            return file
    raise InputError(
        f"base task {name!r}: neither a file nor {folder / name}.jsonl",
        hint="nothing is downloaded: save its conversations as a .jsonl there, name a file, or "
        "leave --base-tasks out, and questions are made from the knowledge base",
    )


def read_tasks(file: Path, limit: int | None = None) -> Iterator[Task]:
    """The tasks of a file, at most `limit`; InputError names the line that is wrong."""
    first = next(read_jsonl(file), None)
    if first is None:
        raise InputError(f"{file}: empty", hint="give a .jsonl of conversations or of questions")
    is_questions = _value(first[1], _QUESTION) is not None and "messages" not in first[1]
    return islice(_questions(file) if is_questions else _conversations(file), limit)


def own_questions(
    base: KnowledgeBase, seed: int, limit: int | None = None, teacher: Teacher | None = None
) -> Iterator[Task]:
    """Questions that the chunks of `base` answer, in an order that follows from the seed."""
    writer = teacher or ExtractiveTeacher()

    def lot(chunk_id: str) -> bytes:
        return hashlib.blake2b(f"{seed}\x1f{chunk_id}".encode(), digest_size=8).digest()

    def made() -> Iterator[Task]:
        for chunk_id in sorted(base.chunk_ids(), key=lot):
            yield from asyncio.run(_written(writer, base.chunk(chunk_id)))

    return islice(made(), limit)


async def _written(teacher: Teacher, chunk: Chunk) -> list[Task]:
    """The questions of a chunk; none where it holds nothing to ask for."""
    try:
        if not (await teacher.filter_chunk(chunk)).suitable:
            return []
        brief = RagBrief(chunk, "success", (Passage(chunk, 1.0, 1),), pairs=2)
        pairs = (await teacher.rag_question_answer(brief)).pairs
    except ModelError:
        return []
    return [
        Task(
            f"{chunk.id}/{number}",
            _exchange(pair.question, pair.answer),
            expected=pair.expected_answer or pair.answer,
            relevant=frozenset({chunk.document_id}),
            from_documents=True,
        )
        for number, pair in enumerate(pairs, start=1)
    ]


def _conversations(file: Path) -> Iterator[Task]:
    for row in read_conversations(file):
        if row.conversation is None:
            raise InputError(
                f"{row.where} holds rendered segments, to which nothing can be attached",
                hint="give the conversations that they were rendered from",
            )
        yield Task(f"{file.stem}/{row.id}", row.conversation.turns)


def _questions(file: Path) -> Iterator[Task]:
    for number, row in read_jsonl(file):
        question, answer = _value(row, _QUESTION), _value(row, _ANSWER)
        if not question or not answer:
            missing = "query" if not question else "expected_answer"
            raise InputError(
                f"{file}:{number} no {missing!r}",
                hint='a line is {"query": "…", "expected_answer": "…", "relevant_docs": ["id"]}',
            )
        relevant: Any = next((row[name] for name in _RELEVANT if row.get(name)), [])
        if not isinstance(relevant, list):
            raise InputError(f"{file}:{number} relevant_docs is {relevant!r:.40}; it is a list")
        yield Task(
            f"{file.stem}/{row.get('id', number)}",
            _exchange(question, answer),
            relevant=frozenset(map(str, relevant)),
            from_documents=True,
            cite=True,
        )


def _exchange(question: str, answer: str) -> tuple[Turn, ...]:
    return (Turn("user", question), Turn("assistant", answer, learn=True))


def _value(row: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    value = next((row[name] for name in names if row.get(name)), None)
    return value if isinstance(value, str) else None
