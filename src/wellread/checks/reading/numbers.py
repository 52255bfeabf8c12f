"""Numbers and dates in one form, however they are written.

    readings("1,000")        -> {"1000", "1"}     a comma may group or point: both are kept
    number_words("twenty-five"), number_words("fünfundzwanzig", "de")   -> 25
    find_dates("on 5 March 2020")   -> [(3, 15, {Date(2020, 3, 5)})]

A date written 03/05/2020 has two readings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from wellread.checks.reading.words import fold

_GROUP_SPACES = " \u00a0\u202f'’"
MINUS = "-−–"
_FRACTIONS = {
    "½": 0.5, "¼": 0.25, "¾": 0.75, "⅓": 1 / 3, "⅔": 2 / 3, "⅛": 0.125, "⅜": 0.375, "⅝": 0.625,
    "⅞": 0.875, "⅕": 0.2, "⅖": 0.4, "⅗": 0.6, "⅘": 0.8,
}  # fmt: skip
_MULTIPLIERS = {
    "hundred": 100, "thousand": 1000, "million": 10**6, "millions": 10**6, "billion": 10**9,
    "billions": 10**9, "trillion": 10**12, "tausend": 1000, "millionen": 10**6, "mio": 10**6,
    "milliarde": 10**9, "milliarden": 10**9, "mrd": 10**9, "billionen": 10**12,
}  # fmt: skip
_ENGLISH = {
    name: value
    for value, name in enumerate(
        """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen
        fifteen sixteen seventeen eighteen nineteen""".split()
    )
} | {
    name: 10 * value
    for value, name in enumerate(
        "twenty thirty forty fifty sixty seventy eighty ninety".split(), start=2
    )
}
_GERMAN = {
    name: value
    for value, name in enumerate(
        """null ein zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn
        fünfzehn sechzehn siebzehn achtzehn neunzehn""".split()
    )
} | {
    name: 10 * value
    for value, name in enumerate(
        "zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig".split(), start=2
    )
}
_GERMAN_TENS = re.compile(r"(ein|zwei|drei|vier|fünf|sechs|sieben|acht|neun)und(\w+ßig|\w+zig)")
_MAX_DIGITS = 40
_WRITTEN_FRACTION = re.compile(r"(?:(?P<whole>\d+)[ -])?(?P<top>\d+)/(?P<bottom>[1-9]\d*)")
_EXPONENT = re.compile(r"(?<=\d)[eE]([+-]?\d{1,2})$")
_HAN_DIGITS = {c: value for value, c in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2}
_HAN_PLACES = {"十": 10, "百": 100, "千": 1000}
_HAN_YEAR = 4
_HAN_GROUPS = {"万": 10**4, "亿": 10**8}
HAN_NUMBER = re.compile("[零〇一二两三四五六七八九十百千万亿]{2,}")


def _canonical(value: float) -> str:
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else f"{value:.10g}"


@lru_cache(maxsize=2_048)
def readings(text: str, factor: float = 1) -> frozenset[str]:
    """Every value that digits with separators may mean, as canonical decimal strings.

    >>> sorted(readings("1.234,50")), sorted(readings("3,5")), sorted(readings("1,000"))
    (['1234.5'], ['3.5'], ['1', '1000'])
    >>> sorted(readings("-5")), sorted(readings("1 1/2")), sorted(readings("6.02e23"))
    (['-5'], ['1.5'], ['6.02e+23'])
    """
    if text and text[0] in MINUS:
        return readings(text[1:], -factor)
    if match := _WRITTEN_FRACTION.fullmatch(text):
        share = int(match["top"]) / int(match["bottom"])
        return frozenset({_canonical((int(match["whole"] or 0) + share) * factor)})
    if match := _EXPONENT.search(text):
        return readings(text[: match.start()], factor * 10.0 ** int(match[1]))
    fraction = _FRACTIONS.get(text[-1:], 0.0)
    digits = text[:-1] if fraction else text
    for space in _GROUP_SPACES:
        digits = digits.replace(space, "")
    if len(digits) > _MAX_DIGITS:
        return frozenset({digits})
    values = {float(form) for form in _forms(digits)} if digits else {0.0}
    return frozenset(_canonical((value + fraction) * factor) for value in values)


def _forms(digits: str) -> Iterator[str]:
    """`digits` with a decimal point or none, once for each way to read its commas and points."""
    separators = [c for c in digits if c in ".,"]
    if not separators:
        yield digits
        return
    last = digits.rfind(separators[-1])
    whole, tail = digits[:last], digits[last + 1 :]
    plain = re.sub("[.,]", "", whole)
    if len(set(separators)) == 1 and len(tail) == 3:
        yield plain + tail
    if len(separators) == 1 or separators[-1] not in separators[:-1]:
        yield f"{plain}.{tail}"
    elif len(tail) != 3:
        yield plain + tail


def multiplier(word: str) -> int:
    """What a word after a number multiplies it by; 1 for all other words."""
    return _MULTIPLIERS.get(word.casefold().rstrip("."), 1)


@lru_cache(maxsize=2_048)
def number_word(word: str, language: str = "") -> int | None:
    """The value of one word, such as "twelve" or "dreihundertfünf"; None for other words."""
    lowered = word.casefold()
    if lowered in _ENGLISH and language != "de":
        return _ENGLISH[lowered]
    if lowered in ("hundred", "thousand") and language != "de":
        return _MULTIPLIERS[lowered]
    return _german_number(lowered) if language == "de" else None


def _german_number(word: str) -> int | None:
    """Compounds are read from the largest part down: tausend, hundert, und."""
    if len(word) > 80:  # the longest below a million has 66 letters
        return None
    word = word.replace("dreissig", "dreißig")
    if word in ("eins", "ein"):
        return 1 if word == "eins" else None
    for part, value in (("tausend", 1000), ("hundert", 100)):
        head, found, tail = word.partition(part)
        if found:
            first = _german_part(head, 1)
            rest = _german_part(tail.removeprefix("und"), 0)
            return None if first is None or rest is None else first * value + rest
    if match := _GERMAN_TENS.fullmatch(word):
        tens = _GERMAN.get(match[2])
        return None if tens is None else tens + _GERMAN[match[1]]
    return _GERMAN.get(word)


def _german_part(word: str, empty: int) -> int | None:
    """A part of a compound, where "ein" is 1; `empty` where there is none."""
    if not word:
        return empty
    return 1 if word == "ein" else _german_number(word)


def add_number_words(values: list[int]) -> int:
    """The value of number words in a row: [2, 100, 50] is two hundred and fifty.

    >>> add_number_words([3, 1000, 2, 100, 25])
    3225
    """
    total = current = 0
    for value in values:
        if value == 100:
            current = max(current, 1) * value
        elif value >= 1000 and value in _MULTIPLIERS.values():
            total, current = total + max(current, 1) * value, 0
        else:
            current += value
    return total + current


def han_number(text: str) -> int | None:
    """The value of Chinese numerals, or of a year in them; None where they are a word.

    >>> han_number("六十七"), han_number("两千零五"), han_number("三万五千"), han_number("千万")
    (67, 2005, 35000, None)
    >>> han_number("二〇〇八"), han_number("三四")
    (2008, None)
    """
    if len(text) >= _HAN_YEAR and all(c in _HAN_DIGITS for c in text):
        return int("".join(str(_HAN_DIGITS[c]) for c in text))
    total = group = 0
    digit: int | None = None
    for c in text:
        if c in _HAN_DIGITS:
            if digit:
                return None
            digit = _HAN_DIGITS[c]
        elif c in _HAN_PLACES:
            if digit is None and (c != "十" or group % 100):
                return None
            group += (1 if digit is None else digit) * _HAN_PLACES[c]
            digit = None
        else:
            group += digit or 0
            if not group:
                return None
            total, group, digit = total + group * _HAN_GROUPS[c], 0, None
    return total + group + (digit or 0)


_ORDINALS = {
    name: value
    for value, name in enumerate(
        """first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth
        thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth""".split(),
        start=1,
    )
} | {
    name: 10 * value
    for value, name in enumerate(
        """twentieth thirtieth fortieth fiftieth sixtieth seventieth eightieth
        ninetieth""".split(),
        start=2,
    )
}  # fmt: skip


def ordinal_word(word: str) -> int | None:
    """The place that an English word such as "third" names; None for other words."""
    return _ORDINALS.get(word.casefold())


class Date(NamedTuple):
    """A date of which some parts may be unknown (0)."""

    year: int
    month: int
    day: int

    def __str__(self) -> str:
        return "-".join(f"{part:02d}" if part else "??" for part in self)


_MONTHS = {
    fold(name): number
    for number, names in enumerate(
        (
            "january jan januar janvier enero gennaio januari",
            "february feb februar février febrero febbraio februari",
            "march mar märz mrz mars marzo maart",
            "april apr avril abril aprile",
            "may mai mayo maggio mei",
            "june jun juni juin junio giugno",
            "july jul juli juillet julio luglio",
            "august aug août agosto augustus",
            "september sep sept septembre septiembre settembre",
            "october oct oktober okt octobre octubre ottobre",
            "november nov novembre noviembre",
            "december dec dezember dez décembre diciembre dicembre",
        ),
        start=1,
    )
    for name in names.split()
}
_MONTH = "(?P<month>[^\\W\\d_]{3,10})"
_DAY = r"(?P<day>[0-3]?\d)(?:st|nd|rd|th)?"
_YEAR = r"(?P<year>[12]\d{3})"
_ISO = re.compile(
    rf"(?<![\d./-]){_YEAR}(?P<mark>[-/.])(?P<month>[01]?\d)(?P=mark)(?P<day>[0-3]?\d)(?![\d/-])"
)
_NUMERIC = re.compile(
    r"(?<![\d./-])(?P<first>[0-3]?\d)(?P<mark>[./-])(?P<second>[0-3]?\d)(?P=mark)"
    r"(?P<year>[12]\d{3}|\d\d)(?![\d/-])"
)
_DAY_FIRST = re.compile(
    rf"(?<![\d.,]){_DAY}\.?(?:\s+(?:of|"
    rf"de))?\s{{1,3}}{_MONTH}\b\.?(?:,?\s{{1,3}}(?:de\s)?{_YEAR}\b)?"
)
_DAY_WORD_FIRST = re.compile(
    rf"\b(?P<tens>twenty[- ]|thirty[- ])?(?P<word>{'|'.join(_ORDINALS)}) of {_MONTH}\b"
    rf"(?:,? {_YEAR}\b)?",
    re.IGNORECASE,
)
# Seen at once, where "the fifth of March" is looked for at every word.
_OF_MONTH = re.compile(" of (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)")
_MONTH_FIRST = re.compile(rf"\b{_MONTH}\.?\s{{1,3}}{_DAY}(?![\d:])(?:,?\s{{1,3}}{_YEAR}\b)?")
_MONTH_YEAR = re.compile(rf"\b{_MONTH}\.?,?\s{{1,3}}(?:of\s|de\s)?{_YEAR}\b")
FoundDate = tuple[int, int, frozenset[Date]]


def is_month(word: str) -> bool:
    """Whether `word` is the name of a month, in one of the languages known."""
    return fold(word) in _MONTHS


def find_dates(text: str) -> list[FoundDate]:
    """Start, end and readings of every date, in order, without overlaps.

    >>> [(start, end, *map(str, dates)) for start, end, dates in find_dates("am 5. März 2020")]
    [(3, 15, '2020-03-05')]
    """
    if not any(c.isdigit() for c in text) and not _OF_MONTH.search(text):
        return []
    found = sorted((*_numeric_dates(text), *_written_dates(text)), key=lambda d: (d[0], -d[1]))
    kept: list[FoundDate] = []
    for date in found:
        if not kept or date[0] >= kept[-1][1]:
            kept.append(date)
    return kept


def _numeric_dates(text: str) -> Iterator[FoundDate]:
    for match in _ISO.finditer(text):
        if date := _date(int(match["year"]), int(match["month"]), int(match["day"])):
            yield match.start(), match.end(), frozenset({date})
    for match in _NUMERIC.finditer(text):
        first, second, year = int(match["first"]), int(match["second"]), int(match["year"])
        year += 0 if year > 99 else 2000 if year < 50 else 1900
        dates = {_date(year, second, first), _date(year, first, second)} - {None}
        if dates:
            yield match.start(), match.end(), frozenset(date for date in dates if date)


def _written_dates(text: str) -> Iterator[FoundDate]:
    in_words = (_DAY_WORD_FIRST,) if _OF_MONTH.search(text) else ()
    for pattern in (_DAY_FIRST, *in_words, _MONTH_FIRST, _MONTH_YEAR):
        for match in pattern.finditer(text):
            parts = match.groupdict()
            month = _MONTHS.get(fold(parts["month"]))
            if not month or not (parts["month"][0].isupper() or pattern is _DAY_FIRST):
                continue
            date = _date(int(parts.get("year") or 0), month, _day(parts))
            if date:
                yield match.start(), match.end(), frozenset({date})


def _day(parts: dict[str, str]) -> int:
    """The day in digits or as a word; 0 where a date has none."""
    if "word" not in parts:
        return int(parts.get("day") or 0)
    tens = {"t": 0, "tw": 20, "th": 30}[(parts["tens"] or "t")[:2].casefold()]
    return tens + _ORDINALS[parts["word"].casefold()]


def _date(year: int, month: int, day: int) -> Date | None:
    return Date(year, month, day) if 1 <= month <= 12 and 0 <= day <= 31 else None
