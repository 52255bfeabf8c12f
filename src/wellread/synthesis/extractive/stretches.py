"""What a question asks for, and the stretches of a sentence that are of that kind.

"How many sacks …?"   number    digits or number words, with the unit that follows them
"When …?"             date      a date, a year, a century
"Who …?", "Where …?"  name      capitalised words in a row, "of" and "the" between them
"Why …?"              reason    what follows "because", "due to", "in order to"
anything else         thing     words between commas, verbs and function words
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from wellread.checks.reading.evidence import Piece
from wellread.checks.reading.words import is_function_word, key

Wanted = Literal["number", "date", "person", "place", "reason", "thing"]
# What is found first in the question decides.
_ASKED: tuple[tuple[Wanted, re.Pattern[str]], ...] = (
    (
        "date",
        re.compile(
            r"\b(?:when|(?:what|which|in what|in which) (?:\w+ )?"
            r"(?:year|date|day|month|century|decade|era|period)|wann|seit wann|"
            r"welche[mnrs]? (?:\w+ )?(?:jahr|jahrhundert|tag|monat|datum))\b"
            r"|什么时候|何时|哪一?年|哪一?天",
            re.IGNORECASE,
        ),
    ),
    (
        "number",
        re.compile(
            r"\bhow (?:many|much|old|long|far|tall|high|large|big|often|fast|deep|wide|heavy|hot)"
            r"\b|\b(?:what|which) (?:\w+ ){0,3}?(?:percent(?:age)?|number|amount|population|"
            r"temperature|price|cost|size|length|height|weight|speed|age|rate|share|total)\b"
            r"|\bwie ?(?:viele?|hoch|alt|lange?|weit|groß|oft|schnell|tief|breit|schwer)\b"
            r"|\bwelche[rsn]? (?:anteil|prozentsatz|anzahl|zahl|menge)\b|多少|几[个人次名年]|几岁",
            re.IGNORECASE,
        ),
    ),
    ("person", re.compile(r"\b(?:who|whom|whose|wer|wem|wen|wessen)\b|谁", re.IGNORECASE)),
    ("place", re.compile(r"\b(?:where|wo|woher|wohin)\b|哪里|哪儿|何处", re.IGNORECASE)),
    ("reason", re.compile(r"\b(?:why|warum|weshalb|wieso)\b|为什么|为何", re.IGNORECASE)),
)
_REASON = re.compile(
    r"\b(?:because(?: of)?|due to|owing to|in order to|so that|as a result of|since|"
    r"weil|wegen|aufgrund|um)\s+(?P<reason>[^.;,]{3,160})",
    re.IGNORECASE,
)
_YEAR = re.compile(r"(?:1\d|20)\d\d\Z")
_CENTURY = re.compile(
    r"\b(?:(?:early|mid|late)[- ])?(?:\d{1,2}(?:st|nd|rd|th)|\w+teenth|twentieth|"
    r"\d{1,2}\.)[ -](?:century|jahrhunderts?)\b|\b1\d\d0s\b|\b20\d0s\b",
    re.IGNORECASE,
)
_UNIT = re.compile(
    r"\s?(?:%|[年月日人个]|°\s?[CF]?|percent|prozent|[a-zäöü]{1,3}²?\b(?<!\b(?:of|in|at|to|by|or|as|on|an))"
    r"(?: mi\b)?|(?:square |cubic )?(?:seconds?|minutes?|hours?|days?|weeks?|months?|years?|"
    r"miles?|metres?|meters?|kilomet(?:re|er)s?|feet|foot|inches|acres?|hectares?|tons?|tonnes?|"
    r"pounds?|lit(?:re|er)s?|crowns?|dollars?|euros?|degrees?|yards?|points?|jahren?|tagen?|stunden?|minuten?|"
    r"sekunden?|meter|kilometer))",
    re.IGNORECASE,
)
_BEFORE = re.compile(r"(?:[$£€]|US\$)\s?\Z")
_NAME = re.compile(
    r"(?:(?:[^\W\d_a-zß-öø-ÿ]\.)+|[^\W\d_a-zß-öø-ÿ][\w’'.&-]*)"
    r"(?:(?: (?:of|the|and|de|la|von|van|der|du|&|for))*"
    r" (?:(?:[^\W\d_a-zß-öø-ÿ]\.)+|[^\W\d_a-zß-öø-ÿ][\w’'&-]*|[IVX]+\b|\d{1,4}\b))*"
)
_WORD = re.compile(r"[\w’'%$-]+(?:[.,:]\d+)*")
_UNSPACED = re.compile(r"[一-鿿぀-ヿ]")
_PARTS = re.compile(r"[^，。；：、（）()！？\s]+")
_MAX_WORDS = 8
# A word by itself is less often what is asked for; one that looks like a verb hardly ever.
_LONE, _LONE_VERB = 0.15, 0.45
_VERB = re.compile(
    r"[a-zäöü](?:ed|ing|ly|ten|tete?n?)\Z"
    r"|\A(?:became|began|came|gave|held|led|made|said|took|went|won|wrote|wurden?|kam|ging)\Z"
)


class Stretch(NamedTuple):
    """``text[start:end]`` of a passage; `fit` says how well its kind is the one asked for."""

    start: int
    end: int
    fit: float


def asked_for(question: str, language: str = "") -> Wanted:
    """The kind of thing that answers `question`.

    >>> [asked_for(q) for q in ("How many sacks?", "In what year was it?", "Who paid?", "What is?")]
    ['number', 'date', 'person', 'thing']
    """
    found = [(match.start(), wanted) for wanted, p in _ASKED if (match := p.search(question))]
    return min(found, default=(0, "thing"), key=lambda one: one[0])[1]


def stretches(
    text: str, piece: Piece, wanted: Wanted, asked: Mapping[str, float]
) -> Iterator[Stretch]:
    """Stretches of one sentence that may be what is asked for, each with how well it fits.

    `asked` are the keys of the question: what only repeats them answers nothing.
    """
    if wanted == "number":
        yield from _numbers(text, piece, asked)
    elif wanted == "date":
        yield from _dates(text, piece, asked)
    elif wanted == "reason":
        yield from _reasons(text, piece)
    elif wanted in ("person", "place"):
        yield from _told(text, _names(text, piece), asked, 1.0)
    if wanted != "number":
        fit = 0.5 if wanted == "thing" else 0.0
        yield from _told(text, _phrases(text, piece), asked, fit)
        if wanted == "thing":
            yield from _told(text, _names(text, piece), asked, 0.6)
            yield from (Stretch(s.start, s.end, 0.3) for s in _numbers(text, piece, asked))


def _numbers(text: str, piece: Piece, asked: Mapping[str, float]) -> Iterator[Stretch]:
    """Numbers that the question does not name itself, with currency and unit."""
    for token in piece.tokens:
        if token.kind not in ("number", "date") or not token.keys.isdisjoint(asked):
            continue
        sign = _BEFORE.search(text, piece.start, token.start)
        unit = _UNIT.match(text, token.end, piece.end)
        if unit and key(unit[0].split()[-1]) in asked:  # "How many points?" wants the bare number
            unit = None
        start, end = sign.start() if sign else token.start, unit.end() if unit else token.end
        year = token.kind == "date" or bool(_YEAR.match(text[token.start : token.end]))
        yield Stretch(start, end, 0.4 if year else 1.0)


def _dates(text: str, piece: Piece, asked: Mapping[str, float]) -> Iterator[Stretch]:
    for token in piece.tokens:
        said = text[token.start : token.end]
        dated = token.kind == "date" or (token.kind == "number" and _YEAR.match(said))
        if dated and token.keys.isdisjoint(asked):
            year_sign = text.startswith("年", token.end)
            yield Stretch(token.start, token.end + year_sign, 1.0)
    for match in _CENTURY.finditer(text, piece.start, piece.end):
        yield Stretch(match.start(), match.end(), 1.0)


def _reasons(text: str, piece: Piece) -> Iterator[Stretch]:
    for match in _REASON.finditer(text, piece.start, piece.end):
        yield Stretch(*match.span("reason"), 1.0)


def _names(text: str, piece: Piece) -> Iterator[tuple[int, int]]:
    for match in _NAME.finditer(text, piece.start, piece.end):
        first = match[0].partition(" ")[0]
        start, end = match.span()
        if is_function_word(first) or is_function_word(first, "de"):
            start = min(end, start + len(first) + 1)
        if start < end:
            yield start, end


def _phrases(text: str, piece: Piece) -> Iterator[tuple[int, int]]:
    """Words between function words and punctuation; in scripts without spaces, parts of clauses."""
    if _UNSPACED.search(text, piece.start, piece.end):
        for match in _PARTS.finditer(text, piece.start, piece.end):
            yield match.span()
        return
    start = end = -1
    for match in _WORD.finditer(text, piece.start, piece.end):
        joined = start >= 0 and text[end : match.start()] == " "
        if start >= 0 and not joined:
            yield start, end
            start = -1
        if is_function_word(match[0].lower()) or is_function_word(match[0].lower(), "de"):
            if start >= 0:
                yield start, end
            start = -1
            continue
        start, end = (match.start() if start < 0 else start), match.end()
    if start >= 0:
        yield start, end


def _told(
    text: str, spans: Iterator[tuple[int, int]], asked: Mapping[str, float], fit: float
) -> Iterator[Stretch]:
    """Spans without the question's words at their edges; what is left must be something new."""
    for start, end in spans:
        whole = words = list(_WORD.finditer(text, start, end))
        while words and _says_nothing(words[0][0], asked):
            words = words[1:]
        while words and _says_nothing(words[-1][0], asked):
            words = words[:-1]
        if words and words[-1].end() < whole[-1].end() == end and whole[-1][0][:1].isupper():
            # "What gorge …?" is answered by "Rhine Gorge", not by "Rhine".
            words = whole[whole.index(words[0]) :]
        if words and len(words) <= _MAX_WORDS:
            yield Stretch(words[0].start(), words[-1].end(), fit - _lone(words))


def _lone(words: Sequence[re.Match[str]]) -> float:
    """What is taken off the fit of a single word."""
    if len(words) > 1:
        return 0.0
    return _LONE_VERB if _VERB.search(words[0][0]) else _LONE


def _says_nothing(word: str, asked: Mapping[str, float]) -> bool:
    """Whether a word is the question's own or carries grammar only."""
    grammar = is_function_word(word) or is_function_word(word, "de")
    return key(word) in asked or (grammar and word.islower())
