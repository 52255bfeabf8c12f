"""Models to train: new ones from settings, and any causal language model from a folder.

    NewModel ──new_model──> Llama (all T), LFM2 (T and C), Nemotron-H (T and M), Mamba-2 (all M)
    folder | org/name ──load_causal_model──> the model, with an adapter laid over it where it is one

All four kinds of new model are of the transformers library, so that a saved folder is read by it,
by vLLM and by llama.cpp. A folder is read without any network and without running code or pickles
from it.

Steps of a load: what kind of folder is it (`folders`) -> weights, none of which may be missing ->
embeddings for the ids that the tokenizer has more -> device.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import nn
from transformers import (
    AutoModelForCausalLM,
    GenerationConfig,
    Lfm2Config,
    LlamaConfig,
    Mamba2Config,
    NemotronHConfig,
    PreTrainedConfig,
    PreTrainedModel,
)

from wellread.errors import InputError
from wellread.train.folders import Source, find_source
from wellread.train.patterns import nemotron_pattern
from wellread.train.presets import NewModel
from wellread.train.quiet import quiet

_TIED_UP_TO = 768
_DTYPES = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
    "auto": "auto",
}


def new_model(
    settings: NewModel, vocab_size: int, pad_id: int, eos_ids: Sequence[int], seed: int
) -> PreTrainedModel:
    """A model with random weights, in float32 on the CPU.

    The weights depend on the settings, `vocab_size` and `seed` alone; the global randomness is
    neither used nor moved.
    """
    config = _config(settings, vocab_size, pad_id, list(eos_ids))
    with seeded(seed):
        model: PreTrainedModel = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
        _start_convolutions(model)
    model.generation_config = GenerationConfig(pad_token_id=pad_id, eos_token_id=list(eos_ids))
    return model


def _config(
    settings: NewModel, vocab_size: int, pad_id: int, eos_ids: list[int]
) -> PreTrainedConfig:
    common: dict[str, Any] = {
        "vocab_size": vocab_size,
        "hidden_size": settings.shape().n_embd,
        "pad_token_id": pad_id,
        "bos_token_id": None,
        "eos_token_id": eos_ids,
    }
    if "C" in settings.blocks:
        return _lfm2(settings, common)
    if "M" not in settings.blocks:
        return _llama(settings, common)
    return _nemotron(settings, common) if "T" in settings.blocks else _mamba(settings, common)


def _llama(settings: NewModel, common: dict[str, Any]) -> LlamaConfig:
    return LlamaConfig(**common, **_attending(settings), attention_dropout=settings.dropout)


def _lfm2(settings: NewModel, common: dict[str, Any]) -> Lfm2Config:
    kinds = {"T": "full_attention", "C": "conv"}
    return Lfm2Config(
        **common,
        **_attending(settings),
        layer_types=[kinds[block] for block in settings.blocks],
        conv_L_cache=settings.conv_width,
        block_auto_adjust_ff_dim=False,
    )


def _attending(settings: NewModel) -> dict[str, Any]:
    """What all families with gated MLPs and rotary positions are told."""
    shape, tied = settings.shape(), settings.tie_embeddings
    return {
        "num_hidden_layers": shape.n_layer,
        "num_attention_heads": shape.n_head,
        "num_key_value_heads": shape.n_kv_head,
        "intermediate_size": settings.mlp_width or _rounded(shape.n_embd * 8 / 3),
        "max_position_embeddings": settings.max_positions,
        "rope_parameters": {"rope_type": "default", "rope_theta": settings.rope_theta},
        "tie_word_embeddings": shape.n_embd <= _TIED_UP_TO if tied is None else tied,
    }


def _nemotron(settings: NewModel, common: dict[str, Any]) -> NemotronHConfig:
    shape = settings.shape()
    inner = shape.n_embd * settings.mamba_expand
    return NemotronHConfig(
        **common,
        hybrid_override_pattern=nemotron_pattern(settings.blocks, mamba_mlp=settings.mamba_use_mlp),
        num_attention_heads=shape.n_head,
        num_key_value_heads=shape.n_kv_head,
        head_dim=shape.n_embd // shape.n_head,
        intermediate_size=settings.mlp_width or 4 * shape.n_embd,
        max_position_embeddings=settings.max_positions,
        attention_dropout=settings.dropout,
        tie_word_embeddings=False,
        ssm_state_size=settings.mamba_d_state,
        conv_kernel=settings.mamba_d_conv,
        expand=settings.mamba_expand,
        mamba_num_heads=inner // _mamba_head(inner),
        mamba_head_dim=_mamba_head(inner),
        n_groups=1,
        chunk_size=128,
    )


def _mamba(settings: NewModel, common: dict[str, Any]) -> Mamba2Config:
    shape = settings.shape()
    inner = shape.n_embd * settings.mamba_expand
    return Mamba2Config(
        **common,
        num_hidden_layers=shape.n_layer,
        state_size=settings.mamba_d_state,
        conv_kernel=settings.mamba_d_conv,
        expand=settings.mamba_expand,
        num_heads=inner // _mamba_head(inner),
        head_dim=_mamba_head(inner),
        n_groups=1,
        chunk_size=128,
        tie_word_embeddings=bool(settings.tie_embeddings),
    )


def _mamba_head(inner: int) -> int:
    """Width of a Mamba-2 head: 64 as published, smaller where the model is."""
    return next(
        size for size in (64, 32, 16, 8, 4, 2, 1) if inner % size == 0 and inner // size >= 4
    )


def _rounded(width: float, multiple: int = 32) -> int:
    return max(multiple, round(width / multiple) * multiple)


def _start_convolutions(model: nn.Module) -> None:
    """Give convolutions the weights that Mamba starts from.

    The library draws them as it draws matrices, with a deviation of 0.02; sums of four such
    weights shrink what enters the state fifty-fold, twice over, and the state starts out silent.
    """
    for module in model.modules():
        if isinstance(module, nn.Conv1d):
            module.reset_parameters()


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Random numbers on the CPU come from `seed`; the generator is put back afterwards."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


def load_causal_model(
    name_or_folder: str | Path,
    *,
    dtype: str = "float32",
    device: str = "cpu",
    vocab_size: int = 0,
    attention: str | None = None,
) -> PreTrainedModel:
    """Load a causal language model, or an adapter over its base, from a folder or the hub.

    `name_or_folder` is a folder, ``org/name`` for a model of the hub that was fetched before, or
    ``hub:org/name`` for one that may be fetched; only the last uses a network. Where the model has
    embeddings for fewer than `vocab_size` ids, it gets more. `dtype` is float32, bfloat16, float16
    or auto; `attention` a name that transformers knows. Raises InputError that says what the folder
    holds instead, and what to type.
    """
    if dtype not in _DTYPES:
        raise InputError(f"dtype is {dtype!r}", hint=f"one of: {', '.join(_DTYPES)}")
    source = find_source(name_or_folder)
    options = {"dtype": _DTYPES[dtype], "attn_implementation": attention}
    with quiet():
        model = _load(source, options)
        grow_embeddings(model, max(vocab_size, _ids_of(source.adapter, model)))
        if source.adapter:
            model = _with_adapter(model, source.adapter)
    return model.to(device)


def _load(source: Source, options: dict[str, Any]) -> PreTrainedModel:
    name = source.base
    try:
        model, report = AutoModelForCausalLM.from_pretrained(
            name,
            local_files_only=source.local,
            use_safetensors=True,
            trust_remote_code=False,
            output_loading_info=True,
            **options,
        )
    except (OSError, ValueError, RuntimeError, KeyError, ImportError) as error:
        raise InputError(
            f"{name} cannot be loaded as a causal language model: {_first_line(error)}",
            hint="check the folder" if source.local else "check the name and the network",
        ) from error
    if missing := sorted(report["missing_keys"]):
        raise InputError(
            f"{name} lacks {len(missing)} of the model's weights, such as {missing[0]}",
            hint="the folder holds another kind of model, or was not written to the end",
        )
    return model


def _with_adapter(model: PreTrainedModel, folder: str) -> PreTrainedModel:
    from peft import PeftModel

    try:
        return PeftModel.from_pretrained(model, folder, local_files_only=True)
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        raise InputError(
            f"{folder}: the adapter does not fit its base model: {_first_line(error)}",
            hint="name the base it was trained on in adapter_config.json",
        ) from error


def _ids_of(adapter: str, model: PreTrainedModel) -> int:
    """Ids that an adapter saved embeddings for; 0 where it has none."""
    file = Path(adapter) / "adapter_model.safetensors"
    if not adapter or not file.is_file():
        return 0
    tables = [model.get_input_embeddings(), model.get_output_embeddings()]
    names = [f".{name}." for name, part in model.named_modules() if part in tables]
    with safe_open(file, "pt") as opened:
        keys = [key for key in list(opened.keys()) if key.endswith(".weight")]
        saved = [key for key in keys if "lora_" not in key and any(name in key for name in names)]
        return max((opened.get_slice(key).get_shape()[0] for key in saved), default=0)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__


def grow_embeddings(model: PreTrainedModel, vocab_size: int, *, seed: int = 0) -> int:
    """Give the model embeddings for `vocab_size` ids where it has fewer; returns how many it had.

    New ones are drawn around the mean of the old. A model is never made smaller: many have more
    than their tokenizer, to a round number.
    """
    had = int(model.get_input_embeddings().weight.shape[0])
    if vocab_size > had:
        with seeded(seed), quiet():
            model.resize_token_embeddings(vocab_size, mean_resizing=True)
    return had
