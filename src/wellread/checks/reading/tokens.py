"""Text into the tokens that checks compare.

    "Pump X200 ran 1,000 h on 5 March 2020."
     word code      number   date             each with start, end, kind, keys

A word has one key (its stem), a number every value it may mean, a date its parts. Scripts without
spaces between words are cut into overlapping pairs of characters. Function words are left out, but
negators are kept, because they turn a statement round.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import Literal, NamedTuple

from wellread.checks.reading.numbers import (
    Date,
    add_number_words,
    find_dates,
    multiplier,
    number_word,
    readings,
)
from wellread.checks.reading.words import fold, is_function_word, is_negator, key

Kind = Literal["word", "name", "code", "number", "date", "pair", "negator"]

# Scripts written without spaces: Han, kana, Thai, Lao, Myanmar, Khmer.
_UNSPACED = "぀-ヿ㐀-䶿一-鿿豈-﫿ก-๎ກ-ໜက-႟ក-៓\U00020000-\U0002fa1f"
# Vowel signs and points are no letters to Python, but belong to the word they stand in.
_MARKS = "̀-֑ͯ-ׇؐ-ًؚ-ٰٟऀ-ॣ०-෿"
_LETTER = rf"(?:[^\W\d_{_UNSPACED}]|[{_MARKS}])"
_TOKEN = re.compile(
    rf"(?P<unspaced>[{_UNSPACED}]+)"
    rf"|(?P<time>\d{{1,2}}:\d\d(?!\d))"
    rf"|(?P<number>\d{{1,3}}(?:[ \u00a0\u202f'’]\d{{3}})+(?![\d{_UNSPACED}])"
    rf"|\d+(?:[.,]\d+)*[½¼¾⅓⅔⅛⅜⅝⅞⅕⅖⅗⅘]?|[½¼¾⅓⅔⅛⅜⅝⅞⅕⅖⅗⅘])"
    rf"|(?P<word>{_LETTER}+(?:['’]{_LETTER}+)*\d*(?:{_LETTER}|\d)*)"
)
# "No." and "No, …" answer a question; they deny nothing in the words that follow.
_AFTER_A_NO = tuple(".,;:!")
_ORDINAL = re.compile(r"(?:st|nd|rd|th)\b")
# Chinese characters that carry grammar, and those that deny; words lie between them.
_PARTICLES = re.compile(
    r"(?P<negator>[不没沒未無无])|[^是的了在和与與及或为為于於也被把从從到对對由不没沒未無无]+"
)
_JOINS = re.compile(r"(?:[ \u00a0-]|,? and | und )?", re.IGNORECASE)


class Token(NamedTuple):
    """``text[start:end]``; two tokens match where they share one of `keys`.

    `place` counts all words of the text, function words too, so that neighbours can be told.
    """

    start: int
    end: int
    kind: Kind
    keys: frozenset[str]
    place: int
    spelled: bool = False
    dates: frozenset[Date] = frozenset()

    @property
    def key(self) -> str:
        """The one key of a word; the smallest of several readings."""
        return min(self.keys)


def tokenise(text: str, language: str = "") -> list[Token]:
    """The content tokens and negators of `text`, in order.

    >>> [(t.kind, t.key) for t in tokenise("The pumps were not run for two hundred hours.", "en")]
    [('word', 'pump'), ('negator', 'not'), ('word', 'run'), ('number', '200'), ('word', 'hour')]
    """
    return list(_merged(text, language))


def _merged(text: str, language: str) -> Iterator[Token]:
    """Tokens with those that lie in a date replaced by the date."""
    dates = find_dates(text)
    starts = [start for start, _, _ in dates]
    done = -1
    for token in _number_phrases(text, language):
        index = bisect_right(starts, token.start) - 1
        if index < 0 or token.start >= dates[index][1]:
            yield token
        elif index != done:
            done = index
            start, end, readings_ = dates[index]
            keys = frozenset(str(date) for date in readings_)
            yield Token(start, end, "date", keys, token.place, dates=readings_)


def _number_phrases(text: str, language: str) -> Iterator[Token]:
    """Tokens, with number words in a row read as one number and multipliers applied."""
    row: list[tuple[re.Match[str], int, int]] = []
    pending: Token | None = None
    for place, match in enumerate(_TOKEN.finditer(text)):
        word = match["word"]
        if pending is not None:
            digits, pending = pending, None
            larger = _multiplied(text, digits, match)
            yield larger or digits
            if larger:
                continue
        if row and _is_and(word):
            continue
        value = _spelled_value(word, language, bool(row))
        if row and (value is None or not _joins(text, row[-1][0], match)):
            yield from _spelled(row)
            row = []
        if value is not None:
            row.append((match, place, value))
        elif match["number"]:
            pending = _number(match, place)
        else:
            yield from _others(text, match, place, language)
    if row:
        yield from _spelled(row)
    if pending is not None:
        yield pending


def _multiplied(text: str, digits: Token, match: re.Match[str]) -> Token | None:
    """The digits together with a "million" that follows them."""
    by = multiplier(match["word"] or "") if match.start() - digits.end <= 1 else 1
    if by == 1:
        return None
    keys = readings(text[digits.start : digits.end], by)
    return digits._replace(end=match.end(), keys=keys)


def _is_and(word: str | None) -> bool:
    return word is not None and word.casefold() in ("and", "und")


def _spelled_value(word: str | None, language: str, follows: bool) -> int | None:
    """What a number word is worth; "million" only counts after another."""
    if word is None:
        return None
    value = number_word(word, language)
    if value is None and follows and multiplier(word) > 1:
        return multiplier(word)
    return value


def _joins(text: str, last: re.Match[str], match: re.Match[str]) -> bool:
    return _JOINS.fullmatch(text, last.end(), match.start()) is not None


def _spelled(row: list[tuple[re.Match[str], int, int]]) -> Iterator[Token]:
    """The number that words in a row make; a lone "one" is mostly a pronoun, and left out."""
    first, place, value = row[0]
    if len(row) == 1 and value == 1:
        return
    keys = frozenset({str(add_number_words([value for _, _, value in row]))})
    yield Token(first.start(), row[-1][0].end(), "number", keys, place, spelled=True)


def _number(match: re.Match[str], place: int) -> Token:
    return Token(match.start(), match.end(), "number", readings(match["number"]), place)


def _others(text: str, match: re.Match[str], place: int, language: str) -> Iterator[Token]:
    """Times, words, and pairs of characters."""
    start, end = match.span()
    if match["unspaced"]:
        yield from _pairs(text, start, end, place)
        return
    if match["time"]:
        shown = match["time"].removeprefix("0")
        keys = frozenset({shown, shown.removesuffix(":00")})
        yield Token(start, end, "number", keys, place)
        return
    word = match["word"]
    if _ORDINAL.fullmatch(word) and start and text[start - 1].isdigit():
        return
    if is_negator(word, language):
        if text[end : end + 1] in _AFTER_A_NO and word.casefold() in ("no", "nein"):
            return
        yield Token(start, end, "negator", frozenset({"not"}), place)
    elif any(c.isdigit() for c in word) and not text[start - 1 : start].isdigit():
        yield Token(start, end, "code", frozenset({fold(word)}), place)
    elif not is_function_word(word, language):
        kind: Kind = "name" if _looks_like_name(text, start, word, language) else "word"
        yield Token(start, end, kind, frozenset({key(word, language)}), place)


def _pairs(text: str, start: int, end: int, place: int) -> Iterator[Token]:
    """Overlapping pairs of the characters between grammar words; a character left alone by itself.

    >>> [t.key for t in tokenise("答案是六次。")]
    ['答案', '六次']
    """
    for run in _PARTICLES.finditer(text, start, end):
        first, stop = run.span()
        if run["negator"]:
            yield Token(first, stop, "negator", frozenset({"not"}), place)
            continue
        for at in range(first, max(first + 1, stop - 1)):
            last = min(at + 2, stop)
            yield Token(at, last, "pair", frozenset({text[at:last]}), place)


def _looks_like_name(text: str, start: int, word: str, language: str) -> bool:
    """Capitals inside a sentence; in German only where they cannot be a noun's."""
    if len(word) < 2 or not word[0].isupper():
        return False
    if word.isupper():
        return True
    before = text[:start].rstrip(" \u00a0\"'“”„«»([*_") if start < 40 else _tail(text, start)
    opens = not before or before[-1] in ".!?:;•\n\r\t|-–—>#"
    if opens:
        return False
    return language != "de" or _follows_capital(before)


def _tail(text: str, start: int) -> str:
    return text[start - 40 : start].rstrip(" \u00a0\"'“”„«»([*_")


def _follows_capital(before: str) -> bool:
    """Whether the word before is capitalised too, as in "Angela Merkel"."""
    last = before.split()[-1] if before.split() else ""
    return last[:1].isupper() and last.isalpha() and not is_function_word(last, "de")
