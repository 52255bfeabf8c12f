"""What belongs together stays on one side, as near to the share asked for as that allows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wellread.datasets.conversations import Row
from wellread.datasets.sources import Origin
from wellread.datasets.split import VAL, Groups, Split
from wellread.records import Conversation, Turn

WORDS = [f"w{n}" for n in range(3_000)]


def text(number: int) -> str:
    """Forty words that no other number has in this order."""
    return " ".join(np.random.default_rng(number).choice(WORDS, 40).tolist())


def row(number: int, *documents: str, passage: str = "", said: str | None = None) -> Row:
    said = text(number) if said is None else said
    talk = (Turn("user", f"{said} {number}"), Turn("assistant", "A", True))
    passages = (passage,) if passage else ()
    return Row(
        f"a:{number}", number, "", Conversation(talk), (), Origin(documents, passages, (said,))
    )


def split(rows: list[Row], val_split: float = 0.2, seed: int = 1) -> Split:
    with Groups() as groups:
        for each in rows:
            groups.add(each)
        return groups.divided(val_split, seed)


def sides_of(rows: list[Row], keys: list[str], found: Split) -> dict[str, set[int]]:
    return {key: {s for k, s in zip(keys, found.sides, strict=True) if k == key} for key in keys}


def test_a_document_is_on_one_side():
    keys = [f"d{n % 10}.md" for n in range(100)]
    found = split([row(n, key) for n, key in enumerate(keys)])
    assert found.level == "document"
    assert found.sides.count(VAL) == 20
    assert all(len(sides) == 1 for sides in sides_of([], keys, found).values())


def test_a_row_of_two_documents_joins_them():
    rows = [row(0, "a"), row(1, "b"), row(2, "a", "b"), *(row(n, f"d{n}") for n in range(3, 12))]
    for seed in range(8):
        sides = split(rows, 0.25, seed).sides
        assert sides[0] == sides[1] == sides[2]


def test_near_duplicates_of_different_documents_are_on_one_side():
    rows = [row(n, f"d{n}") for n in range(20)]
    rows[7] = row(7, "d7", said=text(3) + " and one more")
    for seed in range(10):
        sides = split(rows, 0.3, seed).sides
        assert sides[7] == sides[3]


def test_the_seed_decides_and_nothing_else():
    rows = [row(n, f"d{n}") for n in range(30)]
    assert split(rows, seed=4) == split(rows, seed=4)
    assert len({split(rows, seed=seed).sides for seed in range(6)}) > 1


@pytest.mark.parametrize(("finer", "level"), [("p{}", "passage"), ("", "passage")])
def test_where_one_document_holds_everything_the_split_is_finer_and_says_so(finer, level):
    rows = [row(n, "book.md", passage=finer.format(n // 5)) for n in range(50)]
    found = split(rows)
    assert found.level == level
    assert found.largest == 1
    assert "100%" in found.notes[0]
    assert 5 <= found.sides.count(VAL) <= 15
    if finer:
        for start in range(0, 50, 5):
            assert len(set(found.sides[start : start + 5])) == 1


def test_where_one_text_holds_everything_the_split_is_by_conversation():
    said = text(1)
    rows = [row(n, "book.md", passage="p", said=said) for n in range(20)]
    rows += [rows[0], rows[0]]
    found = split(rows)
    assert found.level == "conversation"
    assert found.sides[0] == found.sides[20] == found.sides[21]
    assert found.sides.count(VAL) in {4, 5, 3}


@pytest.mark.parametrize(
    ("count", "val_split", "expected"), [(0, 0.1, 0), (1, 0.5, 0), (2, 0.1, 1)]
)
def test_few_rows_leave_one_for_training(count, val_split, expected):
    assert split([row(n, f"d{n}") for n in range(count)], val_split).sides.count(VAL) == expected


def test_no_share_is_no_split():
    assert split([row(n, f"d{n}") for n in range(9)], 0.0).sides.count(VAL) == 0


@settings(deadline=None, max_examples=30)
@given(
    documents=st.lists(st.lists(st.integers(0, 12), max_size=2), min_size=2, max_size=40),
    val_split=st.floats(0.05, 0.6),
    seed=st.integers(0, 99),
)
def test_no_document_is_on_both_sides_unless_a_note_says_so(documents, val_split, seed):
    rows = [row(n, *(f"d{d}" for d in ds)) for n, ds in enumerate(documents)]
    found = split(rows, val_split, seed)
    assert 1 <= found.sides.count(VAL) < len(rows)
    assert bool(found.notes) == (found.level != "document")
    if found.level == "document":
        for d in range(13):
            assert len({found.sides[n] for n, ds in enumerate(documents) if d in ds}) <= 1
