"""`sentence-transformers`: a model through that library, which needs torch; a GPU is used.

The vectors are those of `onnx` to within rounding, so either reads what the other built.
"""

from __future__ import annotations

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
from wellread.knowledge.embedders.tokens import embed_whole, open_tokenizer
from wellread.knowledge.settings import EmbedderSettings

if TYPE_CHECKING:
    from wellread.knowledge.embedders.choose import Corpus
    from wellread.knowledge.embedders.embedder import Matrix


class SentenceTransformerEmbedder:
    """The embedder `sentence-transformers`."""

    def __init__(
        self, settings: EmbedderSettings, folder: Path, *, corpus: Corpus | None = None
    ) -> None:
        """Find and load the model that `settings` name; code of a model is never run."""
        place = find_model(settings.model, download=settings.download)
        files = read_model(place)
        library = load("sentence_transformers", "sentence-transformers", "This embedder")
        try:
            self._model = library.SentenceTransformer(
                str(place), trust_remote_code=False, local_files_only=True
            )
        except (OSError, ValueError, RuntimeError) as error:
            raise InputError(
                f"{place}: the model cannot be loaded: {error}", hint="fetch the model again"
            ) from error
        self._model.max_seq_length = min(settings.window or files.window, files.window)
        self._batch_size = settings.batch_size
        self._whole = self._whole_tokenizer(files)
        self._info = EmbedderInfo(
            kind="sentence-transformers",
            model=settings.model,
            fingerprint=fingerprint(files),
            dimension=int(self._encoded(["?"]).shape[1]),
            window=self._model.max_seq_length,
            query_prefix=settings.query_prefix or files.query_prefix,
            passage_prefix=settings.passage_prefix or files.passage_prefix,
        )

    def _whole_tokenizer(self, files: ModelFiles) -> Any:
        """One that cuts nothing off; where the folder has no file for it, the library's own."""
        if (files.root / "tokenizer.json").is_file():
            return open_tokenizer(files)
        own = self._model.tokenizer.backend_tokenizer
        tokenizer = type(own).from_str(own.to_str())
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return tokenizer

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
        """Let go of the model."""
        del self._model

    def _embed(self, texts: Sequence[str], prefix: str) -> Matrix:
        if not texts:
            return np.zeros((0, self._info.dimension), np.float32)
        return embed_whole(
            texts,
            prefix,
            self._info.window,
            self._whole,
            lambda pieces: self._encoded(pieces, prefix),
        )

    def _encoded(self, texts: list[str], prefix: str = "") -> Matrix:
        """The library is told the prefix, as some models leave it out when they pool."""
        made = self._model.encode(
            texts,
            batch_size=self._batch_size,
            normalize_embeddings=True,
            convert_to_numpy=True,
            show_progress_bar=False,
            prompt=prefix,
        )
        return np.asarray(made, np.float32)
