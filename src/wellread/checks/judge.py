"""The detector `judge`: a language model lists claims, and its quotes are looked up.

    question, passages, answer -> prompt -> {"claims": [{"claim", "verdict", "quote", "reason"}]}

1. a reply that is not of that form, names words that the answer does not have, or leaves a sentence
   of the answer out is sent back with what is wrong, at most `repairs` times; then `unscored`
2. a quote that stands in no passage is discarded, and its claim is unsupported
3. claims that are not supported become spans; the answer is grounded where none are

A model may be wrong or told what to say by a passage; what it calls supported must be shown. The
score is the share of claims supported, and below every threshold where one is not.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple, Protocol

from pydantic import BaseModel, Field

from wellread.checks.abstention import clauses, declines
from wellread.checks.detector import Case
from wellread.checks.reading.quotes import Plain
from wellread.checks.statistics import character_mask
from wellread.config import Settings
from wellread.dialogue.passages import render_passages
from wellread.errors import EndpointError, ModelError
from wellread.llm.chat import ChatModel, ChatRequest, Message, Sampling
from wellread.llm.parse import read_value, repair
from wellread.records import Evidence, Outcome, Passage, SentenceCheck, Span, Verdict

DETECTOR = "judge"
PROMPT = "check_claims"
_CATEGORIES = {"contradicted": "contradiction/claim", "unsupported": "unsupported_addition/claim"}
_SURE = 0.95
# So much of every sentence must be in the claims.
_JUDGED_SHARE = 0.5
_WORD = re.compile(r"\w+")


class JudgeSettings(Settings):
    """How a model judges."""

    repairs: int = Field(default=2, ge=0)
    """How often a reply that cannot be used is sent back."""
    max_tokens: int = Field(default=4000, ge=1)
    """Most tokens of a reply."""
    threshold: float = Field(default=0.5, gt=0, le=_SURE)
    """Score from which an answer is grounded; one that is shown to be supported has 0.95."""


class Prompt(Protocol):
    """A prompt file: `fingerprint` tells wordings apart."""

    @property
    def fingerprint(self) -> str:
        """Of the wording."""
        ...

    def messages(self, **values: object) -> tuple[Message, ...]:
        """The messages with `values` put in."""
        ...


class Claim(BaseModel):
    """One claim of an answer, as a model judged it."""

    claim: str
    verdict: Literal["supported", "contradicted", "unsupported"]
    quote: str = ""
    reason: str = ""


class Claims(BaseModel):
    """What a model replies."""

    claims: list[Claim]


class _Judged(NamedTuple):
    """A claim with its place in the answer, after its quote was looked up."""

    start: int
    end: int
    claim: Claim
    evidence: Evidence | None


@dataclass
class JudgeDetector:
    """Checks answers with `model`, asked with `prompt`.

    `check` and `check_many` run the calls with `run`, by default in an event loop of their own;
    inside one, await `judge` or `judge_many`. A model that serves nobody raises EndpointError; a
    case that it cannot judge is `unscored`.
    """

    model: ChatModel
    prompt: Prompt
    settings: JudgeSettings = field(default_factory=JudgeSettings)
    run: Callable[[Coroutine[Any, Any, list[Verdict]]], list[Verdict]] = asyncio.run
    name: str = DETECTOR

    def check(self, question: str, passages: Sequence[Passage], answer: str) -> Verdict:
        """The verdict on one answer."""
        return self.check_many([Case(question, passages, answer)])[0]

    def check_many(self, cases: Iterable[Case]) -> list[Verdict]:
        """A verdict for every case, in order; the calls are made at the same time."""
        return self.run(self.judge_many(cases))

    async def judge_many(self, cases: Iterable[Case]) -> list[Verdict]:
        """The same, inside an event loop; the first that stops the run ends the others."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._guarded(case)) for case in cases]
        for task in tasks:
            if isinstance(error := task.result(), EndpointError):
                raise error
        return [verdict for task in tasks if isinstance(verdict := task.result(), Verdict)]

    async def _guarded(self, case: Case) -> Verdict | EndpointError:
        """A group of tasks would wrap what stops the run."""
        try:
            return await self.judge(case)
        except EndpointError as error:
            return error

    async def judge(self, case: Case) -> Verdict:
        """The verdict on one case."""
        if not case.answer.strip():
            return self._verdict("unscored", 0.0, "the answer is empty")
        if not any(passage.content.strip() for passage in case.passages):
            reason = "the passages are empty" if case.passages else "there are no passages"
            return self._verdict("unscored", 0.0, reason)
        if declines(case.answer) == "whole":
            return self._verdict("abstained", 1.0, "the answer declines")
        try:
            claims = await self._claims(case)
        except EndpointError:
            raise
        except ModelError as error:
            return self._verdict("unscored", 0.0, f"the judge gave no answer ({error.reason})")
        except ValueError:
            return self._verdict("unscored", 0.0, "the judge's replies could not be used")
        return self._of_claims(case, claims)

    async def _claims(self, case: Case) -> list[_Judged]:
        """The claims of a usable reply; ValueError where there is none."""
        request = asked = ChatRequest(
            self.prompt.messages(
                question=case.question,
                passages=render_passages(case.passages, "chunks"),
                answer=case.answer,
            ),
            Sampling(temperature=0.0, max_tokens=self.settings.max_tokens),
            Claims.model_json_schema(),
        )
        sources = [(passage, Plain(passage.content)) for passage in case.passages]
        for attempt in range(1, self.settings.repairs + 2):
            reply = await self.model.reply(asked)
            try:
                claims = read_value(reply.text, Claims).claims
                return _placed(case.answer, claims, sources)
            except ValueError as error:
                if attempt > self.settings.repairs:
                    raise
                # A new draw: the same bad reply twice would make the same request.
                asked = replace(repair(request, reply, str(error)), repeat=attempt)
        raise ValueError("no reply")

    def _of_claims(self, case: Case, claims: Sequence[_Judged]) -> Verdict:
        wrong = [one for one in claims if one.claim.verdict != "supported"]
        share = 1 - len(wrong) / len(claims)
        score = _SURE if not wrong else share * self.settings.threshold * _SURE
        spans = tuple(_span(case.answer, one) for one in wrong)
        outcome: Outcome = "grounded"
        if wrong:
            outcome = "partial" if 2 * len(wrong) <= len(claims) else "ungrounded"
        return Verdict(
            outcome,
            round(score, 6),
            DETECTOR,
            spans[0].reason if spans else "",
            spans,
            tuple(dict.fromkeys(one.evidence for one in claims if one.evidence)),
            tuple(_sentence(one) for one in claims),
            self.settings.threshold,
            self._version,
        )

    @property
    def _version(self) -> str:
        return f"{self.model.name} {self.prompt.fingerprint}"

    def _verdict(self, outcome: Outcome, score: float, reason: str) -> Verdict:
        return Verdict(
            outcome,
            score,
            DETECTOR,
            reason,
            threshold=self.settings.threshold,
            version=self._version,
        )


def _placed(
    answer: str, claims: Sequence[Claim], sources: Sequence[tuple[Passage, Plain]]
) -> list[_Judged]:
    """Every claim with its place and its evidence; ValueError says what the reply lacks."""
    plain = Plain(answer)
    placed: list[_Judged] = []
    strange: list[str] = []
    for claim in claims:
        place = plain.find(claim.claim) or _nearest(answer, claim.claim)
        if place is None:
            strange.append(claim.claim)
        else:
            placed.append(_looked_up(place, claim, sources))
    if strange:
        raise ValueError(f"claims[].claim: not words of the answer: {strange[0]!r:.200}")
    judged = character_mask(len(answer), [(one.start, one.end) for one in placed])
    for start, end, mark in clauses(answer):
        said = [at for at in range(start, end) if answer[at].isalnum()]
        # A claim of two words must not stand for the whole sentence that they are in.
        if mark == "claim" and said and judged[said].mean() < _JUDGED_SHARE:
            part = "nothing" if not judged[said].any() else "too little"
            raise ValueError(f"claims: {part} is said of this part: {answer[start:end]!r:.300}")
    if not placed:
        raise ValueError("claims: the list is empty, but the answer claims something")
    return sorted(placed, key=lambda one: (one.start, one.end))


def _nearest(answer: str, claim: str) -> tuple[int, int] | None:
    """The clause that holds most of the claim's words, where that is nearly all of them.

    A claim is often "It weighs 3 kg" where the answer says "weighs 3 kg, and …".
    """
    wanted = set(_WORD.findall(claim.casefold()))
    best: tuple[float, int, int] | None = None
    for start, end, _ in clauses(answer):
        words = set(_WORD.findall(answer[start:end].casefold()))
        share = len(wanted & words) / len(wanted) if wanted else 0.0
        if share >= 0.7 and (best is None or share > best[0]):
            best = share, start, end
    return best and best[1:]


def _looked_up(
    place: tuple[int, int], claim: Claim, sources: Sequence[tuple[Passage, Plain]]
) -> _Judged:
    """The claim with its evidence; what is said to be supported and is not shown, is not."""
    for passage, plain in sources:
        if found := plain.find(claim.quote):
            return _Judged(*place, claim, Evidence(passage.id, *found))
    if claim.verdict == "unsupported":
        return _Judged(*place, claim, None)
    if claim.quote.strip():
        reason = f"the quote {_short(claim.quote)!r} is in no passage"
    else:
        reason = "the judge showed no words of a passage for it"
    stripped = claim.model_copy(update={"verdict": "unsupported", "reason": reason})
    return _Judged(*place, stripped, None)


def _span(answer: str, one: _Judged) -> Span:
    claim = one.claim
    reason = " ".join(claim.reason.split()) or f"the judge calls it {claim.verdict}"
    return Span(
        one.start,
        one.end,
        answer[one.start : one.end],
        _CATEGORIES[claim.verdict],
        reason[:300],
        _SURE,
    )


def _sentence(one: _Judged) -> SentenceCheck:
    supported = one.claim.verdict == "supported"
    return SentenceCheck(one.start, one.end, _SURE if supported else 1 - _SURE, one.evidence)


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= 80 else flat[:79] + "…"
