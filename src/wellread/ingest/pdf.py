"""PDF to text page by page, with two readers that check each other. Runs in the child process.

pdfium gives every character of a page; kreuzberg gives its blocks in reading order, with headings
and tables, without running heads, but may lose a block or glue two words at a line end. Steps:
pdfium reads all pages -> kreuzberg reads the structure -> words it glued are parted again -> a
page of which it lost words is taken from pdfium -> a page without text goes to tesseract.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from wellread.errors import DocumentError
from wellread.ingest.characters import mend_characters
from wellread.ingest.lines import paragraphs_of
from wellread.ingest.ocr import ocr_page, tesseract
from wellread.ingest.office import kept, markdown_config
from wellread.ingest.running import drop_running_lines

_MAX_LOST = 0.03
_WORD = re.compile(r"[^\W_]+")
_MIN_CHARACTERS = 20
_MAX_PAGES = 20_000
_MAX_PAGE_CHARACTERS = 2_000_000


def read_pdf(path: Path, options: Mapping[str, Any]) -> dict[str, Any]:
    """Pages of the file as ``[number, text]``, with what it says about itself."""
    import pypdfium2  # type: ignore[import-untyped]

    try:
        pdf = pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError as error:
        reason = "encrypted" if _is_locked(str(error)) else "damaged"
        raise DocumentError(reason, str(error)) from error
    with pdf:
        if len(pdf) > _MAX_PAGES:
            raise DocumentError("too_large", f"{len(pdf):,} pages, at most {_MAX_PAGES:,}")
        plain = [_page_text(pdf, number) for number in range(len(pdf))]
        empty = [number for number, text in enumerate(plain) if _is_scan(pdf, number, text)]
        problems = []
        for number in empty:
            plain[number], problem = _read_scan(pdf, number, options)
            problems += [problem] if problem else []
        title = str(pdf.get_metadata_value("Title") or "")
        author = str(pdf.get_metadata_value("Author") or "")
    texts = _best_pages(plain, _blocks_of(path))
    return {
        "pages": [[number, text] for number, text in enumerate(texts, start=1)],
        "title": title if _is_title(title) else "",
        "metadata": kept({"authors": author}),
        "problems": problems,
    }


def _is_locked(message: str) -> bool:
    return "password" in message.lower() or "security" in message.lower()


def _is_title(title: str) -> bool:
    """Whether the field holds a title and not the name of the file it was printed from."""
    return not re.search(
        r"\.(docx?|pdf|indd|tex|dvi|qxd|ppt|pptx)\b|^untitled|^microsoft word", title, re.IGNORECASE
    )


def _page_text(pdf: Any, number: int) -> str:
    """What pdfium reads on a page; a page it cannot load has no text."""
    import pypdfium2

    try:
        page = pdf[number]
        text = page.get_textpage().get_text_range()
    except pypdfium2.PdfiumError:
        return ""
    return str(text)[:_MAX_PAGE_CHARACTERS]


def _is_scan(pdf: Any, number: int, text: str) -> bool:
    """Whether a page shows a picture and holds hardly any text."""
    import pypdfium2
    import pypdfium2.raw as raw  # type: ignore[import-untyped]

    if len(text.strip()) >= _MIN_CHARACTERS:
        return False
    try:
        objects = pdf[number].get_objects(filter=[raw.FPDF_PAGEOBJ_IMAGE], max_depth=3)
        return next(iter(objects), None) is not None
    except pypdfium2.PdfiumError:
        return True


def _read_scan(
    pdf: Any, number: int, options: Mapping[str, Any]
) -> tuple[str, dict[str, Any] | None]:
    """Text of a scanned page by tesseract, or why there is none."""
    problem = {"page": number + 1, "reason": "page_without_text"}
    if options["ocr"] == "off":
        return "", {**problem, "detail": "the page is a picture, and ocr is off"}
    program = tesseract()
    if program is None:
        return "", {**problem, "detail": "the page is a picture, and tesseract is not installed"}
    text = ocr_page(pdf, number, program, str(options["language"]))
    if len(text.strip()) < _MIN_CHARACTERS:
        return text, {**problem, "detail": "the page is a picture, and tesseract found no text"}
    return text, None


def _blocks_of(path: Path) -> dict[int, list[tuple[str, str]]]:
    """Blocks that kreuzberg finds, by page number from 1, as Markdown with their kind."""
    import kreuzberg

    config = markdown_config(include_document_structure=True)
    try:
        document = kreuzberg.extract_file_sync(str(path), config=config).document
    except kreuzberg.KreuzbergError:
        return {}
    blocks: dict[int, list[tuple[str, str]]] = {}
    nodes: list[Any] = list(document["nodes"]) if document else []
    for node in nodes:
        text = _markdown(node["content"])
        if text and node.get("page"):
            blocks.setdefault(node["page"], []).append((node["content"]["node_type"], text))
    return blocks


def _markdown(content: Mapping[str, Any]) -> str:
    """One node as Markdown, "" for what only groups others."""
    kind = content["node_type"]
    text = str(content.get("text") or "")
    if kind == "heading":
        return f"{'#' * int(content.get('level') or 1)} {' '.join(text.split())}" if text else ""
    if kind == "table":
        return _table(content.get("grid") or {})
    if kind == "code":
        return f"```\n{text}\n```"
    if kind == "list_item":
        return text if text[:1] in "•\uf06c\uf0b7-*" else f"• {text}"
    return text if kind in ("title", "paragraph", "quote", "formula", "footnote") else ""


def _table(grid: Mapping[str, Any]) -> str:
    """A grid of cells as a Markdown table."""
    rows: dict[int, dict[int, str]] = {}
    for cell in grid.get("cells", ()):
        content = " ".join(str(cell.get("content", "")).split()).replace("|", "\\|")
        rows.setdefault(cell["row"], {})[cell["col"]] = content
    width = int(grid.get("cols") or 0)
    lines = [
        "| " + " | ".join(row.get(i, "") for i in range(width)) + " |" for row in rows.values()
    ]
    return "\n".join([*lines[:1], "|" + " --- |" * width, *lines[1:]]) if lines else ""


def _best_pages(plain: list[str], blocks: dict[int, list[tuple[str, str]]]) -> Iterator[str]:
    """Each page from kreuzberg where it kept all words, else from pdfium."""
    lines = [mend_characters(text, {}).split("\n") for text in plain]
    bodies = [
        ["" if not line.strip() else line for line in kept_lines]
        for kept_lines in drop_running_lines(lines)
    ]
    known = _vocabulary(bodies)
    for number, body in enumerate(bodies, start=1):
        found = blocks.get(number, [])
        text = _unglued("\n\n".join(part for _, part in found), "\n".join(body), known)
        if found and _lost(" ".join(body), text) <= _MAX_LOST:
            yield text
        else:
            yield paragraphs_of(_with_headings(body, found))


def _vocabulary(bodies: list[list[str]]) -> set[str]:
    return {word.lower() for body in bodies for line in body for word in _HYPHENATED.findall(line)}


def _lost(body: str, text: str) -> float:
    """Share of the page's letters that are missing in `text`."""
    wanted = Counter(_WORD.findall(body.lower()))
    missing = wanted - Counter(_WORD.findall(text.lower()))
    letters = sum(len(word) * n for word, n in wanted.items())
    return sum(len(word) * n for word, n in missing.items()) / max(letters, 1)


_HYPHENATED = re.compile(r"[^\W_]+(?:-[^\W_]+)*")
_LINE_END = re.compile(r"([^\W_]+)([-‐]?)[ \t]*\n[ \t]*([^\W_]+)")


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


def _with_headings(body: list[str], found: list[tuple[str, str]]) -> list[str]:
    """Lines of a page with the ones marked that kreuzberg took for headings."""
    marks = {
        text.lstrip("# ").lower(): text[: text.index(" ") + 1]
        for kind, text in found
        if kind == "heading"
    }
    return [marks.get(" ".join(line.split()).lower(), "") + line for line in body]
