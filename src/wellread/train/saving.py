"""A model to a folder that transformers, vLLM and llama.cpp read alike."""

from __future__ import annotations

from pathlib import Path

from peft import PeftModel
from transformers import PreTrainedModel

from wellread.storage.files import read_json, write_json
from wellread.train.folders import CONFIG
from wellread.train.quiet import quiet

# What a Nemotron-H without experts is described by all the same; llama.cpp's converter takes the
# first for the sign that there are experts.
_OF_EXPERTS = (
    "num_experts_per_tok", "n_routed_experts", "n_shared_experts", "moe_intermediate_size",
    "moe_latent_size", "moe_shared_expert_intermediate_size", "moe_shared_expert_overlap",
    "routed_scaling_factor", "n_group", "topk_group", "norm_topk_prob", "mtp_layers_block_type",
    "num_nextn_predict_layers",
)  # fmt: skip


def save_model(model: PreTrainedModel | PeftModel, folder: Path) -> None:
    """Write weights as safetensors and the configuration; of an adapter, the adapter alone."""
    with quiet():
        model.save_pretrained(str(folder))
    if getattr(model.config, "model_type", "") == "nemotron_h" and not isinstance(model, PeftModel):
        _write_pattern(folder / CONFIG)


def _write_pattern(file: Path) -> None:
    """Say the pattern in the older form too, and leave out what speaks of experts not there."""
    config = read_json(file)
    letters = {"linear_attention": "M", "full_attention": "*", "mlp": "-", "moe": "E"}
    blocks = [letters[kind] for kind in config["layers_block_type"]]
    left_out = () if "E" in blocks else _OF_EXPERTS
    kept = {name: value for name, value in config.items() if name not in left_out}
    write_json(file, {**kept, "hybrid_override_pattern": "".join(blocks)})
