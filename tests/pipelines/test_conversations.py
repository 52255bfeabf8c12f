"""Groups: which turns are shown, which are learned, and what each system prompt holds."""

from hypothesis import given
from hypothesis import strategies as st

from wellread.pipelines.conversations import Item, Layout, conversations, own_conversation, spoken
from wellread.records import Chunk, Passage, QuestionAnswer

LAYOUT = Layout(("A {data}", "B {data}"), seed=7)


def item(name: str, pairs: int = 2) -> Item:
    chunk = Chunk(f"{name}.md#0-9", f"{name}.md", f"Text of {name}.", 0, 9, source=f"{name}.md")
    turns = tuple(QuestionAnswer(f"Q {name}{n}?", f"A {name}{n}.", "Think.") for n in range(pairs))
    return Item(chunk.id, (Passage(chunk, 1.0, 1),), turns)


groups = st.integers(1, 5).map(lambda size: [item(f"i{n}", pairs=1 + n % 2) for n in range(size)])
layouts = st.builds(
    Layout,
    st.just(("A {data}", "B {data}")),
    st.sampled_from(["chunks", "numbered"]),
    st.booleans(),
    st.sampled_from(["drop", "keep"]),
    st.integers(0, 9),
)


@given(groups, layouts)
def test_only_the_turns_of_the_target_are_learned(group, layout):
    for target, conversation in zip(group, conversations(group, layout), strict=True):
        learned = [turn.content for turn in conversation.turns if turn.learn]
        questions = [turn.question for turn in target.turns] if layout.train_on_user else []
        assert sorted(learned) == sorted([*questions, *(spoken(turn) for turn in target.turns)])


@given(groups, layouts)
def test_the_system_prompt_holds_the_passages_of_the_target_and_is_never_learned(group, layout):
    for target, conversation in zip(group, conversations(group, layout), strict=True):
        system = conversation.turns[0]
        assert (system.role, system.learn) == ("system", False)
        assert target.passages[0].chunk.text in system.content
        assert "{data}" not in system.content


@given(groups)
def test_turns_after_the_target_are_dropped_so_that_no_useless_tail_remains(group):
    for conversation in conversations(group, LAYOUT):
        assert conversation.turns[-1].learn


@given(groups)
def test_kept_trailing_turns_show_every_item_in_the_same_order(group):
    kept = [
        [turn.content for turn in conversation.turns[1:]]
        for conversation in conversations(group, Layout(("{data}",), trailing_turns="keep"))
    ]
    assert all(turns == kept[0] for turns in kept)


def test_the_turns_of_items_before_are_shown_and_only_read():
    third = list(conversations([item("a"), item("b"), item("c")], LAYOUT))[2]
    assert [turn.content for turn in third.turns if turn.role == "user" and not turn.learn] == [
        "Q a0?",
        "Q a1?",
        "Q b0?",
        "Q b1?",
    ]


def test_the_prompt_drawn_depends_on_seed_and_item_only():
    alone = own_conversation(item("b"), LAYOUT).turns[0]
    grouped = list(conversations([item("a"), item("b")], LAYOUT))[1].turns[0]
    assert alone == grouped
    drawn = {own_conversation(item(f"x{n}"), LAYOUT).turns[0].content[0] for n in range(40)}
    assert drawn == {"A", "B"}


def test_a_prompt_with_other_braces_is_left_alone():
    layout = Layout(('Reply as {"a": {}} with {data}',))
    assert (
        own_conversation(item("a"), layout).turns[0].content.startswith('Reply as {"a": {}} with')
    )


def test_reasoning_is_said_before_the_answer():
    assert spoken(QuestionAnswer("Q?", "A.", "First.")) == "Thought Process:\nFirst.\n\nAnswer:\nA."
    assert spoken(QuestionAnswer("Q?", "A.")) == "A."
