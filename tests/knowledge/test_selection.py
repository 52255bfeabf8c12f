"""Near-duplicates: the quick comparison decides as the plain one does."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wellread.knowledge.analysis import plain_words
from wellread.knowledge.selection import near_duplicates


def plainly(first: str, second: str, overlap: float) -> bool:
    """Jaccard of all three-word runs, nothing spared."""

    def runs(text: str) -> set[tuple[str, ...]]:
        words = plain_words(text)
        return set(zip(words, words[1:], words[2:], strict=False)) or {tuple(words)}

    a, b = runs(first), runs(second)
    return len(a & b) >= overlap * len(a | b)


WORDS = st.sampled_from(
    ["the", "The", "stone", "wave", "a", "of", "Flow,", "e", "plate-", "x" * 120]
)
ODD = st.sampled_from(
    ["naïve", "水面", "\n", "a–the", "it’s", "“e", "…\u0308e", "\u0301", "e" * 99]
)
TEXTS = st.lists(st.one_of(WORDS, ODD), max_size=60)
OVERLAPS = st.sampled_from([0.05, 0.3, 0.5, 0.8, 0.95, 1.0])


@settings(max_examples=300, deadline=None)
@given(st.lists(WORDS, max_size=60), st.lists(WORDS, max_size=60), OVERLAPS)
def test_any_two_texts_compare_as_with_all_their_runs(
    first: list[str], second: list[str], overlap: float
) -> None:
    one, two = " ".join(first), "  ".join(second)
    assert near_duplicates(one, two, overlap) is plainly(one, two, overlap)


@settings(max_examples=300, deadline=None)
@given(TEXTS, st.data(), OVERLAPS)
def test_an_edited_text_compares_as_with_all_its_runs(
    words: list[str], data: st.DataObject, overlap: float
) -> None:
    edited = list(words)
    for _ in range(data.draw(st.integers(0, 4))):
        place = data.draw(st.integers(0, len(edited)))
        edited[place : place + data.draw(st.integers(0, 2))] = data.draw(
            st.lists(WORDS, max_size=2)
        )
    one, two = " ".join(words), ", ".join(edited)
    assert near_duplicates(one, two, overlap) is plainly(one, two, overlap)


@pytest.mark.parametrize("changed", range(0, 60, 3))
def test_a_long_text_of_which_some_words_changed_is_decided_as_with_all_its_runs(
    changed: int,
) -> None:
    words = [f"{'wave' if n % 3 else 'shock'}{n} the" for n in range(90)]
    other = [f"new{n} one" if n < changed else word for n, word in enumerate(words)]
    one, two = " ".join(words), " ".join(other)
    assert near_duplicates(one, two, 0.5) is plainly(one, two, 0.5)
