"""Cutting: every character lands somewhere, spans are exact, budgets hold."""

import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wellread.ingest.blocks import blocks
from wellread.ingest.chunk import split
from wellread.ingest.sentences import sentence_spans
from wellread.ingest.settings import IngestSettings
from wellread.ingest.tokens import TokenizerCounter, counter_for
from wellread.records import Chunk, Document, PageSpan, Rejection

SENTENCE = "The pump moves water from the tank to the boiler at ten litres a minute."
SMALL = IngestSettings(chunk_size=40, min_chunk_tokens=8)

MARKDOWN = st.lists(
    st.sampled_from([
        "# Title", "## Part", "### Detail", "CHAPTER I", "1.2 Safety", "- an item of a list",
        "• another item", "1. a step to take", "| a | b |\n| --- | --- |\n| 1 | 2 |", SENTENCE,
        "```\ncode here\n\nmore code\n```", "Short.", f"{SENTENCE} {SENTENCE}\n{SENTENCE}",
        "word " * 90, "x" * 700, "你好，世界。这是第二句话。" * 12, "Dr. Gray left. He ran! Why?",
        "\n", " ", "\t\tindented", "~~~", "```", "Ein Satz mit z.B. Abkürzung. Am 3. Mai kam er.",
    ]),
    max_size=14,
)  # fmt: skip
ANY_TEXT = st.one_of(
    st.builds(lambda parts, glue: glue.join(parts), MARKDOWN, st.sampled_from(["\n\n", "\n", " "])),
    st.text(max_size=300),
)
BUDGETS = st.builds(
    lambda size, overlap, least: IngestSettings(
        chunk_size=size,
        chunk_overlap=min(overlap, size // 2),
        min_chunk_tokens=min(least, size // 2),
    ),
    st.integers(16, 120),
    st.integers(0, 40),
    st.integers(0, 40),
)


def cut(text: str, options: IngestSettings = SMALL, **fields: object) -> list[Chunk]:
    found = list(split(Document("d", text, **fields), options))
    return [one for one in found if isinstance(one, Chunk)]


def test_a_chapter_line_that_ends_the_text_is_read_to_its_end():
    (found,) = split(Document("d", "CHAPTER I \n"), IngestSettings())
    assert isinstance(found, Chunk)
    assert found.text == "CHAPTER I"


@given(ANY_TEXT, BUDGETS)
@settings(max_examples=300, deadline=None)
def test_every_character_lies_in_a_chunk_or_a_rejection_and_spans_are_exact(text, options):
    covered = [False] * len(text)
    last = -1
    ids = set()
    for record in split(Document("d", text), options):
        if isinstance(record, Rejection):
            assert record.reason in ("heading_without_text", "no_text")
            if record.reason == "no_text":
                assert not text.strip()
                continue
            start, end = map(int, record.id.rpartition("#")[2].split("-"))
        else:
            start, end = record.start, record.end
            assert text[start:end] == record.text
            assert record.text.strip()
            assert record.tokens <= options.chunk_size
            assert abs(record.tokens - counter_for("").count(record.text)) <= 1
            assert record.id == f"d#{start}-{end}"
            assert start > last, "chunks come in order"
            assert record.id not in ids
            ids.add(record.id)
            last = start
        covered[start:end] = [True] * (end - start)
    lost = [i for i, char in enumerate(text) if not covered[i] and not char.isspace()]
    assert not lost, repr(text[lost[0] : lost[0] + 40])


@given(ANY_TEXT)
@settings(max_examples=200, deadline=None)
def test_blocks_hold_every_character_that_is_not_white_space_once(text):
    last = 0
    for block in blocks(text):
        assert not text[last : block.start].strip()
        assert block.start >= last
        last = block.end
    assert not text[last:].strip()


@given(ANY_TEXT)
@settings(max_examples=100, deadline=None)
def test_without_overlap_no_character_is_in_two_chunks(text):
    chunks = cut(text)
    for before, after in pairwise(chunks):
        assert before.end <= after.start


@given(MARKDOWN, st.integers(5, 20))
@settings(max_examples=100, deadline=None)
def test_a_sentence_that_fits_is_never_split(parts, overlap):
    text = "\n\n".join(part for part in parts if part in (SENTENCE, "Short.", "# Title"))
    options = IngestSettings(chunk_size=40, min_chunk_tokens=8, chunk_overlap=overlap)
    for chunk in cut(text, options):
        assert chunk.text.count(SENTENCE) == chunk.text.count("The pump")
        assert chunk.text.endswith((".", "# Title"))


def test_a_heading_stays_with_the_text_below_it_and_names_the_path():
    text = "\n\n".join(["# Pumps", SENTENCE, SENTENCE, "## Care", SENTENCE, SENTENCE, SENTENCE])
    first, *_, last = cut(text)
    assert first.heading == "Pumps"
    assert last.heading == "Pumps > Care"
    assert any(chunk.text.startswith("## Care\n\nThe pump") for chunk in cut(text))
    assert not any(chunk.text.endswith("## Care") for chunk in cut(text))


@pytest.mark.parametrize(
    ("text", "heading"),
    [
        (f"CHAPTER I.\nLooking-Glass house\n\n{SENTENCE}", "CHAPTER I. Looking-Glass house"),
        (f"Zweyte Scene.\n(Ophelia tritt auf.)\n\n{SENTENCE}", "Zweyte Scene."),
        (f"CARE OF SEALS\n\n{SENTENCE}", "CARE OF SEALS"),
        (f"1.2 Care of Seals\n\n{SENTENCE}", "1.2 Care of Seals"),
        (f"Kapitel 3\n\n{SENTENCE}", "Kapitel 3"),
        (f"第三章 水泵\n\n{SENTENCE}", "第三章 水泵"),
        (f".YKCOWREBBAJ\n\n{SENTENCE}", ""),
        (f"Dear reader,\n\n{SENTENCE}", ""),
        (f"Part of it is lost.\nAnd more of it.\nAnd more.\n\n{SENTENCE}", ""),
        (f"1. Oil the pump.\n\n{SENTENCE}", ""),
    ],
)
def test_headings_of_plain_text_are_recognised(text, heading):
    assert cut(text)[-1].heading == heading


def test_a_heading_of_the_same_level_closes_the_one_before():
    text = f"# A\n\n## B\n\n{SENTENCE}\n\n## C\n\n{SENTENCE}\n\n# D\n\n{SENTENCE}"
    assert [chunk.heading for chunk in cut(text)] == ["A > B", "A > C", "D"]


def test_a_heading_with_no_text_after_it_is_a_rejection_with_its_span():
    (rejection,) = [
        r
        for r in split(Document("d", f"{SENTENCE}\n\n# The end"), SMALL)
        if isinstance(r, Rejection)
    ]
    assert (rejection.reason, rejection.detail) == ("heading_without_text", "# The end")
    assert rejection.id == f"d#{len(SENTENCE) + 2}-{len(SENTENCE) + 11}"


def test_a_document_of_one_heading_is_still_a_chunk():
    assert [chunk.text for chunk in cut("# Only a title")] == ["# Only a title"]


def test_a_document_of_white_space_is_a_rejection():
    assert [r.reason for r in split(Document("d", " \n\n "), SMALL)] == ["no_text"]


def test_a_document_of_one_short_sentence_is_one_chunk():
    assert [chunk.text for chunk in cut("Hi.")] == ["Hi."]


def test_a_short_rest_joins_the_chunk_before_it_or_takes_from_it():
    for words in range(1, 9):
        rest = f"Then {'it ' * words}ends."
        chunks = cut("\n\n".join([SENTENCE] * 4 + [rest]))
        assert all(chunk.tokens >= SMALL.min_chunk_tokens for chunk in chunks)
        assert chunks[-1].text.endswith(rest)


def test_a_paragraph_is_torn_only_where_less_than_half_of_the_open_chunk_is_used():
    early = cut(f"A short one is here, too.\n\n{SENTENCE} {SENTENCE}")
    assert early[0].text == f"A short one is here, too.\n\n{SENTENCE}"
    late = cut(f"{SENTENCE} A short one is here as well.\n\n{SENTENCE} {SENTENCE}")
    assert late[1].text == f"{SENTENCE} {SENTENCE}"


def test_a_heading_that_leaves_no_room_for_the_whole_paragraph_keeps_its_first_sentence():
    first, second = cut(f"# How the pump of the boiler works\n\n{SENTENCE} {SENTENCE}")
    assert first.text == f"# How the pump of the boiler works\n\n{SENTENCE}"
    assert second.text == SENTENCE


def test_a_sentence_above_the_budget_is_cut_between_words():
    words = [f"word{n}" for n in range(200)]
    chunks = cut(" ".join(words))
    assert len(chunks) > 5
    assert [word for chunk in chunks for word in chunk.text.split()] == words


def test_chinese_is_cut_at_its_sentence_ends():
    text = "北京是中国的首都。上海是最大的城市！你去过广州吗？" * 8
    assert all(chunk.text[-1] in "。！？" for chunk in cut(text))


def test_chinese_without_any_mark_is_cut_between_characters():
    chunks = cut("水" * 500)
    assert "".join(chunk.text for chunk in chunks) == "水" * 500


def test_a_character_and_its_accent_stay_together():
    chunks = cut("e\u0301" * 400, IngestSettings(chunk_size=16, min_chunk_tokens=0))
    assert len(chunks) > 1
    assert all(chunk.text.startswith("e") for chunk in chunks)
    chunks = cut("👩\u200d🔬" * 200, IngestSettings(chunk_size=32, min_chunk_tokens=0))
    assert len(chunks) > 1
    assert all(chunk.text.startswith("👩") for chunk in chunks)


def test_a_table_that_fits_stays_whole_and_a_long_one_is_cut_at_rows():
    row = "| valve | 5 EUR |"
    small = f"{SENTENCE}\n\n{row}\n{row}\n\n{SENTENCE}"
    assert sum(f"{row}\n{row}" in chunk.text for chunk in cut(small)) == 1
    long = "\n".join([row] * 60)
    assert all(chunk.text.startswith("|") and chunk.text.endswith("|") for chunk in cut(long))


def test_a_block_of_code_that_fits_is_not_split_at_its_empty_lines():
    code = "```python\nx = 1.\n\n# not a heading\ny = 2.\n```"
    chunks = cut(f"{SENTENCE}\n\n{code}\n\n{SENTENCE}\n\n{SENTENCE}")
    assert sum(code in chunk.text for chunk in chunks) == 1
    assert not any("not a heading" in chunk.heading for chunk in chunks)


def test_a_fence_is_closed_by_one_of_its_own_kind():
    text = f"~~~~\n```\nx = 1\n```\n~~~~\n\n{SENTENCE}\n\n```\nopen to the end\n\n{SENTENCE}"
    assert [block.kind for block in blocks(text)] == ["code", "text", "code"]


def test_overlap_repeats_whole_sentences():
    text = " ".join(f"This is sentence number {n} of them." for n in range(30))
    chunks = cut(text, IngestSettings(chunk_size=48, chunk_overlap=16, min_chunk_tokens=8))
    for before, after in pairwise(chunks):
        shared = text[after.start : before.end]
        assert shared.startswith("This is sentence")
        assert shared.endswith("of them.")


def test_pages_are_the_first_and_last_that_a_chunk_touches():
    text = f"{SENTENCE}\n{SENTENCE}\n{SENTENCE}"
    step = len(SENTENCE) + 1
    pages = tuple(PageSpan(n + 7, n * step, n * step + len(SENTENCE)) for n in range(3))
    assert [chunk.pages for chunk in cut(text, pages=pages)] == [(7, 8), (9, 9)]
    assert cut(text)[0].pages == ()


@pytest.mark.parametrize(
    ("text", "language", "sentences"),
    [
        ("Dr. Gray met Mr. Lee. They spoke.", "en", ["Dr. Gray met Mr. Lee.", "They spoke."]),
        ("It costs 3.50 EUR. See fig. 4.", "en", ["It costs 3.50 EUR.", "See fig. 4."]),
        ("J. R. Tolkien wrote. He was old.", "en", ["J. R. Tolkien wrote.", "He was old."]),
        ("“Stop!” he said. “Why?” She ran.", "en", ["“Stop!” he said.", "“Why?”", "She ran."]),
        ("The U.S. Army came. It left.", "en", ["The U.S. Army came.", "It left."]),
        ("Das gilt z.B. hier. Am 3. Mai nicht.", "de", ["Das gilt z.B. hier.", "Am 3. Mai nicht."]),
        ("Siehe Abb. 3. Dann Nr. 5.", "de", ["Siehe Abb. 3. Dann Nr. 5."]),
        ("M. Dupont est là. Il dort.", "fr", ["M. Dupont est là.", "Il dort."]),
        ("¿Qué tal, Sra. Paz? ¡Bien!", "es", ["¿Qué tal, Sra. Paz?", "¡Bien!"]),
        ("他说：“你好。”然后走了。再见！", "zh", ["他说：“你好。”", "然后走了。", "再见！"]),
        ("e.g. this one. And that.", "en", ["e.g. this one.", "And that."]),
    ],
)
def test_sentences_end_where_a_reader_would_end_them(text, language, sentences):
    assert [text[a:b] for a, b in sentence_spans(text, 0, len(text), language)] == sentences


def test_a_real_tokenizer_counts_and_its_budget_holds(tmp_path: Path):
    tokenizers = pytest.importorskip("tokenizers")
    trained = tokenizers.Tokenizer(tokenizers.models.BPE())
    trained.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(vocab_size=400, show_progress=False)
    trained.train_from_iterator([SENTENCE * 3, "Another text to learn from."], trainer)
    trained.enable_truncation(8)  # files come with it: it must be switched off, or every count is 8
    trained.save(str(tmp_path / "tokenizer.json"))
    options = IngestSettings(chunk_size=40, min_chunk_tokens=8, tokenizer=str(tmp_path))
    counter = TokenizerCounter(tmp_path)
    assert counter.count(SENTENCE * 5) > 8
    chunks = cut(f"{SENTENCE} " * 20 + "Something unseen: Qwertz!", options)
    assert len(chunks) > 3
    for chunk in chunks:
        assert chunk.tokens == counter.count(chunk.text) <= 40
    assert json.loads((tmp_path / "tokenizer.json").read_text())["truncation"]["max_length"] == 8
