"""Prompt files: where they are found, how they become messages.

A prompt is one Jinja file named after its task, and gets plain text and numbers. Lines like
``=== system ===`` start a message; each part is a template of its own, so that a document put into
one cannot start another. A file of the same name in the user's prompts folder is used in place of
ours.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import cast, get_args

from wellread.dialogue.escape import escape
from wellread.dialogue.templates import Template
from wellread.errors import InputError, TemplateError
from wellread.llm.chat import Message, MessageRole

_PART = re.compile(r"(?m)^=== *(\w+) *=== *\n")
_BLANK_LINES = re.compile(r"\n{3,}")
# What marks off material inside our prompts; a document that holds one cannot close it.
_TAGS = ("<source>", "</source>", "<passages>", "</passages>", "<answer>", "</answer>")
SHIPPED = Path(__file__).with_name("prompts")


@dataclass(frozen=True, slots=True)
class Prompt:
    """A parsed prompt file; `fingerprint` identifies its wording in records and manifests."""

    name: str
    parts: tuple[tuple[MessageRole, Template], ...]
    fingerprint: str

    def messages(self, **values: object) -> tuple[Message, ...]:
        """The messages with `values` put in; control strings inside values are broken."""
        safe = {name: _escaped(value) for name, value in values.items()}
        return tuple(
            Message(role, _BLANK_LINES.sub("\n\n", part.render(**safe)).strip())
            for role, part in self.parts
        )


def load_prompt(name: str, folder: Path | None = None) -> Prompt:
    """The prompt `name` from `folder` if it is there, else the shipped one.

    Raises InputError for a folder that is missing, and TemplateError as ``file:line`` for a
    prompt that cannot be used.
    """
    if folder is not None and not folder.is_dir():
        raise InputError(
            f"{folder}: no such folder of prompts",
            hint=f"copy the shipped prompts there to start from: {SHIPPED}",
        )
    own = folder / f"{name}.jinja" if folder else None
    path = own if own and own.is_file() else SHIPPED / f"{name}.jinja"
    return parse_prompt(name, path.read_text(encoding="utf-8"), origin=str(path))


def parse_prompt(name: str, source: str, *, origin: str) -> Prompt:
    """Split `source` at its ``=== role ===`` lines and parse each part as a template."""
    before, *rest = _PART.split(source)
    if before.strip() or not rest:
        raise TemplateError(
            f"{origin}:1 a prompt starts with a line such as '=== system ===' or '=== user ==='"
        )
    parts = tuple(
        (_role(role, origin), Template(text, origin=f"{origin} ({role})"))
        for role, text in zip(rest[::2], rest[1::2], strict=True)
    )
    return Prompt(name, parts, hashlib.sha256(source.encode()).hexdigest()[:12])


def _escaped(value: object) -> object:
    """Text with control strings and our own tags broken; anything else as it is."""
    return escape(value, _TAGS) if isinstance(value, str) else value


def _role(word: str, origin: str) -> MessageRole:
    if word not in get_args(MessageRole):
        raise TemplateError(
            f"{origin}: unknown part '=== {word} ===', known: {', '.join(get_args(MessageRole))}"
        )
    return cast("MessageRole", word)


def prompt_names() -> tuple[str, ...]:
    """The prompts that can be overridden."""
    return tuple(sorted(path.stem for path in SHIPPED.glob("*.jinja")))
