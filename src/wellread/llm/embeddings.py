"""The protocol's embeddings route as pure functions: texts to bytes, an answer to vectors.

EmbeddingRequest --embedding_body--> POST /embeddings --read_embeddings--> EmbeddingReply
                                                                        └─> Problem (wire.py)
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from wellread.llm.chat import Usage
from wellread.llm.endpoint import Endpoint
from wellread.llm.usage import estimate_tokens
from wellread.llm.wire import Answer, Problem, encode, excerpt, refusal

_TOO_LARGE = re.compile(r"too (?:large|long) to process", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class EmbeddingRequest:
    """Texts to embed in one call; `dimensions` 0 leaves the size to the model."""

    texts: tuple[str, ...]
    dimensions: int = 0


@dataclass(frozen=True, slots=True)
class EmbeddingReply:
    """One vector a text, in their order."""

    vectors: tuple[tuple[float, ...], ...]
    usage: Usage = field(default_factory=Usage)


def embedding_body(endpoint: Endpoint, request: EmbeddingRequest) -> bytes:
    """The JSON of one call; ModelError where a text is no Unicode."""
    body: dict[str, Any] = {"model": endpoint.model, "input": list(request.texts)}
    if request.dimensions:
        body["dimensions"] = request.dimensions
    for name, value in endpoint.extra_body.items():
        if value is None:
            body.pop(name, None)
        else:
            body[name] = value
    return encode(body)


def read_embeddings(
    request: EmbeddingRequest, status: int, retry_after: str, body: bytes
) -> Answer[EmbeddingReply] | Problem:
    """What the server's answer amounts to; a vector too few or with NaN in it is no answer."""
    if status == 500 and _TOO_LARGE.search(said := excerpt(body)):
        # What llama.cpp's server answers; asking again would change nothing.
        return Problem("rejected", "context_too_long", f"HTTP {status}: {said!r}")
    if status != 200:
        return refusal(status, retry_after, body)
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return Problem("broken", "malformed", f"not JSON: {excerpt(body)!r}")
    rows = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        return Problem("broken", "malformed", f"no list 'data' in {excerpt(body)!r}")
    ordered = _in_order(rows)
    vectors = [_vector(row.get("embedding")) for row in ordered]
    problem = _problem(vectors, len(request.texts), request.dimensions)
    if problem:
        return Problem("unusable", "malformed", problem)
    counted = answer.get("usage")
    tokens = counted.get("prompt_tokens") if isinstance(counted, Mapping) else None
    if not isinstance(tokens, int) or tokens < 0:
        tokens = sum(map(estimate_tokens, request.texts))
    return Answer(EmbeddingReply(tuple(v for v in vectors if v is not None), Usage(tokens)))


def _in_order(rows: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """Servers may answer in another order than asked, and say so by `index`.

    Where there is none, or the same in each row, the order is that of the rows. A vector for a
    text that was not asked about leaves one without, which counts as missing.
    """
    told = [row.get("index") for row in rows]
    if all(index is None for index in told) or (len(rows) > 1 and len(set(map(str, told))) == 1):
        return rows
    by_index = {index: row for index, row in zip(told, rows, strict=True) if type(index) is int}
    return [by_index[n] for n in range(len(rows)) if n in by_index]


def _vector(value: Any) -> tuple[float, ...] | None:
    """Numbers as a list, or as base64 of little-endian float32; None where it is neither."""
    if isinstance(value, str):
        try:
            raw = base64.b64decode(value, validate=True)
            value = memoryview(raw).cast("f").tolist()
        except (binascii.Error, TypeError, ValueError):
            return None
    if not isinstance(value, Sequence) or not value:
        return None
    if not all(isinstance(v, int | float) and math.isfinite(v) for v in value):
        return None
    return tuple(map(float, value))


def _problem(vectors: Sequence[tuple[float, ...] | None], count: int, dimensions: int) -> str:
    """What is wrong with the vectors, or ""."""
    if len(vectors) != count:
        return f"{len(vectors)} vectors for {count} texts"
    sizes = {len(vector) if vector is not None else 0 for vector in vectors}
    if 0 in sizes:
        return "a vector that is no list of finite numbers"
    if len(sizes) > 1:
        return f"vectors of different sizes: {sorted(sizes)}"
    if dimensions and sizes and sizes != {dimensions}:
        return f"vectors of size {sizes.pop()}, where {dimensions} was asked for"
    return ""
