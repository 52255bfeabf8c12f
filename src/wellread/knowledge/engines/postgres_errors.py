"""What PostgreSQL refuses, in words that say what to type."""

from __future__ import annotations

from psycopg import DataError, Error, InterfaceError, OperationalError

from wellread.errors import InputError, KnowledgeBaseError, StorageError, WellreadError
from wellread.knowledge.engines.postgres_address import Address

GONE = {"42P01", "3F000", "42703"}
LOCKED = "55P03"
_FULL = {"53100", "53200", "53300", "53400"}
_READ_ONLY = "25006"
_RIGHTS = "42501"
_TOO_LONG = "54000"


def connecting(error: Error, address: Address) -> WellreadError:
    """Why no connection came about; the server says so in words only, without a code."""
    said = _said(error, address)
    user, database = address.user or "USER", address.database or "DATABASE"
    if "no password supplied" in said:
        return KnowledgeBaseError(
            f"{address.shown}: the server wants a password of {user!r} and none is given",
            hint="export PGPASSWORD=your-password, or write ${NAME} into location",
        )
    if "authentication failed" in said or ("role" in said and "does not exist" in said):
        return KnowledgeBaseError(
            f"{address.shown}: the server does not let {user!r} in with this password",
            hint="check the user in location, and PGPASSWORD or the variable that location names",
        )
    if "database" in said and "does not exist" in said:
        return KnowledgeBaseError(
            f"{address.shown}: there is no such database",
            hint=f"correct location, or make it with: createdb --encoding=UTF8 {database}",
        )
    return StorageError(
        f"{address.shown}: no connection ({said})",
        hint="check that the server runs and that location names it; then try again",
    )


def working(error: Error, address: Address, *, lost: bool) -> WellreadError:
    """Why a statement failed; `lost` where the connection broke over it."""
    said, code = _said(error, address), error.sqlstate or ""
    if lost or isinstance(error, InterfaceError):
        return StorageError(
            f"{address.shown}: the connection was lost ({said})",
            hint="what was added before is safe, what was being added is not there; try again",
        )
    if code in GONE:
        return KnowledgeBaseError(
            f"{address.shown}: the tables of this knowledge base are gone ({said})",
            hint="open it again where it has been replaced, or build it anew",
        )
    if code == _RIGHTS:
        return KnowledgeBaseError(
            f"{address.shown}: {address.user or 'the user'!r} may not do this ({said})",
            hint="as the database's owner: "
            f'GRANT CREATE ON DATABASE "{address.database}" TO "{address.user}"',
        )
    if code == LOCKED:
        return StorageError(
            f"{address.shown}: another process has been writing to this knowledge base",
            hint="try again when it has finished",
        )
    if code == _TOO_LONG:
        return InputError(
            f"{address.shown}: cannot hold this value: {said}",
            hint="an id may have about 2,500 bytes in this engine",
        )
    return _other(said, code, error, address)


def _other(said: str, code: str, error: Error, address: Address) -> WellreadError:
    if code == _READ_ONLY:
        return StorageError(
            f"{address.shown}: the server takes no changes ({said})",
            hint="it is a standby or set to read only; give location the address of the primary",
        )
    if code in _FULL:
        return StorageError(
            f"{address.shown}: {said}",
            hint="make room on the server, or wait; what was added before is safe",
        )
    if isinstance(error, DataError):
        return InputError(f"{address.shown}: cannot hold or find this value: {said}")
    if isinstance(error, OperationalError):
        return StorageError(f"{address.shown}: {said}", hint="try again")
    return KnowledgeBaseError(
        f"{address.shown}: {said}", hint="build the knowledge base anew, with --replace"
    )


def unwritable(error: UnicodeEncodeError, address: Address) -> InputError:
    """Text with half a surrogate pair, which no UTF-8 can hold."""
    return InputError(f"{address.shown}: cannot hold or find this value: {error}")


def _said(error: Error, address: Address) -> str:
    """The first line of the server's message, which never shows a password."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return address.without_secrets(lines[0])
