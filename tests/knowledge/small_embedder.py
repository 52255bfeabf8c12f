"""A real embedder that needs no model: hashed character trigrams of words."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellread.knowledge.embedders.embedder import EmbedderInfo
from wellread.knowledge.settings import EmbedderSettings

NAME = f"{__name__}:TrigramEmbedder"


class TrigramEmbedder:
    """Settings: `model` is only a name, which another fingerprint goes with."""

    opened = 0
    embedded: list[str] = []  # noqa: RUF012 - counted over all objects of a test

    def __init__(self, settings: EmbedderSettings, folder: Path, *, corpus: Any = None) -> None:
        TrigramEmbedder.opened += 1
        self._dimension = settings.dimensions or 512
        self._salt = settings.model
        self.info = EmbedderInfo(
            kind=settings.kind,
            model=settings.model,
            fingerprint=f"trigrams of {settings.model}",
            dimension=self._dimension,
        )

    def passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        TrigramEmbedder.embedded += texts
        return self.queries(texts)

    def queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        made = np.zeros((len(texts), self._dimension), np.float32)
        for vector, text in zip(made, texts, strict=True):
            for word in text.lower().split():
                for start in range(len(word) + 1):
                    told = f"{self._salt}{f' {word} '[start : start + 3]}".encode()
                    place = int.from_bytes(hashlib.blake2b(told, digest_size=4).digest())
                    vector[place % self._dimension] += 1 if place & 1024 else -1
        lengths = np.linalg.norm(made, axis=1, keepdims=True)
        return np.asarray(made / np.where(lengths == 0, 1, lengths), np.float32)

    def close(self) -> None:
        pass
