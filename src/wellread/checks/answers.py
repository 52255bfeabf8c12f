"""Does this passage contain the answer? And: where does reasoning end and the answer begin?

`answers` is meant to clear passages that were chosen because they do not help, so it would rather
say yes once too often: a passage answers where the telling part of the expected answer (numbers,
dates, names; else its content words) stands close to the words of the question.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from wellread.checks.reading.evidence import SOFT_MATCH, read_passage, similar_words, stored_keys
from wellread.checks.reading.tokens import Token, tokenise
from wellread.checks.reading.words import guess_language, meta_keys, ordinary_keys
from wellread.records import Chunk

# An answer of one number is found in many places; without the question's words it means nothing.
_QUESTION_SHARE = 0.2
# Of an answer's telling tokens this share must be there: paraphrases lose some.
_ANSWER_SHARE = 0.6
# How many sentences may lie between the question's words and the answer.
_NEAR_PIECES = 4
_TELLING = frozenset({"number", "date", "name", "code"})

_ANSWER_MARK = re.compile(
    r"(?:^|\n)[ \t]*(?:#{1,4} *)?(?:\*\*|__)?[ \t]*(?:final )?(?:answer|antwort|réponse|respuesta|"
    r"risposta)"
    r"[ \t]*(?:\*\*|__)?[ \t]*:(?:\*\*|__)?[ \t]*",
    re.IGNORECASE,
)
_REASONING_MARK = re.compile(
    r"\A\s*(?:#{1,4} *)?(?:\*\*|__)?[ \t]*(?:thought process|reasoning|thoughts?|gedankengang|"
    r"überlegung(?:en)?)[ \t]*(?:\*\*|__)?[ \t]*:(?:\*\*|__)?\s*",
    re.IGNORECASE,
)
_THINK = re.compile(r"\A\s*<think>(?P<reasoning>.*?)</think>(?P<answer>.*)\Z", re.DOTALL)


def answers(question: str, expected_answer: str, passage: str | Chunk) -> bool:
    """Whether `passage` contains `expected_answer` to `question`; in doubt yes.

    >>> text = "The pump was built in 1960. It runs at 67 psi and weighs 12 kg."
    >>> answers("At what pressure does the pump run?", "67 psi", text)
    True
    >>> answers("At what pressure does the pump run?", "69 psi", text)
    False
    """
    return answer_score(question, expected_answer, passage) >= _ANSWER_SHARE


def answer_score(question: str, expected_answer: str, passage: str | Chunk) -> float:
    """Share of the telling tokens of `expected_answer` found near the question's words; 0 to 1.

    "Near" is within a few sentences that hold at least a fifth of the question's own words.
    """
    text, language = (passage, "") if isinstance(passage, str) else (passage.text, passage.language)
    language = language or guess_language(text)
    if not text.strip() or not expected_answer.strip():
        return 0.0
    if _folded(expected_answer) in _folded(text) and len(expected_answer.split()) > 3:
        return 1.0
    asked = _without_dull(_content(question, language))
    told = _telling(_content(expected_answer, language), asked)
    if not told:
        return 0.0
    pieces = read_passage(text, language).pieces
    keys = [frozenset(k for t in piece.tokens for k in stored_keys(t)) for piece in pieces]
    best = 0.0
    for at in range(len(pieces)):
        near = frozenset().union(*keys[at : at + _NEAR_PIECES])
        if asked and _share(asked, near) < _QUESTION_SHARE:
            continue
        best = max(best, _share(told, near))
    return best


def split_reasoning(text: str) -> tuple[str, str]:
    r"""Reasoning and answer of a "Thought Process: … Answer: …" text; ("", text) where it has none.

    >>> split_reasoning("Thought Process:\nChunk 1 helps.\n\nAnswer:\nIt is red.")
    ('Chunk 1 helps.', 'It is red.')
    """
    if match := _THINK.match(text):
        return match["reasoning"].strip(), _ANSWER_MARK.sub("", match["answer"], count=1).strip()
    opened = _REASONING_MARK.match(text)
    marks = list(_ANSWER_MARK.finditer(text))
    if not marks:
        return "", text.strip()
    if not opened:
        first = marks[0]
        return text[: first.start()].strip(), text[first.end() :].strip()
    last = next((mark for mark in marks if mark.start() >= opened.end() - 1), marks[0])
    return text[opened.end() : last.start()].strip(), text[last.end() :].strip()


def _content(text: str, language: str) -> list[Token]:
    return [t for t in tokenise(text, language) if t.kind != "negator"]


def _telling(told: Sequence[Token], asked: Sequence[Token]) -> list[Token]:
    """The tokens that make the answer: numbers, dates and names if any, else its own words."""
    known = {k for token in asked for k in token.keys}
    new = [token for token in told if not token.keys & known]
    hard = [token for token in new if token.kind in _TELLING]
    if hard:
        return hard
    return _without_dull(new) or new or list(told)


def _without_dull(tokens: Sequence[Token]) -> list[Token]:
    dull = ordinary_keys("en") | meta_keys("en") | ordinary_keys("de") | meta_keys("de")
    return [token for token in tokens if not token.keys <= dull]


def _share(tokens: Sequence[Token], keys: frozenset[str]) -> float:
    """Share of `tokens` that are among `keys`, likeness counting in part."""
    if not tokens:
        return 0.0
    return sum(_found(token, keys) for token in tokens) / len(tokens)


def _found(token: Token, keys: frozenset[str]) -> float:
    if token.keys & keys:
        return 1.0
    if token.kind in ("word", "name") and any(similar_words(token.key, k) for k in keys):
        return SOFT_MATCH
    return 0.0


def _folded(text: str) -> str:
    return " ".join(text.split()).casefold().strip(" .")
