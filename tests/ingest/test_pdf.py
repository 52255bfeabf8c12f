"""Two readers of one page: what one lost, glued or left in, the other one mends."""

import re
from importlib.resources import files
from pathlib import Path

import pytest

from wellread.ingest.layout import _cut_heads, _labelled, _unglued, best_pages
from wellread.ingest.lines import Line
from wellread.ingest.read import read_folder
from wellread.ingest.settings import IngestSettings
from wellread.records import Document

LINES = [
    "The pump moves water from the tank to the boi\x02",
    "ler. It integrates RS",
    "functions and large-",
    "scale work. Other large-scale work is done.",
]
WHOLE = (
    "The pump moves water from the tank to the boiler. It integrates RS functions and large-scale "
    "work. Other large-scale work is done."
)
HEAD, FOOT = "Larder 10 User Manual", "BP-1042, edition 4, page {} of {}"
HYPHENATED = [
    "Water is a suitable extinguishing agent, and it is applied from a dis-",
    "tance. The cells are warmed by a built-",
    "in heater before charging begins, and the reserve of the bat-",
    "tery protects all of them from being emptied completely at last.",
]


def pages_of(blocks: list[tuple[str, str]]) -> str:
    (page,) = best_pages([[Line(line) for line in LINES]], {1: blocks})
    return page


def printed(*lines: tuple[float, float, str]) -> bytes:
    """A page of lines, each with the distance from the line above and the size of its letters."""
    shown = "".join(
        f"0 -{gap} Td /F1 {size} Tf ({text.replace('(', '[')}) Tj\n" for gap, size, text in lines
    )
    return f"BT 72 770 Td\n{shown}ET".encode("latin-1")


def paragraph(*texts: str) -> list[tuple[float, float, str]]:
    return [(24 if n == 0 else 14, 11, text) for n, text in enumerate(texts)]


def section(number: int, title: str, word: str) -> list[tuple[float, float, str]]:
    return [
        (30, 15, f"{number}. {title}"),
        *paragraph(
            f"A {word} opens with a first line that is as wide as the page allows it to be,",
            f"and the {word} goes on with a second line that belongs to the same paragraph",
            f"as the first {word}.",
        ),
        *paragraph(
            f"Another {word} stands below a wide gap, and ends with a line that is as full as",
            f"any other {word} of the lines on this page, so that only the gap tells its end.",
        ),
        *paragraph(f"A last {word} of one line is here."),
    ]


def manual(pages: int, *more: tuple[float, float, str]) -> list[bytes]:
    """A title, sections, and a running head that reads like the title."""
    titles = ["Where it may stand", "Switching on", "Backup power", "Care"]
    words = ["floor", "switch", "reserve", "cloth"]
    return [
        printed(
            (10, 8, HEAD),
            *([(40, 22, HEAD)] if n == 1 else []),
            *section(n, titles[n - 1], words[n - 1]),
            *(more if n == pages else ()),
            (60, 8, FOOT.format(n, pages)),
        )
        for n in range(1, pages + 1)
    ]


def read(write, data: bytes) -> str:
    folder: Path = write({"manual.pdf": data})
    (document,) = read_folder(folder, IngestSettings(ocr="off"))
    assert isinstance(document, Document), document
    return document.text


@pytest.mark.parametrize("pages", [2, 3, 4])
def test_running_heads_and_feet_go_and_the_title_that_reads_like_them_stays(make, write, pages):
    text = read(write, make.pdf(*manual(pages)))
    assert text.count(HEAD) == 1
    assert text.lstrip("# ").startswith(HEAD)
    assert "edition" not in text


def test_paragraphs_end_at_wide_gaps_and_large_letters_are_headings(make, write):
    text = read(write, make.pdf(*manual(3)))
    paragraphs = text.split("\n\n")
    assert paragraphs[0].lstrip("# ") == HEAD
    assert len(paragraphs) == 1 + 3 * 4
    assert paragraphs[1::4] == [
        "## 1. Where it may stand", "## 2. Switching on", "## 3. Backup power"
    ]  # fmt: skip
    assert " ".join(paragraphs[2].split()).endswith("same paragraph as the first floor.")
    assert paragraphs[3].startswith("Another floor")


def test_words_broken_at_line_ends_are_joined_by_the_words_of_the_whole_document(make, write):
    text = read(write, make.pdf(*manual(2, *paragraph(*HYPHENATED))))
    assert "from a distance." in text
    assert "a built-in" in text
    assert "of the battery protects" in text
    assert not set(text) & set("\x02\ufffe\uffff\xad")


def test_items_of_a_list_keep_their_numbers(make, write):
    items = [
        (24, 11, "1. Close the battery isolator, the red rotary switch on the left side."),
        (14, 11, "2. Wait until the status ring shows a steady white light."),
        (14, 11, "3. Switch on the circuit breaker in the meter cabinet."),
    ]
    text = read(write, make.pdf(*manual(2, *items)))
    assert all(f"\n\n{item}" in text for _, _, item in items)


def test_the_manual_of_the_demonstration_reads_as_it_is_printed(write):
    path = files("wellread") / "demo" / "documents" / "manuals" / "larder-10-user-manual.pdf"
    text = read(write, path.read_bytes())
    assert text.startswith("Larder 10 User Manual\n\nBrindlecove Power Ltd, Quay Mill")
    assert len(re.findall(r"^\d\. (?:Close|Wait|Switch|Hold) ", text, re.MULTILINE)) == 4
    assert "round-trip efficiency" in text
    assert "about 40 seconds" in text
    assert not re.search(r"Page \d of \d|Manual Brindlecove", text)


def test_blocks_get_back_the_numbers_and_bullets_of_their_lines_once():
    body = [Line("1. Close the isolator."), Line("• Wait for the light."), Line("2.5 kW are held.")]
    blocks = [
        ("paragraph", "Close the isolator."),
        ("list_item", "• Wait for the light."),
        ("paragraph", "\uf0a7 Wait for the light."),
        ("paragraph", "2.5 kW are held."),
        ("heading", "# Close the isolator."),
    ]
    assert [text for _, text in _labelled(blocks, body)] == [
        "1. Close the isolator.", *(text for _, text in blocks[1:])
    ]  # fmt: skip


def test_a_head_is_cut_from_the_ends_of_a_block_and_never_from_within():
    heads = ["User Manual", "Page 1 of 3", "7"]
    assert _cut_heads("# User Manual", heads) == ""
    assert _cut_heads("User Manual The pump runs.", heads) == "The pump runs."
    assert _cut_heads("The pump runs. User Manual Page 1 of 3", heads) == "The pump runs."
    assert _cut_heads("See the User Manual for more.", heads) == "See the User Manual for more."
    assert _cut_heads("It lasts 7", heads) == "It lasts 7"


def test_heads_that_only_the_blocks_hold_are_removed():
    pages = [[Line("HEAD OF ALL", size=8), Line(f"{word} text.", size=11)] for word in "ABCD"]
    blocks = {
        n: [("paragraph", "HEAD OF ALL"), ("paragraph", f"{word} text.")]
        for n, word in enumerate("ABCD", start=1)
    }
    blocks[1] = [("paragraph", "HEAD OF ALL A text.")]
    texts = list(best_pages(pages, blocks))
    assert texts[1:] == ["B text.", "C text.", "D text."]


def test_blocks_that_are_runs_of_lines_are_not_trusted():
    text = "\n".join(["One line after another", "without a paragraph,", "and another", "and one."])
    lines = [Line(line, 14.0, 11.0) for line in text.split("\n")]
    lines[2] = Line(lines[2].text, 28.0, 11.0)
    (page,) = best_pages([lines * 3], {1: [("paragraph", "\n".join([text] * 3))]})
    assert "paragraph,\n\nand another\nand one." in page


def test_words_glued_at_a_line_end_are_parted_and_hyphens_come_back():
    glued = WHOLE.replace("RS functions", "RSfunctions").replace(
        "and large-scale", "and largescale"
    )
    assert pages_of([("heading", "# Pumps"), ("paragraph", glued)]) == f"# Pumps\n\n{WHOLE}"


def test_a_word_that_is_rightly_joined_stays_joined():
    assert _unglued("the operations are", "the opera-\ntions are", set()) == "the operations are"


def test_a_page_of_which_a_block_was_lost_is_taken_from_pdfium():
    lost = WHOLE.partition(". ")[0] + "."
    assert "integrates RS\nfunctions" in pages_of([("paragraph", lost)])


def test_a_page_taken_from_pdfium_keeps_the_headings_that_were_found():
    lines = [Line(line) for line in ["CARE", *LINES]]
    (page,) = best_pages([lines], {1: [("heading", "## CARE")]})
    assert page.startswith("## CARE\n\nThe pump")
