"""The detector `encoder`: a token-classification model of a folder, LettuceDetect's included.

    question and passages = first text, answer = second text; every token of the answer gets the
    probability that it is not supported

1. the passages are cut into windows that fit beside the question and the whole answer
2. every (window, answer) pair goes through the model, pairs of like length together
3. a token is as well supported as by its best window (`any`) or by its worst (`all`)
4. tokens over the limit are joined to spans; sentences and the answer follow from their worst token

The answer is never cut: one that leaves no room for passages is `unscored`. LettuceDetect (Kovács
and Recski 2025) joins windows by the worst, so that a sentence is only supported where every window
supports it; with evidence in one of several passages that flags what is right, so ours is `any`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from pydantic import Field, field_validator

from wellread.checks.abstention import answer_sentences, declines
from wellread.checks.detector import Case
from wellread.checks.encoder_model import Encoded, Offsets, Probabilities, TokenClassifier
from wellread.checks.encoder_windows import windows
from wellread.config import Settings
from wellread.errors import InputError
from wellread.records import Outcome, Passage, SentenceCheck, Span, Verdict
from wellread.storage.files import read_json

DETECTOR = "encoder"
SETTINGS_FILE = "check.json"
CATEGORY = "unsupported_addition/claim"
# Joined texts may take a few tokens more than their parts.
_SPARE = 8
_SHOWN = 80
# Of an answer with more unknown tokens than this share the model cannot speak.
_UNKNOWN_SHARE = 0.5


class EncoderSettings(Settings):
    """How a model of a folder is asked; a file `check.json` in the folder sets what is its own."""

    prompt: str = "{question}\n\n{passages}"
    """The first text; {question}, {passages} and their {count} are put in. Best as trained."""
    passage: str = "passage {number}: {text}\n"
    """How a passage stands in it."""
    supported_label: str = ""
    """Name of the label that says "supported", where the model's names do not tell."""
    windows: Literal["any", "all"] = "any"
    """Whether a token is supported where any window of the passages supports it, or only all."""
    max_tokens: int = Field(default=4096, ge=16)
    """Most tokens of a window with the answer; the model's own limit counts where it is lower."""
    least_room: int = Field(default=32, ge=1)
    """Tokens of passages that must fit beside the answer, else it is unscored."""
    overlap: float = Field(default=0.25, ge=0, lt=1)
    """Share of a window repeated in the next one where a passage is cut."""
    token_limit: float = Field(default=0.5, gt=0, lt=1)
    """Probability from which a token is part of an unsupported span."""
    threshold: float = Field(default=0.5, ge=0, le=1)
    """Score from which an answer is grounded."""
    batch: int = Field(default=8, ge=1)
    """Windows that go through the model at a time."""
    device: str = "auto"
    """auto, cpu or cuda."""

    @field_validator("prompt")
    @classmethod
    def _holds_passages(cls, value: str) -> str:
        if "{passages}" not in value:
            raise ValueError("must hold {passages}")
        return value

    @field_validator("passage")
    @classmethod
    def _holds_text(cls, value: str) -> str:
        if "{text}" not in value:
            raise ValueError("must hold {text}")
        return value


class _Prepared(NamedTuple):
    """An answer on its way through the model."""

    answer: str
    offsets: Offsets
    pairs: list[Encoded]


class EncoderDetector:
    """Checks answers with the token classifier in `folder`.

    Raises InputError for a folder that holds none, and where torch or transformers is missing.
    """

    name = DETECTOR

    def __init__(self, folder: Path, settings: EncoderSettings | None = None) -> None:
        self.settings = settings or settings_of(folder)
        self._model = TokenClassifier(
            folder,
            device=self.settings.device,
            supported_label=self.settings.supported_label,
        )
        self.version = self._model.version
        self._limit = min(self._model.limit, self.settings.max_tokens)

    def check(self, question: str, passages: Sequence[Passage], answer: str) -> Verdict:
        """The verdict on one answer; ``unscored`` where it does not fit beside any passage."""
        return self.check_many([Case(question, passages, answer)])[0]

    def check_many(self, cases: Iterable[Case]) -> list[Verdict]:
        """A verdict for every case, in order; the windows of all go through the model together."""
        made = [self._prepare(case) for case in cases]
        pairs = [pair for one in made if isinstance(one, _Prepared) for pair in one.pairs]
        risks = iter(self._model.unsupported(pairs, self.settings.batch))
        verdicts: list[Verdict] = []
        for one in made:
            if isinstance(one, Verdict):
                verdicts.append(one)
            else:
                verdicts.append(self._verdict(one, [next(risks) for _ in one.pairs]))
        return verdicts

    def _prepare(self, case: Case) -> _Prepared | Verdict:
        answer = case.answer
        if not answer.strip():
            return self._without("unscored", 0.0, "the answer is empty")
        texts = [passage.content for passage in case.passages if passage.content.strip()]
        if not texts:
            reason = "the passages are empty" if case.passages else "there are no passages"
            return self._without("unscored", 0.0, reason)
        if declines(answer) == "whole":
            return self._without("abstained", 1.0, "the answer declines")
        counted = len(self._model.offsets(answer).starts)
        free = self._limit - self._model.special - counted - _SPARE
        question = self._shortened(case.question.strip(), free - self.settings.least_room)
        room = free - len(self._model.offsets(self._prompt(question, "")).starts)
        if room < self.settings.least_room:
            return self._without("unscored", 0.0, "the answer leaves no room for passages")
        pairs = self._pairs(question, texts, answer, room)
        if not pairs or len({len(pair.places) for pair in pairs}) > 1:
            return self._without("unscored", 0.0, "the answer leaves no room for passages")
        if self._model.unknown_share(pairs[0]) > _UNKNOWN_SHARE:
            return self._without("unscored", 0.0, "the model does not know the answer's script")
        return _Prepared(answer, pairs[0].offsets, pairs)

    def _pairs(self, question: str, texts: Sequence[str], answer: str, room: int) -> list[Encoded]:
        """The answer beside every window, which shrink until all fit; [] where they never do."""
        label = len(self._model.offsets(self._passage(100, "")).starts)

        def starts_of(text: str) -> list[int]:
            return self._model.offsets(text).starts

        while room > label:
            pairs = []
            for window in windows(texts, starts_of, room, label, self.settings.overlap):
                shown = (
                    self._passage(part.passage + 1, texts[part.passage][part.start : part.end])
                    for part in window
                )
                pairs.append(
                    self._model.encode(self._prompt(question, "".join(shown), len(window)), answer)
                )
            over = max((len(pair.ids) for pair in pairs), default=0) - self._limit
            if over <= 0:
                return pairs
            room -= over
        return []

    def _shortened(self, question: str, room: int) -> str:
        """A question longer than half the room keeps its end, where it mostly asks."""
        starts, most = self._model.offsets(question).starts, max(0, room // 2)
        if len(starts) <= most:
            return question
        return question[starts[-most] :] if most else ""

    def _prompt(self, question: str, passages: str, count: int = 100) -> str:
        before, _, after = self.settings.prompt.replace("{count}", str(count)).partition(
            "{passages}"
        )
        parts = (part.replace("{question}", question) for part in (before, after))
        return passages.join(parts)

    def _passage(self, number: int, text: str) -> str:
        return self.settings.passage.replace("{number}", str(number)).replace("{text}", text)

    def _verdict(self, one: _Prepared, risks: Sequence[Probabilities]) -> Verdict:
        join = np.min if self.settings.windows == "any" else np.max
        risk: Probabilities = join(np.stack(risks), axis=0)
        limit, threshold = self.settings.token_limit, self.settings.threshold
        spans = tuple(spans_of(one.answer, one.offsets, risk, limit))
        sentences = tuple(_sentences(one.answer, one.offsets, risk))
        score = round(1 - float(risk.max()), 6)
        some = any(sentence.probability >= threshold for sentence in sentences)
        below: Outcome = "partial" if some else "ungrounded"
        outcome: Outcome = "grounded" if score >= threshold else below
        reason = spans[0].reason if spans and outcome != "grounded" else ""
        return Verdict(
            outcome,
            score,
            DETECTOR,
            reason,
            spans,
            sentences=sentences,
            threshold=threshold,
            version=self.version,
        )

    def _without(self, outcome: Outcome, score: float, reason: str) -> Verdict:
        threshold = self.settings.threshold
        return Verdict(outcome, score, DETECTOR, reason, threshold=threshold, version=self.version)


def settings_of(folder: Path) -> EncoderSettings:
    """The settings that the folder of a model holds in `check.json`, else the defaults."""
    path = folder / SETTINGS_FILE
    if not path.is_file():
        return EncoderSettings()
    from pydantic import ValidationError

    try:
        return EncoderSettings.model_validate(read_json(path))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        known = ", ".join(EncoderSettings.model_fields)
        raise InputError(f"{path}: {place}: {first['msg']}", hint=f"it may hold {known}") from error


def spans_of(answer: str, offsets: Offsets, risk: Probabilities, limit: float) -> Iterable[Span]:
    """Runs of tokens at `limit` or over, as spans of the answer."""
    runs: list[list[int]] = []
    for at, value in enumerate(risk):
        if value < limit:
            continue
        if runs and runs[-1][-1] == at - 1:
            runs[-1].append(at)
        else:
            runs.append([at])
    for run in runs:
        start, end = _trimmed(answer, offsets.starts[run[0]], offsets.ends[run[-1]])
        if start < end:
            sure = round(float(max(risk[at] for at in run)), 6)
            text = answer[start:end]
            shown = text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
            reason = f"the model finds no support for {shown!r} ({sure:.0%} sure)"
            yield Span(start, end, text, CATEGORY, reason, sure)


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """Tokens of some tokenizers begin with the space before a word."""
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end


def _sentences(answer: str, offsets: Offsets, risk: Probabilities) -> Iterable[SentenceCheck]:
    starts, ends = np.asarray(offsets.starts), np.asarray(offsets.ends)
    for start, end in answer_sentences(answer):
        inside = risk[(starts < end) & (ends > start)]
        if inside.size:
            yield SentenceCheck(start, end, round(1 - float(inside.max()), 6))
