"""The typed tasks: what goes in, what must come out. Teachers do them; prompts word them.

    filter_chunk          Chunk    -> ChunkJudgement   is there anything to ask about?
    rag_question_answer   RagBrief -> RagPairs         questions about one chunk, answered from
                                                       the passages that a retriever brought
    rag_answer_again      RagBrief, RagPair -> RagPair the same question, answered better

A task says nothing about who does it. `LLMTeacher` renders the prompt file of the task's name and
validates the reply against the output model; `ExtractiveTeacher` does the same task by rule.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Protocol

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from wellread.llm.chat import ChatReply, ChatRequest
from wellread.records import Chunk, Kind, Passage

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class Output(BaseModel):
    """Base of what a task returns; unknown keys of a talkative model are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)


class ChunkJudgement(Output):
    """Whether questions can be asked about a chunk, and why not."""

    reason: str = ""
    """One short sentence; for the extractive teacher a stable code such as ``no_facts``."""
    suitable: bool


class RagPair(Output):
    """One question with its grounded answer."""

    question: Text
    """Understandable by someone who has never seen the documents."""
    expected_answer: str = ""
    """What the source says, in a few words, even where the answer may not give it."""
    evidence: tuple[str, ...] = ()
    """Verbatim quotes from the source chunk that carry `expected_answer`."""
    thought_process: Text
    """Walks through the passages in order: what each says and whether it helps."""
    answer: Text
    """What the assistant finally says, citing sources by name."""


class RagPairs(Output):
    """The turns of one conversation, in order."""

    pairs: Annotated[tuple[RagPair, ...], Field(min_length=1, max_length=8)]


class RagAnswer(Output):
    """A better answer to a question that was answered before."""

    thought_process: Text
    """Walks through the passages in order: what each says and whether it helps."""
    answer: Text
    """What the assistant finally says, citing sources by name."""


@dataclass(frozen=True, slots=True)
class RagBrief:
    """What to write about.

    `chunk` is what the questions are about. `passages` are what the assistant sees, in the order
    of the context: for ``success`` they hold the chunk itself, for ``partial`` only a part of it
    (a passage whose chunk lies within the span of `chunk`), for ``failure`` and ``abstain``
    nothing that answers. `from_memory` asks a failure to be answered from memory of `chunk`,
    naming its source; otherwise failures decline. At most `pairs` questions are wanted.
    """

    chunk: Chunk
    kind: Kind
    passages: tuple[Passage, ...]
    from_memory: bool = False
    pairs: int = 2

    @property
    def id(self) -> str:
        """The chunk's id: one brief a chunk."""
        return self.chunk.id


@dataclass(frozen=True, slots=True)
class Exchange:
    """One call that a teacher made: what it asked and what it was told."""

    task: str
    request: ChatRequest
    reply: ChatReply


class Teacher(Protocol):
    """Whoever writes synthetic data. Raises `wellread.errors.ModelError` where it cannot."""

    @property
    def name(self) -> str:
        """What every record that it wrote is marked with."""
        ...

    def recorded(self, log: list[Exchange]) -> Teacher:
        """The same teacher, adding every call it makes to `log`; one log a record."""
        ...

    def fingerprint(self, task: str) -> str:
        """Identifies the wording used for `task`; "" where there is none."""
        ...

    async def filter_chunk(self, chunk: Chunk) -> ChunkJudgement:
        """Judge whether the chunk is worth asking about."""
        ...

    async def rag_question_answer(self, brief: RagBrief) -> RagPairs:
        """Write the questions and answers of one conversation."""
        ...

    async def rag_answer_again(self, brief: RagBrief, pair: RagPair, problem: str) -> RagPair:
        """Answer the question of `pair` again; `problem` says what was wrong with its answer."""
        ...
