"""Questions whose answers are known: what gold and wrong answers are made from.

    Item(question, answer, chunks)      the first chunk holds the answer, the rest stand beside it

`items_from_chunks` makes them from documents alone, by small rules:

1. a fact: a number, date or name of a sentence; the question is the sentence with a gap
2. a statement: one sentence; the question names two of its words
3. an account: two to four sentences in a row, as in 2

Where questions and answers exist, or a teacher can write them, make items of those instead.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from wellread.checks.abstention import answer_sentences
from wellread.checks.reading.evidence import Sources
from wellread.checks.reading.numbers import is_month
from wellread.checks.reading.tokens import Token, tokenise
from wellread.checks.reading.words import guess_language
from wellread.records import Chunk, Passage

T = TypeVar("T")
_GAP = {"en": "what", "de": "was", "fr": "quoi", "es": "qué", "it": "che cosa", "nl": "wat"}
# A question about two words, and what stands between them.
_ABOUT = {
    "en": ("What is said about {}?", " and "),
    "de": ("Was steht dort über {}?", " und "),
    "fr": ("Que dit le texte de {} ?", " et "),
    "es": ("¿Qué se dice de {}?", " y "),
    "zh": ("{}怎么样？", "和"),
}
_FACTS = frozenset({"number", "date", "name", "code"})
_LONGEST_ACRONYM = 6
_ROMAN = re.compile(r"[IVXLC]+")
# Numbers that name a place in a text or are part of a code tell nothing about the world.
_LABEL = re.compile(
    r"(?:[\[#§_]|[^\W_][-–./]"
    r"|\b(?:(?i:chunk|passage|source|figure|fig\.|table|page|pages|section|chapter|paragraph|para|"
    r"appendix|step|part|volume|version|no\.|nr\.|abbildung|tabelle|seite|kapitel|abschnitt|quelle|"
    r"teil|band)|(?!USD|EUR|GBP|CHF)[A-Z]{2,5}s?)\s+)\Z"
)
_JOINED_AFTER = re.compile(r"[-–./:][^\W_]|_|(?:st|nd|rd|th)\b")
_LISTED = re.compile(r"(?:^|\n)\s*\(?\d+[.)]\s|\(\d+\)")
_LABEL_BEFORE = 24
_MIN_TOKENS, _MAX_TOKENS = 5, 60
_BESIDE = 2
_NEAR = 20


@dataclass(frozen=True, slots=True)
class Item:
    """A question with its right answer, and the chunks it is to be answered from.

    `chunks` come in the order they are shown in; `gold` is the place of the one that holds the
    answer. `accepted` are other right answers. `exact` says that the question has one answer;
    where it is false, as in "What is said about pumps?", another sentence would do too.
    """

    question: str
    answer: str
    chunks: tuple[Chunk, ...]
    gold: int = 0
    accepted: tuple[str, ...] = ()
    exact: bool = True

    @property
    def chunk(self) -> Chunk:
        """The chunk that holds the answer."""
        return self.chunks[self.gold]

    @property
    def document_id(self) -> str:
        """Document of the chunk that holds the answer."""
        return self.chunk.document_id

    @property
    def usable(self) -> bool:
        """Whether there is an answer, and a chunk with text to hold it."""
        return bool(self.answer.strip() and self.chunks and self.chunk.text.strip())


@dataclass(frozen=True, slots=True)
class Scene:
    """An item as the planting rules see it: read once, with the randomness that is its own."""

    item: Item
    sources: Sources
    language: str
    random: np.random.Generator

    @classmethod
    def of(cls, item: Item, sources: Sources, random: np.random.Generator) -> Scene:
        """The scene of an item whose chunks were read into `sources`."""
        return cls(item, sources, sources.language or guess_language(item.answer), random)

    @property
    def answer(self) -> str:
        """The right answer."""
        return self.item.answer

    def shuffled(self, values: Iterable[T]) -> list[T]:
        """All of `values` in an order of this scene's own."""
        found = list(values)
        return [found[at] for at in self.random.permutation(len(found))]


def passages_of(item: Item) -> tuple[Passage, ...]:
    """The item's chunks as a retriever would have brought them, in the order they are shown."""
    return tuple(Passage(chunk, 1 / rank, rank) for rank, chunk in enumerate(item.chunks, 1))


def items_from_chunks(chunks: Iterable[Chunk], seed: int) -> Iterator[Item]:
    """Facts, statements and accounts of the chunks, with two other chunks beside the gold one.

    Chunks without a whole sentence give nothing. At most three items come of one chunk.
    """
    known = [chunk for chunk in chunks if chunk.text.strip()]
    for at, chunk in enumerate(known):
        random = lot(seed, chunk.id)
        language = chunk.language or guess_language(chunk.text)
        sentences = _sentences(chunk.text, language)
        if not sentences:
            continue
        shown, gold = _beside(known, at, random)
        for question, answer, exact in _drawn(sentences, language, random):
            yield Item(question, answer, shown, gold, exact=exact)


def lot(seed: int, *names: str) -> np.random.Generator:
    """Randomness that follows from `seed` and `names` alone."""
    text = "\x1f".join((str(seed), *names)).encode("utf-8", "replace")
    return np.random.default_rng(int.from_bytes(hashlib.blake2b(text, digest_size=8).digest()))


def _beside(
    known: Sequence[Chunk], at: int, random: np.random.Generator
) -> tuple[tuple[Chunk, ...], int]:
    """The chunk among others, half of them drawn from its neighbourhood; and its place there."""
    others = {int(random.integers(max(0, at - _NEAR), min(len(known), at + _NEAR + 1)))}
    others |= {int(random.integers(len(known))) for _ in range(_BESIDE - 1)}
    shown = [known[other] for other in sorted(others - {at})]
    gold = int(random.integers(len(shown) + 1))
    shown.insert(gold, known[at])
    return tuple(shown), gold


def _sentences(text: str, language: str) -> list[str]:
    """Whole sentences, not headings, tables or fragments."""
    found = [text[start:end].strip() for start, end in answer_sentences(text, language)]
    return [sentence for sentence in found if is_sentence(sentence, language)]


def is_sentence(sentence: str, language: str) -> bool:
    """Whether this reads as a statement: it ends as one, and has neither too few words nor many."""
    if not ends_as_sentence(sentence) or "?" in sentence[-2:] or sentence.count("|") > 1:
        return False
    first = sentence.lstrip("\"'“„«")[:1]
    if not first.isalpha() or first.islower():
        return False
    return _MIN_TOKENS <= len(tokenise(sentence, language)) <= _MAX_TOKENS


def ends_as_sentence(text: str) -> bool:
    """Whether the last sign closes a sentence, quotation marks and brackets aside."""
    return text.rstrip(" \n\"'”’“»)").endswith((".", "!", "?", "。", "！", "？", "।", "؟"))


def _drawn(
    sentences: Sequence[str], language: str, random: np.random.Generator
) -> Iterator[tuple[str, str, bool]]:
    """A fact, a statement and an account, where there are enough sentences for each."""
    order = [int(at) for at in random.permutation(len(sentences))]
    for at in order:
        if fact := _fact(sentences[at], language, random):
            yield *fact, True
            break
    statement = sentences[order[0]]
    yield _about(statement, language), statement, False
    if len(sentences) >= 2:
        length = int(random.integers(2, min(4, len(sentences)) + 1))
        first = int(random.integers(len(sentences) - length + 1))
        account = " ".join(sentences[first : first + length])
        yield _about(account, language), account, False


def _fact(sentence: str, language: str, random: np.random.Generator) -> tuple[str, str] | None:
    """A question with a gap, and what fills it; the gap must not be all that the sentence says."""
    tokens = tokenise(sentence, language)
    facts = [t for t in tokens if t.kind in _FACTS and not t.spelled and tells(t, sentence)]
    if not facts or len(tokens) < _MIN_TOKENS:
        return None
    start, end = _widened(sentence, facts[int(random.integers(len(facts)))], tokens)
    gap = _GAP.get(language, "___")
    asked = (sentence[:start] + gap + sentence[end:]).strip().rstrip(".。!！ ")
    return f"{asked[:1].upper()}{asked[1:]}?", sentence[start:end]


def tells(token: Token, text: str) -> bool:
    """Whether a token is about the world: no number of a chapter, page, list or manual.

    >>> text = "FM 6-0, chapter 3, says 12 hours (Figure 4)."
    >>> numbers = [t for t in tokenise(text, "en") if t.kind == "number"]
    >>> [text[t.start : t.end] for t in numbers if tells(t, text)]
    ['12']
    """
    if token.kind == "name":
        return is_name(text[token.start : token.end])
    before = text[max(0, token.start - _LABEL_BEFORE) : token.start]
    if _LABEL.search(before) or _JOINED_AFTER.match(text, token.end):
        return False
    line = text.rfind("\n", 0, token.start) + 1
    return not any(
        m.start() <= token.start < m.end() for m in _LISTED.finditer(text, line, token.end + 2)
    )


def is_name(text: str) -> bool:
    """Whether capitals mean a name.

    A single one is an initial, a long word of them a heading; months and Roman numerals are none.

    >>> [text for text in ("Ada Byron", "AAR", "A", "CONTENTS", "April", "III") if is_name(text)]
    ['Ada Byron', 'AAR']
    """
    if len(text) < 2 or is_month(text) or _ROMAN.fullmatch(text):
        return False
    return not (text.isupper() and len(text) > _LONGEST_ACRONYM)


def _widened(sentence: str, token: Token, tokens: Sequence[Token]) -> tuple[int, int]:
    """A name with the names beside it, a number with the word after it, as its unit may be."""
    start, end = token.start, token.end
    at = tokens.index(token)
    if token.kind == "name":
        while at > 0 and tokens[at - 1].kind == "name" and sentence[tokens[at - 1].end] == " ":
            if tokens[at - 1].end + 1 != start:
                break
            at -= 1
            start = tokens[at].start
        at = tokens.index(token)
        while at + 1 < len(tokens) and tokens[at + 1].kind == "name":
            if tokens[at + 1].start != end + 1:
                break
            at += 1
            end = tokens[at].end
    elif token.kind == "number" and at + 1 < len(tokens):
        after = tokens[at + 1]
        if after.kind == "word" and after.start == end + 1 and sentence[end] == " ":
            end = after.end
    return start, end


def _about(text: str, language: str) -> str:
    """A question that names the first two content words of `text`."""
    words = [t for t in tokenise(text, language) if t.kind in ("word", "name", "pair")][:2]
    form, between = _ABOUT.get(language, ("{}?", " "))
    return form.format(between.join(dict.fromkeys(_in_lower_case(text, t) for t in words)))


def _in_lower_case(text: str, token: Token) -> str:
    """A word as it stands inside a sentence."""
    word = text[token.start : token.end]
    return word if token.kind == "name" or word[1:] != word[1:].lower() else word.lower()
