"""Who writes: the teacher of a project, with its models connected, journalled and budgeted."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from wellread.engine.calls import JournaledModel, open_model
from wellread.errors import EndpointError
from wellread.llm.chat import ChatModel, ChatReply, ChatRequest
from wellread.llm.endpoint import Endpoint
from wellread.llm.usage import Budget, Spending, TokenReport, UsageMeter
from wellread.pipelines.project import Project
from wellread.storage.journal import Journal
from wellread.synthesis.extractive import ExtractiveTeacher
from wellread.synthesis.model_teacher import ModelTeacher
from wellread.synthesis.tasks import Teacher

JOURNAL = "journal.sqlite"


@dataclass(frozen=True, slots=True)
class Staff:
    """The teacher, and what its models cost."""

    teacher: Teacher
    meters: Mapping[str, UsageMeter]

    @property
    def new_calls(self) -> int:
        """Calls paid for in this run, of all models."""
        return sum(meter.new_calls for meter in self.meters.values())

    def token_reports(self) -> dict[str, TokenReport]:
        """Tokens and cost of `small` and `large`, zero where one has not worked."""
        meters = {"small": UsageMeter(""), "large": UsageMeter(""), **self.meters}
        return {name: meter.report() for name, meter in meters.items()}


@contextlib.asynccontextmanager
async def hire(
    project: Project,
    models: Mapping[str, ChatModel] | None = None,
    *,
    retry_failures: bool = False,
) -> AsyncIterator[Staff]:
    """The teacher of `project`; connections and journal are closed at the end.

    `models` answer in place of the project's endpoints. `retry_failures` makes calls again that
    failed for good in an earlier run.
    """
    if project.teacher == "extractive" and models is None:
        yield Staff(ExtractiveTeacher(), {})
        return
    spending = Spending(Budget(**project.budget.model_dump()))
    async with contextlib.AsyncExitStack() as stack:
        journal = stack.enter_context(Journal(project.path.output_dir / JOURNAL))
        kept: dict[str, JournaledModel] = {}
        for name, model in (models or {}).items():
            kept[name] = JournaledModel(
                model, journal, UsageMeter(model.name), spending, retry_failures=retry_failures
            )
        for name, endpoint in project.models.items() if models is None else ():
            limited = with_concurrency(endpoint, project.system.concurrency_limit)
            opened = open_model(limited, journal, spending=spending, retry_failures=retry_failures)
            kept[name] = await stack.enter_async_context(opened)
        meters = {name: model.meter for name, model in kept.items()}
        yield Staff(model_teacher(project, kept), meters)


def model_teacher(project: Project, models: Mapping[str, ChatModel]) -> ModelTeacher:
    """A teacher that asks `models` with the prompts and forms of `project`."""
    return ModelTeacher.with_prompts(
        models,
        project.path.prompts,
        passage_form=project.rag_data.passage_form,
        completion_mode=project.system.completion_mode,
        use_stop=project.system.use_stop,
    )


def with_concurrency(endpoint: Endpoint, default: int) -> Endpoint:
    """`endpoint` with `default` calls in flight where it sets no limit of its own."""
    if endpoint.concurrency is not None:
        return endpoint
    return endpoint.model_copy(update={"concurrency": default})


@dataclass(frozen=True, slots=True)
class Unreachable:
    """Stands for a model where only prompts are rendered: a call would be a mistake."""

    endpoint: Endpoint

    @property
    def name(self) -> str:
        """The model's name."""
        return self.endpoint.model

    async def reply(self, request: ChatRequest) -> ChatReply:
        """Refuse."""
        raise EndpointError(f"{self.name}: a plan makes no calls")
