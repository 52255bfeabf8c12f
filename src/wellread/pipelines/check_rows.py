"""Files of answers to cases, whatever their form, one at a time and in constant memory.

    examples           rag_examples.jsonl of ``wellread rag-data``: their own passages
    conversations      {"context"?, "messages": […]}, ShareGPT, `retrieval` messages, chat logs
    everything else    RAGTruth, RAGAS-like, SQuAD-like rows: see `wellread.checks.rows`

A conversation gives one case for each answer, named ID/1, ID/2, … where there are several; an
answer may rest on the system prompt and on every context before it. Of an answer with a thought
process only what follows it is checked. A file that is one JSON value (a list of rows, or a SQuAD
file) is read whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson

from wellread.checks.answers import split_reasoning
from wellread.checks.detector import Case
from wellread.checks.rows import CheckRow, is_nested, passage, read_flat, read_nested
from wellread.datasets.contexts import label_of, passage_text, system_parts
from wellread.datasets.conversations import parse_row
from wellread.errors import InputError, RowError
from wellread.pipelines.ragtruth import Sources
from wellread.records import Conversation, Example, Passage, Turn
from wellread.storage.files import json_object, read_lines, read_record

_SNIFF = 1 << 16
_BOM = b"\xef\xbb\xbf"


def read_cases(
    path: Path, *, group_by: str = "", skip: Callable[[RowError], None] | None = None
) -> Iterator[CheckRow]:
    """The cases of a file; rows are grouped by the field `group_by`, examples else by their kind.

    Raises RowError as ``file:line`` for the first bad row, or hands each to `skip` and goes on.
    """
    with Sources(path.with_name("source_info.jsonl")) as sources:
        for where, line, raw in _values(path):
            try:
                value = raw if isinstance(raw, dict) else _object(raw, where, line)
                value = sources.joined(value, where)
                cases = list(_cases(value, where, line))
            except RowError as error:
                if skip is None:
                    raise
                skip(error)
                continue
            yield from _grouped(cases, value, group_by)


def count_lines(path: Path) -> int | None:
    """How many lines a JSONL file has; None for a file that is one JSON value."""
    if _is_whole_json(path):
        return None
    with path.open("rb") as file:
        lines = sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))
    return lines if lines > 1 else None


def _grouped(cases: list[CheckRow], value: Mapping[str, Any], name: str) -> Iterator[CheckRow]:
    for case in cases:
        if name:
            said = value.get(name)
            group = "(none)" if said is None else str(said)[:60]
            yield replace(case, group=group)
        else:
            yield case


def _cases(value: dict[str, Any], where: str, line: int) -> Iterator[CheckRow]:
    if "provenance" in value and "conversation" in value:
        yield from _of_example(value, where, line)
    elif "messages" in value or "conversations" in value:
        row = parse_row(orjson.dumps(value), where, line, with_origin=False)
        if row.conversation is not None:
            yield from _of_conversation(row.id, line, row.conversation, ())
    elif "segments" in value:
        raise RowError(
            "rendered",
            f"{where} the row is rendered text, in which passages and answers cannot be told apart",
            hint="give rag_examples.jsonl, which lies beside it, or the conversations themselves",
        )
    elif is_nested(value):
        yield from read_nested(value, where)
    else:
        yield read_flat(value, where, line)


def _of_example(value: Mapping[str, Any], where: str, line: int) -> Iterator[CheckRow]:
    try:
        example = read_record(Example, value, where)
    except InputError as error:
        raise RowError("not_an_example", error.message) from error
    for row in _of_conversation(example.id, line, example.conversation, example.passages):
        yield CheckRow(row.id, line, row.case, example.kind, by_design=example.kind == "failure")


def _of_conversation(
    identifier: str, line: int, conversation: Conversation, known: tuple[Passage, ...]
) -> Iterator[CheckRow]:
    """A case for each answer; passages are `known`, else read from the turns before it."""
    passages, question = list(known), ""
    answers = sum(turn.role == "assistant" for turn in conversation.turns)
    number = 0
    for turn in conversation.turns:
        if turn.role in {"system", "context"} and not known:
            passages += _passages(turn, len(passages))
        elif turn.role == "user":
            question = turn.content
        elif turn.role == "assistant":
            number += 1
            name = f"{identifier}/{number}" if answers > 1 else identifier
            answer = split_reasoning(turn.content)[1]
            yield CheckRow(name, line, Case(question, tuple(passages), answer))


def _passages(turn: Turn, before: int) -> Iterator[Passage]:
    """The passages laid into a context or a system prompt."""
    parts = turn.parts or (system_parts(turn.content) if turn.role == "system" else ())
    for part in parts:
        text = passage_text(part) if part.rank > 0 else ""
        if text:
            before += 1
            yield passage(text, before, source=label_of(part).source)


def _object(line: bytes, where: str, number: int) -> dict[str, Any]:
    try:
        return json_object(line.removeprefix(_BOM) if number == 1 else line, where)
    except InputError as error:
        raise RowError("not_json", error.message) from error


def _values(path: Path) -> Iterator[tuple[str, int, bytes | dict[str, Any]]]:
    """Where each row stands, its number, and its line or, of a whole JSON file, its object."""
    if not _is_whole_json(path):
        for number, line in read_lines(path):
            yield f"{path}:{number}", number, line
        return
    try:
        value = orjson.loads(path.read_bytes().removeprefix(_BOM))
    except (OSError, orjson.JSONDecodeError) as error:
        raise InputError(
            f"{path}: not readable as JSON ({error})", hint="give JSONL: one JSON object a line"
        ) from error
    rows = value if isinstance(value, list) else [value]
    for number, row in enumerate(rows, start=1):
        place = f"{path} [{number}]" if isinstance(value, list) else f"{path}"
        yield place, number, row if isinstance(row, dict) else orjson.dumps(row)


def _is_whole_json(path: Path) -> bool:
    """Whether the file is one JSON value over several lines, or a list."""
    try:
        with path.open("rb") as file:
            head = file.read(_SNIFF).removeprefix(_BOM).lstrip()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
    if head[:1] == b"[":
        return True
    first, _, more = head.partition(b"\n")
    if first.strip() == b"{":
        return True
    return path.suffix == ".json" and bool(more) and not _is_object(first)


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(orjson.loads(line), dict)
    except orjson.JSONDecodeError:
        return False
