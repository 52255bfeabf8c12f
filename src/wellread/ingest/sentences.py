"""Where sentences end, by rule: no model, no download, many languages.

A candidate is a closing mark before white space and something that can open a sentence. It is
refused after an abbreviation, an initial ("J. Smith"), a dotted shortening ("z.B.", "U.S.") or,
in languages that write ordinals so, after a number ("3. Mai"). Chinese and Japanese marks end a
sentence without white space. Where in doubt two sentences stay one: a chunk that holds a sentence
too many is better than one that starts in the middle.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_CLOSERS = "\"'”’»›)\\]}"
# The first class stands outside of a repeat: only so the search for it is fast. Repeats are
# bounded: a million exclamation marks cost no more than a million letters.
_END = re.compile(rf"([.!?…‽؟۔।][.!?…‽؟۔।]{{0,7}}[{_CLOSERS}]{{0,4}})\s+(?=[^\sa-zß-öø-ÿ])")
_END_UNSPACED = re.compile(
    rf"([.!?…‽؟۔।。！？｡](?:[.!?…‽؟۔।。！？｡]{{0,7}}[{_CLOSERS}]{{0,4}}\s+(?=[^\sa-zß-öø-ÿ])"
    r"|(?<=[。！？｡])[。！？｡]{0,7}[」』”’）》】]{0,4}\s*))"
)
_ABBREVIATIONS = frozenset(
    """
    Mr Mrs Ms Dr Prof Rev Hon St Sr Jr Capt Cpt Col Gen Lt Maj Sgt Cmdr Adm Gov Sen Rep Pres Supt
    vs etc al cf ca approx no nos No Nos vol Vol vols pp p ch Ch sec Sec Secs fig Fig figs Figs
    eq Eq art Art para Para ed Ed eds dept Dept Inc Ltd Corp Co Mt Ft Ave Blvd Rd est Est app App
    Jan Feb Mar Apr Jun Jul Aug Sep Sept Oct Nov Dec Mon Tue Wed Thu Fri viz resp
    bzw ca evtl ggf inkl Nr Abs Abb Anm Art Aufl Bd bes Hrsg Hr Hrn Fr Frl Kap Str St Tab Tel usw
    vgl zit zzgl Dipl Ing Jh Mio Mrd sog geb gest S Z
    M MM Mme Mmes Mlle env chap av fasc cf
    Sr Sra Srta Ud Uds pág págs núm cap Dña Lic
    Sig sig pag cap dott Dott avv
    dhr mevr blz enz bijv nr jl resp
    г гг стр рис табл см им тыс млн
    """.split()
)
_ORDINAL_LANGUAGES = frozenset({"de", "da", "no", "fi", "cs", "hu", "et", "pl", "sl", "hr"})
_DOTTED = re.compile(r"(?:\w\.)+\w$")
_LOOK_BACK = 14


def sentence_spans(text: str, start: int, end: int, language: str = "") -> list[tuple[int, int]]:
    """Spans of the sentences of ``text[start:end]``, without the white space between them.

    >>> text = "Dr. Gray was here on 5.3.2020. He left. 你好。再见。"
    >>> [text[a:b] for a, b in sentence_spans(text, 0, len(text))]
    ['Dr. Gray was here on 5.3.2020.', 'He left.', '你好。', '再见。']
    """
    while start < end and text[end - 1].isspace():
        end -= 1
    while start < end and text[start].isspace():
        start += 1
    spans = []
    for stop, following in sentence_ends(text, start, end, language):
        spans.append((start, stop))
        start = following
    if start < end:
        spans.append((start, end))
    return spans


def sentence_ends(text: str, start: int, end: int, language: str) -> Iterator[tuple[int, int]]:
    """End of each sentence but the last, and where the next one starts."""
    ordinals = language in _ORDINAL_LANGUAGES
    spaced = text.find("。", start, end) < 0
    for match in (_END if spaced else _END_UNSPACED).finditer(text, start, end):
        first, following = match.span()
        if following >= end or (
            text[first] == "." and _is_shortening(text, start, first, ordinals)
        ):
            continue
        yield match.end(1) if spaced else first + len(match[0].rstrip()), following


def _is_shortening(text: str, start: int, dot: int, ordinals: bool) -> bool:
    """Whether the full stop at `dot` belongs to the word before it."""
    before = text[max(start, dot - _LOOK_BACK) : dot].rsplit(None, 1)
    word = before[-1] if before else ""
    if not word[:1].isalnum():
        word = word.lstrip("([{\"'“‘„«")
    if len(word) < 2:
        return word.isalpha() or (ordinals and word.isdigit())
    if word in _ABBREVIATIONS:
        return True
    if ordinals and word.isdigit() and len(word) == 2:
        return True
    return "." in word and _DOTTED.fullmatch(word) is not None
