"""Questions with right answers, to calibrate with: from documents, a knowledge base, or a file.

    folder or document ─> chunks ┐    facts of the extractive teacher: one right answer each
    knowledge base ────> chunks ─┴─>  statements and accounts: one to four sentences of a chunk
    .jsonl or .json with questions, passages and answers ─>  those answers, taken to be right

Chunks are drawn evenly over the documents. Rows whose labels call the answer wrong are left out.
"""

from __future__ import annotations

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from wellread.checks.planting.items import Item, items_from_chunks, lot
from wellread.checks.rows import CheckRow
from wellread.errors import InputError, RowError
from wellread.ingest.chunk import split
from wellread.ingest.duplicates import DuplicateIndex
from wellread.ingest.read import read_file, read_folder
from wellread.ingest.settings import IngestSettings
from wellread.knowledge.base import KnowledgeBase
from wellread.knowledge.manifest import exists as is_knowledge_base
from wellread.knowledge.snapshots import locate
from wellread.pipelines.check_rows import read_cases
from wellread.records import Chunk, Rejection
from wellread.storage.files import read_jsonl
from wellread.synthesis.extractive import extract

_ROWS = (".jsonl", ".json")
_FACTS = 3


class Gathered(NamedTuple):
    """The items, what they were made from, and what was left out, by reason."""

    items: tuple[Item, ...]
    made_from: str
    left_out: dict[str, int]


def gather(source: Path, *, most: int, seed: int, chunk_size: int) -> Gathered:
    """Items from `source`, of at most `most` chunks or rows.

    Raises InputError where nothing is there, or nothing to make items from.
    """
    require(source)
    folder = locate(source)
    left_out: Counter[str] = Counter()
    if is_knowledge_base(folder):
        with KnowledgeBase.open(folder) as base:
            items = _from_chunks(_distinct(base.chunks(), left_out), most, seed)
        made_from = "a knowledge base"
    elif source.is_file() and source.suffix.lower() in _ROWS and not _holds_documents(source):
        items = list(_from_rows(source, most, seed, left_out))
        made_from = "questions and answers"
    else:
        chunks = _chunks(source, chunk_size, left_out)
        items = _from_chunks(_distinct(chunks, left_out), most, seed)
        made_from = "documents"
    if not items:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in left_out.items())
        raise InputError(
            f"{source}: no sentence or answer to make cases from"
            + (f" ({reasons})" * bool(reasons))
        )
    return Gathered(tuple(items), made_from, dict(left_out))


def require(source: Path) -> None:
    """Raise InputError where nothing is there."""
    if not locate(source).exists():
        raise InputError(
            f"{source}: no such file or folder",
            hint="give documents, a knowledge base, or a .jsonl of questions, contexts and answers",
        )


def _holds_documents(path: Path) -> bool:
    """Whether the first line is a document, as `wellread read` writes it."""
    try:
        return next(({"id", "text"} <= row.keys() for _, row in read_jsonl(path)), False)
    except InputError:
        return False


def _chunks(source: Path, chunk_size: int, left_out: Counter[str]) -> Iterator[Chunk]:
    settings = IngestSettings(chunk_size=chunk_size, min_chunk_tokens=min(24, chunk_size // 2))
    read = read_folder(source, settings) if source.is_dir() else read_file(source, settings)
    for document in read:
        if isinstance(document, Rejection):
            left_out[document.reason] += 1
            continue
        for piece in split(document, settings):
            if isinstance(piece, Rejection):
                left_out[piece.reason] += 1
            else:
                yield piece


def _distinct(chunks: Iterable[Chunk], left_out: Counter[str]) -> Iterator[Chunk]:
    """Without near-duplicates: held-out documents must not hold what was fitted on."""
    with DuplicateIndex() as seen:
        for chunk in chunks:
            if seen.add(chunk) is None:
                yield chunk
            else:
                left_out["near_duplicate"] += 1


def _from_chunks(chunks: Iterable[Chunk], most: int, seed: int) -> list[Item]:
    drawn = _drawn(chunks, most, seed)
    made = list(items_from_chunks(drawn, seed))
    shown: dict[str, Item] = {}
    for item in made:
        shown.setdefault(item.chunk.id, item)
    return [*_facts(drawn, shown, seed), *_without_gaps(made, drawn)]


def _facts(chunks: Sequence[Chunk], shown: dict[str, Item], seed: int) -> Iterator[Item]:
    """Facts that the extractive teacher can ask for, half of them answered in a full sentence."""
    for chunk in chunks:
        if chunk.id not in shown:
            continue
        facts = extract(chunk)
        random = lot(seed, "facts", chunk.id)
        for at in random.permutation(len(facts))[:_FACTS]:
            fact = facts[int(at)]
            like = shown[chunk.id]
            full = bool(random.integers(2)) and fact.statement.strip() != ""
            answer, other = fact.answer, fact.statement
            if full:
                answer, other = other, answer
            yield dataclasses.replace(
                like, question=fact.question, answer=answer, accepted=(other,), exact=True
            )


def _without_gaps(items: Sequence[Item], chunks: Sequence[Chunk]) -> Iterator[Item]:
    """Questions with a gap stand in where the teacher finds no facts, as in other languages."""
    asked = {chunk.id for chunk in chunks if extract(chunk)}
    return (item for item in items if not item.exact or item.chunk.id not in asked)


def _drawn(chunks: Iterable[Chunk], most: int, seed: int) -> list[Chunk]:
    """At most `most` chunks, as many of each document as of any other, in their own order."""
    by_document: dict[str, list[tuple[float, int, Chunk]]] = defaultdict(list)
    for at, chunk in enumerate(chunks):
        by_document[chunk.document_id].append((lot(seed, chunk.id).random(), at, chunk))
    ranked = [
        (rank, number, one)
        for own in by_document.values()
        for rank, (number, one) in enumerate((at, one) for _, at, one in sorted(own, key=_drawn_at))
    ]
    ranked.sort(key=lambda row: row[:2])
    return [one for _, _, one in sorted(ranked[:most], key=lambda row: row[1])]


def _drawn_at(row: tuple[float, int, object]) -> tuple[float, int]:
    return row[:2]


def _from_rows(path: Path, most: int, seed: int, left_out: Counter[str]) -> Iterator[Item]:
    def skip(error: RowError) -> None:
        left_out[error.reason] += 1

    rows: list[tuple[float, int, CheckRow]] = []
    for row in read_cases(path, skip=skip):
        if row.gold is not None and not row.gold.supported:
            left_out["labelled_wrong"] += 1
        elif not row.case.answer.strip() or not row.case.passages:
            left_out["empty"] += 1
        else:
            rows.append((lot(seed, row.id).random(), len(rows), row))
    for _, _, row in sorted(sorted(rows, key=_drawn_at)[:most], key=lambda one: one[1]):
        yield _item(row)


def _item(row: CheckRow) -> Item:
    """The row as an item; without names of documents its passages tell the rows apart."""
    passages = sorted(row.case.passages, key=lambda passage: passage.rank)
    chunks = tuple(_named(passage.chunk) for passage in passages)
    gold = max(range(len(chunks)), key=lambda at: _overlap(row.case.answer, chunks[at].text))
    return Item(row.case.question, row.case.answer, chunks, gold, exact=bool(row.case.question))


def _named(chunk: Chunk) -> Chunk:
    """A chunk named by its text where the file gives it no name of its own."""
    if not chunk.document_id.startswith("passage "):
        return chunk
    name = f"text {lot(0, chunk.text).integers(1 << 40):x}"
    return dataclasses.replace(chunk, id=name, document_id=name)


def _overlap(answer: str, text: str) -> int:
    words = set(text.casefold().split())
    return sum(word in words for word in answer.casefold().split())
