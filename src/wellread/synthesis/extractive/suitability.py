"""Why a chunk cannot be asked about: stable codes that reports count by.

The codes, in the order in which they are looked for: ``too_short``, ``garbled``,
``table_of_contents``, ``index_or_references``, ``boilerplate``, ``mostly_numbers``,
``language_without_rules``.
A chunk that passes may still give ``no_facts``.
"""

from __future__ import annotations

import re

from wellread.records import Chunk
from wellread.synthesis.extractive.language import LANGUAGES, language_of

_WORD = re.compile(r"[^\W\d_]{2,}")
_DOT_LEADER = re.compile(r"\.{4,}|(?:\. ){4,}|…{2,}")
_CONTENTS_LINE = re.compile(
    r"^[^\n.!?]{3,90}?[ \t.…]{2,}[A-Z]?\d{1,4}(?:-\d+)?[ \t]*$", re.MULTILINE
)
_INDEX_ENTRY = re.compile(r"[a-z)], (?:[A-Z]-)?\d{1,3}(?:[-–]\d{1,4})?(?=[,;\s]|$)")
_REFERENCE = re.compile(
    r"\b(?:ISBN|ISSN|doi:|et al\.|pp\. ?\d|Vol\. ?\d|Hrsg\.|Retrieved \w+ \d|"
    r"Available (?:at|from|online):?|(?:19|20)\d\d\)\.)|https?://|\b(?:DOD|AR|FM|ADP|"
    r"ATP|JP|DA PAM|DA Form) [\d-]+[.,:] ",
    re.IGNORECASE,
)
_BOILERPLATE = re.compile(
    r"copyright|©|all rights reserved|trademark|licen[sc]e agreement|project gutenberg|"
    r"terms of use|disclaimer|warranties of merchantability|without warranty|hold harmless|"
    r"distribution restriction|approved for public release|headquarters, department of the army|"
    r"supersedes|this page intentionally|redistribut\w+|royalt(?:y|ies)|unsubscribe|cookie|"
    r"alle rechte vorbehalten|urheberrecht|haftungsausschluss|impressum|datenschutzerklärung|"
    r"(?:tel|fax|phone|e-?mail)\.?:|\b\d{5} [A-ZÄÖÜ]\w+straße|P\.?O\.? Box",
    re.IGNORECASE,
)
_MIN_WORDS = 12


def unsuitable(chunk: Chunk) -> str:
    """The code of the first thing that speaks against `chunk`, or ""."""
    text = chunk.text
    words = _WORD.findall(text)
    if len(words) < _MIN_WORDS and not (
        len(words) >= 4 and re.search(r"^\s*\||:\s*\S", text, re.MULTILINE)
    ):
        return "garbled" if _is_garbled(text, words) and len(text) > 120 else "too_short"
    if _is_garbled(text, words):
        return "garbled"
    if code := _by_content(text, len(words)):
        return code
    return "" if language_of(chunk) in LANGUAGES else "language_without_rules"


def _by_content(text: str, words: int) -> str:
    if len(_DOT_LEADER.findall(text)) >= 3 or _lines_share(text, _CONTENTS_LINE) > 0.4:
        return "table_of_contents"
    if len(_INDEX_ENTRY.findall(text)) * 9 > words or len(_REFERENCE.findall(text)) * 22 > words:
        return "index_or_references"
    if len(_BOILERPLATE.findall(text)) * 35 > words:
        return "boilerplate"
    digits = sum(char.isdigit() for char in text)
    letters = sum(char.isalpha() for char in text)
    return "mostly_numbers" if digits * 2 > letters else ""


def _lines_share(text: str, pattern: re.Pattern[str]) -> float:
    lines = [line for line in text.split("\n") if line.strip()]
    return len(pattern.findall(text)) / len(lines) if len(lines) > 3 else 0.0


def _is_garbled(text: str, words: list[str]) -> bool:
    """Few letters, many odd characters, or words without vowels."""
    solid = [char for char in text if not char.isspace()]
    if not solid:
        return False
    odd = sum(
        not (c.isalnum() or c in ".,;:!?-–—'’\"“”„‘()[]/%&$€£+*#|=<>°•@_…§½¼¾×") for c in solid
    )
    if odd / len(solid) > 0.08:
        return True
    latin = [word for word in words if word.isascii()]
    mute = sum(not re.search(r"[aeiouyAEIOUY]", word) and len(word) > 3 for word in latin)
    return len(latin) > 20 and mute / len(latin) > 0.2
