"""Packed neighbours: which families keep them apart, and that the check sees it where not."""

from __future__ import annotations

import pytest

torch = pytest.importorskip(
    "torch", reason="training needs the extra: pip install 'wellread[train]'"
)

from transformers import PreTrainedModel

from tests.train.families import HYBRIDS, TRANSFORMERS, tiny_model
from wellread.train.isolation import measure_leak, packing_leak, packs_safely, padding_leak
from wellread.train.models import new_model
from wellread.train.presets import NewModel

FAMILIES = [*TRANSFORMERS, *HYBRIDS]
PATTERNS = {"TT": True, "TTM": False, "CT": False, "MM": False}


def made(pattern: str, **options: object) -> PreTrainedModel:
    settings = NewModel.model_validate(
        {"preset": "nano", "block_pattern": pattern, "n_embd": 32, **options}
    )
    return new_model(settings, 97, 0, [1], 1)


@pytest.mark.parametrize("kind", TRANSFORMERS)
def test_transformers_keep_packed_documents_apart(kind: str) -> None:
    leak = measure_leak(tiny_model(kind))
    assert leak.perturbed == 0
    assert leak.alone < 1e-4
    assert packs_safely(tiny_model(kind))


@pytest.mark.parametrize("kind", HYBRIDS)
def test_models_with_a_state_or_a_convolution_leak_and_are_refused(kind: str) -> None:
    assert packing_leak(tiny_model(kind)) > 1e-4
    assert not packs_safely(tiny_model(kind))


@pytest.mark.parametrize("pattern", PATTERNS)
def test_new_models_pack_where_all_blocks_are_transformers(pattern: str) -> None:
    assert packs_safely(made(pattern)) is PATTERNS[pattern]


@pytest.mark.parametrize("kind", FAMILIES)
def test_rows_padded_on_the_right_are_as_without_padding(kind: str) -> None:
    assert padding_leak(tiny_model(kind)) < 1e-3


@pytest.mark.parametrize("kind", ["llama", "gemma2", "gpt2"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_the_tolerance_suits_the_dtype(kind: str, dtype: torch.dtype) -> None:
    assert packs_safely(tiny_model(kind).to(dtype))


@pytest.mark.parametrize("kind", ["falcon_h1", "nemotron_h", "bamba"])
def test_a_leak_shows_in_half_precision_too(kind: str) -> None:
    assert not packs_safely(tiny_model(kind).to(torch.bfloat16))


class Wrapped(torch.nn.Module):
    """A model that is called in a wrong way."""

    def __init__(self, model: PreTrainedModel) -> None:
        super().__init__()
        self.model = model

    def get_input_embeddings(self) -> torch.nn.Module:
        return self.model.get_input_embeddings()

    def forward(self, **inputs: torch.Tensor) -> object:
        raise NotImplementedError


class WithoutPositions(Wrapped):
    def forward(self, *, position_ids: torch.Tensor, **inputs: torch.Tensor) -> object:
        return self.model(**inputs)


class WithMask(Wrapped):
    def forward(self, **inputs: torch.Tensor) -> object:
        return self.model(**inputs, attention_mask=torch.ones_like(inputs["input_ids"]))


class WithCache(Wrapped):
    def forward(self, *, use_cache: bool, **inputs: torch.Tensor) -> object:
        return self.model(**inputs, use_cache=True)


class StartingAtOne(Wrapped):
    """Documents apart, but the second is read as if something stood before it."""

    def forward(self, *, position_ids: torch.Tensor, **inputs: torch.Tensor) -> object:
        second = (position_ids.diff(dim=1) < 0).cumsum(dim=1)
        return self.model(
            **inputs, position_ids=position_ids + torch.nn.functional.pad(second, (1, 0))
        )


def test_a_document_that_does_not_start_at_position_0_is_refused() -> None:
    wrong = StartingAtOne(tiny_model("gpt2"))
    assert measure_leak(wrong).perturbed == 0
    assert not packs_safely(wrong)


@pytest.mark.parametrize("wrong", [WithoutPositions, WithMask, WithCache])
def test_a_transformer_that_is_not_told_where_documents_start_is_refused(
    wrong: type[Wrapped],
) -> None:
    assert not packs_safely(wrong(tiny_model("llama")))


class Nan(Wrapped):
    def forward(self, **inputs: torch.Tensor) -> object:
        out = self.model(**inputs)
        out.logits = out.logits * float("nan")
        return out


class Refusing(Wrapped):
    def forward(self, **inputs: torch.Tensor) -> object:
        raise ValueError("packed rows need another kernel")


@pytest.mark.parametrize("wrong", [Nan, Refusing])
def test_a_model_that_gives_no_number_is_refused(wrong: type[Wrapped]) -> None:
    assert not packs_safely(wrong(tiny_model("llama")))


def test_a_small_leak_at_the_border_alone_is_seen() -> None:
    class Bordering(Wrapped):
        """Adds a thousandth of the token before to each token, as a short convolution would."""

        def forward(self, *, input_ids: torch.Tensor, **inputs: torch.Tensor) -> object:
            embedded = self.get_input_embeddings()(input_ids)
            before = torch.nn.functional.pad(embedded, (0, 0, 1, 0))[:, :-1]
            return self.model(inputs_embeds=embedded + 0.001 * before, **inputs)

    assert not packs_safely(Bordering(tiny_model("llama")))


def test_the_check_leaves_modes_randomness_and_gradients_as_they_were() -> None:
    training_model = made("TT", dropout=0.5).train()
    training_model.model.layers[0].eval()
    modes = [module.training for module in training_model.modules()]
    torch.manual_seed(3)
    state = torch.get_rng_state()
    assert packs_safely(training_model)  # dropout is off while it measures
    assert padding_leak(training_model) < 1e-3
    assert [module.training for module in training_model.modules()] == modes
    assert torch.equal(torch.get_rng_state(), state)
    assert all(weight.grad is None for weight in training_model.parameters())
    with pytest.raises(RuntimeError):
        packing_leak(Broken(training_model))
    assert [module.training for module in training_model.modules()] == modes


class Broken(Wrapped):
    def forward(self, **inputs: torch.Tensor) -> object:
        raise RuntimeError("out of memory")


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_packing_is_safe_for_any_number_of_rows(rows: int) -> None:
    assert packs_safely(made("TT"), rows=rows)


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_every_kind_of_attention_that_runs_here_keeps_documents_apart(attention: str) -> None:
    model = made("TT", n_embd=64)
    model.set_attn_implementation(attention)
    assert packs_safely(model)
