"""Facts from layout: rows of tables, key-value lines and glossary entries.

    | Model     | Weight | Power |
    | --------- | ------ | ----- |     ->  What is the weight of the Larder 5?   58 kg
    | Larder 5  | 58 kg  | 2 kW  |

    Weight: 3.2 kg                      ->  What is the weight of the Halden K2?  3.2 kg
    **Duplex** - printing on both sides ->  What does the term “Duplex” mean?     printing on ...

Key-value lines need an anchor that names what they describe; without one they are refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from wellread.synthesis.extractive.context import Context
from wellread.synthesis.extractive.facts import Fact
from wellread.synthesis.extractive.sentences import tidy

_ROW = re.compile(r"^[ \t]*\|(?P<cells>.+)\|[ \t]*$", re.MULTILINE)
_RULE = re.compile(r"[\s|:-]+\Z")
_KEY_VALUE = re.compile(
    r"^[ \t]*(?:[-*+•] )?(?:\*\*)?(?P<key>[A-ZÄÖÜ][\w /()-]{2,34}?)(?:\*\*)?:(?:\*\*)? "
    r"(?P<value>[^\n]{1,80}?)\.?[ \t]*$",
    re.MULTILINE,
)
_ENTRY = re.compile(
    r"^[ \t]*(?:[-*+•] )?\*\*(?P<term>[^*\n]{2,40}?):?\*\*(?: *[-–—:]| is| means)? "
    r"(?P<meaning>[a-zA-ZÄÖÜ][^\n]{15,240}?)\.?[ \t]*$",
    re.MULTILINE,
)
_MEASURE = re.compile(
    r"\A(?:[<>≤≥~±]\s?)?(?:about |up to |max\. |min\. |ca\. |bis zu |etwa )?[-+]?[$€£]?\d"
)
_NOT_A_KEY = re.compile(
    r"(?i)\b(?:note|warning|caution|example|tip|important|step|figure|table|question|"
    r"answer|q|a|page|"
    r"date|version|document|contents|see|hinweis|achtung|warnung|beispiel|tipp|wichtig|"
    r"schritt|frage|"
    r"antwort|seite|datum|dokument|http)\b"
)
_MAX_ROWS = 60


def structured_facts(text: str, context: Context, language: str) -> Iterator[Fact]:
    """Facts of tables, then of key-value lines, then of glossary entries."""
    if "|" in text:
        yield from _tables(text, language)
    if ":" in text and context.anchor:
        yield from _key_values(text, context, language)
    if "**" in text:
        yield from _glossary(text, language)


def _tables(text: str, language: str) -> Iterator[Fact]:
    header: list[str] = []
    end = -1
    for found in list(_ROW.finditer(text))[:_MAX_ROWS]:
        if found.start() != end + 1:
            header = []
        end = found.end()
        cells = [tidy(cell).strip() for cell in found["cells"].split("|")]
        if _RULE.match(found["cells"]):
            continue
        if not header:
            header = cells
        elif len(cells) == len(header):
            yield from _row(header, cells, found, language)


def _row(
    header: list[str], cells: list[str], found: re.Match[str], language: str
) -> Iterator[Fact]:
    label = cells[0]
    if not re.match(r"[A-ZÄÖÜ][\w .,/()-]{1,40}\Z", label) or not header[0]:
        return
    for column, value in zip(header[1:], cells[1:], strict=True):
        if not re.match(r"[A-Za-zÄÖÜäöü][\w ()/-]{2,40}\Z", column) or not value or len(value) > 80:
            continue
        fact = _cell(column, label, value, found, language)
        if fact:
            yield fact


def _cell(column: str, label: str, value: str, found: re.Match[str], language: str) -> Fact | None:
    if language == "de":
        question = f"Welche Angabe gilt bei „{label}“ für „{column}“?"
        about = f"welche Angabe bei „{label}“ für „{column}“ gilt"
        statement = f"Bei „{label}“ gilt für „{column}“: {value}."
        return _fact((question, about, value, statement), found, label)
    name, thing = (label, column) if _is_name(column) else (column, label)
    if "," in name or re.search(r" [A-Z][a-z]", name):
        return None
    name = name[:1].lower() + name[1:] if name[1:].islower() else name
    the = f"the {thing}" if _is_name(thing) else f"“{thing}”"
    be = "are" if name.endswith("s") and not name.endswith(("ss", "us")) else "is"
    words = (
        f"What {be} the {name} for {the}?",
        f"what the {name} for {the} {be}",
        value,
        f"The {name} for {the} {be} {value}.",
    )
    return _fact(words, found, thing)


def _is_name(text: str) -> bool:
    """A model such as "Larder 10", which takes an article."""
    return bool(re.match(r"[A-Z][\w-]* ?[\w-]*\d", text))


def _fact(words: tuple[str, str, str, str], found: re.Match[str], subject: str) -> Fact:
    return Fact(*words, found.start(), found.end(), "table", 1.1, subject)


def _key_values(text: str, context: Context, language: str) -> Iterator[Fact]:
    if not context.named:
        return
    for found in _KEY_VALUE.finditer(text):
        key, value = tidy(found["key"]), tidy(found["value"])
        if _NOT_A_KEY.search(key) or not _MEASURE.match(value) or len(key.split()) > 4:
            continue
        yield _pair(key, value, found, context, language)


def _pair(key: str, value: str, found: re.Match[str], context: Context, language: str) -> Fact:
    start = found.start("key")
    if language == "de":
        asks = f"Welcher Wert gilt für {key} bei {context.anchor}?"
        about = f"welcher Wert für {key} bei {context.anchor} gilt"
        statement = f"Für {key} gilt bei {context.anchor}: {value}."
    else:
        name = key[:1].lower() + key[1:] if key[1:].islower() else key
        the = context.anchor if context.anchor.startswith("the ") else f"the {context.anchor}"
        asks, about = f"What is the {name} of {the}?", f"what the {name} of {the} is"
        statement = f"The {name} of {the} is {value}."
    return Fact(asks, about, value, statement, start, found.end(), "key_value", 1.2, key)


def _glossary(text: str, language: str) -> Iterator[Fact]:
    for found in _ENTRY.finditer(text):
        term, meaning = tidy(found["term"]), tidy(found["meaning"])
        if term.endswith((".", "?", "!")) or len(term.split()) > 4 or _NOT_A_KEY.search(term):
            continue
        if not re.match(r"(?:an?|the|any|one|ein|eine|der|die|das) ", meaning, re.IGNORECASE):
            continue
        meaning = meaning[:1].lower() + meaning[1:]
        if language == "de":
            ask, about = f"Was bedeutet „{term}“?", f"was „{term}“ bedeutet"
            statement = f"„{term}“ bedeutet: {meaning}."
        else:
            ask, about = f"What does the term “{term}” mean?", f"what the term “{term}” means"
            statement = f"The term “{term}” means {meaning}."
        yield Fact(
            ask, about, meaning, statement, found.start(), found.end(), "glossary", 1.2, term
        )
