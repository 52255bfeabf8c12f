"""German rules whose answer is a number, a measure, a span of time or a date."""

from __future__ import annotations

import re

from wellread.synthesis.extractive.facts import Draft
from wellread.synthesis.extractive.german_clause import (
    Clause,
    ask,
    indirect,
    joins_verb,
    main_part,
    without,
)
from wellread.synthesis.extractive.german_words import (
    ABOUT,
    BECOME,
    DATE,
    NUMBER,
    PAST,
    TIME,
)

_DATE = re.compile(rf"(?:(?<=\s)|\A){DATE}(?=[ ,.;]|\Z)")


_YEAR_ONLY = re.compile(r"(?:\A|(?<= ))(?:1[0-9]|20)\d\d(?= )")


_FRONT_DATE = re.compile(rf"(?:{DATE}|(?:1[0-9]|20)\d\d)\Z", re.IGNORECASE)


_AMOUNT = re.compile(
    rf"(?P<amount>(?:{ABOUT} )?{NUMBER}) (?P<noun>(?:[a-zäöüß]+e "
    rf")?[A-ZÄÖÜ][\w-]+)(?P<tail>(?: .*)?)\Z"
)


_VALUE = re.compile(rf"(?:{ABOUT} )?{NUMBER}(?: ?[\w°%/²³]+){{0,3}}")


_LASTING = re.compile(
    rf"(?P<span>(?:für )?(?:{ABOUT} )?(?:{NUMBER}|ein|eine|einen) {TIME})(?: "
    rf"lang)?(?P<tail>(?: .*)?)\Z"
)


_LANG = re.compile(rf"(?:{ABOUT} )?{NUMBER} {TIME} lang")


_OFTEN = re.compile(
    rf"(?:mindestens )?(?:alle {NUMBER} [A-ZÄÖÜ]\w+|(?:einmal|zweimal|dreimal) (?:im|pro|"
    rf"am) [A-ZÄÖÜ]\w+|täglich|wöchentlich|monatlich|jährlich|halbjährlich)(?= )"
)


_DEADLINE = re.compile(rf"innerhalb (?:von )?(?:der ersten )?{NUMBER} {TIME}(?= )")


_COUNTING_VERBS = frozenset(
    "hat haben hatte hatten besitzt besitzen besaß umfasst umfassen umfasste enthält "
    "enthalten enthielt fasst fassen beschäftigt beschäftigen verfügt führt speichert "
    "liefert erzielte gewann zählt beherbergt".split()
)


_LONG = r"(?:\w*(?:dauer|frist|zeit|laufzeit|garantie|länge))"


_LARGE = r"(?:\w*(?:abstand|fläche|entfernung|reichweite|größe|breite|menge))"


_HIGH = (
    r"(?:\w*(?:preis|kosten|gebühr|spannung|strom|leistung|temperatur|höhe|gewicht|"
    r"anteil|druck|kapazität|verbrauch|umsatz|drehzahl|geschwindigkeit|grenze|wert|"
    r"zahl))"
)


def _measure(clause: Clause) -> Draft | None:
    """Der Abstand beträgt 5 Meter -> Wie groß ist der Abstand?"""
    if clause.verb not in ("beträgt", "betrug", "betragen"):
        return None
    found = _VALUE.match(clause.rest)
    if clause.verb == "betrug" and not re.search(r" (?:des|der|von) ", clause.front):
        return None
    if not found or not re.match(
        r"(?: (?:und|bei|mit|pro|im|in|nach|je)\b|[,;]|\Z)", clause.rest[found.end() :]
    ):
        return None
    be = {"beträgt": "ist", "betrug": "war", "betragen": "sind"}[clause.verb]
    head = clause.front.split()
    noun = (head[1] if head[0] in ("der", "die", "das") and len(head) > 1 else head[0]).lower()
    how = next(
        (
            h
            for h, p in (("lang", _LONG), ("groß", _LARGE), ("hoch", _HIGH))
            if re.fullmatch(p, noun)
        ),
        "",
    )
    word, verb = (f"Wie {how}", be) if how else ("Wie viel", clause.verb)
    answer = clause.rest if ", " not in clause.rest else found.group()
    return Draft(
        ask(word, verb, clause.front),
        indirect(word, verb, clause.front),
        answer,
        "number",
        clause.front,
        1.2,
    )


def _much(clause: Clause) -> Draft | None:
    """Die Montage kostet 90 Euro -> Wie viel kostet die Montage?"""
    found = _VALUE.match(clause.rest)
    if not found or clause.verb not in ("wiegt", "wiegen", "kostet", "kosten", "kostete"):
        return None
    return _front_question(clause, "Wie viel", main_part(clause.rest), 1.2)


def _lasting(clause: Clause) -> Draft | None:
    """Die Garantie gilt 36 Monate -> Wie lange gilt die Garantie?"""
    if clause.verb not in ("dauert", "dauern", "dauerte", "gilt", "gelten", "hält", "bleibt"):
        return None
    found = _LASTING.match(clause.rest)
    if not found or "," in found["tail"] or joins_verb(found["tail"]):
        return None
    return Draft(
        ask("Wie lange", clause.verb, clause.front + found["tail"]),
        indirect("Wie lange", clause.verb, clause.front + found["tail"]),
        found["span"],
        "number",
        clause.front,
        1.3,
    )


def _front_question(clause: Clause, word: str, answer: str, weight: float) -> Draft:
    return Draft(
        ask(word, clause.verb, clause.front),
        indirect(word, clause.verb, clause.front),
        answer,
        "number",
        clause.front,
        weight,
    )


def _count(clause: Clause) -> Draft | None:
    """Der Tank fasst 24 Liter -> Wie viele Liter fasst der Tank?"""
    found = _AMOUNT.match(clause.rest)
    if not found or clause.verb not in _COUNTING_VERBS or clause.prefix:
        return None
    tail = main_part(found["tail"])
    if (
        found["noun"].startswith(("Prozent", "Uhr", "Jahr"))
        or " und " in f" {tail}"
        or joins_verb(tail)
    ):
        return None
    if (tail and tail.split()[0][:1].isupper()) or re.match(r"\d{4}\Z", found["amount"]):
        return None
    word = f"Wie viele {found['noun']}"
    return Draft(
        ask(word, clause.verb, clause.front, tail),
        indirect(word, clause.verb, clause.front, tail),
        f"{found['amount']} {found['noun']}",
        "number",
        clause.front,
        1.2,
    )


def _date_inside(clause: Clause) -> Draft | None:
    """X wurde am 3. März 2021 gegründet -> Wann wurde X gegründet?"""
    if clause.verb not in PAST | {"wurde", "wurden"}:
        return None
    main = clause.rest if "," not in clause.rest else main_part(clause.rest)
    found = _DATE.search(main) or _YEAR_ONLY.search(main)
    if not found or joins_verb(main) or len(_DATE.findall(main)) > 1:
        return None
    left = without(main, found.start(), found.end())
    if _cut_short(clause.rest, main, left):
        return None
    if re.search(r"\b(?:bis|und|von|zwischen|oder)\Z", main[: found.start()].rstrip()) or re.match(
        r" (?:bis|und)\b", main[found.end() :]
    ):
        return None
    if not left and clause.verb not in ("starb", "starben", "begann", "endete", "entstand"):
        return None
    word = "Seit wann" if found.group().startswith("seit") else "Wann"
    if found.group().startswith(("bis", "ab")):
        word = "Bis wann" if found.group().startswith("bis") else "Ab wann"
    return Draft(
        ask(word, clause.verb, clause.front, left),
        indirect(word, clause.verb, clause.front, left),
        found.group(),
        "date",
        clause.front,
        1.1,
    )


def _cut_short(whole: str, main: str, left: str) -> bool:
    """Whether what follows the first comma belongs to the sense: an infinitive, or all there is."""
    if len(main) == len(whole):
        return False
    follows = whole[len(main) :]
    return (
        bool(re.search(r"\bzu \w+en\Z|\w+zu\w+en\Z", follows)) and "um " not in follows[:6]
    ) or len(left.split()) <= 3


def _adverbial(clause: Clause) -> Draft | None:
    """X muss alle 6 Monate geprüft werden -> Wie oft muss X geprüft werden?"""
    main = main_part(clause.rest)
    if joins_verb(main) or clause.rest.count(",") > 1:
        return None
    for pattern, word in (
        (_LANG, "Wie lange"),
        (_OFTEN, "Wie oft"),
        (_DEADLINE, "Innerhalb welcher Frist"),
    ):
        found = pattern.search(main)
        if not found:
            continue
        left = without(main, found.start(), found.end())
        if left and not re.search(r"\b(?:und|oder)\Z", left):
            return Draft(
                ask(word, clause.verb, clause.front, left),
                indirect(word, clause.verb, clause.front, left),
                found.group(),
                "number",
                clause.front,
                1.2,
            )
    return None


def fronted_date(clause: Clause) -> Draft | None:
    """Im Jahr 1998 gründete Ada Holm die Firma -> Wann gründete Ada Holm die Firma?"""
    if not _FRONT_DATE.match(clause.front) or clause.verb not in PAST | BECOME | {"war", "waren"}:
        return None
    rest = clause.rest if "," not in clause.rest else main_part(clause.rest)
    first = rest.split()[0].lower()
    if joins_verb(rest) or len(rest.split()) < 3 or first in ("sich", "zu", "zum", "zur"):
        return None
    if _cut_short(clause.rest, rest, rest):
        return None
    if (
        "," in clause.rest
        and re.match(
            r", (?:der|die|das|dass|was|um|wo|in|ein|eine|[A-Z])", clause.rest[len(rest) :]
        )
        and rest.split()[-1][:1].isupper()
        and re.match(r", (?:ein|eine|dass|[A-Z])", clause.rest[len(rest) :])
    ):
        return None
    front = clause.front[:1].lower() + clause.front[1:]
    word = "Seit wann" if front.startswith("seit") else "Wann"
    return Draft(
        ask(word, clause.verb, rest), indirect(word, clause.verb, rest), front, "date", "", 1.1
    )
