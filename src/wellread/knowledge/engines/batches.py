"""What is left to embed, a batch at a time."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING

from wellread.errors import KnowledgeBaseError
from wellread.knowledge.engines.engine import Embed
from wellread.knowledge.store import IndexRow, Store

if TYPE_CHECKING:
    from wellread.knowledge.embedders.embedder import Matrix

_BATCH = 256


def next_batch(store: Store, above: int, upto: int) -> list[IndexRow]:
    """The next rows; the store is asked anew for each batch, as embedding may take long."""
    if above >= upto:
        return []
    with contextlib.closing(_upto(store, above, upto)) as rows:
        return list(itertools.islice(rows, _BATCH))


def _upto(store: Store, above: int, upto: int) -> Generator[IndexRow, None, None]:
    for row in store.rows_after(above):
        if row.row > upto:
            return
        yield row


def embedded(batch: Sequence[IndexRow], embed: Embed, dimension: int) -> Matrix:
    """One vector a row, of the right shape and finite; each text is embedded once."""
    import numpy as np

    texts = [row.chunk.text for row in batch]
    places = {text: place for place, text in enumerate(dict.fromkeys(texts))}
    made = embed(list(places))
    if made.shape != (len(places), dimension) or not np.isfinite(made).all():
        raise KnowledgeBaseError(
            f"the embedder gave shape {made.shape}, or numbers that are not finite, for "
            f"{len(places)} texts of {dimension} dimensions"
        )
    return made[[places[text] for text in texts]]
