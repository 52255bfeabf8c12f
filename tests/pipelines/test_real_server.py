"""The whole job against llama.cpp's server, with a random model held to our schemas by grammar."""

from __future__ import annotations

import json
from collections import Counter

from ruamel.yaml import YAML

from tests.llm.tiny_gguf import llama_server  # noqa: F401 a fixture
from tests.pipelines.corpora import project, write_corpus
from tests.pipelines.test_rag_data import rows
from wellread.errors import NothingMadeError
from wellread.pipelines.rag_data import make_rag_data
from wellread.synthesis.tasks import ChunkJudgement, RagPairs


def test_the_job_runs_on_a_real_server_and_every_reply_is_accounted_for(tmp_path, llama_server):  # noqa: F811
    write_corpus(tmp_path / "in", 2)
    models = {
        name: {"base_url": llama_server, "model": "tiny", "timeout_s": 120, "concurrency": 2}
        for name in ("small", "large")
    }
    made = project(tmp_path / "in", tmp_path / "out", models=models)
    for attempt in (1, 2):
        try:
            report = make_rag_data(made)
            assert attempt == 1 or report.new_calls == 0
        except NothingMadeError:
            pass  # what a random model writes is rightly rejected
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    stages = manifest["counts"]["stages"]
    assert stages["filter"]["in"] == stages["chunk"]["on"] == 6
    for account in stages.values():
        assert account["in"] == account["on"] + sum(account["dropped"].values())
    log = YAML(typ="safe").load((tmp_path / "out" / "debug_outputs" / "rag_convs.yaml").read_text())
    judged = [ChunkJudgement.model_validate_json(entry["full_response"]) for entry in log]
    assert len(judged) == 6
    small = json.loads((tmp_path / "out" / "small_model_tokens.json").read_text())
    assert small["input_tokens"] > 600
    assert small["output_tokens"] > 30
    reasons = Counter(row["reason"] for row in rows(tmp_path / "out" / "rejected.jsonl"))
    assert "error" not in reasons
    assert RagPairs.model_json_schema()["properties"]["pairs"]
