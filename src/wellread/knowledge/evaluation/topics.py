"""TREC topics: the number and the title of each, from files that are XML or nearly so.

    <top> <num> Number: 301 <title> organized crime … </top>             parts left open
    <topics> <topic number="5"> <query>do masks help</query> … </topics>    numbers as attributes

Many topic files have no root or leave their parts open, so no XML parser would read them.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from wellread.errors import InputError

_OPENING = re.compile(r"<(top|topic|query|doc)\b[^>]*>", re.IGNORECASE)
_NUMBER = re.compile(r"""\b(?:number|num|id)\s*=\s*["']([^"']*)["']""", re.IGNORECASE)
_HINT = "a topic looks like <top><num>1</num><title>what is asked</title></top>"


def topics(text: str, path: str) -> Iterator[tuple[str, str, str]]:
    """Where each topic stands (``path:line``), its number and its title.

    Raises InputError for a topic without number or title, or one that does not end before the
    next begins.
    """
    first = _OPENING.search(text)
    if first is None:
        raise InputError(f"{path}: no topics in it", hint=_HINT)
    name = re.escape(first[1])
    opening = re.compile(rf"<{name}\b[^>]*>", re.IGNORECASE)
    closing = re.compile(rf"</{name}\s*>", re.IGNORECASE)
    line, counted = 1, 0
    begins = list(opening.finditer(text))
    ends = [match.start() for match in begins[1:]] + [len(text)]
    for begin, limit in zip(begins, ends, strict=True):
        line, counted = line + text.count("\n", counted, begin.start()), begin.start()
        end = closing.search(text, begin.end(), limit)
        if end is None:
            raise InputError(f"{path}:{line} the topic is not closed by </{first[1]}>", hint=_HINT)
        yield f"{path}:{line}", *_parts(begin[0], text[begin.end() : end.start()], f"{path}:{line}")


def _parts(opening: str, body: str, where: str) -> tuple[str, str]:
    attribute = _NUMBER.search(opening)
    number = (
        _element(body, "num") or _element(body, "number") or (attribute[1] if attribute else "")
    )
    number = re.sub(r"\ANumber:", "", html.unescape(number), flags=re.IGNORECASE).strip()
    if not number:
        raise InputError(f"{where} the topic has no <num>", hint=_HINT)
    title = _element(body, "title") or _element(body, "query")
    if not title:
        raise InputError(f"{where} topic {number!r} has no <title>, or an empty one", hint=_HINT)
    return number, title


def _element(body: str, name: str) -> str:
    """The text of an element, which ends where it is closed, else at the next tag."""
    begin = re.search(rf"<{name}\b[^>]*>", body, re.IGNORECASE)
    if begin is None:
        return ""
    rest = body[begin.end() :]
    end = re.search(rf"</{name}\s*>", rest, re.IGNORECASE) or re.search(r"</?[a-zA-Z]", rest)
    text = rest[: end.start()] if end else rest
    return " ".join(html.unescape(text).split())
