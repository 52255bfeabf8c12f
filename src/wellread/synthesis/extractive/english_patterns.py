"""Rules that need the whole English sentence: conditions, instructions, counts, abbreviations."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from wellread.synthesis.extractive.context import Context
from wellread.synthesis.extractive.english_clause import parse
from wellread.synthesis.extractive.english_words import (
    BASES,
    BE,
    DATE,
    FUNCTION_WORDS,
    NUMBER,
    PAST,
    PREPOSITIONS,
    PRONOUNS,
    THIRD,
    TRANSITIVE,
    is_plural,
    singular,
)
from wellread.synthesis.extractive.facts import Draft

Pattern = Callable[[str, Context], Iterator[Draft]]

_IMPERATIVES = frozenset(
    "press hold turn switch remove insert clean rinse fill empty replace check open close unplug "
    "plug connect disconnect wait contact use store keep place put pull push wipe dry "
    "descale drain "
    "tighten loosen attach install select enter click tap set adjust read wash let make leave "
    "return send call reset restart run stop start call ask inform report take move "
    "slide lift lower "
    "apply add pour mount align lock unlock charge update download save create delete choose "
    "verify ensure avoid handle lubricate inspect measure write sign keep have dispose recycle "
    "repeat continue release shake cover wear protect follow consult refer order notify submit "
    "swap test back contact allow soak immerse vent flush scrub brush hang fold pack ship "
    "email".split()
)
_CONDITION = re.compile(
    r"(?P<word>If|When|Whenever|Before|After|Once|Unless|As soon as|While) "
    r"(?P<clause>[^,;:]{6,110}), (?:then )?(?P<main>[a-zA-Z].+)\Z"
)
_GOAL = re.compile(r"(?:In order to|To) (?P<goal>[a-z][^,;:]{5,90}), (?P<main>[a-z].+)\Z")
_TRAILING_IF = re.compile(
    r"(?P<main>[A-Z][^,;:]{8,90}),? (?P<word>if|when|before|after) (?P<clause>[^,;:]{6,90})\Z"
)
_FRONT_DATE = re.compile(rf"(?P<date>(?:In|On|Since|By|Around|During) {DATE}),? (?P<rest>\S.+)\Z")
_THERE = re.compile(
    rf"There (?P<be>are|were) (?P<amount>(?:about |over |nearly |approximately |more "
    rf"than |at least |only |exactly )?{NUMBER}) (?P<noun>[\w -]+?)(?P<tail> (?:in|on|at|"
    rf"for|of|within|per|inside) .+)\Z"
)
_MANY = re.compile(
    rf"(?P<amount>(?:(?:About|Over|Nearly|Approximately|More than|At least|Only|Exactly|"
    rf"Up to) )?{NUMBER}) (?P<rest>(?!percent|times|of |or |and |to )[a-z].+)\Z",
    re.IGNORECASE,
)
_PERCENT = re.compile(
    r"(?P<amount>(?:(?:About|Over|Nearly|Approximately|More than|At least|Only) "
    r")?\d[\d.,]* ?(?:%|percent)) of (?P<rest>.+)\Z"
)
_ABBREVIATION = re.compile(
    r"(?P<words>(?:[A-Za-z][\w’'-]+[ -]){1,7}[A-Za-z][\w’'-]+) \((?P<short>[A-Z][A-Za-z&/-]{1,7})\)"
)
_CALLED = re.compile(
    r"(?P<what>An? .{8,90}?) is (?:called|known as|termed|referred to as) "
    r"(?P<name>(?:an? |the )?[\w -]{3,40})\Z"
)
_MEANS = re.compile(
    r"(?:The (?:term|word|abbreviation) )?[“\"]?(?P<name>[\w][\w -]{1,40}?)[”\"]? "
    r"(?:means|stands for|refers to) (?P<meaning>.{6,})\Z"
)
_DANGLING = re.compile(
    r"\bthat (?:time|point|case|way|date|period)\b|\b(?:specific|certain|given)\b|"
    r"\b(?:greater|more|less|higher|lower|"
    r"longer|so|not|necessary|possible|applicable|required|needed|desired)\Z"
)
_PRONOUN_IN = re.compile(
    r"\b(?:" + "|".join(sorted(PRONOUNS - {"you", "your", "one", "that", "which", "who"})) + r")\b",
    re.IGNORECASE,
)


def conditions(core: str, context: Context) -> Iterator[Draft]:
    """If the tank is empty, fill it. -> What should you do if the tank is empty?"""
    found = _CONDITION.match(core) or _TRAILING_IF.match(core)
    if not found or _PRONOUN_IN.search(found["clause"].split(" that ")[0]):
        return
    word, clause = found["word"].lower(), found["clause"]
    if word in ("before", "after") and not re.match(r"\D+ \S+", clause):
        return
    if re.search(r"\b(?:these|following)\b", found["main"]):
        return
    if (
        _DANGLING.search(clause)
        or re.search(r"\byou have\b", clause)
        or re.match(r"let it|go to|otherwise", found["main"], re.IGNORECASE)
    ):
        return
    main = found["main"][:1].lower() + found["main"][1:]
    if word not in ("before", "after", "unless") and not _is_clause(clause) and "ing" not in clause:
        return
    first = main.split()[0]
    if _imperative(main):
        asks = f"What should you do {word} {clause}?"
        yield Draft(asks, f"what to do {word} {clause}", main, "instruction", "", 1.3)
        return
    parsed = parse(main[:1].upper() + main[1:]) or parse(f"{main[:1].upper()}{main[1:]} at once")
    if not parsed or word in ("unless", "while") or first in ("there", "it", "this"):
        return
    subject = context.lower_first(parsed.subject)
    if parsed.auxiliary in ("must", "should", "shall") and _plain_verb(parsed.rest):
        asks = f"What {parsed.auxiliary} {subject} do {word} {clause}?"
        about = f"what {subject} {parsed.auxiliary} do {word} {clause}"
        yield Draft(asks, about, parsed.rest, "instruction", subject, 1.2)
    elif (
        parsed.tense == "present"
        and word in ("if", "when", "once", "after")
        and _is_present(clause)
        and not clause.split()[0].endswith("ing")
    ):
        yield Draft(
            f"What happens {word} {clause}?",
            f"what happens {word} {clause}",
            main,
            "condition",
            "",
            1.2,
        )


def _plain_verb(rest: str) -> bool:
    first = rest.split()[0] if rest else ""
    return first in BASES or first in _IMPERATIVES


def _is_clause(text: str) -> bool:
    words = text.split()
    return any(
        w in BE
        or w in THIRD
        or w in ("has", "have", "do", "does", "you", "can", "must", "needs")
        or (w in BASES and i)
        for i, w in enumerate(words)
    )


def _is_present(text: str) -> bool:
    words = text.split()
    return any(
        w in ("is", "are", "has", "have", "does") or w in THIRD or w in BASES for w in words
    ) and not any(w in ("was", "were", "had") or (w in PAST and w not in BASES) for w in words)


def _imperative(main: str) -> bool:
    main = re.sub(
        r"\A(?:please|always|first|immediately|then|carefully|simply|do not|never) ", "", main
    )
    words = main.split()
    return len(words) > 1 and words[0] in _IMPERATIVES and (words[1] not in BE)


def goals(core: str, context: Context) -> Iterator[Draft]:
    """To reset the device, hold the button. -> What should you do to reset the device?"""
    found = _GOAL.match(core)
    if not found or _PRONOUN_IN.search(found["goal"]):
        return
    goal, main = found["goal"], found["main"]
    if len(goal.split()) < 3:
        return
    if _imperative(main):
        yield Draft(f"How do you {goal}?", f"how to {goal}", main, "instruction", "", 1.3)
        return
    parsed = parse(main[:1].upper() + main[1:])
    if parsed and parsed.auxiliary in ("must", "should", "shall") and _plain_verb(parsed.rest):
        subject = context.lower_first(parsed.subject)
        asks = f"What {parsed.auxiliary} {subject} do to {goal}?"
        yield Draft(
            asks,
            f"what {subject} {parsed.auxiliary} do to {goal}",
            parsed.rest,
            "instruction",
            subject,
            1.2,
        )


def instructions(core: str, context: Context) -> Iterator[Draft]:
    """Descale the machine every two months. -> How often should you descale the machine?"""
    main = core[:1].lower() + core[1:]
    no = re.match(r"(?:do not|don't|never) (?P<act>[a-z]+ .+)\Z", main)
    if no:
        act = re.split(r", | because | as |; | or else | otherwise | – | — |: ", no["act"])[0]
        if (
            not _PRONOUN_IN.search(act)
            and 3 <= len(act.split()) <= 16
            and (act.split()[0] in _IMPERATIVES or act.split()[0] in TRANSITIVE - {"get"})
            and " unless " not in core
            and " until " not in core
        ):
            yield Draft(
                f"Are you allowed to {act}?",
                f"whether you are allowed to {act}",
                "no",
                "prohibition",
                "",
                1.0,
            )
        return
    if not _imperative(main):
        return
    often = re.match(
        rf"(?P<act>[^,;]+?) (?P<often>(?:at least )?(?:every (?:(?:{NUMBER}|other|few) "
        rf")?[a-z]+|(?:once|twice|{NUMBER} times) (?:a|per|every) [a-z]+|daily|weekly|"
        rf"monthly))(?:[,;] .+| (?:with|using|to|and|in) .+)?\Z",
        main,
    )
    if often and _names_object(often["act"]):
        yield Draft(
            f"How often should you {often['act']}?",
            f"how often you should {often['act']}",
            often["often"],
            "number",
            "",
            1.3,
        )
        return
    span = re.match(
        rf"(?P<act>[^,;]+?) (?P<span>for (?:at least |about |up to )?{NUMBER}(?:(?: to |-|"
        rf"–){NUMBER})? (?:seconds?|minutes?|hours?|days?|weeks?))(?:[,;.] .+| (?:until|to|"
        rf"and|before) .+)?\Z",
        main,
    )
    if span and _names_object(span["act"]) and " and " not in span["act"]:
        yield Draft(
            f"For how long should you {span['act']}?",
            f"for how long you should {span['act']}",
            span["span"],
            "number",
            "",
            1.2,
        )


def _names_object(act: str) -> bool:
    """Whether an instruction says what is to be handled: "hold the button", not "let simmer"."""
    words = act.split()
    if len(words) < 3 or words[0] in ("let", "allow", "make") or _PRONOUN_IN.search(act):
        return False
    return words[1] not in ("to", "in", "on", "at", "for", "with", "until")


def fronted_date(core: str, context: Context) -> Iterator[Draft]:
    """In 1998, Ada Holm founded the firm. -> When did Ada Holm found the firm?"""
    found = _FRONT_DATE.match(core)
    if not found:
        return
    clause = parse(found["rest"][:1].upper() + found["rest"][1:])
    if not clause or not (clause.tense == "past" or clause.auxiliary in ("was", "were")):
        return
    rest = clause.part()
    if "," in rest or not 2 <= len(rest.split()) <= 20 or re.search(DATE, rest):
        return
    if clause.tense == "be" and not re.match(
        r"(?:\w+ly )?\w+(?:ed|en|wn|ng|lt|ld|de|nt) ", rest + " "
    ):
        return
    subject = context.lower_first(clause.subject)
    date = found["date"][:1].lower() + found["date"][1:]
    asks = "Since when" if date.startswith("since") else "When"
    yield Draft(
        f"{asks} {clause.invert(rest, subject)}?",
        f"{asks.lower()} {clause.plain(rest, subject)}",
        date,
        "date",
        subject,
        1.1,
    )


def counts(core: str, context: Context) -> Iterator[Draft]:
    """There are eight rollers in the feeder. -> How many rollers are there in the feeder?"""
    there = _THERE.match(core)
    if (
        there
        and is_plural(there["noun"].split()[-1])
        and "," not in there["tail"]
        and not re.search(r" (?:that|which|who) ", there["tail"])
    ):
        asks = f"How many {there['noun']} {there['be']} there{there['tail']}?"
        about = f"how many {there['noun']} there {there['be']}{there['tail']}"
        yield Draft(asks, about, f"{there['amount']} {there['noun']}", "number", there["noun"], 1.2)
        return
    share = _PERCENT.match(core)
    many = None if share else _MANY.match(core)
    rest = (share or many or {"rest": ""})["rest"]
    listed = many and many["amount"].isdigit() and rest[:1].isupper()
    if many and (listed or rest.split()[0].lower() in FUNCTION_WORDS):
        return
    clause = parse(rest[:1].upper() + rest[1:]) if rest else None
    if not clause or not (share or clause.plural):
        return
    after = clause.part()
    subject = rest[: len(clause.subject)] if many else context.lower_first(clause.subject)
    if (
        "," in after
        or len(after.split()) < (1 if clause.tense == "be" else 2)
        or re.search(r"\b(?:years?|months?|days?|weeks?|minutes?|hours?) (?:later|ago)", subject)
    ):
        return
    asks = f"{'What percentage of' if share else 'How many'} {subject} {clause.finite} {after}?"
    amount = (share or many or {"amount": ""})["amount"]
    yield Draft(
        asks, asks[:1].lower() + asks[1:-1], amount[:1].lower() + amount[1:], "number", after, 1.1
    )


def abbreviation_of(text: str) -> Iterator[tuple[str, str]]:
    """The first abbreviation that `text` explains, with its long form."""
    for found in _ABBREVIATION.finditer(text):
        short = found["short"]
        phrase = _phrase_for(short, found["words"].split(" "))
        if phrase:
            if short[-1] == "s" and short[:-1].isupper():
                yield short[:-1], singular(phrase)
            else:
                yield short, phrase
            return


def abbreviations(core: str, context: Context) -> Iterator[Draft]:
    """Explosive ordnance disposal (EOD) ... -> What does EOD stand for?"""
    for short, phrase in abbreviation_of(core):
        asks = f"What does the abbreviation {short} stand for?"
        about = f"what the abbreviation {short} stands for"
        said = f"The abbreviation {short} stands for {phrase}."
        yield Draft(asks, about, phrase, "abbreviation", short, 0.5, said)


def _phrase_for(short: str, words: list[str]) -> str:
    """The last words whose initials spell `short`; small words may be skipped."""
    letters = [letter for letter in short.lower() if letter.isalpha()]
    if short[-1] == "s" and short[:-1].isupper():
        letters.pop()
    if len(letters) < 2 or not short[:2].isupper():
        return ""
    index = len(words)
    for letter in reversed(letters):
        index -= 1
        while (
            index >= 0
            and words[index].lower() in ("of", "and", "the", "for", "in", "to", "on")
            and words[index][0].lower() != letter
        ):
            index -= 1
        if index < 0 or words[index][0].lower() != letter:
            return ""
    if words[index].lower() in PREPOSITIONS:
        return ""
    return " ".join(words[index:])


def terms(core: str, context: Context) -> Iterator[Draft]:
    """A sheet that jams is called a misfeed. -> What is a sheet that jams called?"""
    found = _CALLED.match(core)
    if (
        found
        and not re.search(r"\w for a ", core)
        and not _PRONOUN_IN.search(found["what"])
        and found["what"].count(" is ") == 0
    ):
        what = context.lower_first(found["what"])
        yield Draft(
            f"What is {what} called?",
            f"what {what} is called",
            found["name"],
            "definition",
            found["name"],
            1.0,
        )
    means = _MEANS.match(core)
    if (
        means
        and not re.search(r"\w for a ", core)
        and not _PRONOUN_IN.search(means["name"])
        and " " not in means["name"].replace("the ", "")
    ):
        name = means["name"]
        yield Draft(
            f"What does the term “{name}” mean?",
            f"what the term “{name}” means",
            means["meaning"].removeprefix("that "),
            "definition",
            name,
            1.0,
        )


PATTERNS: tuple[Pattern, ...] = (
    conditions,
    goals,
    instructions,
    fronted_date,
    counts,
    terms,
    abbreviations,
)
