"""One chunk: find passages, have the teacher write, check every pair."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from wellread.errors import EndpointError, ModelError
from wellread.pipelines.conversations import Item
from wellread.pipelines.corpus import Corpus
from wellread.pipelines.project import Project
from wellread.pipelines.worklist import Worklist
from wellread.records import Chunk, Kind, Rejection, Verdict
from wellread.synthesis.actions import ActionSettings, Settled, settle
from wellread.synthesis.retrieval import Retrieved, generator, simulate_retrieval
from wellread.synthesis.tasks import Exchange, RagBrief, RagPair, Teacher
from wellread.synthesis.verify import Detector

# What a chunk's role says: the kind of its example, and whether it is answered from memory.
_ROLES: dict[str, tuple[Kind, bool]] = {
    "memory": ("failure", True),
    "failure": ("failure", False),
    "partial": ("partial", False),
    "abstain": ("abstain", False),
    "success": ("success", False),
}
SUCCESS = "success"


@dataclass(frozen=True, slots=True)
class Written:
    """What came of one chunk: every pair that was written, and how it ended.

    `failure` is why the teacher wrote nothing usable; the calls it made are there all the same.
    `part` counts the examples that `parts` split off, from 1; 0 is the chunk's own.
    """

    brief: RagBrief
    retrieved: Retrieved
    settled: tuple[Settled, ...] = ()
    exchanges: tuple[Exchange, ...] = ()
    failure: ModelError | None = None
    part: int = 0

    @property
    def pairs(self) -> tuple[RagPair, ...]:
        """Those that go on."""
        return tuple(one.pair for one in self.settled if one.rejection is None)

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """Of `pairs`."""
        return tuple(one.verdict for one in self.settled if one.rejection is None and one.verdict)

    @property
    def rejections(self) -> tuple[Rejection, ...]:
        """Of those that do not."""
        return tuple(one.rejection for one in self.settled if one.rejection is not None)

    @property
    def id(self) -> str:
        """Of the example."""
        own = f"{self.brief.id}/{self.brief.kind}"
        return f"{own}/{self.part}" if self.part else own

    @property
    def item(self) -> Item:
        """The turns to train on, with their passages."""
        kept = (one for one in self.settled if one.rejection is None)
        turns = tuple(turn for one in kept for turn in one.turns)
        name = f"{self.brief.id}/{self.part}" if self.part else self.brief.id
        return Item(name, self.brief.passages, turns)

    def parts(self) -> Iterator[Written]:
        """One for each context in which pairs go on: an abstention has passages of its own."""
        going_on = [one for one in self.settled if one.rejection is None]
        if own := tuple(one for one in going_on if one.brief == self.brief):
            yield replace(self, settled=own)
        others = [one for one in going_on if one.brief != self.brief]
        for number, one in enumerate(others, start=1):
            passages = one.brief.passages
            retrieved = replace(self.retrieved, passages=passages, gold_position=0)
            yield Written(one.brief, retrieved, (one,), part=number)


def shares(project: Project) -> dict[str, float]:
    """The share of each role but success, which takes the rest."""
    settings = project.rag_data
    failures = settings.rag_failure_percentage
    return {
        "memory": failures * settings.answer_from_memory,
        "failure": failures * (1.0 - settings.answer_from_memory),
        "partial": settings.rag_partial_percentage,
        "abstain": settings.rag_abstain_percentage,
    }


def prepare(
    chunk: Chunk, role: str, corpus: Corpus, work: Worklist, project: Project
) -> tuple[RagBrief, Retrieved]:
    """The brief for one chunk, with the passages that a retriever brings."""
    kind, from_memory = _ROLES[role]
    held_out = corpus.is_held_out(chunk)
    retrieved = simulate_retrieval(
        corpus.base,
        chunk,
        kind,
        max_chunks=project.rag_data.rag_max_chunks,
        random=generator(project.system.seed, "retrieval", chunk.id),
        draw=work.draw,
        # What is held out is seen by no training example, not even as a distractor.
        allowed=lambda other: held_out or not corpus.is_held_out(other),
    )
    pairs = project.rag_data.questions_per_chunk
    return RagBrief(chunk, kind, retrieved.passages, from_memory, pairs), retrieved


async def write(
    brief: RagBrief,
    retrieved: Retrieved,
    teacher: Teacher,
    detector: Detector,
    settings: ActionSettings,
) -> Written:
    """Have `brief` written, every pair checked, and done with as `settings` say.

    Raises EndpointError where nobody is served.
    """
    log: list[Exchange] = []
    recorded = teacher.recorded(log)
    try:
        reply = await recorded.rag_question_answer(brief)
    except EndpointError:
        raise
    except ModelError as error:
        return Written(brief, retrieved, exchanges=tuple(log), failure=error)
    settled = [await settle(pair, brief, recorded, detector, settings) for pair in reply.pairs]
    return Written(brief, retrieved, tuple(settled), tuple(log))
