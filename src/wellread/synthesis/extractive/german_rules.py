"""Rules that turn a German main clause into a question, one small function a pattern."""

from __future__ import annotations

import re
from collections.abc import Callable

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
    BE,
    BECOME,
    DATE,
    FUNCTION_WORDS,
    MODALS,
    NUMBER,
    PAST,
    PERSON_ENDING,
    PREPOSITIONS,
    PREFIXES,
    TIME,
    TRANSITIVE,
)

Rule = Callable[[Clause], Draft | None]

_DATE = re.compile(rf"(?:(?<=\s)|\A){DATE}(?=[ ,.;]|\Z)")
_YEAR_ONLY = re.compile(r"(?:\A|(?<= ))(?:1[0-9]|20)\d\d(?= )")
_FRONT_DATE = re.compile(rf"(?:{DATE}|(?:1[0-9]|20)\d\d)\Z", re.IGNORECASE)
_AMOUNT = re.compile(
    rf"(?P<amount>(?:{ABOUT} )?{NUMBER}) (?P<noun>(?:[a-zäöüß]+e )?[A-ZÄÖÜ][\w-]+)(?P<tail>(?: .*)?)\Z"
)
_VALUE = re.compile(rf"(?:{ABOUT} )?{NUMBER}(?: ?[\w°%/²³]+){{0,3}}")
_LASTING = re.compile(
    rf"(?P<span>(?:für )?(?:{ABOUT} )?(?:{NUMBER}|ein|eine|einen) {TIME})(?: lang)?(?P<tail>(?: .*)?)\Z"
)
_LANG = re.compile(rf"(?:{ABOUT} )?{NUMBER} {TIME} lang")
_OFTEN = re.compile(
    rf"(?:mindestens )?(?:alle {NUMBER} [A-ZÄÖÜ]\w+|(?:einmal|zweimal|dreimal) (?:im|pro|am) [A-ZÄÖÜ]\w+|täglich|wöchentlich|monatlich|jährlich|halbjährlich)(?= )"
)
_DEADLINE = re.compile(rf"innerhalb (?:von )?(?:der ersten )?{NUMBER} {TIME}(?= )")
_SUPERLATIVE = re.compile(
    r"(?:der|die|das) (?:\w+[- ]?)?(?:\w{2,}ste|erste|letzte|einzige|wichtigste)n? .+\Z"
)
_COUNTING_VERBS = frozenset(
    "hat haben hatte hatten besitzt besitzen besaß umfasst umfassen umfasste enthält enthalten enthielt fasst fassen beschäftigt beschäftigen verfügt führt speichert liefert erzielte gewann zählt beherbergt".split()
)
_LONG = r"(?:\w*(?:dauer|frist|zeit|laufzeit|garantie|länge))"
_LARGE = r"(?:\w*(?:abstand|fläche|entfernung|reichweite|größe|breite|menge))"
_HIGH = r"(?:\w*(?:preis|kosten|gebühr|spannung|strom|leistung|temperatur|höhe|gewicht|anteil|druck|kapazität|verbrauch|umsatz|drehzahl|geschwindigkeit|grenze|wert|zahl))"


def _definition(clause: Clause) -> Draft | None:
    """Ein X ist ein Y, das ... -> Was ist ein X?"""
    if clause.verb not in ("ist", "war", "sind") or not re.match(
        r"(?:eine?|der|die|das) \S+", clause.rest
    ):
        return None
    if (
        len(clause.rest.split()) < 4
        or _SUPERLATIVE.match(clause.rest)
        or joins_verb(main_part(clause.rest))
    ):
        return None
    if (
        re.search(r" zu \w+en\Z|\w+(?:t|en)\Z", main_part(clause.rest))
        and "," not in clause.rest
        and not clause.rest.split()[-1][:1].isupper()
    ):
        return None
    named = _named(clause.front)
    single = " " not in clause.front and clause.rest.startswith(("der ", "die ", "das "))
    mixed = (
        clause.verb == "sind"
        and re.match(r"eine? ", clause.rest)
        or clause.verb == "sind"
        and re.match(r"(?:ein|eine|das) ", clause.front)
    )
    other = _OTHER.match(clause.rest) or _OTHER.match(clause.front)
    if other or single or mixed or re.search(r"\bdies(?:e|er|es|em|en)\b", clause.rest):
        return None
    if (
        clause.verb == "war"
        and not named
        or clause.rest.startswith(("der ", "die ", "das "))
        and named
    ):
        return None
    if (
        clause.front.startswith(("der ", "die ", "das "))
        and " " in clause.front
        and len(clause.front.split()[-1]) < 6
    ):
        return None
    person = named and re.search(PERSON_ENDING + r"\b", clause.rest[:70], re.IGNORECASE)
    word = "Wer" if person else "Was"
    return Draft(
        ask(word, clause.verb, clause.front), indirect(word, clause.verb, clause.front),
        clause.rest, "definition", clause.front, 1.0,
    )  # fmt: skip


_OTHER = re.compile(r"(?:eine?r? )?(?:ander|weiter|ähnlich|solch|zusätzlich|verschieden|manche|einige)\w*\b", re.IGNORECASE)


def _named(front: str) -> bool:
    words = front.split()
    return len(words) > 1 and all(
        word[:1].isupper() or word in ("von", "van", "de") for word in words
    )


def _superlative(clause: Clause) -> Draft | None:
    """X war das erste Y ... -> Was war das erste Y ...?"""
    if clause.verb not in BE or not _SUPERLATIVE.match(clause.rest):
        return None
    rest = clause.rest if clause.rest.count(",") < 2 else main_part(clause.rest)
    if (
        len(rest.split()) < 4
        or joins_verb(rest)
        or not any(w[:1].isupper() for w in rest.split()[2:5])
    ):
        return None
    word = "Wer" if re.search(PERSON_ENDING + r"\b", rest, re.IGNORECASE) else "Was"
    return Draft(
        ask(word, clause.verb, rest), indirect(word, clause.verb, rest), clause.front,
        "superlative", rest, 1.1,
    )  # fmt: skip


def _measure(clause: Clause) -> Draft | None:
    """Der Abstand beträgt 5 Meter -> Wie groß ist der Abstand?"""
    if clause.verb not in ("beträgt", "betrug", "betragen"):
        return None
    found = _VALUE.match(clause.rest)
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
        ask(word, verb, clause.front), indirect(word, verb, clause.front), answer, "number",
        clause.front, 1.2,
    )  # fmt: skip


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
        found["span"], "number", clause.front, 1.3,
    )  # fmt: skip


def _front_question(clause: Clause, word: str, answer: str, weight: float) -> Draft:
    return Draft(
        ask(word, clause.verb, clause.front), indirect(word, clause.verb, clause.front), answer,
        "number", clause.front, weight,
    )  # fmt: skip


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
    if tail and tail.split()[0][:1].isupper() or re.match(r"\d{4}\Z", found["amount"]):
        return None
    word = f"Wie viele {found['noun']}"
    return Draft(
        ask(word, clause.verb, clause.front, tail), indirect(word, clause.verb, clause.front, tail),
        f"{found['amount']} {found['noun']}", "number", clause.front, 1.2,
    )  # fmt: skip


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
        ask(word, clause.verb, clause.front, left), indirect(word, clause.verb, clause.front, left),
        found.group(), "date", clause.front, 1.1,
    )  # fmt: skip


def _cut_short(whole: str, main: str, left: str) -> bool:
    """Whether what follows the first comma belongs to the sense: an infinitive, or all there is."""
    if len(main) == len(whole):
        return False
    follows = whole[len(main) :]
    return (
        bool(re.search(r"\bzu \w+en\Z|\w+zu\w+en\Z", follows))
        and "um " not in follows[:6]
        or len(left.split()) <= 3
    )


def _agent(clause: Clause) -> Draft | None:
    """X wurde von Y erfunden -> Von wem wurde X erfunden?"""
    main = main_part(clause.rest)
    found = re.match(
        r"(?P<before>.*?)\bvon (?P<who>(?:(?:dem|der|den) (?:\w+ ){0,3})?(?:[A-ZÄÖÜ][\w.’'-]+(?: (?:von|van|de|der))? ?)+)(?P<after>(?:[a-zäöü]\S* |\S+ )*[a-zäöüß]+t|.*[a-zäöüß]+en)\Z",
        main,
    )
    if clause.verb not in BECOME or not found or joins_verb(main) or " und " in main:
        return None
    who = found["who"].strip()
    person = re.search(PERSON_ENDING + r"\b", who, re.IGNORECASE) or re.fullmatch(
        r"[A-ZÄÖÜ][\w’'.-]+(?: (?:von|van|de))?(?: [A-ZÄÖÜ][\w’'.-]+){1,2}", who
    )
    if not person or re.search(r"\bbis\b", found["after"]):
        return None
    left = f"{found['before'].strip()} {found['after'].strip()}".strip()
    return Draft(
        ask("Von wem", clause.verb, clause.front, left), indirect("Von wem", clause.verb, clause.front, left),
        who, "agent", clause.front, 1.0,
    )  # fmt: skip


_FIXED: tuple[tuple[str, str, str, str], ...] = (
    # verb, how the rest begins, question word, what stays behind the subject
    (
        r"befindet|befinden|befand|befanden",
        r"sich (?=(?:in|im|an|am|auf|bei|beim|unter|über|neben|hinter|zwischen|außerhalb) )",
        "Wo",
        "sich",
    ),
    (
        r"liegt|liegen|lag|lagen",
        r"(?=(?:in|im|an|am|auf|bei|nördlich|südlich|östlich|westlich) (?:der |dem |den )?[A-ZÄÖÜ])",
        "Wo",
        "",
    ),
    (r"besteht|bestehen|bestand|bestanden", r"aus ", "Woraus", ""),
    (r"dient|dienen|diente|dienten", r"(?=(?:zu|zum|zur|der|als) )", "Wozu", ""),
    (r"basiert|basieren|basierte|beruht|beruhen|beruhte", r"auf ", "Worauf", ""),
    (r"führt|führen|führte|führten", r"(?=(?:zu|zum|zur) )", "Wozu", ""),
    (r"heißt|heißen|hieß|hießen|lautet|lauten", r"", "Wie", ""),
    (r"gehört|gehören|gehörte|gehörten", r"(?=(?:zu|zum|zur) )", "Wozu", ""),
    (r"stammt|stammen", r"(?=(?:aus|von|vom) )", "Woher", ""),
    (r"grenzt|grenzen", r"an ", "Woran", ""),
)
_FIXED_VERBS = tuple((re.compile(v), re.compile(r), w, s) for v, r, w, s in _FIXED)


def _fixed(clause: Clause) -> Draft | None:
    """Die Hülle besteht aus Stahl -> Woraus besteht die Hülle?"""
    for verb, begin, word, stays in _FIXED_VERBS:
        if not verb.fullmatch(clause.verb) or not (found := begin.match(clause.rest)):
            continue
        answer = clause.rest[found.end() :]
        answer = answer if not joins_verb(answer) else ""
        if not answer or clause.prefix or answer.split()[-1] in PREFIXES or _DATE.search(answer):
            return None
        if word == "Wo" and re.match(
            r"(?:im|in) (?:Jahr|der Regel|Bau|Betrieb|Besitz|Streit)|bei (?:etwa|rund|\d)", answer
        ):
            return None
        return Draft(
            ask(word, clause.verb, stays, clause.front), indirect(word, clause.verb, clause.front, stays),
            main_part(answer) if word == "Wo" else answer, "relation", clause.front, 1.0,
        )  # fmt: skip
    return None


def _used_for(clause: Clause) -> Draft | None:
    """X wird zum Y verwendet -> Wofür wird X verwendet?"""
    main = main_part(clause.rest)
    found = re.fullmatch(
        r"(?:häufig |meist |oft |vor allem |auch )?(?P<what>(?:für|zur|zum|zu|als) .+) (?P<verb>verwendet|genutzt|eingesetzt|benutzt|gebraucht)",
        main,
    )
    if clause.verb not in BECOME or not found:
        return None
    word = "Als was" if found["what"].startswith("als") else "Wofür"
    return Draft(
        ask(word, clause.verb, clause.front, found["verb"]), indirect(word, clause.verb, clause.front, found["verb"]),
        found["what"], "purpose", clause.front, 1.0,
    )  # fmt: skip


def _named_after(clause: Clause) -> Draft | None:
    found = re.fullmatch(r"nach (?P<what>.+) benannt", main_part(clause.rest))
    if clause.verb not in BE | BECOME or not found:
        return None
    return Draft(
        ask("Nach wem oder was", clause.verb, clause.front, "benannt"),
        indirect("Nach wem oder was", clause.verb, clause.front, "benannt"),
        found["what"], "relation", clause.front, 1.0,
    )  # fmt: skip


def _why(clause: Clause) -> Draft | None:
    """X V ..., weil CLAUSE -> Warum V X ...?"""
    before, because, reason = clause.rest.partition(", weil ")
    if (
        not because
        or "," in before
        or len(reason.split()) < 3
        or len(before.split()) > 14
        or joins_verb(before)
    ):
        return None
    return Draft(
        ask("Warum", clause.verb, clause.front, before), indirect("Warum", clause.verb, clause.front, before),
        f"weil {reason}", "reason", clause.front, 1.1,
    )  # fmt: skip


def _forbidden(clause: Clause) -> Draft | None:
    """X darf nicht V werden -> Darf X V werden? (Nein.)"""
    if (
        clause.verb not in ("darf", "dürfen")
        or " nicht " not in f" {clause.rest} "
        or " nur " in clause.rest
    ):
        return None
    if clause.rest.count(",") > 1 or " kein" in clause.rest or "sondern" in clause.rest:
        return None
    left = re.sub(r"\bnicht ", "", clause.rest, count=1)
    left = re.split(r", (?:weil|da|auch wenn|damit|sonst)\b", left)[0]
    main, comma, condition = left.partition(",")
    if not re.search(r"(?:werden|en|sein)\Z", main):
        return None
    about = f"ob {clause.front} {main} {clause.verb}{comma}{condition}"
    return Draft(
        ask(clause.verb.capitalize(), clause.front, left), about, "nein", "prohibition", clause.front, 1.1,
    )  # fmt: skip


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
                ask(word, clause.verb, clause.front, left), indirect(word, clause.verb, clause.front, left),
                found.group(), "number", clause.front, 1.2,
            )  # fmt: skip
    return None


def _object(clause: Clause) -> Draft | None:
    """Die Steuereinheit überwacht den Druck -> Was überwacht die Steuereinheit?"""
    if clause.verb not in TRANSITIVE or joins_verb(clause.rest) or _OTHER.match(clause.front):
        return None
    first = clause.rest.split()[0]
    if (
        first.lower()
        in FUNCTION_WORDS
        - {"den", "die", "das", "ein", "eine", "einen", "alle", "mehrere", "viele"}
        or first[:1].isdigit()
    ):
        return None
    if (
        first[:1].islower()
        and first not in ("den", "die", "das", "ein", "eine", "einen", "alle", "mehrere", "viele")
        and not first.endswith(("e", "en", "es"))
    ):
        return None
    answer = clause.rest
    tail = clause.prefix
    if (
        tail
        or re.search(r"[a-zäöüß]\Z", answer)
        and not answer.split()[-1][:1].isupper()
        or len(answer.split()) < 2
    ):
        return None
    specific = (
        len([w for w in clause.front.split() if w.lower() not in FUNCTION_WORDS]) >= 2
        or len(clause.front.split()[-1]) >= 10
    )
    if not specific:
        return None
    return Draft(
        ask("Was", clause.verb, clause.front), indirect("Was", clause.verb, clause.front), answer,
        "object", clause.front, 0.6,
    )  # fmt: skip


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


RULES: tuple[Rule, ...] = (
    _why,
    _measure,
    _much,
    _lasting,
    _adverbial,
    _count,
    _forbidden,
    _date_inside,
    _agent,
    _superlative,
    _fixed,
    _used_for,
    _named_after,
    _definition,
    _object,
)
"""For clauses that begin with their subject."""

__all__ = ["MODALS", "RULES", "Rule", "fronted_date"]
