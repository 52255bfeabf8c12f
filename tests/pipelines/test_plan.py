"""What a run would cost, before it is paid for."""

from __future__ import annotations

import pytest

from tests.pipelines.corpora import project, write_corpus
from wellread.pipelines.plan import plan_rag_data

EMBEDDER = {
    "kind": "endpoint",
    "batch_size": 10,
    "endpoint": {
        "base_url": "http://127.0.0.1:9/v1",
        "model": "vectors",
        "cost_per_million_input": 100.0,
    },
}


def test_a_plan_counts_what_a_server_that_embeds_is_asked(tmp_path):
    knowledge = {"retriever_type": "hybrid", "embedder": EMBEDDER}
    made = plan_rag_data(
        project(write_corpus(tmp_path / "docs"), tmp_path / "out", knowledge=knowledge)
    )
    (embedder,) = made.models
    assert embedder.name == "embedder (vectors)"
    # The chunks in batches of ten, then a query for each example.
    assert embedder.calls == -(-made.chunks // 10) + made.chunks
    assert embedder.input_tokens > 30 * made.chunks
    assert embedder.money == pytest.approx(embedder.input_tokens * 100 / 1e6)
    assert made.money == embedder.money


def test_an_embedder_that_no_retriever_needs_costs_nothing(tmp_path):
    knowledge = {"retriever_type": "bm25", "embedder": EMBEDDER}
    made = plan_rag_data(
        project(write_corpus(tmp_path / "docs"), tmp_path / "out", knowledge=knowledge)
    )
    assert made.models == ()
