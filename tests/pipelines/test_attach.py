"""Passages are attached only where they help, and the rest of the shares is as asked for."""

import itertools
import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wellread.checks.abstention import declines
from wellread.checks.answers import answers
from wellread.checks.lexical import LexicalDetector
from wellread.dialogue.retrieval import hops_of
from wellread.pipelines.attach import (
    ABSTENTIONS,
    Attached,
    AttachSettings,
    Task,
    attach_passages,
)
from wellread.records import Chunk, Passage, Rejection, Turn

XQUAD = Path(__file__).parents[2] / "../shared/data/xquad"
FACTS = {
    "pump.md": "The Borel pump runs at 67 psi. It was built in 1960 by Gerlach.",
    "lamp.md": "The Lumo lamp shines for 4 hours at full power.",
    "post.md": "Express delivery costs 12 euros and takes one day.",
    "bike.md": "Frames are under warranty for ten years, forks for five.",
    "rain.md": "In Bergen it rains on two days of three.",
}


def passage(source: str, text: str, rank: int) -> Passage:
    return Passage(
        Chunk(f"{source}#0-{len(text)}", source, text, 0, len(text), source=source),
        1.0 / rank,
        rank,
    )


def search(question: str, count: int) -> list[Passage]:
    """The facts whose words the question holds first, then all others."""
    asked = set(question.lower().strip("?").split())
    by_words = sorted(FACTS, key=lambda name: -len(asked & set(FACTS[name].lower().split())))
    return [passage(name, FACTS[name], rank) for rank, name in enumerate(by_words, 1)][:count]


def task(
    name: str = "1", question: str = "At what pressure does the Borel pump run?", **more
) -> Task:
    answer = more.pop("answer", "It runs at 67 psi.")
    return Task(name, (Turn("user", question), Turn("assistant", answer, learn=True)), **more)


def attached(tasks, **options) -> list[Attached | Rejection]:
    return list(attach_passages(tasks, search, LexicalDetector(), AttachSettings(**options)))


def only(tasks, **options) -> Attached:
    (one,) = attached(tasks, **options)
    assert isinstance(one, Attached)
    return one


USEFUL = {"distractor_share": 0, "no_answer_share": 0}
AMONG = {"distractor_share": 1, "no_answer_share": 0}
NO_ANSWER = {"distractor_share": 0, "no_answer_share": 1}


def test_a_useful_passage_comes_alone_where_no_others_are_asked_for():
    one = only([task()], **USEFUL)
    assert (one.kind, [p.chunk.document_id for p in one.passages]) == ("useful", ["pump.md"])
    assert one.turns[-1].content == "It runs at 67 psi."


def test_talk_that_no_passage_supports_stays_as_it_is_without_any():
    talk = task(question="How are you?", answer="Fine, thank you, and ready to help.")
    one = only([talk])
    assert (one.kind, one.passages, one.turns) == ("plain", (), talk.turns)
    assert [m["role"] for m in one.as_row()["messages"]] == ["user", "assistant"]


def test_an_answer_that_must_rest_on_documents_is_left_out_where_none_supports_it():
    (one,) = attached([task(answer="It runs at 99 psi.", from_documents=True)])
    assert isinstance(one, Rejection)
    assert (one.reason, "99 psi" in one.detail) == ("no_passage_supports_it", True)


def test_a_passage_of_a_document_that_was_not_judged_relevant_is_not_taken():
    (one,) = attached([task(relevant=frozenset({"lamp.md"}), from_documents=True)])
    assert isinstance(one, Rejection)


def test_unrelated_passages_stand_around_the_useful_one_at_any_rank():
    places = Counter()
    for one in attached([task(str(n)) for n in range(60)], top_k=3, **AMONG):
        assert (one.kind, len(one.passages)) == ("among", 3)
        ranks = {p.chunk.document_id: p.rank for p in one.passages}
        assert (ranks["pump.md"], sorted(ranks.values())) == (1, [1, 2, 3])
        places[[p.chunk.document_id for p in one.passages].index("pump.md")] += 1
    assert set(places) == {0, 1, 2}
    assert min(places.values()) > 8


def test_without_an_answer_in_its_passages_the_model_learns_to_say_so():
    made = attached([task(str(n)) for n in range(40)], **NO_ANSWER)
    for one in made:
        assert one.kind == "no_answer"
        assert "pump.md" not in [p.chunk.document_id for p in one.passages]
        assert not any(answers(task().question, "67 psi", p.chunk) for p in one.passages)
        assert declines(one.turns[-1].content, "en") == "whole"
    assert len({one.turns[-1].content for one in made}) == len(ABSTENTIONS["en"])


@pytest.mark.parametrize("language", ABSTENTIONS)
def test_every_wording_declines(language):
    for wording in ABSTENTIONS[language]:
        assert declines(wording, language) == "whole", wording


def test_a_german_question_is_declined_in_german():
    asked = task(question="Mit welchem Druck läuft die Pumpe von Borel?", answer="67 psi")
    german = [passage("pumpe.md", "Die Pumpe von Borel läuft mit einem Druck von 67 psi.", 1)]
    other = [passage("regen.md", "In Bergen regnet es an zwei von drei Tagen.", 2)]
    (one,) = attach_passages(
        [asked], lambda *_: german + other, LexicalDetector(), AttachSettings(**NO_ANSWER)
    )
    assert one.turns[-1].content in ABSTENTIONS["de"]


def test_the_answer_cites_the_place_of_its_passage():
    for one in attached([task(str(n), cite=True) for n in range(20)], **AMONG):
        place = 1 + [p.chunk.document_id for p in one.passages].index("pump.md")
        assert one.turns[-1].content == f"It runs at 67 psi [{place}]."


def test_only_the_answer_with_passages_is_learned():
    before = (Turn("user", "Hello"), Turn("assistant", "Hello, what is it?", learn=True))
    one = only([Task("1", (*before, *task().turns))], **USEFUL)
    assert [turn.learn for turn in one.turns] == [False, False, False, True]
    assert [m["role"] for m in one.as_row()["messages"]] == [
        "user", "assistant", "retrieval", "user", "assistant",
    ]  # fmt: skip


def test_a_row_holds_its_passages_as_a_retrieval_message_and_its_document_as_group():
    row = json.loads(json.dumps(only([task()], **USEFUL).as_row()))
    (hop,) = hops_of(row["messages"][0])
    assert [p.chunk.text for p in hop.passages] == [FACTS["pump.md"]]
    assert row["document_id"] == "pump.md"


@pytest.mark.parametrize(
    ("turns", "reason"),
    [
        ((), "no_answer_at_the_end"),
        ((Turn("user", "Why?"),), "no_answer_at_the_end"),
        ((Turn("assistant", "Hello."),), "no_answer_at_the_end"),
        (
            (Turn("context", "[1] x"), Turn("user", "Why?"), Turn("assistant", "So.")),
            "has_a_context",
        ),
    ],
)
def test_what_nothing_can_be_attached_to_is_named(turns, reason):
    (one,) = attached([Task("1", turns)])
    assert (one.reason, one.id) == (reason, "1")


def test_shares_come_out_as_asked_for():
    made = attached([task(str(n)) for n in range(400)], distractor_share=0.5, no_answer_share=0.3)
    shares = {kind: count / 400 for kind, count in Counter(one.kind for one in made).items()}
    assert shares == {
        "among": pytest.approx(0.5, abs=0.08),
        "no_answer": pytest.approx(0.3, abs=0.08),
        "useful": pytest.approx(0.2, abs=0.08),
    }


def shown(found: list[Passage], one: Task, **options) -> Attached:
    """What becomes of a task for which exactly these passages are found."""
    (made,) = attach_passages(
        [one], lambda question, count: found[:count], LexicalDetector(), AttachSettings(**options)
    )
    return made


def test_the_words_of_an_answer_about_something_else_neither_support_it_nor_stand_beside_it():
    elsewhere = passage("hale.md", "The Hale compressor needs 67 psi of air.", 1)
    assert not answers(task().question, task().answer, elsewhere.chunk)
    assert shown([elsewhere], task()).kind == "plain"
    beside = shown([elsewhere, *search("pump", 5)], task(), **AMONG)
    assert "hale.md" not in [p.chunk.document_id for p in beside.passages]


def test_a_passage_that_contradicts_a_part_of_the_answer_does_not_support_it():
    one = task(answer="It runs at 67 psi and was built by Gerlach in 1975.")
    pump = passage("pump.md", FACTS["pump.md"], 1)
    assert answers(one.question, one.answer, pump.chunk)
    assert shown([pump], one).kind == "plain"


def test_a_passage_below_the_best_is_not_taken_for_support():
    others = [passage(name, text, 1) for name, text in FACTS.items() if name != "pump.md"]
    pump = passage("pump.md", FACTS["pump.md"], 3)
    found = [*others[:2], pump]
    assert shown(found, task(), top_k=2).kind == "plain"
    assert shown(found, task(), top_k=3, **USEFUL).passages[0].chunk.document_id == "pump.md"


def test_unrelated_passages_do_not_say_the_same_twice():
    copies = [passage(f"rain{n}.md", FACTS["rain.md"], n + 2) for n in range(3)]
    found = [passage("pump.md", FACTS["pump.md"], 1), *copies]
    assert len(shown(found, task(), **AMONG).passages) == 2


def test_another_chunk_of_a_document_that_answers_is_no_unrelated_passage():
    own = passage("pump.md", FACTS["pump.md"], 1)
    second = Passage(Chunk("pump.md#70-90", "pump.md", "It stands in Basel.", 70, 90), 0.5, 2)
    one = task(relevant=frozenset({"pump.md"}))
    assert shown([own, second], one, **AMONG).passages == (own,)


@settings(max_examples=20, deadline=None)
@given(st.permutations([str(n) for n in range(6)]), st.integers(0, 50))
def test_what_comes_of_a_task_depends_on_nothing_but_its_id_and_the_seed(names, seed):
    alone = {name: only([task(name)], seed=seed) for name in sorted(names)}
    together = attached([task(name) for name in names], seed=seed)
    assert together == [alone[name] for name in names]


def test_where_no_passage_is_unrelated_the_useful_one_comes_alone():
    pump = search("pump", 1)
    (one,) = attach_passages(
        [task()], lambda *_: pump, LexicalDetector(), AttachSettings(**NO_ANSWER)
    )
    assert (one.kind, one.passages) == ("useful", tuple(pump))


def test_shares_of_more_than_all_are_refused():
    with pytest.raises(ValueError, match="more than 1"):
        AttachSettings(distractor_share=0.7, no_answer_share=0.4)


@pytest.mark.real
@pytest.mark.skipif(not XQUAD.is_dir(), reason="needs ../shared/data/xquad")
def test_on_real_questions_the_gold_paragraph_is_attached_and_others_are_not():
    data = json.loads((XQUAD / "xquad.en.json").read_text("utf-8"))["data"]
    paragraphs = [p for article in data for p in article["paragraphs"]][:40]
    passages = [passage(f"p{n}", p["context"], 1) for n, p in enumerate(paragraphs)]
    tasks, gold = [], {}
    for number, paragraph in enumerate(paragraphs):
        for asked in paragraph["qas"][:2]:
            gold[asked["id"]] = f"p{number}"
            tasks.append(task(asked["id"], asked["question"], answer=asked["answers"][0]["text"]))

    def gold_third(question: str, count: int) -> list[Passage]:
        wanted = next(int(gold[t.id][1:]) for t in tasks if t.question == question)
        others = itertools.islice((p for n, p in enumerate(passages) if n != wanted), wanted, None)
        ranked = list(itertools.islice(others, count - 1)) or passages[:2]
        return [*ranked[:2], passages[wanted], *ranked[2:]]

    made = list(attach_passages(tasks, gold_third, LexicalDetector(), AttachSettings(**AMONG)))
    right = sum(any(p.chunk.document_id == gold[one.id] for p in one.passages) for one in made)
    assert right / len(made) > 0.9
    assert sum(one.kind == "plain" for one in made) / len(made) < 0.03
