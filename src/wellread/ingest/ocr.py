"""Text of a scanned page by the tesseract program, where it is installed. Runs in the child."""

from __future__ import annotations

import io
import shutil
import subprocess
from typing import Any

_DPI = 300
_MAX_PIXELS = 40_000_000
_SECONDS = 300
_LANGUAGES = {
    "en": "eng", "de": "deu", "fr": "fra", "es": "spa", "it": "ita", "pt": "por", "nl": "nld",
    "pl": "pol", "ru": "rus", "zh": "chi_sim", "ja": "jpn", "ko": "kor", "ar": "ara",
}  # fmt: skip


def tesseract() -> str | None:
    """Path of the program, or None."""
    return shutil.which("tesseract")


def ocr_page(pdf: Any, number: int, program: str, language: str = "") -> str:
    """Text of page `number` (from 0) as tesseract reads it; "" where it fails.

    One thread only: several cost three times the time of one on a loaded machine. The caller's
    deadline kills this process and tesseract with it.
    """
    page = pdf[number]
    width, height = page.get_size()
    scale = min(_DPI / 72, (_MAX_PIXELS / max(width * height, 1.0)) ** 0.5)
    image = page.render(scale=scale, grayscale=True).to_numpy()
    command = [program, "stdin", "stdout", "-l", _LANGUAGES.get(language, "eng")]
    ran = subprocess.run(
        command, input=_pgm(image), capture_output=True, timeout=_SECONDS, check=False
    )
    return ran.stdout.decode("utf-8", "replace") if ran.returncode == 0 else ""


def _pgm(image: Any) -> bytes:
    """A grey picture in the portable grey map format, which needs no library."""
    height, width = image.shape[:2]
    data = io.BytesIO()
    data.write(b"P5 %d %d 255\n" % (width, height))
    data.write(image.tobytes())
    return data.getvalue()
