"""Every error this package raises on purpose, so that a caller can catch one family or one case.

    WellreadError                 exit code 1
    ├── ConfigError               2   wellread.yaml: unknown option, wrong type, placeholder
    ├── InputError                2   a folder or file given on the command line is unusable
    │   ├── DocumentError         2   one document cannot be read; stages keep it as data
    │   └── RowError              2   one row of a file is not a conversation; can be skipped
    ├── TemplateError             2   a prompt or format that does not render
    ├── StorageError              1   a file, the disk or the journal refuses
    ├── KnowledgeBaseError        2   missing, foreign, damaged, or built with other settings
    ├── ModelError                5   the endpoint; one call failed for good, kept as data
    │   ├── EndpointError         5   unreachable or refusing everyone: stops the run
    │   │   └── AuthenticationError 5 key refused: stops the run
    │   ├── ReplyError            5   an answer arrived and is unusable (cut off, not the schema)
    │   └── NotPossibleError      5   a task that this record does not allow; nothing is broken
    ├── TrainingError             1   out of memory, or a loss that is no number: stops the run
    ├── StoppedError              130 Ctrl-C, 143 SIGTERM: the run ended where it can go on
    ├── BudgetError               4   the calls, tokens or money allowed are used up: stops the run
    └── NothingMadeError          3   the run went through and no example came out

Every message says what happened, where, and what was seen; `hint` says what to type next.
Foreign exceptions are wrapped once, where they enter, with ``raise ... from error``.
"""

from __future__ import annotations


class WellreadError(Exception):
    """Base of the tree; `exit_code` is what the command line returns for it."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  {self.hint}" if self.hint else self.message


class ConfigError(WellreadError):
    """The configuration file cannot be used; the message starts with ``file:line:column``."""

    exit_code = 2


class InputError(WellreadError):
    """A path or value given by the user is unusable."""

    exit_code = 2


class DocumentError(InputError):
    """One document cannot be read; `reason` is a stable code that reports count by."""

    def __init__(self, reason: str, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.reason = reason


class RowError(InputError):
    """One row of a file cannot be used; `reason` is a stable code, and the message says where."""

    def __init__(self, reason: str, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.reason = reason


class TemplateError(WellreadError):
    """A prompt or chat format does not parse, names an unknown variable, or breaks the sandbox."""

    exit_code = 2


class StorageError(WellreadError):
    """A file could not be read or written whole."""


class KnowledgeBaseError(WellreadError):
    """A knowledge base is missing, foreign, damaged, or was built with other settings."""

    exit_code = 2


class ModelError(WellreadError):
    """A call to a language model failed for good; `reason` is a stable code."""

    exit_code = 5

    def __init__(self, message: str, *, reason: str = "model_error", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.reason = reason


class EndpointError(ModelError):
    """The endpoint serves nobody: asking again for other records would fail the same way."""


class AuthenticationError(EndpointError):
    """The endpoint refuses the key; the key itself never appears in the message."""


class ReplyError(ModelError):
    """A reply arrived but cannot be used: cut off, empty, or not of the asked form."""


class NotPossibleError(ModelError):
    """This record does not allow the task, whoever does it: kept as data, and no failure."""


class TrainingError(WellreadError):
    """Training cannot go on; the last checkpoint stays as it is."""


class StoppedError(WellreadError):
    """A signal ended the run at a place that it goes on from; the code is that of shells."""

    def __init__(self, message: str, *, signal_number: int, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.exit_code = 128 + signal_number


class BudgetError(WellreadError):
    """The allowed calls, tokens or money are used up; what was paid for is in the journal."""

    exit_code = 4


class NothingMadeError(WellreadError):
    """The run went through, and every record was dropped for a reason."""

    exit_code = 3
