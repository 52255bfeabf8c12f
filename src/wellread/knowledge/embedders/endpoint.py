"""`endpoint`: any OpenAI-compatible ``/embeddings``; what was paid for is kept.

    texts -> in the journal? -> else in batches, a call each, committed -> unit vectors

The journal lies beside the knowledge base as ``NAME.embeddings.sqlite``, a row for each text, so
that a build that was killed, or one of documents that changed, pays for no text twice. The client
runs on a thread of its own: callers are synchronous, and may themselves be called from a running
event loop.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import threading
from collections.abc import Coroutine, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np
import orjson

from wellread.engine.calls import call_key
from wellread.errors import EndpointError, InputError, ModelError, StorageError
from wellread.knowledge.embedders.embedder import EmbedderInfo
from wellread.knowledge.embedders.tokens import as_unicode, unit
from wellread.knowledge.settings import EmbedderSettings
from wellread.llm.client import EndpointClient
from wellread.llm.embeddings import EmbeddingReply, EmbeddingRequest
from wellread.llm.endpoint import Endpoint
from wellread.llm.usage import UsageMeter
from wellread.llm.wire import encode
from wellread.storage.journal import Journal

if TYPE_CHECKING:
    from wellread.knowledge.embedders.choose import Corpus
    from wellread.knowledge.embedders.embedder import Matrix

T = TypeVar("T")
_PROBE = "How large is a vector?"
_REFUSED = frozenset({"bad_request", "context_too_long"})


class _Call(NamedTuple):
    """What is asked about one text: the journal's key, and what it is the hash of."""

    key: str
    canonical: bytes


class EndpointEmbedder:
    """The embedder `endpoint`; `meter` counts the tokens that were paid for."""

    def __init__(
        self, settings: EmbedderSettings, folder: Path, *, corpus: Corpus | None = None
    ) -> None:
        """Ask the endpoint for one vector, to learn its size; free where it was asked before."""
        if settings.endpoint is None:
            raise InputError(
                "embedder kind endpoint needs an endpoint",
                hint="set knowledge.embedder.endpoint: {base_url: …, model: …} in wellread.yaml",
            )
        self._settings = settings
        self._endpoint: Endpoint = settings.endpoint
        self._size = settings.batch_size  # smaller once a server has refused so many
        self._journal_path = journal_path(folder)
        self.meter = UsageMeter("embedder")
        self._thread: _Loop | None = None
        self._stack = contextlib.AsyncExitStack()
        self._client: EndpointClient | None = None
        self._journal: Journal | None = None
        self._looked = False
        try:
            dimension = len(self._run(self._embed([_PROBE]))[0])
        except BaseException:
            self.close()
            raise
        self._info = EmbedderInfo(
            kind="endpoint",
            model=self._endpoint.model,
            fingerprint=self._fingerprint(dimension),
            dimension=dimension,
            query_prefix=settings.query_prefix,
            passage_prefix=settings.passage_prefix,
        )

    @property
    def info(self) -> EmbedderInfo:
        """Which model this is."""
        return self._info

    def passages(self, texts: Sequence[str]) -> Matrix:
        """One unit vector a text."""
        return self._unit([as_unicode(self._info.passage_prefix + text) for text in texts])

    def queries(self, texts: Sequence[str]) -> Matrix:
        """The same for queries."""
        return self._unit([as_unicode(self._info.query_prefix + text) for text in texts])

    def close(self) -> None:
        """Close the connection, the journal and the thread."""
        if self._thread is not None:
            self._thread.run(self._stack.aclose())
            self._thread.close()
            self._thread = None

    def _fingerprint(self, dimension: int) -> str:
        """Of what is asked for: a server shows no weights."""
        asked = {"model": self._endpoint.model, "variant": self._endpoint.extra_body}
        digest = hashlib.blake2b(encode(asked | {"dimension": dimension}), digest_size=16)
        return digest.hexdigest()

    def _unit(self, texts: list[str]) -> Matrix:
        if not texts:
            return np.zeros((0, self._info.dimension), np.float32)
        made = self._run(self._embed(texts))
        if made.shape[1] != self._info.dimension:
            raise InputError(
                f"{self._endpoint.model} gives vectors of {made.shape[1]} numbers now, and gave "
                f"{self._info.dimension} before",
                hint="embed anew with: wellread kb reindex",
            )
        return unit(made)

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        if self._thread is None:
            self._thread = _Loop()
        return self._thread.run(work)

    async def _embed(self, texts: list[str]) -> Matrix:
        """All batches at once: the client's limiter says how many are in flight."""
        await self._open()
        calls = {text: self._call(text) for text in texts}
        found = {text: known for text, call in calls.items() if (known := self._kept(call))}
        left = [text for text in calls if text not in found]
        size = self._size
        batches = [left[i : i + size] for i in range(0, len(left), size)]
        # One that fails lets the others end: what they paid for is kept.
        ended = await asyncio.gather(
            *(self._batch({text: calls[text] for text in batch}) for batch in batches),
            return_exceptions=True,
        )
        for made in ended:
            if isinstance(made, BaseException):
                raise made
            found |= made
        sizes = {len(vector) for vector in found.values()}
        if len(sizes) > 1:
            raise InputError(
                f"{self._endpoint.model} gives vectors of sizes {sorted(sizes)}",
                hint=f"delete {self._journal_path}, and embed anew with: wellread kb reindex",
            )
        return np.array([np.frombuffer(found[text], "<f4") for text in texts], np.float32)

    async def _open(self) -> None:
        if self._client is None:
            client = EndpointClient(self._endpoint)
            self._client = await self._stack.enter_async_context(client)

    def _kept_in(self, *, create: bool = False) -> Journal | None:
        """The journal, which begins with the first vector that was paid for.

        Another reader may hold it, and a folder may not be ours to write to: what is asked then is
        asked without it.
        """
        if not self._looked and (create or self._journal_path.is_file()):
            self._looked = True
            with contextlib.suppress(StorageError):
                self._journal = self._stack.enter_context(Journal(self._journal_path))
        return self._journal

    def _call(self, text: str) -> _Call:
        canonical = encode(
            {
                "embed": text,
                "model": self._endpoint.model,
                "dimensions": self._settings.dimensions,
                "variant": self._endpoint.extra_body,
            }
        )
        return _Call(call_key(canonical), canonical)

    def _kept(self, call: _Call) -> bytes | None:
        """The vector that an earlier call was paid for, as little-endian float32."""
        journal = self._kept_in()
        entry = journal.get(call.key) if journal is not None else None
        return base64.b64decode(orjson.loads(entry.reply)["float32"]) if entry else None

    async def _batch(self, calls: Mapping[str, _Call]) -> dict[str, bytes]:
        """Pay for some vectors; what is refused goes again in halves.

        So a server's limit on the texts of a call is met, and a text that is too long for the
        model is named.
        """
        try:
            return await self._paid(calls)
        except ModelError as error:
            if isinstance(error, EndpointError) or error.reason not in _REFUSED:
                raise
            if len(calls) == 1:
                raise _too_much(next(iter(calls)), error) from error
        items = list(calls.items())
        half = (len(items) + 1) // 2
        first = await self._batch(dict(items[:half]))
        self._size = min(self._size, half)
        return first | await self._batch(dict(items[half:]))

    async def _paid(self, calls: Mapping[str, _Call]) -> dict[str, bytes]:
        """One call, and a row of the journal for each text."""
        made: dict[str, bytes] = {}

        async def keep(reply: EmbeddingReply) -> None:
            packed = (np.array(vector, "<f4").tobytes() for vector in reply.vectors)
            made.update(zip(calls, packed, strict=True))
            self.meter.count(reply.usage, new=True)
            if (journal := self._kept_in(create=True)) is not None:
                rows = [(call, _as_json(made[text])) for text, call in calls.items()]
                await asyncio.gather(
                    *(journal.put(call.key, call.canonical, reply) for call, reply in rows)
                )

        if self._client is None:
            raise StorageError("the embedder is closed")
        request = EmbeddingRequest(tuple(calls), self._settings.dimensions)
        await self._client.embed_and_keep(request, keep)
        return made


def journal_path(folder: Path) -> Path:
    """Beside the knowledge base, under the name that it has or will have."""
    name = folder.absolute().name
    if name.startswith(".") and name.endswith(".building"):
        name = name[1:].removesuffix(".building")
    return folder.absolute().with_name(f"{name}.embeddings.sqlite")


def _as_json(vector: bytes) -> bytes:
    return orjson.dumps({"float32": base64.b64encode(vector).decode("ascii")})


def _too_much(text: str, error: ModelError) -> ModelError:
    """The refusal with the text that it is about."""
    return ModelError(
        f"{error.message}; the text has {len(text):,} characters and begins {text[:60]!r}",
        reason=error.reason,
        hint="lower chunk_size; or have the server cut, where it can, through "
        "knowledge.embedder.endpoint.extra_body",
    )


class _Loop:
    """An event loop on a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="embeddings", daemon=True
        )
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for `work`; an interruption takes it back."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def close(self) -> None:
        """End the loop and its thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=30)
        self._loop.close()
