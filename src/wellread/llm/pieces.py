r"""Text that comes in parts, handed out once nothing can change it.

    parts ──whole characters──> ──thought taken out──> ──key taken out──> ──stripped──> pieces

A piece is never half a character, never part of the thought that some models write before their
reply, never part of the key, never white space at either end. Joined, the pieces are the text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from wellread.llm.secrecy import HIDDEN

_SURROGATE = re.compile(r"[\ud800-\udfff]")
_PAIR = re.compile(r"[\ud800-\udbff][\udc00-\udfff]")
_BYTES = re.compile(r"[\udc80-\udcff]+")
# A first half that waits for its second, or the bytes of a character that has more of them.
_HALF = re.compile(
    r"(?:[\ud800-\udbff]|[\udcc2-\udcf4]|[\udce0-\udcf4][\udc80-\udcbf]"
    r"|[\udcf0-\udcf4][\udc80-\udcbf]{2})\Z"
)
_OPENINGS = ("<think>", "<thinking>")
_CLOSING = re.compile(r"</think(?:ing)?>")
_LONGEST_CLOSING = len("</thinking>")


class Characters:
    r"""Puts characters together that a server cut: between UTF-16 halves, or between bytes.

    Bytes that were no UTF-8 by themselves come as ``surrogateescape`` makes them.

    >>> characters = Characters()
    >>> [characters.take(part) for part in ("a\ud83d", "\ude42b\udcc3", "\udca9", "\udcff.")]
    ['a', '🙂b', 'é', '\ufffd.']
    """

    def __init__(self) -> None:
        self._half = ""

    def take(self, part: str) -> str:
        """The whole characters that there are with `part`."""
        text = self._half + part
        self._half = ""
        if not _SURROGATE.search(text):
            return text
        text = _PAIR.sub(lambda m: m[0].encode("utf-16", "surrogatepass").decode("utf-16"), text)
        if half := _HALF.search(text):
            text, self._half = text[: half.start()], half[0]
        text = _BYTES.sub(_decoded, text)
        return _SURROGATE.sub("\ufffd", text)


def _decoded(match: re.Match[str]) -> str:
    return match[0].encode("utf-8", "surrogateescape").decode("utf-8", "replace")


class Pieces:
    """Takes parts of one text; `secrets` are the spellings of what must not be shown.

    >>> pieces = Pieces(("xk-1",))
    >>> [pieces.take(part) for part in (" <thi", "nk>Hm.</think>", "Yes", ". ", "xk", "-1!", " ")]
    ['', '', 'Yes', '.', '', ' [key]!', '']
    >>> pieces.end(), pieces.text
    ('', 'Yes. [key]!')
    """

    def __init__(self, secrets: Sequence[str] = ()) -> None:
        self._secrets = tuple(secret for secret in secrets if secret)
        self._characters = Characters()
        self._handed_out: list[str] = []
        self._held = ""
        self._begun = self._thinks = False

    @property
    def left_out_thought(self) -> bool:
        """Whether the text began with a thought, which no piece holds."""
        return self._thinks

    @property
    def text(self) -> str:
        """All that was handed out."""
        return "".join(self._handed_out)

    def take(self, part: str) -> str:
        """The text that is certain with `part`."""
        self._held += self._characters.take(part)
        return self._certain(is_last=False)

    def end(self) -> str:
        """The text that is certain because no more comes."""
        return self._certain(is_last=True)

    def _certain(self, *, is_last: bool) -> str:
        if not self._begun and not self._begins(is_last):
            return ""
        for secret in self._secrets:
            self._held = self._held.replace(secret, HIDDEN)
        waiting = 0 if is_last else self._waiting()
        piece = self._held[: len(self._held) - waiting].rstrip()
        if not self._handed_out:
            piece = piece.lstrip()
        if piece:
            self._held = self._held[self._held.index(piece) + len(piece) :]
            self._handed_out.append(piece)
        return piece

    def _begins(self, is_last: bool) -> bool:
        """Whether the reply itself has begun; a thought before it is dropped."""
        if not self._thinks:
            self._held = self._held.lstrip()
            if opening := next((o for o in _OPENINGS if self._held.startswith(o)), ""):
                self._thinks, self._held = True, self._held[len(opening) :]
            elif not is_last and any(opening.startswith(self._held) for opening in _OPENINGS):
                return False
        if self._thinks:
            closing = _CLOSING.search(self._held)
            if not closing:
                self._held = "" if is_last else self._held[-_LONGEST_CLOSING:]
                return False
            self._held = self._held[closing.end() :]
        self._begun = True
        return True

    def _waiting(self) -> int:
        """How many characters at the end may be the beginning of a secret."""
        longest = max((len(secret) - 1 for secret in self._secrets), default=0)
        for size in range(min(longest, len(self._held)), 0, -1):
            if any(secret.startswith(self._held[-size:]) for secret in self._secrets):
                return size
        return 0
