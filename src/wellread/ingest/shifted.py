r"""Repair of shifted glyph codes: some PDFs hold stretches where every code is 29 too low.

``WKH\x03$UP\\`` is "the Army": the numbers of the glyphs in the font were written in place of
the characters. Steps: find runs of words made of such codes with a control code among them ->
decide word by word, by the words of the rest of the document, which reading is text -> shift.
A run is changed only where most of what it becomes is words or numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

_SHIFT = 29
_MAX_TOKEN = 80
_WORD = r"[\x04-\x08\x0b\x0c\x0e-\x1f!-a]+"
_RUN = re.compile(rf"(?<![b-z])(?:\x03[ \n]?|{_WORD}[ \n]?)+")
_TOKEN = re.compile(rf"\x03|{_WORD}|[ \n]")
_CONTROL = re.compile(r"[\x03-\x08\x0b\x0c\x0e-\x1f]")
_SPACES = re.compile(r" +(?=[ \n])")
_SMALL = re.compile(r"[b-z]")
_KNOWN_WORD = re.compile(r"[A-Za-z]{2,}")
_TEXTUAL = re.compile(r"[(\[\"']*(?:[A-Za-z][\w'’-]*|\d[\d.,:/-]*)[.,;:!?)\]\"']*$")
_NUMBER = re.compile(r"\(?\d[\d.,:;)/-]*$")
_COMMON = frozenset(
    "a an and are as at be by can for from has have if in into is it its may not of on or other "
    "such that the their they this through to two was when which will with i u s".split()
)


def mend_shifted_glyphs(text: str, done: dict[str, int]) -> str:
    """`text` with shifted runs restored; `done` counts them as ``shifted_runs``."""
    runs = list(_runs(text))
    if not runs:
        return text
    known = _COMMON | set(_KNOWN_WORD.findall(_unshifted(text, runs).lower()))
    parts: list[str] = []
    at = 0
    for run in runs:
        mended = _mend_run(run[0], known)
        if mended is not None:
            parts += [text[at : run.start()], mended]
            at = run.end()
            done["shifted_runs"] = done.get("shifted_runs", 0) + 1
    return "".join([*parts, text[at:]]) if parts else text


def _runs(text: str) -> Iterator[re.Match[str]]:
    """Runs with a control code, found from the codes on: between two small letters there is one."""
    high = 0
    for control in _CONTROL.finditer(text):
        if control.start() < high:
            continue
        low = control.start()
        while low > high and not "b" <= text[low - 1] <= "z":
            low -= 1
        after = _SMALL.search(text, control.end())
        high = after.start() if after else len(text)
        yield from (run for run in _RUN.finditer(text, low, high) if _CONTROL.search(run[0]))


def _unshifted(text: str, runs: Sequence[re.Match[str]]) -> str:
    """The text without its runs, from which the document's own words are taken."""
    parts: list[str] = []
    at = 0
    for run in runs:
        parts.append(text[at : run.start()])
        at = run.end()
    return " ".join([*parts, text[at:]])


def _mend_run(run: str, known: frozenset[str]) -> str | None:
    """The run restored, or None where that would not be clearly better."""
    words = good = 0
    parts: list[str] = []
    for token in _TOKEN.findall(run):
        if token in "\x03 \n":
            parts.append(" " if token == "\x03" else token)
            continue
        choice = _reading(token, known)
        if _CONTROL.search(token) or choice != token:
            words += 1
            good += _is_text(choice, known) or _is_pronounceable(choice)
        parts.append(choice)
    if words and good * 2 <= words:
        return None
    return _SPACES.sub("", "".join(parts))


def _reading(token: str, known: frozenset[str]) -> str:
    """The token as it stands, shifted whole, or in its control codes: what reads as text."""
    shifted = "".join(chr(ord(char) + _SHIFT) for char in token)
    controls = _CONTROL.sub(lambda code: chr(ord(code[0]) + _SHIFT), token)
    if controls == token and (_is_text(token, known) or _NUMBER.match(token)):
        return token
    if _is_text(shifted, known):
        return shifted
    if _NUMBER.match(controls) or _is_text(controls, known):
        return controls
    return shifted if controls != token or _is_pronounceable(shifted) else token


def _is_pronounceable(word: str) -> bool:
    """Whether an unknown word at least has the vowels of one."""
    letters = re.sub(r"[^A-Za-z]", "", word).lower()
    if len(letters) < 3 or len(letters) < len(word) - 2:
        return False
    vowels = sum(letter in "aeiouy" for letter in letters)
    return 0.2 <= vowels / len(letters) <= 0.75


def _is_text(token: str, known: frozenset[str]) -> bool:
    """Whether a token reads as a number, or as words that the document knows."""
    if len(token) > _MAX_TOKEN:
        return False
    if not _TEXTUAL.match(token):
        return bool(re.fullmatch(r"[–—.,;:!?()\"'-]+", token))
    letters = _KNOWN_WORD.findall(token)
    return all(word.lower() in known for word in letters)
