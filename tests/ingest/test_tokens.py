"""The estimate adds up, and the languages are told apart."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellread.errors import InputError
from wellread.ingest.language import detect
from wellread.ingest.tokens import Estimate, counter_for

ENGLISH = (
    "The pump moves water from the tank to the boiler at a rate of ten litres a minute. Before "
    "work begins, check the level of the oil and close all valves, so that nothing leaks."
)
GERMAN = (
    "Die Pumpe fördert zehn Liter Wasser in der Minute vom Behälter in den Kessel. Vor Beginn der "
    "Arbeit ist der Ölstand zu prüfen, und alle Ventile sind zu schließen, damit nichts ausläuft."
)
CHINESE = (
    "水泵以每分钟十升的速度将水从水箱输送到锅炉。开始工作之前，请检查油位并关闭所有阀门，以免泄漏。"
)
CODE = (
    "def flow(litres, minutes):\n    if minutes == 0:\n        raise ValueError('no time')\n"
    "    return litres / minutes\n"
)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [(ENGLISH, 39), (GERMAN, 55), (CHINESE, 52), (CODE, 28)],
    ids=["en", "de", "zh", "code"],
)
def test_the_estimate_is_near_the_cl100k_vocabulary(text, tokens):
    assert Estimate().count(text) == pytest.approx(tokens, rel=0.15)


@given(st.text(max_size=120), st.integers(0, 120))
def test_the_tokens_of_two_stretches_after_white_space_add_up(text, cut):
    whole = f"{text[:cut]} {text[cut:]}"
    place = len(text[:cut]) + 1
    first, second = Estimate().measure(whole, [(0, place), (place, len(whole))])
    assert math.ceil(first + second) == Estimate().count(whole)
    assert math.ceil(second) == Estimate().count(text[cut:])


@given(st.text(max_size=200))
def test_an_estimate_is_never_negative_and_zero_only_for_nothing(text):
    assert (Estimate().count(text) == 0) == (text == "")


def test_a_missing_tokenizer_says_what_to_set(tmp_path):
    with pytest.raises(InputError, match="no such tokenizer file"):
        counter_for(str(tmp_path))


def test_a_file_that_is_no_tokenizer_is_named(tmp_path):
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(InputError, match=r"not a tokenizer|not installed"):
        counter_for(str(tmp_path))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (ENGLISH, "en"), (GERMAN, "de"), (CHINESE, "zh"),
        ("La pompe déplace l'eau du réservoir vers la chaudière avec une grande force.", "fr"),
        ("La bomba mueve el agua del depósito a la caldera, y no se para por la noche.", "es"),
        ("La pompa sposta l'acqua dal serbatoio alla caldaia e non si ferma per la notte.", "it"),
        ("A bomba não leva água do tanque para a caldeira, mas também não para à noite.", "pt"),
        ("De pomp brengt het water van de tank naar de ketel en het is niet te stoppen.", "nl"),
        ("Pompa przenosi wodę do kotła, ale nie jest to tak szybko jak przy innych.", "pl"),
        ("ポンプはタンクからボイラーへ水を送ります。", "ja"),
        ("펌프는 탱크에서 보일러로 물을 보냅니다.", "ko"),
        ("Насос перекачивает воду из бака в котёл.", "ru"),
        ("Насос перекачує воду з бака в котел, і її їм вистачає.", "uk"),
        ("تنقل المضخة الماء من الخزان إلى الغلاية.", "ar"),
        ("Η αντλία μεταφέρει νερό στον λέβητα.", "el"),
        ("Det var en mand, det var en hund, det var en kat.", ""),
        ("", ""), ("12 34 56", ""), ("xq zv kk qq ww rr", ""), ("Ok.", ""),
    ],
)  # fmt: skip
def test_the_language_is_told_or_left_open(text, code):
    assert detect(text) == code
