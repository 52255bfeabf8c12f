from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wellread.checks.reading.evidence import similar_words
from wellread.checks.reading.numbers import find_dates, number_word, readings
from wellread.checks.reading.tokens import tokenise
from wellread.checks.reading.words import guess_language, key


def keys(text: str, language: str = "en", kind: str = "number") -> list[set[str]]:
    return [set(t.keys) for t in tokenise(text, language) if t.kind == kind]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1000", {"1000"}),
        ("1,000,000", {"1000000"}),
        ("1.234,56", {"1234.56"}),
        ("1,234.56", {"1234.56"}),
        ("3,5", {"3.5"}),
        ("1 000", {"1000"}),
        ("1\u202f000", {"1000"}),
        ("6½", {"6.5"}),
        ("⅔", {"0.6666666667"}),
        ("0.50", {"0.5"}),
        ("1,000", {"1000", "1"}),
        ("007", {"7"}),
        ("9" * 50, {"9" * 50}),
    ],
)
def test_digits_are_read_with_their_separators(text: str, values: set[str]) -> None:
    assert readings(text) == values


@pytest.mark.parametrize(
    ("text", "language", "value"),
    [
        ("two hundred and fifty", "en", "250"),
        ("twenty-five", "en", "25"),
        ("one million five hundred thousand", "en", "1500000"),
        ("a hundred", "en", "100"),
        ("3.5 million", "en", "3500000"),
        ("3 billions", "en", "3000000000"),
        ("one hundred and third", "en", "103"),
        ("below five", "en", "5"),
        ("2 Mrd. Euro", "de", "2000000000"),
        ("zweihundertfünfzig", "de", "250"),
        ("eintausendneunhundertvierundachtzig", "de", "1984"),
        ("einundzwanzig", "de", "21"),
        ("dreissig", "de", "30"),
    ],
)
def test_number_words_are_read(text: str, language: str, value: str) -> None:
    assert keys(text, language) == [{value}]


@given(st.integers(0, 999_999))
def test_german_number_words_are_read_as_they_are_built(number: int) -> None:
    ones = "null ein zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn \
fünfzehn sechzehn siebzehn achtzehn neunzehn".split()
    tens = "x x zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig".split()

    def spell(n: int) -> str:
        if n >= 1000:
            return spell(n // 1000) + "tausend" + (spell(n % 1000) if n % 1000 else "")
        if n >= 100:
            return ones[n // 100] + "hundert" + (spell(n % 100) if n % 100 else "")
        if n >= 20:
            return (ones[n % 10] + "und" if n % 10 else "") + tens[n // 10]
        return ones[n]

    word = spell(number) + ("s" if number % 100 == 1 else "")
    assert number_word(word, "de") == number


@pytest.mark.parametrize(
    ("text", "language", "values"),
    [
        ("between three and four hours", "en", ["3", "4"]),
        ("two, three and five", "en", ["2", "3", "5"]),
        ("Two. Three", "en", ["2", "3"]),
        ("fifty and sixty", "en", ["50", "60"]),
        ("twenty and five", "en", ["20", "5"]),
        ("zwei und drei", "de", ["2", "3"]),
        ("two hundred and fifty-one and six", "en", ["251", "6"]),
    ],
)
def test_number_words_beside_one_another_are_added_only_where_they_make_one_number(
    text: str, language: str, values: list[str]
) -> None:
    assert keys(text, language) == [{value} for value in values]


def test_an_odd_space_before_a_name_is_no_word() -> None:
    assert [t.kind for t in tokenise("\u2003Angela", "de")] == ["word"]


def test_a_lone_one_is_no_number() -> None:
    assert keys("One of them is red.") == []


@pytest.mark.parametrize(
    "text",
    ["5 March 2020", "March 5, 2020", "March 5th 2020", "5. März 2020", "2020-03-05", "5.3.2020",
     "05.03.2020", "5 mars 2020", "5 de marzo de 2020"],
)  # fmt: skip
def test_a_date_is_the_same_however_it_is_written(text: str) -> None:
    [(start, end, dates)] = find_dates(f"on {text} they met")
    assert text == f"on {text} they met"[start:end]
    assert "2020-03-05" in {str(date) for date in dates}


@pytest.mark.parametrize(
    "text", ["They may 2 times", "version 1.2.3.4", "32.13.2020", "10-20-30-40"]
)
def test_what_only_looks_like_a_date_is_none(text: str) -> None:
    assert find_dates(text) == []


def test_names_are_capitals_inside_a_sentence() -> None:
    assert keys("Yesterday Lena Okafor met NASA.", "en", "name") == [{"lena"}, {"okafor"}, {"nasa"}]
    assert keys("Gestern ging die Katze mit Angela Merkel.", "de", "name") == [{"merkel"}]


def test_scripts_without_spaces_become_pairs() -> None:
    assert keys("答案是六次。", "zh", "pair") == [{"答案"}, {"六次"}]
    assert tokenise("没有油", "zh")[0].kind == "negator"


@pytest.mark.parametrize(
    ("one", "other", "language"),
    [
        ("batteries", "battery", "en"),
        ("running", "run", "en"),
        ("stored", "store", "en"),
        ("boxes", "box", "en"),
        ("pump's", "pump", "en"),
        ("Häuser", "Haus", "de"),
        ("geöffneten", "geöffnete", "de"),
        ("Café", "cafe", ""),
        ("ＡＢＣ", "abc", ""),
    ],
)
def test_inflections_share_a_key(one: str, other: str, language: str) -> None:
    assert key(one, language) == key(other, language)


def test_five_letters_must_be_the_same_at_least() -> None:
    assert not similar_words("plant", "plane")


def test_likeness_is_a_common_beginning() -> None:
    assert similar_words("garantie", "garantiezeit")
    assert similar_words("insulation", "insulated")
    assert not similar_words("station", "stature")
    assert not similar_words("oil", "oilcan")


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Wie lange gilt die Garantie?", "de"),
        ("How long is the warranty?", "en"),
        ("Quelle est la durée de la garantie ?", "fr"),
        ("¿Cuál es la duración de la garantía?", "es"),
        ("保修期是多长？", "zh"),
        ("保証期間はどのくらいですか", "ja"),
        ("Pump 7", ""),
        ("", ""),
    ],
)
def test_the_language_of_a_few_words_is_guessed_or_left_open(text: str, language: str) -> None:
    assert guess_language(text) == language


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=300), st.sampled_from(["", "en", "de", "fr", "zh", "xx"]))
def test_tokens_of_any_text_lie_in_order_inside_it(text: str, language: str) -> None:
    at = 0
    for token in tokenise(text, language):
        assert 0 <= token.start < token.end <= len(text)
        assert token.start >= at
        assert token.keys
        at = token.start
