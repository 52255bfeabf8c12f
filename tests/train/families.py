"""Tiny random models of many families: two to four layers, width 32."""

from __future__ import annotations

from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel

VOCABULARY = 96
_ATTENTION: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
_HEADS = {"head_dim": 8}
_MIXED = ["linear_attention", "full_attention"]
_MAMBA = {"mamba_n_heads": 4, "mamba_d_head": 16, "mamba_d_state": 16, "mamba_chunk_size": 16}

TRANSFORMERS: dict[str, dict[str, Any]] = {
    "llama": {},
    "qwen2": {},
    "qwen3": _HEADS,
    "mistral": _HEADS,
    "gemma2": {**_HEADS, "sliding_window": 8},
    "gemma3_text": {**_HEADS, "sliding_window": 8},
    "gemma": _HEADS,
    "phi3": {},
    "olmo2": {},
    "olmo3": {"sliding_window": 8},
    "gpt2": {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 256},
    "mixtral": {"num_local_experts": 4},
    "qwen2_moe": {"num_experts": 4, "moe_intermediate_size": 16, "num_experts_per_tok": 2},
    "qwen3_moe": {
        **_HEADS,
        "num_experts": 4,
        "num_experts_per_tok": 2,
        "moe_intermediate_size": 16,
    },
    "granite": {},
    "smollm3": {},
}
HYBRIDS: dict[str, dict[str, Any]] = {
    "nemotron_h": {
        **_HEADS,
        "layers_block_type": ["linear_attention", "mlp", "full_attention", "mlp"],
        "mamba_num_heads": 4,
        "mamba_head_dim": 16,
        "ssm_state_size": 16,
        "n_groups": 1,
        "chunk_size": 16,
    },
    "falcon_h1": {**_MAMBA, **_HEADS, "mamba_d_ssm": 64, "mamba_n_groups": 1},
    "granitemoehybrid": {
        **_MAMBA,
        "layer_types": _MIXED,
        "num_local_experts": 0,
        "shared_intermediate_size": 64,
        "mamba_n_groups": 1,
    },
    "bamba": {**_MAMBA, "attn_layer_indices": [1], "mamba_n_groups": 1},
    "lfm2": {"layer_types": ["conv", "full_attention"], "block_ff_dim": 64},
    "zamba2": {
        "layers_block_type": ["linear_attention", "hybrid"],
        "mamba_d_state": 16,
        "mamba_ngroups": 1,
        "n_mamba_heads": 4,
        "mamba_headdim": 16,
        "chunk_size": 16,
        "num_mem_blocks": 1,
        "num_key_value_heads": 4,
        "attention_head_dim": 16,
        "attention_hidden_size": 64,
        "adapter_rank": 8,
    },
    "mamba2": {"num_heads": 4, "head_dim": 16, "state_size": 16, "n_groups": 1, "chunk_size": 16},
    "qwen3_next": {
        **_HEADS,
        "layer_types": _MIXED,
        "linear_num_key_heads": 2,
        "linear_num_value_heads": 4,
        "linear_key_head_dim": 8,
        "linear_value_head_dim": 8,
        "num_experts": 4,
        "num_experts_per_tok": 2,
        "moe_intermediate_size": 16,
        "shared_expert_intermediate_size": 16,
    },
    "qwen3_5_text": {
        **_HEADS,
        "layer_types": _MIXED,
        "linear_num_key_heads": 2,
        "linear_num_value_heads": 4,
        "linear_key_head_dim": 8,
        "linear_value_head_dim": 8,
    },
}


def tiny_model(kind: str, *, seed: int = 0, **changes: Any) -> PreTrainedModel:
    """A model of the family `kind` with random weights, in evaluation mode."""
    options = {**_ATTENTION, **(TRANSFORMERS | HYBRIDS)[kind], **changes}
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        config = AutoConfig.for_model(kind, **options)
        model: PreTrainedModel = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    return model.eval()
