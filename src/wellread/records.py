"""The nouns. Each is frozen; stages take them and hand on new ones.

    Document ──chunk──> Chunk ──search──> Passage ──render──> Segment
                                   Turn ─┬─ Conversation ─┬─ Example (kind, provenance, verdict)
                                 Passage ┘        Verdict ┘
    anything that leaves the road becomes a Rejection: stage, id, reason.

They are plain dataclasses: a hundred thousand cost little, and `read_record` validates the ones
that come from a file. JSON appears only in `wellread.storage`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Role = Literal["system", "context", "user", "assistant"]
Outcome = Literal["grounded", "partial", "ungrounded", "abstained", "unscored"]
Kind = Literal["success", "failure", "partial", "abstain"]
Metadata = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PageSpan:
    """Page `page` (from 1) is ``document.text[start:end]``."""

    page: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Document:
    """One source file after reading and cleaning.

    `id` is unique in its corpus: the path below the input folder with ``/``, and for one row of a
    .jsonl file its own id or ``path#line``. `source` is the name an answer cites. `language` is an
    ISO 639-1 code or "" where it is not known. `pages` is empty for formats without pages.
    """

    id: str
    text: str
    title: str = ""
    source: str = ""
    language: str = ""
    metadata: Metadata = field(default_factory=dict)
    pages: tuple[PageSpan, ...] = ()


@dataclass(frozen=True, slots=True)
class Chunk:
    """A span of a document: ``document.text[start:end] == chunk.text``.

    `id` is ``document_id#start-end``. `heading` is the path of headings above it, joined with
    " > ". `pages` are the first and last page it touches, or () without pages; `lines` the first
    and last line, from 1, of ``document.text`` or, in a knowledge base of files, of the file; ()
    where nobody counted. `tokens` is what the
    counter that cut it said.
    """

    id: str
    document_id: str
    text: str
    start: int
    end: int
    title: str = ""
    source: str = ""
    heading: str = ""
    language: str = ""
    tokens: int = 0
    pages: tuple[int, ...] = ()
    metadata: Metadata = field(default_factory=dict)
    lines: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk as a retriever brought it: `rank` from 1, a higher `score` is better."""

    chunk: Chunk
    score: float
    rank: int

    @property
    def id(self) -> str:
        """Id of the chunk."""
        return self.chunk.id

    @property
    def title(self) -> str:
        """Title of the document."""
        return self.chunk.title

    @property
    def content(self) -> str:
        """Text of the chunk."""
        return self.chunk.text

    @property
    def source(self) -> str:
        """What an answer cites: the document's source, or its id where it names none."""
        return self.chunk.source or self.chunk.document_id

    @property
    def pages(self) -> tuple[int, ...]:
        """First and last page, or ()."""
        return self.chunk.pages

    @property
    def lines(self) -> tuple[int, ...]:
        """First and last line, or ()."""
        return self.chunk.lines

    def to_dict(self) -> dict[str, Any]:
        """The passage as a plain dictionary, as a `retrieval` message holds it."""
        chunk = self.chunk
        return {
            "id": chunk.id,
            "document_id": chunk.document_id,
            "title": chunk.title,
            "content": chunk.text,
            "source": self.source,
            "score": self.score,
            "rank": self.rank,
            "heading": chunk.heading,
            "start": chunk.start,
            "end": chunk.end,
            "pages": list(chunk.pages),
            "lines": list(chunk.lines),
            "metadata": dict(chunk.metadata),
        }


@dataclass(frozen=True, slots=True)
class Hop:
    """One retrieval step: what was asked of the retriever and what it brought."""

    query: str
    passages: tuple[Passage, ...]


@dataclass(frozen=True, slots=True)
class ContextPart:
    """A part of a context that can be left out where room is short, such as one passage.

    `rank` 1 is the best and leaves last; 0 marks what belongs to no passage, such as a heading.
    """

    text: str
    rank: int = 0


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn; `learn` says whether its tokens count in the loss.

    A turn of the role `context` holds passages laid into text for the user turn after it; its
    `parts`, joined with newlines, are its content.
    """

    role: Role
    content: str
    learn: bool = False
    parts: tuple[ContextPart, ...] = ()


@dataclass(frozen=True, slots=True)
class Conversation:
    """Ordered turns; at most one system turn, first."""

    turns: tuple[Turn, ...]


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of rendered text: `label` true = learned, false = only read."""

    text: str
    label: bool
    role: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where a part of an answer rests: ``passage[start:end]`` of the chunk `chunk_id`."""

    chunk_id: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Span:
    """``answer[start:end]`` is not supported; `category` names the kind, `reason` says why."""

    start: int
    end: int
    text: str
    category: str
    reason: str
    probability: float = 0.0


@dataclass(frozen=True, slots=True)
class SentenceCheck:
    """``answer[start:end]``, the probability that it is supported, and its best evidence."""

    start: int
    end: int
    probability: float
    evidence: Evidence | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check found. `score` is the estimated probability that the answer is supported.

    An answer is grounded from the score `threshold` on. `detector` names who checked and
    `version` its weights; `calibration` is the id of the calibration that turned raw scores into
    probabilities and chose the threshold, "" where there was none. A span's `probability` is that
    of being unsupported.
    """

    outcome: Outcome
    score: float
    detector: str
    reason: str = ""
    spans: tuple[Span, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    sentences: tuple[SentenceCheck, ...] = ()
    threshold: float = 0.0
    version: str = ""
    calibration: str = ""


@dataclass(frozen=True, slots=True)
class QuestionAnswer:
    """A question and what to answer: the reasoning is said first, the answer after it.

    With `learn` false it is only read, such as a mistake that the next turn corrects.
    """

    question: str
    answer: str
    reasoning: str = ""
    learn: bool = True


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where an example comes from: enough to explain it without running anything again.

    `chunk_id` is the chunk the question is about, `query` what the retriever was asked,
    `gold_position` its place in the context (from 1; 0 = not in it), `teacher` who wrote it and
    `prompt` the fingerprint of the prompt file used ("" for the extractive teacher).
    """

    chunk_id: str
    document_id: str
    teacher: str
    query: str = ""
    gold_position: int = 0
    prompt: str = ""


@dataclass(frozen=True, slots=True)
class Example:
    """One training unit with everything that explains it."""

    id: str
    kind: Kind
    conversation: Conversation
    passages: tuple[Passage, ...]
    verdicts: tuple[Verdict, ...]
    provenance: Provenance


@dataclass(frozen=True, slots=True)
class Rejection:
    """A record that left the road: `reason` is a stable code, `detail` is for a person."""

    stage: str
    id: str
    reason: str
    detail: str = ""
