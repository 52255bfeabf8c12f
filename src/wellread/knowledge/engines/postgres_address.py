"""The address of a PostgreSQL server: what may be shown of it, and the password that may not.

postgresql://anna@db.example.com:5432/library                 password in PGPASSWORD or ~/.pgpass
postgresql://anna:${LIBRARY_PASSWORD}@db.example.com/library  password in LIBRARY_PASSWORD
postgresql://anna@/library?host=/run/postgresql               a socket of this machine
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from wellread.errors import InputError
from wellread.knowledge.engines.elsewhere import is_placeholder, resolved
from wellread.llm.endpoint import Secret

_EXAMPLE = "set location to an address such as postgresql://user@host:5432/database"
_SECRET = ("password", "sslpassword")
_CONNECT_TIMEOUT_S = 10


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server is; `shown` names it in messages, `parameters` are for the driver."""

    shown: str
    user: str
    database: str
    parameters: Mapping[str, Any] = field(repr=False)

    def without_secrets(self, text: str) -> str:
        """`text` in which no password of this address is left."""
        known = [self.parameters.get(name) for name in _SECRET]
        for secret in [*known, os.environ.get("PGPASSWORD")]:
            if secret and len(secret) > 2:  # shorter ones would blank out half of the message
                text = text.replace(secret, "[password]")
        return text


def read_address(location: str, environment: Mapping[str, str] | None = None) -> Address:
    """Understand `location`, with every ``${NAME}`` taken from the environment.

    Raises InputError where it is no address, where it holds a password in plain text, or where a
    variable is missing. No message repeats what stands in the place of the password.
    """
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    if not location.startswith(("postgresql://", "postgres://")):
        raise InputError("the engine postgres needs the address of a server", hint=_EXAMPLE)
    try:
        given = dict(conninfo_to_dict(location))
    except ProgrammingError:
        # The driver's own message quotes the address, and with it what may be a password.
        raise InputError("location is not an address of PostgreSQL", hint=_EXAMPLE) from None
    for name in _SECRET:
        if name in given and not is_placeholder(str(given[name])):
            raise InputError(
                f"location holds a {name} in plain text, which would be written to the manifest",
                hint="write ${NAME} in its place, then: export NAME=your-password",
            )
    variables = os.environ if environment is None else environment
    parameters: dict[str, Any] = {n: resolved(str(v), variables) for n, v in given.items()}
    for name in _SECRET:
        if name in parameters:
            parameters[name] = Secret(parameters[name])
    parameters.setdefault("connect_timeout", _CONNECT_TIMEOUT_S)
    parameters.setdefault("application_name", "wellread")
    return _address(parameters, variables)


def _address(parameters: dict[str, Any], variables: Mapping[str, str]) -> Address:
    host = parameters.get("host") or variables.get("PGHOST", "")
    port = parameters.get("port") or variables.get("PGPORT", "")
    user = parameters.get("user") or variables.get("PGUSER", "")
    database = parameters.get("dbname") or variables.get("PGDATABASE", "") or user
    where = f"{host or 'this machine'}{':' + port if port else ''}"
    return Address(f"PostgreSQL on {where}, database {database!r}", user, database, parameters)
