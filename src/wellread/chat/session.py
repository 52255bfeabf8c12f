"""A chat over a knowledge base: retrieve -> render -> generate -> cite -> verdict.

    ChatSession(engine, knowledge_base).ask("How long is the warranty?")
        -> Answer(text, passages, citations, verdict, …)

Steps of `ask`: 1. search for the question; where it brings nothing, and the model sees earlier
turns, for the question before and this one together. 2. lay the passages into the conversation, as
training rows have them. 3. answer. 4. see which passages the answer names. 5. check the answer
against the passages it was given.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from wellread.chat.answering import Answerer, Generated, PromptTooLongError, Sampling
from wellread.chat.citing import Cited, cited
from wellread.chat.log import log_for_sft
from wellread.chat.prompt import conversation_of
from wellread.checks.lexical import LexicalDetector
from wellread.config import Settings, combine_settings
from wellread.dialogue.passages import PassageForm, render_passages
from wellread.dialogue.retrieval import retrieval_message
from wellread.errors import InputError
from wellread.knowledge.base import KnowledgeBase
from wellread.knowledge.manager import RetrievalManager
from wellread.records import Conversation, Passage, Verdict

DATA = "{data}"
Retriever = KnowledgeBase | RetrievalManager | Callable[[str, int], Sequence[Passage]]


class ChatSettings(Settings):
    """How a chat goes."""

    system: str = ""
    """System prompt. Passages stand in place of {data} in it; without, in a context of their own
    before the question."""
    top_k: int = Field(default=5, ge=1)
    """Passages for each question."""
    min_score: float = 0.0
    """Passages with a lower score are left out; scores depend on the retriever."""
    passage_form: PassageForm = "numbered"
    """How passages are laid into a system prompt with {data}: `numbered` or `chunks`."""
    history: int = Field(default=3, ge=0)
    """Earlier questions and answers that the model sees again, without their passages."""
    without_passages: Literal["decline", "answer"] = "decline"
    """What is done where nothing is found: `decline` says so and asks no model, `answer` asks it
    without passages."""
    nothing_found: str = "I found nothing about this in the documents."
    """What is said then."""
    sampling: Sampling = Sampling(max_tokens=256)
    """How answers are drawn."""


@dataclass(frozen=True, slots=True)
class Timings:
    """Seconds spent: searching, until the first text, until the last, and checking."""

    retrieve_s: float
    first_s: float
    generate_s: float
    check_s: float


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer with all that explains it.

    `passages` are those that the model was given, in the order of their numbers; `query` is what
    was searched for.
    """

    question: str
    text: str
    passages: tuple[Passage, ...]
    citations: tuple[Cited, ...]
    verdict: Verdict
    generated: Generated
    timings: Timings
    query: str

    def to_dict(self) -> dict[str, Any]:
        """The answer for a program, as ``wellread chat --json`` prints it."""
        return {
            "question": self.question,
            "answer": self.text,
            "passages": [passage.to_dict() for passage in self.passages],
            "citations": [
                {"text": c.text, "start": c.start, "end": c.end, "passages": list(c.passages)}
                for c in self.citations
            ],
            "verdict": asdict(self.verdict),
            "generated": asdict(self.generated),
            "timings": asdict(self.timings),
            "query": self.query,
        }


class ChatSession:
    """Asks one answerer about one knowledge base, and remembers the turns.

    `retriever` is a knowledge base, a manager, a function of query and number, or None for a chat
    without documents. `clock` tells seconds.
    """

    def __init__(
        self,
        answerer: Answerer,
        retriever: Retriever | None = None,
        settings: ChatSettings | None = None,
        *,
        detector: LexicalDetector | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.answerer = answerer
        self.retriever = retriever
        self.settings = settings or ChatSettings()
        self._detector = detector or LexicalDetector()
        self._clock = clock
        self._turns: list[tuple[str, str]] = []

    @property
    def history(self) -> tuple[tuple[str, str], ...]:
        """Questions and answers so far."""
        return tuple(self._turns)

    def change(self, **settings: Any) -> None:
        """Go on with other settings."""
        self.settings = combine_settings(None, ChatSettings, {**dict(self.settings), **settings})

    def reset(self) -> None:
        """Forget the turns so far."""
        self._turns.clear()

    def ask(self, question: str, on_text: Callable[[str], None] | None = None) -> Answer:
        """Answer a question; `on_text` is handed the text as it comes.

        Where it is interrupted nothing is remembered of it.
        """
        if not question.strip():
            raise InputError("the question is empty", hint="type what you want to know")
        started = self._clock()
        passages, query = self._retrieve(question)
        retrieved = self._clock()
        made = self._answered(question, passages, on_text)
        answered = self._clock()
        text, shown, generated = made.text, made.passages, made.generated
        verdict = self._verdict(question, shown, text, made.declined)
        answer = Answer(
            question=question,
            text=text,
            passages=shown,
            citations=cited(text, shown),
            verdict=verdict,
            generated=generated,
            timings=Timings(
                retrieved - started,
                (made.first or answered) - retrieved,
                answered - retrieved,
                self._clock() - answered,
            ),
            query=query,
        )
        if text:
            self._turns.append((question, text))
        return answer

    def _retrieve(self, question: str) -> tuple[tuple[Passage, ...], str]:
        """Passages and the query that brought them."""
        if self.retriever is None:
            return (), ""
        queries = [question]
        if self._turns and self.settings.history:
            queries.append(f"{self._turns[-1][0]} {question}")
        for query in queries:
            found = _search(self.retriever, query, self.settings.top_k)
            kept = [p for p in found if p.score >= self.settings.min_score]
            if kept:
                return tuple(replace(p, rank=rank) for rank, p in enumerate(kept, 1)), query
        return (), question

    def _answered(
        self,
        question: str,
        passages: tuple[Passage, ...],
        on_text: Callable[[str], None] | None,
    ) -> _Made:
        tell = on_text or _tell_nobody
        settings = self.settings
        is_without = self.retriever is not None and not passages
        if is_without and settings.without_passages == "decline":
            tell(settings.nothing_found)
            return _Made(settings.nothing_found, (), Generated("stop", 0, 0), None, True)
        shown = passages
        while True:
            try:
                return self._generated(question, shown, tell)
            except PromptTooLongError:
                # The prompt was refused before any text came; the lowest-ranked passage goes.
                if len(shown) < 2:
                    raise
                shown = shown[:-1]

    def _generated(
        self, question: str, passages: tuple[Passage, ...], tell: Callable[[str], None]
    ) -> _Made:
        stream = self.answerer.stream(self.conversation(question, passages), self.settings.sampling)
        pieces: list[str] = []
        first = None
        try:
            for piece in stream:
                first = self._clock() if first is None else first
                pieces.append(piece)
                tell(piece)
        finally:
            stream.close()
        generated = stream.result or Generated("cancelled", 0, 0)
        shown = passages[: len(passages) - generated.left_out]
        return _Made("".join(pieces)[generated.thought :], shown, generated, first, False)

    def conversation(self, question: str, passages: Sequence[Passage]) -> Conversation:
        """What the model is asked: as a row of training data, up to the answer."""
        settings = self.settings
        messages: list[dict[str, Any]] = []
        if system := self._system(passages):
            messages.append({"role": "system", "content": system})
        for asked, answered in self._turns[-settings.history :] if settings.history else ():
            messages.append({"role": "user", "content": asked})
            messages.append({"role": "assistant", "content": answered})
        if passages and DATA not in settings.system:
            messages.append(retrieval_message(passages))
        messages.append({"role": "user", "content": question})
        return conversation_of(messages)

    def record(self, answer: Answer, path: str | Path) -> dict[str, Any]:
        """Add an answer to a file of training rows (see `log_for_sft`); returns the row."""
        shown = answer.passages
        return log_for_sft(
            answer.question,
            () if DATA in self.settings.system else shown,
            answer.text,
            path=path,
            system=self._system(shown),
            verdict=answer.verdict,
        )

    def _system(self, passages: Sequence[Passage]) -> str:
        """The system prompt, with the passages in it where it has a place for them."""
        system = self.settings.system
        if DATA not in system:
            return system
        return system.replace(DATA, render_passages(passages, self.settings.passage_form))

    def _verdict(
        self, question: str, passages: tuple[Passage, ...], text: str, declined: bool
    ) -> Verdict:
        if declined:
            return Verdict("abstained", 1.0, "retrieval", "nothing was found")
        return self._detector.check(question, passages, text)


@dataclass(frozen=True, slots=True)
class _Made:
    """An answer before it is looked at; `first` is when its first text came."""

    text: str
    passages: tuple[Passage, ...]
    generated: Generated
    first: float | None
    declined: bool


def _search(retriever: Retriever, query: str, top_k: int) -> Sequence[Passage]:
    if isinstance(retriever, KnowledgeBase):
        return retriever.search(query, top_k)
    if isinstance(retriever, RetrievalManager):
        return retriever.retrieve(query, top_k)
    return retriever(query, top_k)


def _tell_nobody(text: str) -> None:
    """For callers who want the answer whole."""
