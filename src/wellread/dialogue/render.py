"""From a conversation to text: every label is set on the line that emits its text.

    turn         emitted as                                    learned
    system       bos? + prefix + content + suffix              turn.learn (never, by our tasks)
    context      prefix + content + suffix, as a turn or       no
                 before the content of the next user turn
    user         prefix + content + suffix                     turn.learn
    assistant    prefix + content + suffix + eos?              turn.learn
    the end      end?                                          with learn_end

With ``start_of_turn: read`` the prefix of a learned turn is not learned, nor is the white space
after its end; with ``end_of_turn: read`` its suffix is not. `pieces` tells control text from
content, for tokenizers; `render` makes text files of it, where content is escaped, so that the
markers in the text are exactly those emitted here.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from wellread.dialogue.escape import escape
from wellread.dialogue.formats import ChatFormat
from wellread.errors import InputError
from wellread.records import Conversation, Segment, Turn


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text with one label; `control` text is the format's own, the rest content.

    `turn` numbers what is encoded together: neighbours of one turn and one label.
    """

    text: str
    learned: bool
    role: str
    control: bool
    turn: int = 0


def pieces(conversation: Conversation, form: ChatFormat) -> Iterator[Piece]:
    """The pieces of a conversation as it is trained on."""
    yield from _turns(conversation, form)
    if form.end:
        yield Piece(form.end, form.learn_end, "end", True, len(conversation.turns))


def prompt_pieces(conversation: Conversation, form: ChatFormat) -> Iterator[Piece]:
    """The pieces of a prompt for the next assistant turn: the exact beginning of `pieces`.

    The space before the answer is left out where it belongs to the answer's first token.
    """
    yield from _turns(conversation, form)
    start = "" if conversation.turns else form.bos
    prefix = form.affixes("assistant")[0]
    opening = prefix if form.start_of_turn == "read" else prefix.rstrip(" ")
    yield Piece(start + opening, False, "assistant", True, len(conversation.turns))


def render(conversation: Conversation, form: ChatFormat) -> tuple[Segment, ...]:
    """The segments of a conversation; joined, their texts are the whole example."""
    grouped = itertools.groupby(pieces(conversation, form), lambda p: (p.turn, p.learned, p.role))
    markers = form.markers()
    return tuple(
        Segment("".join(_escaped(piece, markers) for piece in group), learned, role)
        for (_, learned, role), group in grouped
    )


def render_prompt(conversation: Conversation, form: ChatFormat) -> str:
    """The text a model is given so that it writes the next assistant turn.

    It is the exact beginning of what `render` makes of the conversation with that turn added,
    up to the space before the answer where that belongs to the answer's first token.
    """
    markers = form.markers()
    return "".join(_escaped(piece, markers) for piece in prompt_pieces(conversation, form))


def _escaped(piece: Piece, markers: frozenset[str]) -> str:
    return piece.text if piece.control else escape(piece.text, markers)


def _turns(conversation: Conversation, form: ChatFormat) -> Iterator[Piece]:
    last = len(conversation.turns) - 1
    opening, waiting = form.bos, list[Turn]()
    for position, turn in enumerate(conversation.turns):
        if turn.role == "context" and form.context_place == "user":
            waiting.append(turn)
            continue
        closing = form.eos if position == last and turn.learn else ""
        contexts = waiting if turn.role == "user" else []
        yield from _turn(turn, form, position, opening, closing, contexts)
        opening, waiting = "", [] if turn.role == "user" else waiting
    if waiting:
        raise InputError(
            "a context that no user turn follows", hint="put it before the question it is for"
        )


def _turn(
    turn: Turn, form: ChatFormat, position: int, opening: str, closing: str, contexts: list[Turn]
) -> Iterator[Piece]:
    prefix, suffix = form.affixes(turn.role)
    learns_start = turn.learn and form.start_of_turn == "learned"
    learns_end = turn.learn and form.end_of_turn == "learned"
    stop, rest = learned_end(suffix + closing, form)
    emitted = [
        Piece(opening + prefix, learns_start, turn.role, True, position),
        *(piece for context in contexts for piece in _inside(context, form, turn, position)),
        Piece(turn.content, turn.learn, turn.role, False, position),
        Piece(stop, learns_end, turn.role, True, position),
        Piece(rest, learns_end and not rest.isspace(), turn.role, True, position),
    ]
    yield from (piece for piece in emitted if piece.text)


def learned_end(suffix: str, form: ChatFormat) -> tuple[str, str]:
    """The end of a turn in two: what is learned of it, and the white space that is not."""
    if form.start_of_turn == "learned":
        return suffix, ""
    stop = suffix.rstrip()
    return stop, suffix[len(stop) :]


def _inside(context: Turn, form: ChatFormat, turn: Turn, position: int) -> Iterator[Piece]:
    """A context as a part of the user turn after it: only read, whatever that turn is."""
    prefix, suffix = form.affixes("context")
    yield Piece(prefix, False, turn.role, True, position)
    yield Piece(context.content, False, turn.role, False, position)
    yield Piece(suffix, False, turn.role, True, position)
