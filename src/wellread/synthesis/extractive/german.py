"""German sentences to drafts: conditions and instructions first, then the clause rules."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from wellread.synthesis.extractive.context import Context
from wellread.synthesis.extractive.english_patterns import abbreviation_of
from wellread.synthesis.extractive.facts import Draft, Sentence
from wellread.synthesis.extractive.german_clause import main_part, parse
from wellread.synthesis.extractive.german_numbers import fronted_date
from wellread.synthesis.extractive.german_rules import RULES
from wellread.synthesis.extractive.german_words import (
    FUNCTION_WORDS,
    NUMBER,
    PREFIXES,
    PRONOUNS,
    TIME,
)
from wellread.synthesis.extractive.wording import pick

_INTRO = re.compile(
    r"(?:Außerdem|Zudem|Daher|Deshalb|Jedoch|Allerdings|Dennoch|Ferner|Darüber hinaus|"
    r"Schließlich|Heute|"
    r"Traditionell|Ursprünglich|Insgesamt|Typischerweise|Normalerweise|Im Allgemeinen) "
    r"(?P<verb>\w+) (?P<subject>(?:der|die|das|ein|eine) (?:[a-zäöüß]+ )?[A-ZÄÖÜ][\w-]+) "
)
_DEBRIS = re.compile(
    r"[\uf000-\uf0ff\u0000-\u0008\ufffd-\uffff\u00ad\ud800-\udfff]|\b(?:Abbildung|Abb\.|"
    r"Tabelle|Kapitel|Anhang) [A-Z\d]|\.{4}|_{3}|"
    r"https?:|www\.|[{}<>|\\\[\]]|\S{60}|--"
)
_SELF_REFERENCE = re.compile(
    r"\b(?:diese[mnrs]?|im folgenden|das vorliegende|siehe|obige[nrs]?|folgende[nrs]?) "
    r"(?:dokument|kapitel|abschnitt|text|handbuch|blatt|artikel|buch|anleitung|tabelle|seite)\w*\b|"
    r"\b(?:wie folgt|siehe oben|s\. ?o\.)",
    re.IGNORECASE,
)
_PERSONAL = re.compile(
    r"\b(?:ich|wir|mich|mir|mein\w*|unser\w*|du|dich|dir|dein\w*|euch|euer|euern|eure?|uns)\b",
    re.IGNORECASE,
)


def usable(sentence: Sentence) -> bool:
    """Whether the sentence can be read on its own and quoted as it is."""
    text = sentence.text
    words = text.count(" ") + 1
    if not 4 <= words <= 42 or not (text[0].isupper() or text[0].isdigit()):
        return False
    if not text.endswith(".") or _DEBRIS.search(text) or _SELF_REFERENCE.search(text):
        return False
    if text.count("(") != text.count(")") or text.count("„") != len(re.findall("[“”]", text)):
        return False
    return text.count('"') % 2 == 0 and not _PERSONAL.search(text)


def drafts(sentence: Sentence, before: str, context: Context) -> Iterator[tuple[Draft, str]]:
    """Drafts of one sentence, each with the full statement that answers it."""
    if not usable(sentence):
        return
    resolved = resolve(sentence.text, before, context)
    if not resolved:
        return
    core = re.sub(r" \([^()]*\)", "", resolved.rstrip(".").strip())
    for draft in _all(core, context):
        worded = anchored(draft, context)
        if worded and sound(worded):
            yield worded, resolved
    for short, phrase in abbreviation_of(resolved):
        yield (
            Draft(
                f"Wofür steht die Abkürzung {short}?",
                f"wofür die Abkürzung {short} steht",
                phrase,
                "abbreviation",
                short,
                0.5,
            ),
            f"Die Abkürzung {short} steht für {phrase}.",
        )


def _all(core: str, context: Context) -> Iterator[Draft]:
    yield from _conditions(core)
    yield from _instructions(core)
    clause = parse(core)
    if not clause:
        return
    if not clause.subject:
        draft = fronted_date(clause)
        if draft:
            yield draft
        return
    clause = replace(clause, front=lower_first(clause.front, context))
    for rule in RULES:
        draft = rule(clause)
        if draft:
            yield draft


_ADJECTIVE = re.compile(
    r"(?:\w+(?:ische|liche|ige|bare|same|lose|elle|ale|ive|äre|erte|igte|chte|gte|lte|"
    r"nte|ste|ende)|neue|"
    r"alle|viele|große|kleine|hohe|junge|alte|wichtige|moderne|frühe|mehrere|einige|"
    r"andere|weitere)[nrs]?\Z"
)


def lower_first(text: str, context: Context) -> str:
    """Articles and adjectives small, nouns as they are."""
    first, _, rest = text.partition(" ")
    lower = first.lower()
    if lower in FUNCTION_WORDS or lower in ("der", "die", "das"):
        return f"{lower} {rest}".strip()
    adjective = _ADJECTIVE.match(lower) and rest[:1].isupper() and first not in context.proper
    return f"{lower} {rest}" if adjective or (lower in context.common and rest) else text


_WHEN = re.compile(
    r"(?P<word>Wenn|Falls|Sobald|Bevor|Nachdem) (?P<clause>[^;:]{8,140}?), (?:so |dann "
    r")?(?P<main>[a-zäöü]\w+ .+)\Z"
)
_GOAL = re.compile(
    r"Um (?P<goal>[^,;:]{5,90}? zu \w+|[^,;:]{5,80} \w+zu\w+en), (?P<main>[a-zäöü]\w+ .+)\Z"
)
_VERB_FIRST = re.compile(
    r"(?P<verb>Steigt|Tritt|Fällt|Leuchtet|Blinkt|Ist|Wird|Erscheint|Bleibt|Kommt|Sinkt|"
    r"Riecht|Besteht) (?P<clause>(?:der|die|das|ein|eine|aus|in) [^,;:]{4,90}), so "
    r"(?P<main>[a-zäöü]\w+ .+)\Z"
)


def _conditions(core: str) -> Iterator[Draft]:
    """Wenn der Tank leer ist, füllen Sie ihn. -> Was soll man tun, wenn der Tank leer ist?"""
    if found := _WHEN.match(core):
        yield from _asked(f"{found['word'].lower()} {found['clause']}", found["main"])
    elif found := _VERB_FIRST.match(core):
        clause = f"wenn {found['clause']} {found['verb'].lower()}"
        last = found["clause"].split()[-1]
        if last in PREFIXES:
            clause = f"wenn {found['clause']}{found['verb'].lower()}"
        yield from _asked(clause, found["main"])
    elif (found := _GOAL.match(core)) and re.match(r"\w+en Sie ", found["main"]):
        goal = f"um {found['goal']}"
        yield Draft(
            f"Was muss man tun, {goal}?",
            f"was man tun muss, {goal}",
            found["main"],
            "instruction",
            "",
            1.3,
        )


def _asked(clause: str, main: str) -> Iterator[Draft]:
    if _has_pronoun(clause) or clause.count(",") > 1:
        return
    if re.match(r"\w+en Sie |(?:ist|sind) .* (?:zu \w+en|\w+zu\w+en)\b", main):
        yield Draft(
            f"Was ist zu tun, {clause}?",
            f"was zu tun ist, {clause}",
            re.sub(r"\A(?:ist|sind) ", "", main),
            "instruction",
            "",
            1.3,
        )
    elif (
        clause.startswith(("wenn", "sobald", "falls"))
        and not re.search(r"\b(?:war|hatte|wurde|würde|wäre|hätte|könnte)n?\b", clause + " " + main)
        and re.match(r"(?!ist|sind|wird|hat|kann)\w+ (?:der|die|das|ein|eine) ", main)
    ):
        yield Draft(
            f"Was geschieht, {clause}?", f"was geschieht, {clause}", main, "condition", "", 1.1
        )


def _has_pronoun(text: str) -> bool:
    return any(word.strip(",").lower() in PRONOUNS for word in text.split())


_IMPERATIVE = re.compile(r"(?P<verb>[A-ZÄÖÜ]\w+en) Sie (?P<rest>[^;:]+)\Z")
_SPAN = re.compile(rf"(?:mindestens |etwa |höchstens )?{NUMBER} {TIME} lang")
_OFTEN = re.compile(
    rf"(?:mindestens )?(?:alle {NUMBER} [A-ZÄÖÜ]\w+|(?:einmal|zweimal|dreimal) (?:im|pro|"
    rf"am) [A-ZÄÖÜ]\w+|täglich|wöchentlich|monatlich|jährlich)"
)


def _instructions(core: str) -> Iterator[Draft]:
    """Reinigen Sie den Tank alle 2 Wochen. -> Wie oft soll man den Tank reinigen?"""
    found = _IMPERATIVE.match(core)
    if not found:
        return
    main = main_part(found["rest"])
    if (" und " in f" {main} " and re.search(r"\w+en Sie", main)) or _has_pronoun(main):
        return
    words = main.split()
    verb = found["verb"].lower()
    if words[-1] in PREFIXES and len(words) > 1:
        verb, words = words[-1] + verb, words[:-1]
    main = " ".join(words)
    for pattern, word in ((_SPAN, "Wie lange"), (_OFTEN, "Wie oft")):
        if (hit := pattern.search(main)) and " und " not in main:
            left = " ".join((main[: hit.start()] + main[hit.end() :]).split())
            if left:
                yield Draft(
                    f"{word} soll man {left} {verb}?",
                    f"{word.lower()} man {left} {verb} soll",
                    hit.group(),
                    "number",
                    "",
                    1.3,
                )
                return
    if re.search(r"\bnicht\b", main) and " sondern" not in core and "," not in found["rest"]:
        left = re.sub(r"\bnicht ?", "", main, count=1).strip()
        if len(left.split()) > 1:
            yield Draft(
                f"Darf man {left} {verb}?",
                f"ob man {left} {verb} darf",
                "nein",
                "prohibition",
                "",
                1.0,
            )


_GENDER = {"Er": "Der ", "Sie": "Die ", "Es": "Das "}


def resolve(text: str, before: str, context: Context) -> str:
    """`text` with the pronoun at its start replaced, or "" where nobody can say by what."""
    first = text.split(" ", 1)[0]
    if context.named and re.match(r"(?:Das|Dieses) (?:Gerät|Produkt|Modell) ", text):
        return text
    if first not in _GENDER:
        return "" if first.lower() in PRONOUNS else text
    clause = parse(before.rstrip("."))
    if not clause or not clause.subject or len(clause.front.split()) > 5 or first == "Es":
        return ""
    named = all(word[:1].isupper() for word in clause.front.split()) and " " in clause.front
    if clause.front.startswith(_GENDER[first]) or (
        named and not clause.front.startswith(("Der ", "Die ", "Das "))
    ):
        return f"{clause.front} {text.split(' ', 1)[1]}"
    return ""


_FORBIDDEN = re.compile(
    r"\b(?:sie|er|es|ihn|ihm|ihnen|ihre?[nmrs]?|seine?[nmrs]?|dies(?:e[nmrs]?)?|"
    r"jene[nmrs]?|hier|dort|dabei|dadurch|"
    r"danach|davor|darin|dessen|deren|oben|unten|folgende\w*|solche\w*|beiden|ersteren?|"
    r"letzteren?|dieselbe\w*|"
    r"derselbe\w*|jedoch|allerdings|dagegen|hingegen|zudem|außerdem|daher|deshalb|somit|"
    r"ebenfalls|auch|"
    r"(?:im|der|dem|den|des) (?:Text|Abschnitt|Kapitel|Dokument)\w*)\b"
)
_VAGUE = re.compile(
    r"\b(?:der|die|das|dem|den|des|im|am|zum|zur|beim) (?:[a-zäöüß]+e[nr]? "
    r")?([A-ZÄÖÜ][\wäöüß-]{2,10})\b(?! (?:von|des|der|für|im|in|am|[A-ZÄÖÜ]|\d))"
)
_FAMILIAR = frozenset(
    "Wasser Strom Erde Sonne Mond Welt Meer Himmel Staat Internet Menschen Jahr Jahre "
    "Jahren Mensch Natur Luft Krieg Kaiser "
    "Volt Watt Ampere Joule Westen Osten Norden Süden Kirche Bibel Papst Regel Januar "
    "Februar März April Mai Juni "
    "Juli August September Oktober November Dezember USA Schweiz Türkei".split()
)


def anchored(draft: Draft, context: Context) -> Draft | None:
    """Name what the question is about where its own words do not; None where nothing can."""
    if context.mentions_anchor(draft.question):
        return draft
    vague = any(found[1] not in _FAMILIAR for found in _VAGUE.finditer(draft.question))
    if not vague and not (draft.rule in ("instruction", "prohibition") and context.named):
        return draft
    if not context.anchor:
        return None
    lead = pick(
        ("Zum Thema {}:", "In Bezug auf {}:", "Thema {}:", "Eine Frage zu {}:"),
        context.salt,
        draft.question,
    )
    return replace(draft, question=f"{lead.format(context.anchor)} {draft.question}")


def sound(draft: Draft) -> bool:
    """The last look at a draft: refuse rather than ask badly."""
    question, answer = draft.question, draft.answer
    words = question[:-1].split()
    if not 3 <= len(words) <= 32 or len(answer.split()) > 40 or question.count(",") > 3:
        return False
    if _FORBIDDEN.search(question) or question.count("(") != question.count(")"):
        return False
    if draft.rule != "prohibition" and answer.lower() in question.lower():
        return False
    if question.count("„") != len(re.findall("[“”]", question)) or question.count('"') % 2:
        return False
    if re.search(r"\b(?:der|die|das|und|oder|ein|eine|des|dem|den|nicht|als|von|in)\?\Z", question):
        return False
    asked = {word.strip(".,;„“?()").lower() for word in question.split()}
    said = [word.strip(".,;„“()").lower() for word in answer.split()]
    return draft.rule == "prohibition" or any(
        word not in asked and word not in FUNCTION_WORDS for word in said
    )
