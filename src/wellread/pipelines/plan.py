"""What a run would make and cost, without paying for anything.

The documents are really read and cut, and the prompts of a sample of chunks are really rendered;
only the length of replies, the speed of the server, and that no chunk is filtered out are assumed.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from wellread.errors import InputError
from wellread.ingest.chunk import split
from wellread.ingest.duplicates import DuplicateIndex
from wellread.ingest.read import read_folder
from wellread.ingest.tokens import counter_for
from wellread.llm.chat import ChatRequest, Message, Usage
from wellread.llm.endpoint import Endpoint
from wellread.llm.plan import FIRST_TOKEN_S, Estimate, estimate
from wellread.llm.usage import Prices
from wellread.pipelines.project import Project
from wellread.pipelines.staff import Unreachable, model_teacher
from wellread.records import Chunk, Kind, Passage, Rejection
from wellread.synthesis.tasks import RagBrief

_SAMPLE = 200
# What replies take, in tokens: a judgement; one pair with its thought process and answer.
_JUDGEMENT_TOKENS = 40
_PAIR_TOKENS = 420
# What a retriever is asked: the telling words of a chunk.
_QUERY_TOKENS = 30


@dataclass(frozen=True, slots=True)
class PlannedModel:
    """What one model would be asked."""

    name: str
    calls: int
    input_tokens: int
    output_tokens: int
    money: float
    minutes: float


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be made; `models` is empty for the extractive teacher."""

    documents: int
    chunks: int
    dropped: dict[str, int]
    kinds: dict[Kind, int]
    models: tuple[PlannedModel, ...]

    @property
    def money(self) -> float:
        """Of all models together."""
        return sum(model.money for model in self.models)

    @property
    def minutes(self) -> float:
        """One model after the other."""
        return sum(model.minutes for model in self.models)


@dataclass
class _Survey:
    """What is in the folder; `indexed` counts near-duplicates too, which are searched as well."""

    documents: int = 0
    chunks: int = 0
    indexed: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    sample: deque[Chunk] = field(default_factory=lambda: deque(maxlen=_SAMPLE))


def plan_rag_data(project: Project) -> Plan:
    """Survey the documents of `project` and add up what a run would ask for."""
    survey = _survey(project)
    chunks = survey.chunks
    if project.system.use_subset and chunks > project.system.subset_size:
        survey.dropped["not_in_subset"] = chunks - project.system.subset_size
        chunks = project.system.subset_size
    models = [*_embedding(project, survey, chunks)]
    if project.teacher == "model":
        models += _models(project, survey, chunks)
    return Plan(
        survey.documents, chunks, dict(survey.dropped), _kinds(project, chunks), tuple(models)
    )


def _survey(project: Project) -> _Survey:
    survey = _Survey()
    counter = counter_for(project.ingest.tokenizer)
    with (
        DuplicateIndex() as duplicates,
    ):
        for document in read_folder(
            project.path.input_dir, project.ingest, skip=project.path.output_dir
        ):
            if isinstance(document, Rejection):
                survey.dropped[document.reason] += 1
                continue
            survey.documents += 1
            for piece in split(document, project.ingest, counter):
                if isinstance(piece, Rejection):
                    survey.dropped[piece.reason] += 1
                    continue
                survey.indexed += 1
                if duplicates.add(piece) is not None:
                    survey.dropped["near_duplicate"] += 1
                else:
                    survey.chunks += 1
                    survey.sample.append(piece)
    if not survey.chunks:
        raise InputError(
            f"{project.path.input_dir}: nothing to write about ({dict(survey.dropped)})",
            hint=f"put documents into {project.path.input_dir}",
        )
    return survey


def _kinds(project: Project, chunks: int) -> dict[Kind, int]:
    settings = project.rag_data
    failure = round(settings.rag_failure_percentage * chunks)
    partial = round(settings.rag_partial_percentage * chunks)
    abstain = round(settings.rag_abstain_percentage * chunks)
    return {
        "success": chunks - failure - partial - abstain,
        "failure": failure,
        "partial": partial,
        "abstain": abstain,
    }


def _models(project: Project, survey: _Survey, chunks: int) -> Iterator[PlannedModel]:
    models = {name: Unreachable(endpoint) for name, endpoint in project.models.items()}
    teacher = model_teacher(project, models)
    pairs = project.rag_data.questions_per_chunk
    large = [teacher.rag_request(brief) for brief in _briefs(project, list(survey.sample))]
    if not project.rag_data.skip_filter_chunks:
        small = [teacher.filter_request(chunk) for chunk in survey.sample]
        name = "small" if "small" in project.models else "large"
        yield _planned(project, name, small, chunks, _JUDGEMENT_TOKENS)
    yield _planned(project, "large", large, chunks, pairs * _PAIR_TOKENS)


def _embedding(project: Project, survey: _Survey, examples: int) -> Iterator[PlannedModel]:
    """What a server that embeds is asked: every chunk in batches, then a query for each example."""
    settings = project.knowledge.embedder
    endpoint = settings.endpoint
    if endpoint is None or project.knowledge.retriever_type not in {"dense", "hybrid"}:
        return
    passages = [ChatRequest((Message("user", chunk.text),)) for chunk in survey.sample]
    every = estimate(endpoint, passages, calls=survey.indexed, reply_tokens=0, concurrency=1)
    calls = math.ceil(survey.indexed / settings.batch_size) + examples
    tokens = every.input_tokens + examples * _QUERY_TOKENS
    money = Prices(endpoint.cost_per_million_input).cost(Usage(tokens))
    concurrency = endpoint.concurrency or project.system.concurrency_limit
    minutes = calls / concurrency * FIRST_TOKEN_S / 60
    yield PlannedModel(f"embedder ({endpoint.model})", calls, tokens, 0, money, minutes)


def _briefs(project: Project, sample: list[Chunk]) -> Iterator[RagBrief]:
    """Contexts of the mean size, filled with the chunks that follow."""
    mean = (project.rag_data.rag_max_chunks + 1) // 2
    for position, chunk in enumerate(sample):
        around = itertools.islice(itertools.cycle(sample), position, position + mean)
        passages = tuple(Passage(other, 1.0, rank) for rank, other in enumerate(around, start=1))
        yield RagBrief(chunk, "success", passages, pairs=project.rag_data.questions_per_chunk)


def _planned(
    project: Project, name: str, requests: list[ChatRequest], calls: int, reply_tokens: int
) -> PlannedModel:
    endpoint: Endpoint = project.models[name]
    made: Estimate = estimate(
        endpoint,
        requests,
        calls=calls,
        reply_tokens=reply_tokens,
        concurrency=endpoint.concurrency or project.system.concurrency_limit,
    )
    return PlannedModel(
        f"{name} ({endpoint.model})",
        calls,
        made.input_tokens,
        made.output_tokens,
        made.money,
        made.minutes,
    )
