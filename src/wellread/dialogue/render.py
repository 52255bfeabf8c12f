"""From a conversation to segments: every label is set on the line that emits its text.

    turn         emitted as                                    label
    system       bos? + prefix + content + suffix              turn.learn (never, by our tasks)
    user         prefix + content + suffix                     turn.learn
    assistant    prefix + content + suffix + eos?              turn.learn

With ``end_of_turn: read`` the suffix of a learned turn is a segment of its own, not learned.
Content is escaped (`escape`), so the markers in the text are exactly those emitted here.
"""

from __future__ import annotations

from collections.abc import Iterator

from wellread.dialogue.escape import escape
from wellread.dialogue.formats import ChatFormat
from wellread.records import Conversation, Segment


def render(conversation: Conversation, form: ChatFormat) -> tuple[Segment, ...]:
    """The segments of a conversation; joined, their texts are the whole example."""
    return tuple(_emit(conversation, form))


def render_prompt(conversation: Conversation, form: ChatFormat) -> str:
    """The text a model is given so that it writes the next assistant turn.

    It is the exact beginning of what `render` makes of the conversation with that turn added,
    up to the space before the answer, which belongs to the answer's first token.
    """
    text = "".join(segment.text for segment in _emit(conversation, form))
    start = "" if conversation.turns else form.bos
    return text + start + form.affixes("assistant")[0].rstrip(" ")


def _emit(conversation: Conversation, form: ChatFormat) -> Iterator[Segment]:
    markers = form.markers()
    last = len(conversation.turns) - 1
    for position, turn in enumerate(conversation.turns):
        prefix, suffix = form.affixes(turn.role)
        opening = (form.bos if position == 0 else "") + prefix
        closing = suffix + (form.eos if position == last and turn.learn else "")
        content = escape(turn.content, markers)
        if turn.learn and form.end_of_turn == "read":
            yield Segment(opening + content, True, turn.role)
            yield Segment(closing, False, turn.role)
        else:
            yield Segment(opening + content + closing, turn.learn, turn.role)
