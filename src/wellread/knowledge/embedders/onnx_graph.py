"""BERT as an ONNX graph, built from a folder's safetensors: no torch, no exported file needed.

    input_ids, attention_mask, token_type_ids   int64 (batch, tokens)
    -> last_hidden_state                        float32 (batch, tokens, hidden)

The layers are those of Devlin et al. 2019 as transformers names their weights: embeddings, then
for each layer self-attention, add and normalise, two dense layers with GELU, add and normalise.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from wellread.errors import InputError
from wellread.knowledge.embedders.extras import load

_OPSET = 17
_WHY = "Running a model without torch"
SUPPORTED = ("bert",)


def build_graph(folder: Path, config: Mapping[str, Any]) -> bytes:
    """The serialized graph of the model in `folder`; InputError for another architecture."""
    kind = config.get("model_type")
    if kind not in SUPPORTED or config.get("hidden_act") not in ("gelu", None):
        raise InputError(
            f"{folder}: a model of type {kind!r} has no file onnx/model.onnx, and one can be made "
            f"for {', '.join(SUPPORTED)} only",
            hint="export it with optimum, or use embedder kind sentence-transformers",
        )
    path = folder / "model.safetensors"
    if not path.is_file():
        raise InputError(f"{folder} holds neither model.safetensors nor onnx/model.onnx")
    weights = load("safetensors.numpy", "dense", _WHY).load_file(path)
    if not any(name.endswith("embeddings.word_embeddings.weight") for name in weights):
        raise InputError(f"{path}: not the weights of a BERT encoder")
    graph = _Graph(load("onnx", "dense", _WHY), _without_prefix(weights), config)
    return graph.serialized()


def _without_prefix(weights: Mapping[str, Any]) -> dict[str, Any]:
    return {name.removeprefix("bert."): np.asarray(v, np.float32) for name, v in weights.items()}


class _Graph:
    """Nodes and constants as they are added."""

    def __init__(self, onnx: Any, weights: Mapping[str, Any], config: Mapping[str, Any]) -> None:
        self._onnx, self._weights, self._config = onnx, weights, config
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
        names = ("input_ids", "attention_mask", "token_type_ids")
        inputs = [helper.make_tensor_value_info(n, kinds.INT64, ["batch", "tokens"]) for n in names]
        shape = ["batch", "tokens", int(self._config["hidden_size"])]
        output = helper.make_tensor_value_info("last_hidden_state", kinds.FLOAT, shape)
        constants = [
            self._onnx.numpy_helper.from_array(value, name)
            for name, value in self._constants.items()
        ]
        graph = helper.make_graph(self._nodes, "bert", inputs, [output], constants)
        opset = [helper.make_opsetid("", _OPSET)]
        model = helper.make_model(graph, opset_imports=opset, ir_version=8)
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
        kinds = self._weight("embeddings.token_type_embeddings.weight")
        both = self._node("Add", words, self._node("Gather", kinds, "token_type_ids"))
        zero, one = (self._constant(str(n), np.array([n], np.int64)) for n in (0, 1))
        length = self._node("Gather", self._node("Shape", "input_ids"), one, axis=0)
        table = self._weight("embeddings.position_embeddings.weight")
        positions = self._node("Slice", table, zero, length, zero)
        return self._normalised(self._node("Add", both, positions), "embeddings.LayerNorm")

    def _attention_bias(self) -> str:
        """0 for tokens, a large negative number for padding: (batch, 1, 1, tokens)."""
        axes = self._constant("mask_axes", np.array([1, 2], np.int64))
        mask = self._node("Cast", "attention_mask", to=self._onnx.TensorProto.FLOAT)
        wide = self._node("Unsqueeze", mask, axes)
        one = self._constant("one", np.array(1.0, np.float32))
        least = self._constant("least", np.array(-1e9, np.float32))
        return self._node("Mul", self._node("Sub", one, wide), least)

    def _layer(self, hidden: str, bias: str, name: str) -> str:
        attended = self._attention(hidden, bias, f"{name}.attention.self")
        attended = self._dense(attended, f"{name}.attention.output.dense")
        hidden = self._normalised(
            self._node("Add", attended, hidden), f"{name}.attention.output.LayerNorm"
        )
        wide = self._gelu(self._dense(hidden, f"{name}.intermediate.dense"))
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

    def _gelu(self, value: str) -> str:
        root = self._constant("root", np.array(2**-0.5, np.float32))
        half = self._constant("half", np.array(0.5, np.float32))
        one = self._constant("one", np.array(1.0, np.float32))
        share = self._node("Add", self._node("Erf", self._node("Mul", value, root)), one)
        return self._node("Mul", self._node("Mul", value, half), share)
