"""From a folder of documents to checked, loss-masked RAG training data.

    documents -> chunks, knowledge base         corpus.py
      -> filter_chunk                           which chunks are worth asking about
      -> roles                                  success, failure, partial, abstain: exact shares
      -> passages as a retriever brings them    synthesis.retrieval
      -> rag_question_answer                    the teacher writes questions and answers
      -> verify                                 every pair is checked
      -> groups -> conversations -> segments    grouping.py, dialogue.render
      -> files                                  outputs.py, the manifest last

The result is a function of documents, configuration and journal: a run that was killed is run
again, and what was answered is not asked twice. Chunks are handled in a random order that follows
from the seed, so groups are random and yet nothing is held in memory.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wellread.checks.lexical import LexicalDetector
from wellread.engine.progress import Progress
from wellread.engine.run import Failed, in_flight_for, run
from wellread.errors import EndpointError, ModelError, NothingMadeError, NotPossibleError
from wellread.llm.chat import ChatModel
from wellread.pipelines.corpus import Corpus, build_corpus
from wellread.pipelines.grouping import Grouping, Tally
from wellread.pipelines.ledger import Ledger
from wellread.pipelines.outputs import REJECTED, Outputs
from wellread.pipelines.project import Project
from wellread.pipelines.staff import Staff, hire
from wellread.pipelines.worklist import Worklist
from wellread.pipelines.writing import SUCCESS, Written, prepare, shares, write
from wellread.records import Chunk, Rejection
from wellread.synthesis.tasks import ChunkJudgement, Exchange
from wellread.synthesis.verify import STAGE as CHECK

FILTER = "filter"
WRITE = "write"


@dataclass(frozen=True, slots=True)
class Judged:
    """What the filter said of a chunk, or why it could not, and the calls that took."""

    chunk: Chunk
    judgement: ChunkJudgement | ModelError
    exchanges: tuple[Exchange, ...]


@dataclass(frozen=True, slots=True)
class RagDataReport:
    """What a run made.

    `counts` is what the manifest holds; `failed` counts records that were lost to a file or a
    model that would not answer, `new_calls` what was paid this time.
    """

    folder: Path
    counts: dict[str, Any]
    failed: int
    new_calls: int


def make_rag_data(
    project: Project,
    *,
    models: Mapping[str, ChatModel] | None = None,
    retry_failures: bool = False,
    progress: Progress | None = None,
) -> RagDataReport:
    """Make the data of `project` in its output folder.

    `models` (`small`, `large`) answer in place of the project's endpoints. `retry_failures` makes
    calls again that failed for good before, such as replies that were cut off. Raises
    NothingMadeError where every chunk was dropped; the files are there all the same.
    """
    staff = hire(project, models, retry_failures=retry_failures)
    return asyncio.run(_make(project, staff, progress or Progress.silent()))


async def _make(
    project: Project, hired: AbstractAsyncContextManager[Staff], progress: Progress
) -> RagDataReport:
    folder = project.path.output_dir
    async with contextlib.AsyncExitStack() as stack:
        outputs = stack.enter_context(Outputs(project))
        ledger = Ledger(outputs.rejected)
        work = stack.enter_context(Worklist(folder / ".work.sqlite", project.system.seed))
        staff = await stack.enter_async_context(hired)
        corpus = build_corpus(project, work, ledger, folder / "knowledge_base", progress)
        stack.callback(corpus.base.close)
        detector = LexicalDetector(project.checks)
        shop = _Shop(project, staff, corpus, work, ledger, outputs, detector, progress)
        _take_subset(shop)
        await _filter_chunks(shop)
        work_size = len(work)
        work.assign(shares(project), rest=SUCCESS)
        training, held_out = await _write_examples(shop)
        made = {"training": training.as_json(), "held_out": held_out.as_json()}
        counts = {**ledger.as_json(), **made}
        outputs.finish(counts, {"documents": corpus.sha256}, staff.token_reports())
    if not training.kinds:
        raise NothingMadeError(
            f"no training example came out of {work_size} chunks",
            hint=f"the reasons stand in {folder / REJECTED}",
        )
    return RagDataReport(folder, counts, ledger.failures, staff.new_calls)


@dataclass(frozen=True, slots=True)
class _Shop:
    """What every step of one run works with."""

    project: Project
    staff: Staff
    corpus: Corpus
    work: Worklist
    ledger: Ledger
    outputs: Outputs
    detector: LexicalDetector
    progress: Progress

    @property
    def in_flight(self) -> int:
        """Records at work at a time: more than calls, so that a waiting one holds up none."""
        limits = [model.concurrency or 0 for model in self.project.models.values()]
        return in_flight_for(max([self.project.system.concurrency_limit, *limits]))

    def chunks(self) -> Iterator[tuple[Chunk, str]]:
        """Chunks to work on with their roles, in the order of work."""
        for chunk_id, role in self.work:
            yield self.corpus.base.chunk(chunk_id), role


def _take_subset(shop: _Shop) -> None:
    system = shop.project.system
    if not system.use_subset:
        return
    for chunk_id in shop.work.drop_after(system.subset_size):
        shop.ledger.drop(Rejection("subset", chunk_id, "not_in_subset"))
    shop.ledger.keep("subset", len(shop.work))


async def _filter_chunks(shop: _Shop) -> None:
    """Take the chunks off the list that nothing can be asked about."""
    if shop.project.rag_data.skip_filter_chunks:
        return

    async def judge(chunk: Chunk) -> Judged:
        log: list[Exchange] = []
        try:
            judgement = await shop.staff.teacher.recorded(log).filter_chunk(chunk)
        except EndpointError:
            raise
        except ModelError as error:
            return Judged(chunk, error, tuple(log))
        return Judged(chunk, judgement, tuple(log))

    chunks = (chunk for chunk, _ in shop.chunks())
    async for outcome in run(
        chunks,
        judge,
        identify=lambda chunk: chunk.id,
        stage=FILTER,
        in_flight=shop.in_flight,
        progress=shop.progress,
        total=len(shop.work),
    ):
        if isinstance(outcome, Failed):
            shop.ledger.fail(outcome.rejection, lost=outcome.lost)
            shop.work.drop(outcome.record.id)
        else:
            _note_judgement(shop, outcome.result)


def _note_judgement(shop: _Shop, judged: Judged) -> None:
    chunk, judgement = judged.chunk, judged.judgement
    if isinstance(judgement, ModelError):
        shop.outputs.debug(FILTER, {"id": chunk.id, "failed": judgement.reason}, judged.exchanges)
        shop.ledger.fail(_rejection(FILTER, chunk.id, judgement))
        shop.work.drop(chunk.id)
        return
    verdict = {"id": chunk.id, "suitable": judgement.suitable, "reason": judgement.reason}
    shop.outputs.debug(FILTER, {**verdict, "text": chunk.text}, judged.exchanges)
    if judgement.suitable:
        shop.ledger.keep(FILTER)
        return
    shop.work.drop(chunk.id)
    # A model gives a sentence, which cannot be counted by; the extractive teacher gives a code.
    code = judgement.reason if judgement.reason.isidentifier() else "unsuitable"
    shop.ledger.drop(Rejection(FILTER, chunk.id, code, judgement.reason))


def _rejection(stage: str, chunk_id: str, error: ModelError) -> Rejection:
    return Rejection(stage, chunk_id, error.reason, error.message)


async def _write_examples(shop: _Shop) -> tuple[Tally, Tally]:
    """Have every chunk on the list written about, and the groups rendered as they fill."""
    project, teacher, corpus = shop.project, shop.staff.teacher, shop.corpus
    training = Grouping(shop.outputs.training, project, teacher, corpus.counter)
    held_out = Grouping(shop.outputs.held_out, project, teacher, corpus.counter)

    async def step(work: tuple[Chunk, str]) -> Written:
        brief, retrieved = prepare(*work, corpus, shop.work, project)
        return await write(brief, retrieved, teacher, shop.detector, project.rag_data)

    async for outcome in run(
        shop.chunks(),
        step,
        identify=lambda work: work[0].id,
        stage=WRITE,
        in_flight=shop.in_flight,
        progress=shop.progress,
        total=len(shop.work),
    ):
        if isinstance(outcome, Failed):
            shop.ledger.fail(outcome.rejection, lost=outcome.lost)
            continue
        written = outcome.result
        _note_written(shop, written)
        side = held_out if corpus.is_held_out(written.brief.chunk) else training
        for part in written.parts():
            side.add(part)
    training.flush()
    held_out.flush()
    return training.tally, held_out.tally


def _note_written(shop: _Shop, written: Written) -> None:
    """Count pairs and chunk, and log what was written."""
    brief = written.brief
    shop.ledger.settle(CHECK, written.settled)
    if written.failure:
        lost = not isinstance(written.failure, NotPossibleError)
        shop.ledger.fail(_rejection(WRITE, brief.id, written.failure), lost=lost)
    elif written.pairs:
        shop.ledger.keep(WRITE)
    else:
        shop.ledger.drop(Rejection(WRITE, brief.id, "no_pair_passed"))
    chosen = [{"text": p.chunk.text, "metadata": p.chunk.source} for p in brief.passages]
    prepared = {
        "_key": brief.id,
        "text": brief.chunk.text,
        "metadata": brief.chunk.source,
        "judgement": True,
        "rag_failed": brief.kind in {"failure", "abstain"},
        "kind": brief.kind,
        "rag_chunks": chosen,
    }
    shop.outputs.prepared.write(prepared)
    record = {
        "id": brief.id,
        "kind": brief.kind,
        "query": written.retrieved.query,
        "passages": [p.chunk.id for p in brief.passages],
        "pairs": [pair.model_dump(mode="json") for pair in written.pairs],
        "rejected": [rejection.reason for rejection in written.rejections],
        "ends": [one.end for one in written.settled],
        "failed": written.failure.reason if written.failure else "",
    }
    shop.outputs.debug(brief.kind, record, written.exchanges)
