"""Short answers to questions, from passages or from memory, by a model or by rule.

    question, passages, what was wrong before -> Answer(text, calls, usage)

One prompt serves every way of asking: with passages and without, at first and again. What differs
between two ways is only what stands in the prompt, never how it is worded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from wellread.checks.answers import split_reasoning
from wellread.checks.reading.words import guess_language
from wellread.dialogue.passages import render_passages
from wellread.llm.chat import ChatModel, ChatRequest, Sampling, Usage
from wellread.records import Passage
from wellread.synthesis.prompting import Prompt, load_prompt

ANSWER_QUESTION = "answer_question"
DECLINES = {"en": "I do not know.", "de": "Ich weiß es nicht.", "zh": "无法确定。"}
_NOTHING_USED = Usage()
_QUOTES = ("“”", "„“", '""', "''", "«»", "「」")


@dataclass(frozen=True, slots=True)
class Answer:
    """What was said, and the calls and tokens that it took; `estimated` ones nobody counted."""

    text: str
    calls: int = 0
    usage: Usage = _NOTHING_USED
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """An answer that did not pass a check, and why; whoever answers again is told."""

    text: str
    reason: str


def decline(question: str) -> str:
    """Words that decline, in the language of the question where they are known.

    >>> decline("Wann wurde die Pumpe gebaut?")
    'Ich weiß es nicht.'
    """
    return DECLINES.get(guess_language(question), DECLINES["en"])


class Answerer(Protocol):
    """Whoever answers questions. Raises `wellread.errors.ModelError` where it cannot."""

    @property
    def name(self) -> str:
        """What every answer of it is marked with."""
        ...

    async def answer(
        self,
        question: str,
        passages: Sequence[Passage],
        *,
        refused: Sequence[Refused] = (),
        repeat: int = 0,
    ) -> Answer:
        """Answer from `passages`, or without any from memory; equal `repeat`, equal answer."""
        ...


@dataclass(frozen=True)
class ModelAnswerer:
    """Asks a language model; `sampling` is the same for every way of asking."""

    model: ChatModel
    prompt: Prompt
    sampling: Sampling

    @classmethod
    def with_prompts(
        cls, model: ChatModel, folder: Path | None, sampling: Sampling
    ) -> ModelAnswerer:
        """One with the prompt of `folder`, or ours where it has none."""
        return cls(model, load_prompt(ANSWER_QUESTION, folder), sampling)

    @property
    def name(self) -> str:
        """The name of the model."""
        return self.model.name

    def request(
        self,
        question: str,
        passages: Sequence[Passage],
        *,
        refused: Sequence[Refused] = (),
        repeat: int = 0,
    ) -> ChatRequest:
        """The call that `answer` makes."""
        last = refused[-1] if refused else Refused("", "")
        messages = self.prompt.messages(
            question=question,
            passages=render_passages(passages, "numbered") if passages else "",
            earlier=last.text,
            problem=last.reason,
        )
        # An answer that goes on for too long is taken as far as it goes: it is an answer too.
        return ChatRequest(messages, self.sampling, repeat=repeat, partial=True)

    async def answer(
        self,
        question: str,
        passages: Sequence[Passage],
        *,
        refused: Sequence[Refused] = (),
        repeat: int = 0,
    ) -> Answer:
        """Ask once; a model that thinks aloud first is heard from its answer on."""
        request = self.request(question, passages, refused=refused, repeat=repeat)
        reply = await self.model.reply(request)
        return Answer(plain_answer(reply.text), 1, reply.usage, reply.estimated)


def plain_answer(text: str) -> str:
    """The answer in a reply: without reasoning, "Answer:", bold marks and quotation marks.

    >>> plain_answer("**Answer:** “67 psi”")
    '67 psi'
    """
    said = split_reasoning(text)[1].strip()
    for mark in ("**", "__", "`"):
        if said.startswith(mark) and said.endswith(mark) and said.count(mark) == 2:
            said = said[len(mark) : -len(mark)].strip()
    for pair in _QUOTES:
        opens, closes = pair[0], pair[1]
        inner = said[1:-1]
        quoted = len(said) > 2 and said[0] == opens and said[-1] == closes
        if quoted and opens not in inner and closes not in inner:
            return inner.strip()
    return said
