"""Chapters and what follows them in text on one line."""

from __future__ import annotations

import pytest

from wellread.ingest.parts import Opened, separate_parts


def headings(text: str, opened: Opened | None = None) -> list[str]:
    lines = separate_parts(text, opened or Opened()).split("\n")
    return [line[2:] for line in lines if line.startswith("# ")]


@pytest.mark.parametrize(
    ("text", "heading"),
    [
        ("Chapter 1 Care of the Pump This chapter tells how.", "Chapter 1 Care of the Pump"),
        ("Chapter 1 Organization Brigade combat teams organize.", "Chapter 1 Organization"),
        ("Chapter 1 Threat Threats are a part of it.", "Chapter 1 Threat"),
        ("Chapter 1 Planning and Preparation Training in all its phases.",
         "Chapter 1 Planning and Preparation"),
        ("Chapter 1 Joint Work The Army conducts it.", "Chapter 1 Joint Work"),
        ("Appendix A Task Crosswalk OVERVIEW A-1. Tasks are crossed.",
         "Appendix A Task Crosswalk"),
    ],
)  # fmt: skip
def test_a_title_ends_where_a_sentence_or_capitals_begin(text, heading):
    assert headings(f"It ended so. {text}") == [heading]


def test_running_heads_and_references_are_no_headings():
    text = (
        "So it ends. Chapter 1 Care Pumps need care. See Chapter 2 Repair for more. "
        "Chapter 1 Care of pumps goes on. Chapter 2 Repair Pumps are repaired. "
        "Chapter 2 describes this. Chapter 4 Sale Pumps are sold."
    )
    assert headings(text) == ["Chapter 1 Care", "Chapter 2 Repair"]


def test_the_parts_at_the_end_are_found_once_and_only_after_a_chapter():
    assert headings("One word. Glossary Words are explained. Index All words.") == []
    text = (
        "So. Chapter 1 Care Pumps need care. The References List is long, and Index Cards help. "
        "It ends. Glossary SECTION I of it. (AR 1) Glossary more words. "
        "(AR 2) References All seen today. Sold. Index Entries are by page. It ends. Index Entries."
    )
    assert headings(text) == ["Chapter 1 Care", "Glossary", "References", "Index"]


def test_counting_goes_on_from_one_stretch_to_the_next():
    opened = Opened()
    assert headings("So. Chapter 1 Care Pumps need care.", opened) == ["Chapter 1 Care"]
    assert headings("So. Chapter 2 Sale Pumps are sold.", opened) == ["Chapter 2 Sale"]
    assert headings("So. Chapter 2 Sale Pumps are sold.", opened) == []


def test_nothing_but_white_space_and_marks_of_headings_changes():
    text = "So it ends. Chapter 1 Care of the Pump Pumps need care. Appendix A Tables These count."
    changed = separate_parts(text, Opened())
    assert changed != text
    assert changed.replace("# ", "").split() == text.split()
