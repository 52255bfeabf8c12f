"""Encoders of the BERT family with random weights, as folders like those of sentence-transformers.

They share one set of weights under the names of each family, so that all give the same vectors.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from wellread.knowledge.embedders.local_models import find_model

SIZE, HEADS, LAYERS, WIDE, POSITIONS = 16, 4, 2, 32, 300
TOKENS = 30_522
Weights = dict[str, np.ndarray]

_PARTS = {
    "bert": {},
    "roberta": {},
    "xlm-roberta": {},
    "camembert": {},
    "mpnet": {
        "attention.self.query": "attention.attn.q",
        "attention.self.key": "attention.attn.k",
        "attention.self.value": "attention.attn.v",
        "attention.output.dense": "attention.attn.o",
        "attention.output.LayerNorm": "attention.LayerNorm",
    },
    "distilbert": {
        "encoder.layer": "transformer.layer",
        "attention.self.query": "attention.q_lin",
        "attention.self.key": "attention.k_lin",
        "attention.self.value": "attention.v_lin",
        "attention.output.dense": "attention.out_lin",
        "attention.output.LayerNorm": "sa_layer_norm",
        "intermediate.dense": "ffn.lin1",
        "output.LayerNorm": "output_layer_norm",
        "output.dense": "ffn.lin2",
    },
}
FAMILY = tuple(_PARTS)


def bert_weights() -> Weights:
    """The weights that all share; each text is one segment, of which the vector is zero."""
    random = np.random.default_rng(7)
    weights: Weights = {}

    def add(name: str, *shape: int, around: float = 0.0) -> None:
        weights[name] = (random.standard_normal(shape) * 0.3 + around).astype(np.float32)

    add("embeddings.word_embeddings.weight", TOKENS, SIZE)
    add("embeddings.position_embeddings.weight", POSITIONS, SIZE)
    weights["embeddings.token_type_embeddings.weight"] = np.zeros((2, SIZE), np.float32)
    norms = ["embeddings.LayerNorm"]
    for layer in range(LAYERS):
        place = f"encoder.layer.{layer}"
        square = ["self.query", "self.key", "self.value", "output.dense"]
        dense = {f"{place}.attention.{part}": (SIZE, SIZE) for part in square}
        dense[f"{place}.intermediate.dense"] = (WIDE, SIZE)
        dense[f"{place}.output.dense"] = (SIZE, WIDE)
        for name, shape in dense.items():
            add(f"{name}.weight", *shape)
            add(f"{name}.bias", shape[0])
        norms += [f"{place}.attention.output.LayerNorm", f"{place}.output.LayerNorm"]
    for name in norms:
        add(f"{name}.weight", SIZE, around=1.0)
        add(f"{name}.bias", SIZE)
    return weights


def family_weights(kind: str) -> Weights:
    """The same under the names of a family, with the rows and tables that it has besides."""
    weights = bert_weights()
    positions = "embeddings.position_embeddings.weight"
    if kind not in {"bert", "distilbert"}:
        unused = np.full((2, SIZE), 9, np.float32)
        weights[positions] = np.concatenate([unused, weights[positions]])
    if kind in {"mpnet", "distilbert"}:
        del weights["embeddings.token_type_embeddings.weight"]
    renamed = {}
    for name, value in weights.items():
        for ours, theirs in _PARTS[kind].items():
            name = name.replace(ours, theirs)
        renamed[name] = value
    if kind == "mpnet":
        renamed["encoder.relative_attention_bias.weight"] = np.zeros((32, HEADS), np.float32)
    return renamed


def config(kind: str) -> dict[str, Any]:
    """What config.json of a family says."""
    if kind == "distilbert":
        own = {"dim": SIZE, "n_layers": LAYERS, "n_heads": HEADS, "hidden_dim": WIDE}
        return own | {
            "model_type": kind,
            "max_position_embeddings": POSITIONS,
            "vocab_size": TOKENS,
        }
    shifted = kind != "bert"
    return {
        "model_type": kind,
        "hidden_size": SIZE,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "intermediate_size": WIDE,
        "hidden_act": "gelu",
        "vocab_size": TOKENS,
        "type_vocab_size": 2,
        "max_position_embeddings": POSITIONS + 2 * shifted,
        "pad_token_id": 1 if shifted else 0,
        "layer_norm_eps": 1e-12,
    }


def tiny_model(folder: Path, kind: str = "bert", weights: Weights | None = None) -> Path:
    """A whole folder, as sentence-transformers writes it today."""
    (folder / "1_Pooling").mkdir(parents=True)
    save_file(weights or family_weights(kind), folder / "model.safetensors")
    write(folder / "config.json", config(kind))
    write(
        folder / "tokenizer_config.json",
        {
            "model_max_length": 256,
            "tokenizer_class": "PreTrainedTokenizerFast",
            "pad_token": "[PAD]",
        },
    )
    write(folder / "1_Pooling/config.json", {"embedding_dimension": SIZE, "pooling_mode": "mean"})
    transformer, pooling = (
        "base.modules.transformer.Transformer",
        "sentence_transformer.modules.pooling.Pooling",
    )
    write(
        folder / "modules.json",
        [
            {"idx": 0, "name": "0", "path": "", "type": f"sentence_transformers.{transformer}"},
            {
                "idx": 1,
                "name": "1",
                "path": "1_Pooling",
                "type": f"sentence_transformers.{pooling}",
            },
        ],
    )
    shutil.copy(find_model("all-MiniLM-L6-v2") / "tokenizer.json", folder)
    return folder


def write(path: Path, value: Any) -> None:
    """One JSON value."""
    path.write_text(json.dumps(value), encoding="utf-8")
