"""What can honestly be said of a passage: what it is about, and whether it answers.

`topic` is the heading, else the title, else the subject of its first sentence, else a quotation of
its beginning. `holds` compares words: a passage answers a question when it carries the words of
the answer together with most words of the question.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from wellread.records import Chunk, Passage
from wellread.synthesis.extractive.english_words import FUNCTION_WORDS as ENGLISH
from wellread.synthesis.extractive.facts import Fact
from wellread.synthesis.extractive.german_words import FUNCTION_WORDS as GERMAN
from wellread.synthesis.extractive.sentences import sentences, tidy

_WORD = re.compile(r"[^\W_]+")
_STOP = (
    ENGLISH
    | GERMAN
    | frozenset(
        "much how wh many long often term abbreviation allowed permitted regarding concerning "
        "regard regards subject case".split()
    )
)
_NUMBERED = re.compile(r"\A(?:\d+\.)+\d*\s+(?=\S)")
_HEADING = re.compile(r"(?m)^#{1,6}[ \t]+(\S.*)$")
_FILE = re.compile(r"[^/\\]+\Z")


@dataclass(frozen=True, slots=True)
class Topic:
    """What a passage is about: `text`, and whether it is a name of it or its own words."""

    text: str
    quoted: bool


def file_name(chunk: Chunk) -> str:
    """The name that an answer cites: the source as given, without folders."""
    found = _FILE.search(chunk.source or chunk.document_id)
    return found.group() if found else (chunk.source or chunk.document_id or chunk.id)


def topic(chunk: Chunk, at: int = 0) -> Topic:
    """What the chunk is about where it stands at offset `at`: it may hold several sections."""
    nearest = [match[1] for match in _HEADING.finditer(chunk.text, 0, max(at, 0))]
    for name in (*nearest[-1:], chunk.heading.split(" > ")[-1], chunk.title):
        plain = _NUMBERED.sub("", tidy(name)).strip(" .:#*")
        if 2 < len(plain) <= 90 and re.search(r"[^\W\d_]{3}", plain):
            return Topic(plain, False)
    first = next((s.text for s in sentences(chunk.text) if len(s.text.split()) >= 5), "")
    return Topic(_opening(first or tidy(chunk.text[:400])), True)


def _opening(text: str, words: int = 12) -> str:
    parts = text.split()
    return " ".join(parts[:words]).strip(' ,;:.“”"') + (" …" if len(parts) > words else "")


def content_words(text: str) -> frozenset[str]:
    """Lower-case words that carry meaning, cut to a rough stem."""
    return frozenset(_stem(w) for w in _WORD.findall(text.lower()) if w not in _STOP)


def _stem(word: str) -> str:
    for ending in ("ing", "ies", "es", "ed", "en", "s", "e"):
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            return word[: -len(ending)]
    return word


def holds(passage: Passage, fact: Fact, chunk: Chunk) -> bool:
    """Whether the passage itself carries the evidence of `fact`."""
    same = passage.chunk
    evidence = chunk.text[fact.start : fact.end]
    return evidence in same.text or _plain(evidence) in _plain(same.text)


def answers(text_words: frozenset[str], fact: Fact) -> bool:
    """Whether words of a passage are enough to answer, though worded otherwise."""
    answer = content_words(fact.answer)
    question = content_words(fact.question)
    if not answer or not question:
        return False
    return answer <= text_words and len(question & text_words) >= 0.7 * len(question)


def mentions(text_words: frozenset[str], fact: Fact) -> bool:
    """Whether the passage speaks of the subject of the question at all."""
    subject = content_words(fact.subject) or content_words(fact.question)
    return bool(subject) and len(subject & text_words) >= 0.75 * len(subject)


def _plain(text: str) -> str:
    return " ".join(text.split())
