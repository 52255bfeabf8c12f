"""Where a language model is reached: one value, from one block of the configuration.

    models:
      large:
        base_url: https://api.example.com/v1
        model: example-70b
        api_key: ${EXAMPLE_KEY}

The key is the *name* of an environment variable. It is read at the moment of a call and lives in
no settings object, file, log or error.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, field_validator

from wellread.config import Settings
from wellread.errors import AuthenticationError

StructuredOutput = Literal["auto", "json_schema", "json_object", "none"]
Count = Annotated[int, Field(ge=1)]
Price = Annotated[float, Field(ge=0.0)]
Seconds = Annotated[float, Field(gt=0.0)]

DEFAULT_CONCURRENCY = 50
_KEY_NAME = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


class Endpoint(Settings):
    """A model behind an OpenAI-compatible server, with its limits and prices."""

    # A mistake in this block must not print what was written: it may be a key.
    model_config = ConfigDict(hide_input_in_errors=True)

    base_url: str
    """Address up to the version, such as https://api.example.com/v1 or http://localhost:8000/v1."""
    model: str = Field(min_length=1)
    """Name of the model, as the server knows it."""
    api_key: str = ""
    """Name of the environment variable that holds the key, as ${NAME}; empty for no key."""
    mode: Literal["api"] = "api"
    """Protocol; `api` is the OpenAI-compatible one."""
    concurrency: Count | None = None
    """Most calls in flight; empty = system.concurrency_limit."""
    requests_per_minute: Count | None = None
    """Most requests a minute; empty = no limit."""
    tokens_per_minute: Count | None = None
    """Most tokens a minute, input and output together; empty = no limit."""
    timeout_s: Seconds = 600.0
    """Seconds from sending a request to its last byte; a slower one is asked again."""
    deadline_s: Seconds = 3600.0
    """Seconds after which a call is given up with all its retries and waits."""
    patience_s: Seconds = 300.0
    """Seconds without a reply to anyone after which the endpoint counts as down."""
    max_retries: Annotated[int, Field(ge=0)] = 8
    """How often a failed call is made again. Waits that a busy server asks for do not count."""
    cost_per_million_input: Price = 0.0
    """Price of a million input tokens."""
    cost_per_million_output: Price = 0.0
    """Price of a million output tokens."""
    structured_output: StructuredOutput = "auto"
    """How JSON is asked for: `auto` begins with json_schema and steps down where the server
    refuses it; `none` relies on the prompt."""
    extra_body: dict[str, Any] = Field(default_factory=dict)
    """More fields for each request, such as {reasoning_effort: low}; null takes a field out."""

    @field_validator("base_url")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        url = urlsplit(value)
        if url.scheme not in {"http", "https"} or not url.hostname:
            raise ValueError("must be an http:// or https:// address, such as http://localhost/v1")
        if url.username or url.password:
            raise ValueError("must not hold a user name or password; put the key into api_key")
        if url.query or url.fragment:
            raise ValueError("must end with the path, without '?' or '#'")
        return value.rstrip("/")

    @field_validator("api_key")
    @classmethod
    def _names_a_variable(cls, value: str) -> str:
        if value and not _KEY_NAME.fullmatch(value):
            raise ValueError(
                "write the name of an environment variable as ${NAME}, not the key itself; "
                "then: export NAME=your-key"
            )
        return value

    @property
    def key_name(self) -> str:
        """Name of the environment variable with the key, or ""."""
        return self.api_key[2:-1]

    def read_key(self, environment: Mapping[str, str] | None = None) -> Secret | None:
        """The key from the environment, or None where the endpoint takes none.

        Raises AuthenticationError where the variable is not set.
        """
        if not self.api_key:
            return None
        variables = os.environ if environment is None else environment
        value = variables.get(self.key_name, "").strip()
        if not value:
            raise AuthenticationError(
                f"{self.model}: the environment has no {self.key_name}",
                reason="no_key",
                hint=f"export {self.key_name}=your-key",
            )
        if not value.isascii() or not value.isprintable():
            raise AuthenticationError(
                f"{self.model}: {self.key_name} holds characters that no key has",
                reason="no_key",
                hint=f"export {self.key_name}=your-key",
            )
        return Secret(value)


class Secret(str):
    """A string that shows itself to nobody who prints the variables of a traceback."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'[key]'"
