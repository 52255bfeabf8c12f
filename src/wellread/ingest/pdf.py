"""PDF to text page by page, with two readers that check each other. Runs in the child process.

pdfium gives every character of a page, with its place; kreuzberg gives its blocks in reading order,
with headings and tables, but may lose a block, glue two words at a line end, leave a running head
or drop the number of a list item. Steps: pdfium reads the lines of all pages -> a page without text
goes to tesseract -> lines that run over the pages are found -> kreuzberg reads the structure -> its
blocks are mended by the lines of the page -> a page of which it lost words, or whose paragraphs it
did not find, is made from the lines.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from wellread.errors import DocumentError
from wellread.ingest.layout import best_pages, read_lines
from wellread.ingest.lines import Line
from wellread.ingest.ocr import ocr_page, tesseract
from wellread.ingest.office import kept, markdown_config

_MIN_CHARACTERS = 20
_MAX_PAGES = 20_000


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
        plain = [read_lines(pdf, number) for number in range(len(pdf))]
        empty = [number for number, lines in enumerate(plain) if _is_scan(pdf, number, lines)]
        problems = []
        for number in empty:
            text, problem = _read_scan(pdf, number, options)
            plain[number] = [Line(line) for line in text.splitlines()]
            problems += [problem] if problem else []
        title = str(pdf.get_metadata_value("Title") or "")
        author = str(pdf.get_metadata_value("Author") or "")
    texts = best_pages(plain, _blocks_of(path))
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


def _is_scan(pdf: Any, number: int, lines: Sequence[Line]) -> bool:
    """Whether a page shows a picture and holds hardly any text."""
    import pypdfium2
    import pypdfium2.raw as raw  # type: ignore[import-untyped]

    if len(" ".join(line.text for line in lines).strip()) >= _MIN_CHARACTERS:
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
