r"""Texts found in texts, whatever their white space, quotation marks and dashes.

Plain("He said:\n “no”").find('He said: "no"')  ->  (0, 14), places in the text as it was
"""

from __future__ import annotations

import re
import unicodedata

_SAME = {
    **dict.fromkeys("“”„‟«»″", '"'),
    **dict.fromkeys("‘’‚‛′`´", "'"),
    **dict.fromkeys("‐‑‒–—―−", "-"),
}
_LEFT_OUT = frozenset("\u00ad\u200b\u200c\u200d\ufeff*")
_ELLIPSIS = re.compile(r"\s*(?:\[?(?:…|\.\.\.)\]?)\s*")
_LEAST = 4


class Plain:
    """A text, normalised, that knows where its characters came from."""

    def __init__(self, text: str) -> None:
        characters: list[str] = []
        places: list[int] = []
        for at, character in enumerate(text):
            if character in _LEFT_OUT:
                continue
            for part in unicodedata.normalize("NFKC", _SAME.get(character, character)):
                part = " " if part.isspace() else part
                if part == " " and (not characters or characters[-1] == " "):
                    continue
                characters.append(part)
                places.append(at)
        self.text = "".join(characters).rstrip()
        self._places = places

    def find(self, quote: str) -> tuple[int, int] | None:
        """Where `quote` stands, the case of letters left aside; None where it does not.

        A quote with "…" stands where its parts do, in order. Of less than four letters and
        digits, unless the whole text is shorter, a quote shows nothing and is not found.
        """
        parts = [_folded(Plain(part).text) for part in _ELLIPSIS.split(quote)]
        parts = [part for part in parts if part]
        if sum(c.isalnum() for part in parts for c in part) < min(_LEAST, len(self.text)):
            return None
        whole, at = _folded(self.text), 0
        first = last = -1
        for part in parts:
            found = whole.find(part, at)
            if found < 0:
                return None
            first = found if first < 0 else first
            last = at = found + len(part)
        if first < 0:
            return None
        return self._places[first], self._places[last - 1] + 1


def _folded(text: str) -> str:
    """Case folded character by character, so that places stay the same."""
    return "".join(c if len(folded := c.casefold()) != 1 else folded for c in text)
