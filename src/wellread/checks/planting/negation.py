"""The opposite of a sentence: a negation put into its main clause, or taken out of it.

    "The valve is open."       -> "The valve is not open."
    "Do not immerse the drum." -> "Immerse the drum."
    "Die Anlage ist dicht."    -> "Die Anlage ist nicht dicht."

Nothing is proposed where both sides may hold: after "some" or "may", in a condition, with a second
negation in the sentence, before "only" or "also".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from wellread.checks.abstention import answer_sentences
from wellread.checks.planting.items import Scene, ends_as_sentence
from wellread.checks.planting.swaps import Edit


@dataclass(frozen=True, slots=True)
class _Rules:
    """How a language denies: `verbs` can carry a negation, `removals` take one out.

    Nothing is touched after `hedges`; a verb is not denied before `not_before`, or where what
    comes after it is not `goes_on`.
    """

    negations: re.Pattern[str]
    hedges: re.Pattern[str]
    not_before: re.Pattern[str]
    verbs: re.Pattern[str]
    denied: str
    removals: tuple[tuple[re.Pattern[str], str], ...]
    goes_on: re.Pattern[str] = re.compile(r"\s+\w")


def _any(words: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(words.split())})\b", re.IGNORECASE)


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE)


_RULES = {
    "en": _Rules(
        negations=_pattern(
            r"\b(?:not|never|no|none|nor|neither|cannot|without|nothing|nobody|nowhere|hardly|"
            r"barely|rarely|seldom|unless|except|but)\b|n['’]t\b"
        ),
        hedges=_any(
            "some many most few several often sometimes usually generally typically may might "
            "could if when whenever where while although though because since that which who whose "
            "whom what whether before after until as how why any all every each than answer"
        ),
        not_before=_pattern(
            r"\s+(?:only|also|just|merely|simply|both|either|so|too|often|sometimes|usually|"
            r"necessarily|always|generally|typically|partly|mostly|all|\W)"
        ),
        verbs=_pattern(r"\b(?P<verb>is|are|was|were|can|must|should|will|has been|have been)\b"),
        denied="{} not",
        removals=(
            (_pattern(r"\bcannot (?P<kept>\w+)"), "can {}"),
            (_pattern(r"\b(?P<kept>is|are|was|were|must|should|will|can|has|have)(?:n['’]t| not)\b"
                      r"(?! (?:only|just|necessarily|all|every|always|both|yet))"), "{}"),
            (_pattern(r"\b(?:do not|don['’]t|never) (?P<kept>\w+)"), "{}"),
            (_pattern(r"\bwithout (?P<kept>\w+)"), "with {}"),
        ),
    ),
    "de": _Rules(
        negations=_any(
            "nicht nie niemals kein keine keiner keines keinem keinen ohne weder nichts niemand "
            "kaum selten außer sondern"
        ),
        hedges=_any(
            "einige viele manche meist oft manchmal gewöhnlich könnte könnten dürfte wenn falls "
            "sobald während obwohl weil da dass daß ob bevor nachdem bis als wie warum jede jeder "
            "jedes alle welche welcher welches antwort"
        ),
        not_before=_pattern(
            r"\s+(?:nur|auch|bloß|sowohl|entweder|so|zu|oft|manchmal|immer|alle|meist|\W)"
        ),
        verbs=_pattern(
            r"(?-i:\b(?P<verb>ist|sind|war|waren|kann|können|muss|müssen|soll|sollen|wird|werden|"
            r"wurde|wurden|darf|dürfen)\b)"
        ),
        denied="{} nicht",
        removals=(
            (_pattern(r"\b(?P<kept>\w+) nicht\b(?! (?:nur|immer|alle|ganz|unbedingt))"), "{}"),
        ),
    ),
    "fr": _Rules(
        negations=_pattern(r"\b(?:ne|pas|jamais|aucune?|sans|rien|personne|ni)\b|\bn['’]"),
        hedges=_any(
            "réponse quelques plusieurs souvent parfois si quand que qui dont où tout tous toutes"
        ),
        not_before=_pattern(r"\s+(?:aussi|seulement|souvent|toujours|tous|\W)"),
        verbs=_pattern(r"\b(?P<verb>sont|peut|peuvent|doit|doivent|sera|seront)\b"),
        denied="ne {} pas",
        removals=((_pattern(r"\bne (?P<kept>\w+) pas\b"), "{}"),),
    ),
    "es": _Rules(
        negations=_any("no nunca jamás ningún ninguna ninguno sin nada nadie ni sino"),
        hedges=_any(
            "respuesta algunos algunas muchos muchas si cuando que quien donde como todos todas"
        ),
        not_before=_pattern(r"\s+(?:también|solo|sólo|siempre|todos|\W)"),
        verbs=_pattern(
            r"\b(?P<verb>es|son|era|eran|fue|fueron|está|están|puede|pueden|debe|deben)\b"
        ),
        denied="no {}",
        removals=((_pattern(r"\bno (?P<kept>es|son|está|están|puede|pueden|debe|deben)\b"), "{}"),),
    ),
    "it": _Rules(
        negations=_any("non mai nessun nessuno nessuna senza niente nulla né"),
        hedges=_any("risposta alcuni alcune molti molte se quando che chi dove come tutti tutte"),
        not_before=_pattern(r"\s+(?:anche|solo|sempre|tutti|\W)"),
        verbs=_pattern(r"\b(?P<verb>è|sono|era|erano|può|possono|deve|devono)(?!\w)"),
        denied="non {}",
        removals=(
            (_pattern(r"\bnon (?P<kept>è|sono|era|erano|può|possono|deve|devono)(?!\w)"), "{}"),
        ),
    ),
    "zh": _Rules(
        negations=_pattern("[不没沒未無无非]|别"),
        hedges=_pattern("答案|如果|若|一些|许多|可能|也许|有时|当|都|只|也"),
        not_before=_pattern("(?:否|不|以|也|都|只)(?!以)"),
        verbs=_pattern("(?P<verb>(?<![总但还就正于若凡要可而])是(?!否))"),
        denied="不{}",
        removals=((_pattern("不(?P<kept>是|能|会|可以|需要)"), "{}"),),
        goes_on=_pattern(r"\w"),
    ),
}  # fmt: skip
_YES_NO = {
    "en": ("yes", "no"),
    "de": ("ja", "nein"),
    "fr": ("oui", "non"),
    "es": ("sí", "no"),
    "it": ("sì", "no"),
    "zh": ("是", "不是"),
}


def negation_edits(scene: Scene) -> Iterator[Edit]:
    """An edit for each sentence of the answer whose main clause can be turned round."""
    if (whole := _yes_or_no(scene.answer, scene.language)) is not None:
        yield whole
        return
    rules = _RULES.get(scene.language)
    if rules is None:
        return
    for start, end in scene.shuffled(answer_sentences(scene.answer, scene.language)):
        sentence = scene.answer[start:end]
        if not ends_as_sentence(sentence) or sentence.rstrip().endswith(("?", "？")):
            continue
        count = len(rules.negations.findall(sentence))
        edit = _denied(sentence, rules) if count == 0 else None
        if count == 1:
            edit = _affirmed(sentence, rules)
        if edit is not None:
            yield Edit(start + edit.start, start + edit.end, edit.text)


def _denied(sentence: str, rules: _Rules) -> Edit | None:
    """A negation at the first verb that can carry one, if nothing before it hedges."""
    match = rules.verbs.search(sentence)
    if match is None or match.start() == 0 or rules.hedges.search(sentence, 0, match.start()):
        return None
    # A verb at the end closes a subordinate clause, or belongs to no sentence at all.
    if rules.not_before.match(sentence, match.end()) or not rules.goes_on.match(
        sentence, match.end()
    ):
        return None
    text = rules.denied.format(match["verb"])
    return Edit(match.start(), match.end(), text)


def _affirmed(sentence: str, rules: _Rules) -> Edit | None:
    """The sentence's only negation taken out, if nothing before it hedges."""
    for pattern, form in rules.removals:
        match = pattern.search(sentence)
        if match is None or rules.hedges.search(sentence, 0, match.start()):
            continue
        text = form.format(match["kept"])
        if match.group()[0].isupper():
            text = text[0].upper() + text[1:]
        return Edit(match.start(), match.end(), text)
    return None


def _yes_or_no(answer: str, language: str) -> Edit | None:
    """The other one of yes and no, where the answer is no more than that."""
    said = answer.strip().rstrip(".!。")
    yes, no = _YES_NO.get(language, ("", ""))
    if not said or said.casefold() not in (yes, no):
        return None
    other = no if said.casefold() == yes else yes
    start = answer.index(said)
    return Edit(start, start + len(said), other.capitalize() if said[0].isupper() else other)
