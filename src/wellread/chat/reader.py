"""From new tokens to the text of an answer, piece by piece.

A piece is handed out once nothing can change it: never half a character, never the beginning of a
stop string, never white space at the end. Joined, the pieces are the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Literal

FinishReason = Literal["stop", "length", "cancelled"]
_HALF = "\ufffd"


class Reader:
    """Takes the tokens of one answer; `done` says when it has ended, and `finish_reason` why.

    `decode` makes text of ids, `stop_ids` end an answer, and so do the strings `stops`. After
    `most` tokens it ends in any case.
    """

    def __init__(
        self,
        decode: Callable[[Sequence[int]], str],
        *,
        stop_ids: Collection[int],
        stops: Sequence[str],
        most: int,
    ) -> None:
        self.ids: list[int] = []
        self.done = most < 1
        self.finish_reason: FinishReason = "length"
        self._decode = decode
        self._stop_ids = frozenset(stop_ids)
        self._stops = tuple(stop for stop in stops if stop)
        self.most = most
        self._taken = 0
        self._pieces: list[str] = []
        self._sent = 0

    @property
    def text(self) -> str:
        """The answer, so far as it was handed out."""
        return "".join(self._pieces)

    @property
    def tokens(self) -> int:
        """How many tokens were made, the one that stops included."""
        return self._taken

    def take(self, token: int) -> str:
        """Take one token; returns the text that is certain with it."""
        self._taken += 1
        if token in self._stop_ids:
            self._end("stop")
            return self._hand_out(_stripped(self._decoded()))
        self.ids.append(token)
        text = self._decoded()
        found = [at for stop in self._stops if (at := text.find(stop)) >= 0]
        if found:
            self._end("stop")
            return self._hand_out(_stripped(text[: min(found)]))
        if self._taken >= self.most:
            self._end("length")
        return self._hand_out(_stripped(text[: len(text) - self._begun(text)]))

    def cancel(self) -> None:
        """End here; what was handed out stays the answer."""
        if not self.done:
            self._end("cancelled")

    def _end(self, reason: FinishReason) -> None:
        self.done, self.finish_reason = True, reason

    def _decoded(self) -> str:
        """The text so far without a character of which bytes are missing."""
        return self._decode(self.ids).rstrip(_HALF)

    def _begun(self, text: str) -> int:
        """How many characters at the end of `text` may be the beginning of a stop string."""
        longest = max((len(stop) - 1 for stop in self._stops), default=0)
        for size in range(min(longest, len(text)), 0, -1):
            if any(stop.startswith(text[-size:]) for stop in self._stops):
                return size
        return 0

    def _hand_out(self, text: str) -> str:
        piece = text[self._sent :]
        self._sent = max(self._sent, len(text))
        if piece:
            self._pieces.append(piece)
        return piece


def _stripped(text: str) -> str:
    return text.strip()
