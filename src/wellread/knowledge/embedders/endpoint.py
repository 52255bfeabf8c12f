"""`endpoint`: any OpenAI-compatible ``/embeddings``; what was paid for is kept.

    texts -> batches -> in the journal? -> else a call, committed before it counts -> unit vectors

The journal lies beside the knowledge base as ``NAME.embeddings.sqlite``, so that a build that was
killed pays for no batch twice. The client runs on a thread of its own: callers are synchronous,
and may themselves be called from a running event loop.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import threading
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import orjson

from wellread.engine.calls import call_key
from wellread.errors import InputError, StorageError
from wellread.knowledge.embedders.embedder import EmbedderInfo
from wellread.knowledge.embedders.onnx_model import unit
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
        self._journal_path = journal_path(folder)
        self.meter = UsageMeter("embedder")
        self._thread: _Loop | None = None
        self._stack = contextlib.AsyncExitStack()
        self._client: EndpointClient | None = None
        self._journal: Journal | None = None
        try:
            dimension = len(self._run(self._embed([_PROBE]))[0])
        except BaseException:
            self.close()
            raise
        self._info = EmbedderInfo(
            kind="endpoint",
            model=self._endpoint.model,
            fingerprint=hashlib.blake2b(
                f"{self._endpoint.model}\x1f{dimension}".encode(), digest_size=16
            ).hexdigest(),
            dimension=dimension,
            window=settings.window,
            query_prefix=settings.query_prefix,
            passage_prefix=settings.passage_prefix,
        )

    @property
    def info(self) -> EmbedderInfo:
        """Which model this is."""
        return self._info

    def passages(self, texts: Sequence[str]) -> Matrix:
        """One unit vector a text."""
        return self._unit([self._info.passage_prefix + text for text in texts])

    def queries(self, texts: Sequence[str]) -> Matrix:
        """The same for queries."""
        return self._unit([self._info.query_prefix + text for text in texts])

    def close(self) -> None:
        """Close the connection, the journal and the thread."""
        if self._thread is not None:
            self._thread.run(self._stack.aclose())
            self._thread.close()
            self._thread = None

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
        size = self._settings.batch_size
        batches = [tuple(texts[i : i + size]) for i in range(0, len(texts), size)]
        rows = await asyncio.gather(*(self._batch(batch) for batch in batches))
        sizes = {row.shape[1] for row in rows}
        if len(sizes) > 1:
            raise InputError(f"{self._endpoint.model} gives vectors of sizes {sorted(sizes)}")
        return np.concatenate(rows)

    async def _open(self) -> None:
        if self._client is not None:
            return
        # Another reader may hold the journal, and a folder may not be ours to write to: what is
        # asked then is asked without it.
        with contextlib.suppress(StorageError):
            self._journal = self._stack.enter_context(Journal(self._journal_path))
        self._client = await self._stack.enter_async_context(EndpointClient(self._endpoint))

    async def _batch(self, texts: tuple[str, ...]) -> Matrix:
        """The vectors of one batch, from the journal or paid for now."""
        request = EmbeddingRequest(texts, self._settings.dimensions)
        canonical = encode(
            {
                "embed": list(texts),
                "model": self._endpoint.model,
                "dimensions": request.dimensions,
                "variant": self._endpoint.extra_body,
            }
        )
        key = call_key(canonical)
        if self._journal is not None and (entry := self._journal.get(key)):
            return _from_json(entry.reply)
        made: list[Matrix] = []

        async def keep(reply: EmbeddingReply) -> None:
            made.append(np.array(reply.vectors, np.float32))
            self.meter.count(reply.usage, new=True)
            if self._journal is not None:
                await self._journal.put(key, canonical, _as_json(made[0]))

        if self._client is None:
            raise StorageError("the embedder is closed")
        await self._client.embed_and_keep(request, keep)
        return made[0]


def journal_path(folder: Path) -> Path:
    """Beside the knowledge base, under the name that it has or will have."""
    name = folder.absolute().name
    if name.startswith(".") and name.endswith(".building"):
        name = name[1:].removesuffix(".building")
    return folder.absolute().with_name(f"{name}.embeddings.sqlite")


def _as_json(vectors: Matrix) -> bytes:
    data = base64.b64encode(vectors.astype("<f4").tobytes()).decode("ascii")
    return orjson.dumps({"shape": list(vectors.shape), "float32": data})


def _from_json(reply: bytes) -> Matrix:
    value = orjson.loads(reply)
    return np.frombuffer(base64.b64decode(value["float32"]), "<f4").reshape(value["shape"])


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
