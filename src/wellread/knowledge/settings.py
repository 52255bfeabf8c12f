"""How a knowledge base is built and searched."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from urllib.parse import parse_qs, urlsplit

from pydantic import ConfigDict, Field, field_validator, model_validator

from wellread.config import Settings
from wellread.llm.endpoint import Endpoint

RetrieverType = Literal["simple", "bm25", "dense", "hybrid"]
EmbedderKind = Literal["onnx", "sentence-transformers", "endpoint", "lsa"]
EngineName = Literal["folder", "lancedb", "postgres"]

MINILM = "all-MiniLM-L6-v2"
_PLACEHOLDER = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}")


class EmbedderSettings(Settings):
    """What turns text into vectors, for `dense` and `hybrid`; fixed when built."""

    kind: EmbedderKind = "onnx"
    """`onnx` runs a sentence-transformers folder without torch, `sentence-transformers` with it,
    `endpoint` asks a server, `lsa` is the offline fallback: fitted on the documents themselves."""
    model: str = MINILM
    """Folder of a sentence-transformers model, or its name where it is on this machine already."""
    endpoint: Endpoint | None = None
    """The server of kind `endpoint`, written like a block of `models`."""
    query_prefix: str = ""
    """Put before each query, as some models want it: "query: "."""
    passage_prefix: str = ""
    """Put before each chunk."""
    window: Annotated[int, Field(ge=0)] = 0
    """Most tokens read at once, longer texts in parts; 0 = as many as the model was made for."""
    dimensions: Annotated[int, Field(ge=0)] = 0
    """Size of a vector, where the model offers a choice; 0 = the model's own (`lsa`: 256)."""
    batch_size: Annotated[int, Field(ge=1)] = 32
    """Texts embedded at once."""
    download: bool = False
    """Whether a model that is not on this machine may be fetched from its hub."""

    @model_validator(mode="after")
    def _endpoint_where_asked(self) -> EmbedderSettings:
        if (self.kind == "endpoint") != (self.endpoint is not None):
            raise ValueError("an endpoint is given with kind 'endpoint', and only with it")
        return self


class KnowledgeSettings(Settings):
    """Options of a knowledge base.

    What is stored is fixed when it is built: the language, the embedder, the engine, and the
    indexes that `retriever_type` needs. The others can be chosen anew each time it is opened.
    """

    # A mistake must not print what was written: a location may hold a password.
    model_config = ConfigDict(hide_input_in_errors=True)

    retriever_type: RetrieverType = "bm25"
    """`simple` counts rare words and needs no index, `bm25` ranks by words, `dense` by meaning,
    `hybrid` by both."""
    language: str = ""
    """ISO 639-1 code for stemming and stop words; empty: each document's own."""
    title_boost: Annotated[float, Field(ge=0, le=100)] = 0.5
    """Weight of a word in the title or heading beside one in the text; 0 leaves titles out."""
    max_per_source: Annotated[int, Field(ge=0)] = 0
    """At most so many results from one source; 0 sets no limit."""
    collapse_duplicates: bool = True
    """Leave out a result that says nearly the same as a better one."""
    duplicate_overlap: Annotated[float, Field(gt=0, le=1)] = 0.8
    """Share of common three-word runs from which two results count as the same."""
    alpha: Annotated[float, Field(ge=0, le=1)] = 0.5
    """`hybrid`: weight of meaning where the best result stands out above noise, less where it
    does not; the rest is the weight of words. 0 is words alone, 1 meaning alone."""
    fusion: Literal["linear", "rrf"] = "linear"
    """`hybrid`: `linear` adds scores normalised per query, `rrf` adds reciprocal ranks."""
    depth: Annotated[int, Field(ge=1, le=10_000)] = 100
    """`hybrid`: how many results of each part are combined."""
    min_similarity: Annotated[float, Field(ge=-1, le=1)] | None = None
    """`dense`, `hybrid`: least cosine of a result by meaning; empty: what was measured when built
    for queries that mean nothing."""
    exact_limit: Annotated[int, Field(ge=0)] = 50_000
    """Up to so many chunks vectors are compared one by one; above, an HNSW graph finds them.
    Comparing takes about 1.3 ms for every 10,000 chunks."""
    embedder: EmbedderSettings = EmbedderSettings()
    """What turns text into vectors."""
    engine: EngineName = "folder"
    """Where it lies: `folder` (SQLite and files), `lancedb`, or `postgres` with pgvector."""
    location: str = ""
    """`lancedb`: a folder or an object store's address (empty: inside the folder).
    `postgres`: the server's address, with the password as ${NAME} or in PGPASSWORD."""

    @field_validator("location")
    @classmethod
    def _holds_no_password(cls, value: str) -> str:
        """It is written to the manifest as it stands."""
        try:
            url = urlsplit(value)
            query = parse_qs(url.query)
            found = [url.password, *query.get("password", []), *query.get("sslpassword", [])]
        except ValueError:
            return value  # no address at all, which the engine says in its own words
        if any(word and not _PLACEHOLDER.fullmatch(word) for word in found):
            raise ValueError(
                "must not hold a password; write ${NAME} in its place, or set PGPASSWORD"
            )
        return value
