"""English rules whose answer is a number, a measure, a span of time or a date."""

from __future__ import annotations

import re

from wellread.synthesis.extractive.english_clause import (
    Clause,
    head_noun,
    is_person,
)
from wellread.synthesis.extractive.english_words import (
    DATE,
    FUNCTION_WORDS,
    NUMBER,
    PREPOSITIONS,
    is_plural,
)
from wellread.synthesis.extractive.facts import Draft

_ABOUT = (
    r"(?:about|around|approximately|roughly|nearly|almost|up to|at least|at most|more "
    r"than|less than|over|under|only|exactly|just|no more than|a maximum of|a minimum "
    r"of|a total of)"
)


_COMPLETE_VERBS = frozenset(
    "die open begin end start close happen fall retire graduate collapse expire".split()
)


_TIME = (
    r"(?:seconds?|minutes?|hours?|days?|weeks?|months?|years?|decades?|centuries|"
    r"working days?|business days?|calendar days?)"
)


_DATE_END = re.compile(
    rf"(?P<before>.*?)\s*\b(?P<date>(?:in|on|since|until|around|during|by) (?:about |"
    rf"approximately )?{DATE})\Z"
)


_AMOUNT = re.compile(
    rf"(?P<amount>(?:{_ABOUT} )?{NUMBER})(?P<sign> ?%| percent)? (?P<rest>[A-Za-z].*)\Z",
    re.IGNORECASE,
)


_DURATION = re.compile(
    rf"(?:for )?(?P<span>(?:{_ABOUT} )?(?:{NUMBER}|a|an|one)(?: ?(?:to|-|–|or) "
    rf"?{NUMBER})? {_TIME})(?P<tail>(?: (?:of|from|after|before|in|on|at|when|with|per|"
    rf"to|under|for) .+)?)\Z"
)


_FREQUENCY = re.compile(
    rf"(?P<before>.*?)\s*\b(?P<often>(?:at least |about |up to |no more than )?(?:every "
    rf"(?:(?:{NUMBER}|other|few) )?[a-z]+(?: [a-z]+)?"
    rf"|(?:once|twice|{NUMBER} times|at least once) (?:a|an|per|every) [a-z]+|daily|"
    rf"weekly|monthly|annually|quarterly|yearly))\Z"
)


_WITHIN = re.compile(
    rf"(?P<before>.*?)\s*\b(?P<within>within (?:(?:{NUMBER}|one|a|an) "
    rf")(?P<unit>{_TIME}))(?P<tail>(?: (?:of|from|after|before) .+)?)\Z"
)


_FOR_TIME = re.compile(
    rf"(?P<before>.+?)\s*\b(?P<span>for (?:{_ABOUT} )?{NUMBER}(?: to {NUMBER})? "
    rf"{_TIME})(?P<tail>(?: (?:after|before|from|in|at|on) .+)?)\Z"
)


_DIMENSION = re.compile(
    rf"(?P<value>(?:{_ABOUT} )?{NUMBER} ?[\w°]+) (?P<adjective>wide|long|high|deep|tall|"
    rf"thick|heavy|old|large)\Z"
)


_MEASURED = re.compile(
    rf"(?:{_ABOUT} )?(?:[$€£]\s?)?{NUMBER}(?: ?(?:%|°[CF]|[A-Za-zµ/²³]+)){{0,3}}"
    rf"(?: for the [A-Z]\w*(?: \w+)?(?: and {NUMBER} \w+ ?\w* for the [A-Z]\w*(?: \w+)?)?)?\Z"
)


_DATE_BEFORE_AGENT = re.compile(
    rf"(?P<before>.+?) (?P<date>(?:in|on) {DATE})(?P<tail> (?:by|as|to|for) .+)\Z"
)
_NOT_BEFORE_DATE = re.compile(
    rf"{DATE}|\b(?:but|that|which|who|because|after|before|since|until|when)\b|, "
)
_PARTICIPLE_FIRST = re.compile(
    r"(?:\w+ly )?(?:[a-z]+(?:ed|en|wn|ng)|built|held|made|led|born|founded|set|fought|"
    r"sold|won|lost|sent|bought|brought|taught|put|kept|begun|cut|hit|first \w+ed) ?"
)
_ASKS = {"since": "Since when", "until": "Until when", "by": "By when"}


def _when(clause: Clause) -> Draft | None:
    """S VERB ... in 1998 -> When did S VERB ...?"""
    if clause.tense not in ("past", "be") or clause.auxiliary in ("is", "are"):
        return None
    part = clause.part()
    found = _DATE_END.match(part) or _DATE_BEFORE_AGENT.match(part)
    if not found or re.search(r"\b(?:between|from|and|,)\s*\Z", found["before"]):
        return None
    before = (found["before"].rstrip(" ,") + (found.groupdict().get("tail") or "")).strip()
    if not _dated(clause, before):
        return None
    asks = _ASKS.get(found["date"].split()[0], "When")
    return Draft(
        f"{asks} {clause.invert(before)}?",
        f"{asks.lower()} {clause.plain(before)}",
        found["date"],
        "date",
        clause.subject,
        1.1,
    )


def _dated(clause: Clause, before: str) -> bool:
    """Whether `before` is a whole predicate that the date can belong to."""
    if len(before.split()) > 20 or _NOT_BEFORE_DATE.search(before) or clause.part(before) != before:
        return False
    if clause.tense == "be":
        return bool(_PARTICIPLE_FIRST.match(before + " "))
    return bool(before) or clause.verb in _COMPLETE_VERBS


def _frequency(clause: Clause) -> Draft | None:
    """S must be V-ed every 500 km -> How often must S be V-ed?"""
    found = _FREQUENCY.match(clause.rest)
    if not found or not found["before"] or clause.tense == "perfect":
        return None
    if clause.tense == "be" and found["before"].split()[-1] in ("the", "a", "an"):
        return None
    return _by_adverbial(clause, found["before"], found["often"], "How often")


def _within(clause: Clause) -> Draft | None:
    """S must be V-ed within 30 days -> Within how many days must S be V-ed?"""
    found = _WITHIN.match(clause.rest)
    if not found or not found["before"]:
        return None
    unit = found["unit"] if found["unit"].endswith("s") else found["unit"] + "s"
    return _by_adverbial(
        clause, found["before"], found["within"], f"Within how many {unit}{found['tail']}"
    )


def _for_time(clause: Clause) -> Draft | None:
    """S must be V-ed for 10 minutes -> For how long must S be V-ed?"""
    found = _FOR_TIME.match(clause.rest)
    if not found or found["before"].split()[0] in ("last", "run", "take"):
        return None
    return _by_adverbial(clause, found["before"] + "", found["span"], "For how long", found["tail"])


def _by_adverbial(
    clause: Clause, before: str, answer: str, asks: str, tail: str = ""
) -> Draft | None:
    before = before.rstrip(" ,")
    last = before.split()[-1] if before else ""
    if not before or ", " in before or last in FUNCTION_WORDS or clause.part(before) != before:
        return None
    if re.search(
        r"\b(?:that|which|who|because|when|if|while|but)\b|:| and \w+s (?:the|its|an?|their)\b",
        before,
    ):
        return None
    question = f"{asks} {clause.invert(before)}{tail}?"
    about = f"{asks.lower()} {clause.plain(before)}{tail}"
    return Draft(question, about, answer, "number", clause.subject, 1.1)


def _dimension(clause: Clause) -> Draft | None:
    """S is 24 cm wide -> How wide is S?"""
    found = _DIMENSION.match(clause.rest) if clause.tense == "be" else None
    if not found:
        return None
    adjective = found["adjective"]
    question = f"How {adjective} {clause.auxiliary} {clause.subject}?"
    about = f"how {adjective} {clause.subject} {clause.auxiliary}"
    return Draft(question, about, clause.rest, "number", clause.subject, 1.2)


def _value(clause: Clause) -> Draft | None:
    """The capacity is 24 litres -> What is the capacity?"""
    answer = re.split(r", (?!\d)", clause.part())[0]
    if clause.auxiliary != "is" or clause.plural or _DIMENSION.match(answer):
        return None
    if not _MEASURED.match(answer) or not _MEASURE_NOUN.search(head_noun(clause.subject)):
        return None
    if is_person(head_noun(clause.subject)) or not clause.subject.startswith("the "):
        return None
    question = f"What {clause.auxiliary} {clause.subject}?"
    about = f"what {clause.subject} {clause.auxiliary}"
    return Draft(question, about, answer, "number", clause.subject, 1.2)


_MEASURE_NOUN = re.compile(
    r"(?:voltage|current|capacity|resolution|weight|mass|width|height|length|depth|"
    r"range|speed|power|"
    r"output|price|cost|fee|temperature|size|volume|pressure|torque|limit|interval|period|distance|"
    r"revenue|profit|rate|number|code|age|time|duration|population|area|density|humidity|memory|"
    r"maximum|minimum|warranty|deposit|share|amount|frequency|efficiency|diameter|thickness|"
    r"consumption|level|value|password|charge|discount|salary|budget|reserve|load|altitude|"
    r"elevation|strength|angle|radius|lifetime|life|requirement|allowance|term)\Z"
)
_ATTRIBUTE = re.compile(
    rf"an? (?P<noun>(?:[a-z-]+ ){{0,2}}[a-z-]+) of (?P<amount>(?:{_ABOUT} )?{NUMBER} ?[\w°%]+)"
    r"(?P<tail>(?: (?:at|in|on|when|with|after|from|for|per) .+)?)\Z"
)


def _attribute(clause: Clause) -> Draft | None:
    """The cell has a voltage of 2 V -> What voltage does the cell have?"""
    found = _ATTRIBUTE.match(re.split(r", | and (?=a )", clause.part())[0])
    if clause.verb != "have" or clause.tense == "perfect" or not found:
        return None
    noun = found["noun"]
    if not _MEASURE_NOUN.search(noun):
        return None
    tail = re.sub(r" instead of .+", "", found["tail"])
    return Draft(
        f"What {noun} {clause.invert(tail.strip())}?",
        f"what {noun} {clause.plain(tail.strip())}",
        found["amount"],
        "number",
        clause.subject,
        1.2,
    )


def _duration(clause: Clause) -> Draft | None:
    """The warranty lasts 36 months -> How long does the warranty last?"""
    if clause.verb not in ("last", "take", "run", "remain", "live") and clause.tense != "modal":
        return None
    verb, rest = clause.verb, clause.rest
    if clause.tense == "modal":
        verb, _, rest = rest.partition(" ")
        if verb not in ("last", "take", "run"):
            return None
    found = _DURATION.match(rest)
    if not found:
        return None
    trail = re.split(rf" and (?:{_ABOUT} )?{NUMBER}|, | but ", found["tail"])[0]
    tail = (verb if clause.tense == "modal" else "") + trail
    question = f"How long {clause.invert(tail.strip())}?"
    about = f"how long {clause.plain(tail.strip())}"
    return Draft(question, about, found["span"], "number", clause.subject, 1.3)


_UNITLESS = re.compile(
    r"(?:of|or|and|to|in|times|percent|at|on|by|is|was|more|most|as|were|are|point|th|st)\b"
)


def _count(clause: Clause) -> Draft | None:
    """S holds 24 litres of water -> How many litres of water does S hold?"""
    if clause.tense in ("be", "modal") or clause.verb in ("last", "take", "measure"):
        return None
    found = _AMOUNT.match(clause.rest)
    if not found:
        return None
    if clause.verb in ("weigh", "cost"):
        return _much(clause, clause.rest)
    if found["sign"] or _UNITLESS.match(found["rest"]):
        return None
    noun, tail = _counted_noun(found["rest"])
    if not noun:
        return None
    answer = f"{found['amount']} {noun}"
    question = f"How many {noun} {clause.invert(tail)}?"
    return Draft(
        question, f"how many {noun} {clause.plain(tail)}", answer, "number", clause.subject, 1.2
    )


def _much(clause: Clause, rest: str) -> Draft | None:
    answer = re.split(r",| (?:but|when|with|without) | and (?=[a-z]+s )", rest)[0]
    return Draft(
        f"How much {clause.invert('')}?",
        f"how much {clause.plain('')}",
        answer,
        "number",
        clause.subject,
        1.2,
    )


_UNITS = frozenset("kg km cm mm m g l ml W kW V A Hz MB GB TB litres liters".split())


def _counted_noun(rest: str) -> tuple[str, str]:
    """``litres of water in its tank`` -> (``litres of water``, ``in its tank``)."""
    words = rest.split()
    for index, word in enumerate(words[:5]):
        if index and word.lower() in FUNCTION_WORDS:
            return "", ""
        bare = word.rstrip(",;")
        if bare in _UNITS or is_plural(bare):
            following = words[index + 1 : index + 2]
            if following and is_plural(following[0].rstrip(",;")) and bare == word:
                continue
            return _with_tail(words, index, bare != word)
    return "", ""


def _with_tail(words: list[str], index: int, stop: bool) -> tuple[str, str]:
    noun = " ".join(words[: index + 1]).rstrip(",;")
    tail = words[index + 1 :]
    if stop or not tail:
        return noun, ""
    if tail[0] == "of":
        return (
            (" ".join([noun, *tail]), "")
            if len(tail) < 6 and "," not in " ".join(tail)
            else (noun, "")
        )
    text = " ".join(tail)
    cut = re.split(
        r",|;| (?:and|but|which|that|who|while|as|with) |\A(?:and|but|which|that|who|while|"
        r"as|with)\b",
        text,
    )[0].strip()
    if cut and cut.split()[0] not in PREPOSITIONS:
        return "", ""
    pair = re.match(r"\w+ \w+ and \w+(?=,|\Z)", text)
    return noun, pair.group() if pair else cut
