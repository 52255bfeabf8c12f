"""What a conversation rests on: the passages that its answers cite, and the documents of these.

An answer cites a passage by its label (`[3]`, `Chunk 3`), by the name of its source, or by saying
what stands in it and nothing else. Where none is cited, all count.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wellread.datasets.contexts import label_of, passage_text
from wellread.records import ContextPart, Conversation, Turn

_LABELS = re.compile(
    r"\[(?:chunk |passage |source |doc(?:ument)? )?\d{1,3}(?:\s?[,;–-]\s?\d{1,3})*\]"
    r"|\b(?:chunks?|passages?|sources?|documents?|excerpts?|textstellen?|quellen?|passagen?)"
    r"\s[#(]?\d{1,3}\b(?:\s?(?:,|and|und|&|or|oder)\s\d{1,3}\b)*",
    re.IGNORECASE,
)
_NUMBERS = re.compile(r"\d+")
_EXPLICIT = ("document_id", "source", "document", "file", "filename")
_SHORTEST_NAME = 3
_UNSPACED = "\u3040"

# The turn and the part of it.
Place = tuple[int, int]


def passages_of(conversation: Conversation) -> dict[Place, ContextPart]:
    """Every passage of the conversation, by its place."""
    return {
        (at, number): part
        for at, turn in enumerate(conversation.turns)
        for number, part in enumerate(turn.parts)
        if part.rank
    }


def cited(conversation: Conversation) -> frozenset[Place]:
    """The passages that answers cite; a number means the passages shown last before it."""
    found: set[Place] = set()
    shown = [at for at, turn in enumerate(conversation.turns) if any(p.rank for p in turn.parts)]
    for at, following in zip(shown, [*shown[1:], len(conversation.turns)], strict=False):
        near = _answers(conversation.turns[at:following])
        later = near + _answers(conversation.turns[following:])
        found.update((at, number) for number in _cited_parts(conversation.turns[at], near, later))
    return frozenset(found)


@dataclass(frozen=True, slots=True)
class Origin:
    """What a row rests on: names of documents, passages more finely, and texts to compare.

    Each is empty where the row doesn't say; the texts of two rows that nearly repeat each other
    put both on one side of a split.
    """

    documents: tuple[str, ...] = ()
    passages: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()


def origin_of(row: Mapping[str, Any], conversation: Conversation) -> Origin:
    """Documents that a row names, else those of the passages it cites, else of all of them."""
    shown = passages_of(conversation)
    is_cited = cited(conversation)
    parts = [shown[place] for place in sorted(is_cited or shown)]
    sources = dict.fromkeys(s for part in parts if (s := label_of(part).source))
    texts = tuple(passage_text(part) for part in parts)
    asked = (turn.content for turn in conversation.turns if turn.role == "user")
    return Origin(
        documents=tuple(_named(row)) or tuple(sources),
        passages=tuple(dict.fromkeys(map(digest, texts))),
        texts=texts if is_cited else ("\n".join((*texts, *asked)),),
    )


def digest(text: str) -> str:
    """A short hash of a text; case and white space do not count."""
    folded = " ".join(text.casefold().split())
    return hashlib.blake2b(folded.encode("utf-8", "replace"), digest_size=12).hexdigest()


def _named(row: Mapping[str, Any]) -> Iterator[str]:
    """The document that a row names for itself, at its top or in its metadata."""
    metadata = row.get("metadata")
    for holder in (row, metadata if isinstance(metadata, dict) else {}):
        for name in _EXPLICIT:
            value = holder.get(name)
            if isinstance(value, str | int) and str(value).strip():
                yield str(value)
                return


def _answers(turns: Sequence[Turn]) -> list[str]:
    return [turn.content for turn in turns if turn.role == "assistant"]


def _cited_parts(turn: Turn, near: Sequence[str], later: Sequence[str]) -> Iterator[int]:
    numbers = {
        int(number)
        for answer in near
        for label in _LABELS.findall(answer)
        for number in _NUMBERS.findall(label)
    }
    told = "\n".join(later).casefold()
    for place, part in enumerate(turn.parts):
        number, source = label_of(part)
        if part.rank and ((number and number in numbers) or _names(told, source)):
            yield place
    quoted = (_quoted(turn, answer) for answer in near)
    yield from (place for place in quoted if place is not None)


def _names(told: str, source: str) -> bool:
    names = {source.casefold(), source.casefold().rsplit("/", 1)[-1]}
    return any(len(name) >= _SHORTEST_NAME and _stands_in(name, told) for name in names)


def _quoted(turn: Turn, answer: str) -> int | None:
    """The best passage in which the whole answer stands, as in extractive question answering."""
    said = _LABELS.sub("", answer).strip().rstrip(".").strip().casefold()
    holding = [
        (part.rank, place)
        for place, part in enumerate(turn.parts)
        if said and part.rank and _stands_in(said, part.text.casefold())
    ]
    return min(holding)[1] if holding else None


def _stands_in(said: str, text: str) -> bool:
    """Whether `said` stands in `text` as whole words."""
    start = text.find(said)
    while start >= 0:
        end = start + len(said)
        before, after = text[start - 1 : start], text[end : end + 1]
        if not (_goes_on(before, said[0]) or _goes_on(after, said[-1])):
            return True
        start = text.find(said, start + 1)
    return False


def _goes_on(neighbour: str, end: str) -> bool:
    """Whether a word goes on beyond its match; Chinese and its like put no space between words."""
    return neighbour.isalnum() and end.isalnum() and neighbour < _UNSPACED
