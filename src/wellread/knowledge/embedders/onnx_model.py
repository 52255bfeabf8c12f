"""`onnx`: a sentence-transformers model through onnxruntime, without torch.

Texts -> tokens, cut at the window -> batches of similar length -> hidden states -> pooled ->
length 1. The graph is ``onnx/model.onnx`` of the folder, or one built from its weights.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from wellread.errors import InputError
from wellread.knowledge.embedders.embedder import EmbedderInfo
from wellread.knowledge.embedders.extras import load
from wellread.knowledge.embedders.local_models import (
    ModelFiles,
    find_model,
    fingerprint,
    read_model,
)
from wellread.knowledge.embedders.onnx_graph import build_graph
from wellread.knowledge.settings import EmbedderSettings

if TYPE_CHECKING:
    from wellread.knowledge.embedders.choose import Corpus
    from wellread.knowledge.embedders.embedder import Matrix

_WHY = "Embedding without torch"


class OnnxEmbedder:
    """The embedder `onnx`."""

    def __init__(
        self, settings: EmbedderSettings, folder: Path, *, corpus: Corpus | None = None
    ) -> None:
        """Find and load the model that `settings` name."""
        files = read_model(find_model(settings.model, download=settings.download))
        self._files = files
        self._batch_size = settings.batch_size
        self._tokenizer = _tokenizer(files)
        window = min(settings.window or files.window, files.window)
        self._tokenizer.enable_truncation(window)
        self._session = _session(files)
        self._inputs = {value.name for value in self._session.get_inputs()}
        self._info = EmbedderInfo(
            kind="onnx",
            model=settings.model,
            fingerprint=fingerprint(files),
            dimension=int(files.config["hidden_size"]),
            window=window,
            query_prefix=settings.query_prefix or files.prompts.get("query", ""),
            passage_prefix=settings.passage_prefix
            or files.prompts.get("passage", files.prompts.get("document", "")),
        )

    @property
    def info(self) -> EmbedderInfo:
        """Which model this is."""
        return self._info

    def passages(self, texts: Sequence[str]) -> Matrix:
        """One unit vector a text."""
        return self._embed([self._info.passage_prefix + text for text in texts])

    def queries(self, texts: Sequence[str]) -> Matrix:
        """The same for queries."""
        return self._embed([self._info.query_prefix + text for text in texts])

    def close(self) -> None:
        """Nothing to let go of: the session dies with this object."""

    def _embed(self, texts: Sequence[str]) -> Matrix:
        made = np.zeros((len(texts), self._info.dimension), np.float32)
        if not texts:
            return made
        tokens = [encoded.ids for encoded in self._tokenizer.encode_batch(list(texts))]
        order = sorted(range(len(tokens)), key=lambda i: len(tokens[i]))
        for start in range(0, len(order), self._batch_size):
            batch = order[start : start + self._batch_size]
            made[batch] = self._run([tokens[i] for i in batch])
        return made

    def _run(self, tokens: list[list[int]]) -> Matrix:
        ids = np.zeros((len(tokens), max(map(len, tokens))), np.int64)
        mask = np.zeros_like(ids)
        ids[:] = int(self._files.config.get("pad_token_id") or 0)
        for row, own in enumerate(tokens):
            ids[row, : len(own)] = own
            mask[row, : len(own)] = 1
        given = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        hidden = self._session.run(None, {k: v for k, v in given.items() if k in self._inputs})[0]
        return unit(pool(hidden, mask, self._files.pooling) if hidden.ndim == 3 else hidden)


def pool(hidden: Any, mask: Any, how: str) -> Matrix:
    """One vector a text from ``hidden`` (texts, tokens, size) and ``mask`` (texts, tokens)."""
    if how == "cls":
        return np.asarray(hidden[:, 0], np.float32)
    if how == "last":
        return np.asarray(hidden[np.arange(len(hidden)), mask.sum(1) - 1], np.float32)
    real = mask[:, :, None].astype(np.float32)
    if how == "max":
        return np.asarray(np.where(real > 0, hidden, -np.inf).max(1), np.float32)
    return np.asarray((hidden * real).sum(1) / np.maximum(real.sum(1), 1e-9), np.float32)


def unit(vectors: Matrix) -> Matrix:
    """Rows of length 1; a row of zeros stays one."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(length, 1e-12), np.float32)


def _tokenizer(files: ModelFiles) -> Any:
    """The folder's tokenizer, without the cut and the padding that its file may carry."""
    path = files.folder / "tokenizer.json"
    if not path.is_file():
        raise InputError(f"{files.folder} holds no tokenizer.json")
    try:
        tokenizer = load("tokenizers", "dense", _WHY).Tokenizer.from_file(str(path))
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{path} cannot be read: {error}") from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def _session(files: ModelFiles) -> Any:
    runtime = load("onnxruntime", "dense", _WHY)
    options = runtime.SessionOptions()
    options.intra_op_num_threads = int(os.environ.get("OMP_NUM_THREADS") or 0)
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    exported = [files.folder / "onnx" / "model.onnx", files.folder / "model.onnx"]
    source = next((str(path) for path in exported if path.is_file()), None)
    try:
        return runtime.InferenceSession(
            source or build_graph(files.folder, files.config),
            options,
            providers=["CPUExecutionProvider"],
        )
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{files.folder}: the model cannot be run: {error}") from error
