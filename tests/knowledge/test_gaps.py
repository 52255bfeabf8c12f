"""A document's text comes back from its chunks and what lies between them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellread.knowledge.entries import make_entry
from wellread.knowledge.gaps import between, whole
from wellread.knowledge.sqlite_store import SqliteStore
from wellread.records import Chunk, Document

SPANS = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=6)


@given(st.text(max_size=30), SPANS)
def test_any_text_with_any_chunks_comes_back(text: str, spans: list[tuple[int, int]]) -> None:
    pieces = sorted(
        (min(a, len(text)), min(max(a, b), len(text))) for a, b in spans
    )  # overlapping, empty, nested
    cut = [(start, end, text[start:end]) for start, end in pieces]
    assert whole(between(text, cut), cut) == text


def test_what_chunks_hold_is_not_kept_twice() -> None:
    assert between("One. Two.", [(0, 4, "One."), (5, 9, "Two.")]) == " "


@pytest.mark.parametrize("text", ["", "\x00 a\r\n", "ü" * 5000, "middle " * 300])
def test_a_store_gives_the_text_of_a_document_back(tmp_path: Path, text: str) -> None:
    half = len(text) // 2
    chunks = [Chunk(f"d#{half}-{half + 3}", "d", text[half : half + 3], half, half + 3)]
    store = SqliteStore.create(tmp_path / "s.sqlite")
    for name, cut in (("d", chunks if text else []), ("e", [])):
        with store.writing():
            store.insert(make_entry((Document(name, text), cut), "en"))
        found = store.document(name)
        assert found is not None
        assert found.text == text
    store.close()
