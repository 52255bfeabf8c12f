"""Answers that fail their check, through the whole job: a served model that is often wrong."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.pipelines.corpora import project, write_corpus
from tests.pipelines.scripted import answer_on_the_wire
from tests.pipelines.test_rag_data import hashes, rows
from wellread.llm.server import LoopbackServer
from wellread.pipelines.rag_data import RagDataReport, make_rag_data
from wellread.synthesis.actions import ENDS

_NUMBER = re.compile(r"(?<=[a-z] )(\d+)(?= (?:kg|litres|watts|euros|months|days))")


def often_wrong(request: Mapping[str, Any]) -> str:
    """As the scripted model, but about every second figure is wrong at first."""
    system, user = (message["content"] for message in request["messages"][:2])
    if "You mend training data" in system:
        return _again(user)
    told = answer_on_the_wire(request)
    if "quiz questions" in system:
        return told
    reply = json.loads(told)
    for pair in reply["pairs"]:
        if hashlib.sha256(pair["question"].encode()).digest()[0] % 2:
            pair["answer"] = _NUMBER.sub(lambda m: str(int(m[1]) + 7), pair["answer"])
    return json.dumps(reply)


def _again(user: str) -> str:
    """Reads the figure off the passages this time; services stay wrong."""
    question = user.split("QUESTION: ")[1].splitlines()[0]
    earlier = user.split("DID NOT PASS: ")[1].splitlines()[0]
    name = re.search(r"[A-Z]\w+ \d+", question)
    said = earlier
    if name and "service" not in question:
        figure = _NUMBER.search(earlier)
        lead = earlier[: figure.start()].split(": ")[-1] if figure else ""
        found = re.search(rf"{re.escape(lead)}(\d+) ", user.split("QUESTION: ")[0])
        said = _NUMBER.sub(found[1], earlier) if found else earlier
    return json.dumps({"thought_process": "Chunk 1 was read again.", "answer": said})


def made(tmp_path: Path, name: str, **chosen: Any) -> RagDataReport:
    with LoopbackServer(often_wrong) as server:
        endpoint = {"base_url": server.base_url, "model": "scripted"}
        return make_rag_data(
            project(
                write_corpus(tmp_path / "in", 8),
                tmp_path / name,
                models={"small": endpoint, "large": endpoint},
                rag_data={"rag_failure_percentage": 0.2, "rag_partial_percentage": 0.0, **chosen},
            )
        )


def books(report: RagDataReport) -> dict[str, Any]:
    """The tally of the check, once it is seen to balance."""
    tally = report.counts["actions"]["check"]
    stage = report.counts["stages"]["check"]
    assert tally["in"] == stage["in"] == sum(tally[end] for end in ENDS)
    assert stage["on"] == tally["in"] - tally["rejected"]
    assert stage["dropped"] == tally["reasons"]
    assert sum(tally["rates"].values()) == pytest.approx(1.0, abs=0.001)
    manifest = json.loads((report.folder / "manifest.json").read_text())
    assert manifest["counts"]["actions"]["check"] == tally
    return dict(tally)


def test_each_setting_ends_the_unsupported_answers_in_its_way(tmp_path):
    rejected = books(made(tmp_path, "reject"))
    kept = books(made(tmp_path, "keep", on_unsupported="keep"))
    repaired = books(made(tmp_path, "repair", on_unsupported="repair"))
    abstained = books(made(tmp_path, "abstain", on_unsupported="abstain"))
    wrong = rejected["rejected"]
    assert wrong >= 4
    assert rejected["passed"] == kept["passed"] == repaired["passed"] == abstained["passed"] > 0
    assert kept["kept"] == wrong
    assert repaired["repaired"] >= 3
    assert repaired["repaired"] + repaired["rejected"] == wrong
    assert repaired["repairs_tried"] >= repaired["repaired"]
    assert abstained["abstained"] >= 2


def test_repaired_answers_are_grounded_and_a_second_run_pays_for_nothing(tmp_path):
    with LoopbackServer(often_wrong) as server:
        endpoint = {"base_url": server.base_url, "model": "scripted"}
        job = project(
            write_corpus(tmp_path / "in", 8),
            tmp_path / "out",
            models={"large": endpoint},
            rag_data={"on_unsupported": "repair"},
        )
        make_rag_data(job)
        before = hashes(tmp_path / "out")
        assert make_rag_data(job).new_calls == 0
    assert hashes(tmp_path / "out") == before
    for example in rows(tmp_path / "out" / "rag_examples.jsonl"):
        assert all(v["outcome"] in {"grounded", "abstained"} for v in example["verdicts"])


def test_a_correction_is_trained_on_and_the_mistake_is_not(tmp_path):
    tally = books(made(tmp_path, "out", on_unsupported="correct"))
    assert tally["corrected"] >= 3
    doubted = [
        (at, example["conversation"]["turns"])
        for at, example in enumerate(rows(tmp_path / "out" / "rag_examples.jsonl"))
        if len(example["conversation"]["turns"]) > 3
    ]
    assert doubted
    lines = rows(tmp_path / "out" / "axolotl_rag_conversations.jsonl")
    for at, turns in doubted:
        mistake, mended = turns[2], turns[4]
        assert not mistake["learn"]
        assert mended["learn"]
        learned = "".join(s["text"] for s in lines[at]["segments"] if s["label"])
        assert mistake["content"] not in learned
        assert mended["content"] in learned


def test_an_answer_turned_into_an_abstention_has_a_context_of_its_own(tmp_path):
    tally = books(made(tmp_path, "out", on_unsupported="abstain"))
    examples = rows(tmp_path / "out" / "rag_examples.jsonl")
    examples += rows(tmp_path / "out" / "held_out_rag_examples.jsonl")
    turned = [e for e in examples if e["id"].count("/abstain/")]
    ids = [e["id"] for e in examples]
    assert len(set(ids)) == len(ids)
    assert 1 <= len(turned) <= tally["abstained"]
    for example in turned:
        gold = example["provenance"]["chunk_id"]
        assert example["kind"] == "abstain"
        assert example["provenance"]["gold_position"] == 0
        assert gold not in [p["chunk"]["id"] for p in example["passages"]]
        assert example["verdicts"][0]["outcome"] == "abstained"
