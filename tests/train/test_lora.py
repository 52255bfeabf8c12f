"""Adapters: on which layers of which family, that only they train, and that they merge."""

from __future__ import annotations

import pytest

from wellread.errors import InputError

torch = pytest.importorskip(
    "torch", reason="training needs the extra: pip install 'wellread[train]'"
)

from pathlib import Path

from peft import PeftModel
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel

from tests.train.families import HYBRIDS, TRANSFORMERS, VOCABULARY, tiny_model
from wellread.train.lora import TARGETS, add_lora, merge_lora
from wellread.train.models import load_causal_model
from wellread.train.saving import save_model
from wellread.train.settings import LoraSettings

FAMILIES = [*TRANSFORMERS, *HYBRIDS]
NEW_IDS = (90, 95)


def adapted(kind: str, **options: object) -> PeftModel:
    return add_lora(tiny_model(kind), LoraSettings.model_validate({"rank": 2, **options}))


def ids() -> torch.Tensor:
    return torch.randint(VOCABULARY, (2, 17), generator=torch.Generator().manual_seed(0))


def train(model: PeftModel, steps: int = 2) -> None:
    """A few large steps."""
    model.train()
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.SGD(weights, lr=1.0)
    for _ in range(steps):
        model(input_ids=ids(), labels=ids(), use_cache=False).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.eval()


@torch.no_grad()
def logits(model: torch.nn.Module) -> torch.Tensor:
    return model(input_ids=ids(), use_cache=False).logits


def layers_with_an_adapter(model: PeftModel) -> set[str]:
    return {
        name.partition(".lora_A")[0] for name, _ in model.named_parameters() if "lora_A" in name
    }


@pytest.mark.parametrize("kind", FAMILIES)
def test_only_the_adapter_trains_and_every_part_of_it_does(kind: str) -> None:
    model = adapted(kind)
    before = {name: weight.clone() for name, weight in model.named_parameters()}
    start = logits(model)
    train(model)
    moved = {n for n, weight in model.named_parameters() if not torch.equal(weight, before[n])}
    assert moved == {name for name in before if "lora_" in name}
    assert not torch.allclose(logits(model), start)


@pytest.mark.parametrize("kind", FAMILIES)
def test_a_fresh_adapter_changes_nothing_and_a_merged_one_says_the_same(kind: str) -> None:
    model = adapted(kind)
    torch.testing.assert_close(logits(model), logits(tiny_model(kind)))
    train(model)
    expected = logits(model)
    full = merge_lora(model)
    assert type(full) is type(tiny_model(kind))
    assert not any("lora" in name for name, _ in full.named_parameters())
    torch.testing.assert_close(logits(full), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", FAMILIES)
def test_every_name_of_a_family_matches_and_none_is_read_past_by_a_kernel(kind: str) -> None:
    layers = layers_with_an_adapter(adapted(kind))
    for target in TARGETS[kind]:
        assert any(f".{layer}".endswith(f".{target}") for layer in layers), target
    for layer in layers:
        assert not layer.endswith(("mixer.out_proj", "mamba.out_proj", "conv1d", "lm_head"))


def test_both_kinds_of_blocks_of_a_hybrid_get_adapters() -> None:
    last = {layer.rpartition(".")[2] for layer in layers_with_an_adapter(adapted("nemotron_h"))}
    assert last == {"q_proj", "k_proj", "v_proj", "o_proj", "in_proj", "up_proj", "down_proj"}


def test_settings_reach_the_adapter() -> None:
    model = adapted("llama", rank=3, alpha=12, dropout=0.25, targets=["q_proj"])
    assert {layer.rpartition(".")[2] for layer in layers_with_an_adapter(model)} == {"q_proj"}
    layer = model.base_model.model.model.layers[0].self_attn.q_proj
    assert layer.lora_A["default"].weight.shape[0] == 3
    assert layer.scaling["default"] == 4
    assert layer.lora_dropout["default"].p == 0.25


def unknown_family() -> PreTrainedModel:
    config = AutoConfig.for_model(
        "gpt_neox",
        vocab_size=VOCABULARY,
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=4,
        intermediate_size=64,
    )
    return AutoModelForCausalLM.from_config(config)


def test_an_unknown_family_is_an_error_that_lists_its_layers_and_asks_for_targets() -> None:
    with pytest.raises(InputError) as error:
        add_lora(unknown_family(), LoraSettings())
    for word in ("gpt_neox", "query_key_value", "dense_h_to_4h", "dense_4h_to_h"):
        assert word in error.value.message
    assert "embed_out" not in error.value.message
    assert "targets: [" in error.value.hint


def test_an_unknown_family_takes_the_targets_it_is_given() -> None:
    model = add_lora(unknown_family(), LoraSettings(rank=2, targets=("query_key_value",)))
    assert layers_with_an_adapter(model)


def test_a_target_that_matches_nothing_is_an_error_that_lists_the_layers() -> None:
    with pytest.raises(InputError, match="ends in 'q_porj'; its linear layers") as error:
        adapted("llama", targets=["v_proj", "q_porj"])
    assert "q_proj" in error.value.message


@pytest.mark.parametrize("kind", ["nemotron_h", "bamba", "granitemoehybrid", "zamba2", "mamba2"])
@pytest.mark.parametrize("target", ["out_proj", "conv1d"])
def test_a_layer_whose_adapter_kernels_would_read_past_is_refused(kind: str, target: str) -> None:
    with pytest.raises(InputError, match="would have no effect"):
        adapted(kind, targets=["in_proj", target])


def test_the_output_of_attention_is_no_layer_of_a_mixer() -> None:
    assert adapted("lfm2", targets=["self_attn.out_proj"])
    assert adapted("nemotron_h", targets=["o_proj"])


@pytest.mark.parametrize("kind", ["llama", "gemma3_text", "nemotron_h", "falcon_h1", "gpt2"])
@pytest.mark.parametrize("tied", [True, False])
def test_embeddings_of_new_ids_train_and_no_others(kind: str, tied: bool) -> None:
    tied = tied and kind != "nemotron_h"
    base = tiny_model(kind, tie_word_embeddings=tied)
    model = add_lora(base, LoraSettings(rank=2), new_ids=NEW_IDS)
    train(model)
    expected = logits(model)
    full, fresh = merge_lora(model), tiny_model(kind, tie_word_embeddings=tied)
    torch.testing.assert_close(logits(full), expected, rtol=1e-4, atol=1e-5)
    for table, old in (
        (full.get_input_embeddings().weight, fresh.get_input_embeddings().weight),
        (full.get_output_embeddings().weight, fresh.get_output_embeddings().weight),
    ):
        moved_V = (table != old).any(dim=1)
        assert set(moved_V.nonzero().flatten().tolist()) <= set(NEW_IDS)
        assert moved_V.any() or table is full.get_input_embeddings().weight
    same = full.get_input_embeddings().weight is full.get_output_embeddings().weight
    assert same is tied


def test_new_ids_beyond_the_model_are_an_error() -> None:
    with pytest.raises(InputError, match="go from 5 to 96, and the model has 96"):
        add_lora(tiny_model("llama"), LoraSettings(), new_ids=(96, 5))


def test_an_adapter_starts_the_same_every_time_and_leaves_randomness_alone() -> None:
    one = adapted("llama").state_dict()
    torch.manual_seed(4)
    state = torch.get_rng_state()
    two = adapted("llama").state_dict()
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(two[name], weight) for name, weight in one.items())


def test_an_adapter_that_diverged_is_not_merged() -> None:
    model = adapted("llama")
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                weight.fill_(float("nan"))
    with pytest.raises(InputError, match="cannot be merged"):
        merge_lora(model)


def test_a_saved_adapter_with_new_ids_is_loaded_over_its_base(tmp_path: Path) -> None:
    tiny_model("llama").save_pretrained(tmp_path / "base")
    base = load_causal_model(tmp_path / "base", vocab_size=VOCABULARY + 4)
    model = add_lora(base, LoraSettings(rank=2), new_ids=range(VOCABULARY, VOCABULARY + 4))
    train(model)
    save_model(model, tmp_path / "adapter")
    loaded = load_causal_model(tmp_path / "adapter").eval()  # the adapter says how many ids
    torch.testing.assert_close(logits(loaded), logits(model))
