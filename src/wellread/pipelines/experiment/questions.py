"""What an experiment asks, read from the files that hold questions with their answers.

    .json           SQuAD: {"data": [{"title", "paragraphs": [{"context", "qas"}]}]}
    .jsonl          {"context", "question", "answer"} a line; also "answers", "id", "document"
    .jsonl + base   the same without "context"; "relevant" may name chunks of the base

1. Each question gets its gold answers, its document (the unit that intervals redraw) and the text
   that its answers are held against: its own context.
2. Contexts become a knowledge base: a document for each title, a chunk for each context, so that
   retrieval looks through everything and not only through what was asked about.

An empty list of gold answers, or SQuAD's `is_impossible`, marks a question that the context does
not answer: declining is right there.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wellread.checks.reading.words import guess_language
from wellread.errors import InputError
from wellread.knowledge.entries import Pair
from wellread.records import Chunk, Document
from wellread.storage.files import fingerprint, read_jsonl

_FORMATS = "see the formats in docs/experiment.md"
_GAP = "\n\n"


@dataclass(frozen=True, slots=True)
class Asked:
    """One question; `gold` is () where its context does not answer and None where nobody said.

    `chunk_ids` are the chunks that answer, () where they are not known; `context` is their text.
    """

    id: str
    question: str
    gold: tuple[str, ...] | None
    document_id: str
    chunk_ids: tuple[str, ...] = ()
    context: str = ""


@dataclass(frozen=True, slots=True)
class QuestionSet:
    """Questions and the documents that their contexts make up; `language` is that of the texts."""

    questions: tuple[Asked, ...]
    pairs: tuple[Pair, ...]
    language: str
    sha256: str
    source: str


@dataclass(slots=True)
class _Documents:
    """Contexts as they come, by document, each once."""

    contexts: dict[str, dict[str, Chunk]] = field(default_factory=dict)
    lengths: dict[str, int] = field(default_factory=dict)

    def place(self, document_id: str, title: str, context: str) -> Chunk:
        """The chunk of `context` in its document, at the place of its first occurrence."""
        chunks = self.contexts.setdefault(document_id, {})
        if context not in chunks:
            start = self.lengths.get(document_id, -len(_GAP)) + len(_GAP)
            end = self.lengths[document_id] = start + len(context)
            chunk_id = f"{document_id}#{start}-{end}"
            chunks[context] = Chunk(
                chunk_id, document_id, context, start, end, title=title, source=title
            )
        return chunks[context]

    def pairs(self) -> Iterator[Pair]:
        """Each document with its chunks, as a knowledge base takes them."""
        for document_id, chunks in self.contexts.items():
            own = tuple(chunks.values())
            text = _GAP.join(chunk.text for chunk in own)
            yield Document(document_id, text, own[0].title, own[0].source), own


def read_questions(path: Path) -> QuestionSet:
    """The questions of `path`; InputError names the place of what is wrong."""
    if not path.is_file():
        raise InputError(f"{path}: no such file of questions", hint=_FORMATS)
    documents = _Documents()
    rows = _squad(path) if path.suffix == ".json" else read_rows(path)
    questions: list[Asked] = []
    seen: set[str] = set()
    for where, row in rows:
        asked = _asked(row, where, documents)
        if asked.id in seen:
            raise InputError(f"{where} question id {asked.id!r} occurs twice")
        seen.add(asked.id)
        questions.append(asked)
    if not questions:
        raise InputError(f"{path}: no questions in it", hint=_FORMATS)
    with_context = sum(bool(asked.context) for asked in questions)
    if 0 < with_context < len(questions):
        raise InputError(
            f"{path}: {with_context:,} of {len(questions):,} questions have a context",
            hint="give each question its context, or none, and name a --knowledge-base",
        )
    sample = " ".join(asked.context or asked.question for asked in questions[:50])
    return QuestionSet(
        tuple(questions),
        tuple(documents.pairs()),
        guess_language(sample),
        fingerprint([_as_json(asked) for asked in questions]),
        str(path),
    )


def _as_json(asked: Asked) -> list[Any]:
    return [asked.id, asked.question, asked.gold, asked.document_id, asked.context]


def read_rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Rows of a JSONL file with the place of each."""
    for number, row in read_jsonl(path):
        yield f"{path}:{number}", {"id": f"line {number}", **_without_nothing(row)}


def _without_nothing(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if value is not None}


def _squad(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Questions of a file like SQuAD's as rows; one title is one document."""
    try:
        value = json.loads(path.read_text(encoding="utf-8-sig"))
        for a, article in enumerate(value["data"]):
            title = str(article.get("title") or f"article {a}")
            for p, paragraph in enumerate(article["paragraphs"]):
                for q, qa in enumerate(paragraph["qas"]):
                    where = f"{path}: data[{a}].paragraphs[{p}].qas[{q}]"
                    own = {"context": paragraph["context"], "document": title}
                    answers = [] if qa.get("is_impossible") else qa["answers"]
                    yield where, {"id": f"{a}.{p}.{q}", **qa, **own, "answers": answers}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: not a file like SQuAD's ({error!r})", hint=_FORMATS) from error


def _asked(row: Mapping[str, Any], where: str, documents: _Documents) -> Asked:
    question = _text(row, "question", where)
    if not question.strip():
        raise InputError(f"{where} the question is empty", hint=_FORMATS)
    context = _text(row, "context", where) if "context" in row else ""
    gold = _gold(row, where)
    title = _plain(str(row.get("document") or row.get("title") or row.get("document_id") or ""))
    if not context.strip():
        if "context" in row:
            raise InputError(f"{where} the context is empty", hint=_FORMATS)
        ids = _relevant(row, where)
        document_id = title or (ids[0].partition("#")[0] if ids else str(row["id"]))
        return Asked(str(row["id"]), question, gold, document_id, ids)
    # Without a title a context is a document of its own.
    document_id = title or f"context-{hashlib.sha256(context.encode()).hexdigest()[:12]}"
    chunk = documents.place(document_id, title, context)
    return Asked(str(row["id"]), question, gold, document_id, (chunk.id,), context)


def _text(row: Mapping[str, Any], key: str, where: str) -> str:
    value = row.get(key)
    if not isinstance(value, str):
        raise InputError(f"{where} no text under {key!r}", hint=_FORMATS)
    return _plain(value)


def _plain(text: str) -> str:
    """Without lone surrogates, which no file or server could hold in the middle of the run."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _gold(row: Mapping[str, Any], where: str) -> tuple[str, ...] | None:
    """Gold answers, each once; None where the row has no word on them."""
    value = row.get("answers", row.get("answer"))
    if value is None:
        return None
    if isinstance(value, Mapping):  # {"text": [...], "answer_start": [...]}
        value = value.get("text", [])
    values = value if isinstance(value, list) else [value]
    texts = [one.get("text") if isinstance(one, Mapping) else one for one in values]
    known = [text for text in texts if isinstance(text, str)]
    if len(known) < len(texts):
        raise InputError(f"{where} the answers are {value!r:.80}, not texts", hint=_FORMATS)
    return tuple(dict.fromkeys(_plain(text) for text in known if text.strip()))


def _relevant(row: Mapping[str, Any], where: str) -> tuple[str, ...]:
    value = row.get("relevant", [])
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not all(isinstance(one, str) for one in values):
        raise InputError(f"{where} 'relevant' is {value!r:.80}, not a list of ids", hint=_FORMATS)
    return tuple(values)


def documents_in(questions: Iterable[Asked]) -> int:
    """How many documents the questions are about."""
    return len({asked.document_id for asked in questions})
