"""The same ids and labels from our codec and from Axolotl's own strategies."""

import dataclasses

import pytest

from tests.parity.rows import (
    MADE_UP,
    XQUAD,
    codec,
    differences,
    messages,
    needs_parity_python,
    other_side,
    ours,
    replaced,
    xquad_rows,
)
from wellread.dialogue.formats import PRESETS
from wellread.dialogue.render import render
from wellread.records import Conversation

pytestmark = [needs_parity_python, pytest.mark.slow]

TEXT_ONLY = [("atk", "gpt2"), ("chatml", "bpe")]
PAIRS = [
    *((form, "gpt2") for form in ("chatml", "qwen", "mypt")),
    *((form, "char") for form in ("chatml", "mypt")),
    ("llama3", "llama3"),
]


def only_last(conversation: Conversation) -> Conversation:
    """The same with none but the last turn learned."""
    *before, last = conversation.turns
    unlearned = [dataclasses.replace(turn, learn=False) for turn in before]
    return Conversation((*unlearned, last))


@pytest.fixture(scope="module")
def rows():
    real = xquad_rows(20) if XQUAD.is_dir() else {}
    last = {f"{name}, last only": only_last(row) for name, row in MADE_UP.items()}
    return {**MADE_UP, **last, **real}


@pytest.fixture(scope="module")
def both(rows, tmp_path_factory):
    """Our rows, Axolotl's of segments and Axolotl's of messages, for each pair."""
    mine, jobs = {}, []
    for form, tokenization in (*PAIRS, *TEXT_ONLY, ("llama3", "gpt2")):
        folder = tmp_path_factory.mktemp(f"{form}-{tokenization}")
        ready = codec(form, tokenization, folder)
        mine[form, tokenization] = ours(ready, list(rows.values()))
        jobs.append((folder, [{"segments": segments(row, form)} for row in rows.values()]))
        jobs.append((folder, [{"messages": messages(row)} for row in rows.values()]))
    made = iter(other_side("axolotl_side.py", jobs))
    return {pair: (one, next(made), next(made)) for pair, one in mine.items()}


def segments(conversation, form):
    return [{"label": s.label, "text": s.text} for s in render(conversation, PRESETS[form])]


@pytest.mark.parametrize("pair", [*PAIRS, *TEXT_ONLY], ids="-".join)
def test_ids_and_labels_of_segments_are_those_of_axolotl(pair, rows, both):
    mine, of_segments, _ = both[pair]
    assert differences(list(rows), mine, of_segments) == []


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_ids_and_labels_of_messages_are_those_of_axolotl(pair, rows, both):
    mine, _, of_messages = both[pair]
    assert differences(list(rows), mine, of_messages) == []


def test_newlines_before_a_text_that_is_only_read_join_it_in_a_segment(both):
    """Axolotl encodes a segment as a whole: with GPT-2's tokenizer, two newlines before a word
    become two tokens there, where we cut as a prompt does. What is learned is the same."""
    mine, of_segments, _ = both["llama3", "gpt2"]
    for one, other in zip(mine, of_segments, strict=True):
        assert [i for i in one["labels"] if i >= 0] == [i for i in other["labels"] if i >= 0]
        assert replaced(one["ids"], [628], [198, 198]) == replaced(other["ids"], [628], [198, 198])
