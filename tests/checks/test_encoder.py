"""The detector `encoder`, on models small enough to make here, through the real libraries."""

from __future__ import annotations

import importlib.util
import json
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.checks.tiny_encoder import tiny_bert, tiny_modern_bert

from wellread.checks.detector import Case
from wellread.checks.encoder_windows import windows
from wellread.checks.rows import passage
from wellread.errors import InputError

HAS_MODELS = all(importlib.util.find_spec(name) for name in ("torch", "transformers", "tokenizers"))
needs_models = pytest.mark.skipif(
    not HAS_MODELS, reason="the encoder needs the extra: pip install 'wellread[train]'"
)
WORDS = (
    "the pump runs at 67 69 psi it was built in 1960 . , what does passage 1 2 3 : ? not".split()
)
TEXT = "The pump runs at 67 psi. It was built in 1960."


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_bert(tmp_path_factory.mktemp("bert"), WORDS, ["69"])


@pytest.fixture(scope="module")
def detector(folder):
    from wellread.checks.encoder import EncoderDetector

    return EncoderDetector(folder)


@needs_models
def test_what_the_model_finds_wrong_becomes_a_span_with_its_place_in_the_answer(detector):
    answer = "It was built in 1960.  The pump runs at 69 psi."
    verdict = detector.check("What?", [passage(TEXT, 1)], answer)
    assert verdict.outcome == "partial"
    (span,) = verdict.spans
    assert (span.text, answer[span.start : span.end]) == ("69", "69")
    assert span.probability > 0.9
    assert verdict.score < 0.1
    assert [round(s.probability) for s in verdict.sentences] == [1, 0]
    assert verdict.reason.startswith("the model finds no support")
    assert verdict.detector == "encoder"
    assert verdict.version


@needs_models
def test_an_answer_in_which_it_finds_nothing_is_grounded(detector):
    verdict = detector.check("What?", [passage(TEXT, 1)], "The pump runs at 67 psi.")
    assert (verdict.outcome, verdict.spans) == ("grounded", ())
    assert verdict.score > 0.9


@needs_models
def test_a_verdict_does_not_depend_on_its_neighbours_in_a_batch(detector):
    cases = [
        Case("What?", [passage(TEXT * 6, 1)], "The pump runs at 69 psi."),
        Case("", [passage(TEXT, 1)], "It was built in 1960."),
        Case("", [], "It was built in 1960."),
        Case("What does it?", [passage(TEXT, 1), passage(TEXT * 3, 2)], "The pump."),
    ]
    assert detector.check_many(cases) == [detector.check(*case) for case in cases]
    assert detector.check_many([]) == []


@needs_models
@pytest.mark.parametrize(
    ("passages", "answer", "said"),
    [
        ([TEXT], "", "the answer is empty"),
        ([TEXT], " \n ", "the answer is empty"),
        ([], "The pump.", "there are no passages"),
        (["   "], "The pump.", "the passages are empty"),
        ([TEXT], "the pump " * 40, "the answer leaves no room for passages"),
        ([TEXT], "泵的压力是六十七。", "the model does not know the answer's script"),
    ],
)
def test_what_it_cannot_judge_is_unscored_with_the_reason(detector, passages, answer, said):
    given_ = [passage(text, at) for at, text in enumerate(passages, start=1)]
    verdict = detector.check("What?", given_, answer)
    assert (verdict.outcome, verdict.score, verdict.reason) == ("unscored", 0.0, said)


@needs_models
def test_an_answer_that_declines_is_abstained(detector):
    verdict = detector.check("What?", [passage(TEXT, 1)], "The passages do not say this.")
    assert verdict.outcome == "abstained"


@needs_models
def test_long_passages_are_seen_whole_and_the_answer_in_every_window(detector):
    encoded: list[tuple[int, int]] = []
    real = detector._model.encode
    seen: list[str] = []

    def watched(first, answer):
        seen.append(first)
        pair = real(first, answer)
        encoded.append((len(pair.ids), len(pair.places)))
        return pair

    detector._model.encode = watched
    try:
        text = " ".join(WORDS[at % 10] for at in range(400)) + " 1960"
        verdict = detector.check("What?", [passage(text, 1)], "The pump runs at 67 psi.")
    finally:
        del detector._model.encode
    assert verdict.outcome == "grounded"
    assert len(seen) > 8
    assert all(length <= 64 for length, _ in encoded)
    assert {count for _, count in encoded} == {7}
    assert "1960" in seen[-1]
    assert all(first.startswith("What?") for first in seen)


@needs_models
def test_support_by_any_window_or_only_by_all(folder):
    """A model that looks at words near it, in place of the one that cannot."""
    from wellread.checks.encoder import EncoderDetector, EncoderSettings

    for join, outcome in (("any", "grounded"), ("all", "ungrounded")):
        made = EncoderDetector(folder, EncoderSettings(windows=join))
        made._model.unsupported = lambda pairs, batch: [  # type: ignore[method-assign]
            np.full(len(pair.places), 0.1 if at == 1 else 0.9) for at, pair in enumerate(pairs)
        ]
        verdict = made.check("", [passage(TEXT * 8, 1)], "The pump.")
        assert verdict.outcome == outcome


@needs_models
def test_the_labels_say_which_one_means_supported(tmp_path):
    from wellread.checks.encoder import EncoderDetector

    turned = tiny_bert(tmp_path / "a", WORDS, ["69"], labels=("hallucinated", "supported"))
    verdict = EncoderDetector(turned).check("", [passage(TEXT, 1)], "The pump.")
    assert verdict.outcome == "ungrounded"
    strange = tiny_bert(tmp_path / "b", WORDS, labels=("yes", "maybe"))
    with pytest.raises(InputError, match="which of its labels") as raised:
        EncoderDetector(strange)
    assert "check.json" in raised.value.hint
    (strange / "check.json").write_text(json.dumps({"supported_label": "yes", "threshold": 0.9}))
    named = EncoderDetector(strange)
    assert named.check("", [passage(TEXT, 1)], "The pump.").outcome == "grounded"
    assert named.settings.threshold == 0.9
    (strange / "check.json").write_text(json.dumps({"supported": "yes"}))
    with pytest.raises(InputError, match=r"check\.json: supported"):
        EncoderDetector(strange)
    (strange / "check.json").write_text(json.dumps({"supported_label": "no"}))
    with pytest.raises(InputError, match="no label 'no'; the labels are yes, maybe"):
        EncoderDetector(strange)


@needs_models
def test_a_modern_bert_with_nameless_labels_works(tmp_path):
    """LettuceDetect's kind of model."""
    from wellread.checks.encoder import EncoderDetector

    made = EncoderDetector(tiny_modern_bert(tmp_path, WORDS))
    cases = [
        Case("What?", [passage(TEXT * 5, 1)], "The pump runs at 69 psi."),
        Case("", [passage(TEXT, 1)], "It was built."),
    ]
    verdicts = made.check_many(cases)
    for case, verdict in zip(cases, verdicts, strict=True):
        assert 0 < verdict.score < 1
        assert all(s.text == case.answer[s.start : s.end] for s in verdict.spans)
        alone = made.check(*case)
        assert alone.outcome == verdict.outcome
        assert alone.score == pytest.approx(verdict.score, abs=1e-4)


@needs_models
def test_a_folder_that_is_no_such_model_says_what_it_is(tmp_path, folder):
    from transformers import BertConfig, BertModel

    from wellread.checks.encoder import EncoderDetector

    def refused(place):
        with pytest.raises(InputError) as raised:
            EncoderDetector(place)
        return raised.value.message

    assert "no such folder" in refused(tmp_path / "absent")
    file = tmp_path / "file"
    file.write_text("x")
    assert "is a file" in refused(file)
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "holds no config.json" in refused(empty)
    (empty / "config.json").write_text("{}")
    assert "no .safetensors" in refused(empty)
    (empty / "model.safetensors").write_bytes(b"not weights")
    assert str(empty) in refused(empty)
    (empty / "config.json").write_text("[]")
    assert "not the configuration of a model" in refused(empty)
    other = tmp_path / "other"
    small = {"num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    config = BertConfig(vocab_size=28, hidden_size=8, **small)
    BertModel(config).save_pretrained(other)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (other / name).write_bytes((folder / name).read_bytes())
    assert "holds a BertModel, not a model that classifies tokens" in refused(other)
    unnamed = json.loads((other / "config.json").read_text())
    del unnamed["architectures"]
    (other / "config.json").write_text(json.dumps(unnamed))
    assert "the weights lack classifier" in refused(other)


@needs_models
def test_a_gpu_that_is_not_there_is_told(folder):
    import torch

    from wellread.checks.encoder import EncoderDetector, EncoderSettings

    if torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(InputError, match="torch finds no GPU here"):
        EncoderDetector(folder, EncoderSettings(device="cuda"))


def test_without_the_libraries_the_error_says_what_to_install(tmp_path, monkeypatch):
    from wellread.checks.encoder import EncoderDetector

    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(InputError) as raised:
        EncoderDetector(tmp_path)
    assert "transformers, which is not installed" in raised.value.message
    assert raised.value.hint == "pip install 'wellread[train]'"


def _starts(text):
    return [at for at in range(len(text)) if at == 0 or text[at - 1] == " "] if text else []


@given(
    st.lists(st.text("ab ", max_size=60), max_size=4),
    st.integers(3, 20),
    st.integers(0, 2),
    st.floats(0, 0.9),
)
def test_windows_fit_and_leave_no_character_out(texts, room, label, overlap):
    made = windows(texts, _starts, room, label, overlap)
    covered = {(p.passage, at) for window in made for p in window for at in range(p.start, p.end)}
    assert covered == {(n, at) for n, text in enumerate(texts) for at in range(len(text))}
    for window in made:
        assert sum(part.tokens + label for part in window) <= room
        assert len(window) >= 1


def test_a_stretch_of_a_long_text_overlaps_the_next():
    text = " ".join("abcdefghij")
    made = windows([text], _starts, 4, 0, 0.5)
    assert [text[w[0].start : w[0].end].split() for w in made][:2] == [list("abcd"), list("cdef")]


def byte_level(folder, text):
    """A tokenizer as RoBERTa's and ModernBERT's: bytes, and the space belongs to the word."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    special = ["<pad>", "<s>", "</s>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    made.train_from_iterator([text], trainer)
    made.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> </s> $B </s>",
        special_tokens=[("<s>", 1), ("</s>", 2)],
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=made,
        pad_token="<pad>",
        cls_token="<s>",
        sep_token="</s>",
        model_max_length=256,
        model_input_names=["input_ids", "attention_mask"],
    )
    tokenizer.save_pretrained(folder)
    return made.get_vocab_size()


@needs_models
def test_with_a_tokenizer_of_bytes_spans_still_lie_on_characters(tmp_path):
    from wellread.checks.encoder import EncoderDetector

    folder = tiny_modern_bert(tmp_path / "m", [f"w{n}" for n in range(600)], limit=256)
    byte_level(folder, TEXT * 20)
    made = EncoderDetector(folder)
    answers = [
        "The pump runs at 69 psi.",
        "  spaces before\n\nand lines between\t",
        "Straße 🙂🙂 泵的压力",
        "é" * 40,
        "a",
    ]
    for answer in answers:
        verdict = made.check("What?", [passage(TEXT, 1)], answer)
        assert verdict.outcome in {"grounded", "partial", "ungrounded"}
        for span in verdict.spans:
            assert span.text == answer[span.start : span.end] == span.text.strip() != ""
        covered = [(s.start, s.end) for s in verdict.sentences]
        assert covered == sorted(covered)
        assert covered
