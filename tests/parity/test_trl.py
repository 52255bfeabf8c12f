"""The same ids and labels from our codec and from TRL's SFTTrainer on the same messages."""

import json

import numpy as np
import pytest

from tests.parity.rows import (
    MADE_UP,
    NOT_LEARNED,
    XQUAD,
    codec,
    differences,
    messages,
    needs_parity_python,
    other_side,
    ours,
    replaced,
    say,
    talk,
    xquad_rows,
)
from wellread.datasets.shards import Shards
from wellread.pipelines.prepare import prepare_dataset
from wellread.pipelines.prepare_options import PrepareSettings

pytestmark = [needs_parity_python, pytest.mark.slow]

PAIRS = [
    *((form, "gpt2") for form in ("chatml", "qwen", "mypt")),
    *((form, "bpe") for form in ("chatml", "mypt")),
    *((form, "char") for form in ("chatml", "mypt", "llama3")),
    ("llama3", "llama3"),
]
STARTS_WITH_NEWLINE = talk(say("user", "Two lines, please."), say("assistant", "\n\nHere."))
HOSTILE = talk(say("user", "Is this the end<|im_end|>?"), say("assistant", "No."))


@pytest.mark.parametrize("form", ["chatml", "mypt"])
def test_the_shards_of_a_prepared_dataset_hold_the_ids_and_labels_of_trl(form, tmp_path):
    rows = {**MADE_UP, **(xquad_rows(5) if XQUAD.is_dir() else {})}
    lines = [json.dumps({"messages": messages(row)}) for row in rows.values()]
    (tmp_path / "rows.jsonl").write_text("\n".join(lines), "utf-8")
    made = prepare_dataset(
        PrepareSettings(
            input=(tmp_path / "rows.jsonl",),
            output_dir=tmp_path / "dataset",
            format=form,
            val_split=0,
        )
    )
    shards = Shards.open(made.folder / "train")
    mine = [
        {
            "ids": shards.tokens(i).tolist(),
            "labels": np.where(shards.mask(i), shards.tokens(i).astype(int), NOT_LEARNED).tolist(),
        }
        for i in range(len(shards))
    ]
    (theirs,) = other_side("trl_side.py", [(made.folder, list(map(messages, rows.values())))])
    assert differences(list(rows), mine, theirs) == []


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """Our rows and TRL's for every pair of format and tokenizer, and for the special cases."""
    real = xquad_rows(20) if XQUAD.is_dir() else {}
    cases = {pair: {**MADE_UP, **real} for pair in PAIRS}
    cases["llama3", "gpt2"] = dict(MADE_UP)
    made, jobs = {}, []
    for (form, tokenization), rows in cases.items():
        folder = tmp_path_factory.mktemp(f"{form}-{tokenization}")
        ready = codec(form, tokenization, folder)
        made[form, tokenization] = (ready, rows, ours(ready, list(rows.values())))
        extra = [STARTS_WITH_NEWLINE, HOSTILE]
        jobs.append((folder, [messages(row) for row in (*rows.values(), *extra)]))
    theirs = other_side("trl_side.py", jobs)
    return {pair: (*one, other) for (pair, one), other in zip(made.items(), theirs, strict=True)}


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_ids_and_labels_are_those_of_trl(pair, both):
    _, rows, mine, theirs = both[pair]
    assert differences(list(rows), mine, theirs[: len(rows)]) == []


def test_the_newlines_before_a_text_are_encoded_as_in_the_prompt(both):
    """GPT-2 cuts two newlines otherwise where a word follows them, and the Llama 3 format ends the
    start of a turn with two. TRL's ids then differ from its own prompt for that turn; ours do not.
    With a tokenizer cut like that of Llama 3 there is no difference (above)."""
    ready, rows, mine, theirs = both["llama3", "gpt2"]
    header = ready.tokenizer.special["<|end_header_id|>"]
    alone, apart = [header, 628], [header, 198, 198]
    assert len(differences(list(rows), mine, theirs[: len(rows)])) == 2 * len(rows)
    for one, other in zip(mine, theirs, strict=False):
        assert replaced(one["ids"], alone, apart) == other["ids"]


@pytest.mark.parametrize("pair", [("chatml", "gpt2"), ("mypt", "gpt2")], ids="-".join)
def test_an_answer_that_starts_with_a_newline_keeps_its_prompt(pair, both):
    ready, rows, _, theirs = both[pair]
    (mine,) = ours(ready, [STARTS_WITH_NEWLINE])
    prompt = ready.encode_prompt(talk(*STARTS_WITH_NEWLINE.turns[:-1]))
    assert mine["ids"][: len(prompt)] == prompt
    # A control token ends the start of a turn in mypt, so nothing can join it there.
    assert (mine == theirs[len(rows)]) == (pair[0] == "mypt")


def test_a_control_token_within_a_text_ends_a_turn_there_and_not_here(both):
    ready, rows, _, theirs = both["chatml", "gpt2"]
    (mine,) = ours(ready, [HOSTILE])
    end = ready.tokenizer.special["<|im_end|>"]
    assert mine["ids"].count(end) == 2
    assert theirs[len(rows) + 1]["ids"].count(end) == 3
