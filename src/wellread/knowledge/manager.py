"""A knowledge base behind a few plain calls: retrieve, put passages into a conversation, add, save.

    RetrievalManager("bm25", "my_kb").retrieve("return policy", top_k=3)

It is a thin face: everything is done by `KnowledgeBase`. Without a folder its documents lie in a
temporary one until they are saved or the manager is gone.
"""

from __future__ import annotations

import copy
import shutil
import tempfile
import weakref
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, get_args

from wellread.dialogue.retrieval import ROLE, retrieval_message
from wellread.errors import InputError, KnowledgeBaseError
from wellread.ingest.chunk import split
from wellread.ingest.rows import document_of_row
from wellread.ingest.settings import IngestSettings
from wellread.knowledge.base import KnowledgeBase
from wellread.knowledge.entries import Pair
from wellread.knowledge.opening import open_knowledge_base
from wellread.knowledge.options import with_options
from wellread.knowledge.reading import Reading
from wellread.knowledge.snapshots import copy_base, is_snapshot
from wellread.knowledge.summary import Changes, KnowledgeInfo
from wellread.records import Chunk, Document, Passage

InsertPosition = Literal["before_user", "after_system"]
Message = Mapping[str, Any]


def prepare_knowledge_base(
    documents_path: str | Path,
    output_path: str | Path,
    retriever_type: str = "simple",
    model: str | None = None,
    *,
    replace: bool = False,
    skip_bad: bool = False,
    whole: bool = False,
    **options: Any,
) -> KnowledgeInfo:
    """Build a knowledge base from a folder of documents, a .jsonl file, or one document."""
    given = {"retriever_type": retriever_type, "model": model, **options}
    knowledge, ingest = with_options(given)
    target = Path(output_path)
    reading = Reading(Path(documents_path), ingest, whole=whole, skip_bad=skip_bad, skip=target)
    with KnowledgeBase.build(
        target, reading.pairs(), knowledge, origin=reading.origin(), replace=replace
    ) as base:
        return base.info()


class RetrievalManager:
    """Retrieves from one knowledge base; use it in a ``with`` block or `close` it.

    `retriever_type` is the knowledge base's own where none is given, and `simple` for a new one.
    `options` are those of `KnowledgeSettings`, of its embedder (`model`) and of chunking.
    """

    def __init__(
        self,
        retriever_type: str | None = None,
        knowledge_base_path: str | Path | None = None,
        **options: Any,
    ) -> None:
        """Open `knowledge_base_path`; KnowledgeBaseError where it is missing or damaged."""
        self._options = {"retriever_type": retriever_type, **options}
        with_options(self._options)  # a wrong option is told now, not at the first document
        self._held = _Held()
        weakref.finalize(self, self._held.close)
        if knowledge_base_path is not None:
            self.load_knowledge_base(knowledge_base_path)

    @property
    def knowledge_base(self) -> KnowledgeBase:
        """What is searched; KnowledgeBaseError where no document has been added yet."""
        if self._held.base is None:
            raise KnowledgeBaseError(
                "nothing to retrieve from: this manager holds no documents",
                hint="give knowledge_base_path=..., or call add_documents first",
            )
        return self._held.base

    # -- retrieving

    def retrieve(self, query: str, top_k: int = 5, **search: Any) -> tuple[Passage, ...]:
        """The best passages; `search` are the options of `KnowledgeBase.search`."""
        return self.knowledge_base.search(query, top_k, **search)

    def augment_conversation(
        self,
        conversation: Message,
        top_k: int = 5,
        insert_position: InsertPosition = "before_user",
    ) -> dict[str, Any]:
        """A new conversation with the passages for its last user message put in.

        They come as one message of the role `retrieval`, right before that user message or after
        the system message. A user message that has its passages already, of one hop or of
        several, is left as it is.
        """
        if insert_position not in get_args(InsertPosition):
            allowed = " or ".join(map(repr, get_args(InsertPosition)))
            raise InputError(f"insert_position is {insert_position!r}; it is {allowed}")
        made = copy.deepcopy(dict(conversation))
        messages = _messages(made)
        asked = _last_user(messages)
        if not _has_passages(messages, asked):
            passages = self.retrieve(_text(messages[asked]), top_k)
            place = asked if insert_position == "before_user" else _after_system(messages)
            messages.insert(place, retrieval_message(passages))
        made["messages"] = messages
        return made

    # -- changing

    def add_documents(self, documents: Iterable[Document | Message]) -> Changes:
        """Add documents, all or none; a known id is an error.

        A mapping has `id` and `content`, and may have `title`, `source` and `metadata`.
        """
        if self._held.base is not None:
            if is_snapshot(self._held.base.folder):
                raise KnowledgeBaseError(f"{self._held.base.folder} is a snapshot")
            _, ingest = with_options(self._options)
            return self._held.base.add(_pairs(documents, ingest))
        knowledge, ingest = with_options({"retriever_type": "simple", **_given(self._options)})
        folder = self._held.new_folder()
        self._held.base = KnowledgeBase.build(folder, _pairs(documents, ingest), knowledge)
        info = self._held.base.info()
        return Changes(added=info.documents, chunks=info.chunks)

    def save_knowledge_base(self, path: str | Path, *, replace: bool = False) -> None:
        """Write what it holds to a folder of its own."""
        copy_base(self.knowledge_base.folder, Path(path), replace=replace)

    def load_knowledge_base(self, path: str | Path) -> None:
        """Retrieve from another knowledge base from now on."""
        opened = open_knowledge_base(path, **self._options)
        self._held.close()
        self._held.base = opened

    def close(self) -> None:
        """Let go of the files; a temporary folder is deleted."""
        self._held.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class _Held:
    """The open knowledge base and the temporary folder it may lie in."""

    def __init__(self) -> None:
        self.base: KnowledgeBase | None = None
        self._temporary: Path | None = None

    def new_folder(self) -> Path:
        if self._temporary is None:
            self._temporary = Path(tempfile.mkdtemp(prefix="wellread-"))
        return self._temporary / "knowledge_base"

    def close(self) -> None:
        if self.base is not None:
            self.base.close()
            self.base = None
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)
            self._temporary = None


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _pairs(documents: Iterable[Document | Message], ingest: IngestSettings) -> Iterator[Pair]:
    for number, given in enumerate(documents, start=1):
        document = given if isinstance(given, Document) else _document(given, number, ingest)
        yield document, [c for c in split(document, ingest) if isinstance(c, Chunk)]


def _document(value: Message, number: int, ingest: IngestSettings) -> Document:
    where = f"document {number}"
    if not value.get("id"):
        raise InputError(f"{where}: no 'id'", hint="a document needs an id and a content")
    made = document_of_row(value, where, where, number, ingest)
    if not isinstance(made, Document):
        raise InputError(f"{where} ({value['id']!r}): {made.detail}")
    metadata = value.get("metadata") or {}
    return Document(
        made.id, made.text, made.title, str(value.get("source") or ""), made.language, metadata
    )


# -- conversations


def _messages(conversation: Message) -> list[dict[str, Any]]:
    messages = conversation.get("messages")
    if not isinstance(messages, list) or not all(isinstance(m, dict) for m in messages):
        raise InputError("a conversation needs 'messages', a list of objects with role and content")
    return list(messages)


def _last_user(messages: list[dict[str, Any]]) -> int:
    places = [place for place, m in enumerate(messages) if m.get("role") == "user"]
    if not places:
        raise InputError("a conversation without a user message: there is nothing to retrieve for")
    return places[-1]


def _has_passages(messages: list[dict[str, Any]], asked: int) -> bool:
    """Whether a `retrieval` message stands between the last answer and the user message."""
    before = messages[:asked]
    answers = [place for place, m in enumerate(before) if m.get("role") == "assistant"]
    start = answers[-1] + 1 if answers else 0
    return any(m.get("role") == ROLE for m in before[start:])


def _after_system(messages: list[dict[str, Any]]) -> int:
    return 1 if messages and messages[0].get("role") == "system" else 0


def _text(message: Message) -> str:
    """The words of a user message, which may come in parts."""
    content = message.get("content")
    if isinstance(content, list):
        parts = [p.get("text") for p in content if isinstance(p, Mapping)]
        content = "\n".join(part for part in parts if isinstance(part, str))
    if not isinstance(content, str) or not content.strip():
        raise InputError("the last user message holds no text to retrieve for")
    return content
