"""Questions made from the chunks of a knowledge base, where nobody has judged any.

    chunks, drawn by lot -> a question with a fact of the chunk
      -> judged: that chunk is relevant, and every other one that answers (kb_answers)

The extractive teacher writes them by rule, so they use the words of the text: they flatter
retrievers that rank by words, and tell more about changes of one knowledge base than about how
people will ask.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator

from wellread.engine.progress import Bar
from wellread.errors import InputError, ModelError
from wellread.knowledge.analysis import query_terms
from wellread.knowledge.base import KnowledgeBase
from wellread.knowledge.evaluation.judged import JudgedQueries
from wellread.pipelines.kb_answers import Wanted, answering
from wellread.records import Chunk, Passage
from wellread.synthesis.extractive.teacher import ExtractiveTeacher
from wellread.synthesis.tasks import RagBrief, RagPair, Teacher

NOTICE = (
    "The questions were made from the chunks by rule and use their words: they flatter retrievers "
    "that rank by words."
)
# A question with fewer words of its own ("What is planning?") has no one right chunk.
_MIN_TERMS = 3


def own_questions(
    base: KnowledgeBase, count: int, seed: int, bar: Bar, teacher: Teacher | None = None
) -> JudgedQueries:
    """`count` questions about as many chunks, or as many as can be asked.

    Raises InputError where no chunk holds a fact that can be asked for.
    """
    writer = teacher or ExtractiveTeacher()
    pairs: dict[str, RagPair] = {}
    asked: set[str] = set()
    tried = 0
    for chunk_id in _by_lot(base, seed):
        if len(pairs) == count:
            break
        tried += 1
        pair = asyncio.run(_pair(writer, base.chunk(chunk_id)))
        if pair and pair.question not in asked and _says_enough(pair.question, base):
            asked.add(pair.question)
            pairs[chunk_id] = pair
            bar.advance()
    if not pairs:
        raise InputError(
            f"{base.folder}: none of its {tried:,} chunks holds a fact that a rule can ask for",
            hint='give queries of your own: --queries FILE with lines {"query": …, "relevant": []}',
        )
    wanted = {name: Wanted.of(pair, base.chunk(name)) for name, pair in pairs.items()}
    queries = {name: pair.question for name, pair in pairs.items()}
    grades = answering(wanted, base.chunks())
    return JudgedQueries(queries, grades, tried - len(queries), "questions made from the chunks")


def _by_lot(base: KnowledgeBase, seed: int) -> Iterator[str]:
    """Chunk ids in an order that follows from the seed and each id alone."""

    def lot(chunk_id: str) -> bytes:
        return hashlib.blake2b(f"{seed}\x1f{chunk_id}".encode(), digest_size=8).digest()

    return iter(sorted(base.chunk_ids(), key=lot))


async def _pair(teacher: Teacher, chunk: Chunk) -> RagPair | None:
    """A question about the chunk with its answer, or None where it holds nothing to ask for."""
    try:
        if not (await teacher.filter_chunk(chunk)).suitable:
            return None
        brief = RagBrief(chunk, "success", (Passage(chunk, 1.0, 1),), pairs=1)
        return (await teacher.rag_question_answer(brief)).pairs[0]
    except ModelError:
        return None


def _says_enough(question: str, base: KnowledgeBase) -> bool:
    return len(query_terms(question, base.languages)) >= _MIN_TERMS
