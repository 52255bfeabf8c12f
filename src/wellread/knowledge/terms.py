"""The words that tell a chunk from all others: a query such as someone looking for it would type.

    tf-idf over the knowledge base, counted by stem, given back as the word stands in the text

1. Split the chunk into words and analyse each in the languages of the knowledge base.
2. Weight of a stem = (1 + ln tf) x ln(chunks / chunks that contain it).
3. The heaviest stems, each as the spelling that occurs most, first seen first where equal.
"""

from __future__ import annotations

import math
from collections import Counter

from wellread.knowledge.analysis import index_terms, spelled_words
from wellread.knowledge.base import KnowledgeBase
from wellread.records import Chunk


def key_terms(chunk: Chunk, base: KnowledgeBase, limit: int = 12) -> tuple[str, ...]:
    """The most informative words of `chunk`, at most `limit`, the heaviest first.

    Stop words, single characters and plain numbers are left out. The same chunk and knowledge
    base give the same words.
    """
    language = base.language_of(chunk)
    spellings: dict[str, Counter[str]] = {}
    for word in spelled_words(chunk.text):
        stems = index_terms(word, language) if len(word) > 1 and not word.isnumeric() else ()
        if stems:
            spellings.setdefault(stems[0], Counter())[word] += 1
    count, frequencies = base.count, base.document_frequencies(spellings)
    weights = {
        stem: _weight(words.total(), frequencies[stem], count) for stem, words in spellings.items()
    }
    heaviest = sorted(weights, key=lambda stem: -weights[stem])[: max(limit, 0)]
    return tuple(spellings[stem].most_common(1)[0][0] for stem in heaviest if weights[stem] > 0)


def _weight(occurrences: int, chunks_with_it: int, chunks: int) -> float:
    rarity = math.log((chunks + 1) / (min(chunks_with_it, chunks) + 0.5))
    return (1 + math.log(occurrences)) * rarity
