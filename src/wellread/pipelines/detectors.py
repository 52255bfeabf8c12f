"""Detectors by name, opened with what they need.

lexical            the built-in one: no model
answer             the same, and short answers also against what the question asks for, or with
                   a model at hand against what it answers from the same passages
encoder:FOLDER     a token-classification model of a folder
judge              a language model behind an endpoint
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Coroutine, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from wellread.checks.calibration import CalibratedDetector, read_calibration
from wellread.checks.detector import Detector
from wellread.checks.gaps import GapFilled
from wellread.checks.lexical import LexicalDetector, LexicalSettings
from wellread.checks.short_answers import ShortAnswerDetector, ShortAnswerSettings
from wellread.engine.calls import open_model
from wellread.errors import EndpointError, InputError, ModelError
from wellread.llm.chat import ChatModel, Sampling
from wellread.llm.endpoint import Endpoint
from wellread.records import Passage
from wellread.storage.journal import Journal

CALIBRATIONS = Path("calibrations")
DETECTORS = ("lexical", "answer", "encoder:FOLDER", "judge")
_END = 1e-9
_SURE = 0.8
_ANSWER_TOKENS = 300
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class DetectorOptions:
    """What opening a detector takes beside its name.

    `threshold` is the score from which an answer is grounded, None for the detector's own.
    `calibration` is the folder or file of one, or its id below `calibrations/`. `fill_gaps` lets
    rules speak where an encoder is half sure. `ask_again` has short answers compared with those of
    a model. `endpoint` and `journal`, a file that keeps replies, belong to that model and to the
    judge; `prompts` is a folder of prompts used in place of ours.
    """

    threshold: float | None = None
    calibration: Path | None = None
    fill_gaps: bool = False
    ask_again: bool = False
    device: str = "auto"
    endpoint: Endpoint | None = None
    journal: Path | None = None
    prompts: Path | None = None


_DEFAULTS = DetectorOptions()


@contextlib.contextmanager
def open_detector(
    name: str = "lexical", options: DetectorOptions = _DEFAULTS
) -> Iterator[Detector]:
    """The detector called `name`; what it holds open is closed at the end.

    Raises InputError for an unknown name, and for what a detector needs and does not have.
    """
    with contextlib.ExitStack() as stack:
        detector = stack.enter_context(_opened(name, options))
        if options.calibration is not None:
            place = _calibration_place(options.calibration)
            detector = CalibratedDetector(detector, read_calibration(place))
        yield detector


def _calibration_place(named: Path) -> Path:
    """The folder or file given, or the one of that id where calibrations are written to."""
    by_id = CALIBRATIONS / named
    return by_id if not named.exists() and by_id.exists() else named


@contextlib.contextmanager
def _opened(name: str, options: DetectorOptions) -> Iterator[Detector]:
    kind, _, folder = name.partition(":")
    if options.ask_again and kind != "answer":
        raise InputError(
            f"{name} compares with no second answer", hint="it is the detector answer that does"
        )
    if kind == "lexical" and not folder:
        yield _lexical(options)
    elif kind == "answer" and not folder:
        with _answer(options) as answer:
            yield answer
    elif kind == "encoder":
        yield _encoder(folder, options)
    elif kind == "judge" and not folder:
        with _judge(options) as judge:
            yield judge
    else:
        raise InputError(f"unknown detector {name!r}", hint=f"it is {', '.join(DETECTORS)}")


def _inside(threshold: float) -> float:
    """The two ends stand for "all" and "none", and settings leave them out."""
    return min(max(threshold, _END), 1 - _END)


def _lexical(options: DetectorOptions) -> LexicalDetector:
    """A calibration chooses the threshold later, and wants to see all that is suspected."""
    threshold = 1.0 if options.calibration is not None else options.threshold
    if threshold is None:
        return LexicalDetector()
    return LexicalDetector(LexicalSettings(threshold=_inside(threshold)))


@contextlib.contextmanager
def _answer(options: DetectorOptions) -> Iterator[ShortAnswerDetector]:
    settings = ShortAnswerSettings()
    if options.threshold is not None:
        settings = ShortAnswerSettings(threshold=_inside(options.threshold))
    text = _lexical(options)
    if not options.ask_again:
        yield ShortAnswerDetector(settings, text_detector=text)
        return
    from wellread.synthesis.answering import ModelAnswerer

    with _served("asking again", options) as (model, loop):
        sampling = Sampling(temperature=0.0, max_tokens=_ANSWER_TOKENS)
        answerer = ModelAnswerer.with_prompts(model, options.prompts, sampling)

        def ask_again(question: str, passages: Sequence[Passage]) -> str | None:
            try:
                return loop.run(answerer.answer(question, passages)).text
            except EndpointError:
                raise
            except ModelError:
                return None  # the words have to do

        asked = f"{model.name} {answerer.prompt.fingerprint}"
        yield ShortAnswerDetector(settings, text_detector=text, ask_again=ask_again, asked=asked)


def _encoder(folder: str, options: DetectorOptions) -> Detector:
    from wellread.checks.encoder import EncoderDetector, settings_of

    if not folder:
        raise InputError("encoder needs the folder of a model", hint="write encoder:FOLDER")
    place = Path(folder).expanduser()
    settings = settings_of(place).model_copy(update={"device": options.device})
    if options.threshold is not None:
        settings = settings.model_copy(update={"threshold": options.threshold})
    encoder = EncoderDetector(place, settings)
    # Without --fill-gaps the rules only point to the evidence, which an encoder cannot.
    return GapFilled(encoder, LexicalDetector(), _SURE if options.fill_gaps else 0.0)


@contextlib.contextmanager
def _judge(options: DetectorOptions) -> Iterator[Detector]:
    from wellread.checks.judge import PROMPT, JudgeDetector, JudgeSettings
    from wellread.synthesis.prompting import load_prompt

    prompt = load_prompt(PROMPT, options.prompts)
    settings = JudgeSettings()
    if options.threshold is not None:
        settings = JudgeSettings(threshold=_inside(options.threshold))
    with _served("judge", options) as (model, loop):
        yield JudgeDetector(model, prompt, settings, loop.run)


@contextlib.contextmanager
def _served(what: str, options: DetectorOptions) -> Iterator[tuple[ChatModel, _Loop]]:
    """A model, its client and its journal on a thread of their own.

    So a detector answers within a running event loop too.
    """
    if options.endpoint is None:
        raise InputError(
            f"{what} takes a model, and none is named",
            hint="add --base-url http://localhost:8000/v1 --api-model NAME",
        )
    with Journal(options.journal or Path("judge.sqlite")) as journal, _Loop() as loop:
        held = contextlib.AsyncExitStack()
        try:
            yield loop.run(held.enter_async_context(open_model(options.endpoint, journal))), loop
        finally:
            loop.run(held.aclose())


class _Loop:
    """An event loop on a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="judge", daemon=True)
        self._thread.start()

    def run(self, task: Coroutine[Any, Any, T]) -> T:
        """Run `task` to its end; interrupted, it is cancelled."""
        future = asyncio.run_coroutine_threadsafe(task, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
