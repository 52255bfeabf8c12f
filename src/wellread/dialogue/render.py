"""From a conversation to text: every label is set on the line that emits its text.

    turn         emitted as                                    learned
    system       bos? + prefix + content + suffix              turn.learn (never, by our tasks)
    context      prefix + content + suffix, as a turn or       no
                 before the content of the next user turn
    user         prefix + content + suffix                     turn.learn
    assistant    prefix + content + suffix + eos?              turn.learn
    the end      end?                                          with learn_end

With ``start_of_turn: read`` the prefix of a learned turn is not learned, but for spaces at its
end, which belong to the first token of the content, nor is the white space after its end; with
``end_of_turn: read`` its suffix is not. `pieces` tells control text from content, for tokenizers;
`render` makes text files of it, where content is escaped, so that the markers in the text are
exactly those emitted here. A tokenizer's own chat template says itself what it emits: see
`template_form.py`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from wellread.dialogue.escape import escape
from wellread.dialogue.formats import ChatFormat
from wellread.dialogue.piece import Piece
from wellread.dialogue.template_form import TemplateForm
from wellread.errors import InputError
from wellread.records import Conversation, Segment, Turn

__all__ = ["Form", "Piece", "pieces", "prompt_pieces", "render", "render_prompt"]

Form = ChatFormat | TemplateForm


def pieces(conversation: Conversation, form: Form) -> Iterator[Piece]:
    """The pieces of a conversation as it is trained on."""
    if isinstance(form, TemplateForm):
        yield from form.pieces(conversation)
        return
    yield from _turns(conversation, form, form.eos)
    if form.end:
        yield Piece(form.end, form.learn_end, "end", True, len(conversation.turns))


def prompt_pieces(conversation: Conversation, form: Form) -> Iterator[Piece]:
    """The pieces of a prompt for the next assistant turn: the exact beginning of `pieces`.

    The space before the answer is left out where it belongs to the answer's first token.
    """
    if isinstance(form, TemplateForm):
        yield from form.prompt_pieces(conversation)
        return
    yield from _turns(conversation, form, "")
    start = "" if conversation.turns else form.bos
    opening, _ = answer_opening(form)
    yield Piece(start + opening, False, "assistant", True, len(conversation.turns))


def answer_opening(form: ChatFormat) -> tuple[str, str]:
    """What stands before an answer, in two: what a prompt ends with, and the answer's space."""
    prefix = form.affixes("assistant")[0]
    opening = prefix.rstrip(" ")
    return opening, prefix[len(opening) :]


def render(conversation: Conversation, form: Form) -> tuple[Segment, ...]:
    """The segments of a conversation; joined, their texts are the whole example."""
    grouped = itertools.groupby(pieces(conversation, form), lambda p: (p.turn, p.learned, p.role))
    markers = form.markers()
    return tuple(
        Segment("".join(_escaped(piece, markers) for piece in group), learned, role)
        for (_, learned, role), group in grouped
    )


def render_prompt(conversation: Conversation, form: Form) -> str:
    """The text a model is given so that it writes the next assistant turn.

    It is the exact beginning of what `render` makes of the conversation with that turn added,
    up to the space before the answer where that belongs to the answer's first token.
    """
    markers = form.markers()
    return "".join(_escaped(piece, markers) for piece in prompt_pieces(conversation, form))


def _escaped(piece: Piece, markers: frozenset[str]) -> str:
    return piece.text if piece.control else escape(piece.text, markers)


def _turns(conversation: Conversation, form: ChatFormat, eos: str) -> Iterator[Piece]:
    last = len(conversation.turns) - 1
    opening, waiting = form.bos, list[Turn]()
    for position, turn in enumerate(conversation.turns):
        if turn.role == "context" and form.context_place == "user":
            waiting.append(turn)
            continue
        closing = eos if position == last and turn.learn else ""
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
    # Ids must depend neither on labels nor on whether a prompt ends here.
    is_cut = turn.role == "assistant" or form.start_of_turn == "read"
    start = prefix.rstrip(" ") if is_cut else prefix
    learns_space = learns_start or (turn.learn and not contexts)
    before = [
        Piece(opening, False, turn.role, True, position),
        Piece(start, learns_start, turn.role, True, position),
    ]
    emitted = [
        Piece(prefix[len(start) :], learns_space, turn.role, True, position),
        *(piece for context in contexts for piece in _inside(context, form, turn, position)),
        Piece(turn.content, turn.learn, turn.role, False, position),
        Piece(stop, learns_end, turn.role, True, position),
    ]
    yield from _written(before, cut=False)
    yield from _written(emitted, cut=is_cut)
    yield from _written([Piece(rest, False, turn.role, True, position)], cut=True)


def _written(emitted: list[Piece], *, cut: bool) -> Iterator[Piece]:
    """Those that have text; with `cut`, encoding starts anew at the first of them."""
    for piece in emitted:
        if piece.text:
            yield piece.after_cut() if cut else piece
            cut = False


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
