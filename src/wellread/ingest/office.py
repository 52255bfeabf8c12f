"""docx, pptx, epub and html to Markdown, by kreuzberg. Runs in the child process."""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any

from wellread.errors import DocumentError

_FRONT_MATTER = re.compile(r"\A---\n(?:\s*(?:## )?[\w-]+:[^\n]*\n+)+(?:---\n+)?")
_KEPT = ("title", "authors", "created_at", "modified_at", "language", "subject", "keywords")


def read_office(path: Path) -> dict[str, Any]:
    """Markdown of the file with what it says about itself."""
    import kreuzberg

    try:
        result = kreuzberg.extract_file_sync(str(path), config=markdown_config())
    except kreuzberg.KreuzbergError as error:
        raise DocumentError(*_reason(str(error))) from error
    metadata = kept(dict(result.metadata))
    return {
        "text": _FRONT_MATTER.sub("", result.content + "\n"),
        "title": str(metadata.get("title") or ""),
        "metadata": metadata,
        "problems": [],
    }


def markdown_config(**more: bool) -> Any:
    """How kreuzberg is asked: Markdown, no OCR, and no copies of documents in the user's cache."""
    import kreuzberg

    configuration: Any = kreuzberg.ExtractionConfig  # its type stub lacks disable_ocr
    return configuration(output_format="markdown", use_cache=False, disable_ocr=True, **more)


def kept(metadata: dict[str, Any]) -> dict[str, Any]:
    """The few entries of a file's own metadata worth keeping, as plain values."""
    return {
        key: html.unescape(value if isinstance(value, str) else ", ".join(map(str, value)))
        for key in _KEPT
        if (value := metadata.get(key)) and isinstance(value, str | list | tuple)
    }


def _reason(message: str) -> tuple[str, str]:
    lower = message.lower()
    if "password" in lower or "encrypt" in lower:
        return "encrypted", message
    if "limit" in lower:
        return "too_large", message
    return "damaged", message
