"""Scanned pages with the real tesseract, where it is installed."""

from __future__ import annotations

import io
import shutil

import pypdfium2 as pdfium
import pytest

from wellread.ingest.read import read_folder
from wellread.ingest.settings import IngestSettings
from wellread.records import Document

pytestmark = pytest.mark.skipif(not shutil.which("tesseract"), reason="tesseract is not installed")

TEXT = [
    "The pump must be cleaned once a week.",
    "Close the red valve before the cover is opened.",
    "The tank holds twenty litres of water.",
]


def scan(printed: bytes) -> bytes:
    """Each page of a PDF as a picture of itself, at 200 dots an inch."""
    scanned = pdfium.PdfDocument.new()
    for page in pdfium.PdfDocument(printed):
        width, height = page.get_size()
        picture = pdfium.PdfImage.new(scanned)
        picture.set_bitmap(page.render(scale=200 / 72))
        picture.set_matrix(pdfium.PdfMatrix().scale(width, height))
        copy = scanned.new_page(width, height)
        copy.insert_obj(picture)
        copy.gen_content()
    written = io.BytesIO()
    scanned.save(written)
    return written.getvalue()


def test_a_scanned_page_is_read_and_its_page_is_kept(make, write):
    folder = write({"scan.pdf": scan(make.pdf(TEXT))})
    found = list(read_folder(folder, IngestSettings(language="en")))
    (document,) = [read for read in found if isinstance(read, Document)]
    words = document.text.split()
    expected = " ".join(TEXT).split()
    assert sum(word in words for word in expected) >= 0.9 * len(expected), document.text
    assert document.pages[0].page == 1


def test_without_ocr_a_scanned_page_is_reported_and_not_dropped_silently(make, write):
    folder = write({"scan.pdf": scan(make.pdf(TEXT))})
    found = list(read_folder(folder, IngestSettings(ocr="off")))
    assert not any(isinstance(read, Document) for read in found)
    assert {read.reason for read in found} & {"page_without_text", "no_text"}
