"""Rows to token ids and masks, in batches; what cannot be encoded comes back with its reason.

    lines ──parse_row──> Row ──Codec.encode_many──> ids, mask ──fit, where too long──> Made
                          └──────────── Refused (reason, file:line) ────────────────┘

A batch goes through alone, so batches can be handed to other processes.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from wellread.datasets.conversations import Row, parse_row
from wellread.datasets.fit import fitted
from wellread.dialogue.codec import Codec, Encoded
from wellread.errors import InputError, RowError
from wellread.records import Rejection


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a file, and `number` among the lines of it."""

    where: str
    number: int
    content: bytes


@dataclass(frozen=True, slots=True)
class Made:
    """An encoded conversation; `left_out` passages of it did not fit, and one more `is_cut`."""

    ids: array[int]
    mask: bytes
    left_out: int = 0
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that became nothing; it `is_bad` where the row is at fault and not its length."""

    rejection: Rejection
    is_bad: bool = True
    hint: str = ""


@dataclass(frozen=True, slots=True)
class RowEncoder:
    """Encodes rows; `max_tokens` is the longest conversation, 0 for any."""

    codec: Codec
    max_tokens: int = 0

    def encode_lines(self, lines: Iterable[Line]) -> list[Made | Refused]:
        """What became of each line."""
        outcomes: list[Row | Refused] = []
        for line in lines:
            try:
                row = parse_row(line.content, line.where, line.number, with_origin=False)
                outcomes.append(row)
            except RowError as error:
                outcomes.append(refused(error, "read", line.where))
        made = iter(self.encode([row for row in outcomes if isinstance(row, Row)]))
        return [next(made) if isinstance(found, Row) else found for found in outcomes]

    def encode(self, rows: Sequence[Row]) -> list[Made | Refused]:
        """What became of each row."""
        together = [row.conversation for row in rows if row.conversation]
        try:
            encoded = iter(self.codec.encode_many(together))
        except InputError:
            return [self._alone(row) for row in rows]
        return [
            self._checked(row, next(encoded)) if row.conversation else self._alone(row)
            for row in rows
        ]

    def _alone(self, row: Row) -> Made | Refused:
        try:
            if row.conversation:
                return self._checked(row, self.codec.encode(row.conversation))
            return self._checked(row, self.codec.encode_segments(row.segments))
        except InputError as error:
            problem = RowError("not_in_format", f"{row.where} {error.message}", hint=error.hint)
            return refused(problem, "encode", row.where)

    def _checked(self, row: Row, encoded: Encoded) -> Made | Refused:
        if 1 not in encoded.mask:
            problem = RowError("nothing_learned", f"{row.where} holds no token that is learned")
            return refused(problem, "encode", row.where)
        if self.max_tokens and len(encoded.ids) > self.max_tokens:
            return self._fitted(row, encoded)
        return _made(encoded)

    def _fitted(self, row: Row, encoded: Encoded) -> Made | Refused:
        if row.conversation is None:
            detail = f"{row.where} {len(encoded.ids):,} tokens; {self.max_tokens:,} fit"
            return Refused(Rejection("fit", row.id, "too_long", detail), is_bad=False)
        found = fitted(row.conversation, self.max_tokens, lambda c: len(self.codec.encode(c).ids))
        if found.reason:
            rejection = Rejection("fit", row.id, found.reason, f"{row.where} {found.detail}")
            return Refused(rejection, is_bad=False)
        return _made(self.codec.encode(found.conversation), found.left_out, found.is_cut)


def refused(error: RowError, stage: str, where: str) -> Refused:
    """A bad row as data."""
    return Refused(Rejection(stage, where, error.reason, error.message), hint=error.hint)


def _made(encoded: Encoded, left_out: int = 0, is_cut: bool = False) -> Made:
    return Made(array("I", encoded.ids), bytes(encoded.mask), left_out, is_cut)
