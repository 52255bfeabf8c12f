"""Names of sources in an answer: they are no claims, unless they name a source that is not there.

    "It lasts 24 months (warranty.md) [1]."   two citations, both known where passage 1 exists

Known are the passages' file names, document ids and titles, labels such as "Chunk 2" and "[2]" up
to the number of passages, and links that stand in a passage. Everything else that looks like a file
name, a label or a link is a citation of nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from wellread.records import Passage

_SUFFIXES = "pdf|docx?|md|markdown|txt|html?|epub|pptx?|csv|jsonl?|xlsx?|rtf|odt|tex|rst|xml|ya?ml"
_FILE = re.compile(
    rf"(?<![\w/.@-])[\w][\w./+-]*\.(?:{_SUFFIXES})(?:#[\w-]+)?(?![\w-])", re.IGNORECASE
)
_LINK = re.compile(r"\b(?:https?://|www\.)[^\s<>()\[\]\"']+[^\s<>()\[\]\"'.,;:!?]")
_LABEL = re.compile(
    r"\[(?:\^|chunk |passage |source |doc(?:ument)? )?(\d{1,3})\]"
    r"|\b(?:chunks?|passages?|sources?|documents?|excerpts?|textstellen?|quellen?|passagen?)"
    r"(?: (?:no\.|nr\.|number|nummer))?\s*[\[#(]?(\d{1,3})(?:(?:[-–]|,? (?:and|und|or|oder|&) |"
    r", )(\d{1,3}))*"
    r"(?![\d.]*\d)[\])]?",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"\d+")


class Citation(NamedTuple):
    """``answer[start:end]`` names a source; `known` says whether it is among the passages."""

    start: int
    end: int
    known: bool


def citations(answer: str, passages: Sequence[Passage]) -> list[Citation]:
    """Every naming of a source in `answer`, in order, without overlaps."""
    found = sorted(_found(answer, passages), key=lambda c: (c.start, -c.end, not c.known))
    kept: list[Citation] = []
    for citation in found:
        if not kept or citation.start >= kept[-1].end:
            kept.append(citation)
    return kept


def _found(answer: str, passages: Sequence[Passage]) -> Iterator[Citation]:
    texts = [passage.chunk.text for passage in passages]
    names = _names(passages)
    if names:
        pattern = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
        for match in re.finditer(rf"(?<!\w)(?:{pattern})(?!\w)", answer, re.IGNORECASE):
            yield Citation(match.start(), match.end(), True)
    for pattern_ in (_FILE, _LINK):
        for match in pattern_.finditer(answer):
            named = match[0].casefold()
            known = named in names or any(named in text.casefold() for text in texts)
            yield Citation(match.start(), match.end(), known)
    # Passages without text are left out of some lists, and the others keep their numbers.
    last = max((len(passages), *(passage.rank for passage in passages)))
    for match in _LABEL.finditer(answer):
        numbers = [int(number) for number in _NUMBER.findall(match[0])]
        known = all(1 <= n <= last for n in numbers) or any(match[0] in t for t in texts)
        yield Citation(match.start(), match.end(), known)


def _names(passages: Sequence[Passage]) -> set[str]:
    """File names, ids and paths by which the passages may be cited, folded."""
    names: set[str] = set()
    for passage in passages:
        chunk = passage.chunk
        for name in (chunk.source, chunk.document_id, chunk.id):
            folded = name.strip().casefold()
            names |= {folded, folded.rsplit("/", 1)[-1]}
    return {name for name in names if len(name) > 2 and any(c in name for c in "./#_-")}
