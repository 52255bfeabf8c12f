"""Characters that do not belong in a text: control codes, halves of pairs, glyphs for the eye.

`mend_characters` looks at the set of characters a text uses and touches only what it finds
there, so that clean text costs one pass and no copy.
"""

from __future__ import annotations

import re
import unicodedata

from wellread.ingest.shifted import mend_shifted_glyphs

_SPACES = dict.fromkeys(
    map(ord, "\u00a0\u1680\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009"), " "
)
_SPACES |= dict.fromkeys(map(ord, "\u200a\u202f\u205f\u3000\t\x0b"), " ")
_BREAKS = dict.fromkeys(map(ord, "\r\x0c\x1c\x1d\x1e\x85\u2028\u2029"), "\n")
# Zero width and soft hyphen, byte order marks, direction overrides, invisible tag characters:
# nobody sees them, and the last two are used to hide text from a reader.
_INVISIBLE = {0x00AD: None, 0x200B: None, 0x2060: None, 0xFEFF: None, 0x180E: None}
_INVISIBLE |= dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)])
_INVISIBLE |= dict.fromkeys(range(0xE0000, 0xE0080))
# Noncharacters: Unicode keeps them for the inside of programs, so that no text may hold one.
_INVISIBLE |= dict.fromkeys(range(0xFDD0, 0xFDF0))
_INVISIBLE |= dict.fromkeys(
    plane | low for plane in range(0, 0x110000, 0x10000) for low in (0xFFFE, 0xFFFF)
)
_LIGATURES = {code: unicodedata.normalize("NFKC", chr(code)) for code in range(0xFB00, 0xFB07)}
# Glyph codes of symbol fonts that stand for bullets, at their private-use places.
_BULLETS = dict.fromkeys(
    (
        *(0xF02D, 0xF06C, 0xF06E, 0xF06F, 0xF071, 0xF075, 0xF076, 0xF09F, 0xF0A7, 0xF0A8, 0xF0B7),
        *(0xF0D8, 0xF0E0, 0xF0FC, 0x83, 0x95),
    ),
    "•",
)
_TABLE: dict[int, str | None] = {
    **dict.fromkeys(range(32)), **dict.fromkeys(range(127, 160)),
    **_SPACES, **_BREAKS, **_INVISIBLE, **_LIGATURES, **_BULLETS,
    9: "\t", 10: "\n", 2: "\x02",
}  # fmt: skip
_CONTROLS = bytes(set(range(32)) - {9, 10}) + b"\x7f"
# What PDF readers write for a hyphen at a line end, and the hyphen that is only seen there.
_LINE_END_HYPHENS = frozenset("\x02\ufffe\uffff\u00ad")
_BROKEN_WORD = re.compile(
    r"[\x02\ufffe\uffff\u00ad](?<=\w.)[\x02\ufffe\uffff\u00ad]*[ \t]*\r?\n?[ \t]*(?=\w)"
)
_FEW = 40


def mend_characters(text: str, done: dict[str, int]) -> str:
    r"""`text` without control codes, lone surrogates, ligatures, odd spaces and hidden characters.

    Line ends become ``\n``. U+0002, U+FFFE and U+FFFF, which PDF readers write for a hyphen at a
    line end, and the soft hyphen join the word they broke. `done` counts what was mended, by name.
    """
    if text.isascii() and not _has_controls(text):
        return text
    if "\r" in text:
        text = text.replace("\r\n", "\n")
    used = set(text)
    if "\x02" in used or "\x03" in used or any("\x0e" <= c < "\x20" for c in used):
        text = mend_shifted_glyphs(text, done)
        used = set(text)
    if not used.isdisjoint(_LINE_END_HYPHENS):
        text, joined = _BROKEN_WORD.subn("", text)
        _count(done, "hyphens_joined", joined)
    odd = {ord(c) for c in used if ord(c) in _TABLE or 0xD800 <= ord(c) < 0xE000} - {9, 10}
    if not odd:
        return text
    table = {code: _replacement(code) for code in odd}
    _count(done, "characters", sum(text.count(chr(code)) for code in odd if table[code] != " "))
    if len(table) > _FEW:
        return text.translate(table)
    for code, new in table.items():  # each at the speed of memory
        text = text.replace(chr(code), new or "")
    return text


def _has_controls(text: str) -> bool:
    """Whether ASCII text holds anything but print, tabs and line feeds; at the speed of memory."""
    data = text.encode("ascii")
    return len(data.translate(None, _CONTROLS)) != len(data)


def _replacement(code: int) -> str | None:
    if 0xD800 <= code < 0xE000:
        return "\ufffd"
    return None if code == 2 else _TABLE[code]


def _count(done: dict[str, int], name: str, number: int) -> None:
    if number:
        done[name] = done.get(name, 0) + number
