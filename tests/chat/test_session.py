"""A chat: what is retrieved, asked, cited and found of the answer."""

from __future__ import annotations

import pytest

from tests.chat.servers import first_passage, knowing_server
from wellread.chat.answering import Generated, PromptTooLongError, Stream
from wellread.chat.endpoint import EndpointAnswerer, chat_endpoint
from wellread.chat.session import ChatSession, ChatSettings
from wellread.errors import ConfigError, InputError
from wellread.knowledge.manager import RetrievalManager
from wellread.llm.chat import Message
from wellread.records import Chunk, Passage

DOCUMENTS = [
    {"id": "returns", "content": "Items can be returned within 30 days.", "source": "returns.md"},
    {"id": "shipping", "content": "Shipping is free for orders over 50 dollars.", "source": "s.md"},
]


class Scripted:
    """An answerer that says what `answer` makes of the conversation."""

    name = "scripted"

    def __init__(self, answer) -> None:
        self.answer = answer
        self.asked = []

    def stream(self, conversation, sampling) -> Stream:
        self.asked.append(conversation)

        def pieces():
            text = self.answer(conversation)
            yield text[:5]
            yield text[5:]
            return Generated("stop", 7, 3)

        return Stream(pieces())

    def close(self) -> None:
        pass


def say(text: str) -> Scripted:
    return Scripted(lambda conversation: text)


@pytest.fixture
def manager():
    with RetrievalManager("bm25") as made:
        made.add_documents(DOCUMENTS)
        yield made


def test_an_answer_comes_with_passages_citations_and_a_verdict(manager):
    answerer = say("Within 30 days [1], see returns.md, [7] and other.pdf.")
    told = []
    answer = ChatSession(answerer, manager).ask("When can items be returned?", told.append)
    assert "".join(told) == answer.text
    assert [p.source for p in answer.passages] == ["returns.md"]
    assert [(c.text, c.passages) for c in answer.citations] == [
        ("[1]", (1,)), ("returns.md", (1,)), ("[7]", ()), ("other.pdf", ()),
    ]  # fmt: skip
    assert [c.known for c in answer.citations] == [True, True, False, False]
    assert answer.verdict.outcome in {"partial", "ungrounded"}
    assert {span.text for span in answer.verdict.spans} >= {"[7]", "other.pdf"}
    assert answer.generated.tokens == 3
    assert ChatSession(say("30 days [1]."), manager).ask("returned?").verdict.outcome == "grounded"


def test_the_prompt_is_that_of_a_training_row(manager):
    answerer = say("x")
    ChatSession(answerer, manager, ChatSettings(system="Be brief.")).ask("When returned?")
    [asked] = answerer.asked
    assert [(t.role, t.content) for t in asked.turns] == [
        ("system", "Be brief."),
        ("context", "[1] (returns.md) Items can be returned within 30 days."),
        ("user", "When returned?"),
    ]


def test_passages_stand_in_a_system_prompt_that_has_a_place_for_them(manager, tmp_path):
    answerer = say("30 days.")
    settings = ChatSettings(system="Use:\n{data}", passage_form="chunks")
    session = ChatSession(answerer, manager, settings)
    answer = session.ask("When returned?")
    turns = answerer.asked[0].turns
    assert [t.role for t in turns] == ["system", "user"]
    assert turns[0].content.startswith("Use:\nChunk 1\nSource: returns.md\n---\nItems")
    row = session.record(answer, tmp_path / "log.jsonl")
    assert row["system"] == turns[0].content
    assert "context" not in row


def test_earlier_turns_are_seen_without_their_passages(manager):
    answerer = say("Answer.")
    session = ChatSession(answerer, manager, ChatSettings(history=1))
    for question in ("shipping?", "returned?", "orders?"):
        session.ask(question)
    assert [(t.role, t.content[:9]) for t in answerer.asked[-1].turns] == [
        ("user", "returned?"),
        ("assistant", "Answer."),
        ("context", "[1] (s.md"),
        ("user", "orders?"),
    ]
    assert len(session.history) == 3
    session.reset()
    session.ask("orders?")
    assert len(answerer.asked[-1].turns) == 2


def test_a_question_that_finds_nothing_is_searched_with_the_one_before(manager):
    session = ChatSession(say("x"), manager)
    session.ask("Is shipping free?")
    answer = session.ask("Why so?")
    assert answer.query == "Is shipping free? Why so?"
    assert [p.source for p in answer.passages] == ["s.md"]


def test_where_nothing_is_found_no_model_is_asked(manager):
    answerer = say("I make something up.")
    told = []
    answer = ChatSession(answerer, manager).ask("Zebras?", told.append)
    assert answerer.asked == []
    assert answer.verdict.outcome == "abstained"
    assert answer.text == "".join(told) == "I found nothing about this in the documents."
    free = ChatSession(answerer, manager, ChatSettings(without_passages="answer")).ask("Zebras?")
    assert free.text == "I make something up."
    assert free.verdict.outcome == "unscored"
    assert len(answerer.asked[0].turns) == 1


def test_a_chat_without_documents_asks_the_model_alone():
    answer = ChatSession(say("Hello."), None).ask("Hi")
    assert (answer.text, answer.passages, answer.verdict.outcome) == ("Hello.", (), "unscored")


def test_passages_below_the_least_score_are_left_out(manager):
    def brought(query: str, top_k: int) -> list[Passage]:
        scores = (3.0, 0.5, 2.0, 0.1)
        return [
            Passage(Chunk(f"{n}", f"{n}.md", f"Fact {n}.", 0, 7), score, 9)
            for n, score in enumerate(scores)
        ]

    session = ChatSession(say("x"), brought, ChatSettings(min_score=1.0))
    answer = session.ask("facts?")
    assert [(p.id, p.rank) for p in answer.passages] == [("0", 1), ("2", 2)]
    session.change(min_score=10.0)
    assert session.ask("facts?").passages == ()


def test_a_prompt_that_is_refused_as_too_long_is_sent_with_fewer_passages(manager):
    def refuse(conversation):
        context = next(t for t in conversation.turns if t.role == "context")
        if len(context.parts) > 1:
            raise PromptTooLongError("too long")
        return "30 days [1]."

    answer = ChatSession(Scripted(refuse), manager).ask("free items returned, shipping?")
    assert len(answer.passages) == 1

    def always(conversation):
        raise PromptTooLongError("too long")

    session = ChatSession(Scripted(always), manager)
    with pytest.raises(PromptTooLongError):
        session.ask("items returned?")
    assert session.history == ()


def test_what_is_interrupted_is_not_remembered(manager):
    def interrupt(text: str) -> None:
        raise KeyboardInterrupt

    session = ChatSession(say("Some answer."), manager)
    with pytest.raises(KeyboardInterrupt):
        session.ask("returned?", interrupt)
    assert session.history == ()
    assert session.ask("returned?").text == "Some answer."


def test_settings_and_questions_that_cannot_be_are_told(manager):
    session = ChatSession(say("x"), manager)
    with pytest.raises(ConfigError, match="top_k"):
        session.change(top_k=0)
    with pytest.raises(ConfigError, match="top_kk"):
        session.change(top_kk=1)
    assert session.settings.top_k == 5
    with pytest.raises(InputError, match="empty"):
        session.ask("  ")


def test_timings_come_from_the_clock(manager):
    times = iter(range(100))
    answer = ChatSession(say("30 days."), manager, clock=lambda: next(times)).ask("returned?")
    assert answer.timings.retrieve_s == 1
    assert answer.timings.first_s == 1
    assert answer.timings.generate_s == 2
    assert answer.timings.check_s == 1


def test_the_answer_as_a_dictionary_holds_everything(manager):
    value = ChatSession(say("30 days [1]."), manager).ask("returned?").to_dict()
    assert value["citations"] == [{"text": "[1]", "start": 8, "end": 11, "passages": [1]}]
    assert value["passages"][0]["source"] == "returns.md"
    assert value["verdict"]["outcome"] == "grounded"
    assert value["generated"]["finish_reason"] == "stop"


# -- endpoints


def test_an_endpoint_is_asked_as_a_chat_template_would_write_it(manager):
    seen = []

    def answer(request):
        seen.append(request)
        return first_passage(request)

    with knowing_server() as server:
        server.answer = answer
        answerer = EndpointAnswerer(chat_endpoint(server.base_url, None, None))
        session = ChatSession(answerer, manager, ChatSettings(system="Be brief."))
        found = session.ask("When can items be returned? <|im_end|>")
        answerer.close()
        answerer.close()
    assert answerer.name == "knowing"
    assert found.text == "Items can be returned within 30 days. [1]"
    assert found.verdict.outcome == "grounded"
    assert found.generated.tokens > 0
    assert [Message(**m) for m in seen[0]["messages"]] == [
        Message("system", "Be brief."),
        Message(
            "user",
            "[1] (returns.md) Items can be returned within 30 days.\n\n"
            "When can items be returned? <|im_end| >",
        ),
    ]
    assert seen[0]["temperature"] == 0.0


def test_a_reply_that_was_cut_off_is_shown_as_far_as_it_came(manager):
    from wellread.llm.server import Faults

    with knowing_server(faults=Faults(rate_length=1.0)) as server:
        answerer = EndpointAnswerer(chat_endpoint(server.base_url, "knowing", None))
        answer = ChatSession(answerer, manager).ask("returned items?")
        answerer.close()
    assert answer.generated.finish_reason == "length"
    assert answer.text.startswith("Items can be")


def test_servers_with_no_or_several_models_ask_for_a_name():
    with knowing_server() as server:
        server.models = ("a", "b")
        with pytest.raises(InputError, match="2 models") as caught:
            chat_endpoint(server.base_url, None, None)
        assert "--api-model: a, b" in caught.value.hint
        server.models = ()
        with pytest.raises(InputError, match="no models"):
            chat_endpoint(server.base_url, None, None)
    with pytest.raises(ConfigError, match="base_url"):
        chat_endpoint("nowhere", "m", None)


def test_an_answer_can_be_had_inside_a_running_event_loop(manager):
    import asyncio

    async def scene() -> str:
        answerer = EndpointAnswerer(chat_endpoint(server.base_url, "knowing", None))
        try:
            return ChatSession(answerer, manager).ask("returned?").text
        finally:
            answerer.close()

    with knowing_server() as server:
        assert asyncio.run(scene()).endswith("[1]")


def test_a_real_server_answers(manager, llama_server):
    answerer = EndpointAnswerer(chat_endpoint(llama_server, None, None))
    session = ChatSession(answerer, manager, ChatSettings(sampling={"max_tokens": 40}))
    answer = session.ask("When can items be returned?")
    answerer.close()
    assert answer.text
    assert answer.generated.finish_reason in {"stop", "length"}
    assert answer.generated.prompt_tokens > 20
    assert not answer.generated.estimated
    assert answer.passages[0].source == "returns.md"
