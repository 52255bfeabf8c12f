"""The same said in other words, so that right answers are not all copies of their passages.

    "67 psi"                                   -> "The answer is 67 psi."
    "It requires numerous tools (see above)."  -> "According to the passages, it needs many tools."

A detector tuned on copies alone takes every answer in a writer's own words for an invention.

- `reword` makes only changes that keep what is said: a way to begin, words for which another means
  the same, brackets left out, sentences in another order. English and German; elsewhere only short
  answers get a sentence around them.
- `rewrite` goes as far from the passages as a summary does: up to half of the plain words give way
  to common words of the same documents, which stand for synonyms. To a detector that compares
  words it makes no difference which word it does not find; a reader would not understand it.
"""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from wellread.checks.abstention import answer_sentences
from wellread.checks.planting.items import Item, ends_as_sentence, lot
from wellread.checks.reading.tokens import Token, tokenise
from wellread.checks.reading.words import guess_language, is_function_word

_SHORT_WORDS = 8
_REWRITTEN = (0.1, 0.6)
_COMMON, _MIN_LETTERS = 2, 4
_AROUND = {
    "en": ("The answer is {}.", "According to the passages: {}."),
    "de": ("Die Antwort lautet: {}.", "Laut den Quellen: {}."),
    "fr": ("La réponse est : {}.",),
    "es": ("La respuesta es: {}.",),
    "it": ("La risposta è: {}.",),
    "nl": ("Het antwoord is: {}.",),
    "zh": ("答案是{}。",),
}
_LEADS = {
    "en": ("According to the passages, {}", "The text says that {}", "In short, {}"),
    "de": ("Kurz gesagt: {}", "In den Quellen steht: {}"),
}
_SAME = {
    "en": """approximately=about begin=start begins=starts began=started located=situated
        require=need requires=needs required=needed provide=give provides=gives utilize=use
        utilizes=uses numerous=many large=big rapidly=quickly prior_to=before as_well_as=and_also
        conduct=carry_out conducts=carries_out conducted=carried_out additional=further
        primary=main capability=ability capabilities=abilities obtain=get obtains=gets
        sufficient=enough demonstrate=show demonstrates=shows often=frequently usually=normally
        such_as=for_example in_order_to=to assist=help assists=helps assistance=help
        component=part components=parts enable=allow enables=allows entire=whole
        purchase=buy purchased=bought receive=get receives=gets consists_of=is_made_up_of
        consist_of=are_made_up_of includes=contains include=contain primarily=mainly
        initial=first maintain=keep maintains=keeps however=though near=close_to
        typically=as_a_rule is_called=is_known_as famous=well-known""",
    "de": """etwa=ungefähr beginnt=startet benötigt=braucht benötigen=brauchen erhält=bekommt
        erhalten=bekommen zahlreiche=viele verwendet=benutzt verwenden=benutzen lediglich=nur
        häufig=oft gewöhnlich=meist hauptsächlich=vor_allem ebenfalls=auch sofort=gleich
        circa=ungefähr notwendig=nötig zudem=außerdem anfangs=zuerst umfasst=enthält
        enthält=umfasst komplett=ganz befindet_sich=liegt""",
}
_PARENTHESES = re.compile(r"\s*\([^()]{1,80}\)")


def reworded_items(
    items: Iterable[Item], seed: int, share: float, rewritten: float = 0.0
) -> Iterator[Item]:
    """Every item; a share `rewritten` of them, drawn by lot, and `share` of the rest reworded.

    Answers of a few words are never rewritten: they are names and values.
    """
    known = list(items)
    vocabulary = common_words(known) if rewritten else ()
    for item in known:
        random = lot(seed, "reword", item.question, item.answer)
        far, near = random.random() < rewritten, random.random() < share
        if not item.usable or not (far or near):
            yield item
            continue
        language = item.chunk.language or guess_language(item.chunk.text)
        answer = reword(item.answer, language, random) if near else item.answer
        if far and len(answer.split()) > _SHORT_WORDS:
            most = float(random.uniform(*_REWRITTEN))
            answer = rewrite(answer, language, vocabulary, most, random)
        yield dataclasses.replace(item, answer=answer, accepted=(*item.accepted, item.answer))


def common_words(items: Iterable[Item]) -> tuple[str, ...]:
    """Plain words that several chunks use, as they stand there."""
    counts: Counter[str] = Counter()
    for text, language in {(item.chunk.text, item.chunk.language) for item in items}:
        tokens = tokenise(text, language or guess_language(text))
        counts.update({text[t.start : t.end] for t in tokens if _is_plain(t, text)})
    return tuple(sorted(word for word, count in counts.items() if count >= _COMMON))


def rewrite(
    answer: str,
    language: str,
    vocabulary: Sequence[str],
    share: float,
    random: np.random.Generator,
) -> str:
    """`answer` with about `share` of its plain words replaced by words of `vocabulary`.

    Numbers, names, negations and words of grammar stay.
    """
    if not vocabulary:
        return answer
    parts, at = [], 0
    for token in tokenise(answer, language):
        if _is_plain(token, answer) and random.random() < share:
            word = vocabulary[int(random.integers(len(vocabulary)))]
            parts += [answer[at : token.start], word]
            at = token.end
    return "".join((*parts, answer[at:]))


def _is_plain(token: Token, text: str) -> bool:
    word = text[token.start : token.end]
    return token.kind == "word" and word.islower() and len(word) >= _MIN_LETTERS


def reword(answer: str, language: str, random: np.random.Generator) -> str:
    """`answer` in other words, where there are any in `language`; else as it was."""
    short = len(answer.split()) <= _SHORT_WORDS and not ends_as_sentence(answer)
    if short:
        forms = _AROUND.get(language, ())
        return (
            forms[int(random.integers(len(forms)))].format(answer.strip(" ,;:"))
            if forms
            else answer
        )
    if language not in _SAME:
        return answer
    sentences = [answer[start:end].strip() for start, end in answer_sentences(answer, language)]
    said = [_other_words(one, language) for one in sentences]
    if len(said) > 1 and random.integers(2):
        said = [said[-1], *said[:-1]]
    if random.integers(2):
        form = _LEADS[language][int(random.integers(len(_LEADS[language])))]
        said[0] = form.format(_opened(said[0], language))
    return " ".join(said)


def _other_words(sentence: str, language: str) -> str:
    """Brackets left out and words replaced, each by one that means the same."""
    bare = _PARENTHESES.sub("", sentence)
    pairs = dict(pair.split("=") for pair in _SAME[language].split())
    pattern = "|".join(re.escape(word.replace("_", " ")) for word in pairs)

    def other(match: re.Match[str]) -> str:
        word = match.group()
        new = pairs[word.casefold().replace(" ", "_")].replace("_", " ")
        return new[0].upper() + new[1:] if word[0].isupper() else new

    return re.sub(rf"\b(?:{pattern})\b", other, bare, flags=re.IGNORECASE)


def _opened(sentence: str, language: str) -> str:
    """The sentence as it goes on after a lead: a function word loses its capital."""
    first = sentence.split()[0] if sentence.split() else ""
    if is_function_word(first, language) and first != "I":
        return sentence[:1].lower() + sentence[1:]
    return sentence
