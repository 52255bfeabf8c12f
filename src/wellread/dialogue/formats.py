r"""How a turn is written: a chat format is four Jinja templates and the tokens at both ends.

Each template prints the content of its turn once, unchanged, between a prefix and a suffix:

    user_format   "Human: {{user}} **Finished.**\n"
                   ~~~~~~~          ~~~~~~~~~~~~~~~
                   prefix           suffix: the end of the turn

Prefix and suffix are taken once; content is put between them as it is and never runs through a
template. A context stands as a turn of its own, or at the head of the user turn after it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

from pydantic import field_validator

from wellread.config import Settings
from wellread.dialogue.templates import template
from wellread.errors import TemplateError
from wellread.records import Role

_SENTINEL = "\x00content\x00"


class ChatFormat(Settings):
    """The text around each turn; the defaults are the preset ``atk``."""

    system_format: str = "Instruction: {{system}} **Finished.**\n"
    """Jinja template of the system turn; prints {{system}} once."""
    context_format: str = "{{context}}\n\n"
    """Jinja template of a context; prints {{context}} once."""
    context_place: Literal["turn", "user"] = "user"
    """Whether a context is a turn of its own or stands at the head of the user turn after it."""
    user_format: str = "Human: {{user}} **Finished.**\n"
    """Jinja template of a user turn; prints {{user}} once."""
    assistant_format: str = "AI: {{assistant}} **Finished.**\n"
    """Jinja template of an assistant turn; prints {{assistant}} once."""
    bos: str = "<s>"
    """Put before the first turn; never learned."""
    eos: str = ""
    """Put after the last turn where that turn is learned, and learned with it."""
    end: str = ""
    """Put after every conversation; learned only with `learn_end`."""
    learn_end: bool = False
    """Whether `end` counts in the loss."""
    start_of_turn: Literal["learned", "read"] = "learned"
    """Whether the start of a learned turn (`AI: `) counts in the loss. A prompt ends with it, so
    nothing is lost where it does not."""
    end_of_turn: Literal["learned", "read"] = "learned"
    """Whether the end of a learned turn counts in the loss; a model that does not learn it
    does not learn to stop."""
    special_tokens: tuple[str, ...] = ()
    """Strings that a tokenizer holds as one control token each, in the order of their ids."""

    @field_validator("system_format", "context_format", "user_format", "assistant_format")
    @classmethod
    def _prints_its_content_once(cls, source: str, info: object) -> str:
        name = str(getattr(info, "field_name", "")).removesuffix("_format")
        try:
            _affixes(source, name)
        except TemplateError as error:
            raise ValueError(str(error)) from error
        return source

    def affixes(self, role: Role) -> tuple[str, str]:
        """What stands before and after the content of a turn of `role`."""
        source: str = getattr(self, f"{role}_format")
        return _affixes(source, role)

    @property
    def stop(self) -> str:
        """What ends an answer."""
        return self.affixes("assistant")[1].strip()

    def markers(self) -> frozenset[str]:
        """Strings that steer this format, which content must not hold: see `escape`."""
        roles: tuple[Role, ...] = ("system", "context", "user", "assistant")
        affixes = [affix for role in roles for affix in self.affixes(role)]
        ends = (self.bos, self.eos, self.end, *self.special_tokens)
        lines = [line.strip() for affix in (*affixes, *ends) for line in affix.split("\n")]
        return frozenset(line for line in lines if line)


@lru_cache(maxsize=64)
def _affixes(source: str, name: str) -> tuple[str, str]:
    origin = f"{name}_format"
    rendered = template(source, origin).render(**{name: _SENTINEL})
    prefix, found, suffix = rendered.partition(_SENTINEL)
    if not found or _SENTINEL in suffix:
        raise TemplateError(f"{origin} must print {{{{{name}}}}} exactly once, unchanged")
    return prefix, suffix


_CHATML = ChatFormat(
    system_format="<|im_start|>system\n{{system}}<|im_end|>\n",
    user_format="<|im_start|>user\n{{user}}<|im_end|>\n",
    assistant_format="<|im_start|>assistant\n{{assistant}}<|im_end|>\n",
    bos="",
    start_of_turn="read",
    special_tokens=("<|im_start|>", "<|im_end|>"),
)
_LLAMA3_TURN = "<|start_header_id|>{0}<|end_header_id|>\n\n{{{{{0}}}}}<|eot_id|>"
_MYPT_PAIRS = (
    "system",
    "user",
    "user_context",
    "assistant",
    "assistant_context",
    "tool_call",
    "tool_result",
)

PRESETS: dict[str, ChatFormat] = {
    "atk": ChatFormat(),
    "chatml": _CHATML,
    "qwen": _CHATML.model_copy(
        update={"special_tokens": ("<|endoftext|>", "<|im_start|>", "<|im_end|>")}
    ),
    "llama3": ChatFormat(
        system_format=_LLAMA3_TURN.format("system"),
        user_format=_LLAMA3_TURN.format("user"),
        assistant_format=_LLAMA3_TURN.format("assistant"),
        bos="<|begin_of_text|>",
        start_of_turn="read",
        special_tokens=(
            "<|begin_of_text|>",
            "<|end_of_text|>",
            "<|start_header_id|>",
            "<|end_header_id|>",
            "<|eot_id|>",
        ),
    ),
    "mypt": ChatFormat(
        system_format="<myPT_system>{{system}}</myPT_system>\n",
        context_format="<myPT_user_context>\n{{context}}\n</myPT_user_context>\n",
        context_place="turn",
        user_format="<myPT_user>{{user}}</myPT_user>\n",
        assistant_format="<myPT_assistant>{{assistant}}</myPT_assistant>\n",
        bos="",
        end="<myPT_eot>\n",
        start_of_turn="read",
        special_tokens=(
            *(f"<{slash}myPT_{name}>" for name in _MYPT_PAIRS for slash in ("", "/")),
            "<myPT_eot>",
        ),
    ),
}
