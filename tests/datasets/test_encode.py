"""Rows to ids: a row that teaches nothing, or that a format cannot write, is told alone."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("tokenizers", reason="token ids need: pip install 'wellread[train]'")

import tokenizers

from wellread.datasets.encode import Line, Made, Refused, RowEncoder
from wellread.dialogue.codec import Codec
from wellread.dialogue.formats import PRESETS
from wellread.dialogue.template_form import TemplateForm
from wellread.dialogue.tokenizer import Tokenizer, open_tokenizer

ASKED = {"role": "user", "content": "Why?"}


def line(number: int, *messages: dict, **more) -> Line:
    content = json.dumps({"messages": list(messages), **more}).encode()
    return Line(f"a.jsonl:{number}", number, content)


def said(text: str) -> dict:
    return {"role": "assistant", "content": text}


def test_a_row_whose_answer_leaves_no_token_is_refused_with_its_line():
    """A tokenizer may drop what it takes for nothing, such as a space without width."""
    words = {"<unk>": 0, "Why": 1, "So": 2, "?": 3, "Human": 4, "AI": 5, ":": 6}
    backend = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="<unk>"))
    backend.normalizer = tokenizers.normalizers.Replace("\u200b", "")
    backend.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    form = PRESETS["atk"].model_copy(update={"start_of_turn": "read", "end_of_turn": "read"})
    encoder = RowEncoder(Codec(Tokenizer(backend, name="words"), form))
    good, bad = encoder.encode_lines([line(1, ASKED, said("So")), line(2, ASKED, said("\u200b"))])
    assert isinstance(good, Made)
    assert isinstance(bad, Refused)
    assert (bad.is_bad, bad.rejection.reason) == (True, "nothing_learned")
    assert bad.rejection.detail.startswith("a.jsonl:2 ")


def test_a_row_that_the_format_cannot_write_does_not_take_its_neighbours_along():
    source = (
        "{% for m in messages %}{% if 'No' in m.content %}{{ raise_exception('no No') }}{% endif %}"
        "<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}"
        "{% if add_generation_prompt %}<|assistant|>{% endif %}"
    )
    special = ("<|user|>", "<|assistant|>", "<|end|>")
    form = TemplateForm(chat_template=source, special_tokens=special)
    encoder = RowEncoder(Codec(open_tokenizer("gpt2", form), form))
    lines = [line(1, ASKED, said("Yes")), line(2, ASKED, said("No")), line(3, ASKED, said("Yes"))]
    first, second, third = encoder.encode_lines(lines)
    assert isinstance(first, Made)
    assert first == third
    assert isinstance(second, Refused)
    assert second.rejection.reason == "not_in_format"
    assert second.rejection.detail.startswith("a.jsonl:2 ")


def test_what_is_too_long_is_no_fault_of_the_row():
    form = PRESETS["mypt"]
    encoder = RowEncoder(Codec(open_tokenizer("gpt2", form), form), max_tokens=20)
    long = Line("a.jsonl:2", 2, b'{"segments": [{"label": true, "text": "%s"}]}' % (b"a b " * 20))
    found = encoder.encode_lines(
        [line(1, ASKED, said("so " * 30)), long, line(3, ASKED, said("No"))]
    )
    assert [isinstance(each, Made) for each in found] == [False, False, True]
    for each in found[:2]:
        assert isinstance(each, Refused)
        assert (each.is_bad, each.rejection.reason) == (False, "too_long")
