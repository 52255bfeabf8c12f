"""Two readers of one page: what one lost or glued, the other one mends."""

from wellread.ingest.pdf import _best_pages, _unglued

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


def pages_of(blocks: list[tuple[str, str]]) -> str:
    (page,) = _best_pages(["\r\n".join(LINES)], {1: blocks})
    return page


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
    (page,) = _best_pages(["CARE\r\n" + "\r\n".join(LINES)], {1: [("heading", "## CARE")]})
    assert page.startswith("## CARE\n\nThe pump")
