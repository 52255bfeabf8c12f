"""Naughty strings go through the whole road: read, chunk, knowledge base, extractive job."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import pytest

from tests.adversarial.naughty import ALL, LONE, STRINGS
from wellread.errors import WellreadError
from wellread.ingest.chunk import split
from wellread.ingest.read import read_folder
from wellread.ingest.settings import IngestSettings
from wellread.knowledge.base import KnowledgeBase
from wellread.pipelines.project import Project
from wellread.pipelines.rag_data import make_rag_data
from wellread.records import Chunk, Document, Rejection
from wellread.storage.files import read_jsonl

SETTINGS = IngestSettings(chunk_size=120)


def word(number: int) -> str:
    """An invented word; equal numbers give equal words."""
    syllables = ["ka", "lo", "mi", "ru", "se", "to", "va", "ne", "du", "pi", "gra", "sto"]
    return "".join(syllables[(number // 12**place) % 12] for place in range(3)).capitalize()


def around(number: int, text: str) -> str:
    """Plain facts, other ones for every number, with a naughty string between them."""
    name, stuff, town, person = (word(number * 37 + k * 411 + 5) for k in range(4))
    return (
        f"# {name} {stuff}\n\nThe {name} {100 + number} is a kiln that burns {stuff.lower()} for "
        f"{town}.\n\n{text}\n\nThe warranty of the {name} {100 + number} lasts {3 + number} "
        f"months. Doctor {person} of {town} designed the {name} door in {1800 + number}."
    )


def visible(text: str) -> str:
    """The letters, digits and marks that a reader sees, in one spelling."""
    folded = unicodedata.normalize("NFKD", text)
    return "".join(c for c in folded if unicodedata.category(c)[0] in "LN")


def write(folder: Path, number: int, text: str) -> None:
    name = f"doc{number:03}"
    if number % 2:
        row = {"id": name, "title": text[:60] if number % 4 == 1 else "", "text": text}
        (folder / f"{name}.jsonl").write_text(json.dumps(row), encoding="utf-8")
    else:
        (folder / f"{name}.txt").write_bytes(text.encode("utf-8", "surrogatepass"))


def with_nul() -> list[str]:
    """Text files that hold a NUL are taken for binary ones, and said to be."""
    strings = [text for _, text in ALL]
    return [f"doc{n:03}.txt" for n, text in enumerate(strings) if "\x00" in text and n % 2 == 0]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("naughty")
    for number, (_, text) in enumerate(ALL):
        write(made, number, around(number, text))
    return made


def test_there_are_enough_strings():
    assert len(ALL) >= 150
    assert len({text for _, text in ALL}) == len(ALL)


def test_every_string_is_read_and_no_letter_of_it_is_lost(folder):
    read = list(read_folder(folder, SETTINGS))
    refused = {r.id: r.reason for r in read if isinstance(r, Rejection)}
    # A NUL may make a text file pass for a binary one; nothing else is a reason to refuse it.
    assert refused.items() <= dict.fromkeys(with_nul(), "wrong_format").items()
    documents = {d.id.removesuffix(".txt"): d for d in read if isinstance(d, Document)}
    assert len(documents) == len(ALL)
    lost = [
        text
        for number, (kind, text) in enumerate(ALL)
        if kind not in {"control", "markup"}
        and f"doc{number:03}" in documents
        and visible(text) not in visible(documents[f"doc{number:03}"].text)
    ]
    assert lost == []


def test_chunks_are_exact_spans_and_cover_every_letter(folder):
    for document in read_folder(folder, SETTINGS):
        if isinstance(document, Rejection):
            continue
        chunks = [piece for piece in split(document, SETTINGS) if isinstance(piece, Chunk)]
        for chunk in chunks:
            assert document.text[chunk.start : chunk.end] == chunk.text
        seen = [False] * len(document.text)
        for chunk in chunks:
            seen[chunk.start : chunk.end] = [True] * (chunk.end - chunk.start)
        left_out = "".join(c for c, covered in zip(document.text, seen, strict=True) if not covered)
        assert visible(left_out) == ""


def test_every_string_can_be_indexed_and_asked_for(folder, tmp_path):
    def pairs():
        for document in read_folder(folder, SETTINGS):
            if isinstance(document, Document):
                yield (
                    document,
                    tuple(c for c in split(document, SETTINGS) if isinstance(c, Chunk)),
                )

    with KnowledgeBase.build(tmp_path / "kb", pairs()) as base:
        for _, text in ALL:
            for passage in base.search(text, 3):
                assert base.chunk(passage.chunk.id) == passage.chunk
        for text in LONE:
            try:
                base.search(text, 3)
            except WellreadError:
                continue


@pytest.mark.parametrize("form", ["chunks", "numbered"])
def test_the_job_makes_data_of_them_that_can_be_read_back(folder, tmp_path, form):
    config = Project.model_validate(
        {
            "path": {"input_dir": folder, "output_dir": tmp_path / "out"},
            "ingest": {"chunk_size": 120},
            "rag_data": {"passage_form": form},
        }
    )
    report = make_rag_data(config)
    assert report.failed <= len(with_nul())
    lines = list(read_jsonl(tmp_path / "out" / "axolotl_rag_conversations.jsonl"))
    assert len(lines) == report.counts["training"]["examples"] > 10
    for _, line in lines:
        assert all(segment["text"] for segment in line["segments"])


@pytest.mark.parametrize("text", LONE)
def test_a_lone_surrogate_in_a_row_is_dropped_with_its_reason_or_replaced(tmp_path, text):
    row = json.dumps({"text": around(1, text)})
    (tmp_path / "a.jsonl").write_text(row + "\n" + json.dumps({"text": around(2, "plain")}))
    read = list(read_folder(tmp_path, SETTINGS))
    assert len(read) == 2
    for one in read:
        if isinstance(one, Document):
            one.text.encode("utf-8")
        else:
            assert one.reason == "bad_line"
    assert isinstance(read[1], Document)


def test_strings_can_be_names_of_files(tmp_path):
    names = ["[/b] x.txt", "[bold]a.txt", "{data}.txt", "<s>.txt", "a\nb.txt", "-rf.txt", "%s.txt"]
    for number, name in enumerate(names):
        (tmp_path / "in").mkdir(exist_ok=True)
        (tmp_path / "in" / name.replace("/", "∕")).write_text(around(number, "plain"))
    config = Project.model_validate(
        {"path": {"input_dir": tmp_path / "in", "output_dir": tmp_path / "out"}}
    )
    make_rag_data(config)
    for _, line in read_jsonl(tmp_path / "out" / "axolotl_rag_conversations.jsonl"):
        assert "{data}" not in line["segments"][0]["text"].replace("{data}.txt", "")


@pytest.mark.parametrize("kind", sorted(STRINGS))
def test_a_document_of_nothing_but_such_strings_is_read_or_rejected(tmp_path, kind):
    (tmp_path / "only.txt").write_bytes("\n".join(STRINGS[kind]).encode("utf-8", "surrogatepass"))
    (read,) = read_folder(tmp_path, SETTINGS)
    if isinstance(read, Document):
        for piece in split(read, SETTINGS):
            assert isinstance(piece, Chunk | Rejection)


@pytest.mark.xfail(reason="the repair of shifted glyphs takes one separator code for a digit")
def test_a_single_separator_code_between_words_does_not_become_a_digit(tmp_path):
    (tmp_path / "a.txt").write_text("The tank holds five\x1clitres. It is made of steel.\n" * 3)
    (read,) = read_folder(tmp_path, SETTINGS)
    assert isinstance(read, Document)
    assert "9" not in read.text
