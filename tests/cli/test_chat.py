"""``wellread chat`` as a person uses it: over a server, over a model, in a pipe, at a terminal."""

from __future__ import annotations

import importlib.util
import io
import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chat.servers import first_passage, knowing_server
from tests.cli.test_kb import Ended, Run, rows, run  # noqa: F401 - fixtures
from wellread.cli.chat_talk import plain
from wellread.datasets.conversations import read_conversations
from wellread.llm.server import Faults, LoopbackServer
from wellread.llm.server_stream import Streaming

needs_torch = pytest.mark.skipif(
    not importlib.util.find_spec("torch"),
    reason="chat with a model needs the extra: pip install 'wellread[train]'",
)


@pytest.fixture
def kb(run, rows):  # noqa: F811
    assert run("kb", "build", "-q", "my_kb", rows).code == 0
    return "my_kb"


@pytest.fixture
def server() -> Iterator[str]:
    with knowing_server() as serving:
        yield serving.base_url


@pytest.fixture
def chat(run, kb, server, monkeypatch):  # noqa: F811
    """``chat("line", "line", options=…)``: lines piped into a chat with the server."""

    def talk(*lines: str, options: tuple[str, ...] = ()) -> Ended:
        monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
        return run("chat", "--base-url", server, "--knowledge-base", kb, *options)

    return talk


# -- one question


def test_one_question_gets_the_answer_on_stdout_and_its_sources_beside_it(chat):
    ended = chat(options=("--question", "How can I return items?"))
    assert ended.code == 0
    assert ended.out == "Return items within 30 days. [1]\n"
    assert ended.err.startswith("grounded: supported by the passages (1.00)\n*[1] policy_001")


def test_one_question_as_json_tells_everything(chat):
    ended = chat(options=("--question", "Is shipping free?", "--json"))
    assert ended.err == ""
    assert ended.json["answer"] == "Free shipping on orders over $50. [1]"
    assert ended.json["passages"][0]["source"] == "shipping.md"
    assert ended.json["verdict"]["outcome"] == "grounded"
    assert ended.json["citations"][0]["passages"] == [1]


def test_sources_are_shown_with_file_and_lines(run, server, tmp_path):  # noqa: F811
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "pump.md").write_text("# Pump\n\nThe pump runs at 67 psi.\n")
    assert run("kb", "build", "-q", "lines_kb", "docs").code == 0
    ended = run("chat", "--base-url", server, "--kb", "lines_kb", "--question", "At what psi?")
    assert re.search(r"(?m)^\*\[1\] pump.md, lines 1-3 \(Pump\)  score \d", ended.err), ended.err


def test_a_verdict_stays_on_one_line_whatever_an_answer_holds(run, kb):  # noqa: F811
    def answer(request) -> str:
        return "Shipping is free on orders over $50. " + "Zebras and lions fly\n" * 30

    with knowing_server() as serving:
        serving.answer = answer
        words = (
            "--base-url",
            serving.base_url,
            "--kb",
            kb,
            "--question",
            "shipping?",
            "--no-sources",
        )
        [line] = run("chat", *words).err.splitlines()
    assert len(line) < 500
    assert line.startswith(("partial", "ungrounded"))
    assert "«Zebras" in line


def test_sources_can_be_left_out(chat):
    ended = chat(options=("--question", "Is shipping free?", "--no-sources"))
    assert "[1]" not in ended.err
    assert "grounded" in ended.err


# -- a pipe


def test_piped_questions_are_answered_a_line_each_without_any_prompt(chat):
    ended = chat("Is shipping free?", "", "How can I return items?", "/quit", "never asked")
    assert ended.code == 0
    assert ended.out.splitlines() == [
        "Free shipping on orders over $50. [1]",
        "Return items within 30 days. [1]",
    ]
    as_json = chat("Is shipping free?", "return items?", options=("--json",))
    assert [json.loads(line)["question"] for line in as_json.out.splitlines()] == [
        "Is shipping free?",
        "return items?",
    ]


def test_commands_do_what_they_say(chat):
    ended = chat(
        "/sources", "Is shipping free?", "/sources", "/topk 1", "/topk", "/system Be brief.",
        "/system", "/reset", "/show_sources", "return items?", "/help", "exit", "never",
    )  # fmt: skip
    told = ended.err
    assert "no passages yet" in told
    assert "    Free shipping on orders over $50." in told
    assert told.count("1 passages for each question") == 2
    assert told.count("system prompt: Be brief.") == 2
    assert "the questions so far are forgotten" in told
    assert "sources are not shown" in told
    assert "*[1] policy_001" not in told
    assert "/reload        open the knowledge base again" in told
    assert "never" not in ended.out
    assert ended.code == 0


def test_mistakes_are_told_in_one_line_and_the_chat_goes_on(chat):
    ended = chat("/foo", "/topk x", "/topk 0", "Is shipping free?")
    told = [line for line in ended.err.splitlines() if line.startswith("error: ")]
    assert "unknown command /foo" in told[0]
    assert "/topk takes a number, not 'x'" in told[1]
    assert "top_k" in told[2]
    assert ended.out == "Free shipping on orders over $50. [1]\n"
    assert ended.code == 2


def test_where_nothing_is_found_the_chat_says_so(chat):
    ended = chat("zebras", options=("--history", "0"))
    assert ended.out == "I found nothing about this in the documents.\n"
    assert ended.err == "abstained: declined (nothing was found)\n"
    ended = chat("zebras", options=("--without-passages", "answer"))
    assert ended.out == "I do not know.\n"


def test_the_least_score_filters_and_top_k_bounds(chat):
    ended = chat("Is shipping free?", options=("--min-score", "1000"))
    assert ended.out == "I found nothing about this in the documents.\n"
    ended = chat("items shipping account days", options=("--top-k", "2", "--json"))
    assert len(ended.json["passages"]) == 2


def test_a_changed_knowledge_base_changes_the_answer(run, kb, server, tmp_path, monkeypatch):  # noqa: F811
    lines = ["How can I return items?", "/reload", "How can I return items?"]

    class Changing(io.StringIO):
        def __next__(self) -> str:
            line = super().__next__()
            if line == "/reload\n":
                new = {"id": "policy_001", "content": "Return items within 90 days."}
                (tmp_path / "new.jsonl").write_text(json.dumps(new))
                assert run("kb", "build", "-q", kb, tmp_path / "new.jsonl", "--replace").code == 0
                monkeypatch.setattr("sys.stdin", self)
            return line

    monkeypatch.setattr("sys.stdin", Changing("".join(f"{line}\n" for line in lines)))
    ended = run("chat", "--base-url", server, "--kb", kb)
    assert "Return items within 90 days. [1]" in ended.out
    assert "opened my_kb again: 1 chunks" in ended.err


def test_answers_are_logged_as_training_rows(chat, tmp_path):
    chat(
        "Is shipping free?", "return items?", options=("--log", "logs/chat.jsonl", "--system", "S")
    )
    found = list(read_conversations(tmp_path / "logs" / "chat.jsonl"))
    assert [turn.role for turn in found[1].conversation.turns] == [
        "system", "context", "user", "assistant",
    ]  # fmt: skip
    assert found[0].conversation.turns[-1].content == "Free shipping on orders over $50. [1]"


def test_what_would_steer_a_terminal_is_taken_out():
    assert plain("a\x1b[31mb\x9bc\rd\te\nf") == "a[31mbcd\te\nf"


# -- what is wrong


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ((), 2, "no model is named"),
        (("rag",), 2, "no model 'rag'"),
        (("rag", "--base-url", "http://127.0.0.1:9/v1"), 2, "both a model (rag) and a server"),
        (("--api-model", "x"), 2, "belong to a server"),
        (("rag", "--no-stream"), 2, "--no-stream belongs to a server"),
        (("--base-url", "nowhere", "--api-model", "x"), 2, "base_url"),
        (("--base-url", "http://127.0.0.1:9/v1"), 5, "no answer"),
        (
            ("--base-url", "http://127.0.0.1:9/v1", "--api-model", "x", "--question", "hi"),
            5,
            "nobody answers",
        ),
        (
            ("--base-url", "http://127.0.0.1:9/v1", "--api-model", "x", "--kb", "nope"),
            2,
            "Knowledge base not found",
        ),
        (
            ("--base-url", "http://127.0.0.1:9/v1", "--api-model", "x", "--top-k", "0"),
            2,
            "top_k",
        ),
        (
            ("--base-url", "http://127.0.0.1:9/v1", "--api-model", "x", "--passage-form", "odd"),
            2,
            "passage_form",
        ),
    ],
)
def test_wrong_options_are_told(run, words, code, told):  # noqa: F811
    ended = run("chat", *words)
    assert ended.code == code
    assert told in ended.err
    assert "Traceback" not in ended.err


def test_a_key_is_read_from_the_environment_and_shown_nowhere(run, monkeypatch):  # noqa: F811
    with knowing_server(key="secret-key-1") as serving:
        words = (
            "chat",
            "--base-url",
            serving.base_url,
            "--api-model",
            "knowing",
            "--question",
            "x",
        )
        monkeypatch.setenv("CHAT_KEY", "secret-key-1")
        assert run(*words, "--api-key-env", "CHAT_KEY").out == "I do not know.\n"
        monkeypatch.setenv("CHAT_KEY", "wrong-key-2")
        ended = run(*words, "--api-key-env", "CHAT_KEY")
        assert ended.code == 5
        assert "CHAT_KEY" in ended.err
        assert "wrong-key-2" not in ended.err + ended.out


def test_neither_help_nor_a_server_needs_torch(kb, server):
    script = (
        "import sys\n"
        "from wellread.cli import main\n"
        "try: main()\n"
        "except SystemExit as ended: assert not ended.code, ended.code\n"
        "heavy = {'torch', 'transformers', 'peft'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    for words in (["--help"], ["--base-url", server, "--kb", "my_kb", "--question", "return?"]):
        ended = subprocess.run(
            [sys.executable, "-c", script, "chat", *words],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert ended.returncode == 0, ended.stderr


# -- a server that streams


def test_an_answer_that_breaks_off_is_an_error_on_a_line_of_its_own(run, kb):  # noqa: F811
    with knowing_server(faults=Faults(rate_drop=1.0)) as serving:
        words = ("chat", "--base-url", serving.base_url, "--kb", kb, "--question", "shipping?")
        ended = run(*words)
        assert ended.code == 5
        assert ended.out == "Free shipping on\n"
        assert ended.err.startswith(
            "error: knowing: the answer broke off after 16 characters: the connection broke "
            "(the server hung up)\n  ask again"
        )


def test_in_a_pipe_the_answer_after_one_that_broke_off_is_whole(run, kb, monkeypatch):  # noqa: F811
    faults = Faults(rate_unfinished=1.0, faulty_attempts=1)
    with knowing_server(faults=faults) as serving:
        monkeypatch.setattr("sys.stdin", io.StringIO("shipping?\n" * 2))
        ended = run("chat", "--base-url", serving.base_url, "--kb", kb)
        assert ended.out == "Free shipping on\nFree shipping on orders over $50. [1]\n"
        assert ended.err.startswith("error: knowing: the answer broke off")
        assert ended.code == 5


def test_as_json_an_answer_is_asked_for_again_since_nothing_of_it_was_shown(run, kb):  # noqa: F811
    with knowing_server(faults=Faults(rate_drop=1.0, faulty_attempts=1)) as serving:
        words = ("chat", "--base-url", serving.base_url, "--kb", kb, "--question", "shipping?")
        ended = run(*words, "--json")
        assert ended.json["answer"] == "Free shipping on orders over $50. [1]"
        serving.faults = Faults(rate_drop=1.0)
        ended = run(*words, "--json")
        assert (ended.code, ended.out) == (5, "")
        assert "error: knowing: the connection broke" in ended.err


def test_settings_of_drawing_reach_the_server_or_are_warned_of_once(run, kb, monkeypatch):  # noqa: F811
    asked = []

    def answer(request) -> str:
        asked.append(request)
        return "Free shipping."

    drawing = ("--sampling-top-k", "20", "--seed", "5", "--temperature", "0.5", "--top-p", "0.9")
    with LoopbackServer(answer, models=("knowing",)) as serving:
        words = ("chat", "--base-url", serving.base_url, "--kb", kb, *drawing)
        assert run(*words, "--question", "shipping?").code == 0
        serving.refuse_fields = ("top_k",)
        monkeypatch.setattr("sys.stdin", io.StringIO("shipping?\n" * 2))
        ended = run(*words)
    full, *less = asked
    assert [full[n] for n in ("top_k", "seed", "temperature", "top_p")] == [20, 5, 0.5, 0.9]
    assert [("top_k" in request, request["seed"]) for request in less] == [(False, 5)] * 2
    warned = [line for line in ended.err.splitlines() if line.startswith("warning: ")]
    assert len(warned) == 1
    assert "knowing refuses top_k and is asked without" in warned[0]


def test_an_answer_can_be_asked_for_whole(run, kb):  # noqa: F811
    with knowing_server(faults=Faults(rate_drop=1.0, faulty_attempts=1)) as serving:
        words = ("chat", "--base-url", serving.base_url, "--kb", kb, "--question", "shipping?")
        ended = run(*words, "--no-stream")
    assert ended.out == "Free shipping on orders over $50. [1]\n"


# -- a model on this machine


@needs_torch
def test_a_model_is_asked_by_name_with_what_its_folder_notes(run, kb, tmp_path):  # noqa: F811
    from tests.chat.making import saved, small_codec, small_model

    codec = small_codec()
    saved(tmp_path / "models" / "rag", codec, small_model(codec), knowledge_base=kb, top_k=1)
    words = ("--question", "Is shipping free on returned items?", "--max-tokens", "8", "--json")
    for named in (("rag",), ("--model", "rag"), ("--model_name", "models/rag")):
        ended = run("chat", *named, *words)
        assert ended.code == 0, ended.err
        assert len(ended.json["passages"]) == 1
        assert 0 < ended.json["generated"]["tokens"] <= 8
    more = run("chat", "rag", *words, "--index_dir", kb, "--top_k", "3")
    assert len(more.json["passages"]) > 1


@needs_torch
def test_a_model_says_at_the_command_line_what_the_engine_says(run, kb, tmp_path):  # noqa: F811
    from tests.chat.making import saved, small_codec, small_model
    from wellread.chat.engine import Engine, load_model
    from wellread.chat.session import ChatSession, ChatSettings
    from wellread.knowledge.base import KnowledgeBase

    codec = small_codec("atk")
    folder = saved(tmp_path / "models" / "rag", codec, small_model(codec))
    ended = run("chat", folder, "--kb", kb, "--question", "shipping?", "--max-tokens", "20")
    model, tokenizer, _ = load_model(folder)
    settings = ChatSettings(history=0, sampling={"max_tokens": 20})
    with KnowledgeBase.open(tmp_path / kb) as base:
        answer = ChatSession(Engine(model, tokenizer), base, settings).ask("shipping?")
    assert ended.out == plain(answer.text) + "\n"


def test_without_torch_a_model_is_refused_with_what_to_type(run, tmp_path, monkeypatch):  # noqa: F811
    (tmp_path / "models" / "rag").mkdir(parents=True)
    (tmp_path / "models" / "rag" / "config.json").write_text("{}")
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda n, *a: None if n == "torch" else find(n, *a)
    )
    ended = run("chat", "rag", "--question", "x")
    assert ended.code == 2
    assert "needs torch, which is not installed" in ended.err
    assert "pip install 'wellread[train]'" in ended.err


# -- a terminal


class Terminal:
    """A program at a pseudo-terminal."""

    def __init__(self, *words: str, cwd: Path) -> None:
        self._ours, theirs = os.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "wellread", *words],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=cwd,
        )
        os.close(theirs)
        self._seen = b""

    def type(self, line: str) -> None:
        os.write(self._ours, line.encode() + b"\n")

    def interrupt(self) -> None:
        self.process.send_signal(signal.SIGINT)

    def interrupt_until(self, wanted: str) -> str:
        """Press Ctrl-C until the program shows `wanted`, as a person does.

        A press between the prompt and the moment when readline listens is only noted by Python, and
        nothing wakes the program up before the next key.
        """
        for _ in range(30):
            self.interrupt()
            if self._shows(wanted, 2.0):
                break
        return self.until(wanted)

    def until(self, wanted: str) -> str:
        """What it shows up to and with `wanted`."""
        assert self._shows(wanted, 60.0), f"the program waits; it showed {self._seen!r}"
        end = self._seen.find(wanted.encode())
        shown, self._seen = self._seen[:end], self._seen[end + len(wanted.encode()) :]
        return shown.decode() + wanted

    def _shows(self, wanted: str, seconds: float) -> bool:
        """Whether it shows `wanted` before it is silent for so long."""
        while wanted.encode() not in self._seen:
            ready, _, _ = select.select([self._ours], [], [], seconds)
            if not ready:
                return False
            self._seen += os.read(self._ours, 4096)
        return True

    def close(self) -> None:
        self.process.kill()
        self.process.wait(30)
        os.close(self._ours)


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
def test_at_a_terminal_ctrl_c_stops_the_answer_and_not_the_program(kb, tmp_path):
    with knowing_server(latency_s=600.0) as serving:
        words = ("chat", "--base-url", serving.base_url, "--api-model", "knowing", "--kb", kb)
        terminal = Terminal(*words, cwd=tmp_path)
        try:
            assert "Ask knowing about my_kb" in terminal.until("You: ")
            terminal.type("Is shipping free?")
            while not serving.stats.requests and terminal.process.poll() is None:
                time.sleep(0.01)
            terminal.interrupt_until("[stopped]")
            terminal.until("You: ")
            serving.latency_s = 0.0
            terminal.type("How can I return items?")
            assert "within 30 days. [1]" in terminal.until("You: ")
            terminal.interrupt_until("/quit or Ctrl-D")
            terminal.type("/quit")
            assert terminal.process.wait(60) == 0
        finally:
            terminal.close()


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
def test_at_a_terminal_words_come_one_by_one_and_ctrl_c_hangs_up_amid_them(kb, tmp_path):
    with knowing_server(streaming=Streaming(piece_s=0.1)) as serving:
        serving.answer = lambda request: " ".join(f"word{number}" for number in range(300))
        words = ("chat", "--base-url", serving.base_url, "--api-model", "knowing", "--kb", kb)
        terminal = Terminal(*words, cwd=tmp_path)
        try:
            terminal.until("You: ")
            terminal.type("Is shipping free?")
            terminal.until("word0 word1 word2")
            assert "word299" not in terminal.interrupt_until("[stopped]")
            deadline = time.monotonic() + 30
            while not serving.stats.hung_up and time.monotonic() < deadline:
                time.sleep(0.01)
            assert serving.stats.hung_up == 1
            serving.streaming, serving.answer = Streaming(), first_passage
            terminal.until("You: ")
            terminal.type("How can I return items?")
            assert "within 30 days. [1]" in terminal.until("You: ")
            terminal.type("/quit")
            assert terminal.process.wait(60) == 0
        finally:
            terminal.close()
