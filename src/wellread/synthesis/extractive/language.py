"""Which language a chunk is in, from its field or by counting stop words."""

from __future__ import annotations

import re

from wellread.records import Chunk

LANGUAGES = ("en", "de")
"""Languages with rules."""

_WORD = re.compile(r"[^\W\d_]+")
_STOP_WORDS = {
    "en": frozenset("the of and to in is was for that with as are by on it be from this an at or which".split()),
    "de": frozenset("der die und das ist nicht ein eine zu den mit von dem sich auf für im auch werden wird einer als bei sie".split()),
    "fr": frozenset("le la les des et est une dans pour que qui sur avec pas du au par ce il elle".split()),
    "es": frozenset("el los las una que del por con para como está más pero su sus se al lo y".split()),
    "it": frozenset("il gli che della di per una con sono non nel alla dei delle più anche ha".split()),
    "nl": frozenset("het een van en dat niet zijn op te voor met ook door maar aan deze wordt bij".split()),
    "pt": frozenset("os as uma que não para com dos da do em são mais por foi ao pela como seu sua".split()),
}  # fmt: skip
_SAMPLE = 4000


def language_of(chunk: Chunk) -> str:
    """ISO 639-1 code of the chunk's language, or "" where no list of stop words fits."""
    return chunk.language.lower()[:2] if chunk.language else detect(chunk.text)


def detect(text: str) -> str:
    """The language whose stop words make up the largest share of the first words of `text`."""
    words = [word.lower() for word in _WORD.findall(text[:_SAMPLE])]
    if not words:
        return ""
    counts = {code: sum(word in stops for word in words) for code, stops in _STOP_WORDS.items()}
    best = max(counts, key=lambda code: counts[code])
    return best if counts[best] / len(words) > 0.08 else ""
