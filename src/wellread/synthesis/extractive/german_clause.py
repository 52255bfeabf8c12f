"""Split a German main clause at its finite verb, which stands second.

    "Der Tank | fasst | 1,8 Liter."      front = subject
    "Im Jahr 1998 | gründete | Ada Holm die Firma."   front = adverbial

Because a German question keeps this order ("Wann gründete Ada Holm die Firma?"), the rules only
exchange the front for a question word. `indirect` moves the verb to the end.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from wellread.synthesis.extractive.german_words import (
    CONJUNCTIONS,
    DETERMINERS,
    FINITE,
    OBLIQUE,
    PREFIXES,
    PREPOSITIONS,
    PRONOUNS,
)

_PLAIN = re.compile(r"[\w’'./&+-]+\Z")
_NOT_IN_SUBJECT = (PRONOUNS | CONJUNCTIONS) - {"und", "oder", "als"} | {
    "sich", "nicht", "man", "auch", "so", "dann", "da", "hierbei", "jedoch", "dagegen", "zudem",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Clause:
    """`front` before the verb, `verb`, and `rest` after it, without the final stop."""

    front: str
    verb: str
    rest: str
    subject: bool
    """Whether the front is the subject, as far as its form tells."""

    @property
    def prefix(self) -> str:
        """The separated part of the verb at the end: "an" in "führt das Team an"."""
        last = self.rest.split(" ")[-1]
        return last if last in PREFIXES and " " in self.rest else ""


def parse(text: str) -> Clause | None:
    """Front, verb and rest of `text`, or None where there is doubt."""
    words = text.split()
    for index, word in enumerate(words[:14]):
        if index and word in FINITE and index + 1 < len(words):
            return _clause(words, index)
        if not _PLAIN.match(word):
            return None
    return None


def _clause(words: list[str], index: int) -> Clause | None:
    front = words[:index]
    first, last = front[0].lower(), front[-1]
    if any(word.lower() in _NOT_IN_SUBJECT for word in front):
        return None
    if first in DETERMINERS and len(front) > 1 and front[1].lower() in PREPOSITIONS | {"dort"}:
        return None
    if (
        re.search(r"(?:weise|mals|genommen|gesehen|lich|isch|dings|falls)\Z", last)
        and len(front) == 1
    ):
        return None
    if first in OBLIQUE or last.lower() in DETERMINERS | PREPOSITIONS | OBLIQUE | {"und", "oder"}:
        return None
    rest = " ".join(words[index + 1 :])
    adverbial = first in PREPOSITIONS or first.isdigit() or last[0].islower()
    is_noun_phrase = not adverbial and (last[0].isupper() or last[0].isdigit())
    if not adverbial and not is_noun_phrase:
        return None
    clause = Clause(" ".join(front), words[index], rest, is_noun_phrase)
    return None if _second_verb(clause) else clause


def _second_verb(clause: Clause) -> bool:
    """Another finite verb before any comma: the first was none, or the clause is not a main one."""
    head = re.split(r"[,;:(–—]| und | oder ", clause.rest)[0]
    words = head.split()
    from_infinitive = clause.verb in FINITE
    return from_infinitive and any(
        word in FINITE and word[-2:] != "en" and word not in PREFIXES for word in words[:-1]
    )


def ask(word: str, verb: str, *parts: str) -> str:
    """A question such as ``Wann wurde Warschau gegründet?``."""
    return " ".join(part for part in (word, verb, *parts) if part) + "?"


def indirect(word: str, verb: str, *parts: str) -> str:
    """``wann Warschau gegründet wurde``; "" where a comma makes the place of the verb unsure."""
    middle = " ".join(part for part in parts if part)
    if "," in middle or ":" in middle:
        return ""
    words = middle.split()
    if " sich" in middle and word == "Wo":
        words = ["sich", *(part for part in words if part != "sich")]
    if words and words[-1] in PREFIXES and len(words) > 1:
        words[-1] += verb
    else:
        words.append(verb)
    return f"{word[:1].lower()}{word[1:]} {' '.join(words)}"


def without(rest: str, start: int, end: int) -> str:
    """`rest` with a stretch taken out."""
    return " ".join((rest[:start] + " " + rest[end:]).split())


def main_part(rest: str) -> str:
    """`rest` up to the first comma, stop or dash: without its subordinate clauses."""
    return re.split(r",(?!\d)|[;:–—]", rest)[0].strip()


def joins_verb(rest: str) -> bool:
    """Whether a second main clause is joined: "... und kehrte zurück"."""
    words = rest.split()
    joined = any(
        word in FINITE and before in ("und", "oder", "aber", "sowie")
        for before, word in pairwise(words)
    )
    return joined or bool(_JOINED.search(rest))


_JOINED = re.compile(
    r" (?:ab|an|auf|aus|ein|fort|her|hin|los|statt|teil|vor|zurück|zusammen) und "
    r"| und (?:\w+ )?[a-zäöüß]+(?:t|te|ten) (?:sich|dass|die|den|das|der|dem|ein|eine|"
    r"einen|im|in|mit|auf)\b"
    r"|(?:und|sowie) in [\d.]+ "
    r"| und (?:\w+ ){0,6}?(?:ist|war|hat|wird|wurde|sind|waren)\b"
)
