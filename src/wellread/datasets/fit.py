"""Making a conversation fit into a row: passages go before any answer is touched.

    1. passages that no answer cites leave, the lowest rank first, and no more than must
    2. a cited passage never leaves: the conversation goes instead, for `cited_passage_does_not_fit`
    3. where none is cited, the best passage stays; of it sentences leave, the last first
    4. what is too long all the same goes for `too_long`; an answer is never cut

`count` is asked what a conversation costs; dropping a passage makes it cost less, so the least
number of them is found by halving.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from wellread.datasets.contexts import joined, taken_apart
from wellread.datasets.sources import Place, cited, passages_of
from wellread.ingest.sentences import sentence_spans
from wellread.records import ContextPart, Conversation, Turn

Count = Callable[[Conversation], int]


@dataclass(frozen=True, slots=True)
class Fitted:
    """A conversation that fits, or the `reason` why none does.

    `left_out` passages are not in it; of one more the end is missing where it `is_cut`.
    """

    conversation: Conversation
    left_out: int = 0
    is_cut: bool = False
    reason: str = ""
    detail: str = ""


def fitted(conversation: Conversation, max_tokens: int, count: Count) -> Fitted:
    """The conversation with as much of its contexts as fits into `max_tokens`."""
    tokens = count(conversation)
    if tokens <= max_tokens:
        return Fitted(conversation)
    passages, needed = passages_of(conversation), cited(conversation)
    leaving = sorted(set(passages) - needed, key=lambda place: _order(place, passages))
    if not needed and leaving:
        leaving.pop()
    shorter = _without_fewest(conversation, leaving, max_tokens, count)
    if shorter:
        return shorter
    rest = without(conversation, leaving)
    if not needed and passages:
        cut = _with_best_cut(rest, max_tokens, count)
        if cut:
            return replace(cut, left_out=len(leaving))
    bare = count(without(conversation, passages))
    if needed and bare <= max_tokens:
        return Fitted(
            conversation,
            reason="cited_passage_does_not_fit",
            detail=f"{count(rest):,} tokens with what its answers cite; {max_tokens:,} fit",
        )
    detail = f"{tokens:,} tokens, {bare:,} without any passage; {max_tokens:,} fit"
    return Fitted(conversation, reason="too_long", detail=detail)


def without(conversation: Conversation, places: Collection[Place]) -> Conversation:
    """The conversation without these passages; a context that loses its last one goes."""
    turns = list[Turn]()
    for at, turn in enumerate(conversation.turns):
        leaving = {part for where, part in places if where == at}
        if not leaving:
            turns.append(turn)
            continue
        kept = tuple(part for i, part in enumerate(turn.parts) if i not in leaving)
        if turn.role != "context" or any(part.rank for part in kept):
            turns.append(_with_parts(turn, kept))
    return Conversation(tuple(turns))


def _order(place: Place, passages: dict[Place, ContextPart]) -> tuple[int, int, int]:
    """Low ranks leave first; among equals those shown earlier in the conversation."""
    turn, part = place
    return -passages[place].rank, turn, -part


def _without_fewest(
    conversation: Conversation, leaving: Sequence[Place], max_tokens: int, count: Count
) -> Fitted | None:
    def fits(number: int) -> bool:
        return count(without(conversation, leaving[:number])) <= max_tokens

    number = bisect_left(range(len(leaving) + 1), True, lo=1, key=fits)
    if number > len(leaving):
        return None
    return Fitted(without(conversation, leaving[:number]), left_out=number)


def _with_best_cut(conversation: Conversation, max_tokens: int, count: Count) -> Fitted | None:
    """The conversation with as many sentences of its one passage as fit, at least one."""
    ((turn, part),) = passages_of(conversation)
    head, body, tail = taken_apart(conversation.turns[turn].parts[part])
    ends = [end for _, end in sentence_spans(body, 0, len(body))]

    def with_sentences(number: int) -> Conversation:
        made = ContextPart(head + body[: ends[number - 1]] + tail, 1)
        parts = conversation.turns[turn].parts
        changed = _with_parts(conversation.turns[turn], (*parts[:part], made, *parts[part + 1 :]))
        turns = conversation.turns
        return Conversation((*turns[:turn], changed, *turns[turn + 1 :]))

    def is_too_long(number: int) -> bool:
        return count(with_sentences(number)) > max_tokens

    number = bisect_left(range(len(ends)), True, lo=1, key=is_too_long) - 1
    return Fitted(with_sentences(number), is_cut=True) if number else None


def _with_parts(turn: Turn, parts: tuple[ContextPart, ...]) -> Turn:
    text = joined(parts)
    return replace(turn, content=text.rstrip("\n") if turn.role == "context" else text, parts=parts)
