"""Real manuals, books and Chinese encyclopedia paragraphs: what a reader would complain about."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from wellread.ingest.chunk import split
from wellread.ingest.duplicates import find_near_duplicates
from wellread.ingest.read import read_folder
from wellread.ingest.settings import IngestSettings
from wellread.records import Chunk, Document, Rejection

DATA = Path(__file__).parents[3] / "shared" / "data"
pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not DATA.is_dir(), reason="no real data here"),
]
SETTINGS = IngestSettings(ocr="off")
WORD = re.compile(r"[A-Za-z]{2,}")
RUNNING_HEAD = re.compile(
    r"\d+ (?:January|May|June) 20\d\d FM \d|FM \d+-\d+ \d+ (?:January|May|June) 20\d\d"
)


def read(pattern: str) -> dict[str, Document]:
    options = SETTINGS.model_copy(update={"include": (pattern,)})
    return {one.id: one for one in read_folder(DATA, options) if isinstance(one, Document)}


def cut(document: Document) -> list[Chunk]:
    return [one for one in split(document, SETTINGS) if isinstance(one, Chunk)]


@pytest.fixture(scope="module")
def manuals() -> dict[str, Document]:
    return read("manuals/*")


def test_manuals_hold_no_running_heads_dots_control_codes_or_shifted_glyphs(manuals):
    assert len(manuals) == 5
    for name, document in manuals.items():
        heads = len(RUNNING_HEAD.findall(document.text))
        assert heads <= max(8, len(document.text) // 100_000), name
        assert "...." not in document.text
        assert not re.search(r"[\x00-\x08\x0b-\x1f]", document.text)
        assert not re.search(r"WKH|DQG|KHDGTXDUWHUV|-DQXDU", document.text)
        assert document.language == "en"


def test_nearly_no_word_of_a_manual_is_lost(manuals):
    for path in sorted((DATA / "manuals").glob("*.txt")):
        raw = Counter(WORD.findall(path.read_text("utf-8-sig").lower()))
        clean = Counter(WORD.findall(manuals[f"manuals/{path.name}"].text.lower()))
        assert sum((raw - clean).values()) < 0.04 * sum(raw.values()), path.name


def test_the_pdf_and_the_text_made_from_it_hold_the_same_words(manuals):
    """The golden pair: the text file is another tool's extraction of the same PDF."""
    pdf, text = (manuals[name].text for name in sorted(manuals) if "ARN14613" in name)
    ours, theirs = (Counter(WORD.findall(one.lower())) for one in (pdf, text))
    assert sum((theirs - ours).values()) < 0.01 * sum(theirs.values())
    assert sum((ours - theirs).values()) < 0.01 * sum(ours.values())
    glued = {word for word in ours if word not in theirs and len(word) > 3}
    assert len(glued) < 12, sorted(glued)


def test_paragraphs_of_the_pdf_are_on_the_pages_they_are_printed_on(manuals):
    (document,) = (one for name, one in manuals.items() if name.endswith(".pdf"))
    pages = {
        chunk.pages
        for chunk in cut(document)
        if "3-1. The Army provides to geographic" in chunk.text
    }
    assert pages == {(21, 21)}


def test_chunks_of_manuals_start_at_paragraphs_and_end_with_sentences(manuals):
    for name, document in manuals.items():
        chunks = cut(document)
        starts = sum(bool(re.match(r"#|•|[A-Z\d“(]|z ", chunk.text)) for chunk in chunks)
        ends = sum(chunk.text[-1] in '.:!?—)”"' for chunk in chunks)
        assert starts > 0.93 * len(chunks), name
        assert ends > 0.85 * len(chunks), name
        assert sum(chunk.tokens for chunk in chunks) / len(chunks) > 200


def test_most_chunks_of_manuals_know_their_heading(manuals):
    for document in manuals.values():
        chunks = cut(document)
        assert sum(bool(chunk.heading) for chunk in chunks) > 0.85 * len(chunks)


def test_books_come_without_boilerplate_and_know_their_chapters():
    books = read("books/*")
    alice, hamlet = books["books/12.txt"], books["books/7276.txt"]
    assert (alice.title, alice.language) == ("Through the Looking-Glass", "en")
    assert (hamlet.title, hamlet.language) == ("Hamlet, Prinz von Dännemark", "de")
    for document in books.values():
        assert "gutenberg" not in document.text.lower()
    headings = {chunk.heading for chunk in cut(alice)}
    assert "CHAPTER VI. Humpty Dumpty" in headings
    assert len([one for one in headings if one.startswith("CHAPTER")]) >= 11


def test_chinese_paragraphs_are_told_and_cut_at_sentences():
    data = json.loads((DATA / "xquad" / "xquad.zh.json").read_text("utf-8"))
    texts = [one["context"] for article in data["data"] for one in article["paragraphs"]]
    document = Document("zh", "\n\n".join(texts), language="zh")
    chunks = cut(document)
    assert sum(chunk.text[-1] in "。！？”」）" for chunk in chunks) > 0.95 * len(chunks)
    assert "".join("".join(chunk.text.split()) for chunk in chunks) == "".join(
        document.text.split()
    )


def test_the_two_copies_of_one_manual_are_found_as_near_duplicates(manuals):
    chunks = [chunk for name, one in manuals.items() if "ARN14613" in name for chunk in cut(one)]
    found = list(find_near_duplicates(chunks, threshold=0.5))
    across = [one for one in found if one.original_id.split("#")[0] != one.chunk_id.split("#")[0]]
    assert len(across) > 0.2 * len(chunks)


def test_every_file_is_a_document_or_has_a_reason():
    found = list(read_folder(DATA, SETTINGS))
    reasons = Counter(one.reason for one in found if isinstance(one, Rejection))
    assert set(reasons) <= {"unsupported_format", "page_without_text", "bad_line"}
