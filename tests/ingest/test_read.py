"""Reading a folder: every format, ids, titles, and a reason for everything that is not read."""

import os
from pathlib import Path

import orjson
import pytest

from wellread.errors import InputError
from wellread.ingest.decode import decode
from wellread.ingest.read import read_folder
from wellread.ingest.settings import IngestSettings
from wellread.records import Document, Rejection

SETTINGS = IngestSettings(ocr="off")
TEXT = "The pump moves water from the tank to the boiler at a rate of ten litres a minute."


def read(folder: Path, **options: object) -> tuple[dict[str, Document], dict[str, str]]:
    """Documents by id, and reasons by id of what was rejected."""
    found = list(read_folder(folder, SETTINGS.model_copy(update=options)))
    documents = {one.id: one for one in found if isinstance(one, Document)}
    return documents, {one.id: one.reason for one in found if isinstance(one, Rejection)}


def test_every_format_is_read_from_nested_folders_in_the_order_of_paths(make, write):
    folder = write({
        "b/notes.md": f"# The pump\n\n{TEXT}",
        "b/notes.txt": TEXT,
        "a/guide.docx": make.docx(
            ("Heading1", "The pump"), TEXT, [["Part", "Price"], ["Valve", "5"]]
        ),
        "a/deep/talk.pptx": make.pptx(("The pump", TEXT)),
        "book.epub": make.epub("All on pumps", ("The pump", TEXT)),
        "page.html": f"<html><head><title>Pump &amp; co</title></head><body><h1>P</h1><p>{TEXT}</p>"
        "<script>steal()</script></body></html>",
        "paper.pdf": make.pdf([TEXT], ["The second page follows here."], title="On pumps"),
        "parts.csv": "part,price\nvalve,5 EUR\nseal,1 EUR\n",
        "rows.jsonl": orjson.dumps({"id": "r1", "text": TEXT, "title": "Row"}),
    })  # fmt: skip
    documents, reasons = read(folder)
    assert reasons == {}
    assert list(documents) == [
        "a/deep/talk.pptx", "a/guide.docx", "b/notes.md", "b/notes.txt", "book.epub", "page.html",
        "paper.pdf", "parts.csv", "r1",
    ]  # fmt: skip
    for document in documents.values():
        assert TEXT in document.text or document.id == "parts.csv"
        assert document.language == ("en" if document.id != "parts.csv" else document.language)
    assert "| Valve | 5 |" in documents["a/guide.docx"].text
    assert "steal" not in documents["page.html"].text
    assert documents["parts.csv"].text == "part: valve; price: 5 EUR\n\npart: seal; price: 1 EUR"
    titles = {name: document.title for name, document in documents.items()}
    assert titles["paper.pdf"] == "On pumps"
    assert titles["page.html"] == "Pump & co"
    assert titles["book.epub"] == "All on pumps"
    assert titles["b/notes.md"] == "The pump"
    assert titles["b/notes.txt"] == "notes"
    assert titles["r1"] == "Row"


def test_pages_of_a_pdf_are_exact_spans(make, write):
    folder = write({"a.pdf": make.pdf([TEXT], [], ["The third page."])})
    documents, _ = read(folder)
    document = documents["a.pdf"]
    assert [(p.page, document.text[p.start : p.end]) for p in document.pages] == [
        (1, TEXT),
        (3, "The third page."),
    ]


def test_the_same_name_in_two_folders_gives_two_documents(write):
    documents, _ = read(write({"a/x.txt": "One text.", "b/x.txt": "Another text."}))
    assert set(documents) == {"a/x.txt", "b/x.txt"}
    assert {document.source for document in documents.values()} == set(documents)


def test_what_is_not_read_is_a_rejection_with_its_reason(write):
    folder = write({
        "good.txt": TEXT, "empty.txt": b"", "blank.txt": b" \n\t ", "x.xyz": b"x", "README": b"x",
        ".hidden.txt": b"x", ".git/config.txt": b"x", "binary.txt": bytes(range(32)) * 9,
        "named.txt": b"%PDF-1.4", "photo.md": b"\x89PNG\r\n\x1a\n", "page.pdf": b"<html></html>",
        "zip.docx": b"not a zip", "half.txt": b"\xff\xfea\x00b", "empty.csv": b"a,b\n",
    })  # fmt: skip
    documents, reasons = read(folder)
    assert list(documents) == ["good.txt"]
    assert reasons == {
        "empty.txt": "empty_file", "blank.txt": "no_text", "x.xyz": "unsupported_format",
        "README": "unsupported_format", ".hidden.txt": "hidden", ".git/config.txt": "hidden",
        "binary.txt": "wrong_format", "named.txt": "wrong_format", "photo.md": "wrong_format",
        "page.pdf": "wrong_format", "zip.docx": "wrong_format", "half.txt": "damaged",
        "empty.csv": "no_text",
    }  # fmt: skip


def test_an_empty_and_a_missing_folder_say_what_to_do(tmp_path):
    with pytest.raises(InputError, match="no files in this folder"):
        read_folder(tmp_path, SETTINGS)
    with pytest.raises(InputError, match="no such folder"):
        read_folder(tmp_path / "nowhere", SETTINGS)
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(InputError, match="not a folder"):
        read_folder(tmp_path / "a.txt", SETTINGS)


def test_links_to_outside_are_not_followed_and_links_inside_are(write, tmp_path):
    outside = tmp_path / "secret.txt"
    outside.write_text("A secret text.")
    folder = write({"a.txt": "A text."})
    (folder / "out.txt").symlink_to(outside)
    (folder / "outer").symlink_to(tmp_path)
    (folder / "inner.txt").symlink_to(folder / "a.txt")
    (folder / "dead.txt").symlink_to(folder / "nothing.txt")
    documents, reasons = read(folder)
    assert set(documents) == {"a.txt", "inner.txt"}
    assert reasons == {"out.txt": "link", "outer": "link", "dead.txt": "unreadable"}


def test_a_pipe_does_not_hang_the_reader(write):
    folder = write({"a.txt": "A text."})
    os.mkfifo(folder / "pipe.txt")
    assert read(folder)[1] == {"pipe.txt": "unreadable"}


def test_a_file_without_permission_is_unreadable(write, monkeypatch):
    folder = write({"a.txt": "A text.", "b.txt": "Another."})

    def refuse(self: Path) -> bytes:
        if self.name == "a.txt":
            raise PermissionError(13, "Permission denied", str(self))
        return original(self)

    original = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", refuse)
    documents, reasons = read(folder)
    assert (set(documents), reasons) == ({"b.txt"}, {"a.txt": "unreadable"})


def test_include_and_exclude_choose_by_pattern(write):
    folder = write({"a/x.txt": "x", "a/y.md": "y", "b/x.txt": "z"})
    assert set(read(folder, include=("*.txt",))[0]) == {"a/x.txt", "b/x.txt"}
    assert set(read(folder, include=("a/*",), exclude=("*.md",))[0]) == {"a/x.txt"}


def test_progress_counts_files(write):
    seen: list[tuple[int, int]] = []
    folder = write({"a.txt": "a", "b.bad": "b"})
    list(read_folder(folder, SETTINGS, progress=lambda done, found: seen.append((done, found))))
    assert seen == [(1, 2), (2, 2)]


def test_rows_keep_what_they_say_and_bad_ones_are_named_by_line(write):
    lines = [
        {"id": "one", "text": "First.", "title": "T", "source": "S", "metadata": {"year": 2020}},
        {"content": "Second."},
        {"id": 7, "text": "Third."},
        {"id": "one", "text": "Again."},
        {"id": "x", "body": "no text"},
        {"text": "  "},
        [1, 2],
    ]
    data = b"\n".join(map(orjson.dumps, lines)) + b'\n{"text": broken\n\n{"text": "Last."}'
    documents, reasons = read(write({"r.jsonl": data}))
    assert list(documents) == ["one", "r.jsonl#2", "7", "r.jsonl#10"]
    first = documents["one"]
    assert (first.title, first.source, first.metadata["year"]) == ("T", "S", 2020)
    assert documents["7"].source == "r.jsonl"
    assert reasons == {
        "r.jsonl:4": "duplicate_id", "r.jsonl:5": "bad_line", "r.jsonl:6": "no_text",
        "r.jsonl:7": "bad_line", "r.jsonl:8": "bad_line",
    }  # fmt: skip


def test_a_row_can_not_take_the_id_of_a_file(write):
    folder = write({"a.txt": "A file.", "b.jsonl": orjson.dumps({"id": "a.txt", "text": "A row."})})
    documents, reasons = read(folder)
    assert documents["a.txt"].text == "A file."
    assert reasons == {"b.jsonl:1": "duplicate_id"}


def test_a_csv_with_a_text_column_is_one_document_a_row(write):
    documents, _ = read(write({"a.csv": 'id;text;title\n1;"One; text";A\n2;Two;B\n'}))
    assert {d.id: (d.text, d.title) for d in documents.values()} == {
        "1": ("One; text", "A"),
        "2": ("Two", "B"),
    }


@pytest.mark.parametrize(
    ("data", "text", "encoding"),
    [
        ("Grüße".encode(), "Grüße", "utf-8"),
        (b"\xef\xbb\xbfGr\xc3\xbc\xc3\x9fe", "Grüße", "utf-8"),
        ("Grüße".encode("cp1252"), "Grüße", "cp1252"),
        (b"\xff\xfe" + "Grüße".encode("utf-16-le"), "Grüße", "utf-16-le"),
        (b"\xfe\xff" + "Grüße".encode("utf-16-be"), "Grüße", "utf-16-be"),
        (b"caf\xe9 \x81", "café \x81", "latin-1"),
    ],
)
def test_bytes_are_decoded_by_their_mark_then_utf8_then_western(data, text, encoding):
    assert decode(data) == (text, encoding)


def test_an_encoding_other_than_utf8_is_told(write):
    documents, _ = read(write({"a.txt": "Grüße aus Köln".encode("cp1252")}))
    assert documents["a.txt"].metadata["encoding"] == "cp1252"
