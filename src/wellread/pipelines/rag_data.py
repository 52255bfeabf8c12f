"""From a folder of documents to checked, loss-masked RAG training data.

    documents -> chunks, knowledge base         corpus.py
      -> filter_chunk                           which chunks are worth asking about
      -> roles                                  success, failure, partial, abstain: exact shares
      -> passages as a retriever brings them    synthesis.retrieval
      -> rag_question_answer                    the teacher writes questions and answers
      -> verify                                 every pair is checked
      -> groups -> conversations -> segments    conversations.py, dialogue.render
      -> files                                  outputs.py, the manifest last

The result is a function of documents, configuration and journal: a run that was killed is run
again, and what was answered is not asked twice. Chunks are handled in a random order that follows
from the seed, so groups are random and yet nothing is held in memory.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from wellread.checks.lexical import LexicalDetector
from wellread.dialogue.render import render
from wellread.engine.progress import Progress
from wellread.engine.run import Failed, in_flight_for, run
from wellread.errors import NothingMadeError
from wellread.llm.chat import ChatModel
from wellread.pipelines.conversations import Item, Layout, conversations, own_conversation
from wellread.pipelines.corpus import Corpus, build_corpus
from wellread.pipelines.ledger import Ledger
from wellread.pipelines.outputs import REJECTED, Outputs, Side
from wellread.pipelines.project import Project
from wellread.pipelines.staff import Staff, hire
from wellread.pipelines.worklist import Worklist
from wellread.records import (
    Chunk,
    Example,
    Kind,
    Provenance,
    QuestionAnswer,
    Rejection,
    Verdict,
)
from wellread.synthesis.retrieval import Retrieved, generator, simulate_retrieval
from wellread.synthesis.tasks import ChunkJudgement, Exchange, RagBrief, RagPair
from wellread.synthesis.verify import verify

FILTER = "filter"
WRITE = "write"

# What a chunk's role says: the kind of its example, and whether it is answered from memory.
_ROLES: dict[str, tuple[Kind, bool]] = {
    "memory": ("failure", True),
    "failure": ("failure", False),
    "partial": ("partial", False),
    "abstain": ("abstain", False),
    "success": ("success", False),
}


@dataclass(frozen=True, slots=True)
class Judged:
    """What the filter said of a chunk, and the calls that took."""

    chunk: Chunk
    judgement: ChunkJudgement
    exchanges: tuple[Exchange, ...]


@dataclass(frozen=True, slots=True)
class Written:
    """What came of one chunk: the pairs that passed, with their verdicts, and those that fell."""

    brief: RagBrief
    retrieved: Retrieved
    pairs: tuple[RagPair, ...]
    verdicts: tuple[Verdict, ...]
    rejections: tuple[Rejection, ...]
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
    progress: Progress | None = None,
) -> RagDataReport:
    """Make the data of `project` in its output folder.

    `models` (`small`, `large`) answer in place of the project's endpoints. Raises
    NothingMadeError where every chunk was dropped; the files are there all the same.
    """
    return asyncio.run(_make(project, models, progress or Progress.silent()))


async def _make(
    project: Project, models: Mapping[str, ChatModel] | None, progress: Progress
) -> RagDataReport:
    folder = project.path.output_dir
    async with contextlib.AsyncExitStack() as stack:
        outputs = stack.enter_context(Outputs(project))
        ledger = Ledger(outputs.rejected)
        work = stack.enter_context(Worklist(folder / ".work.sqlite", project.system.seed))
        staff = await stack.enter_async_context(hire(project, models))
        corpus = build_corpus(project, work, ledger, folder / "knowledge_base", progress)
        stack.callback(corpus.base.close)
        detector = LexicalDetector(project.checks)
        shop = _Shop(project, staff, corpus, work, ledger, outputs, detector, progress)
        _take_subset(shop)
        await _filter_chunks(shop)
        work_size = len(work)
        work.assign(_shares(project), rest="success")
        tally = await _write_examples(shop)
        counts = {**ledger.as_json(), **tally.as_json()}
        outputs.finish(counts, {"documents": corpus.sha256}, staff.token_reports())
    if not tally.training:
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


def _shares(project: Project) -> dict[str, float]:
    settings = project.rag_data
    failures = settings.rag_failure_percentage
    return {
        "memory": failures * settings.answer_from_memory,
        "failure": failures * (1.0 - settings.answer_from_memory),
        "partial": settings.rag_partial_percentage,
        "abstain": settings.rag_abstain_percentage,
    }


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
        judgement = await shop.staff.teacher.recorded(log).filter_chunk(chunk)
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
    verdict = {"id": chunk.id, "suitable": judgement.suitable, "reason": judgement.reason}
    shop.outputs.debug(FILTER, {**verdict, "text": chunk.text}, judged.exchanges)
    if judgement.suitable:
        shop.ledger.keep(FILTER)
        return
    shop.work.drop(chunk.id)
    # A model gives a sentence, which cannot be counted by; the extractive teacher gives a code.
    code = judgement.reason if judgement.reason.isidentifier() else "unsuitable"
    shop.ledger.drop(Rejection(FILTER, chunk.id, code, judgement.reason))


async def _write_examples(shop: _Shop) -> Tally:
    """Have every chunk on the list written about, and the groups rendered as they fill."""
    tally = Tally()
    training = _Grouping(shop, shop.outputs.training, tally.training)
    held_out = _Grouping(shop, shop.outputs.held_out, tally.held_out)
    async for outcome in run(
        shop.chunks(),
        lambda work: _write(shop, *work),
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
        if written.pairs:
            side = held_out if shop.corpus.is_held_out(written.brief.chunk) else training
            side.add(written)
    training.flush()
    held_out.flush()
    return tally


async def _write(shop: _Shop, chunk: Chunk, role: str) -> Written:
    """Find passages, have the teacher write, check every pair."""
    kind, from_memory = _ROLES[role]
    settings, seed = shop.project.rag_data, shop.project.system.seed
    held_out = shop.corpus.is_held_out(chunk)
    retrieved = simulate_retrieval(
        shop.corpus.base,
        chunk,
        kind,
        max_chunks=settings.rag_max_chunks,
        random=generator(seed, "retrieval", chunk.id),
        draw=shop.work.draw,
        # What is held out is seen by no training example, not even as a distractor.
        allowed=lambda other: held_out or not shop.corpus.is_held_out(other),
    )
    pairs_wanted = settings.questions_per_chunk
    brief = RagBrief(chunk, kind, retrieved.passages, from_memory, pairs_wanted)
    log: list[Exchange] = []
    reply = await shop.staff.teacher.recorded(log).rag_question_answer(brief)
    written = Written(brief, retrieved, (), (), (), tuple(log))
    return _checked(written, reply.pairs, shop.detector, keep=settings.ungrounded == "keep")


def _checked(
    written: Written, pairs: Iterable[RagPair], detector: LexicalDetector, *, keep: bool
) -> Written:
    """`written` with the pairs that passed, and why the others did not.

    `keep` keeps pairs that only the detector is against.
    """
    passed: list[tuple[RagPair, Verdict]] = []
    rejections: list[Rejection] = []
    for pair in pairs:
        verdict, rejection = verify(pair, written.brief, detector)
        if verdict is not None and (rejection is None or keep):
            passed.append((pair, verdict))
        elif rejection is not None:
            rejections.append(rejection)
    return replace(
        written,
        pairs=tuple(pair for pair, _ in passed),
        verdicts=tuple(verdict for _, verdict in passed),
        rejections=tuple(rejections),
    )


def _note_written(shop: _Shop, written: Written) -> None:
    """Count pairs and chunk, and log what was written."""
    brief = written.brief
    for rejection in written.rejections:
        shop.ledger.drop(rejection)
    shop.ledger.keep("check", len(written.pairs))
    if written.pairs:
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
    }
    shop.outputs.debug(brief.kind, record, written.exchanges)


@dataclass
class Count:
    """Examples of one side by kind, and their tokens."""

    kinds: Counter[str] = field(default_factory=Counter)
    tokens: int = 0
    learned_tokens: int = 0

    def __bool__(self) -> bool:
        return bool(self.kinds)

    def as_json(self) -> dict[str, Any]:
        """Counts by name."""
        return {
            "examples": self.kinds.total(),
            "kinds": {
                kind: self.kinds[kind] for kind in ("success", "failure", "partial", "abstain")
            },
            "tokens": self.tokens,
            "learned_tokens": self.learned_tokens,
        }


@dataclass
class Tally:
    """What was made, on both sides of the split."""

    training: Count = field(default_factory=Count)
    held_out: Count = field(default_factory=Count)

    def as_json(self) -> dict[str, Any]:
        """Counts of both sides."""
        return {"training": self.training.as_json(), "held_out": self.held_out.as_json()}


class _Grouping:
    """Collects items until a group is full, then renders and writes it."""

    def __init__(self, shop: _Shop, side: Side, count: Count) -> None:
        self._shop = shop
        self._side = side
        self._count = count
        self._group: list[Written] = []
        settings = shop.project.rag_data
        self._form = settings.chat_format()
        self._layout = Layout(
            settings.final_assistant_prompts,
            settings.passage_form,
            settings.train_on_user,
            settings.trailing_turns,
            shop.project.system.seed,
        )

    def add(self, written: Written) -> None:
        """Add one item; a full group is written."""
        self._group.append(written)
        if len(self._group) == self._shop.project.rag_data.num_items_per_group:
            self.flush()

    def flush(self) -> None:
        """Write what has been collected."""
        items = [_item(written) for written in self._group]
        for written, conversation in zip(
            self._group, conversations(items, self._layout), strict=True
        ):
            segments = render(conversation, self._form)
            self._side.write(segments, self._example(written))
            self._count.kinds[written.brief.kind] += 1
            for segment in segments:
                tokens = self._shop.corpus.counter.count(segment.text)
                self._count.tokens += tokens
                self._count.learned_tokens += tokens if segment.label else 0
        self._group.clear()

    def _example(self, written: Written) -> Example:
        brief, teacher = written.brief, self._shop.staff.teacher
        return Example(
            id=f"{brief.id}/{brief.kind}",
            kind=brief.kind,
            conversation=own_conversation(_item(written), self._layout),
            passages=brief.passages,
            verdicts=written.verdicts,
            provenance=Provenance(
                chunk_id=brief.chunk.id,
                document_id=brief.chunk.document_id,
                teacher=teacher.name,
                query=written.retrieved.query,
                gold_position=written.retrieved.gold_position,
                prompt=teacher.fingerprint("rag_question_answer"),
            ),
        )


def _item(written: Written) -> Item:
    turns = tuple(QuestionAnswer(p.question, p.answer, p.thought_process) for p in written.pairs)
    return Item(written.brief.id, written.brief.passages, turns)
