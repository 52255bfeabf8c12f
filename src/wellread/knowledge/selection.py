"""From a ranking to the results: leave out what is excluded, repeated or too much of one source.

Pure: takes ranked chunks from best to worst, however many it needs, and returns at most `top_k`.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Callable, Iterable

from wellread.knowledge.analysis import plain_words
from wellread.knowledge.settings import KnowledgeSettings
from wellread.records import Chunk

Ranked = tuple[Chunk, float]
_RUN = 3
_SAMPLED = re.compile(rb"e +(?=([^ ]+) +([^ ]+) )")
_WORDS_APART = bytes(
    ord(chr(c).lower()) if c < 128 and chr(c).isalnum() else 32 for c in range(256)
)
_LONG_WORD = 100
_SIGNS = "\u2013\u2014\u2018\u2019\u201c\u201d\u201e\u2026\u00a0"
"""Dashes, quotes, dots, space: what keeps most English text from being ASCII."""
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
    return _Compared(first).repeats([_Compared(second)], overlap)


class _Compared:
    """A text as it is compared; the costly part is worked out only where the cheap one allows it.

    The cheap part is a sample of the runs: those whose first word ends in "e". Runs that one text
    has in its sample and the other has not are runs they do not share, which sets a limit to how
    much they can share. No limit is ever too low, so the outcome is that of comparing all runs.
    """

    def __init__(self, text: str) -> None:
        self._plain = plain = _plain(text[:_COMPARED_CHARACTERS])
        self._sample = frozenset(_SAMPLED.findall(plain))
        self._most_runs = max(plain.count(b" ") - plain.count(b"  ") - _RUN + 1, 1)

    @functools.cached_property
    def _runs(self) -> frozenset[tuple[bytes, ...]]:
        words = self._plain.split()
        if len(words) < _RUN:
            return frozenset({tuple(words)})
        return frozenset(zip(words, words[1:], words[2:], strict=False))

    def repeats(self, others: Iterable[_Compared], overlap: float) -> bool:
        """Whether it shares at least `overlap` of the runs with one of the others."""
        sample, most_runs, size = self._sample, self._most_runs, len(self._sample)
        for other in others:
            common = len(sample & other._sample)
            mine, its = size - common, len(other._sample) - common
            shared = min(most_runs - mine, other._most_runs - its)
            if shared >= overlap * (shared + mine + its) and self._is_like(other, overlap):
                return True
        return False

    def _is_like(self, other: _Compared, overlap: float) -> bool:
        first, second = self._runs, other._runs
        common = len(first & second)
        return common >= overlap * (len(first) + len(second) - common)


def _plain(text: str) -> bytes:
    """`plain_words`, each with a space or several after it."""
    if not text.isascii():
        for sign in _SIGNS:
            text = text.replace(sign, " ")
    if text.isascii():
        plain = text.encode().translate(_WORDS_APART) + b" "
        if not _has_long_word(plain):
            return plain
    return " ".join(plain_words(text)).encode() + b" "


def _has_long_word(plain: bytes) -> bool:
    """Whether there is one of those that `plain_words` leaves out."""
    start = 0
    while start + _LONG_WORD <= len(plain):
        start = plain.rfind(b" ", start, start + _LONG_WORD) + 1
        if not start:
            return True
    return False


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
            if text.repeats(self._texts, overlap):
                return False
            self._texts.append(text)
        self._sources[source] += 1
        return True
