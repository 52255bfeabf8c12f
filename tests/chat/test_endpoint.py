"""Answers through an endpoint, piece by piece: what the chat sees of streams and of their ends."""

from __future__ import annotations

import gc
import signal
import threading
import time
import warnings

import orjson
import pytest

from tests.chat.servers import first_passage
from wellread.chat.answering import PromptTooLongError, Sampling, Stream
from wellread.chat.endpoint import EndpointAnswerer, chat_endpoint
from wellread.chat.prompt import conversation_of
from wellread.chat.session import ChatSession, ChatSettings
from wellread.errors import ReplyError
from wellread.knowledge.manager import RetrievalManager
from wellread.llm.server import Faults, LoopbackServer
from wellread.llm.server_stream import Streaming

ASKED = conversation_of([{"role": "user", "content": "When can items be returned?"}])
TEXT = "Items can be returned within 30 days — größtenteils. 🙂"
WORDS = TEXT.split()


@pytest.fixture
def ask():
    """``ask(server)`` opens an answerer, and closes it in the end."""
    opened = []

    def make(server: LoopbackServer, **options) -> EndpointAnswerer:
        opened.append(EndpointAnswerer(chat_endpoint(server.base_url, "m", None), **options))
        return opened[-1]

    yield make
    for answerer in opened:
        answerer.close()


def speaking(**options) -> LoopbackServer:
    return LoopbackServer(lambda request: TEXT, **options)


def said(stream: Stream) -> list[str]:
    return list(stream)


def wait_until(true) -> float:
    """Seconds until `true()` holds."""
    began = time.perf_counter()
    while not true():
        assert time.perf_counter() - began < 20
        time.sleep(0.002)
    return time.perf_counter() - began


def test_pieces_are_handed_out_as_they_arrive(ask):
    with speaking(streaming=Streaming(piece_s=0.1)) as server:
        stream = ask(server).stream(ASKED, Sampling())
        assert next(stream) == "Items"
        arrived = time.perf_counter()
        rest = list(stream)
        assert time.perf_counter() - arrived > 0.05 * len(rest)
    assert "".join(["Items", *rest]) == TEXT
    assert (stream.result.finish_reason, stream.result.estimated) == ("stop", False)
    assert stream.result.tokens > 5


def test_an_answer_closed_amid_its_words_is_hung_up_on_at_once_and_another_can_follow(ask):
    with speaking(streaming=Streaming(piece_s=0.1)) as server:
        answerer = ask(server)
        stream = answerer.stream(ASKED, Sampling())
        next(stream)
        stream.close()
        assert wait_until(lambda: server.stats.hung_up) < 5.0
        assert stream.result is None
        server.streaming = Streaming()
        assert "".join(answerer.stream(ASKED, Sampling())) == TEXT


def test_an_interrupt_before_the_first_word_is_hung_up_on_too(ask):
    with speaking(latency_s=600.0) as server:
        answerer = ask(server)
        stream = answerer.stream(ASKED, Sampling())
        threading.Timer(0.2, interrupt).start()
        with pytest.raises(KeyboardInterrupt):
            next(stream)
        assert wait_until(lambda: not server._connections) < 5.0


def interrupt() -> None:
    signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)


def test_closing_while_an_answer_comes_hangs_up_without_a_complaint(capfd):
    with speaking(streaming=Streaming(piece_s=0.1)) as server:
        answerer = EndpointAnswerer(chat_endpoint(server.base_url, "m", None))
        stream = answerer.stream(ASKED, Sampling())
        next(stream)
        answerer.close()
        assert wait_until(lambda: server.stats.hung_up) < 5.0
        silent = EndpointAnswerer(chat_endpoint(server.base_url, "m", None))
        silent.stream(ASKED, Sampling())
        silent.close()
    del stream, answerer, silent
    gc.collect()
    assert capfd.readouterr().err == ""
    assert server.stats.requests == 1


def test_an_answer_that_breaks_off_is_an_error_and_is_not_remembered(ask):
    with (
        LoopbackServer(first_passage, faults=Faults(rate_drop=1.0)) as server,
        RetrievalManager("bm25") as manager,
    ):
        manager.add_documents([{"id": "a", "content": "Items can be returned within 30 days."}])
        session = ChatSession(ask(server), manager)
        told: list[str] = []
        with pytest.raises(ReplyError, match="the answer broke off after 21 characters") as caught:
            session.ask("When can items be returned?", told.append)
    assert caught.value.hint == "ask again"
    assert "".join(told) == "Items can be returned"
    assert session.history == ()


class TooLong(LoopbackServer):
    """Has no room for a second passage."""

    def refused(self, body: bytes):
        if b"[2]" not in body:
            return None
        return 400, orjson.dumps({"error": {"message": "the context length is 8"}})


def test_a_prompt_that_is_too_long_is_asked_with_fewer_passages(ask):
    with TooLong(lambda request: TEXT) as server, RetrievalManager("bm25") as manager:
        manager.add_documents(
            [{"id": f"{n}", "content": f"Items of kind {n} can be returned."} for n in range(2)]
        )
        answerer = ask(server)
        answer = ChatSession(answerer, manager, ChatSettings(top_k=2)).ask("items returned?")
        with pytest.raises(PromptTooLongError, match="context length"):
            list(answerer.stream(conversation_of([{"role": "user", "content": "[2]"}]), Sampling()))
    assert len(answer.passages) == 1
    assert answer.text == TEXT


class Keeping(LoopbackServer):
    """Keeps what it is asked."""

    def refused(self, body: bytes):
        self.bodies = [*getattr(self, "bodies", []), orjson.loads(body)]
        return super().refused(body)


def test_the_settings_of_sampling_reach_the_server(ask):
    with Keeping(lambda request: TEXT) as server:
        answerer = ask(server)
        for sampling in (
            Sampling(),
            Sampling(temperature=0.7, top_p=0.9),
            Sampling(top_k=20, seed=5, stop=("END",)),
        ):
            said(answerer.stream(ASKED, sampling))
    usual, drawn, full = server.bodies
    assert not {"top_k", "seed", "stop"} & set(usual)
    assert (drawn["temperature"], drawn["top_p"], drawn["seed"]) == (0.7, 0.9, 0)
    assert "top_k" not in drawn
    assert (full["top_k"], full["seed"], full["stop"]) == (20, 5, ["END"])
    assert all(body["stream"] for body in server.bodies)


def test_settings_that_the_server_refuses_are_warned_of_where_the_chat_runs(ask):
    told: list[tuple[str, str]] = []
    warn = lambda text: told.append((text, threading.current_thread().name))  # noqa: E731
    with speaking(refuse_fields=("top_k", "seed")) as server:
        answerer = ask(server, warn=warn)
        for _ in range(2):
            assert "".join(answerer.stream(ASKED, Sampling(top_k=3, seed=4))) == TEXT
        [(text, thread)] = told
        assert text.startswith("m refuses top_k and seed and is asked without")
        assert thread == threading.current_thread().name
        with pytest.warns(UserWarning, match="refuses top_k"):
            said(ask(server).stream(ASKED, Sampling(top_k=3)))


def test_an_answer_can_be_asked_for_whole_and_then_it_is_asked_for_again(ask):
    faults = Faults(rate_drop=1.0, faulty_attempts=1)
    with Keeping(lambda request: f"Hm.</think>{TEXT}", faults=faults) as server:
        stream = ask(server, streams=False).stream(ASKED, Sampling())
        assert said(stream) == [TEXT]
        assert stream.result.tokens > 5
    assert ["stream" in body for body in server.bodies] == [False, False]


def test_a_thought_that_is_known_too_late_is_no_part_of_the_answer(ask):
    with LoopbackServer(lambda request: f"Passage 9 [9]?</think>\n\n{TEXT} [1]") as server:
        with RetrievalManager("bm25") as manager:
            manager.add_documents([{"id": "a", "content": TEXT}])
            session = ChatSession(ask(server), manager)
            told: list[str] = []
            answer = session.ask("items returned?", told.append)
    assert "".join(told).startswith("Passage 9 [9]?</think>")
    assert answer.text == f"{TEXT} [1]"
    assert answer.generated.thought == len("Passage 9 [9]?</think>\n\n")
    assert [citation.text for citation in answer.citations] == ["[1]"]
    assert session.history == (("items returned?", answer.text),)


def test_a_server_that_does_not_stream_answers_in_one_piece(ask):
    with speaking(streaming=None) as server, warnings.catch_warnings():
        assert said(ask(server).stream(ASKED, Sampling())) == [TEXT]


def test_a_real_server_streams_what_it_says_whole(llama_server):
    asked = [
        conversation_of([{"role": "user", "content": f"Tell me of {word}: größer, 你好?"}])
        for word in ("pumps", "foxes", "the moon")
    ]
    told: dict[bool, list] = {}
    for streams in (True, False):
        answerer = EndpointAnswerer(chat_endpoint(llama_server, None, None), streams=streams)
        told[streams] = []
        for conversation in asked:
            stream = answerer.stream(conversation, Sampling(max_tokens=60, top_k=40, seed=7))
            told[streams].append((list(stream), stream.result))
        answerer.close()
    for (streamed, made), (whole, result) in zip(told[True], told[False], strict=True):
        assert ["".join(streamed)] == whole
        assert len(streamed) > 10
        assert made == result
        assert not made.estimated


def test_a_real_server_draws_the_same_with_a_seed_and_another_with_another(llama_server):
    answerer = EndpointAnswerer(chat_endpoint(llama_server, None, None), warn=pytest.fail)
    drawn = [
        "".join(answerer.stream(ASKED, Sampling(max_tokens=40, temperature=1.5, **more)))
        for more in ({"seed": 3}, {"seed": 3}, {"seed": 4}, {"top_k": 1, "seed": 4})
    ]
    likeliest = "".join(answerer.stream(ASKED, Sampling(max_tokens=40)))
    answerer.close()
    assert drawn[0] == drawn[1] != drawn[2]
    assert drawn[3] == likeliest
