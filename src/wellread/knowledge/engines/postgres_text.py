r"""Text that PostgreSQL can hold: it refuses the character NUL, and ours may have it.

    "a\x00b"  <->  "a\x010b"        "\x01"  <->  "\x011"

Nothing is lost, and the order of the bytes stays what it was; text without these two characters,
which is nearly all there is, stays itself.
"""

from __future__ import annotations


def held(text: str) -> str:
    r"""The text as it is stored.

    >>> held("a\x00b") == "a\x010b", given(held("\x00\x01")) == "\x00\x01"
    (True, True)
    """
    if "\x00" not in text and "\x01" not in text:
        return text
    return text.replace("\x01", "\x011").replace("\x00", "\x010")


def given(text: str) -> str:
    """The text as it was given."""
    if "\x01" not in text:
        return text
    return text.replace("\x010", "\x00").replace("\x011", "\x01")
