"""Which files can be read, and whether their first bytes agree with their names."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

from wellread.errors import DocumentError

TEXT = frozenset({".txt", ".md"})
ROWS = frozenset({".jsonl", ".csv"})
PARSED = frozenset({".pdf", ".docx", ".pptx", ".epub", ".html", ".htm"})
KNOWN = TEXT | ROWS | PARSED

_ZIPPED = {
    ".docx": "word/document.xml",
    ".pptx": "ppt/presentation.xml",
    ".epub": "META-INF/container.xml",
}
_FORMATS_BY_MAGIC = (
    (b"%PDF-", "a PDF"),
    (b"PK\x03\x04", "a zip archive"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an encrypted or old Office file"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\x7fELF", "a program"),
)
_HEAD = 1024
_MAX_MEMBERS = 10_000
_MAX_RATIO = 200
_SMALL_MEMBER = 1 << 20


def check_magic(path: Path) -> None:
    """Raise DocumentError where the bytes are not of the format that the name claims."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    found = next((name for magic, name in _FORMATS_BY_MAGIC if head.startswith(magic)), "")
    suffix = path.suffix.lower()
    if suffix == ".pdf":
        if b"%PDF-" in head:
            return
        raise _wrong(suffix, found or _looks_like(head))
    if suffix in _ZIPPED:
        if found == "an encrypted or old Office file":
            raise DocumentError("encrypted", "encrypted, or of an Office before 2007")
        if found != "a zip archive":
            raise _wrong(suffix, found or _looks_like(head))
    elif found:
        raise _wrong(suffix, found)


def check_archive(path: Path, max_bytes: float) -> None:
    """Raise DocumentError for an archive that would unpack to too much or lacks its main part."""
    main = _ZIPPED[path.suffix.lower()]
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            _check_members(members, max_bytes, main)
            with archive.open(main) as part:
                head = part.read(_HEAD)
    except (zipfile.BadZipFile, zlib.error, OSError, ValueError, NotImplementedError) as error:
        raise DocumentError("damaged", f"not a whole zip archive ({error})") from error
    if b"<!DOCTYPE" in head or b"<!ENTITY" in head:
        raise DocumentError("damaged", f"{main} declares entities, which no Office program writes")


def _check_members(members: list[zipfile.ZipInfo], max_bytes: float, main: str) -> None:
    """Raise DocumentError by what the archive says of itself, before anything is unpacked."""
    if len(members) > _MAX_MEMBERS:
        raise DocumentError("too_large", f"{len(members):,} members, at most {_MAX_MEMBERS:,}")
    total = sum(member.file_size for member in members)
    if total > max_bytes:
        raise DocumentError("too_large", f"unpacks to {total:,} bytes, at most {int(max_bytes):,}")
    for member in members:
        ratio = member.file_size / max(member.compress_size, 1)
        if member.file_size > _SMALL_MEMBER and ratio > _MAX_RATIO:
            raise DocumentError("too_large", f"{member.filename!r} is packed {ratio:,.0f} times")
    if any(member.flag_bits & 1 for member in members):
        raise DocumentError("encrypted", "the archive is encrypted")
    if not any(member.filename == main for member in members):
        raise DocumentError("wrong_format", f"a zip archive without {main}")


def _wrong(suffix: str, found: str) -> DocumentError:
    return DocumentError("wrong_format", f"named {suffix}, and holds {found}")


def _looks_like(head: bytes) -> str:
    start = head.lstrip()[:200].lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return "HTML"
    return "text" if b"\x00" not in head and head.isascii() else "something else"
