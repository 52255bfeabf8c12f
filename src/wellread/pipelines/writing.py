"""One chunk: find passages, have the teacher write, check every pair."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from wellread.errors import EndpointError, ModelError
from wellread.pipelines.conversations import Item
from wellread.pipelines.corpus import Corpus
from wellread.pipelines.project import Project
from wellread.pipelines.worklist import Worklist
from wellread.records import Chunk, Kind, QuestionAnswer, Rejection, Verdict
from wellread.synthesis.retrieval import Retrieved, generator, simulate_retrieval
from wellread.synthesis.tasks import Exchange, RagBrief, RagPair, Teacher
from wellread.synthesis.verify import Detector, verify

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
    """What came of one chunk: the pairs that passed, with their verdicts, and those that fell.

    `failure` is why the teacher wrote nothing usable; the calls it made are there all the same.
    """

    brief: RagBrief
    retrieved: Retrieved
    pairs: tuple[RagPair, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    rejections: tuple[Rejection, ...] = ()
    exchanges: tuple[Exchange, ...] = ()
    failure: ModelError | None = None

    @property
    def item(self) -> Item:
        """The turns to train on, with their passages."""
        turns = tuple(QuestionAnswer(p.question, p.answer, p.thought_process) for p in self.pairs)
        return Item(self.brief.id, self.brief.passages, turns)


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
    brief: RagBrief, retrieved: Retrieved, teacher: Teacher, detector: Detector, *, keep: bool
) -> Written:
    """Have `brief` written and checked; `keep` keeps pairs that only the detector is against.

    Raises EndpointError where nobody is served.
    """
    log: list[Exchange] = []
    try:
        reply = await teacher.recorded(log).rag_question_answer(brief)
    except EndpointError:
        raise
    except ModelError as error:
        return Written(brief, retrieved, exchanges=tuple(log), failure=error)
    written = Written(brief, retrieved, exchanges=tuple(log))
    return _checked(written, reply.pairs, detector, keep=keep)


def _checked(
    written: Written, pairs: Iterable[RagPair], detector: Detector, *, keep: bool
) -> Written:
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
