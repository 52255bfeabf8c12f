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
    HAN_NUMBER,
    MINUS,
    Date,
    add_number_words,
    find_dates,
    han_number,
    multiplier,
    number_word,
    ordinal_word,
    readings,
)
from wellread.checks.reading.words import fold, is_function_word, is_negator, key

Kind = Literal["word", "name", "code", "number", "date", "pair", "negator"]

# Scripts written without spaces: Han, kana, Thai, Lao, Myanmar, Khmer.
_UNSPACED = "〇぀-ヿ㐀-䶿一-鿿豈-﫿ก-๎ກ-ໜက-႟ក-៓\U00020000-\U0002fa1f"
# Vowel signs and points are no letters to Python, but belong to the word they stand in.
_MARKS = "̀-֑ͯ-ׇؐ-ًؚ-ٰٟऀ-ॣ०-෿"
_LETTER = rf"(?:[^\W\d_{_UNSPACED}]|[{_MARKS}])"
_TOKEN = re.compile(
    rf"(?P<unspaced>[{_UNSPACED}]+)"
    rf"|(?P<time>\d{{1,2}}:\d\d(?!\d))"
    rf"|(?P<number>\d{{1,3}}(?:[ \u00a0\u202f'’]\d{{3}})+(?![\d{_UNSPACED}])"
    rf"|(?<![\d/.,])(?:\d{{1,3}}[ -])?\d{{1,2}}/(?:2|3|4|8|16)(?![\w/]|[.,]\d)"
    rf"|\d+(?:[.,]\d+)*(?:[½¼¾⅓⅔⅛⅜⅝⅞⅕⅖⅗⅘]|[eE][+-]?\d{{1,2}}\b)?|[½¼¾⅓⅔⅛⅜⅝⅞⅕⅖⅗⅘])"
    rf"|(?P<identifier>(?<![^\W_])[A-Za-z][A-Za-z0-9]*(?:_[A-Za-z0-9]+)+)"
    rf"|(?P<word>{_LETTER}+(?:['’]{_LETTER}+)*\d*(?:{_LETTER}|\d)*)"
)
# "No." and "No, …" answer a question; they deny nothing in the words that follow.
_AFTER_A_NO = tuple(".,;:!")
_ORDINAL = re.compile(r"(?:st|nd|rd|th)\b")
# "Second, …" and "per second" are no places in a row; "a third" and "one third" are shares.
_NO_PLACE_BEFORE = re.compile(
    r"(?:\b(?:per|an?|one|each|every|split)|\d)[ \u00a0-]$", re.IGNORECASE
)
# A minus touches its number, and no number or word stands before it: "3-5", "A-5", "3 -5".
_MINUS_BEFORE = re.compile(
    rf"(?:(?:^|(?<!\d)\s|[(\[{{=<>:|±~≈\"'“])(?P<sign>[{MINUS}])[$€£]?"
    r"|(?<![\d%)])[ \u00a0(]minus[ \u00a0])$|^minus[ \u00a0]$",
    re.IGNORECASE,
)
_BELOW_ZERO = re.compile(
    r"[ \u00a0]?(?:° ?[CF]?|degrees?(?: celsius| fahrenheit)?|grad(?: celsius)?)?[ \u00a0]?"
    r"\b(?:below (?:zero|freezing)|unter null)\b",
    re.IGNORECASE,
)
_PERCENT = re.compile(r"[ \u00a0\u202f-]?(?:%|per ?cent\b|prozent\b)", re.IGNORECASE)
_LOOK_BACK = 9
# Read as the unit of the number beside them (`units`).
_CURRENCIES = ("USD", "EUR", "GBP")
_BESIDE_DIGITS = re.compile(r"^\d |[A-Z] ?\d")
# Chinese characters that carry grammar, and those that deny; words lie between them.
_PARTICLES = re.compile(
    r"(?P<negator>[不没沒未無无])|[^是的了在和与與及或为為于於也被把从從到对對由不没沒未無无]+"
)
_JOINS = re.compile(r"(?:[ \u00a0-]|,? and | und )?", re.IGNORECASE)


# A number word with its place among all words and its value.
_Word = tuple[re.Match[str], int, int]


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
    ordinal: bool = False
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
    row: list[_Word] = []
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
        joins = bool(row) and _joins(text, row[-1], match, value)
        ordinal = _place_named(text, match, language, row[-1][2] if joins else 0)
        if not joins or (value is None and ordinal is None):
            yield from _spelled(text, row)
            row = []
        if value is not None:
            row.append((match, place, value))
        elif ordinal is not None:
            yield from _spelled(text, [*row, (match, place, ordinal)], ordinal=True)
            row = []
        elif match["number"]:
            pending = _number(text, match, place)
        else:
            yield from _others(text, match, place, language)
    yield from _spelled(text, row)
    if pending is not None:
        yield pending


def _multiplied(text: str, digits: Token, match: re.Match[str]) -> Token | None:
    """The digits together with a "million" that follows them."""
    by = multiplier(match["word"] or "") if match.start() - digits.end <= 1 else 1
    if by == 1:
        return None
    shown = text[digits.start : digits.end].lstrip(MINUS + "$€£")
    negative = all(k.startswith("-") for k in digits.keys)
    return digits._replace(end=match.end(), keys=readings(shown, -by if negative else by))


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


def _joins(text: str, last: _Word, match: re.Match[str], value: int | None) -> bool:
    """Whether a word goes on with a number: "twenty five" does, "three and four" are two."""
    between = _JOINS.fullmatch(text, last[0].end(), match.start())
    if between is None or value is None:
        return between is not None
    if multiplier(match[0]) > 1 or value < last[2] >= 100:
        return True
    return 20 <= last[2] < 100 and value < 10 and between[0] in (" ", "-")


def _place_named(text: str, match: re.Match[str], language: str, after: int) -> int | None:
    """What an ordinal in words is worth; None for shares, seconds and "First, …".

    `after` is the number word before it, else 0: "twenty-first" is a place, "thirty second" a time.
    """
    value = None if language == "de" else ordinal_word(match[0])
    if value is None:
        return None
    if _NO_PLACE_BEFORE.search(text[max(0, match.start() - _LOOK_BACK) : match.start()]):
        return None
    if after:
        goes_on = after >= 100 or (after >= 20 and value < 10)
        return value if goes_on and value != 2 else None
    opens = match[0][0].isupper() or text[match.end() : match.end() + 1] == ","
    return None if opens and value <= 2 else value


def _spelled(text: str, row: list[_Word], *, ordinal: bool = False) -> Iterator[Token]:
    """The number that words in a row make; a lone "one" is mostly a pronoun, and left out."""
    if not row:
        return
    first, place, value = row[0]
    if len(row) == 1 and value == 1 and not ordinal:
        return
    start, end = first.start(), row[-1][0].end()
    if value == 0 and text[max(0, start - _LOOK_BACK) : start].casefold().endswith("below "):
        return
    keys = frozenset({str(add_number_words([value for _, _, value in row]))})
    keys = _with_meaning(text, start, end, keys)
    yield Token(start, end, "number", keys, place, spelled=True, ordinal=ordinal)


def _number(text: str, match: re.Match[str], place: int) -> Token:
    start, end = match.span()
    ordinal = _ORDINAL.match(text, end) is not None
    keys = _with_meaning(text, start, end, readings(match["number"]))
    before = text[max(0, start - _LOOK_BACK) : start]
    if (minus := _MINUS_BEFORE.search(before)) and minus["sign"]:
        start -= len(before) - minus.start("sign")
    return Token(start, end, "number", keys, place, ordinal=ordinal)


def _with_meaning(text: str, start: int, end: int, keys: frozenset[str]) -> frozenset[str]:
    """The values of a number below zero, and those of a share: 5 % is 0.05."""
    if _PERCENT.match(text, end):
        keys |= {f"{k}%" for k in keys}
    else:
        keys |= {f"{float(k) * 100:.10g}%" for k in keys if k.startswith("0.")}
    before = text[max(0, start - _LOOK_BACK) : start]
    if _MINUS_BEFORE.search(before) or _BELOW_ZERO.match(text, end):
        return frozenset(k if k == "0" else f"-{k}" for k in keys)
    return keys


def _others(text: str, match: re.Match[str], place: int, language: str) -> Iterator[Token]:
    """Times, words, and pairs of characters."""
    start, end = match.span()
    if match["unspaced"]:
        yield from _unspaced(text, start, end, place)
        return
    if match["identifier"]:
        yield Token(start, end, "code", frozenset({fold(match[0])}), place)
        return
    if match["time"]:
        shown = match["time"].removeprefix("0")
        keys = frozenset({shown, shown.removesuffix(":00")})
        yield Token(start, end, "number", keys, place)
        return
    word = match["word"]
    if word.casefold() == "minus" or (
        word in _CURRENCIES and _BESIDE_DIGITS.search(text[max(0, start - 2) : end + 2])
    ):
        return
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


def _unspaced(text: str, start: int, end: int, place: int) -> Iterator[Token]:
    """Chinese numerals as numbers, the rest in pairs."""
    at = start
    for match in HAN_NUMBER.finditer(text, start, end):
        value = han_number(match[0])
        if value is not None:
            yield from _pairs(text, at, match.start(), place)
            at = match.end()
            keys = frozenset({str(value)})
            yield Token(match.start(), at, "number", keys, place, spelled=True)
    yield from _pairs(text, at, end, place)


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
