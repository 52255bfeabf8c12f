"""Which language a text is in: by its script, then by its commonest small words.

Enough to pick rules and to report: the languages with an alphabet of their own, and ten that
write in Latin letters. A text too short or too mixed to tell is "".
"""

from __future__ import annotations

import re
from collections import Counter

_SAMPLE = 8_000
_MIN_LETTERS = 12
_MIN_HITS = 3
_MIN_SHARE = 0.06
_LEAD = 1.25

_SCRIPTS = {
    "kana": re.compile(r"[\u3040-\u30ff]"),
    "han": re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]"),
    "hangul": re.compile(r"[\uac00-\ud7af\u1100-\u11ff]"),
    "cyrillic": re.compile(r"[\u0400-\u04ff]"),
    "arabic": re.compile(r"[\u0600-\u06ff]"),
    "hebrew": re.compile(r"[\u0590-\u05ff]"),
    "greek": re.compile(r"[\u0370-\u03ff]"),
    "thai": re.compile(r"[\u0e00-\u0e7f]"),
    "devanagari": re.compile(r"[\u0900-\u097f]"),
    "latin": re.compile(r"[A-Za-z\u00c0-\u024f]"),
}
_BY_SCRIPT = {
    "hangul": "ko", "arabic": "ar", "hebrew": "he", "greek": "el", "thai": "th",
    "devanagari": "hi",
}  # fmt: skip
_SMALL_WORDS = {
    "en": "the of and to in is that it for was with as his on be at by he this had not are but "
    "from or have an they which you were her she there been their one all we can has will if",
    "de": "der die und in den von zu das mit sich des auf für ist im dem nicht ein eine als "
    "auch es an werden aus er hat dass sie nach wird bei einer um am sind noch wie einem über so",
    "fr": "de la le et les des en un du une que est pour qui dans a par plus pas au sur ne se ce "
    "il sont avec son été aux ou elle cette mais nous vous leur ses sa comme être fait",
    "es": "de la que el en y a los se del las un por con no una su para es al lo como más o pero "
    "sus le ha me si sin sobre este ya entre cuando todo esta ser son dos también fue había era",
    "it": "di e il la che in un a per è una sono con non del le da si i al come della dei nel più "
    "alla ha gli anche ma lo o su questo delle essere stato loro dal nella suo sua ed",
    "pt": "de a o que e do da em um para é com não uma os no se na por mais as dos como mas foi ao "
    "ele das tem à seu sua ou ser quando muito há nos já está eu também só pelo pela até",
    "nl": "de van het een en in is dat op te zijn met die voor niet aan er om ook als dan maar bij "
    "uit nog naar door over ze hij werd wordt deze heeft had of tot je kan worden hebben geen",
    "pl": "i w nie na się z do to że jest o jak a po co za od ale jego był przez tak przy już być "
    "dla oraz ich może tego było czy są lub przed jej także tylko ze które który",
    "sv": "och i att det som en på är av för med den till inte har de om ett han var men jag från "
    "så vi kan när år sig under också efter eller nu sin där vid mot ska skulle",
    "da": "og i at det er en til på som med for de af den der ikke et han har var vi jeg men fra "
    "så kan ud sig nu også efter eller om ved havde hun blev være over",
}  # fmt: skip
_UKRAINIAN = re.compile(r"[іїєґІЇЄҐ]")
_WORD = re.compile(r"[^\W\d_]+")
_WORDS = {code: frozenset(words.split()) for code, words in _SMALL_WORDS.items()}


def detect(text: str) -> str:
    """ISO 639-1 code of the language of `text`, or "" if unsure.

    >>> detect("Der Hund und die Katze sind nicht in dem Haus, das er gebaut hat.")
    'de'
    """
    sample = _sample(text)
    script = _script(sample)
    if script in _BY_SCRIPT:
        return _BY_SCRIPT[script]
    if script in ("kana", "han"):
        return "ja" if len(_SCRIPTS["kana"].findall(sample)) * 20 > len(sample) else "zh"
    if script == "cyrillic":
        return "uk" if len(_UKRAINIAN.findall(sample)) * 50 > len(sample) else "ru"
    return _by_small_words(sample) if script == "latin" else ""


def _sample(text: str) -> str:
    """From the start, the middle and the end: a foreign preface decides nothing."""
    if len(text) <= _SAMPLE:
        return text
    third, middle = _SAMPLE // 3, len(text) // 2
    return f"{text[:third]} {text[middle : middle + third]} {text[-third:]}"


def _script(sample: str) -> str:
    """The script that most letters are in; CJK characters say more than an alphabet's letters."""
    if sample.isascii():
        return "latin" if sum(map(str.isalpha, sample[:200])) >= _MIN_LETTERS else ""
    counts = {name: len(pattern.findall(sample)) for name, pattern in _SCRIPTS.items()}
    for name in ("kana", "han"):
        counts[name] *= 3
    letters = sum(counts.values())
    best = max(counts, key=lambda name: counts[name])
    return best if letters >= _MIN_LETTERS and counts[best] * 2 > letters else ""


def _by_small_words(sample: str) -> str:
    """The language whose small words are commonest, where it leads clearly."""
    words = Counter(_WORD.findall(sample.lower()))
    total = sum(words.values())
    hits = {
        code: sum(words[word] for word in words.keys() & small) for code, small in _WORDS.items()
    }
    first, second = sorted(hits, key=lambda code: hits[code], reverse=True)[:2]
    clear = hits[first] >= _LEAD * hits[second]
    enough = hits[first] >= _MIN_HITS and hits[first] >= _MIN_SHARE * total
    return first if clear and enough else ""
