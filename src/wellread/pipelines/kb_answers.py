"""Which chunks answer a question that was made from one of them.

    question, answer, evidence, chunk -> Wanted
    all chunks of the base, once      -> for each question the chunks that answer

A chunk answers where it speaks of what the question asks about (in its text, heading or title),
and holds

1. the sentence that the question was made from, or
2. the answer, word for word, near to what that sentence says of the subject.

Both are strict: a chunk that answers in other words is not found, one that merely holds the words
of the answer somewhere does not count.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from wellread.records import Chunk
from wellread.synthesis.extractive.passages import content_words
from wellread.synthesis.tasks import RagPair

_WORD = re.compile(r"[^\W_]+")
# Characters to each side of an answer: about two sentences.
_NEAR = 200
# What the wording of a question adds to its subject, in English and German.
_FRAME = content_words("stand stands mean means called steht bedeutet heißt Abkürzung kurz")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a chunk must hold to answer; texts are plain words between single blanks.

    `subject` are the stems that the question and its chunk share, `near` those of them that stand
    in the evidence. A chunk with none of the words `keys` cannot answer, which is quickly seen.
    """

    chunk_id: str
    answer: str
    evidence: str
    subject: frozenset[str]
    near: frozenset[str]
    keys: frozenset[str]

    @classmethod
    def of(cls, pair: RagPair, chunk: Chunk) -> Wanted:
        """What answers `pair`, which was made from `chunk`."""
        asked = content_words(pair.question) - _FRAME
        said = " ".join(pair.evidence)
        subject = asked & content_words(f"{_about(chunk)} {chunk.text}") or asked
        near = subject & content_words(said) or subject
        answer, evidence = _answer(pair.expected_answer), _plain(said)
        keys = frozenset(max(text.split(), key=len) for text in (answer, evidence) if text.strip())
        return cls(chunk.id, answer, evidence, subject, near, keys)

    def answered_by(self, chunk: Chunk, plain: str) -> bool:
        """Whether `chunk`, whose text is `plain` in plain words, answers."""
        if chunk.id == self.chunk_id:
            return True
        same = len(self.evidence) > 1 and self.evidence in plain
        if not same and not self._answer_is_near(plain):
            return False
        return self.subject <= content_words(f"{_about(chunk)} {plain}")

    def _answer_is_near(self, plain: str) -> bool:
        if len(self.answer) < 2:
            return False
        at = plain.find(self.answer)
        while at >= 0:
            around = plain[max(0, at - _NEAR) : at + len(self.answer) + _NEAR]
            if self.near <= content_words(around):
                return True
            at = plain.find(self.answer, at + 1)
        return False


def answering(wanted: Mapping[str, Wanted], chunks: Iterable[Chunk]) -> dict[str, dict[str, float]]:
    """For each question the ids of the chunks that answer it, graded 1; chunks are read once."""
    grades: dict[str, dict[str, float]] = {name: {} for name in wanted}
    for chunk in chunks:
        plain = _plain(chunk.text)
        words = frozenset(plain.split())
        for name, one in wanted.items():
            possible = one.chunk_id == chunk.id or not words.isdisjoint(one.keys)
            if possible and one.answered_by(chunk, plain):
                grades[name][chunk.id] = 1
    return grades


def _about(chunk: Chunk) -> str:
    return f"{chunk.title} {chunk.heading}"


def _plain(text: str) -> str:
    """Words in lower case between blanks, so that ``in`` finds whole words only."""
    return f" {' '.join(_WORD.findall(text.lower()))} "


def _answer(text: str) -> str:
    """Plain words without the articles and the like that an answer begins with."""
    words = _WORD.findall(text.lower())
    while words and not content_words(words[0]):
        words = words[1:]
    return f" {' '.join(words)} " if words else ""
