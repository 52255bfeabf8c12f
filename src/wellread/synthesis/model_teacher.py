"""The teacher that asks a language model.

For each task: render the prompt of the task's name -> one request -> a reply validated against the
output model, and once more with the validation error where it does not fit. Validation is more
than the schema: a question that leans on "the text" and an answer that gives the set-up away are
sent back too. The ``**QUESTION:** … **ANSWER:** …`` form is read where a reply is not JSON.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ValidationInfo, field_validator, model_validator

from wellread.checks.answers import split_reasoning
from wellread.checks.questions import answer_problem, question_problem
from wellread.dialogue.passages import PassageForm, label, render_passages
from wellread.errors import InputError
from wellread.llm.chat import ChatModel, ChatReply, ChatRequest, Sampling
from wellread.llm.parse import ask
from wellread.records import Chunk
from wellread.synthesis.prompting import Prompt, load_prompt
from wellread.synthesis.tasks import (
    ChunkJudgement,
    Exchange,
    RagAnswer,
    RagBrief,
    RagPair,
    RagPairs,
)

ModelName = Literal["small", "large"]
T = TypeVar("T", bound=BaseModel)

FILTER_CHUNK = "filter_chunk"
RAG_QUESTION_ANSWER = "rag_question_answer"
RAG_ANSWER_AGAIN = "rag_answer_again"

# Which model does a task, and how it is drawn.
_MODEL: Mapping[str, ModelName] = {
    FILTER_CHUNK: "small",
    RAG_QUESTION_ANSWER: "large",
    RAG_ANSWER_AGAIN: "large",
}
_SAMPLING: Mapping[str, Sampling] = {
    FILTER_CHUNK: Sampling(temperature=0.2, top_p=0.9, max_tokens=1000),
    RAG_QUESTION_ANSWER: Sampling(temperature=0.5, top_p=0.8, max_tokens=3000),
    RAG_ANSWER_AGAIN: Sampling(temperature=0.2, top_p=0.8, max_tokens=2000),
}
# In completion mode a model goes on with the next prompt of its own unless it is stopped.
_STOP = ("\n=== ", "\nSOURCE TEXT (", "\nPASSAGES that")

_PAIR = re.compile(
    r"\*\*\s*QUESTION:?\s*\*\*:?\s*(?P<question>.+?)\s*"
    r"\*\*\s*ANSWER:?\s*\*\*:?\s*(?P<answer>.+?)\s*(?=\*\*\s*QUESTION:?\s*\*\*|\Z)",
    re.DOTALL | re.IGNORECASE,
)


class _SoundPair(RagPair):
    """A pair whose wording was looked at as well as its shape."""

    @field_validator("question")
    @classmethod
    def _stands_alone(cls, question: str) -> str:
        if problem := question_problem(question):
            raise ValueError(f"the question is unusable ({problem}): {question!r}")
        return question

    @field_validator("thought_process", "answer")
    @classmethod
    def _gives_nothing_away(cls, answer: str, info: ValidationInfo) -> str:
        if problem := answer_problem(answer):
            raise ValueError(f"the {info.field_name} is unusable ({problem})")
        return answer


class _SoundAnswer(RagAnswer):
    """A second answer whose wording was looked at as well as its shape."""

    @field_validator("thought_process", "answer")
    @classmethod
    def _gives_nothing_away(cls, answer: str, info: ValidationInfo) -> str:
        if problem := answer_problem(answer):
            raise ValueError(f"the {info.field_name} is unusable ({problem})")
        return answer


class _SoundPairs(RagPairs):
    pairs: tuple[_SoundPair, ...]

    @model_validator(mode="after")
    def _are_distinct(self) -> _SoundPairs:
        questions = [pair.question.casefold() for pair in self.pairs]
        if not questions or len(set(questions)) < len(questions):
            raise ValueError("every question must be there once")
        return self


@dataclass(frozen=True)
class ModelTeacher:
    """Writes with language models behind `ChatModel`s, by name ``small`` and ``large``.

    `completion_mode` asks the text-completion route and the plain-text form of reply; `use_stop`
    sends stop strings there. `passage_form` is how the assistant will see passages.
    """

    models: Mapping[str, ChatModel]
    prompts: Mapping[str, Prompt]
    passage_form: PassageForm = "chunks"
    completion_mode: bool = False
    use_stop: bool = True
    log: list[Exchange] | None = None

    @classmethod
    def with_prompts(
        cls,
        models: Mapping[str, ChatModel],
        folder: Path | None,
        *,
        passage_form: PassageForm = "chunks",
        completion_mode: bool = False,
        use_stop: bool = True,
    ) -> ModelTeacher:
        """A teacher with the prompts of `folder`, or ours where it has none."""
        if "large" not in models:
            raise InputError(
                "a teacher needs the model 'large'", hint="add models.large to wellread.yaml"
            )
        prompts = {task: load_prompt(task, folder) for task in _MODEL}
        return cls(models, prompts, passage_form, completion_mode, use_stop)

    @property
    def name(self) -> str:
        """The name of the model that writes the answers."""
        return self.models["large"].name

    def recorded(self, log: list[Exchange]) -> ModelTeacher:
        """The same teacher, adding every call to `log`."""
        return replace(self, log=log)

    def fingerprint(self, task: str) -> str:
        """Of the prompt file."""
        return self.prompts[task].fingerprint

    async def filter_chunk(self, chunk: Chunk) -> ChunkJudgement:
        """Judge one chunk with the small model."""
        request = self._request(FILTER_CHUNK, ChunkJudgement, **_about(chunk))
        return await self._ask(FILTER_CHUNK, request, ChunkJudgement, parse_judgement)

    async def rag_question_answer(self, brief: RagBrief) -> RagPairs:
        """Write one conversation with the large model."""
        request = self.rag_request(brief)
        return await self._ask(RAG_QUESTION_ANSWER, request, _SoundPairs, parse_pairs)

    async def rag_answer_again(self, brief: RagBrief, pair: RagPair, problem: str) -> RagPair:
        """Have the large model answer again, told what was wrong."""
        request = self._request(
            RAG_ANSWER_AGAIN,
            RagAnswer,
            question=pair.question,
            earlier=pair.answer,
            problem=problem,
            **self._shown(brief),
        )
        found = await self._ask(RAG_ANSWER_AGAIN, request, _SoundAnswer, parse_answer)
        said = {"thought_process": found.thought_process, "answer": found.answer}
        return pair.model_copy(update=said)

    def filter_request(self, chunk: Chunk) -> ChatRequest:
        """The call that `filter_chunk` makes first; `wellread plan` counts its tokens."""
        return self._request(FILTER_CHUNK, ChunkJudgement, **_about(chunk))

    def rag_request(self, brief: RagBrief) -> ChatRequest:
        """The call that `rag_question_answer` makes first."""
        return self._request(RAG_QUESTION_ANSWER, RagPairs, pairs=brief.pairs, **self._shown(brief))

    def _shown(self, brief: RagBrief) -> dict[str, object]:
        """What a prompt may say of a brief."""
        names = [label(number, self.passage_form) for number in range(1, len(brief.passages) + 1)]
        return {
            "kind": brief.kind,
            "from_memory": brief.from_memory,
            "labels": ", ".join(names),
            "passages": render_passages(brief.passages, self.passage_form),
            **_about(brief.chunk),
        }

    def _request(self, task: str, output: type[BaseModel], **values: object) -> ChatRequest:
        messages = self.prompts[task].messages(completion_mode=self.completion_mode, **values)
        sampling = _SAMPLING[task]
        if self.completion_mode and self.use_stop:
            sampling = replace(sampling, stop=_STOP)
        schema = None if self.completion_mode else _schema(output)
        return ChatRequest(messages, sampling, schema, completion=self.completion_mode)

    async def _ask(
        self, task: str, request: ChatRequest, output: type[T], parse_text: Callable[[str], T]
    ) -> T:
        model = self.models.get(_MODEL[task], self.models["large"])
        if self.log is not None:
            model = _Recorder(model, task, self.log)
        value, _ = await ask(model, request, output, parse_text=parse_text)
        return value


@lru_cache(maxsize=16)
def _schema(output: type[BaseModel]) -> dict[str, Any]:
    """The schema of a task's output; making it costs more than a whole call."""
    return output.model_json_schema()


@dataclass(frozen=True)
class _Recorder:
    """A ChatModel that notes what passes through it."""

    model: ChatModel
    task: str
    log: list[Exchange]

    @property
    def name(self) -> str:
        return self.model.name

    async def reply(self, request: ChatRequest) -> ChatReply:
        reply = await self.model.reply(request)
        self.log.append(Exchange(self.task, request, reply))
        return reply


def _about(chunk: Chunk) -> dict[str, object]:
    """What a prompt may say of a chunk."""
    return {
        "text": chunk.text,
        "source": chunk.source or chunk.document_id,
        "heading": chunk.heading,
        "language": chunk.language,
    }


_VERDICT = re.compile(r"\b(?P<no>not\s+|un|in)?suitable\b", re.IGNORECASE)


def parse_judgement(text: str) -> ChunkJudgement:
    r"""Read a judgement given in words: the last "suitable" decides, "not suitable" is a no.

    >>> parse_judgement("A list of chapters.\nNot suitable").suitable
    False
    >>> parse_judgement("Clearly not a table of contents. Suitable").suitable
    True
    """
    found = list(_VERDICT.finditer(text))
    if not found:
        raise ValueError('the reply says neither "Suitable" nor "Not suitable"')
    reason = text[: found[-1].start()].strip().splitlines()
    return ChunkJudgement(suitable=found[-1]["no"] is None, reason=reason[0] if reason else "")


def parse_pairs(text: str) -> _SoundPairs:
    """Read pairs in the ``**QUESTION:** … **ANSWER:** …`` form.

    Raises ValueError where there are none, or an answer has no thought process.
    """
    pairs = []
    for match in _PAIR.finditer(text):
        reasoning, answer = split_reasoning(match["answer"])
        pairs.append(
            _SoundPair(question=match["question"], thought_process=reasoning, answer=answer)
        )
    if not pairs:
        raise ValueError("the reply holds no **QUESTION:** … **ANSWER:** … pair")
    return _SoundPairs(pairs=tuple(pairs))


def parse_answer(text: str) -> _SoundAnswer:
    """Read an answer in the ``Thought Process: … Answer: …`` form; ValueError where it is not."""
    reasoning, answer = split_reasoning(text)
    return _SoundAnswer(thought_process=reasoning, answer=answer)
