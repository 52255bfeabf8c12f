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
)
from wellread.synthesis.extractive.german_numbers import (
    _DATE,
    _adverbial,
    _count,
    _date_inside,
    _lasting,
    _measure,
    _much,
)
from wellread.synthesis.extractive.german_words import (
    BE,
    BECOME,
    DATE,
    FUNCTION_WORDS,
    PERSON_ENDING,
    PREFIXES,
    TRANSITIVE,
)

Rule = Callable[[Clause], Draft | None]


_SUPERLATIVE = re.compile(
    r"(?:der|die|das) (?:\w+[- ]?)?(?:\w{2,}ste|erste|letzte|einzige|wichtigste)n? .+\Z"
)


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
    mixed = (clause.verb == "sind" and re.match(r"eine? ", clause.rest)) or (
        clause.verb == "sind" and re.match(r"(?:ein|eine|das) ", clause.front)
    )
    other = _OTHER.match(clause.rest) or _OTHER.match(clause.front)
    if other or single or mixed or re.search(r"\bdies(?:e|er|es|em|en)\b", clause.rest):
        return None
    if (clause.verb == "war" and not named) or (
        clause.rest.startswith(("der ", "die ", "das ")) and named
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
        ask(word, clause.verb, clause.front),
        indirect(word, clause.verb, clause.front),
        clause.rest,
        "definition",
        clause.front,
        1.0,
    )


_OTHER = re.compile(
    r"(?:eine?r? )?(?:ander|weiter|ähnlich|solch|zusätzlich|verschieden|manche|einige)\w*\b",
    re.IGNORECASE,
)


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
        ask(word, clause.verb, rest),
        indirect(word, clause.verb, rest),
        clause.front,
        "superlative",
        rest,
        1.1,
    )


def _agent(clause: Clause) -> Draft | None:
    """X wurde von Y erfunden -> Von wem wurde X erfunden?"""
    main = main_part(clause.rest)
    found = re.match(
        r"(?P<before>.*?)\bvon (?P<who>(?:(?:dem|der|den) (?:\w+ "
        r"){0,3})?(?:[A-ZÄÖÜ][\w.’'-]+(?: (?:von|van|de|der))? ?)+)(?P<after>(?:[a-zäöü]\S* "
        r"|\S+ )*[a-zäöüß]+t|.*[a-zäöüß]+en)\Z",
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
        ask("Von wem", clause.verb, clause.front, left),
        indirect("Von wem", clause.verb, clause.front, left),
        who,
        "agent",
        clause.front,
        1.0,
    )


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
        r"(?=(?:in|im|an|am|auf|bei|nördlich|südlich|östlich|westlich) "
        r"(?:der |dem |den )?[A-ZÄÖÜ])",
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
        answer = "" if joins_verb(answer) or _OTHER.match(answer) else answer
        if not answer or clause.prefix or answer.split()[-1] in PREFIXES or _DATE.search(answer):
            return None
        if word == "Wo" and re.match(
            r"(?:im|in) (?:Jahr|der Regel|Bau|Betrieb|Besitz|Streit)|bei (?:etwa|rund|\d)", answer
        ):
            return None
        return Draft(
            ask(word, clause.verb, stays, clause.front),
            indirect(word, clause.verb, clause.front, stays),
            main_part(answer) if word == "Wo" else answer,
            "relation",
            clause.front,
            1.0,
        )
    return None


def _used_for(clause: Clause) -> Draft | None:
    """X wird zum Y verwendet -> Wofür wird X verwendet?"""
    main = main_part(clause.rest)
    found = re.fullmatch(
        r"(?:häufig |meist |oft |vor allem |auch )?(?P<what>(?:für|zur|zum|zu|als) .+) "
        r"(?P<verb>verwendet|genutzt|eingesetzt|benutzt|gebraucht)",
        main,
    )
    if clause.verb not in BECOME or not found:
        return None
    word = "Als was" if found["what"].startswith("als") else "Wofür"
    return Draft(
        ask(word, clause.verb, clause.front, found["verb"]),
        indirect(word, clause.verb, clause.front, found["verb"]),
        found["what"],
        "purpose",
        clause.front,
        1.0,
    )


def _named_after(clause: Clause) -> Draft | None:
    found = re.fullmatch(r"nach (?P<what>.+) benannt", main_part(clause.rest))
    if clause.verb not in BE | BECOME or not found:
        return None
    return Draft(
        ask("Nach wem oder was", clause.verb, clause.front, "benannt"),
        indirect("Nach wem oder was", clause.verb, clause.front, "benannt"),
        found["what"],
        "relation",
        clause.front,
        1.0,
    )


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
        ask("Warum", clause.verb, clause.front, before),
        indirect("Warum", clause.verb, clause.front, before),
        f"weil {reason}",
        "reason",
        clause.front,
        1.1,
    )


def _forbidden(clause: Clause) -> Draft | None:
    """X darf nicht V werden -> Darf X V werden? Nein."""
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
        ask(clause.verb.capitalize(), clause.front, left),
        about,
        "nein",
        "prohibition",
        clause.front,
        1.1,
    )


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
    answer = re.sub(rf" {DATE}\Z", "", clause.rest)
    tail = clause.prefix
    if (
        tail
        or (re.search(r"[a-zäöüß]\Z", answer) and not answer.split()[-1][:1].isupper())
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
        ask("Was", clause.verb, clause.front),
        indirect("Was", clause.verb, clause.front),
        answer,
        "object",
        clause.front,
        0.6,
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
