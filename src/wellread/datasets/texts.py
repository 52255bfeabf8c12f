"""The texts that a tokenizer is trained on: conversations as written, without control tokens."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from wellread.datasets.conversations import Row
from wellread.dialogue.render import Form, pieces


def training_texts(rows: Iterable[Row], form: Form) -> Iterator[str]:
    """Text between control tokens, the plain words of the format with it."""
    special = sorted(form.special_tokens, key=len, reverse=True)
    control = re.compile("|".join(map(re.escape, special)) or "(?!)")
    for row in rows:
        for text in _written(row, form, control):
            if text:
                yield text


def _written(row: Row, form: Form, control: re.Pattern[str]) -> Iterator[str]:
    if row.conversation is None:
        yield from control.split("".join(segment.text for segment in row.segments))
        return
    text = ""
    for piece in pieces(row.conversation, form):
        first, *rest = control.split(piece.text) if piece.control else [piece.text]
        text += first
        for following in rest:
            yield text
            text = following
    yield text
