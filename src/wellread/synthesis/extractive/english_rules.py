"""Rules that turn an English main clause into a question: one small function a pattern.

Each takes a `Clause` whose subject is already worded for the middle of a sentence ("the feed
roller", "Marie Curie") and returns a `Draft` or None. `RULES` is their order of preference.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from wellread.synthesis.extractive.english_clause import (
    Clause,
    head_noun,
    is_person,
    noun_phrase_starts,
)
from wellread.synthesis.extractive.english_words import (
    DATE,
    DETERMINERS,
    FUNCTION_WORDS,
    NUMBER,
    NUMBER_WORDS,
    PARTICIPLES,
    PREPOSITIONS,
    BASES,
    TRANSITIVE,
    is_plural,
)
from wellread.synthesis.extractive.facts import Draft

Rule = Callable[[Clause], Draft | None]

_ABOUT = r"(?:about|around|approximately|roughly|nearly|almost|up to|at least|at most|more than|less than|over|under|only|exactly|just|no more than|a maximum of|a minimum of|a total of)"
_COMPLETE_VERBS = frozenset(
    "die open begin end start close happen fall retire graduate collapse expire".split()
)
_TIME = r"(?:seconds?|minutes?|hours?|days?|weeks?|months?|years?|decades?|centuries|working days?|business days?|calendar days?)"
_DATE_END = re.compile(
    rf"(?P<before>.*?)\s*\b(?P<date>(?:in|on|since|until|around|during|by) (?:about |approximately )?{DATE})\Z"
)
_AMOUNT = re.compile(
    rf"(?P<amount>(?:{_ABOUT} )?{NUMBER})(?P<sign> ?%| percent)? (?P<rest>[A-Za-z].*)\Z",
    re.IGNORECASE,
)
_DURATION = re.compile(
    rf"(?:for )?(?P<span>(?:{_ABOUT} )?(?:{NUMBER}|a|an|one)(?: ?(?:to|-|–|or) ?{NUMBER})? {_TIME})(?P<tail>(?: (?:of|from|after|before|in|on|at|when|with|per|to|under|for) .+)?)\Z"
)
_FREQUENCY = re.compile(
    rf"(?P<before>.*?)\s*\b(?P<often>(?:at least |about |up to |no more than )?(?:every (?:(?:{NUMBER}|other|few) )?[a-z]+(?: [a-z]+)?"
    rf"|(?:once|twice|{NUMBER} times|at least once) (?:a|an|per|every) [a-z]+|daily|weekly|monthly|annually|quarterly|yearly))\Z"
)
_WITHIN = re.compile(
    rf"(?P<before>.*?)\s*\b(?P<within>within (?:(?:{NUMBER}|one|a|an) )(?P<unit>{_TIME}))(?P<tail>(?: (?:of|from|after|before) .+)?)\Z"
)
_FOR_TIME = re.compile(
    rf"(?P<before>.+?)\s*\b(?P<span>for (?:{_ABOUT} )?{NUMBER}(?: to {NUMBER})? {_TIME})(?P<tail>(?: (?:after|before|from|in|at|on) .+)?)\Z"
)
_DIMENSION = re.compile(
    rf"(?P<value>(?:{_ABOUT} )?{NUMBER} ?[\w°]+) (?P<adjective>wide|long|high|deep|tall|thick|heavy|old|large)\Z"
)
_MEASURED = re.compile(
    rf"(?:{_ABOUT} )?(?:[$€£]\s?)?{NUMBER}(?: ?(?:%|°[CF]|[A-Za-zµ/²³]+)){{0,3}}\Z"
)
_SUPERLATIVE = re.compile(
    r"the (?:(?:second|third) )?(?:(?:most|least) \w+|first|last|only|\w{2,}est|best|worst|main|primary|principal|sole) (?:\w+[ ,]){0,6}\w+"
)
_NOT_SUPERLATIVE = re.compile(
    r"the (?:west|east|rest|test|interest|forest|guest|request|harvest|contest|protest|priest|chest|midwest|northwest|southwest)\b",
    re.IGNORECASE,
)
_KIND_NOUN = re.compile(
    r"(?:forms?|types?|kinds?|components?|elements?|parts?|principles?|tasks?|cells?|steps?|phases?|"
    r"stages?|categories|functions?|factors?|characteristics|requirements|capabilities|domains|"
    r"areas?|methods?|levels|objectives|goals|colou?rs|modes|options|features|exceptions|rules|"
    r"purposes|duties|responsibilities|fundamentals|attributes|instruments|symbols|languages)\Z",
    re.IGNORECASE,
)
_BE_DEFINITION = re.compile(r"(?:a|an|the|any|one of|part of|a type of|a kind of) \S+ \S+.*\Z")
_STRANDED = {
    "used": ("to", "for", "in", "as", "with", "by"),
    "made": ("of", "from", "up of"),
    "composed": ("of", "by"),
    "known": ("as", "for"), "called": ("",), "named": ("after", ""),
    "based": ("on", "upon"), "derived": ("from",), "designed": ("to", "for"),
    "intended": ("to", "for"), "required": ("to", "for"), "responsible": ("for",),
    "equipped": ("with",), "connected": ("to",), "attached": ("to",), "assigned": ("to",),
    "divided": ("into",), "organized": ("into", "by", "around"), "split": ("into",),
    "associated": ("with",), "related": ("to",), "characterized": ("by",), "caused": ("by",),
    "defined": ("as", "by"), "determined": ("by",), "measured": ("in", "by"),
    "limited": ("to",), "linked": ("to",), "covered": ("by", "with"), "driven": ("by",),
    "powered": ("by",), "controlled": ("by",), "protected": ("by", "from", "against"),
    "focused": ("on",), "similar": ("to",), "suitable": ("for",), "eligible": ("for",),
    "capable": ("of",), "compatible": ("with",), "subject": ("to",), "dependent": ("on",),
    "ideal": ("for",), "famous": ("for",), "replaced": ("by", "with"), "followed": ("by",),
    "supported": ("by",), "led": ("by",), "operated": ("by",), "governed": ("by",),
    "developed": ("by",), "invented": ("by",), "discovered": ("by",), "written": ("by",),
    "founded": ("by",), "built": ("by",), "created": ("by",), "designed by": ("",),
    "published": ("by",), "produced": ("by",), "owned": ("by",), "managed": ("by",),
    "conducted": ("by",), "performed": ("by",), "prepared": ("by",), "issued": ("by",),
    "approved": ("by",), "proposed": ("by",), "introduced": ("by",), "elected": ("by",),
    "appointed": ("by",), "formed": ("by", "from"), "surrounded": ("by",), "fitted": ("with",),
    "filled": ("with",), "lined": ("with",), "treated": ("with",), "provided": ("by", "with"),
    "established": ("by",), "directed": ("by",), "headed": ("by",), "sponsored": ("by",),
    "influenced": ("by",), "inspired": ("by",), "affected": ("by",), "trained": ("to",),
    "classified": ("as", "into", "by"), "regarded": ("as",), "considered": ("",),
    "referred": ("to as",), "described": ("as",), "translated": ("as", "by"),
    "involved": ("in",), "engaged": ("in",), "given": ("to",), "granted": ("to", "by"),
    "converted": ("into", "to"), "reported": ("to", "by"), "sent": ("to",), "sold": ("to", "by"),
}  # fmt: skip
_WHERE = re.compile(
    r"(?P<verb>located|situated|based|headquartered|housed|stored|installed|mounted|found|held|buried|printed|kept|manufactured|born|built|displayed|signed|fought|placed|positioned) "
    r"(?P<place>(?:in|at|on|near|between|behind|under|below|above|inside|beneath|outside|along|next to|in front of) .+)\Z"
)
_PERSON_VERB = frozenset(
    "invented discovered written founded composed painted proposed led developed directed elected".split()
)
_PERSON_DEEDS = frozenset(
    "write invent discover compose paint marry win lead propose publish teach study earn say".split()
)


def _where(clause: Clause) -> Draft | None:
    """S is located in PLACE -> Where is S located?"""
    found = _WHERE.match(clause.rest) if clause.tense == "be" else None
    if not found or re.search(rf"\b{DATE}", found["place"]):
        return None
    place = clause.part(found["place"])
    if re.match(
        r"(?:at|in|on) (?:night|least|most|any|all|the time|the morning|average|\d|one)", place
    ):
        return None
    question = f"Where {clause.invert(found['verb'])}?"
    if found["verb"] in ("found", "held") and not re.match(
        r"(?:in|at|near|on) (?:the )?[A-Z]", place
    ):
        return None
    return Draft(question, f"where {clause.plain(found['verb'])}", place, "where", clause.subject)


def _definition(clause: Clause) -> Draft | None:
    """An X is a Y that ... -> What is an X?"""
    if clause.tense != "be" or not _BE_DEFINITION.match(clause.rest):
        return None
    if len(clause.rest.split()) < 4 or re.match(
        r"(?:a|the) (?:good|bad|great|most|least) ", clause.rest
    ):
        return None
    if _SUPERLATIVE.match(clause.rest) and not _NOT_SUPERLATIVE.match(clause.rest):
        return None
    named = _is_named(clause.subject)
    if re.match(r"an? (?:similar|further|another|controversial|special|common|major|key|strengthening|matter)|one of", clause.rest):
        return None
    if re.search(r"\b(?:this|that (?:of|conjecture|case|time)|these|those)\b", clause.rest):
        return None
    if (named and clause.rest.startswith("the ")) or not _definable(clause, named):
        return None
    word = "Who" if named and _is_who(clause) else "What"
    question = f"{word} {clause.auxiliary} {clause.subject}?"
    about = f"{word.lower()} {clause.subject} {clause.auxiliary}"
    return Draft(question, about, clause.part(), "definition", clause.subject, 1.0)


def _definable(clause: Clause, named: bool) -> bool:
    """Whether "What is S?" asks for what a thing is, not for a passing remark on it."""
    if clause.auxiliary in ("was", "were"):
        return named
    if named:
        return True
    words = clause.subject.split()
    if re.search(r"\b(?:key|result|problem|reason|difference|focus|aim|goal|idea|answer|point|intent|end|purpose|challenge|exception)\Z", clause.subject):
        return False
    if words[0] == "the":
        acronym = words[-1].isupper() and len(words) == 2
        return not clause.plural and (acronym or len(words) >= 3 or clause.rest.startswith("the "))
    return words[0] not in ("each", "every", "all", "any", "some", "many") and not clause.plural


def _is_who(clause: Clause) -> bool:
    head = _rest_head(clause.rest).lower()
    if re.search(r"(?:University|River|School|Company|Church|College|Park|Street)", clause.subject):
        return False
    return is_person(head) or bool(re.search(r"(?:ist|ian|man|woman)\Z", head))


def _plural_definition(clause: Clause) -> Draft | None:
    """Xs are Ys that ... -> What are Xs?"""
    if clause.subject.startswith("the ") or _OTHER.match(clause.subject):
        return None
    if clause.tense != "be" or clause.auxiliary != "are":
        return None
    if not re.match(r"(?:\w+ ){0,3}\w+s (?:that|which|who|used|designed|with|of) .+", clause.rest):
        return None
    first = clause.rest.split()[0]
    if first in FUNCTION_WORDS or first in PARTICIPLES or first.endswith(("ed", "ly", "ing")):
        return None
    question = f"What are {clause.subject}?"
    return Draft(question, f"what {clause.subject} are", clause.rest, "definition", clause.subject)


def _rest_head(rest: str) -> str:
    words = re.split(r"[,;]| (?:of|who|that|which|in|from|and|for|at|by|with) ", rest)[0].split()
    return words[-1] if words else ""


def _is_named(subject: str) -> bool:
    words = subject.split()
    return bool(words) and words[-1][:1].isupper() and words[0] not in DETERMINERS


def _named_person(clause: Clause) -> bool:
    return _is_named(clause.subject) and is_person(_rest_head(clause.rest))


def _stranded(clause: Clause) -> Draft | None:
    """S is PARTICIPLE PREPOSITION ANSWER -> What is S PARTICIPLE PREPOSITION?"""
    if clause.tense != "be":
        return None
    found = re.match(
        r"(?P<adverb>(?:\w+ly|also|often) )?(?P<participle>[a-z]+) (?P<rest>.+)\Z", clause.rest
    )
    if not found or found["participle"] not in _STRANDED:
        return None
    return _strand(clause, found["participle"], found["rest"])


def _strand(clause: Clause, participle: str, rest: str) -> Draft | None:
    for preposition in _STRANDED[participle]:
        if not rest.startswith(f"{preposition} " if preposition else ("the ", "a ", "an ")):
            continue
        answer = clause.part(rest[len(preposition) :].strip())
        if preposition == "to" and participle in (
            "used",
            "designed",
            "intended",
            "required",
            "trained",
        ):
            return _purpose(clause, participle, answer)
        if preposition == "by":
            answer = re.sub(rf" (?:in|on|around|about) {DATE}\Z", "", answer)
        if re.match(rf"(?:\d|{DATE})", answer) or answer.split()[0] in ("which", "whom", "this"):
            return None
        if (
            answer.endswith("ed")
            or answer.split()[0].endswith("ing")
            and preposition != "by"
            and participle != "used"
        ):
            return None
        if preposition == "by" and " as " in answer:
            return None
        if preposition == "as" and participle == "used" and not answer.startswith(("a", "the")):
            return None
        word = "Who" if preposition == "by" and _person_phrase(answer, participle) else "What"
        tail = f"{participle} {preposition}".strip()
        return Draft(
            f"{word} {clause.invert(tail)}?",
            f"{word.lower()} {clause.plain(tail)}",
            answer,
            "relation",
            clause.subject,
            0.9,
        )
    return None


def _purpose(clause: Clause, participle: str, answer: str) -> Draft | None:
    if not answer.split()[0].islower() or answer.split()[0].endswith(("ed", "ing")):
        return None
    tail = f"{participle} to do" if participle != "used" else "used for"
    if participle == "used" and answer.startswith(("be ", "have ")):
        return None
    question = f"What {clause.invert(tail)}?"
    return Draft(question, f"what {clause.plain(tail)}", f"to {answer}", "purpose", clause.subject)


def _person_phrase(answer: str, participle: str) -> bool:
    names = re.match(r"(?:[A-Z][\w.’'-]+ )+(?:[A-Z][\w’'-]+)", answer + " ")
    head = _rest_head(answer)
    return is_person(head) or (bool(names) and participle in _PERSON_VERB)


def _superlative(clause: Clause) -> Draft | None:
    """S is the first/largest N ... -> What is the first/largest N ...?"""
    if clause.tense != "be" or _NOT_SUPERLATIVE.match(clause.rest):
        return None
    if not _SUPERLATIVE.match(clause.rest) or not _is_specific(clause.subject):
        return None
    rest = clause.part()
    if re.match(r"the (?:most|least) \w+ (?:in|of|and|among)\b|the \w+ (?:in|of|to) (?:the|its)", rest) or _OTHER.match(clause.subject):
        return None
    if len(rest.split()) < 5 or re.search(r"\b(?:its|his|her|their|to \w+)\Z", rest):
        return None
    word = "Who" if is_person(_rest_head(rest)) else "What"
    question = f"{word} {clause.auxiliary} {rest}?"
    return Draft(
        question, f"{word.lower()} {clause.auxiliary} {rest}", clause.subject, "superlative", rest
    )


def _is_specific(subject: str) -> bool:
    return subject.split()[0].lower() not in ("this", "that", "it", "they", "another", "one")


def _enumeration(clause: Clause) -> Draft | None:
    """The eight forms of contact are a, b, and c -> What are the eight forms of contact?"""
    if clause.tense != "be" or not clause.plural:
        return None
    counted = re.match(rf"the (?:\w+ )?{NUMBER} ", clause.subject)
    complement = re.search(r" (?:of|for|in) ", clause.subject)
    if not (counted or (complement and _KIND_NOUN.search(head_noun(clause.subject)))):
        return None
    items = re.split(r"[;,]| and ", clause.rest)
    first = clause.rest.split()[0]
    if len([i for i in items if i.strip()]) < 3 or first in PREPOSITIONS:
        return None
    if first in PARTICIPLES or first in ("not", "as") or first.endswith(("ed", "ly")):
        return None
    question = f"What {clause.auxiliary} {clause.subject}?"
    about = f"what {clause.subject} {clause.auxiliary}"
    return Draft(question, about, clause.rest, "list", clause.subject, 1.1)


def _when(clause: Clause) -> Draft | None:
    """S VERB ... in 1998 -> When did S VERB ...?"""
    if clause.tense not in ("past", "be") or clause.auxiliary in ("is", "are"):
        return None
    found = _DATE_END.match(clause.rest)
    if not found or re.search(r"\b(?:between|from|and|,)\s*\Z", found["before"]):
        return None
    before = found["before"].rstrip(" ,")
    if re.search(rf"{DATE}|\b(?:but|that|which|who|because|after|before|since|until|when)\b|, ", before):
        return None
    if not before and clause.verb not in _COMPLETE_VERBS or clause.part(before) != before:
        return None
    if clause.tense == "be" and not re.match(
        r"(?:\w+ly )?(?:[a-z]+(?:ed|en|wn|ng)|built|held|made|led|born|founded|set|fought|sold|won|lost|sent|bought|brought|taught|put|kept|begun|cut|hit|first \w+ed) ?",
        before + " ",
    ):
        return None
    asks = "Since when" if found["date"].startswith("since") else "When"
    if found["date"].startswith(("until", "by")):
        asks = "Until when" if found["date"].startswith("until") else "By when"
    return Draft(
        f"{asks} {clause.invert(before)}?",
        f"{asks.lower()} {clause.plain(before)}",
        found["date"],
        "date",
        clause.subject,
        1.1,
    )


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
    if re.search(r"\b(?:that|which|who|because|when|if|while|but)\b|:", before):
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
    if clause.auxiliary != "is" or clause.plural or not _MEASURED.match(clause.rest):
        return None
    if is_person(head_noun(clause.subject)) or not clause.subject.startswith("the "):
        return None
    question = f"What {clause.auxiliary} {clause.subject}?"
    about = f"what {clause.subject} {clause.auxiliary}"
    return Draft(question, about, clause.rest, "number", clause.subject, 1.2)


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
        r",|;| (?:and|but|which|that|who|while|as|with) |\A(?:and|but|which|that|who|while|as|with)\b",
        text,
    )[0].strip()
    if cut and cut.split()[0] not in PREPOSITIONS:
        return "", ""
    return noun, cut


def _why(clause: Clause) -> Draft | None:
    """S V ... because CLAUSE -> Why does S V ...?"""
    before, because, reason = clause.rest.partition(" because ")
    if not because or "," in before or len(reason.split()) < 3 or len(before.split()) > 16:
        return None
    if reason.startswith("of ") and len(reason.split()) < 4:
        return None
    if re.search(r"\b(?:not|only|simply|partly|largely|just|mainly)\Z", before):
        return None
    if clause.tense == "be" and re.match(r"(?:a|an|the) ", before):
        return None
    question = f"Why {clause.invert(before)}?"
    return Draft(
        question, f"why {clause.plain(before)}", f"because {reason}", "reason", clause.subject, 1.1
    )


_LISTING = {"consist": "of", "include": "", "comprise": "", "contain": "", "encompass": ""}
_PREPOSITIONAL = {
    "depend": ("on",), "rely": ("on",), "consist": ("of",), "result": ("in", "from"),
    "belong": ("to",), "focus": ("on",), "serve": ("as",), "refer": ("to",), "lead": ("to",),
    "contribute": ("to",), "derive": ("from",), "stand": ("for",), "apply": ("to",),
    "differ": ("from",), "specialize": ("in",), "act": ("as",), "function": ("as",),
    "report": ("to",), "feed": ("on",), "participate": ("in",), "suffer": ("from",),
}  # fmt: skip


def _prepositional_object(clause: Clause) -> Draft | None:
    """S depends on X -> What does S depend on?"""
    if clause.tense not in ("present", "past"):
        return None
    for preposition in _PREPOSITIONAL.get(clause.verb, ()):
        if clause.rest.startswith(preposition + " "):
            answer = clause.part(clause.rest[len(preposition) + 1 :])
            if re.search(r"\w for (?:a|the) ", answer) and clause.verb == "stand":
                return None
            if len(answer.split()) < 3 or _OTHER.match(answer) or _OTHER.match(clause.subject):
                return None
            if re.match(NUMBER + " ", clause.subject) or answer.split()[0] in ("which", "whom", "this", "it"):
                return None
            asks = f"What {clause.invert(preposition)}?"
            return Draft(
                asks, f"what {clause.plain(preposition)}", answer, "object", clause.subject, 0.9
            )
    return None


_EMPTY_VERBS = frozenset(
    "have take give make get put leave keep let find see set meet do need".split()
)
_TELLING_VERBS = frozenset(
    "require include comprise contain cause prohibit prevent measure encompass consume produce "
    "transmit emit absorb replace represent".split()
)
_AIM = re.compile(r"(?P<object>.+?) (?P<aim>to (?P<verb>[a-z]+) .+)\Z")


def _object(clause: Clause) -> Draft | None:
    """S integrates X -> What does S integrate?"""
    if clause.tense not in ("present", "past") or clause.verb not in TRANSITIVE:
        return None
    if not noun_phrase_starts(clause.rest) or clause.subject.split()[0] in ("all", "each", "many"):
        return None
    answer, aim = _aim(clause.part())
    least = 2 if clause.verb in _LISTING else 3
    if _OTHER.match(answer) or _OTHER.match(clause.subject) or re.match(NUMBER + " ", clause.subject):
        return None
    if len(answer.split()) < least or " that it" in answer or answer[0].isdigit():
        return None
    if re.match(r"(?:the|a|an) (?:way|fact|result|role|part|number|place)\b", answer):
        return None
    if not _telling(clause, aim) or is_person(head_noun(answer)):
        return None
    weight = 0.9 if clause.verb in _LISTING else 0.6
    question = f"What {clause.invert(aim)}?"
    return Draft(question, f"what {clause.plain(aim)}", answer, "object", clause.subject, weight)


_OTHER = re.compile(
    r"(?:an? |the |two |some )?(?:similar|earlier|another|same|each other|further|other|several|some|second|"
    r"additional|latter|former|certain|such|more|various|following|new)\b", re.IGNORECASE
)
_DEEDS = frozenset(
    "invent discover found establish write compose publish build develop design introduce win propose "
    "replace contain include paint sign direct defeat conquer found create produce comprise own "
    "operate offer require".split()
)


def _telling(clause: Clause, aim: str) -> bool:
    """Whether subject, verb and aim narrow the answer down."""
    if clause.verb in _EMPTY_VERBS:
        return False
    if len(aim.split()) >= 4:
        return True
    if _is_named(clause.subject) and len(clause.subject.split()) < 4 and clause.verb not in _DEEDS:
        return False
    words = [w for w in clause.subject.split() if w.lower() not in FUNCTION_WORDS]
    return (
        clause.verb in _TELLING_VERBS
        or len(words) >= 2
        and not is_person(head_noun(clause.subject))
    )


def _aim(rest: str) -> tuple[str, str]:
    """Split off a purpose: ``changes to support the plan`` -> ``changes``, ``to support the plan``."""
    found = _AIM.match(rest)
    if not found or found["verb"] not in BASES or re.search(r",| (?:that|which|who) ", found["object"]):
        return rest, ""
    last = found["object"].split()[-1].lower()
    if last in FUNCTION_WORDS or last in _TAKES_INFINITIVE or len(found["object"].split()) > 9:
        return rest, ""
    if "," in found["aim"] or re.search(r"\b(?:its|their|his|her|it|them)\b", found["aim"]):
        return rest, ""
    return found["object"], found["aim"]


_TAKES_INFINITIVE = frozenset(
    "able ability capability capabilities authority need needs right rights responsibility plan plans "
    "requirement requirements attempt attempts effort efforts opportunity opportunities order orders "
    "way ways decision desire power freedom means tendency potential capacity willingness readiness "
    "time actions action one first last necessary required likely guidance permission".split()
)


def _agent(clause: Clause) -> Draft | None:
    """The fire officer leads the cell ... -> Which officer / Who leads the cell ...?"""
    if clause.tense not in ("present", "past") or clause.verb not in TRANSITIVE - _EMPTY_VERBS and not clause.person:
        return None
    if clause.verb not in TRANSITIVE or _OTHER.match(clause.subject):
        return None
    rest = clause.part()
    if not noun_phrase_starts(rest) or len(rest.split()) < (4 if clause.person else 6):
        return None
    if "," in rest or clause.plural or re.search(r"\b(?:its|it|they|he|she|their)\b", rest):
        return None
    if not clause.person and re.search(r"\b(?:his|her)\b", rest):
        return None
    who = "Who" if clause.person else _asks_for(clause)
    if not who:
        return None
    question = f"{who} {clause.finite} {rest}?"
    about = f"{who[0].lower()}{who[1:]} {clause.finite} {rest}"
    return Draft(question, about, clause.subject, "agent", rest, 0.7)


def _asks_for(clause: Clause) -> str:
    words = clause.subject.split()
    head = head_noun(clause.subject)
    if _is_named(clause.subject):
        return "Who" if clause.verb in _PERSON_DEEDS and len(words) > 1 else ""
    if words[0] not in ("the", "a", "an"):
        return ""
    if is_person(head):
        return "Who"
    if (
        len(words) >= 3
        and words[-1] == head
        and head.islower()
        and head.isalpha()
        and words[1] not in ("second", "first", "same", "next", "last", "new", "third")
    ):
        return f"Which {head}"
    return ""


def _obligation(clause: Clause) -> Draft | None:
    """S must approve X -> What must S approve?"""
    if clause.auxiliary not in ("must", "should", "shall"):
        return None
    verb, _, rest = clause.rest.partition(" ")
    if verb not in TRANSITIVE or not noun_phrase_starts(rest):
        return None
    answer, aim = _aim(clause.part(rest))
    if len(answer.split()) < 3 or f" and {verb}" in answer or verb in _EMPTY_VERBS:
        return None
    words = [w for w in clause.subject.split() if w.lower() not in FUNCTION_WORDS]
    if len(words) < 2 and len(aim.split()) < 4 or _OTHER.match(answer) or _OTHER.match(clause.subject):
        return None
    question = f"What {clause.invert(f'{verb} {aim}'.strip())}?"
    about = f"what {clause.plain(f'{verb} {aim}'.strip())}"
    return Draft(question, about, answer, "requirement", clause.subject, 0.9)


RULES: tuple[Rule, ...] = (
    _why,
    _dimension,
    _duration,
    _value,
    _within,
    _frequency,
    _for_time,
    _count,
    _when,
    _enumeration,
    _superlative,
    _where,
    _stranded,
    _definition,
    _plural_definition,
    _prepositional_object,
    _obligation,
    _agent,
    _object,
)
"""Most specific first; every rule is tried, and the drafts are ranked by weight."""

__all__ = ["NUMBER_WORDS", "RULES", "Rule"]
