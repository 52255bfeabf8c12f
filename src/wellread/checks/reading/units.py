"""The unit that stands after a number, in one form.

>>> unit_after("It holds 5 litres.", 10), unit_after("5 l of oil", 1), unit_after("5 boxes", 1)
(('litre', 17), ('litre', 3), ('', 1))
"""

from __future__ import annotations

import re

# Each row is one unit, its other forms after it; in English and German, and as signs.
_ROWS = """
    second seconds sec secs s sekunde sekunden
    minute minutes min mins minuten
    hour hours h hr hrs stunde stunden
    day days tag tage tagen
    week weeks woche wochen
    month months monat monate monaten
    year years yr yrs jahr jahre jahren
    millimetre millimetres millimeter millimeters mm
    centimetre centimetres centimeter centimeters cm
    metre metres meter meters m metern
    kilometre kilometres kilometer kilometers km kilometern
    inch inches zoll
    foot feet ft
    yard yards yd
    mile miles mi meile meilen
    milligram milligrams mg milligramm
    gram grams g gramm
    kilogram kilograms kg kilogramm
    ton tons tonne tonnes tonnen
    ounce ounces oz
    pound pounds lb lbs pfund
    millilitre millilitres milliliter milliliters ml
    litre litres liter liters l litern
    gallon gallons gal
    cup cups
    tablespoon tablespoons tbsp
    teaspoon teaspoons tsp
    psi
    bar
    kilopascal kilopascals kpa
    megapascal megapascals mpa
    milliwatt milliwatts
    watt watts w
    kilowatt kilowatts kw
    megawatt megawatts mw
    gigawatt gigawatts gw
    kilowatt-hour kilowatt-hours kwh kilowattstunde kilowattstunden
    watt-hour watt-hours wh wattstunde wattstunden
    volt volts v
    millivolt millivolts mv
    kilovolt kilovolts kv
    ampere amperes amps amp
    milliampere milliamperes ma
    percent % prozent
    °c celsius
    °f fahrenheit
    dollar dollars $ usd
    euro euros € eur
    pound £ gbp sterling
    cent cents
    am a.m.
    pm p.m.
"""
# What a unit is called, by each of its forms.
_FORMS = {form: row.split()[0] for row in _ROWS.strip().splitlines() for form in row.split()}
_UNIT = re.compile(
    r"[ \u00a0\u202f-]?(%|[€$£]|°[CF]\b|[ap]\.m\.|[^\W\d_]+(?:-hours?)?)", re.IGNORECASE
)
_BEFORE = re.compile(r"([€$£]|\b(?:USD|EUR|GBP) ?)$")
_CODE_LENGTH = 4


def unit_after(text: str, end: int) -> tuple[str, int]:
    """The unit that begins at `end`, where a number ends, and its own end; "" where none is."""
    match = _UNIT.match(text, end)
    unit = _FORMS.get(match[1].casefold(), "") if match else ""
    return unit, match.end() if match and unit else end


def unit_of(text: str, start: int, end: int) -> tuple[str, int, int]:
    """The unit of the number ``text[start:end]``, with where both begin and end.

    >>> unit_of("It costs $5.", 10, 11), unit_of("It costs 5 dollars.", 9, 10)
    (('dollar', 9, 11), ('dollar', 9, 18))
    """
    unit, last = unit_after(text, end)
    if unit:
        return unit, start, last
    if (match := _BEFORE.search(text[max(0, start - _CODE_LENGTH) : start])) is None:
        return "", start, end
    return _FORMS[match[1].strip().casefold()], start - len(match[0]), end
