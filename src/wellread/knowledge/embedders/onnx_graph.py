"""BERT and its family as an ONNX graph, built from a folder's safetensors: no torch, no export.

    input_ids, attention_mask   int64 (batch, tokens)
    -> last_hidden_state        float32 (batch, tokens, hidden)

The layers are those of Devlin et al. 2019: embeddings, then for each layer self-attention, add and
normalise, two dense layers with GELU, add and normalise. The family differs in the names of the
weights (`encoder_weights` brings them to BERT's), in the position of the first token, and MPNet in
a bias of attention by distance. A text is one segment: the vector of that is added to the positions
beforehand.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from wellread.errors import InputError
from wellread.knowledge.embedders.extras import load
from wellread.knowledge.embedders.local_models import ModelFiles, first_position

_OPSET = 20  # the first with Gelu
_IR_VERSION = 9
_WHY = "Running a model without torch"
_MOST_BYTES = 2_000_000_000
SUPPORTED = ("bert", "camembert", "distilbert", "mpnet", "roberta", "xlm-roberta")

_PREFIX = re.compile(r"^(bert|roberta|distilbert|mpnet)\.")
_RENAMED = (
    ("transformer.layer.", "encoder.layer."),
    ("attention.attn.q.", "attention.self.query."),
    ("attention.attn.k.", "attention.self.key."),
    ("attention.attn.v.", "attention.self.value."),
    ("attention.attn.o.", "attention.output.dense."),
    ("attention.LayerNorm.", "attention.output.LayerNorm."),
    ("attention.q_lin.", "attention.self.query."),
    ("attention.k_lin.", "attention.self.key."),
    ("attention.v_lin.", "attention.self.value."),
    ("attention.out_lin.", "attention.output.dense."),
    ("sa_layer_norm.", "attention.output.LayerNorm."),
    ("output_layer_norm.", "output.LayerNorm."),
    ("ffn.lin1.", "intermediate.dense."),
    ("ffn.lin2.", "output.dense."),
    ("LayerNorm.gamma", "LayerNorm.weight"),
    ("LayerNorm.beta", "LayerNorm.bias"),
)
_DISTILBERT = {
    "hidden_size": "dim",
    "num_hidden_layers": "n_layers",
    "num_attention_heads": "n_heads",
    "hidden_act": "activation",
}


def build_graph(files: ModelFiles) -> bytes:
    """The serialized graph of a model; InputError for another architecture."""
    config = _bert_config(files)
    weights = encoder_weights(_read(files.root))
    if sum(value.nbytes for value in weights.values()) > _MOST_BYTES:
        raise InputError(
            f"{files.root}: weights of over 2 GB do not fit into a graph in memory", hint=_OTHERWISE
        )
    graph = _Graph(load("onnx", "dense", _WHY), weights, config, first_position(files.config))
    try:
        return graph.serialized()
    except KeyError as error:
        raise InputError(
            f"{files.root}: the weights hold no {error}, and are not those of the encoder that "
            "config.json describes",
            hint="fetch the model again",
        ) from error


_OTHERWISE = "export it with optimum, or use embedder kind sentence-transformers"


def _bert_config(files: ModelFiles) -> dict[str, Any]:
    """The configuration under BERT's names; InputError where the graph would be another."""
    config = dict(files.config)
    kind = config.get("model_type")
    if kind not in SUPPORTED:
        raise InputError(
            f"{files.root}: a model of type {kind!r} has no file onnx/model.onnx, and one can be "
            f"made for {', '.join(SUPPORTED)} only",
            hint=_OTHERWISE,
        )
    if kind == "distilbert":
        config |= {name: config.get(own) for name, own in _DISTILBERT.items()}
    for name, value in (("hidden_act", "gelu"), ("position_embedding_type", "absolute")):
        if config.get(name) not in (value, None):
            raise InputError(
                f"{files.root}: {name} {config[name]!r} has no file onnx/model.onnx, and one can "
                f"be made for {value!r} only",
                hint=_OTHERWISE,
            )
    return config


def _read(root: Path) -> dict[str, Any]:
    paths = [root / "model.safetensors"]
    if not paths[0].is_file():
        paths = sorted(root.glob("model-*-of-*.safetensors"))
    if not paths:
        raise InputError(
            f"{root} holds neither model.safetensors nor onnx/model.onnx", hint=_OTHERWISE
        )
    weights: dict[str, Any] = {}
    library = load("safetensors.numpy", "dense", _WHY)
    for path in paths:
        try:
            weights |= library.load_file(path)
        except Exception as error:
            raise InputError(
                f"{path} cannot be read: {error}",
                hint="fetch the model again; weights in bfloat16 need an export to ONNX",
            ) from error
    return weights


def encoder_weights(weights: Mapping[str, Any]) -> dict[str, Any]:
    """The weights under the names of BERT's encoder, as float32."""
    named: dict[str, Any] = {}
    for name, value in weights.items():
        own = _PREFIX.sub("", name)
        for theirs, ours in _RENAMED:
            own = own.replace(theirs, ours)
        if own.startswith(("embeddings.", "encoder.")):
            named[own] = np.asarray(value, np.float32) if value.dtype.kind == "f" else value
    return named


class _Graph:
    """Nodes and constants as they are added."""

    def __init__(
        self, onnx: Any, weights: Mapping[str, Any], config: Mapping[str, Any], first: int
    ) -> None:
        self._onnx, self._weights, self._config, self._first = onnx, weights, config, first
        self._nodes: list[Any] = []
        self._constants: dict[str, Any] = {}
        self._heads = int(config["num_attention_heads"])
        self._size = int(config["hidden_size"]) // self._heads

    def serialized(self) -> bytes:
        """The whole model."""
        hidden, bias = self._embeddings(), self._attention_bias()
        for layer in range(int(self._config["num_hidden_layers"])):
            hidden = self._layer(hidden, bias, f"encoder.layer.{layer}")
        self._nodes.append(self._onnx.helper.make_node("Identity", [hidden], ["last_hidden_state"]))
        helper, kinds = self._onnx.helper, self._onnx.TensorProto
        names = ("input_ids", "attention_mask")
        inputs = [helper.make_tensor_value_info(n, kinds.INT64, ["batch", "tokens"]) for n in names]
        shape = ["batch", "tokens", int(self._config["hidden_size"])]
        output = helper.make_tensor_value_info("last_hidden_state", kinds.FLOAT, shape)
        constants = [
            self._onnx.numpy_helper.from_array(value, name)
            for name, value in self._constants.items()
        ]
        graph = helper.make_graph(self._nodes, "bert", inputs, [output], constants)
        opset = [helper.make_opsetid("", _OPSET)]
        model = helper.make_model(graph, opset_imports=opset, ir_version=_IR_VERSION)
        serialized: bytes = model.SerializeToString()
        return serialized

    def _node(self, operation: str, *inputs: str, **attributes: Any) -> str:
        name = f"{operation}_{len(self._nodes)}"
        node = self._onnx.helper.make_node(operation, list(inputs), [name], **attributes)
        self._nodes.append(node)
        return name

    def _constant(self, name: str, value: Any) -> str:
        self._constants[name] = value
        return name

    def _weight(self, name: str, *, transposed: bool = False) -> str:
        value = self._weights[name]
        return self._constant(name, np.ascontiguousarray(value.T) if transposed else value)

    def _embeddings(self) -> str:
        words = self._node("Gather", self._weight("embeddings.word_embeddings.weight"), "input_ids")
        table = self._weights["embeddings.position_embeddings.weight"][self._first :]
        if (segments := self._weights.get("embeddings.token_type_embeddings.weight")) is not None:
            table = table + segments[0]
        positions = self._node("Slice", self._constant("positions", table), *self._upto(axis=0))
        return self._normalised(self._node("Add", words, positions), "embeddings.LayerNorm")

    def _upto(self, axis: int) -> tuple[str, str, str]:
        """The inputs of Slice for as much of an axis as there are tokens."""
        zero, one, own = (self._constant(f"at_{n}", np.array([n], np.int64)) for n in (0, 1, axis))
        length = self._node("Gather", self._node("Shape", "input_ids"), one, axis=0)
        return zero, length, own

    def _attention_bias(self) -> str:
        """0 for tokens, a large negative number for padding: (batch, 1, 1, tokens).

        With a bias by distance, that is added: (batch, heads, tokens, tokens).
        """
        axes = self._constant("mask_axes", np.array([1, 2], np.int64))
        mask = self._node("Cast", "attention_mask", to=self._onnx.TensorProto.FLOAT)
        wide = self._node("Unsqueeze", mask, axes)
        one = self._constant("one", np.array(1.0, np.float32))
        least = self._constant("least", np.array(-1e9, np.float32))
        bias = self._node("Mul", self._node("Sub", one, wide), least)
        if (table := self._weights.get("encoder.relative_attention_bias.weight")) is None:
            return bias
        length = len(self._weights["embeddings.position_embeddings.weight"]) - self._first
        near = self._constant("near", by_distance(table, length)[None])
        for axis in (2, 3):
            near = self._node("Slice", near, *self._upto(axis))
        return self._node("Add", bias, near)

    def _layer(self, hidden: str, bias: str, name: str) -> str:
        attended = self._attention(hidden, bias, f"{name}.attention.self")
        attended = self._dense(attended, f"{name}.attention.output.dense")
        hidden = self._normalised(
            self._node("Add", attended, hidden), f"{name}.attention.output.LayerNorm"
        )
        wide = self._node("Gelu", self._dense(hidden, f"{name}.intermediate.dense"))
        narrow = self._dense(wide, f"{name}.output.dense")
        return self._normalised(self._node("Add", narrow, hidden), f"{name}.output.LayerNorm")

    def _attention(self, hidden: str, bias: str, name: str) -> str:
        query, value = (
            self._heads_of(self._dense(hidden, f"{name}.{part}"), [0, 2, 1, 3])
            for part in ("query", "value")
        )
        key = self._heads_of(self._dense(hidden, f"{name}.key"), [0, 2, 3, 1])
        scale = self._constant("scale", np.array(self._size**-0.5, np.float32))
        scores = self._node("Add", self._node("Mul", self._node("MatMul", query, key), scale), bias)
        mixed = self._node("MatMul", self._node("Softmax", scores, axis=-1), value)
        together = self._node("Transpose", mixed, perm=[0, 2, 1, 3])
        shape = self._constant("joined", np.array([0, 0, self._heads * self._size], np.int64))
        return self._node("Reshape", together, shape)

    def _heads_of(self, value: str, order: list[int]) -> str:
        shape = self._constant("split", np.array([0, 0, self._heads, self._size], np.int64))
        return self._node("Transpose", self._node("Reshape", value, shape), perm=order)

    def _dense(self, value: str, name: str) -> str:
        product = self._node("MatMul", value, self._weight(f"{name}.weight", transposed=True))
        return self._node("Add", product, self._weight(f"{name}.bias"))

    def _normalised(self, value: str, name: str) -> str:
        scale, shift = self._weight(f"{name}.weight"), self._weight(f"{name}.bias")
        epsilon = float(self._config.get("layer_norm_eps") or 1e-12)
        return self._node("LayerNormalization", value, scale, shift, axis=-1, epsilon=epsilon)


def by_distance(table: Any, length: int) -> Any:
    """MPNet's bias of attention (heads, length, length): a row of `table` for each distance.

    Half of the rows are for what stands before, half for what stands behind; in each half the
    first half are for single distances, and the others for ranges that grow up to 128 (Raffel et
    al. 2020).
    """
    half = len(table) // 2
    single = half // 2
    distance = np.arange(length)[:, None] - np.arange(length)[None]
    size = np.abs(distance)
    far = np.log(np.maximum(size, 1).astype(np.float32) / np.float32(single))
    ranges = single + (far / math.log(128 / single) * (half - single)).astype(np.int64)
    rows = np.where(size < single, size, np.minimum(ranges, half - 1)) + (distance < 0) * half
    return np.ascontiguousarray(np.moveaxis(table[rows], -1, 0))
