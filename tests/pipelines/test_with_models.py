"""The whole job with language models: over HTTP, with faults, kills, budgets and refusals."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.pipelines.corpora import project, write_corpus
from tests.pipelines.scripted import answer, answer_on_the_wire
from tests.pipelines.test_rag_data import hashes, rows
from wellread.errors import AuthenticationError, BudgetError, EndpointError, NothingMadeError
from wellread.llm.scripted import ScriptedModel
from wellread.llm.server import Faults, LoopbackServer
from wellread.pipelines.rag_data import make_rag_data


def endpoint(server: LoopbackServer, **more):
    prices = {"cost_per_million_input": 1.0, "cost_per_million_output": 2.0}
    return {"base_url": server.base_url, "model": "scripted", **prices, **more}


def served(tmp_path: Path, server: LoopbackServer, name: str = "out", count: int = 6, **sections):
    """A project whose two models are behind `server`."""
    write_corpus(tmp_path / "in", count)
    models = {"small": endpoint(server), "large": endpoint(server)}
    return project(tmp_path / "in", tmp_path / name, models=models, **sections)


def test_a_served_model_makes_the_data_in_json(tmp_path):
    with LoopbackServer(answer_on_the_wire) as server:
        report = make_rag_data(served(tmp_path, server))
    examples = rows(tmp_path / "out" / "rag_examples.jsonl")
    assert len(examples) == report.counts["training"]["examples"] >= 8
    assert {e["provenance"]["teacher"] for e in examples} == {"scripted"}
    assert all(len(e["provenance"]["prompt"]) == 12 for e in examples)
    assert Counter(e["kind"] for e in examples)["failure"] >= 3


def test_completion_mode_uses_the_plain_form_and_sends_at_most_four_stops(tmp_path):
    model = ScriptedModel("base", answer)
    write_corpus(tmp_path / "in", 4)
    models = {"large": {"base_url": "http://127.0.0.1:9/v1", "model": "base"}}
    made = project(
        tmp_path / "in", tmp_path / "out", models=models, system={"completion_mode": True}
    )
    report = make_rag_data(made, models={"large": model})
    assert report.counts["training"]["examples"] > 3
    assert all(request.completion and request.schema is None for request in model.requests)
    assert all(1 <= len(request.sampling.stop) <= 4 for request in model.requests)
    quiet = made.model_copy(update={"system": made.system.model_copy(update={"use_stop": False})})
    other = ScriptedModel("base two", answer)
    make_rag_data(quiet, models={"large": other})
    assert not any(request.sampling.stop for request in other.requests)


def test_completion_mode_over_http_gives_the_same_conversations(tmp_path):
    with LoopbackServer(answer_on_the_wire) as server:
        make_rag_data(served(tmp_path, server, "chat"))
        make_rag_data(served(tmp_path, server, "plain", system={"completion_mode": True}))
    name = "rag_prepared_data.jsonl"
    assert (tmp_path / "chat" / name).read_bytes() == (tmp_path / "plain" / name).read_bytes()


def test_a_finished_run_makes_no_call_again_and_writes_the_same_bytes(tmp_path):
    with LoopbackServer(answer_on_the_wire) as server:
        first = make_rag_data(served(tmp_path, server))
        before, asked = hashes(tmp_path / "out"), server.stats.requests
        again = make_rag_data(served(tmp_path, server))
        assert server.stats.requests == asked == first.new_calls
    assert again.new_calls == 0
    assert hashes(tmp_path / "out") == before


def test_a_changed_document_pays_for_its_own_chunks_only(tmp_path):
    with LoopbackServer(answer_on_the_wire) as server:
        first = make_rag_data(served(tmp_path, server, count=8))
        path = tmp_path / "in" / "product0003.md"
        path.write_text(path.read_text().replace("weighs 21 kg", "weighs 22 kg"))
        config = served(tmp_path / "other", server)
        changed = project(tmp_path / "in", tmp_path / "out", models=config.model_dump()["models"])
        again = make_rag_data(changed)
    # Its own chunk is judged and written anew, and so is every context that shows it.
    assert 2 <= again.new_calls < first.new_calls / 2


def test_tokens_and_money_are_the_servers_and_the_same_after_a_resume(tmp_path):
    with LoopbackServer(answer_on_the_wire) as server:
        make_rag_data(served(tmp_path, server))
        once = (tmp_path / "out" / "large_model_tokens.json").read_bytes()
        make_rag_data(served(tmp_path, server))
    assert (tmp_path / "out" / "large_model_tokens.json").read_bytes() == once
    report = json.loads(once)
    assert set(report) == {"input_tokens", "input_cost", "output_tokens", "output_cost", "name"}
    assert report["input_tokens"] > 1000
    assert report["output_cost"] == pytest.approx(report["output_tokens"] * 2 / 1e6)
    small = json.loads((tmp_path / "out" / "small_model_tokens.json").read_text())
    assert 0 < small["output_tokens"] < report["output_tokens"]


def test_a_budget_stops_before_it_is_exceeded_and_the_next_run_goes_on(tmp_path):
    with LoopbackServer(answer_on_the_wire) as server:
        with pytest.raises(BudgetError, match="max_calls = 7"):
            make_rag_data(served(tmp_path, server, budget={"max_calls": 7}))
        assert server.stats.requests == 7
        make_rag_data(served(tmp_path, server))
        whole = server.stats.requests
        make_rag_data(served(tmp_path, server, "unstopped"))
        assert whole == server.stats.requests - whole


def test_meta_datagen_writes_the_calls_themselves(tmp_path):
    (tmp_path / "extra.jsonl").write_text('{"conversations": []}\n')
    meta = {"do_meta_datagen": True, "meta_datagen_extras": [str(tmp_path / "extra.jsonl")]}
    with LoopbackServer(answer_on_the_wire) as server:
        report = make_rag_data(served(tmp_path, server, meta_datagen=meta))
    path = tmp_path / "out" / "meta_datagen" / "meta_dataset.jsonl"
    calls = rows(path)
    assert len(calls) == report.new_calls + 1
    assert {call.get("detail_key") for call in calls} == {
        "filter_chunk",
        "rag_question_answer",
        None,
    }
    assert [turn["from"] for turn in calls[0]["conversations"]] == ["system", "human", "gpt"]
    with LoopbackServer(answer_on_the_wire) as server:
        make_rag_data(served(tmp_path, server))
    assert not path.exists()


def test_debug_outputs_hold_each_call_in_full(tmp_path):
    with LoopbackServer(answer_on_the_wire) as server:
        make_rag_data(served(tmp_path, server))
    text = (tmp_path / "out" / "debug_outputs" / "rag_failed_convs.yaml").read_text()
    assert "retrieval has failed" in text
    assert '"full_response":' in text


def test_faults_change_neither_the_result_nor_the_counts(tmp_path):
    faults = Faults(
        seed=5,
        rate_429=0.10,
        retry_after_s=0.05,
        rate_500=0.05,
        rate_drop=0.02,
        rate_malformed=0.03,
        rate_empty=0.01,
    )
    with LoopbackServer(answer_on_the_wire) as server:
        make_rag_data(served(tmp_path, server, "clean", count=10))
    with LoopbackServer(answer_on_the_wire, faults=faults) as server:
        report = make_rag_data(served(tmp_path, server, "faulty", count=10))
        assert server.stats.requests <= 1.5 * report.new_calls
        assert sum(server.stats.by_fault.values()) > 3
    clean, faulty = hashes(tmp_path / "clean"), hashes(tmp_path / "faulty")
    assert {name for name in clean if clean[name] != faulty[name]} == {"config.json"}  # the port


def test_a_refused_key_stops_the_run_without_showing_the_key(tmp_path, monkeypatch):
    monkeypatch.setenv("OUR_KEY", "sk-CANARY-1234567890")
    with LoopbackServer(answer_on_the_wire, key="another") as server:
        config = served(tmp_path, server)
        keyed = config.models["large"].model_copy(update={"api_key": "${OUR_KEY}"})
        with pytest.raises(AuthenticationError) as caught:
            make_rag_data(config.model_copy(update={"models": {"large": keyed}}))
        assert server.stats.requests < 60
    assert "CANARY" not in str(caught.value)
    for path in (tmp_path / "out").rglob("*"):
        assert not path.is_file() or b"CANARY" not in path.read_bytes()


def test_an_endpoint_that_is_down_says_which(tmp_path):
    write_corpus(tmp_path / "in", 2)
    models = {
        "large": {"base_url": "http://127.0.0.1:9/v1", "model": "m", "patience_s": 0.3},
    }
    with pytest.raises(EndpointError, match=r"127\.0\.0\.1:9"):
        make_rag_data(project(tmp_path / "in", tmp_path / "out", models=models))


def test_a_model_that_answers_nonsense_loses_records_with_their_reason(tmp_path):
    with (
        LoopbackServer(lambda request: "Bananas are yellow.") as server,
        pytest.raises(NothingMadeError),
    ):
        make_rag_data(served(tmp_path, server, count=2))
    reasons = Counter(row["reason"] for row in rows(tmp_path / "out" / "rejected.jsonl"))
    assert set(reasons) == {"not_the_schema"}
    log = (tmp_path / "out" / "debug_outputs" / "rag_convs.yaml").read_text()
    assert log.count('"full_response": "Bananas are yellow."') > 6


def test_what_failed_for_good_is_asked_again_only_on_demand(tmp_path):
    with LoopbackServer(answer_on_the_wire, faults=Faults(rate_length=1.0)) as server:
        with pytest.raises(NothingMadeError):
            make_rag_data(served(tmp_path, server, count=2))
    with LoopbackServer(answer_on_the_wire) as server:
        with pytest.raises(NothingMadeError):
            make_rag_data(served(tmp_path, server, count=2))
        assert server.stats.requests == 0
        report = make_rag_data(served(tmp_path, server, count=2), retry_failures=True)
    assert report.counts["training"]["examples"] > 0


def test_a_question_that_leans_on_the_text_is_sent_back_and_mended(tmp_path):
    def leaning(request):
        said = answer_on_the_wire(request)
        mended = any("cannot be used" in str(m["content"]) for m in request["messages"])
        return said if mended else said.replace("How much does", "In the text, how much does")

    with LoopbackServer(leaning) as server:
        report = make_rag_data(served(tmp_path, server, count=3))
    assert report.counts["training"]["examples"] >= 3
    text = (tmp_path / "out" / "axolotl_rag_conversations.jsonl").read_text()
    assert "In the text" not in text


def test_an_invented_figure_is_rejected_with_its_reason(tmp_path):
    def inventing(request):
        return answer_on_the_wire(request).replace(" kg. This is", " kg and 7777 bolts. This is")

    with LoopbackServer(inventing) as server:
        make_rag_data(served(tmp_path, server, count=8))
    dropped = rows(tmp_path / "out" / "rejected.jsonl")
    assert any("7777" in row["detail"] and row["stage"] == "check" for row in dropped)
    assert "7777" not in (tmp_path / "out" / "axolotl_rag_conversations.jsonl").read_text()


def test_ground_truth_never_reaches_the_data(tmp_path):
    def telling(request):
        return answer_on_the_wire(request).replace("This is stated", "The Ground Truth is stated")

    with LoopbackServer(telling) as server:
        make_rag_data(served(tmp_path, server, count=6))
    assert "Ground Truth" not in (tmp_path / "out" / "axolotl_rag_conversations.jsonl").read_text()


def kill_and_resume(tmp_path: Path, kills: int, count: int) -> None:
    """SIGKILL the command `kills` times at different moments, then let it end."""
    with LoopbackServer(answer_on_the_wire, latency_s=0.02) as server:
        write_corpus(tmp_path / "in", count)
        config = tmp_path / "wellread.yaml"
        config.write_text(
            "path: {input_dir: in, output_dir: out}\n"
            "ingest: {chunk_size: 90, min_chunk_tokens: 10}\n"
            "system: {concurrency_limit: 4}\n"
            f"models: {{large: {{base_url: '{server.base_url}', model: scripted}}}}\n"
        )
        command = [sys.executable, "-m", "wellread", "rag-data", "--quiet", str(config)]
        for kill in range(kills):
            before = server.stats.requests
            child = subprocess.Popen(command)
            deadline = time.monotonic() + 60
            while server.stats.requests < before + 3 + 2 * kill and child.poll() is None:
                assert time.monotonic() < deadline
                time.sleep(0.003)
            child.send_signal(signal.SIGKILL)
            child.wait()
        subprocess.run(command, check=True)
        asked = Counter(server.stats.by_key)
        repeats = sum(asked.values()) - len(asked)
        assert repeats <= kills * 4
        subprocess.run(command, check=True)
        assert sum(server.stats.by_key.values()) == sum(asked.values())
        config.write_text(config.read_text().replace("output_dir: out", "output_dir: unkilled"))
        subprocess.run(command, check=True)
    assert hashes(tmp_path / "out") == hashes(tmp_path / "unkilled")


def test_three_kills_repeat_only_what_was_in_flight(tmp_path):
    kill_and_resume(tmp_path, kills=3, count=8)


@pytest.mark.slow
def test_twenty_kills_repeat_only_what_was_in_flight(tmp_path):
    kill_and_resume(tmp_path, kills=20, count=40)
