"""The teacher that needs no model.

    filter_chunk         rules on layout, language and content, then: is there a fact to ask for?
    rag_question_answer  facts of the chunk -> one pair each, worded by the kind of the brief

What it writes is for the demo, for tests and for a first look at one's own documents; every
record says that it came from here. Nothing is drawn at random: wordings follow from ids.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from wellread.errors import NotPossibleError
from wellread.records import Chunk
from wellread.synthesis.extractive.compose import Writer
from wellread.synthesis.extractive.context import context_of
from wellread.synthesis.extractive.extract import extract
from wellread.synthesis.extractive.facts import Fact
from wellread.synthesis.extractive.language import language_of
from wellread.synthesis.extractive.passages import content_words, file_name
from wellread.synthesis.extractive.suitability import unsuitable
from wellread.synthesis.tasks import ChunkJudgement, Exchange, RagBrief, RagPair, RagPairs


class ExtractiveTeacher:
    """Writes questions and grounded answers by rule, in English and German."""

    @property
    def name(self) -> str:
        """What every record that it wrote is marked with."""
        return "extractive"

    def recorded(self, log: list[Exchange]) -> ExtractiveTeacher:
        """The same teacher: it makes no calls."""
        return self

    def fingerprint(self, task: str) -> str:
        """Of no prompt."""
        return ""

    async def filter_chunk(self, chunk: Chunk) -> ChunkJudgement:
        """Judge by rule; the reason is one of the codes in `suitability`, or ``no_facts``."""
        reason = unsuitable(chunk)
        if not reason and not extract(chunk):
            reason = "no_facts"
        return ChunkJudgement(reason=reason, suitable=not reason)

    async def rag_question_answer(self, brief: RagBrief) -> RagPairs:
        """Ask for facts of the chunk, at most `brief.pairs` of them.

        Raises NotPossibleError: ``no_facts``; ``no_partial_question`` where the passages of a
        partial brief do not split the facts; ``passage_answers`` where a passage of a failure or
        abstention does answer; ``passages_lack_answer`` where one of a success does not.
        """
        chunk = brief.chunk
        facts = best_first(extract(chunk))
        if not facts:
            raise _refusal(chunk, "no_facts", "no fact in it can be asked for by rule")
        writer = Writer(brief, language_of(chunk), context_of(chunk))
        if brief.kind == "partial":
            return RagPairs(pairs=tuple(_partial(writer, facts)))
        wanted = brief.kind == "success"
        fitting = [fact for fact in facts if bool(writer.supports(fact)) == wanted]
        if not fitting and wanted:
            raise _refusal(chunk, "passages_lack_answer", "no passage holds what could be asked")
        if not fitting:
            raise _refusal(chunk, "passage_answers", "a passage answers each possible question")
        chosen = spread(fitting, max(1, min(brief.pairs, 8)))
        return RagPairs(pairs=tuple(_pair(writer, fact) for fact in chosen))

    async def rag_answer_again(self, brief: RagBrief, pair: RagPair, problem: str) -> RagPair:
        """Answer by the fact that the question asks for; rules know one answer to a question.

        Raises NotPossibleError, ``no_other_answer``, where no fact asks the question, its answer is
        the one that failed, or the kind of the brief asks for more than one fact.
        """
        writer = Writer(brief, language_of(brief.chunk), context_of(brief.chunk))
        asked = [f for f in extract(brief.chunk) if f.question == pair.question]
        fitting = [f for f in asked if bool(writer.supports(f)) == (brief.kind == "success")]
        again = [_pair(writer, fact) for fact in fitting[:1] if brief.kind != "partial"]
        if not again or again[0].answer == pair.answer:
            raise _refusal(brief.chunk, "no_other_answer", "the rules have no other answer")
        return again[0]


def best_first(facts: Sequence[Fact]) -> list[Fact]:
    """Facts by weight, the earlier first among equals."""
    return sorted(facts, key=lambda fact: (-fact.weight, fact.start))


def spread(facts: Sequence[Fact], count: int) -> list[Fact]:
    """The best `count` facts from different sentences; follow-ups stay on the first's topic."""
    chosen = [facts[0]]
    topic = content_words(facts[0].question)
    rest = sorted(
        facts[1:],
        key=lambda fact: (
            -fact.weight - 0.3 * bool(content_words(fact.question) & topic),
            fact.start,
        ),
    )
    for fact in rest:
        if len(chosen) == count:
            break
        if all(fact.start != other.start and fact.answer != other.answer for other in chosen):
            chosen.append(fact)
    return chosen


def _pair(writer: Writer, fact: Fact) -> RagPair:
    if writer.brief.kind == "success":
        return _success(writer, fact)
    return _recalled(writer, fact) if _from_memory(writer.brief) else _declined(writer, fact)


def _from_memory(brief: RagBrief) -> bool:
    return brief.kind == "failure" and brief.from_memory


def _success(writer: Writer, fact: Fact) -> RagPair:
    supports = writer.supports(fact)
    source = writer.brief.passages[supports[0]].chunk
    thought = writer.walk(fact, {supports[0]: writer.quote(fact)})
    answer = [writer.cited(fact, source)]
    others = {writer.brief.passages[i].chunk.source for i in supports[1:]} - {source.source}
    for index in supports[1:]:
        other = writer.brief.passages[index].chunk
        if other.source in others:
            others.discard(other.source)
            answer.append(writer.say("also", index, file=file_name(other)))
    return _filled(writer, fact, thought, answer)


def _recalled(writer: Writer, fact: Fact) -> RagPair:
    chunk = writer.brief.chunk
    thought = [*writer.walk(fact, {}), writer.cited(fact, chunk, "recall_thought")]
    return _filled(writer, fact, thought, [writer.cited(fact, chunk, "recall")])


def _declined(writer: Writer, fact: Fact) -> RagPair:
    about = fact.about or writer.say("about_fallback")
    thought = [*writer.walk(fact, {}), writer.say("decline_thought", fact.question)]
    answer = [writer.say("missing", fact.question, about=about)]
    if writer.brief.passages:
        answer.append(writer.say("covers", fact.question, topics=writer.topics()))
    subject = _noun(fact) or writer.context.anchor
    if subject:
        answer.append(writer.say("need", fact.question, subject=subject))
    return _filled(writer, fact, thought, answer)


def _noun(fact: Fact) -> str:
    """What the question is about, where it is a noun phrase."""
    verbal = ("instruction", "prohibition", "condition", "agent", "superlative")
    return "" if fact.rule in verbal else fact.subject


def _partial(writer: Writer, facts: Sequence[Fact]) -> list[RagPair]:
    seen = [fact for fact in facts if writer.supports(fact)]
    unseen = [fact for fact in facts if not writer.supports(fact)]
    if not seen or not unseen:
        raise _refusal(
            writer.brief.chunk, "no_partial_question", "the passages do not split its facts"
        )
    pairs: list[RagPair] = []
    for known, missing in zip(seen, unseen, strict=False):
        if len(pairs) < max(1, min(writer.brief.pairs, 8)):
            pairs.append(_half(writer, known, missing))
    return pairs


def _half(writer: Writer, known: Fact, missing: Fact) -> RagPair:
    supports = writer.supports(known)
    source = writer.brief.passages[supports[0]].chunk
    second = missing.question[:1].lower() + missing.question[1:]
    question = writer.say("also_ask", known.question, first=known.question, second=second)
    about = missing.about or writer.say("about_fallback")
    thought = writer.walk(known, {supports[0]: writer.quote(known)})
    thought.append(writer.say("partial_thought", missing.question, about=about))
    answer = [writer.cited(known, source), writer.say("missing", missing.question, about=about)]
    both = replace(known, question=question, answer=f"{known.answer}; {missing.answer}")
    pair = _filled(writer, both, thought, answer)
    return pair.model_copy(
        update={"evidence": (_evidence(writer, known), _evidence(writer, missing))}
    )


def _evidence(writer: Writer, fact: Fact) -> str:
    return writer.brief.chunk.text[fact.start : fact.end]


def _filled(writer: Writer, fact: Fact, thought: list[str], answer: list[str]) -> RagPair:
    return RagPair(
        question=fact.question,
        expected_answer=fact.answer,
        evidence=(_evidence(writer, fact),),
        thought_process=_encodable("\n".join(thought)),
        answer=_encodable(" ".join(answer)),
    )


def _encodable(text: str) -> str:
    """Without lone surrogates, which titles and file names of damaged documents can hold."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _refusal(chunk: Chunk, reason: str, why: str) -> NotPossibleError:
    return NotPossibleError(f"{chunk.id}: {why}", reason=reason)
