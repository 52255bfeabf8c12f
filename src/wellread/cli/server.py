"""Options that name a server whose model is asked, for the verbs that take one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from wellread.llm.endpoint import Endpoint

BaseUrl = Annotated[str | None, typer.Option("--base-url", help="A server whose model is asked.")]
ApiModel = Annotated[
    str | None, typer.Option("--api-model", help="Its model; needed where it has several.")
]
ApiKeyEnv = Annotated[
    str | None, typer.Option("--api-key-env", help="Variable that holds its key.")
]


def named_server(
    config: Path | None, base_url: str | None, api_model: str | None, api_key_env: str | None
) -> Endpoint | None:
    """The model behind --base-url, as patient as a configured one: nobody waits for a word."""
    from wellread.errors import InputError

    if base_url is None:
        if api_model or api_key_env:
            raise InputError(
                "--api-model and --api-key-env belong to a server", hint="add --base-url"
            )
        return None
    if config is not None:
        raise InputError("both --config and --base-url name a model", hint="give one of them")
    from wellread.chat.endpoint import chat_endpoint

    named = chat_endpoint(base_url, api_model, api_key_env)
    plain = {"base_url": named.base_url, "model": named.model, "api_key": named.api_key}
    return type(named).model_validate(plain)
