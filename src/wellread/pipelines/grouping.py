"""Items collected into groups, rendered, written and counted as each group fills."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, get_args

from wellread.dialogue.formats import ChatFormat
from wellread.dialogue.render import render
from wellread.ingest.tokens import Counter as TokenCounter
from wellread.pipelines.conversations import Layout, conversations, own_conversation
from wellread.pipelines.outputs import Side
from wellread.pipelines.project import Project
from wellread.pipelines.writing import Written
from wellread.records import Example, Kind, Provenance, Segment
from wellread.synthesis.model_teacher import RAG_QUESTION_ANSWER
from wellread.synthesis.tasks import Teacher


@dataclass
class Tally:
    """The examples of one side by kind, and their tokens."""

    kinds: Counter[str] = field(default_factory=Counter)
    tokens: int = 0
    learned_tokens: int = 0

    def add(self, kind: Kind, segments: tuple[Segment, ...], counter: TokenCounter) -> None:
        """Count one example."""
        self.kinds[kind] += 1
        for segment in segments:
            tokens = counter.count(segment.text)
            self.tokens += tokens
            self.learned_tokens += tokens if segment.label else 0

    def as_json(self) -> dict[str, Any]:
        """Counts by name; every kind is there."""
        return {
            "examples": self.kinds.total(),
            "kinds": {kind: self.kinds[kind] for kind in get_args(Kind)},
            "tokens": self.tokens,
            "learned_tokens": self.learned_tokens,
        }


class Grouping:
    """Writes to one side, training or held out, a group at a time; `tally` counts what it wrote."""

    def __init__(
        self, side: Side, project: Project, teacher: Teacher, counter: TokenCounter
    ) -> None:
        settings = project.rag_data
        self.tally = Tally()
        self._side = side
        self._teacher = teacher
        self._counter = counter
        self._group: list[Written] = []
        self._size = settings.num_items_per_group
        self._form: ChatFormat = settings.chat_format()
        self._layout = Layout(
            settings.final_assistant_prompts,
            settings.passage_form,
            settings.train_on_user,
            settings.trailing_turns,
            project.system.seed,
        )

    def add(self, written: Written) -> None:
        """Add one item; a full group is written."""
        self._group.append(written)
        if len(self._group) == self._size:
            self.flush()

    def flush(self) -> None:
        """Write what has been collected."""
        talks = conversations([written.item for written in self._group], self._layout)
        for written, talk in zip(self._group, talks, strict=True):
            segments = render(talk, self._form)
            self._side.write(segments, self._example(written))
            self.tally.add(written.brief.kind, segments, self._counter)
        self._group.clear()

    def _example(self, written: Written) -> Example:
        brief = written.brief
        return Example(
            id=written.id,
            kind=brief.kind,
            conversation=own_conversation(written.item, self._layout),
            passages=brief.passages,
            verdicts=written.verdicts,
            provenance=Provenance(
                chunk_id=brief.chunk.id,
                document_id=brief.chunk.document_id,
                teacher=self._teacher.name,
                query=written.retrieved.query,
                gold_position=written.retrieved.gold_position,
                prompt=self._teacher.fingerprint(RAG_QUESTION_ANSWER),
            ),
        )
