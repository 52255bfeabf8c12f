"""From a folder, a file or rows to documents with chunks; what is bad is named with its line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wellread.errors import InputError
from wellread.ingest.settings import IngestSettings
from wellread.knowledge.file_lines import line_map
from wellread.knowledge.reading import Reading

TEXT = "The inlet valve is closed before the tank is drained, and opened after it is filled."


def rows(path: Path, *values: object) -> Path:
    lines = [value if isinstance(value, str) else json.dumps(value) for value in values]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def read(path: Path, **options: object) -> list:
    return list(Reading(path, **options).pairs())


def test_a_row_keeps_what_it_says_and_only_content_is_required(tmp_path):
    path = rows(
        tmp_path / "documents.jsonl",
        {"id": "a", "title": "Valves", "content": TEXT, "source": "v.md", "metadata": {"n": 1}},
        {"content": TEXT},
        "",
        {"content": TEXT, "id": 7},
    )
    documents = [document for document, _ in read(path)]
    assert [document.id for document in documents] == ["a", "doc_2", "7"]
    assert documents[0].title == "Valves"
    assert documents[0].source == "v.md"
    assert documents[0].metadata == {"n": 1}
    assert documents[1].title == documents[1].source == ""


def test_an_id_that_occurs_twice_is_named_with_both_lines(tmp_path):
    path = rows(
        tmp_path / "documents.jsonl",
        {"id": "b", "content": TEXT},
        {"id": "a", "content": TEXT},
        {"id": "a", "content": TEXT},
    )
    with pytest.raises(InputError) as caught:
        read(path)
    assert caught.value.message == f"{path}:3: id 'a' was already used in line 2"


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        ("{", "not JSON"),
        ("[1]", "not a JSON object"),
        ({"title": "no content"}, "no 'content' that holds text; it has 'title'"),
        ({"content": 5}, "content"),
        ({"content": "  "}, "empty"),
        ({"content": TEXT, "metadata": "draft"}, "'metadata' is 'draft'; it has to be an object"),
        ({"content": TEXT, "title": ["a"]}, "'title' is ['a']; it has to be text"),
        ({"content": TEXT, "id": True}, "'id' is True"),
    ],
)
def test_a_bad_row_is_an_error_with_its_line_or_is_left_out_when_asked(tmp_path, bad, told):
    path = rows(tmp_path / "documents.jsonl", {"id": "a", "content": TEXT}, bad)
    with pytest.raises(InputError) as caught:
        read(path)
    assert caught.value.message.startswith(f"{path}:2: ")
    assert told in caught.value.message
    assert "--skip-bad" in caught.value.hint
    reading = Reading(path, skip_bad=True)
    assert [document.id for document, _ in reading.pairs()] == ["a"]
    assert [rejection.id for rejection in reading.lost] == ["documents.jsonl:2"]


def test_the_first_five_bad_rows_are_named_and_the_others_counted(tmp_path):
    path = rows(tmp_path / "documents.jsonl", *["{"] * 9, {"content": TEXT})
    with pytest.raises(InputError) as caught:
        read(path)
    lines = caught.value.message.splitlines()
    assert [line.split(": ")[0] for line in lines[:-1]] == [f"{path}:{n}" for n in range(1, 6)]
    assert lines[-1] == "and 4 more"


def test_a_row_that_only_moved_is_the_same_document(tmp_path):
    row = {"id": "a", "content": TEXT}
    alone = read(rows(tmp_path / "documents.jsonl", row))
    moved = read(rows(tmp_path / "documents.jsonl", {"id": "b", "content": TEXT}, row))
    assert moved[1] == alone[0]
    folder = tmp_path / "folder"
    folder.mkdir()
    alone = read(rows(folder / "documents.jsonl", row).parent)
    moved = read(rows(folder / "documents.jsonl", {"id": "b", "content": TEXT}, row).parent)
    assert moved[1] == alone[0]


def test_one_file_is_read_by_itself(tmp_path):
    (tmp_path / "valves.md").write_text(f"# Valves\n\n{TEXT}\n")
    (tmp_path / "other.md").write_text(TEXT)
    ((document, chunks),) = read(tmp_path / "valves.md")
    assert document.id == document.source == "valves.md"
    assert chunks[0].lines == (1, 3)


def test_one_file_that_cannot_be_read_is_an_error(tmp_path):
    path = tmp_path / "broken.pdf"
    path.write_bytes(b"%PDF-1.4\n")
    with pytest.raises(InputError, match=r"broken\.pdf"):
        read(path)
    path = rows(tmp_path / "data.json", {"content": TEXT})
    with pytest.raises(InputError) as caught:
        read(path)
    assert caught.value.message == f"{path}: unsupported_format: .json"
    assert ".jsonl" in caught.value.hint


def test_a_missing_path_is_an_error(tmp_path):
    with pytest.raises(InputError, match="no such file or folder"):
        read(tmp_path / "absent")


def test_in_a_folder_a_bad_file_is_left_out_with_its_reason(tmp_path):
    (tmp_path / "good.md").write_text(TEXT)
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.4\n")
    (tmp_path / "picture.png").write_bytes(b"x")
    reading = Reading(tmp_path)
    assert [document.id for document, _ in reading.pairs()] == ["good.md"]
    assert [rejection.id for rejection in reading.lost] == ["broken.pdf"]
    assert {rejection.id for rejection in reading.left_out} == {"broken.pdf", "picture.png"}


def test_whole_makes_one_chunk_of_each_document(tmp_path):
    text = "\n\n".join(f"Paragraph {n}. {TEXT}" for n in range(30))
    (tmp_path / "long.md").write_text(text)
    small = IngestSettings(chunk_size=60, min_chunk_tokens=10)
    ((document, chunks),) = read(tmp_path, settings=small, whole=True)
    assert [chunk.text for chunk in chunks] == [document.text]
    assert chunks[0].tokens > 60
    ((_, cut),) = read(tmp_path, settings=small)
    assert len(cut) > 5


def test_lines_are_those_of_the_file_that_a_person_opens(tmp_path):
    paragraphs = [f"Paragraph {n} says: {TEXT}" for n in range(8)]
    lines = ["# Title", "", "", ""]
    for paragraph in paragraphs:
        lines += [paragraph, "", "", ""]
    (tmp_path / "spaced.md").write_text("\r\n".join(lines))
    small = IngestSettings(chunk_size=60, min_chunk_tokens=10)
    ((_, chunks),) = read(tmp_path, settings=small)
    for chunk in chunks:
        first, last = chunk.lines
        assert chunk.text.splitlines()[0] == lines[first - 1]
        assert chunk.text.splitlines()[-1] == lines[last - 1]


def test_rows_and_parsed_files_have_no_lines(tmp_path):
    rows(tmp_path / "documents.jsonl", {"id": "a", "content": f"One.\n\n{TEXT}"})
    (tmp_path / "page.html").write_text(f"<p>{TEXT}</p>")
    for _, chunks in read(tmp_path):
        assert [chunk.lines for chunk in chunks] == [()] * len(chunks)


def test_a_line_that_occurs_often_is_found_in_its_place():
    lines = ["# A", "Hamlet.", "To be.", "# B", "Hamlet.", "Or not.", "Hamlet.", "Words."]
    text = "\n".join([*lines[:2], *lines[3:]])
    assert line_map(text, "\n".join(lines)) == [1, 2, 4, 5, 6, 7, 8]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text("abc ", min_size=1, max_size=12), min_size=1, max_size=30), st.data())
def test_lines_kept_in_order_are_found_where_they_stand(lines, data):
    unique = [f"{number} {line}" for number, line in enumerate(lines)]
    kept = data.draw(st.sets(st.sampled_from(range(len(unique))), min_size=1))
    text = "\n".join(unique[number] for number in sorted(kept))
    assert line_map(text, "\n".join(unique)) == [number + 1 for number in sorted(kept)]
