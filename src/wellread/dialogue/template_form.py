r"""A chat format that is a tokenizer's own chat template: what is learned is found by rendering.

Chat templates are programs; few of them say which of their text an answer is. So each is asked
what it writes, with marks in place of the contents:

    user(mark 0), assistant(mark 1)    -> <|user|>\n0<|end|>\n<|assistant|>\n1<|end|>\n
    user(mark 0), generation prompt    -> <|user|>\n0<|end|>\n<|assistant|>\n
                                                           learned, to a control token: 1<|end|>

An answer is learned from where its prompt ends up to and with the first control token after its
content. Steps: 1. messages: a context stands at the head of its question, and so does a system
message that the template has no place for. 2. skeleton (`skeleton.py`): the text around the
contents, kept for conversations of the same shape. 3. the contents are laid in, and the whole is
compared with what the template makes of them, which shows a template that trims them. Control
tokens inside contents are hidden from the template.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, PrivateAttr

from wellread.config import Settings
from wellread.dialogue.escape import is_control_token
from wellread.dialogue.jinja_chat import ChatTemplate
from wellread.dialogue.messages import Message, messages_of
from wellread.dialogue.piece import Piece
from wellread.dialogue.skeleton import OUR_FORMATS, Skeleton, Skeletons, Stretch
from wellread.errors import InputError, TemplateError
from wellread.records import Conversation
from wellread.storage.files import read_json

_TOKENS = ("bos_token", "eos_token", "unk_token", "pad_token", "sep_token", "cls_token")
_NO_TEMPLATE_HINT = "say how turns are written, such as --format chatml"


class TemplateForm(Settings):
    """How turns are written, by the chat template of a Hugging Face tokenizer."""

    chat_template: str
    """The Jinja source."""
    tokens: dict[str, str] = Field(default_factory=dict)
    """Special tokens by the names that templates print, such as ``bos_token``."""
    special_tokens: tuple[str, ...] = ()
    """Strings that the tokenizer holds as one control token each."""
    date: dt.date = dt.date(2024, 7, 26)
    """What a template that asks for today's date is told, in training and in prompts."""

    _skeletons: Skeletons = PrivateAttr()
    _template: ChatTemplate = PrivateAttr()

    def model_post_init(self, context: Any, /) -> None:
        """Compile the template and find out what it does with a system message."""
        self._template = ChatTemplate(self.chat_template, self.tokens, self.date)
        self._skeletons = Skeletons(self._template, self.special_tokens)

    @classmethod
    def open(cls, folder: Path, *, name: str = "default") -> TemplateForm:
        """The chat template of the tokenizer in `folder`; `name` chooses where it has several."""
        config = _config(folder)
        source = _source(folder, config, name)
        if not source:
            raise InputError(f"{folder} holds no chat template", hint=_NO_TEMPLATE_HINT)
        named = {key: _content(config[key]) for key in _TOKENS if config.get(key)}
        return cls(chat_template=source, tokens=named, special_tokens=_special(folder, config))

    def __reduce__(self) -> tuple[Any, ...]:
        return TemplateForm.model_validate, (self.model_dump(),)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TemplateForm) and self.model_dump() == other.model_dump()

    def __hash__(self) -> int:
        return hash((self.chat_template, self.special_tokens, self.date))

    def pieces(self, conversation: Conversation) -> Iterator[Piece]:
        """The pieces of a conversation as it is trained on."""
        return self._pieces(conversation, prompt=False)

    def prompt_pieces(self, conversation: Conversation) -> Iterator[Piece]:
        """The pieces of a prompt for the next assistant turn."""
        return self._pieces(conversation, prompt=True)

    @property
    def stop(self) -> str:
        """What ends an answer."""
        return self._skeletons.stop

    @property
    def bos(self) -> str:
        """The token a text starts with, or ""."""
        return self.tokens.get("bos_token", "")

    @property
    def eos(self) -> str:
        """The token a text ends with, or ""."""
        return self.tokens.get("eos_token", "")

    @property
    def end(self) -> str:
        """Nothing is added after a conversation but what the template writes."""
        return ""

    @property
    def notices(self) -> tuple[str, ...]:
        """What a person should know of this template before training with it."""
        return self._skeletons.notices

    def markers(self) -> frozenset[str]:
        """Strings that steer this format, which content must not hold: see `escape`."""
        return self._skeletons.markers | frozenset(self.special_tokens)

    def _pieces(self, conversation: Conversation, *, prompt: bool) -> Iterator[Piece]:
        known = self._skeletons
        messages = messages_of(conversation, merge_system=known.merges_system, thinks=known.thinks)
        hidden = [message.changed(known.hide) for message in messages]
        try:
            skeleton = known.of(tuple(message.shape for message in messages), prompt)
            text = self._template([message.as_dict() for message in hidden], prompt=prompt)
        except TemplateError as error:
            raise InputError(error.message, hint=OUR_FORMATS) from error
        for place, problem in skeleton.problems.items():
            if messages[place].learn:
                raise InputError(problem, hint=OUR_FORMATS)
        return _laid_in(skeleton, messages, _kept(skeleton, hidden, text))


def _kept(skeleton: Skeleton, messages: list[Message], text: str) -> list[slice]:
    """Which part of each hole's content stands in `text`, the template's own rendering."""
    between = skeleton.between()
    holes = [stretch for stretch in skeleton.stretches if stretch.message >= 0]
    position, kept = len(between[0]), list[slice]()
    if text.startswith(between[0]):
        for hole, after in zip(holes, between[1:], strict=True):
            content = messages[hole.message].slots[hole.slot]
            fits = (p for p in _trimmed(content) if text.startswith(content[p] + after, position))
            part = next(fits, None)
            if part is None:
                break
            kept.append(part)
            position += len(content[part]) + len(after)
    if len(kept) < len(holes) or position != len(text):
        raise InputError(
            "the chat template writes the contents of this conversation otherwise than they are, "
            f"near {text[max(0, position - 20) : position + 40]!r}",
            hint=OUR_FORMATS,
        )
    return kept


def _trimmed(content: str) -> Iterator[slice]:
    """The parts of `content` that a template may leave: all of it, or without white space."""
    start, end = len(content) - len(content.lstrip()), len(content.rstrip())
    yield slice(0, len(content))
    yield slice(start, max(start, end))
    yield slice(start, len(content))
    yield slice(0, end)
    lines = len(content) - len(content.lstrip("\n")), len(content.rstrip("\n"))
    yield slice(lines[0], max(lines))
    yield slice(lines[0], len(content))
    yield slice(0, lines[1])


def _laid_in(skeleton: Skeleton, messages: list[Message], kept: list[slice]) -> Iterator[Piece]:
    """The pieces of `skeleton` with the `kept` parts of contents in its holes."""
    parts = iter(kept)
    is_cut, entered = False, set[int]()
    for stretch in skeleton.stretches:
        is_cut = is_cut or stretch.cut
        entered.add(stretch.message)
        owner = messages[stretch.owner] if stretch.owner >= 0 else None
        # The space before a question belongs to it, unless a context stands between.
        is_before_context = owner is not None and owner.read and stretch.owner not in entered
        learned = owner is not None and owner.learn and not is_before_context
        for piece in _filled(stretch, learned, messages, parts):
            if piece.text:
                yield piece.after_cut() if is_cut else piece
                is_cut = False


def _filled(
    stretch: Stretch, learned: bool, messages: list[Message], parts: Iterator[slice]
) -> Iterator[Piece]:
    if stretch.message < 0:
        yield Piece(stretch.text, learned, stretch.role, True)
        return
    message, part = messages[stretch.message], next(parts)
    content = message.slots[stretch.slot]
    read = min(max(message.read, part.start), part.stop) if learned else part.start
    yield Piece(content[part.start : read], False, stretch.role, False)
    yield Piece(content[read : part.stop], learned, stretch.role, False)


def _config(folder: Path) -> dict[str, Any]:
    file = folder / "tokenizer_config.json"
    found = read_json(file) if file.is_file() else {}
    if not isinstance(found, dict):
        raise InputError(f"{file}: expected an object, found {type(found).__name__}")
    return found


def _source(folder: Path, config: Mapping[str, Any], name: str) -> str:
    """The template's source: a file of its own goes before the entry in the configuration."""
    file = folder / "chat_template.jinja"
    if name != "default":
        file = folder / "additional_chat_templates" / f"{name}.jinja"
    if file.is_file():
        return file.read_text(encoding="utf-8")
    found = config.get("chat_template")
    if isinstance(found, list):
        named = {entry.get("name"): entry.get("template") for entry in found}
        if name not in named:
            raise InputError(
                f"{folder} holds no chat template named {name!r}",
                hint=f"it has {', '.join(sorted(map(str, named)))}",
            )
        found = named[name]
    return str(found) if found else ""


def _special(folder: Path, config: Mapping[str, Any]) -> tuple[str, ...]:
    """Every control token of the tokenizer, in the order of ids."""
    file = folder / "tokenizer.json"
    listed = read_json(file).get("added_tokens", []) if file.is_file() else []
    ids = {int(i): token for i, token in config.get("added_tokens_decoder", {}).items()}
    ids |= {int(token["id"]): token for token in listed}
    ordered = [ids[i] for i in sorted(ids)]
    return tuple(
        token["content"]
        for token in ordered
        if is_control_token(token["content"], special=token.get("special", False))
    )


def _content(token: Any) -> str:
    return str(token["content"] if isinstance(token, dict) else token)
