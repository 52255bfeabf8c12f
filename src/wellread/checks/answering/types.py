"""What kind of answer a question wants, and what kind of thing a short answer is.

    expects("How many pumps are there?")   -> Expected("count", frozenset({"pump"}))
    shape("three", ...)                    -> "number"
    fit("count", "number")                 -> 1.0       -1 = cannot be, 0 = says nothing

English is read well, German, French, Spanish, Italian, Dutch, Portuguese and Chinese by their
question words; any other language gives "thing", which nearly every shape fits.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, NamedTuple

from wellread.checks.reading.numbers import find_dates
from wellread.checks.reading.tokens import Token, tokenise
from wellread.checks.reading.words import is_function_word

Wanted = Literal[
    "count", "amount", "money", "percent", "year", "date", "person", "place", "reason", "manner",
    "yes_no", "kind", "name", "thing",
]  # fmt: skip
Shape = Literal[
    "number", "year", "date", "percent", "money", "measure", "name", "words", "clause", "yes_no"
]


class Expected(NamedTuple):
    """What is asked for, and the keys of the noun that says so ("which *river*")."""

    wanted: Wanted
    head: frozenset[str] = frozenset()


# -- the question

_WH = {
    "en": r"who|whom|whose|what|which|when|where|why|how",
    "de": r"wer|wen|wem|wessen|was|welche[rnsm]?|wann|wo|woher|wohin|warum|weshalb|wieso|wie|"
    r"wodurch|womit|worauf|worin|woraus|wofür|wovon|wieviele?",
    "fr": r"qui|que|quoi|quel(?:le)?s?|quand|où|pourquoi|comment|combien",
    "es": r"quién(?:es)?|qué|cuál(?:es)?|cuándo|dónde|por qué|cómo|cuánt[oa]s?",
    "it": r"chi|che|cosa|qual[ei]?|quando|dove|perché|come|quant[oaie]",
    "nl": r"wie|wat|welke?|wanneer|waar|waarom|hoe|hoeveel",
    "pt": r"quem|que|qual|quais|quando|onde|por que|porquê|como|quant[oa]s?",
}
# The one found first in the question decides; of those found at the same place, the first here.
_PATTERNS: Mapping[str, tuple[tuple[Wanted, str], ...]] = {
    "en": (
        ("percent", r"\bwhat (?:percent(?:age)?|share|proportion|fraction)\b|\bhow (?:much|many) "
                    r"percent\b"),
        ("money", r"\bhow much (?:money|\w+ cost|(?:do|does|did|is|are|was|were) [^?]*\b(?:cost|"
                  r"pay|paid|worth|spend|spent|earn|charge|price)\w*)|\bwhat (?:\w+ ){0,2}"
                  r"(?:price|cost|salary|fee|fine|budget|revenue|income|amount of money)\b"),
        ("count", r"\bhow many\b|\bwhat (?:\w+ )?number of\b|\bwhat (?:is|was|are|were) the "
                  r"(?:\w+ )?(?:number|population|count|score|total)\b|\bwhat number\b"),
        ("year", r"\b(?:what|which) years?\b"),
        ("date", r"\bwhen\b|\b(?:what|which) (?:\w+ )?(?:date|day|month|century|decade|era|period|"
                 r"season|time|age)\b|\bhow (?:late|early|recently)\b|\bsince when\b"),
        ("amount", r"\bhow (?:much|long|old|far|tall|high|deep|wide|big|large|fast|heavy|hot|cold|"
                   r"often|frequently|close|near)\b|\bwhat (?:is|was|are|were) the (?:\w+ )?"
                   r"(?:height|length|weight|size|area|depth|width|distance|temperature|speed|age|rate|"
                   r"pressure|voltage|capacity|amount|duration|density|mass|value|diameter)\b|"
                   r"\b(?:what|which) (?:\w+ )?(?:height|length|weight|distance|"
                   r"temperature|speed|age|rate|pressure|voltage|amount|frequency)\b"),
        ("person", r"\b(?:who|whom|whose)\b|\b(?:what|which) (?:\w+ ){0,2}?(?:person|people|man|"
                   r"woman|king|queen|emperor|president|minister|author|writer|artist|singer|actor|"
                   r"actress|director|player|scientist|mathematician|physicist|chemist|"
                   r"philosopher|general|leader|explorer|inventor|architect|poet|composer|"
                   r"producer|coach|pope|historian|professor|engineer|officer|founder|ruler)\b"),
        ("place", r"\bwhere\b|\b(?:what|which) (?:\w+ ){0,2}?(?:country|city|town|state|continent|"
                  r"region|county|place|location|river|lake|island|ocean|sea|body of water|"
                  r"mountain|village|street|building|stadium|district|province|nation|area|countries|cities|"
                  r"valley|neighborhood|venue|airport|park)\b"),
        ("reason", r"\bwhy\b|\bwhat (?:\w+ )?(?:caused|causes|reasons?)\b|\bfor what (?:\w+ )?"
                   r"(?:reason|purpose)\b|\bhow come\b"),
        ("name", r"\bwhat (?:is|was|are|were) (?:\w+ ){0,2}?(?:names?|titles?)\b|\b(?:what|which) "
                 r"(?:\w+ )?(?:name|title|band|team|company|university|school|organi[sz]ation|"
                 r"group|language|war|battle|book|film|movie|song|album|network|newspaper|agency|"
                 r"party|religion|award|treaty|act|law|hotel|museum|church|ship|award|empire|"
                 r"dynasty|show|series|episode|game|magazine|station)\b"),
        ("manner", r"\bhow\b(?! (?:is|was|are|were) [^?]* (?:called|named|known)\b)"),
        ("kind", r"\b(?:what|which) (?:\w+ )?(?:types?|kinds?|sorts?|forms?|species|class|style|"
                 r"color|colour|material|substance)\b"),
        ("thing", r"\b(?:what|which)\b"),
        ("yes_no", r"^\s*(?:is|are|was|were|do|does|did|can|could|may|must|should|has|have|had|"
                   r"will|would)\b"),
    ),
    "de": (
        ("percent", r"\bwie ?viel prozent\b|\bwelcher (?:prozentsatz|anteil)\b"),
        ("money", r"\bwas kostet\b|\bwie teuer\b|\bwie ?viel (?:geld|kostet|euro|dollar)\b"),
        ("count", r"\bwie ?viele\b|\bwelche (?:an)?zahl\b|\bwie (?:hoch|groß) (?:ist|war) die "
                  r"(?:an)?zahl\b"),
        ("year", r"\bwelche[mns]? jahr(?:en|e)?\b"),
        ("date", r"\bwann\b|\bwelche[mnsr]? (?:tag|datum|monat|jahrhundert|jahrzehnt|zeitraum|zeit|"
                 r"jahreszeit|alter)\b"),
        ("amount", r"\bwie (?:viel|lange?|alt|weit|hoch|tief|breit|groß|schnell|schwer|oft|warm|"
                   r"heiß|stark|häufig|nahe?)\b|\bwelche (?:höhe|länge|größe|temperatur|fläche|"
                   r"geschwindigkeit|dauer|menge|spannung|leistung)\b"),
        ("person", r"\b(?:wer|wen|wem|wessen)\b|\bwelche[rnsm]? (?:\w+ )?(?:person|mann|frau|könig|"
                   r"königin|kaiser|präsident|spieler|autor|künstler|sänger|minister|"
                   r"schauspieler|wissenschaftler|mathematiker|general|papst)(?:in|s|en)?\b"),
        ("place", r"\b(?:wo|woher|wohin)\b|\bwelche[rnsm]? (?:\w+ )?(?:land|stadt|staat|ort|fluss|"
                  r"see|insel|kontinent|region|provinz|straße|gebiet|bezirk|länder|städte)(?:s|es|"
                  r"n)?\b"),
        ("reason", r"\b(?:warum|weshalb|wieso|weswegen)\b|\baus welche[mn] gr(?:u|ü)nd(?:en)?\b"),
        ("name", r"\bwie (?:heißt|hieß|heißen|lautet|lautete|nennt|nannte|hießen)\b|\bwie \w+ "
                 r"[^?]*(?:genannt|bezeichnet)\b"),
        ("kind", r"\b(?:welche|was für eine?) (?:art|sorte|form|farbe|typ)\w*\b"),
        ("manner", r"\bwie\b|\bwodurch\b|\bwomit\b"),
        ("thing", r"\bwelche[rnsm]?\b|\bwas\b"),
        ("yes_no", r"^\s*(?:ist|sind|war|waren|hat|haben|kann|können|muss|darf|soll|wird|gibt)\b"),
    ),
    "fr": (
        ("percent", r"\bquel (?:pourcentage|pour cent)\b"),
        ("money", r"\bcombien (?:coûte|vaut)\b|\bquel (?:est le )?prix\b"),
        ("year", r"\bquelles? années?\b"),
        ("date", r"\bquand\b|\bquelle (?:date|époque)\b|\bquel (?:jour|mois|siècle)\b"),
        ("count", r"\bcombien d"), ("amount", r"\bcombien\b|\bquel âge\b"),
        ("place", r"\boù\b|\bquel(?:le)? (?:pays|ville|région|fleuve|lieu)\b"),
        ("reason", r"\bpourquoi\b"), ("person", r"\bqui\b(?! est-ce que)"),
        ("manner", r"\bcomment\b"), ("thing", r"\bqu(?:e|oi|el|elle|els|elles)\b|\bqu'"),
    ),
    "es": (
        ("percent", r"\bqué porcentaje\b"), ("money", r"\bcuánto (?:cuesta|costó|vale)\b"),
        ("year", r"\bqué años?\b"),
        ("date", r"\bcuándo\b|\bqué (?:fecha|día|mes|siglo|época)\b"),
        ("count", r"\bcuánt[oa]s\b"), ("amount", r"\bcuánt[oa]\b"),
        ("place", r"\bdónde\b|\bqué (?:país|ciudad|región|río|lugar)\b"),
        ("reason", r"\bpor qué\b"), ("person", r"\bquién(?:es)?\b"), ("manner", r"\bcómo\b"),
        ("thing", r"\bqué\b|\bcuál(?:es)?\b"),
    ),
    "it": (
        ("percent", r"\b(?:che|quale) percentuale\b"), ("money", r"\bquanto costa\b"),
        ("year", r"\b(?:che|quale) anno\b"),
        ("date", r"\bquando\b|\b(?:che|quale|quale) (?:data|giorno|mese|secolo)\b"),
        ("count", r"\bquant[ie]\b"), ("amount", r"\bquant[oa]\b"),
        ("place", r"\bdove\b|\b(?:quale|che) (?:paese|città|regione|fiume|luogo)\b"),
        ("reason", r"\bperché\b"), ("person", r"\bchi\b"), ("manner", r"\bcome\b"),
        ("thing", r"\bche\b|\bcosa\b|\bqual[ei]?\b"),
    ),
    "nl": (
        ("percent", r"\b(?:welk|hoeveel) (?:percentage|procent)\b"),
        ("money", r"\bhoeveel kost\b"), ("year", r"\bwelke? jaar\b"),
        ("date", r"\bwanneer\b|\bwelke? (?:datum|dag|maand|eeuw)\b"),
        ("count", r"\bhoeveel\b"), ("amount", r"\bhoe (?:lang|oud|ver|hoog|groot|snel|zwaar)\b"),
        ("place", r"\bwaar\b|\bwelke? (?:land|stad|rivier|plaats)\b"),
        ("reason", r"\bwaarom\b"), ("person", r"\bwie\b"), ("manner", r"\bhoe\b"),
        ("thing", r"\bwat\b|\bwelke?\b"),
    ),
    "pt": (
        ("percent", r"\b(?:que|qual) (?:a )?percentagem\b"), ("money", r"\bquanto custa\b"),
        ("year", r"\b(?:que|qual) ano\b"),
        ("date", r"\bquando\b|\b(?:que|qual) (?:data|dia|mês|século)\b"),
        ("count", r"\bquant[oa]s\b"), ("amount", r"\bquant[oa]\b"),
        ("place", r"\bonde\b|\b(?:que|qual) (?:país|cidade|região|rio|lugar)\b"),
        ("reason", r"\bpor que\b|\bporquê\b"), ("person", r"\bquem\b"), ("manner", r"\bcomo\b"),
        ("thing", r"\bque\b|\bqual\b|\bquais\b"),
    ),
    "zh": (
        ("percent", r"百分之[几幾多]|百分比|比例"), ("money", r"多少(?:钱|錢|美元|英镑|欧元|元)"),
        ("year", r"(?:哪|什么|何)一?年"),
        ("date", r"什么时候|什么时间|何时|哪[天日月]|几[月号]|何年|世纪"),
        ("amount", r"多(?:长|大|高|远|久|深|宽|快|重)"),
        ("count", r"多少|几[个名位次种座支人]|数量|几"),
        ("person", r"谁|哪[位名]|何人|什么人"),
        ("place", r"哪里|哪儿|在哪|何处|何地|什么地方|哪个(?:国家|城市|地区|州|省|县)"),
        ("reason", r"为什么|为何|什么原因"), ("manner", r"怎么|怎样|如何"),
        ("name", r"叫什么|名字|名称"), ("thing", r"什么|哪|何"),
    ),
}  # fmt: skip
_COMPILED = {
    language: tuple((wanted, re.compile(p, re.IGNORECASE)) for wanted, p in patterns)
    for language, patterns in _PATTERNS.items()
}
_HEAD_AFTER = {
    language: re.compile(rf"(?<!\w)(?:{words})(?!\w)", re.IGNORECASE)
    for language, words in _WH.items()
}


_IN_FRONT = re.compile(
    r"^\W*(?:when|where|while|if|although|besides|after|before|wenn|als|nachdem|bevor|falls)\b"
    r"[^,?]{3,120},\s+(?=(?:\w+ ){0,2}(?:who|what|which|how|where|when|why|wer|was|welche|wie|wo|"
    r"wann)\b)",
    re.IGNORECASE,
)


def expects(question: str, language: str = "en") -> Expected:
    """What `question` asks for; "thing" where its language has no rules or it has no sign.

    >>> expects("In which year was it built?").wanted, expects("Wie viele Tore?", "de").wanted
    ('year', 'count')
    >>> sorted(expects("Which river flows through Warsaw?").head)
    ['river']
    """
    language = language or "en"
    question = _main_clause(question)
    found = [
        (match.start(), order, wanted)
        for order, (wanted, pattern) in enumerate(_COMPILED.get(language, ()))
        if (match := pattern.search(question))
    ]
    # The first question word asks; later ones open clauses ("What sea … when he died?").
    return Expected(min(found, default=(0, 0, "thing"))[2], _head(question, language))


def _main_clause(question: str) -> str:
    """Without a clause in front that opens like a question: "When X died, who …"."""
    match = _IN_FRONT.match(question)
    return question[match.end() :] if match else question


def _head(question: str, language: str) -> frozenset[str]:
    """Keys of the noun right after the question word: "which old *river* flows"."""
    if not (pattern := _HEAD_AFTER.get(language)) or not (match := pattern.search(question)):
        return frozenset()
    rest = question[match.end() :]
    following = tokenise(rest, language)
    if not following:
        return frozenset()
    between = rest[: following[0].start].split()
    if any(is_function_word(word.strip(",.;:"), language) for word in between):
        return frozenset()  # "What is …", "Who does …": no noun of the question word's own
    return following[0].keys


# -- the answer

_MONEY = re.compile(
    r"[$€£¥]\s?\d|\d\s?[$€£¥]|\b(?:dollars?|euros?|pounds sterling|cents?|USD|EUR|yen|francs?|"
    r"marks?|pfund|franken)\b|(?:美元|英镑|欧元|元)$",
    re.IGNORECASE,
)
_PERCENT = re.compile(
    r"\d\s?%|\b(?:per ?cent|percent|prozent|pour cent|por ciento)\b|百分之", re.IGNORECASE
)
_YEAR = re.compile(r"^\D{0,16}(?:1\d|20)\d\d(?:s|er|年)?\D{0,12}$")
_TIME = re.compile(
    r"\b(?:centur(?:y|ies)|january|february|march|april|june|july|august|september|october|"
    r"november|december|monday|tuesday|wednesday|thursday|friday|saturday|sunday|spring|summer|"
    r"autumn|winter|morning|evening|midnight|noon|years? (?:ago|later|before|after)|"
    r"jahrhunderts?|januar|februar|märz|mai|juni|juli|oktober|dezember|montag|dienstag|mittwoch|"
    r"donnerstag|freitag|samstag|sonntag|sommer|herbst|frühling|b\.?c\.?|a\.?d\.?|bce|"
    r"v\. ?chr\.?|n\. ?chr\.?|\d0s|\d0er)\b|世纪|[年月日]",
    re.IGNORECASE,
)
_YES_NO = re.compile(r"^\W*(?:yes|no|ja|nein|oui|non|sí|no|si|是|否)\W*$", re.IGNORECASE)
_CLAUSE = re.compile(
    r"^\W*(?:to|by|because|due to|as|since|if|when|that|in order|through|so|it|they|he|she|"
    r"um|weil|da|durch|indem|dass|damit|wegen|aufgrund|pour|parce|para|porque|per|door|omdat)\b|"
    r"^\W*\w+ing\b",
    re.IGNORECASE,
)
_COUNTS = re.compile(
    r"^\W*(?:none|once|twice|thrice|no|zero|several|dozens?|hundreds|thousands|millions|keine?r?|"
    r"einmal|zweimal|dreimal|dutzende?|hunderte|tausende)\b",
    re.IGNORECASE,
)


def shape(text: str, tokens: tuple[Token, ...] | list[Token], language: str = "en") -> Shape:
    """What kind of thing the short `text` is; `tokens` are its tokens.

    >>> [shape(t, tokenise(t)) for t in ("17", "in 1998", "about 40%", "Kawann Short", "blue")]
    ['number', 'year', 'percent', 'name', 'words']
    """
    if _YES_NO.match(text):
        return "yes_no"
    if _PERCENT.search(text):
        return "percent"
    has_number = any(token.kind == "number" for token in tokens) or bool(_COUNTS.match(text))
    if has_number and _MONEY.search(text):
        return "money"
    if find_dates(text):
        return "date"
    if _YEAR.match(text):
        return "year"
    if _TIME.search(text) and len(text.split()) <= 6:
        return "date"
    if has_number:
        words = sum(token.kind in ("word", "name") for token in tokens)
        return "number" if not words else "measure"
    if _CLAUSE.match(text):
        return "clause"
    return "name" if _is_name(text, tokens, language) else "words"


def _is_name(text: str, tokens: tuple[Token, ...] | list[Token], language: str) -> bool:
    """Mostly capitals; in German every noun has one, so two in a row are asked for."""
    words = [t for t in tokens if t.kind in ("word", "name", "code")]
    capitals = sum(text[t.start : t.end][:1].isupper() for t in words)
    if not words or capitals * 2 <= len(words) - (len(words) > 2):
        return False
    return language != "de" or len(words) > 1 or any(t.kind == "name" for t in words)


_NUMBERS: Mapping[Shape, float] = {"number": 1.0, "measure": 1.0}
_FITS: Mapping[Wanted, Mapping[Shape, float]] = {
    "count": {**_NUMBERS, "percent": 0.0, "words": -0.7, "year": -0.6},
    "amount": {**_NUMBERS, "percent": 1.0, "money": 1.0, "words": -0.3, "year": -0.5, "date": 0.3},
    "money": {"money": 1.0, "number": 0.6, "measure": 0.5, "percent": 0.3},
    "percent": {"percent": 1.0, "number": 0.2, "measure": 0.2, "words": -0.4},
    "year": {"year": 1.0, "date": 0.6, "number": 0.0, "measure": -0.4},
    "date": {"year": 1.0, "date": 1.0, "number": -0.2, "measure": 0.0, "words": -0.4,
             "clause": -0.3},
    "person": {"name": 1.0, "words": 0.0, "clause": -0.7},
    "place": {"name": 0.8, "words": 0.1, "clause": -0.6},
    "reason": {"clause": 1.0, "words": 0.5, "name": -0.5, "measure": -0.5},
    "manner": {"clause": 0.8, "words": 0.5, "name": -0.4, "measure": -0.2},
    "yes_no": {"yes_no": 1.0, "clause": 0.0, "words": 0.0},
    "kind": {"words": 0.6, "name": 0.0, "clause": -0.2, "measure": -0.4},
    "name": {"name": 0.8, "words": 0.0, "clause": -0.6, "measure": -0.3},
    "thing": {"words": 0.3, "name": 0.3, "clause": 0.2, "measure": 0.0, "number": -0.6,
              "year": -0.7, "date": -0.6, "percent": -0.4, "money": -0.4, "yes_no": -1.0},
}  # fmt: skip


def fit(wanted: Wanted, found: Shape) -> float:
    """How well an answer of shape `found` suits: 1 = as asked, 0 = says nothing, -1 = cannot be.

    >>> fit("person", "name"), fit("person", "percent")
    (1.0, -1.0)
    """
    return _FITS[wanted].get(found, -1.0)


# How a person is told of them.
WANTED_NAMES: Mapping[Wanted, str] = {
    "count": "a number", "amount": "an amount", "money": "a sum of money",
    "percent": "a percentage", "year": "a year", "date": "a time", "person": "a person",
    "place": "a place", "reason": "a reason", "manner": "a way", "yes_no": "a yes or a no",
    "kind": "a kind of thing", "name": "a name", "thing": "a thing",
}  # fmt: skip
SHAPE_NAMES: Mapping[Shape, str] = {
    "number": "a number", "year": "a year", "date": "a date", "percent": "a percentage",
    "money": "a sum of money", "measure": "an amount", "name": "a name", "words": "no name",
    "clause": "a clause", "yes_no": "a yes or a no",
}  # fmt: skip
