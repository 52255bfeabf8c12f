"""What a person is shown of a passage: where it stands, and the part of it that fits the query.

Pure. An excerpt is a stretch of the text on one line, and the spans of the query's words in it;
whoever shows it decides how to mark them.
"""

from __future__ import annotations

import bisect
import math
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from wellread.knowledge.analysis import index_terms
from wellread.records import Passage

Span = tuple[int, int]
_WORD = re.compile(r"[^\W_]+")
_SENTENCE_START = re.compile(r"(?:^|(?<=[.!?:;…。！？] )|(?<=[。！？]))(?=\S)")
_HEADING = re.compile(r"(?m)^#{1,6} .*$")
_LEAD = 40


@dataclass(frozen=True, slots=True)
class Excerpt:
    """One line of a passage; `marks` are the spans of the query's words in `text`."""

    text: str
    marks: tuple[Span, ...] = ()


def place_of(passage: Passage) -> str:
    """Source with page or lines, as one would look it up: ``manual.pdf, pages 3-4``."""
    if passage.pages:
        return f"{passage.source}, {_range('page', passage.pages)}"
    if passage.lines:
        return f"{passage.source}, {_range('line', passage.lines)}"
    return passage.source


def _range(unit: str, ends: tuple[int, ...]) -> str:
    first, last = ends[0], ends[-1]
    return f"{unit} {first}" if first == last else f"{unit}s {first}-{last}"


def excerpt(text: str, terms: Mapping[str, float], language: str, width: int = 160) -> Excerpt:
    """The stretch of about `width` characters that holds most of the query's `terms`.

    `terms` are analysed (see `wellread.knowledge.analysis`) and have weights, as from `weights`;
    `language` is that of the text.

    >>> excerpt("Read this first. Close all valves before draining.", {"valv": 1.0}, "en", 40)
    Excerpt(text='… Close all valves before draining.', marks=((12, 18),))
    """
    flat = " ".join(_without_headings(text).split())
    found = list(_matches(flat, terms.keys(), language))
    start = _best_start(flat, found, terms, width) if found else 0
    end = _word_end(flat, start, start + width)
    before, after = "… " if start else "", " …" if end < len(flat) else ""
    shift = len(before) - start
    marks = [(a + shift, b + shift) for a, b, _ in found if start <= a and b <= end]
    return Excerpt(before + flat[start:end].rstrip() + after, tuple(_joined(marks)))


def weights(frequencies: Mapping[str, int], chunks: int) -> dict[str, float]:
    """How much each term tells, by the number of chunks that have it: the rarer, the more."""
    return {
        term: math.log((chunks + 1) / (min(n, chunks) + 0.5)) for term, n in frequencies.items()
    }


def _without_headings(text: str) -> str:
    """Headings are told beside a passage; they stay where there is nothing else."""
    rest = _HEADING.sub("", text)
    return rest if rest.strip() else text.replace("#", " ")


def _matches(text: str, terms: Collection[str], language: str) -> Iterator[tuple[int, int, str]]:
    """Each word that stands for a term: ``(start, end, term)``; pairs in runs without spaces."""
    for word in _WORD.finditer(text):
        for start, end in _pieces(word[0]):
            for term in _terms_of(word[0][start:end], language):
                if term in terms:
                    yield word.start() + start, word.start() + end, term
                    break


def _pieces(word: str) -> Iterator[Span]:
    """A word whole, or where it has no Latin-like letters the pairs that are indexed."""
    if word.isascii() or len(word) < 3 or ord(max(word)) < 0x0E00:
        yield 0, len(word)
        return
    for start in range(len(word) - 1):
        yield start, start + 2


@lru_cache(maxsize=20_000)
def _terms_of(word: str, language: str) -> tuple[str, ...]:
    return tuple(index_terms(word, language))


def _best_start(
    text: str, found: list[tuple[int, int, str]], terms: Mapping[str, float], width: int
) -> int:
    """Where the weightiest terms follow; at the start of a sentence where one is near enough."""
    sentences = [match.start() for match in _SENTENCE_START.finditer(text)]
    starts = set(sentences) | {_near(text, place, sentences) for place, _, _ in found}
    places = [place for place, _, _ in found]

    def worth(start: int) -> tuple[float, int, bool, int, int]:
        first, last = bisect.bisect_left(places, start), bisect.bisect_left(places, start + width)
        inside = [term for _, end, term in found[first:last] if end <= start + width]
        # The first word found stands near the beginning; of places alike the first one is shown.
        before = start - places[first] if first < len(places) else 0
        weight = sum(terms[term] for term in set(inside))
        return weight, len(inside), start in sentences, before, -start

    return max(starts, key=worth)


def _near(text: str, place: int, sentences: list[int]) -> int:
    """A little before a match: the start of its sentence, or of a word."""
    sentence = sentences[bisect.bisect_right(sentences, place) - 1] if sentences else 0
    if place - sentence <= _LEAD:
        return sentence
    space = text.find(" ", place - _LEAD, place)
    return space + 1 if space >= 0 else place


def _word_end(text: str, start: int, place: int) -> int:
    """The end of the last whole word before `place`; a single long one is cut."""
    if place >= len(text):
        return len(text)
    space = text.rfind(" ", start, place + 1)
    return space if space > start and place - space < _LEAD else place


def _joined(marks: list[Span]) -> list[Span]:
    joined: list[Span] = []
    for start, end in sorted(marks):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined
