"""How near a query that means nothing comes to a knowledge base by cosine.

    a few words of a chunk -> every letter replaced by one that occurs in the chunks -> a query in
    the script of the documents, with words as long as theirs, that means nothing

A model that knows the language of the documents keeps such queries far from them, and real ones
stand out; one that does not finds them as near as real ones. Two figures are kept: `typical`, the
median of the best cosine of such queries, and `floor`, which 19 of 20 stay below.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wellread.knowledge.store import Store, closing_rows

if TYPE_CHECKING:
    import numpy as np

    from wellread.knowledge.embedders.embedder import Embedder
    from wellread.knowledge.engines.engine import VectorIndex

_QUERIES = 200
_SHARE = 0.95
_WORDS = (3, 15)
_MOST_CHARACTERS = 80
_MOST_LETTERS = 100_000


@dataclass(frozen=True, slots=True)
class Noise:
    """What was measured with so many queries when there were so many chunks."""

    typical: float
    floor: float
    queries: int
    chunks: int


def measure(embedder: Embedder, vectors: VectorIndex, store: Store) -> Noise:
    """Ask for two hundred queries that mean nothing; the same chunks give the same ones.

    The embedder `lsa` needs no floor: words that the documents do not hold have no vector there.
    """
    import numpy as np

    if embedder.info.kind == "lsa":
        return Noise(0.0, 0.0, 0, store.counts()[1])
    queries = nonsense(store, _QUERIES)
    found = [vectors.search(vector, 1) for vector in embedder.queries(queries)]
    best = [max(0.0, hits[0].score) if hits else 0.0 for hits in found] or [0.0]
    typical, floor = np.quantile(best, [0.5, _SHARE])
    return Noise(round(float(typical), 4), round(float(floor), 4), len(queries), store.counts()[1])


def nonsense(store: Store, count: int) -> list[str]:
    """So many queries without meaning, made of the letters of chunks from all over the store."""
    import numpy as np

    random = np.random.default_rng(0)
    pieces = [piece for text in _texts(store, count) if (piece := _piece(text, random))]
    letters = [c for piece in pieces for c in piece if c.isalpha()][:_MOST_LETTERS]
    if not letters:
        return []
    return [_scrambled(pieces[n % len(pieces)], letters, random) for n in range(count)]


def _texts(store: Store, count: int) -> Iterator[str]:
    """Texts of chunks at even distances."""
    last, above = store.position().row, 0
    for number in range(count):
        above = max(above, last * number // count)
        with closing_rows(store.rows_after(above)) as rows:
            for row in itertools.islice(rows, 1):
                above = row.row
                yield row.chunk.text


def _piece(text: str, random: np.random.Generator) -> str:
    """A few words in a row, or as many characters of a script without spaces."""
    words = text.split()
    length = int(random.integers(*_WORDS))
    start = int(random.integers(max(1, len(words) - length + 1)))
    return " ".join(words[start : start + length])[:_MOST_CHARACTERS]


def _scrambled(piece: str, letters: list[str], random: np.random.Generator) -> str:
    drawn = iter(random.integers(len(letters), size=len(piece)).tolist())
    return "".join(letters[next(drawn)] if c.isalpha() else c for c in piece)
