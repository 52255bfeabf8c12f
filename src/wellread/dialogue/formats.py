r"""How a turn is written: a chat format is three Jinja templates and the tokens at both ends.

Each template prints the content of its turn once, unchanged, between a prefix and a suffix:

    user_format   "Human: {{user}} **Finished.**\n"
                   ~~~~~~~          ~~~~~~~~~~~~~~~
                   prefix           suffix: the end of the turn

Prefix and suffix are taken once; content is put between them as it is and never runs through a
template.
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
    user_format: str = "Human: {{user}} **Finished.**\n"
    """Jinja template of a user turn; prints {{user}} once."""
    assistant_format: str = "AI: {{assistant}} **Finished.**\n"
    """Jinja template of an assistant turn; prints {{assistant}} once."""
    bos: str = "<s>"
    """Put before the first turn; never learned."""
    eos: str = ""
    """Put after the last turn where that turn is learned, and learned with it."""
    end_of_turn: Literal["learned", "read"] = "learned"
    """Whether the end of a learned turn counts in the loss; a model that does not learn it
    does not learn to stop."""

    @field_validator("system_format", "user_format", "assistant_format")
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

    def markers(self) -> frozenset[str]:
        """Strings that steer this format, which content must not hold: see `escape`."""
        roles: tuple[Role, ...] = ("system", "user", "assistant")
        affixes = [affix for role in roles for affix in self.affixes(role)]
        lines = [
            line.strip() for affix in (*affixes, self.bos, self.eos) for line in affix.split("\n")
        ]
        return frozenset(line for line in lines if line)


@lru_cache(maxsize=64)
def _affixes(source: str, name: str) -> tuple[str, str]:
    origin = f"{name}_format"
    rendered = template(source, origin).render(**{name: _SENTINEL})
    prefix, found, suffix = rendered.partition(_SENTINEL)
    if not found or _SENTINEL in suffix:
        raise TemplateError(f"{origin} must print {{{{{name}}}}} exactly once, unchanged")
    return prefix, suffix


PRESETS: dict[str, ChatFormat] = {
    "atk": ChatFormat(),
    "chatml": ChatFormat(
        system_format="<|im_start|>system\n{{system}}<|im_end|>\n",
        user_format="<|im_start|>user\n{{user}}<|im_end|>\n",
        assistant_format="<|im_start|>assistant\n{{assistant}}<|im_end|>\n",
        bos="",
    ),
}
