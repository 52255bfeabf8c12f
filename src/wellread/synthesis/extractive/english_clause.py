"""Find subject, verb and the rest of an English main clause, or refuse.

    "The feed roller holds 24 sheets."  ->  Clause(subject "The feed roller", verb "hold",
                                                   tense "present", rest "24 sheets")

No parser: the first finite verb after a plain noun phrase is taken, and refused wherever the
reading is in doubt (a second finite verb, wrong agreement, a comma in the subject).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from wellread.synthesis.extractive.english_words import (
    BASES,
    BE,
    DETERMINERS,
    FUNCTION_WORDS,
    HAVE,
    MODALS,
    NOUN_LIKE,
    PARTICIPLES,
    PAST,
    PERSON_NOUNS,
    PREPOSITIONS,
    PRONOUNS,
    SUBORDINATORS,
    THIRD,
    is_plural,
    singular,
)

_ADVERB = re.compile(r"(?:[a-z]+ly|also|often|always|never|usually|still|now|then|not|only|both)\Z")
_NOT_IN_SUBJECT = PRONOUNS - {"one"} | SUBORDINATORS - {"and", "or"} | {
    "not", "there", "here", "also", "then", "thus", "therefore", "however", "eg", "ie", "such",
    "into", "per", "via", "by", "if", "even", "just", "well", "upon", "despite", "during", "as",
}  # fmt: skip
_WORD = re.compile(r"[^\s]+")
_PLAIN = re.compile(r"[\w’'./&+-]+\Z")
_CLAUSE_END = re.compile(r"[,;:—–(]")


@dataclass(frozen=True, slots=True)
class Clause:
    """A main clause in parts. `tense` is be, modal, perfect, present or past; for the last two
    `verb` is the base form, for perfect the participle, for be and modal it is "".
    `auxiliary` stands in front of the subject in a question.
    """

    subject: str
    plural: bool
    auxiliary: str
    verb: str
    tense: str
    rest: str
    finite: str
    person: bool = False
    """Whether the subject is a name that speaks somewhere in the text."""

    def invert(self, rest: str | None = None, subject: str | None = None) -> str:
        """``does the feed roller hold 24 sheets``."""
        rest = self.rest if rest is None else rest
        return _join(self.auxiliary, subject or self.subject, self.verb, rest)

    def plain(self, rest: str | None = None, subject: str | None = None) -> str:
        """``the feed roller holds 24 sheets``."""
        rest = self.rest if rest is None else rest
        return _join(subject or self.subject, self.finite, rest)

    def part(self, rest: str | None = None) -> str:
        """`rest` up to where another clause begins; see `first_part`."""
        past = self.tense == "past" or self.auxiliary in ("was", "were")
        return first_part(self.rest if rest is None else rest, past=past)


def _join(*parts: str) -> str:
    return " ".join(part for part in parts if part)


def parse(text: str, *, pronoun: bool = False) -> Clause | None:
    """The main clause of `text` (without its final stop), or None where there is doubt."""
    words = [found.group() for found in _WORD.finditer(text)]
    for index, word in enumerate(words[:14]):
        if index and (clause := _verb_at(words, index)):
            return clause if _sound(clause, words[:index], pronoun) else None
        if _breaks_subject(word, index, pronoun) or (index and _ambiguous(word, words, index)):
            return None
    return None


def _breaks_subject(word: str, index: int, pronoun: bool) -> bool:
    lower = word.lower()
    if index == 0 and (pronoun or lower in ("each", "all", "both", "many", "most", "several")):
        return False
    if lower in _NOT_IN_SUBJECT or _ADVERB.match(word):
        return True
    return not _PLAIN.match(word)


def _ambiguous(word: str, words: list[str], index: int) -> bool:
    """A bare modal-like word that we do not know how to read."""
    return word in ("do", "does", "did", "be", "been", "being")


def _verb_at(words: list[str], index: int) -> Clause | None:
    """The clause if the word at `index` is its finite verb."""
    word, rest = words[index], words[index + 1 :]
    subject = " ".join(words[:index])
    plural = subject_is_plural(words[:index])
    tail = " ".join(rest)
    if word in BE:
        return Clause(subject, BE[word], word, "", "be", tail, word) if rest else None
    if word in MODALS:
        return Clause(subject, plural, word, "", "modal", tail, word) if rest else None
    if word in HAVE and rest:
        if rest[0] in PARTICIPLES or rest[0] == "been" or _ed(rest[0]):
            return Clause(
                subject, plural, word, rest[0], "perfect", " ".join(rest[1:]), f"{word} {rest[0]}"
            )
        base, tense = "have", "past" if word == "had" else "present"
        plural = word == "have" if word != "had" else plural
        return _lexical(subject, plural, base, tense, word, tail)
    if word in THIRD and not plural:
        if THIRD[word] in NOUN_LIKE and not _object_follows(rest):
            return None
        return _lexical(subject, plural, THIRD[word], "present", word, tail)
    if word in BASES and plural and PAST.get(word, word) == word:
        if word in NOUN_LIKE and not _object_follows(rest):
            return None
        return _lexical(subject, plural, word, "present", word, tail)
    if word in PAST and rest and (not _ed(word) or _clear_past(rest)):
        return _lexical(subject, plural, PAST[word], "past", word, tail)
    return None


def _clear_past(rest: list[str]) -> bool:
    """After an -ed form, an object or adverbial must follow at once: "recorded settlements" not."""
    first = rest[0]
    return (
        _object_follows(rest)
        or first[0].isupper()
        or is_plural(first)
        or bool(_ADVERB.match(first))
    )


def _ed(word: str) -> bool:
    return len(word) > 4 and word.endswith("ed")


def _lexical(
    subject: str, plural: bool, base: str, tense: str, word: str, tail: str
) -> Clause | None:
    auxiliary = "did" if tense == "past" else ("do" if plural else "does")
    return Clause(subject, plural, auxiliary, base, tense, tail, word)


def _object_follows(rest: list[str]) -> bool:
    """Whether what follows starts a noun phrase or a prepositional phrase."""
    if not rest:
        return False
    return rest[0] in DETERMINERS or rest[0] in PREPOSITIONS or rest[0][0].isdigit()


def subject_is_plural(words: list[str]) -> bool:
    """Whether a noun phrase takes a plural verb: its head noun, or parts joined by and."""
    if words and words[0].lower() in ("each", "every", "a", "an"):
        return False
    if words and words[0].lower() in ("many", "several", "few", "two", "three", "four", "both"):
        return True
    if words and words[0].lower() in ("most", "all") and words[-1].lower() in ("species", "series"):
        return True
    head_end = next(
        (i for i, word in enumerate(words) if i and word.lower() in PREPOSITIONS), len(words)
    )
    before = [word.lower() for word in words[:head_end]]
    if "and" in before and before[0] != "the":
        return True
    if not head_end or not words:
        return False
    if before[0] in ("they", "we", "you", "these", "those", "both", "many", "several"):
        return True
    return is_plural(words[head_end - 1].strip(".,"))


def head_noun(subject: str) -> str:
    """The noun that the phrase is about: the last word before its first preposition."""
    words = subject.split()
    for index, word in enumerate(words):
        if index and word.lower() in PREPOSITIONS:
            return words[index - 1]
    return words[-1] if words else ""


def _sound(clause: Clause, subject: list[str], pronoun: bool) -> bool:
    """Refuse readings that are likely wrong."""
    first = subject[0].lower()
    if pronoun:
        return len(subject) == 1 and not _second_verb(clause)
    if not subject[0][0].isalnum() or len(subject) > 12:
        return False
    if first in PREPOSITIONS or _ADVERB.match(first):
        return False
    last = subject[-1].lower()
    if last in FUNCTION_WORDS or (first in DETERMINERS and len(subject) == 1):
        return False
    if len(subject) > 1 and subject[1] in ("to", "between", "from", "by", "under", "with"):
        return False
    if _misplaced_determiner(subject) or _gerund_after_noun(subject):
        return False
    if (
        len(subject) > 1
        and first.endswith("ing")
        and first not in ("training", "planning", "building", "engineering")
    ):
        return False
    if not _agrees(clause):
        return False
    return not _second_verb(clause) and not _looks_verbal(subject)


def _misplaced_determiner(subject: list[str]) -> bool:
    """A determiner inside the subject without a preposition: an unknown verb stands there."""
    before = PREPOSITIONS | {"and", "or", "all", "both", "half"}
    return any(
        word.lower() in ("the", "a", "an", "each", "every", "all", "no")
        and subject[i].lower() not in before
        for i, word in enumerate(subject[1:])
    )


def _gerund_after_noun(subject: list[str]) -> bool:
    return any(
        word.endswith("ing") and len(word) > 5 and is_plural(subject[i])
        for i, word in enumerate(subject[1:])
    )


def _agrees(clause: Clause) -> bool:
    words = clause.subject.split()
    if clause.tense == "be":
        head = head_noun(clause.subject)
        joined = "and" in words
        if clause.plural:
            return joined or is_plural(head) or head[:1].isupper()
        return not is_plural(head) or head[:1].isupper() or head == "number"
    if clause.subject.endswith(" task") and clause.verb == "organize":
        return False
    if clause.auxiliary == "does" and re.search(r" and (?:the|a|an|its) ", clause.subject):
        return False
    if clause.tense == "perfect" and clause.auxiliary == "has":
        return not clause.plural
    if clause.tense == "perfect" and clause.auxiliary == "have":
        return clause.plural
    return True


def _looks_verbal(subject: list[str]) -> bool:
    """An -ed word inside the subject after its noun: "Soldiers trained in radio"."""
    return any(
        (_ed(word) or word in PARTICIPLES) and subject[i].lower() not in DETERMINERS
        and i + 2 < len(subject) and subject[i + 2].lower() in PREPOSITIONS
        for i, word in enumerate(subject[1:])
    )  # fmt: skip


def _bare_verb(word: str) -> bool:
    return word in BASES and word not in NOUN_LIKE and PAST.get(word, word) == word


_LINKS = SUBORDINATORS | {"that", "to"}


def _second_verb(clause: Clause) -> bool:
    """Whether another finite verb follows that nothing introduces: the first was none."""
    for index, raw in enumerate(words := clause.rest.split()):
        if raw.lower().strip('“"(') in _LINKS or raw[-1] in ",;:—)" or "—" in raw:
            return False
        word = raw
        certain = word in BE or word in MODALS or word in ("has", "had")
        likely = word in THIRD and THIRD[word] not in NOUN_LIKE
        likely = likely or (index == 0 and _bare_verb(word) and clause.tense == "present")
        if certain or likely:
            return True
        if index > 12:
            break
    return not words


def is_person(noun: str) -> bool:
    """Whether a common noun names a person or a group that acts as one."""
    plain = noun.strip(".,")
    return plain in PERSON_NOUNS or singular(plain) in PERSON_NOUNS


def noun_phrase_starts(rest: str) -> bool:
    """Whether `rest` begins with a noun phrase that can be a direct object."""
    first, _, _ = rest.partition(" ")
    lower = first.lower()
    if lower in DETERMINERS - {"no"}:
        return True
    if lower in FUNCTION_WORDS or _ADVERB.match(first) or first.endswith("ing"):
        return False
    return bool(re.match(r"[A-Za-z0-9“\"]", first))


def first_part(rest: str, *, past: bool = False) -> str:
    """`rest` up to where another clause with its own verb begins.

    A second verb inside a relative clause ("that prevents or delays") belongs to the phrase; past
    forms count only where the clause is past, for else they are adjectives ("and assigned units").
    """
    pattern = _NEXT_VERB_PAST if past else _NEXT_VERB
    for found in pattern.finditer(rest):
        if found.group() == "; " and rest.count(";") > 1:
            continue
        if found["verb"] and _RELATIVE.search(rest, 0, found.start()):
            continue
        return rest[: found.start()].rstrip(" ,;")
    return rest


_RELATIVE = re.compile(r"\b(?:that|which|who|where|whose|when|if|how|what)\b")
_VERB_FORMS = [verb for verb in THIRD if THIRD[verb] not in NOUN_LIKE]
_FINITE = ["travel", "become", "has", "does", "do", "did", *_VERB_FORMS, *BE, *MODALS]
_FINITE_PAST = [*_FINITE, "had", *(form for form in PAST if form not in BASES)]


def _next_verb(forms: list[str]) -> re.Pattern[str]:
    return re.compile(
        r"(?P<verb>(?:(?:,|;)? (?:and|but|or)(?: then| also| thus| so| later| often| "
        r"usually)?|,) (?:"
        + "|".join(sorted(set(forms), key=len, reverse=True))
        + r")\b(?! [a-z]+(?:s|es)\b(?:,|\Z)))"
        r"|; |, (?:(?:which|who|where|while|whereas|although|though|so|because) "
        r"|but (?!\w+,)|and (?:it|they|he|she|this|these|then|so|in|on) )"
        r"|, and (?=(?:the|a|an|each) (?:[^ ,]+ ){1,5}?(?:is|are|was|were|has|have|had|can|"
        r"will|must|would|could|may)\b)"
        r"| but (?:the|it|they|a|he|she|this|these) "
        r"|: (?=(?:it|they|the|at|one|this|a|an|when|if) \w+ )"
        r"| and (?=(?:the|a|an|one|it) (?:\w+ ){1,6}?(?:is|are|was|were|has|have|drives|can|"
        r"could|will|must|may)\b)"
    )


_NEXT_VERB = _next_verb(_FINITE)
_NEXT_VERB_PAST = _next_verb([*_FINITE_PAST, r"[a-z]+ed (?:to|that|it|the|a|an|his|her|its|from)"])
