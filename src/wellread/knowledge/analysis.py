"""From text to the terms that are indexed and asked for.

    "Die Häuser in 中文分词"  ->  haus  中文 文分 分词            (language "de")

1. Normalise (NFKC) and cut runs of scripts written without spaces into overlapping bigrams.
2. Split at everything that is neither letter, mark nor digit; lower case.
3. Drop the language's stop words, stem, fold accents.

A document is analysed in its own language. A query is analysed in every language that the
knowledge base holds: its stop words are those of the language it seems to be in, its stems are
the union.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

from tantivy import Filter, TextAnalyzer, TextAnalyzerBuilder, Tokenizer

STEMMERS = {
    "ar": "arabic", "da": "danish", "de": "german", "el": "greek", "en": "english",
    "es": "spanish", "fi": "finnish", "fr": "french", "hu": "hungarian", "it": "italian",
    "nl": "dutch", "no": "norwegian", "pt": "portuguese", "ro": "romanian", "ru": "russian",
    "sv": "swedish", "ta": "tamil", "tr": "turkish",
}  # fmt: skip
STOP_WORDS = STEMMERS.keys() - {"ar", "el", "ro", "ta", "tr"}
_ALIASES = {"nb": "no", "nn": "no"}
QUESTION_WORDS = {
    "de": "was wer wen wem wessen wie wo wann warum wieso welche welcher welches welchen welchem "
    "wird werden wurde wurden kann können hat haben sind war",
    "en": "what who whom whose which when where why how does do did can could has have had were "
    "i you we my your about many much",
    "es": "qué quién quiénes cuál cuáles cuándo dónde cómo cuánto cuántos cuántas hay",
    "fr": "quoi qui quel quelle quels quelles quand où pourquoi comment combien est sont fait",
    "it": "cosa chi quale quali quando dove perché come quanto quanti quante sono",
    "nl": "wat wie welke welk wanneer waar waarom hoe hoeveel zijn heeft doet",
    "pt": "quem qual quais quando onde como quanto quantos quantas há são",
}
"""Words that make a query a question. They are indexed, and left out of a query that has others."""
_MAX_TERM_BYTES = 100
_MAX_KNOWN = 30_000
_LONGEST_KNOWN = 60
_UNSPACED = re.compile(
    "[\u0e01-\u0eff\u1000-\u109f\u1780-\u17ff\u1100-\u11ff\u3005-\u3007\u3040-\u30ff\u3130-\u318f"
    "\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\U00020000-\U0003ffff]+"
)
"""Thai, Lao, Burmese, Khmer, Japanese, Chinese, Korean: no spaces, or endings glued to the word."""
_MARKED = re.compile(
    "[\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u06d6-\u06ed\u0900-\u0eff\u1000-\u109f"
    "\u1780-\u17ff]"
)
"""Combining marks, which the quick tokenizer would split words at."""


@functools.lru_cache(maxsize=1000)
def language_code(language: str) -> str:
    """The two letters that choose stemmer and stop words: "en-GB" -> "en", "nb" -> "no"."""
    code = re.split("[-_]", language.strip().lower(), maxsplit=1)[0]
    return _ALIASES.get(code, code)


def index_terms(text: str, language: str) -> list[str]:
    """The terms of a document's text in order of appearance, stop words left out.

    >>> index_terms("The houses of 中文分词", "en")
    ['hous', '中文', '文分', '分词']
    """
    return _run(_prepare(text), language_code(language), stop=True, stem=True)


def joined_terms(text: str, language: str) -> str:
    """`index_terms` joined by spaces, many times as fast where words come again and again.

    What stands between white space is analysed once and remembered, which comes to the same because
    no rule of the analysis looks beyond a word.

    >>> joined_terms("The houses of 中文分词", "en")
    'hous 中文 文分 分词'
    """
    prepared = _prepare(text)
    known = _known(language_code(language), _is_marked(prepared))
    return "".join(map(known.__getitem__, prepared.split())).rstrip()


class _Known(dict[str, str]):
    """From a piece of text without white space to its terms, each with a space after it.

    Starts anew when it is full.
    """

    def __init__(self, analyzer: TextAnalyzer) -> None:
        super().__init__()
        self._analyze = analyzer.analyze

    def __missing__(self, piece: str) -> str:
        terms = "".join([f"{term} " for term in self._analyze(piece)])
        if len(self) >= _MAX_KNOWN:
            self.clear()
        if len(piece) <= _LONGEST_KNOWN:
            self[piece] = terms
        return terms


@functools.lru_cache(maxsize=8)
def _known(code: str, marked: bool) -> _Known:
    return _Known(_analyzer(code, True, True, True, marked))


def forget_words() -> None:
    """Let go of what `joined_terms` remembers, some megabytes after many texts."""
    _known.cache_clear()


def is_unspaced(text: str) -> bool:
    """Whether `text` is of scripts that are indexed by pairs of characters."""
    return _UNSPACED.fullmatch(text) is not None


def plain_words(text: str) -> list[str]:
    """Words (or bigrams) in lower case, neither stopped nor stemmed nor folded."""
    return _run(_prepare(text), "")


def spelled_words(text: str) -> list[str]:
    """Words (or bigrams) as they are spelled, capitals kept."""
    return _run(_prepare(text), "", stop=False, stem=False, lower=False)


def query_terms(text: str, languages: Iterable[str]) -> Counter[str]:
    """The terms to ask a knowledge base that holds `languages` for, with how often each occurs."""
    codes = list(dict.fromkeys(language_code(language) for language in languages)) or [""]
    prepared = _prepare(text)
    by_code = {code: _run(prepared, code, stop=True) for code in codes}
    own = min(codes, key=lambda code: len(_without_question(by_code[code], code)))
    words = " ".join(_without_question(by_code[own], own) or by_code[own])
    terms: Counter[str] = Counter()
    for code in codes:
        terms |= Counter(_run(words, code, stem=True))
    return terms


def _without_question(words: list[str], code: str) -> list[str]:
    return [word for word in words if word not in _question_words(code)]


@functools.cache
def _question_words(code: str) -> frozenset[str]:
    return frozenset(QUESTION_WORDS.get(code, "").split())


def _prepare(text: str) -> str:
    """Normalised text in which runs without spaces are spaced bigrams."""
    if text.isascii():
        return text
    normal = unicodedata.normalize("NFKC", text.encode("utf-8", "replace").decode("utf-8"))
    return _UNSPACED.sub(_bigrams, normal)


def _bigrams(match: re.Match[str]) -> str:
    run = match[0]
    pairs = [run] if len(run) == 1 else [run[i : i + 2] for i in range(len(run) - 1)]
    return f" {' '.join(pairs)} "


def _run(
    prepared: str, code: str, *, stop: bool = False, stem: bool = False, lower: bool = True
) -> list[str]:
    return _analyzer(code, stop, stem, lower, _is_marked(prepared)).analyze(prepared)


def _is_marked(prepared: str) -> bool:
    return not prepared.isascii() and _MARKED.search(prepared) is not None


@functools.cache
def _analyzer(code: str, stop: bool, stem: bool, lower: bool, marked: bool) -> TextAnalyzer:
    tokenizer = Tokenizer.regex(r"[\p{L}\p{M}\p{N}]+") if marked else Tokenizer.simple()
    builder = TextAnalyzerBuilder(tokenizer).filter(Filter.remove_long(_MAX_TERM_BYTES))
    if lower:
        builder = builder.filter(Filter.lowercase())
    if stop and code in STOP_WORDS:
        builder = builder.filter(Filter.stopword(STEMMERS[code]))
    if stem and code in STEMMERS:
        builder = builder.filter(Filter.stemmer(STEMMERS[code]))
    return (builder.filter(Filter.ascii_fold()) if stem else builder).build()
