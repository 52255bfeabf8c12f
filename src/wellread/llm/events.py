r"""Server-sent events: bytes as they arrive, cut anywhere, to events.

    b'data: {"a"' + b': 1}\r\n\r\n: ping\n\ndata: [DONE]\n\n'  ->  {"a": 1}  [DONE]

The form is that of the HTML standard: lines end in ``\n``, ``\r\n`` or ``\r``, an empty line ends
an event, a line that begins with a colon is a comment. Characters are put together by whoever reads
`Event.data`, which is whole lines and so never half a character.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Event:
    """One event; `kind` is "" where the server names none."""

    kind: str
    data: bytes


class EventDecoder:
    r"""Takes bytes, gives events.

    >>> decoder = EventDecoder()
    >>> list(decoder.take(b": ping\r\n\r\ndata: on")), list(decoder.take(b"e\r\n\r\n"))
    ([], [Event(kind='', data=b'one')])
    """

    def __init__(self) -> None:
        self._rest = b""
        self._began = False
        self._kind = ""
        self._data: list[bytes] = []

    @property
    def waiting(self) -> int:
        """How many bytes of a line wait for its end."""
        return len(self._rest)

    def take(self, received: bytes) -> Iterator[Event]:
        """The events that are complete with `received`."""
        lines = (self._rest + received).splitlines(keepends=True)
        # A "\r" at the end may be the first half of "\r\n".
        self._rest = lines.pop() if lines and not lines[-1].endswith(b"\n") else b""
        for line in lines:
            yield from self._line(line.rstrip(b"\r\n"))

    def end(self) -> Iterator[Event]:
        """What is left when the bytes have ended: an event without the empty line behind it."""
        for line in (self._rest.rstrip(b"\r"), b""):
            yield from self._line(line)
        self._rest = b""

    def _line(self, line: bytes) -> Iterator[Event]:
        if not self._began:
            self._began, line = True, line.removeprefix(_BOM)
        if not line:
            if self._data:
                yield Event(self._kind, b"\n".join(self._data))
            self._kind, self._data = "", []
            return
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value)
        elif name == b"event":
            self._kind = value.decode("utf-8", "replace")
        elif name == b"error":
            # Not of the standard: servers of llama.cpp have told their errors so.
            yield Event("error", value)
