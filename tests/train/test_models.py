"""New models and loaded ones: sizes, seeds, patterns, round trips, and what is refused."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from wellread.errors import InputError

torch = pytest.importorskip(
    "torch", reason="training needs the extra: pip install 'wellread[train]'"
)

from transformers import AutoModelForCausalLM, BertConfig, BertModel, PreTrainedModel

from tests.train.families import tiny_model
from wellread.train.folders import Source, find_source
from wellread.train.lora import add_lora
from wellread.train.models import grow_embeddings, load_causal_model, new_model
from wellread.train.patterns import nemotron_pattern, parse_pattern
from wellread.train.presets import PRESETS, NewModel
from wellread.train.saving import save_model
from wellread.train.settings import LoraSettings

VOCABULARY, PAD, ENDS = 97, 0, [2, 3]
KINDS = {
    "TT": "llama",
    "CT": "lfm2",
    "CCTC": "lfm2",
    "TM": "nemotron_h",
    "MMT": "nemotron_h",
    "MM": "mamba2",
}


def refuse(*_: object, **__: object) -> None:
    raise AssertionError("no connection may be made")


def made(pattern: str = "TT", *, seed: int = 1, **options: object) -> PreTrainedModel:
    settings = NewModel.model_validate(
        {"preset": "nano", "block_pattern": pattern, "n_embd": 32, **options}
    )
    return new_model(settings, VOCABULARY, PAD, ENDS, seed).eval()


def ids(length: int = 21) -> torch.Tensor:
    return torch.randint(4, VOCABULARY, (2, length), generator=torch.Generator().manual_seed(5))


@torch.no_grad()
def logits(model: torch.nn.Module, input_BT: torch.Tensor | None = None) -> torch.Tensor:
    out = model(input_ids=ids() if input_BT is None else input_BT, use_cache=False)
    return out.logits


@torch.no_grad()
def slow_greedy(model: PreTrainedModel, input_BT: torch.Tensor, count: int) -> torch.Tensor:
    """The most likely token again and again, the whole row anew each time."""
    for _ in range(count):
        next_B1 = logits(model, input_BT)[:, -1:].argmax(-1)
        input_BT = torch.cat([input_BT, next_B1], dim=1)
    return input_BT


# -- patterns and settings


@pytest.mark.parametrize(
    "pattern", ["T,T,M,M", "ttmm", "TTMM", " t;T m|M ", "transformer,T,mamba,m"]
)
def test_a_pattern_is_read_with_and_without_commas_in_either_case(pattern: str) -> None:
    assert parse_pattern(pattern) == "TTMM"
    assert NewModel(block_pattern=pattern).blocks == "TTMM"


def test_a_pattern_may_be_a_list() -> None:
    assert NewModel.model_validate({"block_pattern": ["T", "mamba"]}).blocks == "TM"


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("T,T,X,M", ("block 3 of 4", "'X'")),
        ("TTXM", ("block 3 of 4", "'X'")),
        (["T", "attention"], ("block 2 of 2", "'attention'")),
        ("T,TT", ("block 2 of 2", "'TT'")),
    ],
)
def test_an_unknown_block_is_named_with_its_place_and_what_is_allowed(
    pattern: object, words: tuple[str, ...]
) -> None:
    with pytest.raises(ValidationError) as error:
        NewModel.model_validate({"block_pattern": pattern})
    for word in (*words, "T or transformer", "M or mamba", "C or convolution"):
        assert word in str(error.value)


@pytest.mark.parametrize("pattern", ["C", "CC", "C,M", "T,C,M"])
def test_convolutions_without_attention_or_beside_mamba_are_refused(pattern: str) -> None:
    with pytest.raises(ValidationError, match="C blocks stand beside T blocks alone"):
        NewModel(block_pattern=pattern)
    assert NewModel(block_pattern="conv,T,convolution").blocks == "CTC"


def test_dropout_is_refused_where_the_family_has_none() -> None:
    with pytest.raises(ValidationError, match="models with C blocks know none"):
        NewModel(block_pattern="CT", dropout=0.1)


def test_a_pattern_of_another_length_than_n_layer_is_refused_with_both_numbers() -> None:
    with pytest.raises(ValidationError, match="4 blocks and n_layer is 20"):
        NewModel(block_pattern="TTMM", n_layer=20)
    assert NewModel(block_pattern="TTMM", n_layer=4).blocks == "TTMM"


def test_heads_that_do_not_divide_the_width_are_refused() -> None:
    with pytest.raises(ValidationError, match="n_embd 100 over n_head 3"):
        NewModel(n_embd=100, n_head=3)
    with pytest.raises(ValidationError, match="n_kv_head 3 must divide n_head 4"):
        NewModel(n_embd=64, n_head=4, n_kv_head=3)


def test_presets_grow_and_can_be_changed_in_part() -> None:
    sizes = [preset.n_layer * preset.n_embd**2 for preset in PRESETS.values()]
    assert sizes == sorted(sizes)
    shape = NewModel(preset="base", n_head=6).shape()
    assert (shape.n_embd, shape.n_head, shape.n_kv_head) == (768, 6, 6)


def test_the_hybrid_pattern_is_that_of_nemotron() -> None:
    assert nemotron_pattern("TTMM", mamba_mlp=True) == "*-*-M-M-"
    model = made("TTMM")
    assert model.config.hybrid_override_pattern == "*-*-M-M-"
    assert made("TM", mamba_use_mlp=False).config.hybrid_override_pattern == "*-M"


# -- new models


@pytest.mark.parametrize("pattern", KINDS)
def test_a_pattern_decides_about_the_kind_of_model(pattern: str) -> None:
    config = made(pattern).config
    assert config.model_type == KINDS[pattern]
    assert (config.vocab_size, config.pad_token_id, config.eos_token_id) == (VOCABULARY, PAD, ENDS)


@pytest.mark.parametrize("pattern", KINDS)
def test_weights_depend_on_the_seed_and_on_nothing_else(pattern: str) -> None:
    torch.manual_seed(11)
    one = made(pattern).state_dict()
    torch.manual_seed(12)
    torch.rand(7)
    state = torch.get_rng_state()
    two, other = made(pattern).state_dict(), made(pattern, seed=2).state_dict()
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(two[name], weight) for name, weight in one.items())
    assert not all(torch.equal(other[name], weight) for name, weight in one.items())


@pytest.mark.parametrize("pattern", [*KINDS, "MT no mlp"])
def test_a_saved_model_is_read_back_with_equal_logits(pattern: str, tmp_path: Path) -> None:
    blocks, _, rest = pattern.partition(" ")
    model = made(blocks, mamba_use_mlp=not rest)
    save_model(model, tmp_path)
    for loaded in (AutoModelForCausalLM.from_pretrained(tmp_path), load_causal_model(tmp_path)):
        assert type(loaded) is type(model)
        assert torch.equal(logits(loaded.eval()), logits(model))
        assert loaded.generation_config.eos_token_id == ENDS


def test_a_saved_hybrid_names_its_pattern_and_no_experts(tmp_path: Path) -> None:
    save_model(made("TM"), tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["hybrid_override_pattern"] == "*-M-"
    assert not [name for name in config if "expert" in name or "moe" in name]
    loaded = load_causal_model(tmp_path).config
    assert loaded.hybrid_override_pattern == "*-M-"


@pytest.mark.parametrize("pattern", [*KINDS, "MTMT"])
def test_cached_generation_is_uncached_greedy_decoding(pattern: str) -> None:
    model = made(pattern)
    made_BT = model.generate(
        ids(9), max_new_tokens=20, do_sample=False, eos_token_id=None, pad_token_id=PAD
    )
    assert torch.equal(made_BT, slow_greedy(model, ids(9), 20))


def test_mamba_parameters_start_where_a_state_remembers() -> None:
    mixer = made("MTM", n_embd=64).model.layers[0].mixer
    decay = torch.exp(mixer.A_log)
    assert 1 <= decay.min() <= decay.max() <= 16
    step = torch.nn.functional.softplus(mixer.dt_bias)
    assert step.min() * 1.01 >= 0.001
    assert step.max() <= 0.1 * 1.01
    assert len(step.unique()) > 1
    assert torch.equal(mixer.D, torch.ones_like(mixer.D))
    bound = mixer.conv1d.kernel_size[0] ** -0.5
    assert mixer.conv1d.weight.abs().max() <= bound
    assert mixer.conv1d.weight.std().item() == pytest.approx(bound / 3**0.5, rel=0.2)


def test_a_fresh_state_carries_a_token_beyond_the_convolutions() -> None:
    model = made("MM", n_embd=64)
    with_BT, without_BT = ids(24), ids(24)
    without_BT[:, 0] = (without_BT[:, 0] + 7) % VOCABULARY
    after = (logits(model, with_BT) - logits(model, without_BT))[:, -1]
    assert after.abs().max() > 0.01 * logits(model).std()


def test_a_convolution_sees_as_many_tokens_as_asked_and_starts_wide_awake() -> None:
    for width in (2, 3, 4):
        conv = made("CT", conv_width=width).model.layers[0].conv.conv
        assert conv.kernel_size == (width,)
        assert conv.weight.std().item() == pytest.approx((3 * width) ** -0.5, rel=0.3)


def test_small_models_share_embeddings_unless_told_otherwise() -> None:
    def shares(model: PreTrainedModel) -> bool:
        return model.get_input_embeddings().weight is model.get_output_embeddings().weight

    assert shares(made("TT"))
    assert shares(made("CT"))
    assert not shares(made("TT", tie_embeddings=False))
    assert not shares(made("TM"))


def test_options_of_attention_reach_a_model_with_convolutions() -> None:
    config = made("CT", rope_theta=500.0, max_positions=512, mlp_width=48).config
    assert config.layer_types == ["conv", "full_attention"]
    assert config.rope_parameters["rope_theta"] == 500.0
    assert config.max_position_embeddings == 512
    assert made("CT", mlp_width=48).model.layers[0].feed_forward.w1.out_features == 48


def test_dropout_and_rope_reach_the_model() -> None:
    config = made("TT", dropout=0.25, rope_theta=500.0, max_positions=512).config
    assert config.attention_dropout == 0.25
    assert config.rope_parameters["rope_theta"] == 500.0
    assert config.max_position_embeddings == 512


# -- loading


def test_embeddings_grow_to_the_tokenizer_and_old_ids_keep_their_logits(tmp_path: Path) -> None:
    model = made("TM")
    model.save_pretrained(tmp_path)
    loaded = load_causal_model(tmp_path, vocab_size=VOCABULARY + 5).eval()
    grown = logits(loaded)
    assert grown.shape[-1] == loaded.config.vocab_size == VOCABULARY + 5
    torch.testing.assert_close(grown[..., :VOCABULARY], logits(model))
    table_VC = loaded.get_input_embeddings().weight
    assert table_VC[VOCABULARY:].norm(dim=1).max() < 2 * table_VC[:VOCABULARY].norm(dim=1).max()


def test_embeddings_never_shrink() -> None:
    model = made("TT")
    assert grow_embeddings(model, 10) == VOCABULARY
    assert model.config.vocab_size == VOCABULARY


def test_growing_is_the_same_every_time_and_leaves_randomness_alone() -> None:
    one, two = made("TT"), made("TT")
    grow_embeddings(one, VOCABULARY + 9)
    state = torch.get_rng_state()
    grow_embeddings(two, VOCABULARY + 9)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(one.get_input_embeddings().weight, two.get_input_embeddings().weight)


def test_a_model_is_loaded_in_the_type_asked_for(tmp_path: Path) -> None:
    made("TT").save_pretrained(tmp_path)
    assert load_causal_model(tmp_path, dtype="bfloat16").dtype == torch.bfloat16
    with pytest.raises(InputError, match="dtype is 'int8'"):
        load_causal_model(tmp_path, dtype="int8")


def adapter_over(model: PreTrainedModel, base: Path, folder: Path) -> torch.Tensor:
    """Save a base and an adapter that changes it; what the two say together."""
    model.save_pretrained(base)
    adapted = add_lora(load_causal_model(base), LoraSettings(rank=2)).eval()
    with torch.no_grad():
        for name, weight in adapted.named_parameters():
            if "lora_B" in name:
                weight.fill_(0.5)
    adapted.save_pretrained(folder)
    return logits(adapted)


def test_an_adapter_is_loaded_over_its_base(tmp_path: Path) -> None:
    model = made("TM")
    expected = adapter_over(model, tmp_path / "base", tmp_path / "adapter")
    loaded = load_causal_model(tmp_path / "adapter").eval()
    torch.testing.assert_close(logits(loaded), expected)
    assert not torch.allclose(logits(loaded), logits(model))


def test_an_adapter_finds_a_base_that_moved_with_it(tmp_path: Path) -> None:
    adapter_over(made("TT"), tmp_path / "base", tmp_path / "adapter")
    described = tmp_path / "adapter" / "adapter_config.json"
    changed = json.loads(described.read_text()) | {"base_model_name_or_path": "base"}
    described.write_text(json.dumps(changed))
    assert find_source(tmp_path / "adapter").base == str(tmp_path / "base")
    described.write_text(json.dumps(changed | {"base_model_name_or_path": "gone"}))
    with pytest.raises(InputError, match="its base model 'gone' is no folder here"):
        load_causal_model(tmp_path / "adapter")


def _pickled(folder: Path) -> None:
    (folder / "model_final.pt").write_bytes(b"\x80\x02")


def _gguf(folder: Path) -> None:
    (folder / "expert-q4.gguf").write_bytes(b"GGUF")


def _encoder(folder: Path) -> None:
    config = BertConfig(
        hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8
    )
    BertModel(config).save_pretrained(folder)


def _config_alone(folder: Path) -> None:
    made("TT").config.save_pretrained(folder)


def _bin(folder: Path) -> None:
    made("TT").config.save_pretrained(folder)
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x02")


def _steps(folder: Path) -> None:
    (folder / "checkpoint-20").mkdir()


def _our_steps(folder: Path) -> None:
    (folder / "checkpoints" / "checkpoint-40").mkdir(parents=True)


def _other(folder: Path) -> None:
    (folder / "notes.txt").write_text("nothing")


def _unknown_kind(folder: Path) -> None:
    made("TT").save_pretrained(folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "telepath"}))


def _lacking(folder: Path) -> None:
    made("TTT").save_pretrained(folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 4}))


@pytest.mark.parametrize(
    ("fill", "words"),
    [
        (_pickled, "model_final.pt is a checkpoint of another program"),
        (_gguf, "expert-q4.gguf is a GGUF"),
        (_encoder, "holds BertModel, which does not write text"),
        (_config_alone, "no .safetensors file"),
        (_bin, "pytorch_model.bin, a pickle"),
        (_steps, "checkpoint-20"),
        (_our_steps, "checkpoints/checkpoint-40"),
        (_other, "holds no model: there is no config.json"),
        (_unknown_kind, "cannot be loaded as a causal language model"),
        (_lacking, "lacks 9 of the model's weights, such as model.layers.3"),
    ],
)
def test_a_folder_of_something_else_is_told_by_what_it_is(
    fill: Callable[[Path], None], words: str, tmp_path: Path
) -> None:
    fill(tmp_path)
    with pytest.raises(InputError) as error:
        load_causal_model(tmp_path)
    assert words in str(error.value)
    assert error.value.hint


def test_a_file_is_told_from_a_folder(tmp_path: Path) -> None:
    made("TT").save_pretrained(tmp_path)
    with pytest.raises(InputError, match="name its folder"):
        load_causal_model(tmp_path / "model.safetensors")


@pytest.mark.parametrize(
    "name", ["gone", "./org/name", "/nowhere/model", "a/b/c", "~/gone", "models/gone"]
)
def test_a_missing_folder_is_an_error_and_no_name_of_the_hub(name: str) -> None:
    with pytest.raises(InputError, match="no such folder") as error:
        load_causal_model(name)
    assert "org/name" in error.value.hint


def test_a_missing_folder_below_one_that_exists_is_no_name_of_the_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "experts").mkdir()
    with pytest.raises(InputError, match="experts/gone: no such folder"):
        find_source("experts/gone")


def test_only_a_marked_name_may_be_fetched() -> None:
    source = find_source("hub:gpt2")
    assert (source.base, source.local) == ("gpt2", False)


def test_a_name_of_the_hub_is_the_folder_it_was_fetched_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cached = tmp_path / "models--some-org--a-model.v1"
    made("TT").save_pretrained(cached / "snapshots" / "0123")
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text("0123")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    source = find_source("some-org/a-model.v1")
    assert source == Source(str(cached / "snapshots" / "0123"), local=True)


def test_a_name_of_the_hub_that_was_never_fetched_fails_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    with pytest.raises(InputError, match="some-org/never-fetched") as error:
        load_causal_model("some-org/never-fetched")
    assert "hf download some-org/never-fetched" in error.value.hint


def test_a_folder_is_loaded_without_any_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny_model("llama").save_pretrained(tmp_path)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert load_causal_model(tmp_path).config.model_type == "llama"
