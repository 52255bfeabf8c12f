"""From a folder of documents to a knowledge base and the list of chunks to write about.

Steps, streaming one document at a time: read -> clean -> cut -> look for near-duplicates -> add to
the knowledge base. A near-duplicate chunk is searched like any other and not written about twice.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from wellread.engine.progress import Progress
from wellread.errors import InputError, KnowledgeBaseError
from wellread.ingest.chunk import split
from wellread.ingest.duplicates import DuplicateIndex
from wellread.ingest.read import read_folder
from wellread.ingest.tokens import Counter, counter_for
from wellread.knowledge.base import KnowledgeBase
from wellread.pipelines.ledger import Ledger
from wellread.pipelines.project import Project
from wellread.pipelines.worklist import Worklist
from wellread.records import Chunk, Document, Rejection

READ = "read"
CHUNK = "chunk"
# Files that are no documents, or hold nothing: left out without a loss.
_NO_LOSS = frozenset({"unsupported_format", "hidden", "link", "empty_file"})


@dataclass
class Corpus:
    """What was read: the knowledge base, a hash over all documents, those held out."""

    base: KnowledgeBase
    counter: Counter
    sha256: str = ""
    held_out: frozenset[str] = frozenset()

    def is_held_out(self, chunk: Chunk) -> bool:
        """Whether the chunk belongs to a document kept out of training."""
        return chunk.document_id in self.held_out


def build_corpus(
    project: Project, worklist: Worklist, ledger: Ledger, folder: Path, progress: Progress
) -> Corpus:
    """Read everything and build the knowledge base in `folder`.

    Raises InputError where the folder of documents is missing or nothing in it can be read.
    """
    counter = counter_for(project.ingest.tokenizer)
    digest = hashlib.sha256()
    with DuplicateIndex() as duplicates:
        documents = _documents(project, ledger, digest, progress)
        pairs = _cut(documents, project, counter, worklist, ledger, duplicates)
        try:
            with progress.counted("embed") as told:
                KnowledgeBase.build(
                    folder, pairs, project.knowledge, replace=True, progress=told
                ).close()
        except KnowledgeBaseError as error:
            if len(worklist) or ledger.account(READ).went_on:
                raise
            raise _nothing_read(project, ledger) from error
    # What is shown beside a chunk is chosen here (synthesis.retrieval), which needs all hits.
    whole = project.knowledge.model_copy(update={"collapse_duplicates": False, "max_per_source": 0})
    base = KnowledgeBase.open(folder, whole)
    ledger.count_lost(READ, _NO_LOSS, project.ingest.max_failed_files)
    share = project.rag_data.held_out_percentage
    count = int(share * ledger.account(READ).went_on)
    held_out = _held_out(base.document_ids(), count, project.system.seed)
    return Corpus(base, counter, digest.hexdigest(), held_out)


def _nothing_read(project: Project, ledger: Ledger) -> InputError:
    dropped = ledger.account(READ).dropped + ledger.account(CHUNK).dropped
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in sorted(dropped.items()))
    return InputError(
        f"{project.path.input_dir}: nothing there could be read ({reasons})",
        hint=f"see each file's reason with: wellread read {project.path.input_dir} out.jsonl",
    )


def _documents(
    project: Project, ledger: Ledger, digest: hashlib._Hash, progress: Progress
) -> Iterator[Document]:
    with progress.stage("read") as bar:
        for read in read_folder(
            project.path.input_dir, project.ingest, skip=project.path.output_dir
        ):
            bar.advance()
            if isinstance(read, Rejection):
                (ledger.note if read.reason == "page_without_text" else ledger.drop)(read)
                continue
            ledger.keep(READ)
            digest.update(f"{read.id}\x1f{read.text}\x1e".encode())
            yield read


def _cut(
    documents: Iterator[Document],
    project: Project,
    counter: Counter,
    worklist: Worklist,
    ledger: Ledger,
    duplicates: DuplicateIndex,
) -> Iterator[tuple[Document, tuple[Chunk, ...]]]:
    for document in documents:
        chunks = []
        for piece in split(document, project.ingest, counter):
            if isinstance(piece, Rejection):
                ledger.drop(piece)
                continue
            chunks.append(piece)
            if (twin := duplicates.add(piece)) is not None:
                detail = f"{twin.similarity:.0%} the same as {twin.original_id}"
                ledger.drop(Rejection(CHUNK, piece.id, "near_duplicate", detail))
            else:
                ledger.keep(CHUNK)
                worklist.add(piece.id)
        yield document, tuple(chunks)


def _held_out(documents: Iterator[str], count: int, seed: int) -> frozenset[str]:
    """The `count` documents kept for measuring, by lot."""

    def lot(document_id: str) -> bytes:
        return hashlib.blake2b(f"{seed}\x1fheld out\x1f{document_id}".encode()).digest()

    return frozenset(heapq.nsmallest(count, documents, key=lot))
