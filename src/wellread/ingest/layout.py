"""Lines of PDF pages as they are printed, and pages made of them.

`read_lines` gives what pdfium finds on a page: each line with the size of its letters and its
distance from the line above. `best_pages` takes these lines and the blocks that kreuzberg found:
running heads go out of both -> words broken at line ends are joined by the words of the whole
document -> blocks get back what they lost (spaces between words, numbers of list items) -> each
page is made of its blocks where they hold all of its words, else of its lines, with paragraphs
where the gaps are wide and headings where the letters are large.
"""

from __future__ import annotations

import ctypes
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from wellread.ingest.characters import mend_characters
from wellread.ingest.lines import Line, join_words_of_pages, paragraphs_of, usual_gaps
from wellread.ingest.running import running_lines

Blocks = Sequence[tuple[str, str]]
_MAX_LOST = 0.03
_MAX_PAGE_CHARACTERS = 2_000_000
_MAX_HEADING = 120
_HEADING_SIZE = 1.12
_HEADING_GAP = 1.6
_OPENING = 24
_FLOWING = frozenset({"title", "heading", "paragraph", "list_item", "quote", "footnote"})
_WORD = re.compile(r"[^\W_]+")
# A line end; or what pdfium writes for a hyphen there, with which it takes away the line end.
_BREAK = re.compile(
    r"(?P<hyphen>(?<=\w)[\x02\ufffe\uffff\xad](?:[ \t]*\r?\n)?(?=\w))|[ \t]*(?:\r\n?|\n)|\Z"
)
_BULLETS = "•▪◦‣●■–*\uf0b7\uf06c"
_LABELLED = re.compile(
    rf"\s*(?P<label>\(?(?:\d{{1,3}}|[A-Za-z])[.)]|[{_BULLETS}])\s+(?P<text>\S.*)"
)
_WORDS_OPEN = re.compile(rf"(?!{_LABELLED.pattern})[\w(\"'“‘„«]")
_HYPHENATED = re.compile(r"[^\W_]+(?:-[^\W_]+)*")
_LINE_END = re.compile(r"([^\W_]+)([-‐]?)[ \t]*\n[ \t]*([^\W_]+)")


def read_lines(pdf: Any, number: int) -> list[Line]:
    """The lines of a page, the broken words with a hyphen; none of a page that cannot be loaded."""
    import pypdfium2  # type: ignore[import-untyped]

    try:
        page = pdf[number].get_textpage()
        text = str(page.get_text_range())[:_MAX_PAGE_CHARACTERS]
    except pypdfium2.PdfiumError:
        return []
    placed = len(text) == page.count_chars()
    lines: list[Line] = []
    baseline, start = 0.0, 0
    for end in _BREAK.finditer(text):
        shown = text[start : end.start()]
        if shown.strip():
            first = start + len(shown) - len(shown.lstrip())
            bottom, size = _place(page, first) if placed else (0.0, 0.0)
            gap = max(round(2 * (baseline - bottom)) / 2, 0.0) if baseline else 0.0
            lines.append(Line(shown + ("-" if end["hyphen"] else ""), gap, size))
            baseline = bottom
        elif end.start() < len(text):
            lines.append(Line(""))
        start = end.end()
    return lines


def _place(page: Any, index: int) -> tuple[float, float]:
    """Baseline and size, in points, of a letter on a page."""
    import pypdfium2.raw as raw  # type: ignore[import-untyped]

    x, y = ctypes.c_double(), ctypes.c_double()
    matrix = raw.FS_MATRIX()
    if not raw.FPDFText_GetCharOrigin(page, index, x, y):
        return 0.0, 0.0
    scale = 1.0
    if raw.FPDFText_GetMatrix(page, index, matrix):
        scale = (matrix.c**2 + matrix.d**2) ** 0.5
    return y.value, round(2 * raw.FPDFText_GetFontSize(page, index) * scale) / 2


def best_pages(plain: Sequence[Sequence[Line]], blocks: Mapping[int, Blocks]) -> Iterator[str]:
    """Each page from its blocks where they hold all of its words, else from its lines."""
    pages = [_mended(lines) for lines in plain]
    dropped = running_lines(
        [[line.text for line in lines] for lines in pages],
        [[line.size for line in lines] for lines in pages],
    )
    bodies = [
        [line for i, line in enumerate(lines) if i not in heads]
        for lines, heads in zip(pages, dropped, strict=True)
    ]
    marked = any(kind == "heading" for found in blocks.values() for kind, _ in found)
    sizes = {} if marked else _heading_levels(bodies)
    pitches = usual_gaps(bodies)
    texts = join_words_of_pages(
        [
            paragraphs_of(_with_headings(body, blocks.get(number, ()), sizes), pitches)
            for number, body in enumerate(bodies, start=1)
        ],
        {},
    )
    known = {word.lower() for text in texts for word in _HYPHENATED.findall(text)}
    for number, (text, body) in enumerate(zip(texts, bodies, strict=True), start=1):
        found = blocks.get(number, ())
        heads = [pages[number - 1][i].text for i in sorted(dropped[number - 1])]
        found = _labelled(_without_heads(found, heads, body), body)
        whole = "\n\n".join(part for _, part in found)
        whole = _unglued(whole, "\n".join(line.text for line in body), known)
        yield whole if _is_whole(found, whole, text) else text


def _mended(lines: Sequence[Line]) -> list[Line]:
    """The lines with their characters mended; without sizes where that changed their number."""
    texts = mend_characters("\n".join(line.text for line in lines), {}).split("\n")
    if len(texts) != len(lines):
        return [Line(text) for text in texts]
    return [
        line if line.text == text else replace(line, text=text)
        for line, text in zip(lines, texts, strict=True)
    ]


def _is_whole(found: Blocks, whole: str, text: str) -> bool:
    """Whether blocks hold the words of their page, and are paragraphs and not runs of lines."""
    flowing = [part for kind, part in found if kind in _FLOWING]
    runs = any("\n" in part for part in flowing)
    return bool(found) and not runs and _lost(text, whole) <= _MAX_LOST


def _lost(body: str, text: str) -> float:
    """Share of the page's letters that are missing in `text`."""
    wanted = Counter(_WORD.findall(body.lower()))
    missing = wanted - Counter(_WORD.findall(text.lower()))
    letters = sum(len(word) * n for word, n in wanted.items())
    return sum(len(word) * n for word, n in missing.items()) / max(letters, 1)


def _unglued(text: str, body: str, known: set[str]) -> str:
    """`text` with the words parted that kreuzberg glued at the line ends of `body`."""
    have = set(_WORD.findall(text))
    for left, hyphen, right in _LINE_END.findall(body):
        glued = left + right
        if glued not in have or glued.lower() in known:
            continue
        hyphenated = f"{left}-{right}"
        if hyphen:
            parted = hyphenated if hyphenated.lower() in known else glued
        else:
            parted = f"{left} {right}"
        if parted != glued:
            text = re.sub(rf"(?<![^\W_]){glued}(?![^\W_])", parted, text)
    return text


def _without_heads(found: Blocks, heads: Sequence[str], body: Sequence[Line]) -> Blocks:
    """Blocks without the running lines of their page, alone or at the ends of a paragraph."""
    printed = {_flat(line.text) for line in body}
    flat_heads = [flat for head in heads if (flat := _flat(head)) and flat not in printed]
    if not flat_heads:
        return found
    kept = []
    for kind, text in found:
        if kind in _FLOWING:
            text = _cut_heads(text, flat_heads)
        if text:
            kept.append((kind, text))
    return kept


def _cut_heads(text: str, heads: Sequence[str]) -> str:
    """`text` without the heads it is, begins with or ends with; "" where nothing else is left."""
    flat = _flat(text)
    for head in [*heads, *reversed(heads)]:
        if flat.lstrip("# ") == head:
            return ""
        if head.isdigit():
            continue  # a page number at the edge of a paragraph may be a number of its own
        if flat.startswith(f"{head} "):
            text = flat = flat[len(head) + 1 :]
        elif flat.endswith(f" {head}"):
            text = flat = flat[: -len(head) - 1]
    return text


def _flat(text: str) -> str:
    return " ".join(text.split())


def _labelled(found: Blocks, body: Sequence[Line]) -> Blocks:
    """Blocks with the numbers and bullets of list items that their lines have and they have not."""
    labels: dict[str, list[str]] = {}
    for line in body:
        item = _LABELLED.match(line.text)
        if item and (words := _opening(item["text"])):
            labels.setdefault(words, []).append(item["label"])
    if not labels:
        return found
    mended = []
    for kind, text in found:
        bare = text.removeprefix("• ") if kind == "list_item" else text
        waiting = labels.get(_opening(bare), ())
        if waiting and kind in _FLOWING and _WORDS_OPEN.match(bare):
            label = waiting.pop(0)
            text = f"{label} {bare}"
        mended.append((kind, text))
    return mended


def _opening(text: str) -> str:
    """The first letters of a text, by which a line and a block are known to be the same."""
    return "".join(_WORD.findall(text))[:_OPENING]


def _heading_levels(bodies: Sequence[Sequence[Line]]) -> dict[float, int]:
    """Levels of headings by the size of their letters, where it is larger than that of the text."""
    letters: Counter[float] = Counter()
    for body in bodies:
        for line in body:
            letters[line.size] += len(line.text)
    usual = letters.most_common(1)[0][0] if letters else 0.0
    if not usual:
        return {}
    large = sorted((size for size in letters if size >= _HEADING_SIZE * usual), reverse=True)
    return {size: min(level, 3) for level, size in enumerate(large, start=1)}


def _with_headings(body: Sequence[Line], found: Blocks, sizes: Mapping[float, int]) -> list[Line]:
    """Lines of a page with the headings marked: those of the blocks, or those in large letters."""
    marks = {
        text.lstrip("# ").lower(): text[: text.index(" ") + 1]
        for kind, text in found
        if kind == "heading"
    }
    marked: list[Line] = []
    for line in body:
        level, text = sizes.get(line.size, 0), line.text.strip()
        above = marked[-1] if marked else None
        if level and above and above.size == line.size and line.gap <= _HEADING_GAP * line.size:
            marked[-1] = replace(above, text=f"{above.text} {text}")
            continue
        mark = "#" * level + " " if level and text else marks.get(_flat(text).lower(), "")
        marked.append(replace(line, text=mark + line.text))
    return [
        replace(line, text=line.text.lstrip("# ")) if _is_no_heading(line, sizes) else line
        for line in marked
    ]


def _is_no_heading(line: Line, sizes: Mapping[float, int]) -> bool:
    """Whether a line in large letters is too long for a heading, or holds no word."""
    return line.size in sizes and (
        len(line.text) > _MAX_HEADING or not re.search(r"[^\W\d_]{2}", line.text)
    )
