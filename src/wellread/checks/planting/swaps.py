"""Values put in the place of others: numbers, dates, names and units.

Each rule proposes edits of the right answer in an order drawn for that answer, and only such as
are surely wrong: the new value is looked up in the passages as a detector would look it up, in
every reading it may have, and must be absent.

    "It runs at 67 psi."  ->  "61 psi"     "67 kPa"
    "on 5 May 2019"       ->  "on 5 June 2019"
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from wellread.checks.planting.items import Scene, is_name, tells
from wellread.checks.reading.numbers import find_dates, multiplier, number_word, readings
from wellread.checks.reading.tokens import Token, tokenise
from wellread.checks.reading.words import fold

_TRIES = 12
_BOUND_BEFORE = 30
# After these another number may still be right: "at least 5" follows from "at least 6".
_BOUNDS = re.compile(
    r"(?:\b(?:at least|at most|more than|less than|fewer than|greater than|up to|over|under|above|"
    r"below|about|around|roughly|approximately|nearly|almost|some|no more than|minimum of|"
    r"maximum of|mindestens|höchstens|maximal|minimal|mehr als|weniger als|bis zu|über|unter|etwa|"
    r"rund|ungefähr|circa|ca\.|environ|plus de|moins de|más de|menos de|circa|più di)"
    r"|[<>≤≥~≈±]|至少|最多|超过|不到|大约|约|近)\s*(?:the |a |an |von )?$",
    re.IGNORECASE,
)
_BOUNDS_AFTER = re.compile(
    r"[\s-]*(?:or (?:more|less|fewer|above|below|over)|oder (?:mehr|weniger)|and (?:above|over)|\+|"
    r"u\. ?a\.|以上|以下|以内|左右)",
    re.IGNORECASE,
)
_YEAR = re.compile(r"(?<![\d.,:/-])(?:1[0-9]|20)\d\d(?![\d,:/-]|\.\d)")
_YEAR_BEFORE = re.compile(
    r"\b(?:in|since|until|before|after|during|year|years|jahr|jahre|seit|bis|en|depuis|desde|hasta|"
    r"nel|dal|année|año|anno|sinds|tot)\s+$",
    re.IGNORECASE,
)
_MONTHS = tuple(
    tuple(names.split())
    for names in (
        "January February March April May June July August September October November December",
        "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
        "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
        "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
        "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre "
        "dicembre",
        "januari februari maart april mei juni juli augustus september oktober november december",
        "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec",
    )
)
_WORD = re.compile(r"[^\W\d_]+")
# Rows of units of one dimension, by language where they are words; the forms of one unit agree in
# number and case with those of the others.
_ROWS = (
    ("en", "second/seconds minute/minutes hour/hours day/days week/weeks month/months year/years"),
    (
        "de",
        "Sekunde/Sekunden/Sekunden Minute/Minuten/Minuten Stunde/Stunden/Stunden Tag/Tage/Tagen "
        "Woche/Wochen/Wochen Monat/Monate/Monaten Jahr/Jahre/Jahren",
    ),
    ("fr", "seconde/secondes minute/minutes heure/heures jour/jours semaine/semaines an/ans"),
    ("es", "segundo/segundos minuto/minutos hora/horas día/días semana/semanas año/años"),
    ("en", "millimeter/millimeters centimeter/centimeters meter/meters kilometer/kilometers"),
    ("en", "millimetre/millimetres centimetre/centimetres metre/metres kilometre/kilometres"),
    ("en", "inch/inches foot/feet yard/yards mile/miles"),
    ("en", "gram/grams kilogram/kilograms ton/tons ounce/ounces pound/pounds"),
    ("en", "watt/watts kilowatt/kilowatts megawatt/megawatts"),
    ("en", "dollar/dollars euro/euros franc/francs"),
    ("en", "hundred thousand million billion trillion"),
    ("de", "tausend Millionen Milliarden Billionen"),
    ("", "mm cm m km"),
    ("", "mg g kg"),
    ("", "ml l"),
    ("", "mV V kV"),
    ("", "mA A kA"),
    ("", "W kW MW GW"),
    ("", "psi bar kPa"),
    ("", "°C °F"),
    ("", "Hz kHz MHz GHz"),
    ("", "KB MB GB TB"),
    ("zh", "毫米 厘米 米 公里"),
    ("zh", "克 公斤 吨"),
    ("zh", "分钟 小时 天 周"),
    ("zh", "万 亿"),
)
_UNITS = tuple(tuple(tuple(unit.split("/")) for unit in row.split()) for _, row in _ROWS)
_FORMS: dict[tuple[str, str], tuple[int, int, int]] = {}
for _row, (_language, _) in enumerate(_ROWS):
    for _place, _unit in enumerate(_UNITS[_row]):
        for _number, _form in enumerate(_unit):
            _FORMS.setdefault((_language, _form), (_row, _place, _number))
_ALL_FORMS = "|".join(re.escape(form) for _, form in sorted(_FORMS, key=lambda f: -len(f[1])))
_MEASURE = re.compile(
    rf"(?<![\d.,])(?P<number>\d+(?:[.,]\d+)*)(?P<gap>[ \u00a0\u202f-]?)(?P<unit>{_ALL_FORMS})"
    r"(?![A-Za-zÀ-ɏ²³/])"
)
_NUMBER_WORDS = {
    "en": "two three four five six seven eight nine ten eleven twelve fifteen twenty thirty forty "
    "fifty sixty seventy eighty ninety",
    "de": "zwei drei vier fünf sechs sieben acht neun zehn elf zwölf fünfzehn zwanzig dreißig "
    "vierzig fünfzig sechzig siebzig achtzig neunzig",
}


class Edit(NamedTuple):
    """Put `text` in the place of ``answer[start:end]``."""

    start: int
    end: int
    text: str


def number_edits(scene: Scene) -> Iterator[Edit]:
    """Other numbers, in digits or in words; years and the parts of dates are left to `date`."""
    answer = scene.answer
    years = {edit.start for edit in _years(scene)}
    numbers = [t for t in tokenise(answer, scene.language) if t.kind == "number"]
    for token in scene.shuffled(numbers):
        if token.start in years or not tells(token, answer):
            continue
        if _is_bound(answer, token.start, token.end):
            continue
        for text in _other_numbers(answer[token.start : token.end], token, scene):
            edit = Edit(token.start, token.end, text)
            if _is_absent(edit, scene):
                yield edit
                break


def date_edits(scene: Scene) -> Iterator[Edit]:
    """Another day, month or year in a date, or another year where only a year stands."""
    for edit in scene.shuffled((*_written_dates(scene), *_years(scene))):
        if not _is_bound(scene.answer, edit.start, edit.end) and _is_absent(edit, scene):
            yield edit


def unit_edits(scene: Scene) -> Iterator[Edit]:
    """Another unit of the same dimension after a number that is not zero."""
    texts = [passage.chunk.text for passage in scene.sources.passages]
    stated = {m for text in texts for m in _measures(text, scene.language)}
    for measure in scene.shuffled(_measures(scene.answer, scene.language)):
        bound = _is_bound(scene.answer, measure.start, measure.end)
        if bound or measure.values == {"0"}:
            continue
        for other, unit in scene.shuffled(enumerate(_UNITS[measure.row])):
            known = any(
                m.values & measure.values and (m.row, m.place) == (measure.row, other)
                for m in stated
            )
            text = unit[min(measure.form, len(unit) - 1)]
            if other != measure.place and not known:
                whole = scene.answer[measure.start : measure.unit] + text
                # "3 million" is one number: the new one must be absent as any other.
                scaled = Edit(measure.start, measure.end, whole)
                if multiplier(text) == 1 or _is_absent(scaled, scene):
                    yield Edit(measure.unit, measure.end, text)


def name_edits(scene: Scene, names: Iterable[str]) -> Iterator[Edit]:
    """One of `names` in the place of a name; neither may be short for the other."""
    runs = scene.shuffled(name_runs(scene.answer, scene.language))
    others = list(names)
    for start, end in runs:
        was = scene.answer[start:end]
        if not is_name(was):
            continue
        fitting = [name for name in others if _likeness(name) == _likeness(was)]
        for name in (fitting or others)[:_TRIES]:
            edit = Edit(start, end, name)
            if _initials(name) != _initials(was) and _is_absent(edit, scene):
                yield edit
                break


def _likeness(name: str) -> tuple[int, bool]:
    """Its words, and whether it is an acronym."""
    return len(name.split()), name.isupper()


def name_runs(text: str, language: str) -> Iterator[tuple[int, int]]:
    """Spans of names: capitalised words in a row, inside a sentence."""
    run: list[Token] = []
    for token in tokenise(text, language):
        joins = bool(run) and token.kind == "name" and text[run[-1].end : token.start] == " "
        if run and not joins:
            yield run[0].start, run[-1].end
            run = []
        if token.kind == "name":
            run.append(token)
    if run:
        yield run[0].start, run[-1].end


def stands_in(text: str, scene: Scene) -> bool:
    """Whether `text` is in the passages letter by letter, case and spaces aside."""
    wanted = _plain(text)
    inside = re.compile(rf"(?<!\w){re.escape(wanted)}(?!\w)")
    return any(inside.search(_plain(passage.chunk.text)) for passage in scene.sources.passages)


def _is_bound(text: str, start: int, end: int) -> bool:
    """Whether a value only bounds the true one, so that another may be right too."""
    near = text[max(0, start - _BOUND_BEFORE) : start]
    return bool(_BOUNDS.search(near) or _BOUNDS_AFTER.match(text, end))


def _is_absent(edit: Edit, scene: Scene) -> bool:
    """Whether no token that the edit makes or changes matches anything in the passages."""
    answer = scene.answer
    changed = answer[: edit.start] + edit.text + answer[edit.end :]
    end = edit.start + len(edit.text)
    was = {k for t in tokenise(answer, scene.language) if _touches(t, edit) for k in t.keys}
    new = [t for t in tokenise(changed, scene.language) if t.start < end and t.end > edit.start]
    if not new or any(scene.sources.match(t).strength or t.keys & was for t in new):
        return False
    named = {k for t in new for k in t.keys} & scene.sources.names
    return not named and not stands_in(edit.text, scene)


def _touches(token: Token, edit: Edit) -> bool:
    return token.start < edit.end and token.end > edit.start


def _other_numbers(text: str, token: Token, scene: Scene) -> Iterator[str]:
    if token.spelled:
        yield from _other_words(text, scene)
        return
    digits = [at for at, c in enumerate(text) if c.isdigit()]
    if _YEAR.fullmatch(text):  # another century would be no error that anyone makes
        digits = digits[2:]
    for _ in range(_TRIES if digits else 0):
        at = digits[int(scene.random.integers(len(digits)))]
        lowest = 1 if at == 0 and len(digits) > 1 else 0
        yield _with_digit(text, at, int(scene.random.integers(lowest, 10)))
    for at in digits[:1]:  # a number of one digit may have all its neighbours taken
        yield _with_digit(text, at, int(scene.random.integers(1, 10))) + "7"


def _with_digit(text: str, at: int, value: int) -> str:
    """`text` with another digit at one place, of the same script."""
    zero = ord(text[at]) - unicodedata.digit(text[at])
    return text[:at] + chr(zero + value) + text[at + 1 :]


def _other_words(text: str, scene: Scene) -> Iterator[str]:
    """Number words for one number word; those of several words are left alone."""
    language = "de" if scene.language == "de" else "en"
    if number_word(text, language) is None:
        return
    for word in scene.shuffled(_NUMBER_WORDS[language].split()):
        yield word.capitalize() if text[0].isupper() else word


def _written_dates(scene: Scene) -> Iterator[Edit]:
    """Proposals for each date that has a month in words, or four digits of a year."""
    answer = scene.answer
    for start, end, dates in find_dates(answer):
        for match in _WORD.finditer(answer, start, end):
            for name in _other_months(match.group(), scene):
                yield Edit(
                    start, end, answer[start : match.start()] + name + answer[match.end() : end]
                )
        for match in re.finditer(r"\d{4}|\d{1,2}", answer[start:end]):
            text = _other_part(match.group(), scene)
            new = answer[start:end][: match.start()] + text + answer[start:end][match.end() :]
            changed = find_dates(new)
            whole = changed and changed[0][:2] == (0, len(new))
            if whole and not changed[0][2] & dates:
                yield Edit(start, end, new)


def _other_months(word: str, scene: Scene) -> Iterator[str]:
    """A month of the same language, if `word` is one."""
    for months in _MONTHS:
        folded = [fold(month) for month in months]
        if fold(word) in folded:
            at = (folded.index(fold(word)) + int(scene.random.integers(1, 12))) % 12
            yield months[at].capitalize() if word[0].isupper() else months[at]
            return


def _other_part(text: str, scene: Scene) -> str:
    """Another year, or another day or month in digits."""
    if len(text) == 4:
        return str(int(text) + _distance(scene))
    return f"{int(scene.random.integers(1, 29 if int(text) > 12 else 13)):0{len(text)}d}"


def _years(scene: Scene) -> Iterator[Edit]:
    """A proposal for each year that stands by itself."""
    answer = scene.answer
    taken = [(start, end) for start, end, _ in find_dates(answer)]
    for match in _YEAR.finditer(answer):
        inside = any(start <= match.start() < end for start, end in taken)
        told = _YEAR_BEFORE.search(answer[: match.start()]) or answer[match.end() :][:1] == "年"
        if told and not inside and not _MEASURE.match(answer, match.start()):
            yield Edit(match.start(), match.end(), str(int(match.group()) + _distance(scene)))


def _distance(scene: Scene) -> int:
    return int(scene.random.integers(1, 40)) * (1 if scene.random.integers(2) else -1)


class _Measure(NamedTuple):
    """A number with its unit: which row and place of the units, and which form."""

    start: int
    unit: int
    end: int
    values: frozenset[str]
    row: int
    place: int
    form: int


def _measures(text: str, language: str) -> Iterator[_Measure]:
    for match in _MEASURE.finditer(text):
        for spoken in (language, "", "en", "de", "zh"):
            if at := _FORMS.get((spoken, match["unit"])):
                span = match.start(), match.start("unit"), match.end()
                yield _Measure(*span, readings(match["number"]), *at)
                break


def _initials(name: str) -> str:
    words = name.split()
    return "".join(word[0] for word in words).casefold() if len(words) > 1 else name.casefold()


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
