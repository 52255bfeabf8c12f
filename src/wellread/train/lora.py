"""Low-rank adapters (LoRA, Hu et al. 2021): train under one percent of the weights.

    model ──add_lora──> adapter over the frozen model ──training──> ──merge_lora──> a full model

Which layers get one is listed for every family (`TARGETS`), never "all linear ones": the fused
kernels of a Mamba mixer take the weight of its `out_proj` and `conv1d` without calling the layer,
so that an adapter there would be trained on nothing and then change the answers when it is merged.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from peft import LoraConfig, PeftModel, get_peft_model
from torch import nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from wellread.errors import InputError
from wellread.train.models import seeded
from wellread.train.quiet import quiet
from wellread.train.settings import LoraSettings

_ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj")
_GATED = ("gate_proj", "up_proj", "down_proj")
_USUAL = (*_ATTENTION, *_GATED)
_FUSED = ("qkv_proj", "o_proj", "gate_up_proj", "down_proj")

# By model_type; each name is the end of a layer's path.
TARGETS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("llama", "mistral", "qwen2", "qwen3", "granite", "smollm3"), _USUAL),
    **dict.fromkeys(("gemma", "gemma2", "gemma3", "gemma3_text", "olmo2", "olmo3"), _USUAL),
    **dict.fromkeys(("mixtral", "qwen2_moe", "qwen3_moe"), _ATTENTION),  # experts stay as they are
    "phi3": _FUSED,
    "gpt2": ("c_attn", "c_proj", "c_fc"),
    "falcon_h1": (*_USUAL, "in_proj"),
    "nemotron_h": (*_ATTENTION, "in_proj", "up_proj", "down_proj"),
    "granitemoehybrid": (
        *_ATTENTION, "in_proj", "shared_mlp.input_linear", "shared_mlp.output_linear"
    ),
    "bamba": (*_USUAL, "in_proj"),
    "zamba2": (*_ATTENTION, "in_proj", "gate_up_proj", "down_proj"),
    "mamba2": ("in_proj",),
    "lfm2": (
        "q_proj", "k_proj", "v_proj", "self_attn.out_proj", "conv.in_proj", "conv.out_proj",
        "w1", "w2", "w3",
    ),
    "qwen3_next": (*_ATTENTION, "in_proj_qkvz", "linear_attn.out_proj"),
    "qwen3_5_text": (*_USUAL, "in_proj_qkv", "in_proj_z", "linear_attn.out_proj"),
}  # fmt: skip
# What a fused kernel of a mixer reads past the layer.
_READ_PAST = ("out_proj", "conv1d", "x_proj", "dt_proj")


def add_lora(
    model: PreTrainedModel, settings: LoraSettings, *, new_ids: Sequence[int] = (), seed: int = 0
) -> PeftModel:
    """Freeze `model` and lay an adapter over it; only the adapter trains.

    `new_ids` are ids that the model has never seen, such as control tokens added for the chat
    format: their embeddings train too, and no others. Raises InputError for a family without a
    list where `targets` is ``auto``, and for targets that match nothing or a layer whose adapter
    would be read past.
    """
    targets = _targets(model, settings)
    _check_targets(model, targets)
    config = LoraConfig(
        task_type="CAUSAL_LM",
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=list(targets),
        fan_in_fan_out=any(isinstance(part, Conv1D) for _, part in _linear(model)),
        trainable_token_indices=_embeddings_of(model, new_ids) if new_ids else None,
    )
    with seeded(seed), quiet():
        adapted = get_peft_model(model, config)
    if not isinstance(adapted, PeftModel):
        raise InputError(f"no adapter can be laid over a {model.config.model_type}")
    return adapted


def merge_lora(model: PeftModel) -> PreTrainedModel:
    """The full model with the adapter added into its weights; the adapter is gone from it."""
    try:
        merged: PreTrainedModel = model.merge_and_unload(safe_merge=True)
    except ValueError as error:
        raise InputError(
            f"the adapter cannot be merged: {error}", hint="its training diverged; lower the rate"
        ) from error
    return merged


def _targets(model: PreTrainedModel, settings: LoraSettings) -> tuple[str, ...]:
    if settings.targets != "auto":
        return settings.targets
    kind = str(model.config.model_type)
    if kind in TARGETS:
        return TARGETS[kind]
    raise InputError(
        f"which layers of a {kind} an adapter should go on is not known here; its linear layers "
        f"end in: {', '.join(_linear_names(model))}",
        hint="name some of them as targets, such as targets: [q_proj, v_proj]",
    )


def _check_targets(model: PreTrainedModel, targets: Sequence[str]) -> None:
    names = {name for name, _ in _linear(model)}
    for target in targets:
        matched = [name for name in names if f".{name}".endswith(f".{target}")]
        if not matched:
            raise InputError(
                f"no layer of this {model.config.model_type} ends in {target!r}; its linear "
                f"layers end in: {', '.join(_linear_names(model))}",
                hint="mend targets, or set targets: auto",
            )
        if past := [name for name in matched if _is_read_past(model, name)]:
            raise InputError(
                f"an adapter on {past[0]} would have no effect where fused kernels run: they take "
                "the weight of this Mamba layer without calling it",
                hint=f"leave {target!r} out of targets, and name in_proj instead",
            )


def _is_read_past(model: nn.Module, name: str) -> bool:
    parent, _, last = name.rpartition(".")
    mixer = model.get_submodule(parent)
    return last in _READ_PAST and hasattr(mixer, "A_log") and hasattr(mixer, "in_proj")


def _linear(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    kinds = (nn.Linear, nn.Conv1d, Conv1D)
    return ((name, part) for name, part in model.named_modules() if isinstance(part, kinds))


def _linear_names(model: PreTrainedModel) -> list[str]:
    """Ends of the paths that may be named as targets."""
    head = model.get_output_embeddings()
    return sorted(
        {
            name.rpartition(".")[2]
            for name, part in _linear(model)
            if part is not head and not _is_read_past(model, name)
        }
    )


def _embeddings_of(model: PreTrainedModel, new_ids: Sequence[int]) -> dict[str, list[int]]:
    """The rows to train, for the input embeddings and for output embeddings of their own."""
    ids = sorted(set(new_ids))
    size = model.get_input_embeddings().weight.shape[0]
    if ids[0] < 0 or ids[-1] >= size:
        raise InputError(f"new_ids go from {ids[0]} to {ids[-1]}, and the model has {size} ids")
    tables = [model.get_input_embeddings()]
    output = model.get_output_embeddings()
    if output is not None and output.weight is not tables[0].weight:
        tables.append(output)
    paths = {id(part): name for name, part in model.named_modules()}
    return {paths[id(table)].rpartition(".")[2]: ids for table in tables}
