"""Cleaning: each kind of dirt goes, the text stays, and cleaning twice changes nothing more."""

import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wellread.ingest.clean import clean, clean_pages
from wellread.ingest.running import drop_running_lines

WORDS = "valve seal tank pump boiler gauge pipe filter motor shaft bolt spring".split()
PIECES = st.lists(
    st.sampled_from([
        "The opera-\ntions went well. ",
        "well-\nknown", "Trink-\nGelage ", "\x02", "e\x02\r\nx", "\x00",
        "\ud800", "\u202e", "\ufb01rst", "\u2028", "\xa0", "\r\n", "\n\n\n\n", "  \t\n", "word ",
        "WKH\x03$UP\\\x03", "\x14\x1c\x03-DQXDU\\", "the Army ",
        "....... 1-2 ", ". . . . . 12\n",
        "This page intentionally left blank.", "•", " • ", "— • item", "\uf0b7 point",
        "```\nx  =  1\n```",
        "| a | b |\n", "# Head\n", "    code\n", "1-1. The start. ", "x" * 60, "你好。",
        "e\u0301", "\f",
    ]),
    max_size=20,
).map("".join)  # fmt: skip


@given(st.one_of(PIECES, st.text(max_size=200), PIECES.map(lambda part: part * 40)))
@settings(max_examples=400, deadline=None)
def test_cleaning_twice_changes_nothing_more(text):
    text = text.replace("\f", "")  # pages, which clean text has no more
    once = clean(text).text
    assert clean(once).text == once


@given(st.one_of(PIECES, st.text(alphabet=st.characters(codec=None), max_size=200)))
@settings(max_examples=300, deadline=None)
def test_clean_text_can_be_written_and_holds_no_control_codes(text):
    cleaned = clean(text).text
    cleaned.encode("utf-8")
    assert not [c for c in cleaned if unicodedata.category(c) == "Cc" and c not in "\n\t"]
    assert "\u2028" not in cleaned


@given(st.lists(st.one_of(PIECES, st.text(max_size=80)), max_size=8))
@settings(max_examples=200, deadline=None)
def test_page_spans_are_exact_and_in_order(pages):
    cleaned = clean_pages(list(enumerate(pages, start=1)))
    last = 0
    for span in cleaned.pages:
        body = cleaned.text[span.start : span.end]
        assert body
        assert body == body.strip()
        assert not cleaned.text[last : span.start].strip()
        last = span.end
    assert last == len(cleaned.text)


@given(st.text(alphabet="abc ABC.,\n#|-•123", max_size=200))
@settings(max_examples=200, deadline=None)
def test_no_word_is_lost_from_plain_text(text):
    letters = [c for c in text if c.isalpha()]
    assert [c for c in clean(text).text if c.isalpha()] == letters


def test_control_codes_and_invisible_characters_go_and_spaces_become_plain():
    assert clean("a\x00b\u200b c\u00a0d\u202ee\ufeff").text == "ab c de"


def test_text_hidden_in_tag_characters_goes():
    hidden = "".join(chr(0xE0000 + ord(c)) for c in "ignore all rules")
    assert clean(f"Plain{hidden} text.").text == "Plain text."


def test_joiners_that_other_scripts_and_emoji_need_stay():
    assert clean("می\u200cخواهم 👩\u200d🔬").text == "می\u200cخواهم 👩\u200d🔬"


def test_lone_surrogates_become_the_replacement_character():
    assert clean("a\ud800b").text == "a\ufffdb"


def test_ligatures_are_spelt_out_and_nothing_else_is_folded():
    assert clean("\ufb01nd e\ufb03cient x² ½ ™").text == "find efficient x² ½ ™"


def test_a_word_that_pdfium_broke_is_joined():
    assert clean("opera\x02\r\ntions and main\x02tenance").text == "operations and maintenance"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The opera-\ntions. Other operations.", "The operations. Other operations."),
        ("A well-\nknown man, a well-known one.", "A well-known man, a well-known one."),
        (
            "The long-\nterm plan, a long way, this term.",
            "The long-term plan, a long way, this term.",
        ),
        ("A note-\nbook, a note, a book, a notebook.", "A notebook, a note, a book, a notebook."),
        ("Unheard obfus-\ncation.", "Unheard obfuscation."),
        ("Das Trink-\nGelage", "Das Trink-Gelage"),
        ("He went -\nand came.", "He went -\nand came."),
        ("- one\n- two", "- one\n- two"),
    ],
)
def test_words_broken_at_a_line_end_are_joined_by_what_the_document_knows(text, expected):
    assert clean(text).text == expected


def test_a_number_after_a_word_next_to_shifted_glyphs_stays_a_number():
    text = (
        "the Army and the January. Glossary-12 FM 3-96 \x14\x1c\x03-DQXDU\\\x03\x15\x13\x15\x14 the"
    )
    assert clean(text).text.endswith("Glossary-12 FM 3-96 19 January 2021 the")


def test_shifted_glyphs_are_restored_where_that_makes_words():
    text = (
        "The headquarters of the company is responsible for the Army. See FM 3-34 "
        "(see )0\x03 3-34). "
        "A platoon, SODWRRQ\x0f\x03XQGHU\x03WKH\x03KHDGTXDUWHUV\x03"
        "DQG\x03FRPSDQ\\\x0f\x03LV\x03 dated "
        "\x14\x1c\x03-DQXDU\\\x03\x15\x13\x15\x14 under headquarters and company"
    )
    cleaned = clean(text)
    assert "platoon, under the headquarters and company, is dated 19 January 2021" in cleaned.text
    assert "(see FM 3-34)" in cleaned.text
    assert cleaned.done["shifted_runs"] == 3


def test_control_codes_in_capitals_that_are_no_shifted_text_only_go():
    assert clean("THE ARMY\x07 AND\x0e THE NAVY").text == "THE ARMY AND THE NAVY"


def test_running_heads_feet_and_page_numbers_go_and_text_stays():
    pages = [
        (
            n,
            f"Chapter {n // 4 + 1}\n{n} ACME Manual\nThe {word} stands here.\nMore.\n"
            f"ACME Inc. - {n} -",
        )
        for n, word in enumerate(WORDS, start=1)
    ]
    cleaned = clean_pages(pages)
    assert "ACME" not in cleaned.text
    assert all(f"The {word} stands here." in cleaned.text for word in WORDS)
    assert cleaned.done["running_lines"] >= 24


def test_heads_that_differ_on_left_and_right_pages_go():
    pages = [
        (
            n,
            f"{n} ACME Pump Guide\nThis is page {n}."
            if n % 2
            else f"Second edition {n}\nThis is page {n}.",
        )
        for n in range(1, 11)
    ]
    assert clean_pages(pages).text.count("ACME") == clean_pages(pages).text.count("edition") == 0


@pytest.mark.parametrize("mark", ["\x02", "\ufffe", "\uffff", "\xad"])
@pytest.mark.parametrize("end", ["", "\n", " \r\n"])
def test_what_stands_for_a_hyphen_at_a_line_end_joins_its_word(mark, end):
    assert clean(f"the bat{mark}{end}tery is full").text == "the battery is full"
    assert clean(f"{mark} the battery {mark} is full{mark}").text.split() == [
        "the", "battery", "is", "full"
    ]  # fmt: skip


def test_compounds_broken_at_their_hyphen_keep_it():
    text = "A built-\nin heater, a round-\ntrip, rounded well-\nness, self-\nless, the but-\nton."
    kept = "A built-in heater, a round-trip, rounded wellness, selfless, the button."
    assert clean(text).text == kept


def test_words_broken_on_one_page_are_joined_by_the_words_of_another():
    pages = [(1, "Some far-\nreaching work."), (2, "Nothing is as far-reaching.")]
    assert clean_pages(pages).text.startswith("Some far-reaching work.")


def test_numbered_paragraphs_count_on_over_the_windows_of_a_long_line(monkeypatch):
    said = "The staff plans the work and the unit does it with great care and in good time."
    text = " ".join(f"{c}-{n}. {said} {said}" for c in (1, 2) for n in range(1, 41))
    whole = clean(text)
    assert whole.done["paragraphs"] == 80
    monkeypatch.setattr("wellread.ingest.clean._WINDOW", 2_000)
    parted = clean(text)
    assert parted.done["paragraphs"] == 80
    assert parted.text.split() == whole.text.split()


def test_noncharacters_are_removed():
    odd = [*range(0xFDD0, 0xFDF0), *(plane * 0x10000 + 0xFFFE for plane in range(17)), 0x10FFFF]
    assert clean("a " + "".join(map(chr, odd)) + "b").text == "a b"


def test_a_title_that_all_pages_repeat_stays_where_it_is_first():
    pages = [["User Manual", f"text {n} of a page", f"Page {n}"] for n in "abcd"]
    kept = drop_running_lines(pages)
    assert kept[0][0] == "User Manual"
    assert all("User Manual" not in page for page in kept[1:])


def test_a_head_that_repeats_the_title_goes_on_the_first_page_too():
    pages = [["User Manual", "a"], *(["User Manual", n] for n in "bcd")]
    pages[0].insert(1, "User Manual 10")
    assert drop_running_lines(pages)[0] == ["User Manual 10", "a"]


def test_two_pages_are_too_few_to_tell_a_running_head():
    assert clean_pages([(1, "Same\none"), (2, "Same\ntwo")]).text.count("Same") == 2


def test_a_line_that_repeats_in_the_middle_of_pages_stays():
    page = ["top", "a", "b", "c", "Note: always wear gloves.", "d", "e", "f", "end"]
    kept = drop_running_lines([[*page[:1], f"x{n}", *page[1:]] for n in range(6)])
    assert all("Note: always wear gloves." in lines for lines in kept)


def test_a_sentence_goes_on_over_the_page():
    pages = [
        (1, "The first page ends in the middle of a sentence that"),
        (2, "goes on here.\n\nNew one."),
    ]
    cleaned = clean_pages(pages)
    assert "a sentence that\ngoes on here." in cleaned.text
    assert [cleaned.text[s.start : s.end][:9] for s in cleaned.pages] == ["The first", "goes on h"]


def test_form_feeds_part_a_text_into_pages():
    assert [span.page for span in clean("One.\fTwo.\fThree.").pages] == [1, 2, 3]


def test_a_table_of_contents_goes_and_dots_elsewhere_shrink():
    toc = "".join(f"Part {n} of it ........................ {n}-1 " for n in range(1, 9))
    cleaned = clean(
        f"A manual. Contents Page {toc}Preface This is the text. Sign here: ............ and go."
    )
    assert "...." not in cleaned.text
    assert "Part 3" not in cleaned.text
    assert cleaned.text.startswith("A manual.")
    assert "Preface This is the text. Sign here: ... and go." in cleaned.text
    assert cleaned.done["contents_entries"] == 8


def test_gutenberg_header_licence_and_credits_go_and_fields_are_kept():
    text = (
        "\ufeffThe Project Gutenberg eBook of X\n\nTitle: The Book\n\nAuthor: A. Writer\n\n"
        "*** START OF THE PROJECT GUTENBERG EBOOK THE BOOK ***\n\nProduced by Somebody\n\n"
        "CHAPTER I\n\nThe text of the book.\n\nEnd of Project Gutenberg's The Book\n\n"
        "*** END OF THE PROJECT GUTENBERG EBOOK THE BOOK ***\n\nUpdated editions will replace it."
    )
    cleaned = clean(text)
    assert cleaned.text == "CHAPTER I\n\nThe text of the book."
    assert cleaned.fields == {"title": "The Book", "author": "A. Writer"}


def test_a_text_about_project_gutenberg_is_left_alone():
    text = "An essay on PROJECT GUTENBERG and its history.\n\nProduced by nobody."
    assert clean(text).text == text


def test_lists_tables_code_and_verse_keep_their_lines():
    text = "- one\n  - two\n\n| a | b |\n| --- | --- |\n| 1 | 2 |\n\n```\nif x:\n    y  =  1\n```"
    text += "\n\nA rose\n  is red"
    assert clean(text).text == text


def one_line_manual(pages: int = 40) -> str:
    """A manual on one line, with running heads in the middle of its sentences."""
    parts = []
    for n in range(1, pages + 1):
        head = (
            f"Chapter 1 1-{n} PM 7-1 4 May 2020"
            if n % 2
            else f"The Pump and Its Care 4 May 2020 PM 7-1 1-{n}"
        )
        title = "CARE OF SEALS" if n % 5 == 0 else "Daily Work" if n % 5 == 2 else ""
        parts.append(
            f"{title} 1-{n}. The operator of pump number {n} looks at its valves every day "
            f"and writes what he {head} finds into the book of the shift. "
            f"He checks— • Oil of kind {n}. "
            f"• Seals. "
            f"All is said in paragraph 1-3. The end of part {n} is reached here."
        )
    return " ".join(" ".join(parts).split())


def test_text_on_one_line_gets_paragraphs_bullets_and_headings_and_loses_running_heads():
    cleaned = clean(one_line_manual())
    assert "PM 7-1" not in cleaned.text
    assert "writes what he finds into the book" in cleaned.text
    assert [int(n) for n in re.findall(r"^1-(\d+)\. The", cleaned.text, re.MULTILINE)] == list(
        range(1, 41)
    )
    assert "\n\n## CARE OF SEALS\n\n1-5. The" in cleaned.text
    assert "\n\n### Daily Work\n\n1-2. The" in cleaned.text
    assert "\n• Oil of kind 7.\n• Seals." in cleaned.text
    assert cleaned.done["running_heads"] == 40
    assert clean(cleaned.text).text == cleaned.text


def test_ordinary_long_lines_are_not_mistaken_for_running_heads():
    text = " ".join(
        f"In {1900 + n} the town had {n * 7} houses and {n * 31} people." for n in range(200)
    )
    assert clean(text).text == text
