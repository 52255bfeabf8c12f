"""The detector of short answers: does what stands in the passages also answer the question?

    question, passages, answer -> ShortCheck(supported, answers) -> Verdict

Being present is not being the answer: "Kawann Short" stands in the passage, and yet nobody may ask
for him. So an answer of a few words is asked two things:

1. supported: do its words stand together in a passage? (else what the lexical detector says)
2. answers: does its place suit the question? Type, nearness, rivals: see `answering`; put
   together by a logistic regression whose weights stand in ``short_answer_weights.json``
3. with a model at hand, the question is asked again from the passages, and the two answers compared

The score is the product of both. Longer answers are judged by the lexical detector alone.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

from pydantic import Field

from wellread.checks.abstention import declines
from wellread.checks.answering.measures import MEASURES, Answered, Measured, content, measure
from wellread.checks.answering.types import SHAPE_NAMES, WANTED_NAMES, Shape, Wanted, fit
from wellread.checks.citations import citations
from wellread.checks.detector import Case, Detector
from wellread.checks.lexical import LexicalDetector
from wellread.checks.reading.evidence import Sources, Window, read_sources
from wellread.checks.statistics import token_f1
from wellread.config import Settings
from wellread.errors import InputError
from wellread.records import Evidence, Outcome, Passage, SentenceCheck, Span, Verdict

DETECTOR = "answer"
FILE = "short_answer_weights.json"
AskAgain = Callable[[str, Sequence[Passage]], str | None]
# So many second answers are asked for at a time.
_AT_A_TIME = 16

_LEAD = re.compile(
    r"^\W*(?:(?:the|an) (?:short |final |correct )?answer (?:is|was|would be)|answer|antwort|"
    r"die (?:richtige )?antwort (?:ist|lautet|war)|(?:it|that|this|they|he|she|there) (?:is|was|"
    r"are|were)|(?:es|das|dies) (?:ist|war|sind|waren)|la respuesta es|la réponse est|答案是)"
    r"[:\s]*",
    re.IGNORECASE,
)
_EDGES = " \t\r\n.,;:!?\"'“”„«»()[]*_`。，；：！？"
_SENTENCE_WORDS = 4
# Passages of which no sentence has this share of the question do not speak of it at all.
_ABOUT = 0.1
_BESIDE_THE_QUESTION = 0.3


class ShortAnswerSettings(Settings):
    """What counts as short, and when a short answer counts as one."""

    max_words: int = Field(default=8, ge=1, le=40)
    """An answer of more words than this is judged by its text alone."""
    threshold: float = Field(default=0.5, gt=0, lt=1)
    """Score from which an answer is grounded."""
    agreement_weight: float = Field(default=4.0, ge=0)
    """How far a second answer moves the first one's log odds: by half of this either way."""


@dataclass(frozen=True, slots=True)
class Weights:
    """One coefficient for each of `MEASURES`, and the intercept."""

    version: str
    coefficients: tuple[float, ...]
    intercept: float

    def logit(self, measured: Measured) -> float:
        """Log odds that an answer at this place answers the question."""
        pairs = zip(self.coefficients, measured.row, strict=True)
        return self.intercept + sum(weight * float(value) for weight, value in pairs)


@lru_cache(maxsize=1)
def shipped_weights() -> Weights:
    """The weights that come with the package."""
    text = resources.files("wellread.checks.answering").joinpath(FILE).read_text(encoding="utf-8")
    data = json.loads(text)
    if tuple(data["weights"]) != MEASURES:
        raise InputError(
            f"{FILE} holds weights for {', '.join(data['weights'])}; needed are "
            f"{', '.join(MEASURES)}",
            hint="fit them again: python tools/fit_short_answers.py --texts FOLDER",
        )
    return Weights(data["version"], tuple(data["weights"].values()), data["intercept"])


@dataclass(frozen=True, slots=True)
class ShortCheck:
    """What was found out about one answer.

    `supported` is the probability that the passages say it, `answers` that it is what the question
    wants; `agreement` is the token F1 with a second answer, None where none was asked for. `wanted`
    and `shape` name the type asked for and the type found.
    """

    verdict: Verdict
    supported: float
    answers: float
    wanted: Wanted
    shape: Shape
    agreement: float | None = None


class ShortAnswerDetector:
    """Says whether a short answer is in the passages and answers the question.

    `ask_again` answers a question from passages, such as a model does, or gives None; `asked` names
    it in the version. It is called from several threads. `text_detector` judges what the answer's
    words alone can't settle, and all longer answers.

    >>> from wellread.records import Chunk, Passage
    >>> text = "Ada Byron drew the pump in 1960. Carl Roth tested the valve in 1974."
    >>> passage = Passage(Chunk("a.md#0-68", "a.md", text, 0, 68, source="a.md"), 1.0, 1)
    >>> detector = ShortAnswerDetector()
    >>> for answer in ("Ada Byron", "Carl Roth", "1960", "Jane Doe"):
    ...     print(answer, detector.check("Who drew the pump?", [passage], answer).outcome)
    Ada Byron grounded
    Carl Roth ungrounded
    1960 ungrounded
    Jane Doe ungrounded
    """

    name = DETECTOR

    def __init__(
        self,
        settings: ShortAnswerSettings | None = None,
        *,
        text_detector: Detector | None = None,
        ask_again: AskAgain | None = None,
        asked: str = "",
        weights: Weights | None = None,
    ) -> None:
        self.settings = settings or ShortAnswerSettings()
        self.text_detector = text_detector or LexicalDetector()
        self.weights = weights or shipped_weights()
        self.version = f"{self.weights.version} {asked}".strip()
        self._ask_again = ask_again

    def check(self, question: str, passages: Sequence[Passage], answer: str) -> Verdict:
        """The verdict on one answer; ``unscored`` where nothing can be looked up."""
        return self.examine(question, passages, answer).verdict

    def check_many(self, cases: Iterable[Case]) -> list[Verdict]:
        """A verdict for every case, in order; second answers are asked for at the same time."""
        if self._ask_again is None:
            return [self.check(*case) for case in cases]
        with ThreadPoolExecutor(_AT_A_TIME) as pool:
            return list(pool.map(lambda case: self.check(*case), cases))

    def is_short(self, answer: str) -> bool:
        """Whether `answer` has few words; in scripts without spaces, few pairs of characters."""
        if len(answer.split()) > self.settings.max_words + _SENTENCE_WORDS:
            return False
        core = answer[slice(*core_span(answer))]
        few = len(core.split()) <= self.settings.max_words
        return few and len(content(core, "")) <= 2 * self.settings.max_words

    def examine(self, question: str, passages: Sequence[Passage], answer: str) -> ShortCheck:
        """The verdict, with what it is made of."""
        text = self.text_detector.check(question, passages, answer)
        if declines(answer) == "whole":
            verdict = self._of("abstained", 1.0, "the answer declines")
            return ShortCheck(verdict, 1.0, 0.0, "thing", "words")
        if not answer.strip() or not any(p.chunk.text.strip() for p in passages):
            return ShortCheck(self._of("unscored", 0.0, text.reason), 0.0, 0.0, "thing", "words")
        if not self.is_short(answer):
            return ShortCheck(text, text.score, text.score, "thing", "clause")
        return self._examine(question, passages, answer, text)

    def _examine(
        self, question: str, passages: Sequence[Passage], answer: str, text: Verdict
    ) -> ShortCheck:
        sources = read_sources(passages, answer)
        start, end = self._core(question, passages, answer, sources)
        said = answer[start:end]
        found = measure(question, sources, said)
        best = max(found.measured, key=self._preference, default=None)
        met = best.place.met if best else 0.0
        supported = 1.0 if met == 1.0 and not _denied(text) else min(met, text.score)
        answers = _sigmoid(self.weights.logit(best)) if best else 0.0
        if found.about < _ABOUT or found.repeats == 1.0:
            answers = min(answers, _BESIDE_THE_QUESTION)
        agreement = self._agreement(question, passages, said, sources.language)
        answers = self._with_agreement(answers, agreement)
        if not content(said, sources.language) and agreement is None:
            reason = "the answer has no words that can be looked up"
            verdict = self._of("unscored", 0.0, reason)
        else:
            if best is None and agreement is not None and found.shape == "yes_no":
                supported = 1.0  # a yes is in no passage: the second answer alone decides
                answers = agreement
            verdict = self._verdict(
                answer, (start, end), sources, found, best, (supported, answers), text
            )
        return ShortCheck(
            verdict, supported, answers, found.expected.wanted, found.shape, agreement
        )

    def _preference(self, measured: Measured) -> tuple[float, float]:
        return (measured.place.met, self.weights.logit(measured))

    def _core(
        self, question: str, passages: Sequence[Passage], answer: str, sources: Sources
    ) -> tuple[int, int]:
        """The part of the answer that tells: no lead-in, no source, no words of the question."""
        start, end = core_span(answer)
        for citation in citations(answer, passages):
            if citation.start > start:
                end = min(end, citation.start)
        core = answer[start:end]
        if len(core.split()) >= _SENTENCE_WORDS:
            asked = {k for t in content(question, sources.language) for k in t.keys}
            new = [t for t in content(core, sources.language) if not t.keys & asked]
            if new and len(new) < len(content(core, sources.language)):
                start, end = start + new[0].start, start + new[-1].end
        return start, max(end, start)

    def _agreement(
        self, question: str, passages: Sequence[Passage], answer: str, language: str
    ) -> float | None:
        if self._ask_again is None:
            return None
        again = self._ask_again(question, passages)
        if again is None:
            return None
        if declines(again) == "whole":
            return 0.0
        return token_f1(again[slice(*core_span(again))], [answer], language or "en")

    def _with_agreement(self, answers: float, agreement: float | None) -> float:
        if agreement is None or not 0 < answers < 1:
            return answers
        odds = math.log(answers / (1 - answers))
        return _sigmoid(odds + self.settings.agreement_weight * (agreement - 0.5))

    def _verdict(
        self,
        answer: str,
        core: tuple[int, int],
        sources: Sources,
        found: Answered,
        best: Measured | None,
        chances: tuple[float, float],
        text: Verdict,
    ) -> Verdict:
        supported, answers = chances
        score = round(supported * answers, 6)
        outcome: Outcome = "grounded" if score >= self.settings.threshold else "ungrounded"
        pointer = _pointer(sources, best) if best else None
        reason, spans = "", tuple[Span, ...]()
        if outcome == "ungrounded":
            absent = supported < self.settings.threshold
            said = answer[core[0] : core[1]]
            reason = _absent(said, text) if absent else self._why_not(sources, found, best, said)
            category = "unsupported_addition/claim" if absent else "contradiction/relational"
            spans = (Span(*core, said, category, reason, round(1 - score, 6)),)
        evidence = (pointer,) if pointer else ()
        checked = (SentenceCheck(0, len(answer), score, pointer),)
        return self._of(outcome, score, reason, spans, evidence, checked)

    def _why_not(self, sources: Sources, found: Answered, best: Measured | None, said: str) -> str:
        wanted, shape = found.expected.wanted, found.shape
        if found.repeats == 1.0:
            return f"{said} only repeats the question"
        if found.about < _ABOUT:
            return f"{said} is in the passages, but they have nothing of what is asked"
        if fit(wanted, shape) <= -0.5:
            return (
                f"{said} is in the passages, but is {SHAPE_NAMES[shape]}; the question asks for "
                f"{WANTED_NAMES[wanted]}"
            )
        if best and best.rival and float(best.row[MEASURES.index("ahead")]) < 0:
            ground, at = best.rival
            text = sources.passages[ground.owner].chunk.text
            nearer = text[ground.tokens[at].start : ground.tokens[at].end]
            return f"{said} is in the passages, but {nearer} stands nearer to what is asked"
        return f"{said} is in the passages, but away from what is asked"

    def _of(
        self,
        outcome: Outcome,
        score: float,
        reason: str = "",
        spans: tuple[Span, ...] = (),
        evidence: tuple[Evidence, ...] = (),
        sentences: tuple[SentenceCheck, ...] = (),
    ) -> Verdict:
        return Verdict(
            outcome,
            score,
            DETECTOR,
            reason,
            spans,
            evidence,
            sentences,
            self.settings.threshold,
            self.version,
        )


def core_span(answer: str) -> tuple[int, int]:
    """Start and end of `answer` without lead-in, quotation marks and stops.

    >>> text = "The answer is “67 psi”."
    >>> text[slice(*core_span(text))]
    '67 psi'
    """
    match = _LEAD.match(answer)
    start = match.end() if match and match.end() < len(answer.rstrip(_EDGES)) else 0
    end = len(answer.rstrip(_EDGES))
    start += len(answer[start:end]) - len(answer[start:end].lstrip(_EDGES))
    return (start, end) if end > start else (0, len(answer))


def _denied(text: Verdict) -> bool:
    """Whether the lexical detector found that the passages deny it."""
    return any(span.category == "contradiction/negation" for span in text.spans)


def _absent(said: str, text: Verdict) -> str:
    told = next((span.reason for span in text.spans if span.reason), "")
    return told or f"{said} is not in the passages"


def _pointer(sources: Sources, best: Measured) -> Evidence:
    ground = best.place.ground
    first = ground.first + int(ground.sentence[best.place.first])
    last = ground.first + int(ground.sentence[best.place.last])
    return sources.pointer(Window(1.0, first, last))


def _sigmoid(logit: float) -> float:
    return 0.5 * (1 + math.tanh(0.5 * logit))
