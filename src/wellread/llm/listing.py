"""Which models a server offers: shows address, key and names, and costs nothing."""

from __future__ import annotations

from typing import Any

import aiohttp
import orjson

from wellread.errors import AuthenticationError, EndpointError
from wellread.llm.endpoint import Endpoint, Secret

_PATIENCE_S = 20.0
_MOST_BYTES = 4_000_000


async def list_models(endpoint: Endpoint) -> tuple[str, ...]:
    """Names of the models behind `endpoint`; () where the server does not tell.

    Raises AuthenticationError for a missing or refused key, EndpointError where there is no
    server of this kind.
    """
    key = endpoint.read_key()
    headers = {"Authorization": Secret(f"Bearer {key}")} if key else {}
    url = f"{endpoint.base_url}/models"
    timeout = aiohttp.ClientTimeout(total=_PATIENCE_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, trust_env=False) as session,
            session.get(url, headers=headers, allow_redirects=False) as response,
        ):
            status, body = response.status, await response.content.read(_MOST_BYTES)
    except (TimeoutError, aiohttp.ClientError, OSError) as error:
        raise EndpointError(
            f"{endpoint.base_url}: no answer ({type(error).__name__})",
            reason="unreachable",
            hint="is the server running, and is base_url right, with its /v1?",
        ) from error
    if status in {401, 403}:
        raise AuthenticationError(
            f"{endpoint.base_url}: the key is refused (HTTP {status})",
            reason="refused_key",
            hint=f"check the value of {endpoint.key_name or 'api_key, which is empty'}",
        )
    if status >= 500:
        raise EndpointError(f"{endpoint.base_url}: HTTP {status}", reason="server_error")
    return _names(body) if status == 200 else ()


def _names(body: bytes) -> tuple[str, ...]:
    try:
        listed: Any = orjson.loads(body)
        return tuple(str(model["id"]) for model in listed["data"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return ()
