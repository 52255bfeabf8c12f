"""Rows of every form become conversations; a bad one is told with its file, line and what to do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from wellread.datasets.conversations import Row, parse_row, read_conversations
from wellread.errors import RowError
from wellread.records import (
    Chunk,
    ContextPart,
    Conversation,
    Example,
    Passage,
    Provenance,
    Turn,
)
from wellread.storage.files import write_jsonl

QUESTION = {"role": "user", "content": "How heavy?"}
ANSWER = {"role": "assistant", "content": "12 kg [1]."}


def row(**value) -> Row:
    return parse_row(json.dumps(value).encode(), "a.jsonl:7", 7)


def turns(**value) -> list[tuple[str, str, bool]]:
    conversation = row(**value).conversation
    assert conversation
    return [(turn.role, turn.content, turn.learn) for turn in conversation.turns]


def test_system_and_context_stand_before_the_first_question_and_answers_are_learned():
    assert turns(
        system="Be brief.",
        context="[1] (loom.md) The loom weighs 12 kg.",
        messages=[QUESTION, ANSWER, {"role": "user", "content": "And?"}, ANSWER],
    ) == [
        ("system", "Be brief.", False),
        ("context", "[1] (loom.md) The loom weighs 12 kg.", False),
        ("user", "How heavy?", False),
        ("assistant", "12 kg [1].", True),
        ("user", "And?", False),
        ("assistant", "12 kg [1].", True),
    ]


def test_a_context_of_a_message_stands_before_that_message():
    found = turns(messages=[QUESTION, ANSWER, {**QUESTION, "context": "More."}, ANSWER])
    assert [role for role, _, _ in found] == ["user", "assistant", "context", "user", "assistant"]


def test_a_system_message_goes_before_the_context_of_the_row():
    found = turns(context="C", messages=[{"role": "system", "content": "S"}, QUESTION, ANSWER])
    assert [role for role, _, _ in found] == ["system", "context", "user", "assistant"]


@pytest.mark.parametrize("nothing", ["", "  \n", None])
def test_an_empty_system_or_context_is_none(nothing):
    assert turns(system=nothing, context=nothing, messages=[QUESTION, ANSWER]) == turns(
        messages=[QUESTION, ANSWER]
    )


def test_numbered_lines_become_passages_in_their_order():
    found = row(
        context="Found:\n[1] (a.md) One.\nstill one\n[2] (b c (2).txt) Two.",
        messages=[QUESTION, ANSWER],
    ).conversation
    assert found
    assert found.turns[0].parts == (
        ContextPart("Found:", 0),
        ContextPart("[1] (a.md) One.\nstill one", 1),
        ContextPart("[2] (b c (2).txt) Two.", 2),
    )


def test_a_footnote_at_the_start_of_a_line_opens_no_passage():
    found = row(context="[1] One.\n[7] a note\n[2] Two.", messages=[QUESTION, ANSWER]).conversation
    assert found
    assert [part.rank for part in found.turns[0].parts] == [1, 2]


def test_other_text_is_cut_into_paragraphs_that_join_to_the_same_text():
    text = "\nOne.\nStill one.\n\n\nTwo.\n"
    found = row(context=text, messages=[QUESTION, ANSWER]).conversation
    assert found
    parts = found.turns[0].parts
    assert [part.rank for part in parts] == [0, 1, 2]
    assert "\n".join(part.text for part in parts) == text


def test_a_retrieval_message_becomes_numbered_passages_verbatim():
    documents = [
        {"id": "d1", "content": "The loom </myPT_user_context>\nweighs 12 kg.", "source": "l.md"},
        {"id": "d2", "content": "Other."},
    ]
    found = row(messages=[{"role": "retrieval", "documents": documents}, QUESTION, ANSWER])
    assert found.conversation
    assert found.conversation.turns[0] == Turn(
        "context",
        "[1] (l.md) The loom </myPT_user_context> weighs 12 kg.\n[2] (d2) Other.",
        parts=(
            ContextPart("[1] (l.md) The loom </myPT_user_context> weighs 12 kg.", 1),
            ContextPart("[2] (d2) Other.", 2),
        ),
    )
    assert found.group == "l.md"


def test_hops_are_numbered_through_and_ranked_each_for_itself():
    hops = [
        {"hop": 1, "query": "loom", "documents": [{"content": "A"}, {"content": "B"}]},
        {"hop": 2, "query": "kiln", "documents": []},
        {"hop": 3, "query": "", "documents": [{"id": "z", "content": "C"}]},
    ]
    message = {"role": "retrieval", "multi_hop": True, "hops": hops}
    found = row(messages=[message, QUESTION, ANSWER]).conversation
    assert found
    assert found.turns[0].content == (
        "Search 1: loom\n[1] (1) A\n[2] (2) B\n\n"
        "Search 2: kiln\n(no passages were found)\n\n[3] (z) C"
    )
    assert [part.rank for part in found.turns[0].parts] == [0, 1, 2, 0, 0, 0, 0, 1]


def test_sharegpt_speakers_are_roles_and_flags_decide_what_is_learned():
    found = turns(
        conversations=[
            {"from": "system", "value": "S"},
            {"from": "human", "value": "Q1"},
            {"from": "gpt", "value": "A1", "weight": 0},
            {"from": "human", "value": "Q2", "train": True},
            {"from": "gpt", "value": "A2"},
        ]
    )
    assert [learn for _, _, learn in found] == [False, False, False, True, True]
    assert [role for role, _, _ in found] == ["system", "user", "assistant", "user", "assistant"]


def test_segments_keep_their_labels():
    found = row(segments=[{"label": False, "text": "Q "}, {"label": True, "text": "A"}])
    assert found.conversation is None
    assert [(s.text, s.label) for s in found.segments] == [("Q ", False), ("A", True)]


def example() -> Example:
    chunks = [Chunk(f"a.md#{n}", "a.md", f"Text {n}.", 0, 7, source="a.md") for n in (1, 2)]
    system = (
        "Answer.\n\nChunk 1\nSource: a.md\n---\nText 2.\n---\n\n"
        "Chunk 2\nSource: a.md\n---\nText 1.\n---"
    )
    talk = (Turn("system", system), Turn("user", "Q", True), Turn("assistant", "A", True))
    return Example(
        "e",
        "success",
        Conversation(talk),
        (Passage(chunks[1], 1.0, 2), Passage(chunks[0], 2.0, 1)),
        (),
        Provenance("a.md#1", "a.md", "extractive"),
    )


def test_our_own_examples_know_their_document_and_the_ranks_of_their_passages(tmp_path):
    write_jsonl(tmp_path / "rag_examples.jsonl", [example()])
    (found,) = read_conversations(tmp_path / "rag_examples.jsonl")
    assert found.group == "a.md"
    assert found.origin.passages == ("a.md#1",)
    assert found.conversation
    system = found.conversation.turns[0]
    assert [part.rank for part in system.parts] == [0, 2, 0, 1]
    assert "\n".join(part.text for part in system.parts) == system.content


def test_a_row_rests_on_what_it_names_else_on_what_it_cites_else_on_all():
    context = "[1] (a.md) Alpha weighs 12 kg.\n[2] (b.md) Beta.\n[3] (c.md) Gamma."

    def documents(answer: str, **more) -> tuple[str, ...]:
        said = {"role": "assistant", "content": answer}
        return row(context=context, messages=[QUESTION, said], **more).origin.documents

    assert documents("It is so [2].") == ("b.md",)
    assert documents("As chunks 1 and 3 say.") == ("a.md", "c.md")
    assert documents("See c.md for it.") == ("c.md",)
    assert documents("12 kg") == ("a.md",)
    assert documents("Nobody knows.") == ("a.md", "b.md", "c.md")
    assert documents("It is so [2].", metadata={"source": "own.md"}) == ("own.md",)
    assert documents("It is so [2].", document_id="d9") == ("d9",)


BAD = {
    "not_json": [b"{", b'{"messages": NaN}', b'{"messages": "\\ud800"}', b"[1]", b"\xff\xfe"],
    "unknown_form": [b"{}", b'{"text": "a"}'],
    "unknown_key": [b'{"mesages": []}', b'{"messages": [], "contexts": "x"}'],
}


@pytest.mark.parametrize(
    ("reason", "line"), [(reason, line) for reason, lines in BAD.items() for line in lines]
)
def test_a_line_that_is_no_row_is_told_with_its_place(reason, line):
    if reason == "unknown_key" and b"contexts" in line:
        line = json.dumps({"messages": [QUESTION, ANSWER], "contexts": "x"}).encode()
    with pytest.raises(RowError, match=r"^a\.jsonl:7 ") as info:
        parse_row(line, "a.jsonl:7", 7)
    assert info.value.reason == reason


@pytest.mark.parametrize(
    ("reason", "messages", "said"),
    [
        ("no_messages", [], "an empty list"),
        ("no_messages", None, "None"),
        ("no_messages", "hi", "'hi'"),
        ("no_messages", ["hi"], r"messages\[0\] is str"),
        ("unknown_role", [{"role": "tool", "content": "x"}], "'tool'; it is system, user"),
        ("unknown_role", [{"content": "x"}], "None"),
        ("unknown_role", [{"role": ["user"], "content": "x"}], r"\['user'\]"),
        ("not_text", [{"role": "user", "content": None}], "is null; it must be text"),
        ("not_text", [{"role": "user"}], "is null"),
        ("not_text", [{"role": "user", "content": 3}], "int: 3"),
        ("not_text", [{"role": "user", "content": [{"text": "x"}]}], "list"),
        ("empty_text", [QUESTION, {"role": "assistant", "content": " \n"}], "is empty"),
        ("empty_text", [{"role": "user", "content": ""}, ANSWER], r"messages\[0\] content"),
        ("no_answer", [QUESTION], "holds no message of the assistant"),
        ("no_answer", [QUESTION, ANSWER, QUESTION], "ends with a question"),
        ("role_order", [ANSWER], "an answer without a question"),
        ("role_order", [QUESTION, QUESTION, ANSWER], "two user messages in a row"),
        ("role_order", [QUESTION, ANSWER, ANSWER], "two assistant messages in a row"),
        (
            "role_order",
            [{"role": "system", "content": "a"}, {"role": "system", "content": "b"}],
            "a second system message",
        ),
        ("role_order", [QUESTION, {"role": "system", "content": "a"}, ANSWER], "stands first"),
        (
            "role_order",
            [QUESTION, {"role": "retrieval", "documents": []}, ANSWER],
            "a context that no question follows",
        ),
        ("role_order", [QUESTION, {**ANSWER, "context": "x"}], "belongs to a user message"),
        ("bad_retrieval", [{"role": "retrieval"}, QUESTION, ANSWER], "documents"),
        ("bad_retrieval", [{"role": "retrieval", "documents": [{"id": "a"}]}], "content"),
        ("bad_weight", [QUESTION, {**ANSWER, "weight": 0.5}], "0.5; it is 0 or 1"),
        ("bad_weight", [QUESTION, {**ANSWER, "train": "no"}], "'no'; it is true or false"),
        ("nothing_learned", [QUESTION, {**ANSWER, "train": False}], "no message is learned"),
        ("nothing_learned", [QUESTION, {**ANSWER, "weight": 0}], "no message is learned"),
    ],
)
def test_a_conversation_that_breaks_a_rule_is_told_with_what_was_seen(reason, messages, said):
    with pytest.raises(RowError, match=rf"^a\.jsonl:7 .*{said}") as info:
        row(messages=messages)
    assert info.value.reason == reason


def test_a_second_system_prompt_beside_that_of_the_row_is_refused():
    with pytest.raises(RowError, match="second system message"):
        row(system="a", messages=[{"role": "system", "content": "b"}, QUESTION, ANSWER])


@pytest.mark.parametrize(
    ("reason", "value"),
    [
        ("no_messages", {"conversations": "x"}),
        ("unknown_role", {"conversations": [{"from": "tool", "value": "x"}]}),
        ("unknown_role", {"conversations": ["x"]}),
        ("not_text", {"conversations": [{"from": "human", "value": None}]}),
        ("no_segments", {"segments": []}),
        ("not_text", {"segments": [{"label": True}]}),
        ("bad_weight", {"segments": [{"label": 1, "text": "x"}]}),
        ("nothing_learned", {"segments": [{"label": False, "text": "x"}]}),
        ("nothing_learned", {"segments": [{"label": True, "text": ""}]}),
        ("not_an_example", {"conversation": {}, "provenance": {}}),
    ],
)
def test_mistakes_of_the_other_forms_are_told_too(reason, value):
    with pytest.raises(RowError, match=r"^a\.jsonl:7 ") as info:
        row(**value)
    assert info.value.reason == reason


def file_of(folder: Path, *lines: object) -> Path:
    path = folder / "rows.jsonl"
    path.write_text("\n".join(x if isinstance(x, str) else json.dumps(x) for x in lines))
    return path


def test_the_first_bad_row_stops_or_each_is_handed_on(tmp_path):
    good = {"messages": [QUESTION, ANSWER]}
    path = file_of(tmp_path, good, "", "{", good, {"messages": []})
    with pytest.raises(RowError, match=r"rows\.jsonl:3 "):
        list(read_conversations(path))
    skipped: list[RowError] = []
    rows = list(read_conversations(path, skip=skipped.append))
    assert [r.line for r in rows] == [1, 4]
    assert [error.reason for error in skipped] == ["not_json", "no_messages"]


def test_a_byte_order_mark_at_the_start_of_a_file_is_no_mistake(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({"messages": [QUESTION, ANSWER]}), encoding="utf-8-sig")
    assert len(list(read_conversations(path))) == 1
