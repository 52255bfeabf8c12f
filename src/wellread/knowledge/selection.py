"""From a ranking to the results: leave out what is excluded, repeated or too much of one source.

Pure: takes ranked chunks from best to worst, however many it needs, and returns at most `top_k`.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Iterable

from wellread.knowledge.analysis import plain_words
from wellread.knowledge.settings import KnowledgeSettings
from wellread.records import Chunk

Ranked = tuple[Chunk, float]
_RUN = 3
_LONG_WORD = 20
_SAMPLED = 24
_SAMPLE_SHARE = 0.6
_COMPARED_CHARACTERS = 20_000


def select(
    ranked: Iterable[Ranked],
    top_k: int,
    settings: KnowledgeSettings,
    exclude: Callable[[Chunk], bool] | None = None,
) -> list[Ranked]:
    """The first `top_k` that pass."""
    chosen: list[Ranked] = []
    seen = _Seen(settings)
    for chunk, score in ranked:
        if exclude is not None and exclude(chunk):
            continue
        if seen.admits(chunk):
            chosen.append((chunk, score))
        if len(chosen) == top_k:
            break
    return chosen


def near_duplicates(first: str, second: str, overlap: float) -> bool:
    """Whether two texts share at least `overlap` of all their three-word runs (Jaccard)."""
    return _Compared(first).repeats(_Compared(second), overlap)


class _Compared:
    """A text as it is compared; the costly part is worked out only where the cheap one agrees."""

    def __init__(self, text: str) -> None:
        self._text = text[:_COMPARED_CHARACTERS]
        self._words = self._text.lower().split()
        self._sample = self._words[:: len(self._words) // _SAMPLED + 1]
        self._distinct = frozenset(self._words)

    @functools.cached_property
    def _runs(self) -> frozenset[tuple[str, ...]]:
        words = plain_words(self._text)
        if len(words) < _RUN:
            return frozenset({tuple(words)})
        return frozenset(zip(words, words[1:], words[2:], strict=False))

    def _may_repeat(self, other: _Compared, overlap: float) -> bool:
        """Whether enough of a sample of words is in the other text.

        Texts with four in five runs in common share far more than half of their words. Where
        words are not set apart by spaces there is nothing to sample.
        """
        if len(self._words) * _LONG_WORD < len(self._text):
            return True
        common = sum(map(other._distinct.__contains__, self._sample))
        return common >= len(self._sample) * _SAMPLE_SHARE * overlap

    def repeats(self, other: _Compared, overlap: float) -> bool:
        """Whether the two share at least `overlap` of their runs."""
        if not self._may_repeat(other, overlap):
            return False
        first, second = self._runs, other._runs
        common = len(first & second)
        return common >= overlap * (len(first) + len(second) - common)


class _Seen:
    """What has been admitted so far."""

    def __init__(self, settings: KnowledgeSettings) -> None:
        self._settings = settings
        self._sources: Counter[str] = Counter()
        self._texts: list[_Compared] = []

    def admits(self, chunk: Chunk) -> bool:
        """Take note of a chunk that is neither too much of its source nor a repetition."""
        source = chunk.source or chunk.document_id
        cap = self._settings.max_per_source
        if cap and self._sources[source] >= cap:
            return False
        if self._settings.collapse_duplicates:
            text = _Compared(chunk.text)
            overlap = self._settings.duplicate_overlap
            if any(text.repeats(other, overlap) for other in self._texts):
                return False
            self._texts.append(text)
        self._sources[source] += 1
        return True
