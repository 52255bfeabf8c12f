"""Bytes of a text file to characters: by its mark, else UTF-8, else a Western single-byte code.

UTF-16 is never guessed: almost any bytes of even number are valid UTF-16. The encoding found is
handed back, so that a document can say it was not UTF-8.
"""

from __future__ import annotations

import codecs

from wellread.errors import DocumentError

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_PROBE = 65_536


def decode(data: bytes) -> tuple[str, str]:
    """Text of `data` and the name of its encoding; raises DocumentError for what is not text.

    >>> decode("Grüße".encode("cp1252"))
    ('Grüße', 'cp1252')
    """
    for mark, name in _MARKS:
        if data.startswith(mark):
            try:
                return data[len(mark) :].decode(name), name
            except UnicodeDecodeError as error:
                raise DocumentError("damaged", f"begins as {name} and is not ({error})") from error
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return _single_byte(data)
    if _is_binary(data[:_PROBE]):
        raise DocumentError("wrong_format", "holds binary data, not text")
    return text, "utf-8"


def _single_byte(data: bytes) -> tuple[str, str]:
    if _is_binary(data[:_PROBE]):
        raise DocumentError("wrong_format", "holds binary data, not text")
    try:
        return data.decode("cp1252"), "cp1252"
    except UnicodeDecodeError:
        return data.decode("latin-1"), "latin-1"


def _is_binary(data: bytes) -> bool:
    """Whether more than one byte in fifty is a control code that no text holds."""
    controls = len(data) - len(data.translate(None, _CONTROLS))
    return controls * 50 > len(data)


_CONTROLS = bytes(set(range(32)) - {9, 10, 11, 12, 13, 27}) + b"\x7f"
