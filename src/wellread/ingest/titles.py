"""What to call a document that does not say so itself."""

from __future__ import annotations

import re

# One ending or more, as of text that someone took from a PDF.
_ENDINGS = re.compile(r"(?:\.[A-Za-z]{2,5})+$")


def title_of(text: str, path: str) -> str:
    """The first Markdown heading near the start of `text`, else the file's name made readable.

    >>> title_of("Some text.", "manuals/pump_x200-guide.txt")
    'pump x200 guide'
    >>> title_of("Some text.", "report.pdf.txt")
    'report'
    """
    heading = re.search(r"^#{1,2}[ \t]+(.{1,120}?)[ \t#]*$", text[:2000], re.MULTILINE)
    if heading:
        return heading[1].strip("*_ ")
    stem = _ENDINGS.sub("", path.rpartition("/")[2])
    return re.sub(r"[\s_-]+", " ", stem).strip() or path
