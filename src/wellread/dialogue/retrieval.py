"""The `retrieval` message of a conversation: what it looks like, and its text in a prompt.

    {"role": "retrieval", "documents": [{"id", "title", "content", "source", "score", …}, …]}
    {"role": "retrieval", "multi_hop": true,
     "hops": [{"hop": 1, "query": "…", "documents": [ … ]}, …]}

A person's or a program's file may hold it, so it is checked here before it becomes passages.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from wellread.dialogue.escape import escape
from wellread.dialogue.passages import NO_PASSAGES, PassageForm, render_passages
from wellread.errors import InputError
from wellread.records import Chunk, Hop, Passage

ROLE = "retrieval"


def retrieval_message(passages: Iterable[Passage]) -> dict[str, Any]:
    """The message that holds these passages."""
    return {"role": ROLE, "documents": [passage.to_dict() for passage in passages]}


def hops_of(message: Mapping[str, Any]) -> tuple[Hop, ...]:
    """The passages of a `retrieval` message by hop; one hop without a query for the plain form.

    Raises InputError for a message of neither form.
    """
    if message.get("multi_hop"):
        hops = _list(message, "hops")
        return tuple(Hop(str(hop.get("query", "")), _passages(hop)) for hop in hops)
    return (Hop("", _passages(message)),)


def render_retrieval(
    message: Mapping[str, Any], form: PassageForm = "numbered", markers: Iterable[str] = ()
) -> str:
    """The text of a `retrieval` message in a prompt, safe against control tokens in documents.

    Passages are numbered through all hops. `markers` are those of the chat format in use.

    >>> document = {"id": "a", "content": "Foxes are omnivores.", "source": "facts.txt"}
    >>> render_retrieval({"role": "retrieval", "documents": [document]})
    '[1] (facts.txt) Foxes are omnivores.'
    """
    hops = hops_of(message)
    number, parts = 1, list[str]()
    for place, hop in enumerate(hops, start=1):
        text = render_passages(hop.passages, form, first=number) if hop.passages else NO_PASSAGES
        number += len(hop.passages)
        parts.append(f"Search {place}: {hop.query}\n{text}" if hop.query else text)
    return escape("\n\n".join(parts), markers)


def _passages(holder: Mapping[str, Any]) -> tuple[Passage, ...]:
    return tuple(
        _passage(value, rank) for rank, value in enumerate(_list(holder, "documents"), start=1)
    )


def _list(holder: Mapping[str, Any], name: str) -> Sequence[Mapping[str, Any]]:
    values = holder.get(name)
    if not isinstance(values, list | tuple) or not all(isinstance(v, Mapping) for v in values):
        raise InputError(
            f"a retrieval message whose {name!r} is {values!r:.60}",
            hint="it holds 'documents', or 'multi_hop': true and 'hops', as lists of objects",
        )
    return values


def _passage(value: Mapping[str, Any], rank: int) -> Passage:
    text = value.get("content")
    if not isinstance(text, str):
        raise InputError(f"document {rank} of a retrieval message has no 'content'")
    identifier = str(value.get("id") or rank)
    chunk = Chunk(
        id=identifier,
        document_id=str(value.get("document_id") or identifier),
        text=text,
        start=int(value.get("start") or 0),
        end=int(value.get("end") or len(text)),
        title=str(value.get("title") or ""),
        source=str(value.get("source") or ""),
        heading=str(value.get("heading") or ""),
        pages=tuple(value.get("pages") or ()),
        lines=tuple(value.get("lines") or ()),
        metadata=value.get("metadata") or {},
    )
    return Passage(chunk, float(value.get("score") or 0.0), int(value.get("rank") or rank))
