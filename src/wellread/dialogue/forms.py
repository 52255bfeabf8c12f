"""Finding a chat format: a preset by name, a saved one, or a tokenizer's own template."""

from __future__ import annotations

import difflib
from pathlib import Path

from pydantic import ValidationError

from wellread.dialogue.formats import PRESETS, ChatFormat
from wellread.dialogue.render import Form
from wellread.dialogue.template_form import TemplateForm
from wellread.dialogue.tokenizer import tokenizer_folder
from wellread.errors import InputError
from wellread.storage.files import read_json

CHAT_FORMAT = "chat_format.json"
TEMPLATE = "template"


def find_form(name: str, tokenizer: str | Path = "gpt2") -> Form:
    """The format `name`: a preset, ``template``, or a path to a ``chat_format.json`` or its folder.

    ``template`` is the chat template of `tokenizer`; ``template:NAME`` where it has several.
    """
    if name in PRESETS:
        return PRESETS[name]
    kind, _, chosen = name.partition(":")
    if kind == TEMPLATE:
        if str(tokenizer) in {"gpt2", "char", "bpe"}:
            raise InputError(
                f"the tokenizer {tokenizer} has no chat template",
                hint=f"give a format of ours: --format {'|'.join(sorted(PRESETS))}",
            )
        return TemplateForm.open(tokenizer_folder(tokenizer), name=chosen or "default")
    path = Path(name)
    if path.is_dir():
        return open_form(path)
    if path.is_file():
        return _read(path)
    near = difflib.get_close_matches(name, [*PRESETS, TEMPLATE], 1)
    raise InputError(
        f"unknown chat format {name!r}" + (f"; did you mean {near[0]!r}?" if near else ""),
        hint=f"it is {', '.join(sorted(PRESETS))}, {TEMPLATE}, or a {CHAT_FORMAT}",
    )


def open_form(folder: Path) -> Form:
    """The format in `folder`: its ``chat_format.json``, else the chat template of its tokenizer."""
    file = folder / CHAT_FORMAT
    return _read(file) if file.is_file() else TemplateForm.open(folder)


def _read(file: Path) -> Form:
    value = read_json(file)
    own = isinstance(value, dict) and "chat_template" in value
    try:
        return (TemplateForm if own else ChatFormat).model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise InputError(f"{file}: {place} {first['msg']}, for a chat format") from error
