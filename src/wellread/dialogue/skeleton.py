"""What a chat template writes around the contents of a conversation, and which of it is learned.

The template is asked with marks in place of contents, once for each shape of conversation:

    all messages                  where each content stands: the holes
    up to an answer, as prompt    where that answer begins to be written by a model
    up to and with the answer     where it ends: at the first control token after its content

An answer that stands otherwise in a longer conversation than at the end of a shorter one (a
template that leaves out earlier thoughts) is only read there: no model wrote it like that.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from wellread.dialogue.jinja_chat import ChatTemplate
from wellread.dialogue.messages import Shape, content
from wellread.errors import InputError, TemplateError

# Private-use characters: no template trims or changes them.
_MARK = re.compile("\ue000(\\d+)\\.(\\d+)\ue001")
_HIDDEN = "\ue002"
_USER: Shape = ("user", ("x",))
_ASSISTANT: Shape = ("assistant", ("x",))
_SYSTEM: Shape = ("system", ("x",))
_THINKER: Shape = ("assistant", ("x", "x"))
OUR_FORMATS = "take one of the formats that come with wellread, such as --format chatml"


@dataclass(frozen=True, slots=True)
class Stretch:
    """Text of the template, or a hole for slot `slot` of message `message`.

    `owner` is the message whose `learn` decides about its label, -1 where it is never learned;
    at a `cut` encoding starts anew.
    """

    text: str
    role: str
    owner: int
    cut: bool
    message: int = -1
    slot: int = -1


@dataclass(frozen=True, slots=True)
class Skeleton:
    """Stretches in order; `problems` says for a message why it cannot be learned."""

    stretches: tuple[Stretch, ...]
    problems: dict[int, str]

    def between(self) -> list[str]:
        """The template's text before, between and after the holes."""
        texts = [""]
        for stretch in self.stretches:
            if stretch.message >= 0:
                texts.append("")
            texts[-1] += stretch.text
        return texts


@dataclass(frozen=True, slots=True)
class _Answer:
    """An answer at the end of a conversation: its prompt, what is learned, or the problem."""

    prompt: str = ""
    text: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class _Span:
    start: int
    end: int
    owner: int


class Skeletons:
    """Finds skeletons and keeps them; made once for each chat template."""

    def __init__(self, template: ChatTemplate, special_tokens: Iterable[str]) -> None:
        self._template = template
        special = sorted({*special_tokens} - {""}, key=len, reverse=True)
        self._special = _any_of(special)
        self._hidden = _any_of([*special, "<think>", "</think>"])
        self.thinks = "</think>" in template.source
        self.of = lru_cache(maxsize=4096)(self._of)
        self._answer = lru_cache(maxsize=4096)(self._find_answer)
        self._refuse_useless()
        self.merges_system = self._has_no_place_for_system()
        self.notices = tuple(self._find_notices())

    def hide(self, text: str) -> str:
        """`text` with every control token replaced by as many other characters."""
        return self._hidden.sub(lambda found: _HIDDEN * len(found[0]), text)

    @property
    def stop(self) -> str:
        """What ends an answer: a control token, or other text."""
        learned = self._answer((_USER, _ASSISTANT)).text
        return learned[_last_mark(learned) :].strip()

    @property
    def markers(self) -> frozenset[str]:
        """Strings between questions and answers that are no control tokens, such as `[INST]`."""
        texts = self.of((_USER, _ASSISTANT, _USER, _ASSISTANT), False).between()[1:]
        prompt = self.of((_USER,), True).between()[1:]
        parts = [part for text in texts + prompt for part in self._special.split(text)]
        lines = [line.strip() for part in parts for line in part.split("\n")]
        return frozenset(line for line in lines if len(line) > 1 and not line.isalnum())

    def _of(self, shapes: tuple[Shape, ...], prompt: bool) -> Skeleton:
        text = self._text(shapes, prompt)
        self._refuse_lost(shapes, text)
        spans: list[_Span] = []
        problems: dict[int, str] = {}
        for place, (role, _) in enumerate(shapes):
            if role != "assistant":
                spans.append(self._question(text, place))
                continue
            answer = self._answer(shapes[: place + 1])
            if answer.problem:
                problems[place] = answer.problem
            elif text.startswith(answer.prompt + answer.text):
                start = len(answer.prompt)
                spans.append(_Span(start, start + len(answer.text), place))
        return Skeleton(tuple(_stretches(text, shapes, spans)), problems)

    def _text(self, shapes: Sequence[Shape], prompt: bool) -> str:
        messages = [
            {"role": role, "content": content(_marks(place, slots))}
            for place, (role, slots) in enumerate(shapes)
        ]
        return self._template(messages, prompt=prompt)

    def _refuse_lost(self, shapes: Sequence[Shape], text: str) -> None:
        found = [(int(mark[1]), int(mark[2])) for mark in _MARK.finditer(text)]
        for place, (role, slots) in enumerate(shapes):
            if slots[-1] != "x":
                continue
            times = found.count((place, len(slots) - 1))
            if times != 1:
                raise InputError(
                    f"the chat template writes the text of a {role} message {times} times"
                    if times
                    else f"the chat template leaves out the text of a {role} message",
                    hint=OUR_FORMATS,
                )

    def _question(self, text: str, place: int) -> _Span:
        """A message that is no answer; its end is learned with it where that is a token."""
        for mark in _MARK.finditer(text):
            if int(mark[1]) == place:
                after = _MARK.split(text[mark.end() :], maxsplit=1)[0]
                token = self._special.search(after)
                end = token.end() if token and not after[: token.start()].strip() else 0
                start = len(text[: mark.start()].rstrip(" "))
                return _Span(start, mark.end() + end, place)
        return _Span(0, 0, -1)

    def _find_answer(self, shapes: tuple[Shape, ...]) -> _Answer:
        whole = self._text(shapes, False)
        try:
            prompt = self._text(shapes[:-1], True)
        except TemplateError as error:
            return _Answer(problem=f"there is no prompt for this answer: {error.message}")
        if not whole.startswith(prompt):
            return _Answer(problem=_differing(prompt, whole))
        start = max(len(prompt), _last_mark(whole) if shapes[-1][1][-1] == "x" else 0)
        token = self._special.search(whole, start)
        end = token.end() if token else len(whole.rstrip())
        if end <= start:
            return _Answer(problem="the chat template writes nothing that ends an answer")
        return _Answer(prompt, whole[len(prompt) : end])

    def _refuse_useless(self) -> None:
        try:
            skeleton = self.of((_USER, _ASSISTANT), False)
        except TemplateError as error:
            raise InputError(error.message, hint=OUR_FORMATS) from error
        for problem in skeleton.problems.values():
            raise InputError(problem, hint=OUR_FORMATS)

    def _has_no_place_for_system(self) -> bool:
        """Whether a system message is refused, left out, or moved to a later question."""
        try:
            text = self._text((_SYSTEM, _USER, _ASSISTANT, _USER), False)
        except TemplateError:
            return True
        order = [int(mark[1]) for mark in _MARK.finditer(text)]
        return 0 not in order or order[0] != 0

    def _find_notices(self) -> Iterable[str]:
        if self.merges_system:
            yield (
                "the chat template has no place of its own for a system message: "
                "it stands at the head of the first question"
            )
        answer = _THINKER if self.thinks else _ASSISTANT
        shapes = (_USER, answer, _USER, answer)
        if not any(s.owner == 1 for s in self.of(shapes, False).stretches):
            yield (
                "the chat template rewrites earlier answers: "
                "only the last answer of a conversation is learned"
            )


def _marks(place: int, slots: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(
        f"\ue000{place}.{number}\ue001" if slot == "x" else slot
        for number, slot in enumerate(slots)
    )


def _stretches(text: str, shapes: Sequence[Shape], spans: Sequence[_Span]) -> Iterable[Stretch]:
    """`text` cut at marks and at the ends of spans."""
    marks = {mark.start(): mark for mark in _MARK.finditer(text)}
    owned = [span for span in spans if span.owner >= 0]
    ends = [edge for span in owned for edge in (span.start, span.end)]
    edges = {0, len(text), *ends, *marks, *(mark.end() for mark in marks.values())}
    # Where a prompt ends. Elsewhere text runs on, as where a tokenizer reads the whole of it.
    answers = [span for span in owned if shapes[span.owner][0] == "assistant"]
    cuts = {edge for span in answers for edge in (span.start, span.end)}
    ordered = sorted(edges)
    role = shapes[0][0] if shapes else "assistant"
    for start, end in itertools.pairwise(ordered):
        owner = next((s.owner for s in owned if s.start <= start < s.end), -1)
        mark = marks.get(start)
        if mark:
            message, slot = int(mark[1]), int(mark[2])
            role = shapes[message][0]
            yield Stretch("", role, owner, start in cuts, message, slot)
        else:
            role = shapes[owner][0] if owner >= 0 else role
            yield Stretch(text[start:end], role, owner, start in cuts)


def _last_mark(text: str) -> int:
    """Where the last mark of `text` ends."""
    return max((mark.end() for mark in _MARK.finditer(text)), default=0)


def _differing(prompt: str, whole: str) -> str:
    same = next(
        (at for at, (a, b) in enumerate(zip(prompt, whole, strict=False)) if a != b),
        min(len(prompt), len(whole)),
    )
    tail = _MARK.sub("...", prompt[same:])[:60]
    return (
        "the chat template ends its prompts with text that conversations do not have "
        f"before an answer: {tail!r}"
    )


def _any_of(strings: Sequence[str]) -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, strings)) or r"(?!)")
