"""Which language a chunk is in: its own field, else the detector that reads documents, else a
count of stop words that dares to judge a few short sentences.
"""

from __future__ import annotations

import re

from wellread.ingest.language import detect as detect_document
from wellread.records import Chunk

LANGUAGES = ("en", "de")
"""Languages with rules."""

_WORD = re.compile(r"[^\W\d_]+")
_STOP_WORDS = {
    "en": frozenset("the of and to in is was for that with as are by on it be from an at".split()),
    "de": frozenset(
        "der die und das ist nicht ein eine zu den mit von dem auf für im auch".split()
    ),
}
_MIN_SHARE = 0.08


def language_of(chunk: Chunk) -> str:
    """ISO 639-1 code of the chunk's language, or "" where nothing tells."""
    if chunk.language:
        return chunk.language.lower()[:2]
    return detect_document(chunk.text) or detect(chunk.text[:2000])


def detect(text: str) -> str:
    """``en`` or ``de``, whichever's stop words are commoner, or "" where both are rare."""
    words = [word.lower() for word in _WORD.findall(text)]
    counts = {code: sum(word in stops for word in words) for code, stops in _STOP_WORDS.items()}
    best = max(counts, key=lambda code: counts[code])
    return best if words and counts[best] / len(words) > _MIN_SHARE else ""
