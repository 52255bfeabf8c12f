"""Answers in the manner of a language model, with known faults, made from documents alone.

    documents -> places (a region of sentences) -> question, three passages, an answer of 1 to 9
    sentences in which every invented stretch is known by its characters

What is right in an answer is said in other words: sentences are cut short, joined, turned round,
part of their words replaced. Which word replaces another does not matter to a detector that
compares words, so any common word of the corpus stands for a synonym; sentences reworded so far
that most words are new are what faithful abstraction looks like from here.

What is wrong is a swapped number, date or name, a turned negation, a clause or a sentence from
another place of the same kind of document, or general advice put together from it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from wellread.checks.detector import Case
from wellread.checks.reading.tokens import tokenise
from wellread.checks.reading.words import is_function_word, key
from wellread.records import Chunk, Passage

Random = np.random.Generator

_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_NUMBER = re.compile(r"(?<![\w.,-])\d{1,4}(?:,\d{3})*(?:\.\d+)?(?![\w-])")
_NAME = re.compile(r"(?<=[a-z,] )[A-Z][\w’'-]+(?: [A-Z][\w’'-]+)*")
_VERB = re.compile(r"\b(is|are|was|were|can|may|must|should|will|has|have|does|do)\b(?! not)")
_PARENTHESES = re.compile(r"\s*\([^()]*\)")
_LEAD = re.compile(r"^([A-Z][^,.;]{8,60}), (?=\w)")
_TAIL = re.compile(r"(?:[,;—]|,? (?:and|which|that|because|while|when|if|so|but))\s")
_CONJUNCTIONS = (", and ", ", while ", "; ", ", as ", ". In addition, ", ", but ")
_OPENINGS = (
    "Based on the passages, {}",
    "According to the passages provided, {}",
    "The text says that {}",
    "Passage {n} mentions that {}",
    "As mentioned in passage {n}, {}",
    "In addition, {}",
    "Additionally, {}",
    "Overall, {}",
    "Therefore, {}",
    "It is also important to note that {}",
    "This means that {}",
    "For example, {}",
)
_INTRODUCTIONS = (
    "Based on the provided passages, here is the answer to the question:",
    "Sure! Here is what the passages say:",
    "According to the given passages, the following points matter:",
    "Here are the main points based on the passages:",
    "To answer the question, the passages give the following:",
    "The passages provide information on {topic}.",
    "Based on the passages provided, {topic} can be described as follows:",
    "There are several points about {topic}:",
)
_ADVICE = (
    "It is important to consider {a} and {b} to ensure {c}.",
    "It is recommended to consult {a} for further {b}.",
    "Make sure to check {a} before {b}, as this may affect {c}.",
    "{A} can also help to improve {b} and {c}.",
    "Overall, {a} plays a crucial role in {b}.",
    "This can lead to {a}, {b} and {c}.",
    "{A} may vary depending on {b}, {c} and other factors.",
    "Some common examples are {a}, {b} and {c}.",
    "{A} should always be used together with {b}.",
    "Remember that {a} is not the same as {b}.",
)
_SUMMARIES = (
    "Overall, {a} and {b} matter for {c}.",
    "These points cover {a}, {b} and {c}.",
    "In summary, {a} is closely related to {b}.",
    "Therefore, it is important to understand {a} and {b}.",
    "{A} involves {b}, {c} and more.",
    "This includes {a}, {b} and {c}.",
    "{A} is an essential part of {b}.",
    "It is important to note that {a} can vary, for example with {b}.",
    "The passages describe {a} as well as {b}.",
)
# Right and wrong sentences share their frames: no wording may give the answer away.
_FRAMES = (*_ADVICE, *_SUMMARIES)
_DETERMINERS = ("the ", "a ", "", "", "proper ", "different ", "specific ")


class Piece(NamedTuple):
    """A sentence of an answer, and the stretches of it that are wrong."""

    text: str
    wrong: tuple[tuple[int, int], ...] = ()


class Answered(NamedTuple):
    """A made case and the wrong stretches of its answer."""

    case: Case
    wrong: tuple[tuple[int, int], ...]
    document: str


@dataclass
class Corpus:
    """Sentences of documents, and what may be borrowed from them."""

    documents: dict[str, list[str]]
    common: list[str] = field(default_factory=list)
    _keys: dict[str, list[frozenset[str]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        counts = Counter(
            word
            for sentences in self.documents.values()
            for sentence in sentences
            for word in _WORD.findall(sentence)
            if word.islower() and len(word) > 3 and not is_function_word(word, "en")
        )
        self.common = [word for word, _ in counts.most_common(2_500)]
        self._keys = {
            name: [frozenset(t.key for t in tokenise(s, "en")) for s in sentences]
            for name, sentences in self.documents.items()
        }

    def keys(self, name: str, at: int) -> frozenset[str]:
        """The content words of a sentence, by key."""
        return self._keys[name][at]


class Composer:
    """Makes one case after another from `corpus`; all chance comes from `random`."""

    def __init__(self, corpus: Corpus, random: Random) -> None:
        self.corpus, self.random = corpus, random
        sizes = {name: len(s) for name, s in corpus.documents.items() if len(s) > 30}
        self.names = list(sizes)
        odds = np.sqrt(np.array([sizes[name] for name in self.names], float))
        self.odds = odds / odds.sum()

    def cases(self, count: int) -> Iterator[Answered]:
        """`count` cases; about half of the answers hold something wrong."""
        for number in range(count):
            yield self._case(number)

    def _case(self, number: int) -> Answered:
        name = str(self.random.choice(self.names, p=self.odds))
        passages, held = self._passages(name, number)
        given = [self.corpus.documents[name][at] for at in held]
        seed = given[int(self.random.integers(len(given)))]
        topic = self._phrase(seed)
        other = self._other(name, held)
        answer, wrong = self._answer(given, other, topic)
        return Answered(Case(self._question(topic, seed), passages, answer), wrong, name)

    def _passages(self, name: str, number: int) -> tuple[tuple[Passage, ...], list[int]]:
        """One to four passages of two to six sentences, near one another in the document."""
        total = len(self.corpus.documents[name])
        at = int(self.random.integers(0, max(1, total - 30)))
        passages, held = [], []
        for rank in range(1, int(self.random.choice((2, 3, 4, 4, 4)))):
            length = int(self.random.integers(2, 6))
            places = list(range(at, min(at + length, total)))
            text = " ".join(self.corpus.documents[name][p] for p in places)
            label = f"made-{number}-{rank}"
            if text:
                chunk = Chunk(label, label, text, 0, len(text), language="en")
                passages.append(Passage(chunk, 1.0, rank))
            held += places
            at += length + int(self.random.integers(0, 6))
        return tuple(passages), held

    def _other(self, name: str, held: Sequence[int]) -> list[str]:
        """Sentences that no passage has, those most like the passages first among many drawn."""
        if self.random.random() < 0.2:
            name = str(self.random.choice(self.names))
            held = ()
        sentences = self.corpus.documents[name]
        low, high = (min(held), max(held)) if held else (-1, -1)
        drawn = [int(at) for at in self.random.integers(0, len(sentences), 60)]
        free = [at for at in drawn if not low - 1 <= at <= high + 1]
        known = (
            frozenset().union(*(self.corpus.keys(name, at) for at in held)) if held else frozenset()
        )

        def likeness(at: int) -> float:
            own = self.corpus.keys(name, at)
            return len(own & known) / (len(own) + 3)

        # Most-alike sentences may say the same again; the very first ones are left out.
        free.sort(key=likeness, reverse=True)
        near = free[2:14] if self.random.random() < 0.6 else free
        return [sentences[at] for at in near] or ["Nothing else is known about it."]

    def _question(self, topic: str, seed: str) -> str:
        words = [w for w in _WORD.findall(seed) if not is_function_word(w, "en")]
        some = " ".join(words[: int(self.random.integers(2, 6))]).lower()
        return str(
            self.random.choice((f"what is {topic}", f"how does {topic} work?", some, f"{some}?"))
        )

    def _answer(
        self, given: list[str], other: list[str], topic: str
    ) -> tuple[str, tuple[tuple[int, int], ...]]:
        count = int(self.random.choice((1, 1, 2, 2, 3, 3, 4, 5, 6, 7, 9)))
        error_rate = float(self.random.choice((0, 0, 0.1, 0.2, 0.35)))
        wordy = float(self.random.choice((0.0, 0.1, 0.2, 0.3, 0.45)))
        as_list = count > 2 and self.random.random() < 0.35
        pieces: list[Piece] = []
        if self.random.random() < 0.5 and count > 1:
            text = str(self.random.choice(_INTRODUCTIONS)).replace("{topic}", topic)
            pieces.append(Piece(text))
        start = int(self.random.integers(len(given)))
        odds = error_rate
        for number in range(count):
            source = given[(start + number) % len(given)]
            wrong = self.random.random() < odds
            # Who has begun to invent goes on with it, and the end of an answer tempts most.
            odds = min(0.7, error_rate * (3.0 if wrong else 1.0) * (1 + number / count))
            if wrong:
                piece = self._wrong(source, given, other, wordy)
            else:
                piece = self._right(source, given, wordy)
            if as_list and len(pieces):
                mark = self.random.choice(("* ", f"{number + 1}. ", "- "))
                piece = _shifted(str(mark), piece)
            elif self.random.random() < 0.22:
                piece = self._opened(piece)
            pieces.append(piece)
        return _joined(pieces, "\n" if as_list else " ")

    # --- what is right

    def _right(self, source: str, given: list[str], wordy: float) -> Piece:
        draw = self.random.random()
        if draw < 0.12:
            return Piece(source)
        if draw < 0.30:
            return Piece(self._reword(self._compress(source), wordy))
        if draw < 0.45:
            other = given[int(self.random.integers(len(given)))]
            joint = str(self.random.choice(_CONJUNCTIONS))
            fused = self._compress(source).rstrip(".") + joint + _lowered(self._compress(other))
            return Piece(self._reword(fused, wordy))
        if draw < 0.60:
            return Piece(self._summary(given))
        if draw < 0.68:
            return Piece(self._enumerate(given))
        if draw < 0.74:
            return Piece(f'The passage says that "{self._compress(source).rstrip(".")}".')
        if draw < 0.84:
            return Piece(self._abstracted(self._turn(source)))
        return Piece(self._reword(self._turn(source), wordy))

    def _compress(self, sentence: str) -> str:
        """A sentence without parentheses, and sometimes without its lead or tail."""
        short = _PARENTHESES.sub("", sentence)
        if self.random.random() < 0.4 and (match := _LEAD.match(short)):
            rest = short[match.end() :]
            short = rest[0].upper() + rest[1:]
        if self.random.random() < 0.5:
            cuts = [m.start() for m in _TAIL.finditer(short) if m.start() > 30]
            if cuts:
                short = short[: cuts[int(self.random.integers(len(cuts)))]] + "."
        return short

    def _turn(self, sentence: str) -> str:
        """The lead of a sentence put to its end, or its tail to the front."""
        short = _PARENTHESES.sub("", sentence)
        if match := _LEAD.match(short):
            rest = short[match.end() :].rstrip(".")
            return f"{rest[0].upper()}{rest[1:]} {_lowered(match[1])}."
        cuts = [m for m in _TAIL.finditer(short) if m.start() > 20]
        if cuts and self.random.random() < 0.4:
            at = cuts[0]
            tail = short[at.end() :].rstrip(".")
            if tail:
                return f"{tail[0].upper()}{tail[1:]}, {_lowered(short[: at.start()])}."
        return short

    def _reword(self, sentence: str, share: float) -> str:
        """`share` of the plain words replaced by others, and some dropped."""
        share = share * float(self.random.uniform(0.3, 1.7))

        def other(match: re.Match[str]) -> str:
            word = match[0]
            plain = word.islower() and len(word) > 3 and not is_function_word(word, "en")
            if not plain or self.random.random() >= share:
                return word
            new = self._common(word) if self.random.random() < 0.65 else ""
            # "the Service" for "the Army": a faithful answer has names of its own, too.
            return new.capitalize() if self.random.random() < 0.06 else new

        return re.sub(r" {2,}", " ", _NUMBER.sub(self._rounded, _WORD.sub(other, sentence)))

    def _rounded(self, match: re.Match[str]) -> str:
        """Now and then a number that the passages do not have, but that follows from theirs."""
        value = match[0].replace(",", "")
        if not value.isdigit() or self.random.random() > 0.06:
            return match[0]
        unit = 10 ** max(1, len(value) - 2)
        return f"about {(int(value) // unit + 1) * unit}"

    def _abstracted(self, sentence: str) -> str:
        """A sentence whose one half is said in quite other words."""
        words = sentence.split()
        at = len(words) // 2
        head, tail = " ".join(words[:at]), " ".join(words[at:])
        if self.random.random() < 0.35:
            return f"{self._reword(head, 0.8)} {tail}"
        return f"{head} {self._reword(tail, 0.8)}"

    def _common(self, word: str) -> str:
        """A common word; common ones more often, as paraphrases prefer them."""
        at = int(len(self.corpus.common) * self.random.random() ** 2)
        new = self.corpus.common[at]
        return new.capitalize() if word[:1].isupper() else new

    def _phrase(self, sentence: str) -> str:
        """One to four neighbouring words of a sentence that begin and end with content words."""
        words = list(re.finditer(r"[\w’'-]+", sentence))
        solid = [at for at, m in enumerate(words) if not is_function_word(m[0], "en")]
        if not solid:
            return "this"
        first = solid[int(self.random.integers(len(solid)))]
        near = [at for at in solid if first <= at < first + 4]
        last = near[int(self.random.integers(len(near)))]
        text = sentence[words[first].start() : words[last].end()]
        return text if text.isupper() else text[0].lower() + text[1:]

    def _noun(self, sentences: Sequence[str]) -> str:
        sentence = sentences[int(self.random.integers(len(sentences)))]
        return str(self.random.choice(_DETERMINERS)) + self._phrase(sentence)

    def _filled(self, frame: str, sentences: Sequence[str]) -> str:
        text = frame
        for slot in "abc":
            noun = self._noun(sentences)
            text = text.replace(f"{{{slot}}}", noun)
            text = text.replace(f"{{{slot.upper()}}}", noun[0].upper() + noun[1:])
        return text

    def _summary(self, given: list[str]) -> str:
        start = int(self.random.integers(len(given)))
        return self._filled(str(self.random.choice(_FRAMES)), given[start : start + 2])

    def _enumerate(self, given: list[str]) -> str:
        names = [self._noun(given) for _ in range(int(self.random.integers(2, 5)))]
        lead = str(self.random.choice(("", "This includes ", "There are ", "Examples: ")))
        return f"{lead}{', '.join(names[:-1])} and {names[-1]}."

    # --- what is wrong

    def _wrong(self, source: str, given: list[str], other: list[str], wordy: float) -> Piece:
        makers: tuple[tuple[float, Callable[[], Piece | None]], ...] = (
            (0.30, lambda: self._foreign(other, wordy, given)),
            (0.50, lambda: self._advice(given, other)),
            (0.68, lambda: self._added_clause(source, other, wordy)),
            (0.80, lambda: self._crossed(source, other, wordy)),
            (0.88, lambda: self._number(self._reword(self._compress(source), wordy))),
            (0.95, lambda: self._name(self._reword(self._compress(source), wordy), other)),
            (1.01, lambda: self._denied(self._compress(source))),
        )
        draw = self.random.random()
        for bound, make in makers:
            if draw < bound and (piece := make()) is not None:
                return piece
        return self._foreign(other, wordy, given)

    def _foreign(self, other: list[str], wordy: float, given: list[str]) -> Piece:
        """A sentence from elsewhere, at times put as if it spoke of what the passages speak of."""
        sentence = other[int(self.random.integers(len(other)))]
        text = self._reword(self._compress(sentence), wordy / 2)
        draw = self.random.random()
        if draw < 0.25:
            text = f"For {self._noun(given)}, {_lowered(text)}"
        elif draw < 0.5:
            text = f"{text.rstrip('.')} in {self._noun(given)}."
        return Piece(text, ((0, len(text)),))

    def _advice(self, given: list[str], other: list[str]) -> Piece:
        """General advice about things that the passages do not speak of, or hardly."""
        start = int(self.random.integers(len(given)))
        # Half of what it names may be known to the passages.
        pool = [*other[:2], *given[start : start + 2]] if self.random.random() < 0.5 else other
        text = self._filled(str(self.random.choice(_FRAMES)), pool)
        return Piece(text, ((0, len(text)),))

    def _added_clause(self, source: str, other: list[str], wordy: float) -> Piece | None:
        """A right sentence that goes on with the tail of another one."""
        sentence = other[int(self.random.integers(len(other)))].rstrip(".")
        cuts = [m.start() for m in _TAIL.finditer(sentence) if len(sentence) - m.start() > 25]
        if not cuts:
            return None
        tail = sentence[cuts[int(self.random.integers(len(cuts)))] :]
        kept = self._reword(self._compress(source), wordy).rstrip(".")
        return Piece(f"{kept}{tail}.", ((len(kept), len(kept) + len(tail)),))

    def _crossed(self, source: str, other: list[str], wordy: float) -> Piece:
        """A part of a right sentence before or after a part of another."""
        sentence = other[int(self.random.integers(len(other)))]
        words, rest = source.split(), sentence.split()
        kept = " ".join(words[: max(2, len(words) // 3)])
        tail = " ".join(rest[len(rest) // 2 :])
        kept = self._reword(kept, wordy)
        if self.random.random() < 0.4:
            head = " ".join(rest[: len(rest) // 2])
            return Piece(f"{head} {_lowered(kept)}.", ((0, len(head)),))
        return Piece(f"{kept} {tail}", ((len(kept) + 1, len(kept) + 1 + len(tail)),))

    def _number(self, sentence: str) -> Piece | None:
        found = list(_NUMBER.finditer(sentence))
        if not found:
            return None
        match = found[int(self.random.integers(len(found)))]
        value = float(match[0].replace(",", ""))
        new = str(int(value * float(self.random.uniform(1.2, 3)) + 1))
        return _swapped(sentence, match.start(), match.end(), new)

    def _name(self, sentence: str, other: list[str]) -> Piece | None:
        ours = list(_NAME.finditer(sentence))
        theirs = [m[0] for s in other for m in _NAME.finditer(s) if m[0] not in sentence]
        if not ours or not theirs:
            return None
        match = ours[int(self.random.integers(len(ours)))]
        return _swapped(
            sentence, match.start(), match.end(), theirs[int(self.random.integers(len(theirs)))]
        )

    def _denied(self, sentence: str) -> Piece | None:
        match = _VERB.search(sentence)
        if match is None:
            return None
        return _swapped(sentence, match.start(), match.end(), f"{match[0]} not")

    def _opened(self, piece: Piece) -> Piece:
        opening = str(self.random.choice(_OPENINGS))
        opening = opening.replace("{n}", str(int(self.random.integers(1, 3)))).replace("{}", "")
        low = Piece(_lowered(piece.text), piece.wrong)
        return _shifted(opening, low)


def _swapped(sentence: str, start: int, end: int, new: str) -> Piece | None:
    if key(sentence[start:end]) == key(new):
        return None
    text = sentence[:start] + new + sentence[end:]
    return Piece(text, ((start, start + len(new)),))


def _lowered(text: str) -> str:
    return text[:1].lower() + text[1:] if text[1:2].islower() else text


def _shifted(lead: str, piece: Piece) -> Piece:
    by = len(lead)
    return Piece(lead + piece.text, tuple((start + by, end + by) for start, end in piece.wrong))


def _joined(pieces: Sequence[Piece], between: str) -> tuple[str, tuple[tuple[int, int], ...]]:
    text, wrong = "", []
    for piece in pieces:
        text += between if text else ""
        wrong += [(start + len(text), end + len(text)) for start, end in piece.wrong]
        text += piece.text
    return text, tuple(wrong)
