"""What surrounds a sentence: the name its document is about, and how words are written in it.

`anchor` names what a too general subject belongs to: the product of a manual, the topic of an
article. It comes from the title, else the first heading, with words for the kind of document
("User manual", "Handbuch") taken off. Without one, general subjects are refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from wellread.records import Chunk

_KIND_OF_DOCUMENT = re.compile(
    r"\b(?:user'?s?|owner'?s?|operator'?s?|quick[- ]?start|installation|service|safety|instruction|"
    r"reference|product|technical)? ?(?:manual|guide|handbook|instructions?|leaflet|brochure|faq|"
    r"data ?sheet|specifications?|sheet|notes?|readme|document(?:ation)?|overview|introduction|"
    r"release notes?|facts about|summary|report|policy|terms|conditions|questions|manuals?)\b"
    r"|\b\w*"
    r"(?:anleitung|handbuch|datenblatt|merkblatt|hinweise|übersicht|einführung|bericht)\b",
    re.IGNORECASE,
)
_SEPARATOR = re.compile(r"\s+[-–—|:>]\s+|: | > |\s*\(")
_FILE_LIKE = re.compile(r"_|\.\w{2,5}\Z|\A[\d\W]+\Z|[/\\]|\d{5,}")
_WORD = re.compile(r"[^\W_][\w’'-]*")
_NAME = re.compile(r"[A-ZÄÖÜ][\w’'-]*(?: (?:[A-ZÄÖÜ0-9][\w’'./-]*|of|the|and|de|von|der|&))*\Z")
_PUBLICATION = re.compile(r"\b(FM|ADP|ADRP|ATP|JP|ISO|RFC|DIN)[ _-]?(\d[\d-]*\d)")
_PART = re.compile(
    r"(?:Section|Chapter|Part|Appendix|Annex|Teil|Kapitel|Anhang|Abschnitt|\d)\b", re.IGNORECASE
)
_CODE = re.compile(r"\A(?:FM|ADP|ADRP|ATP|ISO|RFC|DIN|EN|JP|AR)[ -]\d")


@dataclass(frozen=True, slots=True)
class Context:
    """Names and spellings of one chunk. `named` is true where the anchor is a name or a model."""

    anchor: str
    named: bool
    anchor_words: frozenset[str]
    anchor_names: frozenset[str]
    common: frozenset[str]
    proper: frozenset[str]
    people: frozenset[str]
    salt: str

    def mentions_anchor(self, text: str) -> bool:
        """Whether `text` already names what the document is about."""
        words = set(_WORD.findall(text))
        return any(word in words for word in self.anchor_names)

    def lower_first(self, text: str) -> str:
        """`text` with its first word as it is written inside a sentence."""
        first, space, rest = text.partition(" ")
        return f"{self._inner(first, rest)}{space}{rest}"

    def _inner(self, word: str, rest: str) -> str:
        if not word[:1].isupper() or (len(word) > 1 and word[1:] != word[1:].lower()):
            return word
        lower = word.lower()
        if lower in _ALWAYS_LOWER:
            return lower
        acronym = re.match(r"[A-Z][A-Z&-]+s?\b", rest)
        if (rest[:1].isupper() and not acronym) or word in self.proper:
            return word
        if self.named and lower in self.anchor_words:
            return word
        if acronym:
            return lower if lower in self.common or lower.endswith(("ate", "or", "al")) else word
        if lower in self.common or _COMMON_ENDING.search(lower):
            return lower
        return lower if self.plain(lower, rest) else word

    def plain(self, lower: str, rest: str) -> bool:
        """An adjective or noun before a common noun, unless it looks like a nationality."""
        second, _, third = rest.partition(" ")
        if second == "of":
            return third[:1].islower()
        if not second[:1].islower() or second in _FOLLOW_NAMES or "’" in lower or "'" in lower:
            return False
        return not re.search(r"(?:ish|ese|ian|ean|can|man|ch)\Z", lower)


_ALWAYS_LOWER = frozenset(
    "the a an each every all any some both most many several no in on at by for from to with "
    "without during before after when if while because as under over between its their his her "
    "there these those this that it they he she we you however although though since until once "
    "never always only often also der die das ein eine einer eines einem den dem des im am zum zur "
    "bei mit nach vor seit von für auf aus in an um wenn falls sobald bevor jede jeder jedes alle "
    "dieser diese dieses es sie er man zwei drei vier fünf one two three four five six seven eight "
    "nine ten heute damals dort nur auch".split()
)
_COMMON_ENDING = re.compile(r"(?:tions?|ments?|ness|ity|ities|ings?|ances?|ences?|ers|ors|ists)\Z")


def context_of(chunk: Chunk) -> Context:
    """Read the anchor and the spellings of `chunk`."""
    anchor, named = _anchor(chunk)
    words = frozenset(
        word.lower() for word in _WORD.findall(anchor) if len(word) > 1 and word.lower() != "the"
    )
    common = frozenset(word for word in _WORD.findall(chunk.text) if word[:1].islower())
    proper = frozenset(_INNER_CAPITAL.findall(chunk.text))
    people = frozenset(found[0] or found[1] for found in _SPEAKER.findall(chunk.text))
    names = frozenset(w for w in _WORD.findall(anchor) if len(w) > 1 and w[:1].isupper())
    return Context(anchor, named, words, names, common, proper - _MONTHS, people, chunk.id)


_INNER_CAPITAL = re.compile(r"(?<=[a-z,] )[A-ZÄÖÜ][\w’'-]+")
_SPEAKER = re.compile(
    r"(?:said|thought|replied|asked|cried|exclaimed|remarked) ([A-Z][a-z]+(?: [A-Z][a-z]+)?)\b"
    r"|\b([A-Z][a-z]+(?: [A-Z][a-z]+)?) (?:said|thought|replied|asked|cried|exclaimed|remarked)\b"
)
_MONTHS = frozenset(["The"])
_FOLLOW_NAMES = frozenset(
    "is are was were has have had will would can could may might must should and or of in on at by "
    "for from to with also did does do not said made took wrote became began".split()
)


def _anchor(chunk: Chunk) -> tuple[str, bool]:
    if code := _PUBLICATION.search(chunk.title):
        return f"{code[1]} {code[2]}", True
    for candidate in (chunk.title, chunk.heading.split(" > ")[0]):
        if _PART.match(candidate):
            continue
        name = _name_in(candidate)
        if name:
            if name.isupper():
                name = name.title()
            with_article = f"the {name}"
            used = re.search(
                rf"[Tt]he {re.escape(name)}(?: (?:is|has|can|will|must|was|does|needs|weighs)\b|"
                rf"[.,;])",
                chunk.text,
            )
            named = bool(_NAME.match(name)) and (bool(re.search(r"\d", name)) or name in chunk.text)
            return (with_article if used else name), named
    return "", False


def _name_in(title: str) -> str:
    """The name inside a title: "Halden K2 - User manual" -> "Halden K2"."""
    if not title or _FILE_LIKE.search(title.strip()):
        return ""
    for part in _SEPARATOR.split(title):
        name = _KIND_OF_DOCUMENT.sub("", part).strip(" -–—:,.'’")
        name = re.sub(r"\A(?:the|die|der|das|for|of|für) ", "", name, flags=re.IGNORECASE)
        name = re.sub(r" (?:for|of|to|für|und|and)\Z", "", name)
        if name and len(name) > 2 and not name[0].islower() and 1 <= len(name.split()) <= 6:
            return name
    return ""


def is_code(anchor: str) -> bool:
    """Whether an anchor is the number of a publication, which things stand "in"."""
    return bool(_CODE.match(anchor))
