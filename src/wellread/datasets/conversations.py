"""Files of conversations, of five forms, to rows; each mistake with its file and line.

    messages        {"system"?, "context"?, "messages": [{"role", "content"}, …]}, and such
                    with a `retrieval` message
    ShareGPT        {"conversations": [{"from": "human" | "gpt" | "system", "value"}, …]}
    examples        what ``wellread rag-data`` writes to rag_examples.jsonl
    segments        {"segments": [{"label", "text"}, …]}: text that is rendered already

A row also knows what it rests on, so that a split can keep that on one side: documents it names
itself, else those its answers cite, else those of all its passages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from wellread.datasets.contexts import system_parts
from wellread.datasets.messages import checked, conversation_of, refuse_misspelt
from wellread.datasets.sharegpt import conversation_of_sharegpt
from wellread.datasets.sources import Origin, origin_of
from wellread.errors import InputError, RowError
from wellread.records import Conversation, Example, Segment, Turn
from wellread.storage.files import json_object, read_lines, read_record

_FORMS = "messages, conversations (ShareGPT), segments, or an example of wellread rag-data"


@dataclass(frozen=True, slots=True)
class Row:
    """One conversation of a file, or the rendered `segments` of one.

    `where` is ``file:line``.
    """

    where: str
    line: int
    id: str
    conversation: Conversation | None = None
    segments: tuple[Segment, ...] = ()
    origin: Origin = field(default_factory=Origin)

    @property
    def group(self) -> str:
        """The first document it rests on, or ""."""
        return next(iter(self.origin.documents), "")


def read_conversations(
    path: Path, *, skip: Callable[[RowError], None] | None = None
) -> Iterator[Row]:
    """The rows of a JSONL file, one at a time.

    Raises RowError for the first bad row, or hands each to `skip` and goes on.
    """
    for number, line in read_lines(path):
        try:
            yield parse_row(line, f"{path}:{number}", number)
        except RowError as error:
            if skip is None:
                raise
            skip(error)


def parse_row(line: bytes, where: str, number: int, *, with_origin: bool = True) -> Row:
    """The row of one line; RowError starts with `where`.

    Without `with_origin` it is not asked what the row rests on, which takes as long as the rest.
    """
    try:
        value = json_object(line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line, where)
    except InputError as error:
        hint = "write one object a line; a list is not read" if line[:1] == b"[" else ""
        raise RowError("not_json", error.message, hint=hint) from error
    if "segments" in value:
        return _of_segments(value, where, number, with_origin)
    if "provenance" in value and "conversation" in value:
        return _of_example(value, where, number)
    if "messages" in value:
        conversation = conversation_of(value, where)
    elif "conversations" in value:
        conversation = conversation_of_sharegpt(value, where)
    else:
        refuse_misspelt(value, where)
        keys = ", ".join(map(repr, list(value)[:8])) or "nothing"
        raise RowError(
            "unknown_form", f"{where} no conversation: the row holds {keys}", hint=f"give {_FORMS}"
        )
    origin = origin_of(value, conversation) if with_origin else Origin()
    return Row(where, number, _id(value, number), conversation, origin=origin)


def _of_example(value: Mapping[str, Any], where: str, number: int) -> Row:
    try:
        example = read_record(Example, value, where)
    except InputError as error:
        raise RowError("not_an_example", error.message) from error
    turns = list(example.conversation.turns)
    ranks = [passage.rank for passage in example.passages]
    if turns and turns[0].role == "system":
        parts = system_parts(turns[0].content, ranks)
        turns[0] = replace(turns[0], parts=parts)
    conversation = checked(turns, where)
    return Row(where, number, example.id, conversation, origin=_origin(example, conversation))


def _origin(example: Example, conversation: Conversation) -> Origin:
    """An example says what it is about, also where its context leaves that out."""
    about = example.provenance
    gold = tuple(p.chunk.text for p in example.passages if p.id == about.chunk_id)
    asked = tuple(turn.content for turn in conversation.turns if turn.role == "user")
    return Origin((about.document_id,), (about.chunk_id,), gold or asked[-1:])


def _of_segments(value: Mapping[str, Any], where: str, number: int, with_origin: bool) -> Row:
    found = value["segments"]
    if not isinstance(found, list) or not found:
        raise RowError(
            "no_segments", f'{where} segments is {found!r:.40}; it is [{{"label", "text"}}, …]'
        )
    segments = tuple(_segment(s, f"{where} segments[{place}]") for place, s in enumerate(found))
    if not any(segment.label and segment.text for segment in segments):
        raise RowError("nothing_learned", f"{where} no segment has label: true")
    origin = origin_of(value, _unrendered(segments)) if with_origin else Origin()
    return Row(where, number, _id(value, number), segments=segments, origin=origin)


def _unrendered(segments: Iterable[Segment]) -> Conversation:
    """What was read and what was learned, as far as it matters to where a row comes from."""
    read = "".join(segment.text for segment in segments if not segment.label)
    learned = (Turn("assistant", segment.text) for segment in segments if segment.label)
    return Conversation((Turn("user", read, parts=system_parts(read)), *learned))


def _segment(value: Any, where: str) -> Segment:
    if not isinstance(value, dict) or not isinstance(value.get("text"), str):
        raise RowError("not_text", f"{where} has no text: {value!r:.40}")
    label = value.get("label", False)
    if not isinstance(label, bool):
        raise RowError("bad_weight", f"{where} label is {label!r:.40}; it is true or false")
    return Segment(value["text"], label, str(value.get("role", "")))


def _id(value: Mapping[str, Any], number: int) -> str:
    identifier = value.get("id")
    return str(identifier) if isinstance(identifier, str | int) else f"line {number}"
