"""What every embedder offers.

    EMBEDDERS in `wellread.knowledge.embedders.choose` maps a kind to what opens it.

Queries and passages are told apart because some models want another prefix for each. Vectors have
length 1, so that their product is the cosine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Matrix = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class EmbedderInfo:
    """What a knowledge base records of its embedder; another fingerprint means other vectors.

    `window` is in tokens, 0 where there is no limit. `notice` is what a person should know.
    """

    kind: str
    model: str
    fingerprint: str
    dimension: int
    window: int = 0
    query_prefix: str = ""
    passage_prefix: str = ""
    notice: str = ""


class Embedder(Protocol):
    """Turns texts into vectors."""

    @property
    def info(self) -> EmbedderInfo:
        """Which model this is."""
        ...

    def passages(self, texts: Sequence[str]) -> Matrix:
        """One unit vector a text: float32 of shape (texts, dimension)."""
        ...

    def queries(self, texts: Sequence[str]) -> Matrix:
        """The same for queries."""
        ...

    def close(self) -> None:
        """Let go of the model."""
        ...
