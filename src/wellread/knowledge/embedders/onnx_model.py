"""`onnx`: a sentence-transformers model through onnxruntime, without torch.

Texts -> windows (tokens.py) -> batches of similar length -> hidden states -> pooled -> length 1.
The graph is ``onnx/model.onnx`` of the folder, or one built from its weights.
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
from wellread.knowledge.embedders.tokens import embed_whole, open_tokenizer, unit
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
        load("onnxruntime", "dense", _WHY)  # told before anyone fetches a model
        files = read_model(find_model(settings.model, download=settings.download))
        if files.others:
            raise InputError(
                f"{files.folder}: {', '.join(files.others)} is a part of this model that cannot "
                "be run without torch",
                hint="use embedder kind sentence-transformers",
            )
        self._files = files
        self._batch_size = settings.batch_size
        window = min(settings.window or files.window, files.window)
        self._whole, self._tokenizer = open_tokenizer(files), open_tokenizer(files)
        self._tokenizer.enable_truncation(window)
        exported = _exported(files)
        self._session = _session(files, exported)
        self._inputs = {value.name for value in self._session.get_inputs()}
        self._info = EmbedderInfo(
            kind="onnx",
            model=settings.model,
            fingerprint=fingerprint(files, exported),
            dimension=self._dimension(),
            window=window,
            query_prefix=settings.query_prefix or files.query_prefix,
            passage_prefix=settings.passage_prefix or files.passage_prefix,
        )

    @property
    def info(self) -> EmbedderInfo:
        """Which model this is."""
        return self._info

    def passages(self, texts: Sequence[str]) -> Matrix:
        """One unit vector a text."""
        return self._embed(texts, self._info.passage_prefix)

    def queries(self, texts: Sequence[str]) -> Matrix:
        """The same for queries."""
        return self._embed(texts, self._info.query_prefix)

    def close(self) -> None:
        """Nothing to let go of: the session dies with this object."""

    def _dimension(self) -> int:
        """As one run tells, which also shows whether the model runs at all."""
        try:
            return int(self._run([self._tokenizer.encode("?").ids]).shape[1])
        except Exception as error:
            raise InputError(
                f"{self._files.root}: the model cannot be run: {error}",
                hint="use embedder kind sentence-transformers",
            ) from error

    def _embed(self, texts: Sequence[str], prefix: str) -> Matrix:
        if not texts:
            return np.zeros((0, self._info.dimension), np.float32)
        return embed_whole(
            texts,
            prefix,
            self._info.window,
            self._whole,
            lambda pieces: self._in_batches([prefix + piece for piece in pieces]),
        )

    def _in_batches(self, texts: list[str]) -> Matrix:
        """Texts of similar length together, so that little is padded."""
        made = np.zeros((len(texts), self._info.dimension), np.float32)
        tokens = [encoded.ids for encoded in self._tokenizer.encode_batch(texts)]
        order = sorted(range(len(tokens)), key=lambda i: len(tokens[i]))
        for start in range(0, len(order), self._batch_size):
            batch = order[start : start + self._batch_size]
            made[batch] = self._run([tokens[i] for i in batch])
        return made

    def _run(self, tokens: list[list[int]]) -> Matrix:
        ids = np.zeros((len(tokens), max(1, *map(len, tokens))), np.int64)
        mask = np.zeros_like(ids)
        ids[:] = int(self._files.config.get("pad_token_id") or 0)
        for row, own in enumerate(tokens):
            ids[row, : len(own)] = own
            mask[row, : len(own)] = 1
        given = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        hidden = self._session.run(None, {k: v for k, v in given.items() if k in self._inputs})[0]
        if hidden.ndim == 2:  # an export that pools by itself
            return unit(hidden)
        pooled = [pool(hidden, mask, how) for how in self._files.pooling]
        return unit(np.concatenate(pooled, axis=1))


def pool(hidden: Any, mask: Any, how: str) -> Matrix:
    """One vector a text from ``hidden`` (texts, tokens, size) and ``mask`` (texts, tokens)."""
    if how == "cls":
        return np.asarray(hidden[:, 0], np.float32)
    if how == "last":
        return np.asarray(hidden[np.arange(len(hidden)), mask.sum(1) - 1], np.float32)
    real = mask[:, :, None].astype(np.float32)
    if how == "max":
        return np.asarray(np.where(real > 0, hidden, -np.inf).max(1), np.float32)
    if how == "weighted":
        real = real * np.arange(1, hidden.shape[1] + 1, dtype=np.float32)[None, :, None]
    count = np.maximum(real.sum(1), 1e-9)
    if how == "mean_sqrt":
        count = np.sqrt(count)
    return np.asarray((hidden * real).sum(1) / count, np.float32)


def _exported(files: ModelFiles) -> Path | None:
    """The graph that the folder brings."""
    paths = (files.root / "onnx" / "model.onnx", files.root / "model.onnx")
    return next((path for path in paths if path.is_file()), None)


def _session(files: ModelFiles, exported: Path | None) -> Any:
    runtime = load("onnxruntime", "dense", _WHY)
    options = runtime.SessionOptions()
    options.intra_op_num_threads = _threads()
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return runtime.InferenceSession(
            str(exported) if exported else build_graph(files),
            options,
            providers=["CPUExecutionProvider"],
        )
    except InputError:
        raise
    except Exception as error:
        raise InputError(
            f"{exported or files.root}: the model cannot be run: {error}",
            hint="fetch the model again",
        ) from error


def _threads() -> int:
    """OMP_NUM_THREADS, as for the other libraries; 0 leaves the number to the runtime."""
    asked = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    return int(asked) if asked.isdecimal() else 0
