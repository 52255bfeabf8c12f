"""Does retrieval make answers better? The same questions, one model, one prompt, five arms.

    questions, contexts    experiment/questions
      -> knowledge base    all contexts, so that retrieval looks through everything
      -> answers           experiment/arms: closed book, again, context, RAG, RAG + repair
      -> verdicts          the detector, in batches, against the same text for every arm
      -> figures           experiment/measures (arms, pairs), health (the detector itself)
      -> files             experiment/files: report, page, the answers, the mended data set

The result is a function of questions, settings and journal: a run that was killed is run again,
and what was answered is not asked twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from wellread.checks.detector import Detector
from wellread.config import Settings
from wellread.engine.calls import JournaledModel, open_model
from wellread.engine.progress import Progress
from wellread.engine.run import Failed, in_flight_for, run
from wellread.errors import InputError, NothingMadeError
from wellread.knowledge.base import KnowledgeBase
from wellread.knowledge.settings import KnowledgeSettings
from wellread.llm.chat import ChatModel, Sampling
from wellread.llm.endpoint import DEFAULT_CONCURRENCY, Endpoint
from wellread.llm.usage import Budget, Spending, UsageMeter
from wellread.pipelines.experiment.arms import (
    ARMS,
    Answered,
    Arm,
    Workplace,
    ask_arms,
)
from wellread.pipelines.experiment.checking import check_all
from wellread.pipelines.experiment.files import REJECTED, Files, write_files
from wellread.pipelines.experiment.health import health, known_answers, sweep
from wellread.pipelines.experiment.measures import (
    Checked,
    Sampler,
    arm_figures,
    comparisons,
    retrieval,
)
from wellread.pipelines.experiment.questions import Asked, QuestionSet, read_questions
from wellread.pipelines.experiment.report import Report, Setting, Spent, worst
from wellread.pipelines.ledger import Ledger
from wellread.pipelines.project import BudgetSettings
from wellread.pipelines.staff import JOURNAL, with_concurrency
from wellread.pipelines.worklist import Worklist
from wellread.storage.files import JsonlWriter, storage_errors
from wellread.storage.journal import Journal
from wellread.storage.ownership import sole_owner
from wellread.synthesis.answering import Answerer, ModelAnswerer
from wellread.synthesis.extractive.answering import ExtractiveAnswerer

READ = "read"
ANSWER = "answer"
Count = Annotated[int, Field(ge=1)]


class ExperimentSettings(Settings):
    """How an experiment is run."""

    arms: tuple[Arm, ...] = ARMS
    """Ways of asking: closed_book, reroll, context, rag, rag_repair."""
    top_k: Annotated[int, Field(ge=1, le=50)] = 3
    """Passages that the arms with retrieval see."""
    repairs: Annotated[int, Field(ge=0, le=5)] = 2
    """How often the repair arm asks again before it withdraws an answer."""
    max_questions: Count | None = None
    """Questions to ask, drawn at random; left out, all."""
    temperature: Annotated[float, Field(ge=0)] = 0.7
    """How freely the model draws, in every arm; at 0 the second roll is the first."""
    max_answer_tokens: Count = 300
    """Most tokens of an answer, in every arm."""
    threshold: Annotated[float, Field(ge=0, le=1)] | None = None
    """Flag answers with a lower score; left out, the detector's own verdict decides."""
    seed: int = 0
    """Of the questions drawn, the swapped answers and the intervals."""
    concurrency: Count = DEFAULT_CONCURRENCY
    """Most calls in flight where the endpoint sets no limit of its own."""
    budget: BudgetSettings = BudgetSettings()
    knowledge: KnowledgeSettings = KnowledgeSettings()
    prompts: Path | None = None
    """Folder whose prompt files are used in place of the shipped ones of the same name."""

    @model_validator(mode="after")
    def _arms_are_known_once(self) -> ExperimentSettings:
        if not self.arms or len(set(self.arms)) < len(self.arms):
            raise ValueError(f"arms: each once, at least one of {', '.join(ARMS)}")
        return self

    @property
    def sampling(self) -> Sampling:
        """How answers are drawn, the same in every arm."""
        return Sampling(temperature=self.temperature, max_tokens=self.max_answer_tokens)


@dataclass(frozen=True, slots=True)
class Experiment:
    """What a run made: the report, its files, and how many questions were lost."""

    report: Report
    files: Files
    failed: int


def run_experiment(
    questions: Path,
    output: Path,
    settings: ExperimentSettings,
    detector: Detector,
    *,
    endpoint: Endpoint | None = None,
    model: ChatModel | None = None,
    knowledge_base: Path | None = None,
    repair_detector: Detector | None = None,
    retry_failures: bool = False,
    progress: Progress | None = None,
) -> Experiment:
    """Ask, check and measure; everything made goes to the folder `output`.

    Without an `endpoint` or a `model` answers are extracted by rule. `knowledge_base` is searched
    in place of one that is made of the contexts; `repair_detector` lets answers of the repair arm
    pass in place of `detector`, which measures. Raises NothingMadeError where no question was
    answered in all arms.
    """
    return asyncio.run(
        _run(
            read_questions(questions),
            output,
            settings,
            detector,
            _Source(endpoint, model, knowledge_base, retry_failures, repair_detector or detector),
            progress or Progress.silent(),
        )
    )


@dataclass(frozen=True, slots=True)
class _Source:
    """Where answers and passages come from."""

    endpoint: Endpoint | None
    model: ChatModel | None
    knowledge_base: Path | None
    retry_failures: bool
    repair_detector: Detector


async def _run(
    given: QuestionSet,
    output: Path,
    settings: ExperimentSettings,
    detector: Detector,
    source: _Source,
    progress: Progress,
) -> Experiment:
    with storage_errors(output):
        output.mkdir(parents=True, exist_ok=True)
    async with contextlib.AsyncExitStack() as stack:
        stack.enter_context(sole_owner(output / ".wellread"))
        rejected = stack.enter_context(JsonlWriter(output / REJECTED))
        ledger = Ledger(rejected)
        base = stack.enter_context(_open_base(given, output, settings, source, progress))
        chosen = _chosen(given, output, settings)
        ledger.keep(READ, len(chosen))
        answerer, meter = await stack.enter_async_context(_answerer(output, settings, source))
        place = Workplace(
            answerer,
            source.repair_detector,
            lambda query: base.search(query, settings.top_k),
            base.chunk,
            settings.arms,
            settings.repairs,
            settings.threshold,
        )
        answered = await _answer_all(chosen, place, settings, ledger, progress)
        if answered:
            rows = check_all(answered, detector, settings.threshold, given.language, progress)
            names = _Names(detector, source.repair_detector, answerer)
            report = _measure(given, rows, names, settings, meter, base.count, progress)
            files = write_files(output, report, rows, rejected, ledger, given)
            return Experiment(report, files, ledger.failures)
    # Only now do the reasons stand in their file.
    raise NothingMadeError(
        f"none of {len(chosen):,} questions was answered in all arms",
        hint=f"the reasons stand in {output / REJECTED}",
    )


@contextlib.contextmanager
def _open_base(
    given: QuestionSet,
    output: Path,
    settings: ExperimentSettings,
    source: _Source,
    progress: Progress,
) -> Iterator[KnowledgeBase]:
    """The knowledge base named, or one of all contexts; one that is there already is used."""
    folder = source.knowledge_base or output / "knowledge_base"
    if source.knowledge_base is None:
        if not given.pairs:
            raise InputError(
                f"{given.source}: its questions have no contexts to retrieve from",
                hint="name what to search with: --knowledge-base FOLDER",
            )
        origin = {"experiment": given.sha256, "knowledge": settings.knowledge.model_dump_json()}
        if not _is_built(folder, origin):
            with progress.counted("embed") as told:
                KnowledgeBase.build(
                    folder,
                    given.pairs,
                    settings.knowledge,
                    origin=origin,
                    replace=True,
                    progress=told,
                ).close()
    with KnowledgeBase.open(folder) as base:
        yield base


def _is_built(folder: Path, origin: dict[str, str]) -> bool:
    """Whether an earlier run has built this very knowledge base."""
    if not (folder / "manifest.json").is_file():
        return False
    with KnowledgeBase.open(folder) as base:
        return dict(base.origin) == origin


def _chosen(given: QuestionSet, output: Path, settings: ExperimentSettings) -> list[Asked]:
    """The questions to ask, in an order that follows from the seed; fewer are the first of more."""
    by_id = {asked.id: asked for asked in given.questions}
    with Worklist(output / ".work.sqlite", settings.seed) as work:
        for name in by_id:
            work.add(name)
        names = itertools.islice((name for name, _ in work), settings.max_questions)
        return [by_id[name] for name in names]


@contextlib.asynccontextmanager
async def _answerer(
    output: Path, settings: ExperimentSettings, source: _Source
) -> AsyncIterator[tuple[Answerer, UsageMeter]]:
    """Whoever answers, with replies journalled and budgeted, and the meter of what was paid."""
    if source.endpoint is None and source.model is None:
        yield ExtractiveAnswerer(), UsageMeter("")
        return
    spending = Spending(Budget(**settings.budget.model_dump()))
    with Journal(output / JOURNAL) as journal:
        if source.model is not None:
            kept = JournaledModel(
                source.model,
                journal,
                UsageMeter(source.model.name),
                spending,
                retry_failures=source.retry_failures,
            )
            yield _asking(kept, settings), kept.meter
        elif source.endpoint is not None:
            limited = with_concurrency(source.endpoint, settings.concurrency)
            async with open_model(
                limited, journal, spending=spending, retry_failures=source.retry_failures
            ) as opened:
                yield _asking(opened, settings), opened.meter


def _asking(model: ChatModel, settings: ExperimentSettings) -> ModelAnswerer:
    return ModelAnswerer.with_prompts(model, settings.prompts, settings.sampling)


async def _answer_all(
    chosen: Sequence[Asked],
    place: Workplace,
    settings: ExperimentSettings,
    ledger: Ledger,
    progress: Progress,
) -> list[Answered]:
    answered = []
    async for outcome in run(
        chosen,
        lambda asked: ask_arms(asked, place),
        identify=lambda asked: asked.id,
        stage=ANSWER,
        in_flight=in_flight_for(settings.concurrency),
        progress=progress,
        total=len(chosen),
    ):
        if isinstance(outcome, Failed):
            ledger.fail(outcome.rejection, lost=outcome.lost)
        else:
            ledger.keep(ANSWER)
            answered.append(outcome.result)
    return answered


@dataclass(frozen=True, slots=True)
class _Names:
    """Who checked, who let repairs pass, who answered."""

    detector: Detector
    repairer: Detector
    answerer: Answerer


def _measure(
    given: QuestionSet,
    rows: Sequence[Checked],
    by: _Names,
    settings: ExperimentSettings,
    meter: UsageMeter,
    passages: int,
    progress: Progress,
) -> Report:
    """Every figure, from rows that are all checked."""
    texts = [(row.answered.asked, row.answered.reference) for row in rows]
    known = list(known_answers(texts, settings.seed, given.language))
    with progress.stage("known answers", len(known)) as bar:
        verdicts = by.detector.check_many(one.case for one in known)
        bar.advance(len(known))
    sampler = Sampler(rows, settings.seed)
    checked = next(iter(rows[0].scored.values())).verdict
    arms = tuple(arm for arm in ARMS if arm in settings.arms)
    return Report(
        setting=Setting(
            source=given.source,
            answerer=by.answerer.name,
            is_model=not isinstance(by.answerer, ExtractiveAnswerer),
            detector=by.detector.name,
            repair_detector=by.repairer.name,
            version=checked.version,
            calibration=checked.calibration,
            threshold=settings.threshold,
            questions=len(rows),
            of_questions=len(given.questions),
            documents=len(set(sampler.documents)),
            passages=passages,
            language=given.language,
            top_k=settings.top_k,
            repairs=settings.repairs,
            temperature=settings.temperature,
            seed=settings.seed,
            retriever=settings.knowledge.retriever_type,
        ),
        arms=tuple(arm_figures(arm, rows, sampler) for arm in arms),
        comparisons=tuple(comparisons(arms, rows, sampler)),
        retrieval=retrieval(rows, settings.top_k, sampler),
        health=tuple(health(known, verdicts, settings.seed, settings.threshold)),
        sweep=tuple(sweep(arms, rows, known, verdicts)),
        worst=tuple(worst(arms, rows)),
        spent=Spent.of(meter),
    )
