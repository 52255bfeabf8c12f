"""Rows of files of several makers become cases."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellread.checks.rows import gold_of, is_nested, passages_of, read_flat, read_nested
from wellread.errors import RowError

TEXT = "The pump runs at 67 psi. It was built in 1960."


def test_a_row_of_ragtruth_has_its_passages_apart_and_its_spans_marked():
    row = read_flat(
        {
            "id": "7",
            "question": "How fast?",
            "passages": f"passage 1:{TEXT}\n\npassage 2:Nothing here.\n\n",
            "response": "It runs at 69 psi.",
            "labels": [{"start": 11, "end": 13, "label_type": "Evident Conflict"}],
        },
        "f:3",
        3,
    )
    assert (row.id, row.line, row.case.question) == ("7", 3, "How fast?")
    assert [p.content for p in row.case.passages] == [TEXT, "Nothing here."]
    assert [p.id for p in row.case.passages] == ["passage 1", "passage 2"]
    assert row.gold is not None
    assert not row.gold.supported
    assert [(s.text, s.category) for s in row.gold.spans or ()] == [("69", "Evident Conflict")]


@pytest.mark.parametrize(
    "value",
    [
        {"question": "q", "contexts": [TEXT], "answer": "a"},
        {"user_input": "q", "retrieved_contexts": [TEXT], "response": "a"},
        {"question": "q", "context": TEXT, "answer": "a"},
        {"question": "q", "documents": [{"content": TEXT, "id": "x"}], "answer": "a"},
        {"question": "q", "passages": [{"chunk": {"text": TEXT, "id": "x"}}], "answer": "a"},
        {"question": "q", "context": TEXT, "answers": {"text": ["a", "b"], "answer_start": [1, 2]}},
        {"question": "q", "context": TEXT, "answers": [{"text": "a", "answer_start": 1}]},
        {"question": "q", "context": TEXT, "answers": ["a"]},
    ],
)
def test_each_form_gives_the_same_case(value):
    row = read_flat(value, "f:1", 1)
    assert row.case.question == "q"
    assert row.case.answer == "a"
    assert [p.content for p in row.case.passages] == [TEXT]
    assert row.id == "line 1"


def test_gold_answers_are_supported_and_a_model_s_answer_is_unknown():
    gold = read_flat({"context": TEXT, "question": "q", "answers": {"text": ["67 psi"]}}, "f:1", 1)
    assert gold.gold is not None
    assert gold.gold.supported
    said = read_flat(
        {"context": TEXT, "question": "q", "answer": "69", "answers": ["67"]}, "f:1", 1
    )
    assert said.case.answer == "69"
    assert said.gold is None


def test_a_question_without_an_answer_is_a_case_with_an_empty_one():
    row = read_flat({"context": TEXT, "question": "q", "answers": {"text": []}}, "f:1", 1)
    assert row.case.answer == ""
    assert row.gold is None


def test_no_labels_mean_supported_only_where_somebody_looked():
    assert gold_of({"labels": []}, "a", "f:1") is not None
    assert gold_of({}, "a", "f:1") is None
    assert gold_of({"labels": ["entailment"]}, "a", "f:1") is None
    assert gold_of({"supported": False}, "a", "f:1").supported is False  # type: ignore[union-attr]
    assert gold_of({"hallucination": "yes"}, "a", "f:1").supported is False  # type: ignore[union-attr]
    assert gold_of({"hallucination": False}, "a", "f:1").supported is True  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"context": TEXT, "question": "q"}, "no answer to check: the row holds 'context', 'que"),
        ({"question": "q", "answer": "a"}, "nothing the answer could rest on"),
        ({"context": 3, "answer": "a"}, "f:9 context is int: 3; it is text or a list"),
        ({"contexts": [3], "answer": "a"}, "f:9 contexts[0] is int: 3"),
        ({"contexts": [{"body": "x"}], "answer": "a"}, "contexts[0] has no text: it holds 'body'"),
        ({"context": TEXT, "answer": ["a"]}, "f:9 answer is list: ['a']; it is text"),
        ({"context": TEXT, "answers": 5}, "f:9 answers is int: 5"),
        ({"context": TEXT, "answer": "a", "labels": [{"start": 4, "end": 2}]}, "runs from 4 to 2"),
        ({"context": TEXT, "answer": "a", "labels": [{"text": "a"}]}, "runs from None to None"),
    ],
)
def test_a_row_that_cannot_be_read_says_where_and_what_was_seen(value, said):
    with pytest.raises(RowError) as raised:
        read_flat(value, "f:9", 9)
    assert said in str(raised.value)
    assert raised.value.message.startswith("f:9")


def test_empty_passages_are_left_out_and_none_is_no_error():
    assert [p.content for p in passages_of(["", "  ", "a"], "f")] == ["a"]
    assert passages_of(None, "f") == ()
    assert passages_of([], "f") == ()
    assert passages_of("", "f") == ()


def test_a_text_that_only_speaks_of_passages_is_one():
    text = "In passage 1: nothing.\npassage 2: also nothing."
    assert [p.content for p in passages_of(text, "f")] == [text]


def test_a_squad_file_gives_one_case_a_question():
    value = {
        "data": [
            {
                "title": "Pumps",
                "paragraphs": [
                    {
                        "context": TEXT,
                        "qas": [
                            {"id": "a", "question": "p?", "answers": [{"text": "67 psi"}]},
                            {"question": "when?", "answers": [{"text": "1960"}]},
                        ],
                    }
                ],
            }
        ]
    }
    assert is_nested(value)
    rows = list(read_nested(value, "f"))
    assert [(r.id, r.line, r.case.answer) for r in rows] == [
        ("a", 1, "67 psi"),
        ("Pumps/2", 2, "1960"),
    ]
    value["data"][0]["paragraphs"][0]["qas"] = "none"  # type: ignore[index]
    with pytest.raises(RowError, match=r"paragraphs\[0\]\.qas is str"):
        list(read_nested(value, "f"))


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
_NAMES = ["context", "contexts", "question", "answer", "answers", "labels", "spans", "supported"]


@given(st.dictionaries(st.sampled_from(_NAMES), _JSON))
def test_any_object_is_a_case_or_a_row_error(value):
    try:
        row = read_flat(value, "f:1", 1)
    except RowError as error:
        assert error.message.startswith("f:1")
        return
    assert isinstance(row.case.answer, str)
    assert all(p.content.strip() for p in row.case.passages)
    for span in (row.gold and row.gold.spans) or ():
        assert row.case.answer[span.start : span.end] == span.text
