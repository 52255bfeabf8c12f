"""What a conversation consists of once it is written: stretches of text with one label each."""

from __future__ import annotations

from typing import NamedTuple


class Piece(NamedTuple):
    """A stretch of text with one label; `control` text is the format's own, the rest content.

    `turn` numbers what is encoded together: neighbours of one turn and one label, unless one of
    them says `cut`: there a prompt ends, and encoding starts anew.
    """

    text: str
    learned: bool
    role: str
    control: bool
    turn: int = 0
    cut: bool = False

    def after_cut(self) -> Piece:
        """The same piece, where encoding starts anew."""
        return Piece(*self[:5], True)
