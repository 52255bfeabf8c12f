"""Near-duplicates: the same pairs as comparing everything with everything, in flat memory."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.peak_memory import run_with_peak
from wellread.ingest.duplicates import (
    DuplicateIndex,
    find_near_duplicates,
    jaccard,
    shingle_hashes,
    shingles,
)
from wellread.records import Chunk

WORDS = [f"word{n}" for n in range(5_000)]


def chunk(name: str, text: str) -> Chunk:
    return Chunk(name, "d", text, 0, len(text))


def planted(count: int, seed: int, edits: tuple[int, ...] = (0, 1, 2, 5, 20)) -> list[Chunk]:
    """Random chunks of 120 words; every fifth one is an earlier one with some words changed."""
    draw = random.Random(seed)
    texts: list[list[str]] = []
    for n in range(count):
        if n % 5 == 4:
            words = list(texts[draw.randrange(len(texts))])
            for _ in range(draw.choice(edits)):
                words[draw.randrange(len(words))] = draw.choice(WORDS)
        else:
            words = draw.choices(WORDS, k=120)
        texts.append(words)
    return [chunk(f"c{n:05}", " ".join(words)) for n, words in enumerate(texts)]


def by_brute_force(chunks: list[Chunk], threshold: float) -> dict[str, float]:
    """Every chunk with the best similarity to an earlier chunk that was kept."""
    kept: list[set[str]] = []
    found: dict[str, float] = {}
    for one in chunks:
        own = shingles(one.text)
        best = max((len(own & other) / len(own | other) for other in kept), default=0.0)
        if best >= threshold:
            found[one.id] = best
        else:
            kept.append(own)
    return found


@pytest.mark.parametrize("threshold", [0.5, 0.7, 0.8, 0.95])
def test_the_pairs_are_those_of_comparing_everything_with_everything(threshold):
    chunks = planted(300, seed=3)
    expected = by_brute_force(chunks, threshold)
    found = {one.chunk_id: one.similarity for one in find_near_duplicates(chunks, threshold)}
    assert len(expected) > 15
    assert found == pytest.approx(expected)


def test_the_answers_are_the_same_every_time():
    chunks = planted(200, seed=5)
    assert list(find_near_duplicates(chunks)) == list(find_near_duplicates(iter(chunks)))


def test_an_exact_copy_names_the_first_one_and_so_does_a_third():
    text = "The pump moves water from the tank to the boiler."
    copies = [chunk("a", text), chunk("b", text.upper()), chunk("c", f"{text}!")]
    found = list(find_near_duplicates(copies))
    assert [(one.chunk_id, one.original_id, one.similarity) for one in found] == [
        ("b", "a", 1.0),
        ("c", "a", 1.0),
    ]


def test_texts_shorter_than_a_shingle_are_compared_whole():
    found = list(find_near_duplicates([chunk("a", "Yes."), chunk("b", "No."), chunk("c", "yes")]))
    assert [(one.chunk_id, one.original_id) for one in found] == [("c", "a")]


def test_text_without_any_word_repeats_nothing():
    assert list(find_near_duplicates([chunk("a", "---"), chunk("b", "---")])) == []


def test_chinese_is_compared_by_characters():
    text = "水泵以每分钟十升的速度将水从水箱输送到锅炉里面去。" * 2
    found = list(find_near_duplicates([chunk("a", text), chunk("b", text[:-3] + "了。")]))
    assert [one.original_id for one in found] == ["a"]


def test_all_permutations_differ():
    hashes = shingle_hashes(" ".join(WORDS[:300]))
    from wellread.ingest.duplicates import _minhash

    assert len(np.unique(_minhash(hashes))) > 100


@given(st.lists(st.text(max_size=60), max_size=12), st.sampled_from([0.5, 0.8]))
@settings(max_examples=60, deadline=None)
def test_any_texts_are_compared_without_an_error_and_never_below_the_threshold(texts, threshold):
    chunks = {str(n): chunk(str(n), text) for n, text in enumerate(texts)}
    for one in find_near_duplicates(chunks.values(), threshold):
        first, second = chunks[one.original_id], chunks[one.chunk_id]
        similarity = jaccard(shingle_hashes(first.text), shingle_hashes(second.text))
        assert one.similarity == similarity >= threshold
        assert int(one.original_id) < int(one.chunk_id)


def test_an_index_at_a_path_is_left_there_and_a_temporary_one_is_not(tmp_path):
    with DuplicateIndex(tmp_path / "keys.sqlite") as index:
        index.add(chunk("a", "one two three four"))
        assert index.add(chunk("b", "one two three four")).original_id == "a"
    assert (tmp_path / "keys.sqlite").exists()


MEASURE = """
import random, sys
from wellread.ingest.duplicates import find_near_duplicates
from wellread.records import Chunk
draw = random.Random(1)
words = [f"word{n}" for n in range(20_000)]
texts = (" ".join(draw.choices(words, k=60)) for n in range(int(sys.argv[1])))
chunks = (Chunk(str(n), "d", text, 0, 1) for n, text in enumerate(texts))
for _ in find_near_duplicates(chunks):
    pass
"""


@pytest.mark.slow
def test_memory_stays_flat_from_a_thousand_to_a_hundred_thousand_chunks():
    few, many = (run_with_peak(MEASURE, count)[1] for count in ("1000", "100000"))
    assert many < 1.1 * few
