"""Small real files of every format, made by hand from the standard library."""

import zipfile
import zlib
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import pytest

WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
DRAWING = "http://schemas.openxmlformats.org/drawingml/2006/main"
SLIDES = "http://schemas.openxmlformats.org/presentationml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"


def zipped(members: dict[str, str | bytes], *, stored: Sequence[str] = ()) -> bytes:
    file = BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            kind = zipfile.ZIP_STORED if name in stored else zipfile.ZIP_DEFLATED
            archive.writestr(name, data, kind)
    return file.getvalue()


def relations(*targets: tuple[str, str]) -> str:
    rows = "".join(
        f'<Relationship Id="rId{n}" Type="{RELATIONS}/{kind}" Target="{target}"/>'
        for n, (kind, target) in enumerate(targets, 1)
    )
    return f'<Relationships xmlns="{PACKAGE}/relationships">{rows}</Relationships>'


def content_types(*parts: tuple[str, str]) -> str:
    office = "application/vnd.openxmlformats-officedocument"
    rows = "".join(
        f'<Override PartName="{name}" ContentType="{office}.{kind}+xml"/>' for name, kind in parts
    )
    return (
        f'<Types xmlns="{PACKAGE}/content-types">'
        '<Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Default Extension="xml" ContentType="application/xml"/>{rows}</Types>'
    )


def docx(*blocks: str | tuple[str, str] | list[list[str]], head: str = "") -> bytes:
    """Paragraphs, ``(style, text)`` pairs and tables as lists of rows."""

    def paragraph(text: str, style: str = "") -> str:
        look = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
        return f'<w:p>{look}<w:r><w:t xml:space="preserve">{text}</w:t></w:r></w:p>'

    body = ""
    for block in blocks:
        if isinstance(block, str):
            body += paragraph(block)
        elif isinstance(block, tuple):
            body += paragraph(block[1], block[0])
        else:
            rows = "".join(
                "<w:tr>" + "".join(f"<w:tc>{paragraph(cell)}</w:tc>" for cell in row) + "</w:tr>"
                for row in block
            )
            body += f"<w:tbl>{rows}</w:tbl>"
    styles = "".join(
        f'<w:style w:type="paragraph" w:styleId="Heading{n}"><w:name w:val="heading {n}"/>'
        f'<w:pPr><w:outlineLvl w:val="{n - 1}"/></w:pPr></w:style>'
        for n in (1, 2, 3)
    )
    main = "wordprocessingml.document.main"
    return zipped({
        "[Content_Types].xml": content_types(
            ("/word/document.xml", main), ("/word/styles.xml", "wordprocessingml.styles")
        ),
        "_rels/.rels": relations(("officeDocument", "word/document.xml")),
        "word/_rels/document.xml.rels": relations(("styles", "styles.xml")),
        "word/styles.xml": f'<w:styles xmlns:w="{WORD}">{styles}</w:styles>',
        "word/document.xml": f'{head}<w:document xmlns:w="{WORD}"><w:body>{body}</w:body>'
        "</w:document>",
    })  # fmt: skip


def pptx(*slides: tuple[str, str]) -> bytes:
    """Slides of a title and a text."""

    def shape(kind: str, text: str) -> str:
        return (
            f'<p:sp><p:nvSpPr><p:cNvPr id="2" name="{kind}"/><p:cNvSpPr/><p:nvPr>'
            f'<p:ph type="{kind}"/></p:nvPr></p:nvSpPr><p:spPr/><p:txBody><a:bodyPr/>'
            f"<a:p><a:r><a:t>{text}</a:t></a:r></a:p></p:txBody></p:sp>"
        )

    spaces = f'xmlns:a="{DRAWING}" xmlns:r="{RELATIONS}" xmlns:p="{SLIDES}"'
    members: dict[str, str | bytes] = {
        f"ppt/slides/slide{n}.xml": f"<p:sld {spaces}><p:cSld><p:spTree>"
        f"{shape('title', title)}{shape('body', body)}</p:spTree></p:cSld></p:sld>"
        for n, (title, body) in enumerate(slides, 1)
    }
    listed = "".join(f'<p:sldId id="{255 + n}" r:id="rId{n}"/>' for n in range(1, len(slides) + 1))
    members |= {
        "[Content_Types].xml": content_types(
            ("/ppt/presentation.xml", "presentationml.presentation.main"),
            *((f"/{name}", "presentationml.slide") for name in members),
        ),
        "_rels/.rels": relations(("officeDocument", "ppt/presentation.xml")),
        "ppt/_rels/presentation.xml.rels": relations(
            *(("slide", f"slides/slide{n}.xml") for n in range(1, len(slides) + 1))
        ),
        "ppt/presentation.xml": f"<p:presentation {spaces}><p:sldIdLst>{listed}</p:sldIdLst>"
        "</p:presentation>",
    }
    return zipped(members)


def epub(title: str, *chapters: tuple[str, str]) -> bytes:
    names = [f"c{n}.xhtml" for n in range(len(chapters))]
    members: dict[str, str | bytes] = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": '<container version="1.0" '
        'xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
        '<rootfile full-path="b.opf" media-type="application/oebps-package+xml"/>'
        "</rootfiles></container>",
        "b.opf": '<package xmlns="http://www.idpf.org/2007/opf" version="3.0" '
        'unique-identifier="i"><metadata xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f'<dc:title>{title}</dc:title><dc:identifier id="i">x</dc:identifier>'
        "<dc:language>en</dc:language></metadata><manifest>"
        + "".join(f'<item id="{n}" href="{n}" media-type="application/xhtml+xml"/>' for n in names)
        + "</manifest><spine>"
        + "".join(f'<itemref idref="{n}"/>' for n in names)
        + "</spine></package>",
    }
    for name, (heading, text) in zip(names, chapters, strict=True):
        members[name] = (
            '<html xmlns="http://www.w3.org/1999/xhtml"><head><title>t</title></head>'
            f"<body><h1>{heading}</h1><p>{text}</p></body></html>"
        )
    return zipped(members, stored=["mimetype"])


def pdf(*pages: Sequence[str] | bytes, title: str = "", kids: str = "", extra: str = "") -> bytes:
    """Pages of lines of text in Helvetica; a page as bytes is its raw content stream.

    `kids` replaces the list of pages, `extra` goes into the trailer.
    """
    objects: list[bytes] = [b"", b"", b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"]
    numbers = []
    for page in pages:
        content = page if isinstance(page, bytes) else _lines_as_content(page)
        numbers.append(len(objects) + 1)
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents %d 0 R "
            b"/Resources << /Font << /F1 3 0 R >> /XObject << /I %d 0 R >> >> >>"
            % (len(objects) + 2, len(objects) + 3)
        )
        objects.append(stream(content))
        objects.append(stream(bytes(64), b"/Type /XObject /Subtype /Image /Width 8 /Height 8 "
                              b"/ColorSpace /DeviceGray /BitsPerComponent 8"))  # fmt: skip
    listed = kids or " ".join(f"{n} 0 R" for n in numbers)
    objects[0] = b"<< /Type /Catalog /Pages 2 0 R >>"
    objects[1] = f"<< /Type /Pages /Kids [{listed}] /Count {len(pages)} >>".encode()
    if title:
        objects.append(f"<< /Title ({title}) >>".encode())
        extra += f" /Info {len(objects)} 0 R"
    return assembled(objects, extra)


def stream(data: bytes, keys: bytes = b"", *, packed: bool = False) -> bytes:
    if packed:
        data, keys = zlib.compress(data, 9), keys + b" /Filter /FlateDecode"
    return b"<< %s /Length %d >>\nstream\n%s\nendstream" % (keys, len(data), data)


def assembled(objects: Sequence[bytes], extra: str = "") -> bytes:
    out = b"%PDF-1.4\n"
    places = []
    for number, data in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, data)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    return out + (
        b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<< /Size %d /Root 1 0 R %s >>\n"
        b"startxref\n%d\n%%%%EOF\n"
        % (len(objects) + 1, table, len(objects) + 1, extra.encode(), len(out))
    )


def _lines_as_content(lines: Sequence[str]) -> bytes:
    shown = "".join(f"({_escaped(line)}) Tj T*\n" for line in lines)
    return f"BT /F1 11 Tf 14 TL 72 720 Td\n{shown}ET".encode("latin-1")


def _escaped(line: str) -> str:
    return line.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")


def encrypted_pdf() -> bytes:
    """Locked with a user password: the standard handler with keys that fit no empty password."""
    lock = (
        "/Encrypt << /Filter /Standard /V 1 /R 2 /P -4 "
        f"/O <{'ab' * 32}> /U <{'cd' * 32}> >> /ID [<{'01' * 16}> <{'01' * 16}>]"
    )
    return pdf(["secret"], extra=lock)


def scanned_pdf(*texts: Sequence[str]) -> bytes:
    """A page that shows a picture only, then pages of text."""
    return pdf(b"q 400 0 0 400 72 300 cm /I Do Q", *texts)


@pytest.fixture(scope="session")
def make() -> SimpleNamespace:
    """The builders: ``make.docx(...)`` and so on return bytes."""
    return SimpleNamespace(
        docx=docx, pptx=pptx, epub=epub, pdf=pdf, zipped=zipped, stream=stream,
        assembled=assembled, encrypted_pdf=encrypted_pdf, scanned_pdf=scanned_pdf,
    )  # fmt: skip


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write files below a fresh folder by their relative paths, and return the folder."""

    def put(files: dict[str, str | bytes]) -> Path:
        folder = tmp_path / "documents"
        folder.mkdir(exist_ok=True)
        for name, data in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data.encode() if isinstance(data, str) else data)
        return folder

    return put
