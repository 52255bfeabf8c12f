"""The tokenizers that are shipped, made and opened; nothing is downloaded unasked."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("tokenizers", reason="token ids need: pip install 'wellread[tokenizers]'")

from tests.dialogue.making import KINDS, TEXTS
from wellread.dialogue.formats import PRESETS
from wellread.dialogue.tokenizer import (
    UNKNOWN,
    Tokenizer,
    open_tokenizer,
    tokenizer_folder,
    train_tokenizer,
)
from wellread.errors import InputError

GPT2 = open_tokenizer("gpt2")

# Ids that GPT-2's published encoder gives.
KNOWN = {
    "hello world": [31373, 995],
    "Hello, world!": [15496, 11, 995, 0],
    " the": [262],
    "The quick brown fox jumps over the lazy dog.": [
        464, 2068, 7586, 21831, 18045, 625, 262, 16931, 3290, 13,
    ],
    "\n": [198],
    "\n\n": [628],
    "": [],
}  # fmt: skip


@pytest.mark.parametrize("text", sorted(KNOWN))
def test_gpt2_gives_the_known_ids(text):
    assert GPT2.encode_batch([text]) == [KNOWN[text]]


def test_gpt2_has_its_vocabulary_and_a_round_number_of_rows():
    assert GPT2.backend.get_vocab_size() == 50_257
    assert GPT2.special == {"<|endoftext|>": 50_256}
    assert GPT2.vocab_size == 50_304
    assert open_tokenizer("gpt2", vocab_size=50_257).vocab_size == 50_257


def test_a_vocabulary_smaller_than_the_ids_is_refused():
    with pytest.raises(InputError, match=r"50,256; the tokenizer gpt2 has 50,257 ids") as caught:
        open_tokenizer("gpt2", vocab_size=50_256)
    assert "at least 50257" in str(caught.value)


@given(st.text())
@settings(deadline=None)
def test_gpt2_gives_back_every_text(text):
    assert GPT2.decode(GPT2.encode_batch([text])[0]) == text


def test_an_unknown_character_is_one_id_and_is_shown():
    tokenizer = train_tokenizer("char", ["abc\n", "ü 🙂"], PRESETS["mypt"])
    assert tokenizer.decode(tokenizer.encode_batch(["cab\nü🙂 "])[0]) == "cab\nü🙂 "
    ids = tokenizer.encode_batch(["axyb"])[0]
    assert len(ids) == 4
    assert ids[1] == ids[2]
    assert tokenizer.decode(ids) == f"a{UNKNOWN}{UNKNOWN}b"
    assert UNKNOWN not in tokenizer.special


@given(st.text(min_size=1))
@settings(deadline=None, max_examples=30)
def test_a_char_tokenizer_gives_back_the_texts_it_was_made_of(text):
    tokenizer = train_tokenizer("char", [text])
    ids = tokenizer.encode_batch([text])[0]
    assert len(ids) == len(text)
    assert tokenizer.decode(ids) == text


@pytest.mark.parametrize("kind", ["char", "bpe"])
def test_equal_texts_make_equal_tokenizers(kind):
    made = [train_tokenizer(kind, TEXTS * 2, PRESETS["chatml"], vocab_size=500) for _ in range(3)]
    assert len({tokenizer.fingerprint for tokenizer in made}) == 1
    other_order = train_tokenizer(kind, [*TEXTS, *TEXTS][::-1], PRESETS["chatml"], vocab_size=500)
    assert other_order.fingerprint == made[0].fingerprint
    assert len({train_tokenizer(kind, [t[::-1]]).fingerprint for t in TEXTS}) == len(TEXTS)


@pytest.mark.parametrize("size", [300, 333, 400])
def test_a_bpe_tokenizer_keeps_to_its_vocabulary_size(size):
    tokenizer = train_tokenizer("bpe", TEXTS * 3, PRESETS["mypt"], vocab_size=size)
    assert tokenizer.vocab_size == size
    assert max(tokenizer.backend.get_vocab().values()) < size
    text = "Größe 🙂 \n\n x"
    assert tokenizer.decode(tokenizer.encode_batch([text])[0]) == text


def test_characters_get_their_ids_in_the_order_of_the_alphabet():
    vocabulary = train_tokenizer("char", ["zebra ü", "\nAB"]).backend.get_vocab()
    assert [t for t, i in sorted(vocabulary.items(), key=lambda kv: kv[1])][:10] == [*"\n ABaberzü"]


def test_a_bpe_tokenizer_of_few_texts_has_no_more_rows_than_it_needs():
    assert train_tokenizer("bpe", ["ab"], vocab_size=8192).vocab_size == 320


def test_a_bpe_tokenizer_without_room_for_bytes_is_refused():
    with pytest.raises(InputError, match="no room") as caught:
        train_tokenizer("bpe", TEXTS, PRESETS["mypt"], vocab_size=260)
    assert "at least 273" in str(caught.value)


def test_control_tokens_that_a_folder_lacks_are_added_and_the_rows_rounded(tmp_path: Path):
    made = KINDS["byte_level"]()
    made.save(str(tmp_path / "tokenizer.json"))
    plain = open_tokenizer(tmp_path)
    assert (plain.vocab_size, plain.special) == (made.get_vocab_size(), {})
    grown = open_tokenizer(tmp_path, PRESETS["chatml"])
    size = made.get_vocab_size()
    assert grown.special == {"<|im_start|>": size, "<|im_end|>": size + 1}
    assert grown.vocab_size % 64 == 0
    assert open_tokenizer(tmp_path / "tokenizer.json").fingerprint == plain.fingerprint


def test_truncation_and_padding_of_a_downloaded_tokenizer_change_no_ids(tmp_path: Path):
    made = KINDS["byte_level"]()
    expected = Tokenizer(KINDS["byte_level"](), name="x").encode_batch(TEXTS)
    made.enable_truncation(4)
    made.enable_padding(length=500)
    assert Tokenizer(made, name="x").encode_batch(TEXTS) == expected


def test_what_is_no_tokenizer_is_told_so(tmp_path: Path):
    (tmp_path / "tokenizer.json").write_text("{}", encoding="utf-8")
    with pytest.raises(InputError, match=r"not a tokenizer\.json"):
        open_tokenizer(tmp_path)
    with pytest.raises(InputError, match="no tokenizer there") as caught:
        open_tokenizer(tmp_path / "nowhere")
    assert "gpt2, char, bpe" in str(caught.value)
    with pytest.raises(InputError, match="made from texts"):
        open_tokenizer("bpe")
    with pytest.raises(InputError, match="unknown kind of tokenizer 'word'"):
        train_tokenizer("word", [])


def test_a_mistyped_path_is_not_asked_of_the_hub(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    assert tokenizer_folder("runs/modle") == Path("runs/modle")
    assert tokenizer_folder("a/b/c") == Path("a/b/c")
    assert tokenizer_folder("gpt3") == Path("gpt3")


def test_a_name_of_the_hub_needs_its_library(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    for name in ("hub:org/name", "org/name"):
        with pytest.raises(InputError, match="huggingface_hub, which is not installed"):
            open_tokenizer(name)


def test_without_the_library_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(InputError, match="tokenizers, which is not installed") as caught:
        open_tokenizer("gpt2")
    assert "pip install 'wellread[train]'" in str(caught.value)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_places_matter_only_where_a_space_is_written_before_the_first_word(kind):
    tokenizer = Tokenizer(KINDS[kind](), name=kind)
    spaced = {"metaspace_first", "metaspace_always", "prepended", "control_words"}
    assert tokenizer.places_matter is (kind in {*spaced, "byte_level_with_prefix_space"})
    starts = [tokenizer.encode_batch(["loom"], place)[0] for place in ("start", "control", "text")]
    assert (starts[0] != starts[2]) is tokenizer.places_matter
    assert (starts[1] == starts[0]) is (kind not in {"metaspace_first", "control_words"})
