"""Base tasks and a knowledge base become conversations with passages, every task accounted for."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("tokenizers", reason="token ids need: pip install 'wellread[tokenizers]'")

from wellread.datasets.conversations import read_conversations
from wellread.datasets.metadata import read_metadata
from wellread.demo import EXAMPLE
from wellread.errors import InputError, KnowledgeBaseError, NothingMadeError
from wellread.knowledge.manager import prepare_knowledge_base
from wellread.pipelines.base_tasks import find_tasks, read_tasks
from wellread.pipelines.train_rag import RagTaskSettings, find_rag_dataset, make_rag_dataset

TALK = {
    "messages": [
        {"role": "user", "content": "How are you?"},
        {"role": "assistant", "content": "Fine, thanks."},
    ]
}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("example")
    prepare_knowledge_base(EXAMPLE / "documents.jsonl", folder / "knowledge_base", "bm25")
    return folder


@pytest.fixture
def example(built, tmp_path):
    """The example's knowledge base with its questions beside it."""
    folder = shutil.copytree(built, tmp_path / "example")
    shutil.copy(EXAMPLE / "queries_train.jsonl", folder)
    return folder


def settings(example, **more) -> RagTaskSettings:
    return RagTaskSettings(knowledge_base=str(example / "knowledge_base"), **more)


def write_rows(path, *rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def test_the_questions_beside_a_knowledge_base_are_its_base_task(example, tmp_path):
    made = make_rag_dataset(settings(example), tmp_path / "out")
    assert made.tasks == [str(example / "queries_train.jsonl")]
    assert sum(made.kinds.values()) + sum(made.left_out.values()) == 5
    rows = list(read_conversations(made.conversations))
    assert len(rows) == sum(made.kinds.values())
    assert all(row.conversation.turns[0].role == "context" for row in rows)
    assert {row.group for row in rows} <= {f"doc_{n:03}" for n in range(11)}
    answers = [row.conversation.turns[-1].content for row in rows]
    assert any(answer.startswith("30 days from the day it arrives [") for answer in answers)


def test_without_any_questions_are_made_from_the_chunks(example, tmp_path):
    (example / "queries_train.jsonl").unlink()
    made = make_rag_dataset(settings(example), tmp_path / "out")
    assert made.tasks == ["own-questions"]
    assert sum(made.kinds.values()) >= 3


def test_talk_goes_in_beside_questions_without_passages(example, tmp_path):
    write_rows(tmp_path / "tasks" / "SmolTalk.jsonl", TALK, TALK)
    chosen = settings(
        example, base_tasks=("smoltalk", "own-questions"), tasks_dir=tmp_path / "tasks"
    )
    made = make_rag_dataset(chosen, tmp_path / "out")
    assert made.kinds["plain"] == 2
    plain = [r for r in read_conversations(made.conversations) if len(r.conversation.turns) == 2]
    assert [row.conversation.turns[1].content for row in plain] == ["Fine, thanks."] * 2


def test_the_dataset_is_that_of_the_conversations(example, tmp_path):
    made = make_rag_dataset(settings(example), tmp_path / "out")
    metadata = read_metadata(made.dataset)
    assert metadata["num_conversations"] == sum(made.kinds.values())
    assert metadata["tokenization"] == "bpe"
    assert find_rag_dataset(settings(example), tmp_path / "out") == replace(made, already_done=True)
    assert find_rag_dataset(settings(example, top_k=2), tmp_path / "out") is None


def test_task_samples_bounds_each_task(example, tmp_path):
    write_rows(tmp_path / "tasks" / "talk.jsonl", *[TALK] * 9)
    names = ("talk", str(example / "queries_train.jsonl"))
    chosen = settings(example, base_tasks=names, tasks_dir=tmp_path / "tasks", task_samples=3)
    made = make_rag_dataset(chosen, tmp_path / "out")
    assert sum(made.kinds.values()) + sum(made.left_out.values()) == 6


def test_made_again_from_the_same_it_stays_and_from_others_it_is_made_anew(example, tmp_path):
    first = make_rag_dataset(settings(example), tmp_path / "out")
    written = first.conversations.read_bytes()
    again = make_rag_dataset(settings(example), tmp_path / "out")
    assert (first.already_done, again.already_done) == (False, True)
    assert (again.kinds, first.conversations.read_bytes()) == (first.kinds, written)
    other = make_rag_dataset(settings(example, seed=1, no_answer_share=0.4), tmp_path / "out")
    assert not other.already_done


def test_what_was_left_out_stands_in_a_file_with_its_reason(example, tmp_path):
    rows = [
        {"query": "What does express delivery cost?", "expected_answer": "99 euros."},
        {"query": "What does express delivery cost?", "expected_answer": "12 euros."},
    ]
    file = write_rows(tmp_path / "asked.jsonl", *rows)
    made = make_rag_dataset(settings(example, base_tasks=(str(file),)), tmp_path / "out")
    assert made.left_out == {"no_passage_supports_it": 1}
    (line,) = (tmp_path / "out" / "rejected.jsonl").read_text("utf-8").splitlines()
    assert json.loads(line)["id"] == "asked/1"


def test_where_no_task_is_left_it_says_so(example, tmp_path):
    row = {"query": "What does express delivery cost?", "expected_answer": "99 euros."}
    file = write_rows(tmp_path / "asked.jsonl", row)
    with pytest.raises(NothingMadeError, match="1 no_passage_supports_it"):
        make_rag_dataset(settings(example, base_tasks=(str(file),)), tmp_path / "out")
    assert not (tmp_path / "out" / "attached.json").exists()


def test_a_missing_knowledge_base_is_named_with_what_to_type(tmp_path):
    with pytest.raises(KnowledgeBaseError, match="Knowledge base not found") as caught:
        make_rag_dataset(RagTaskSettings(knowledge_base=str(tmp_path / "kb")), tmp_path / "out")
    assert "wellread kb build" in caught.value.hint


def test_a_task_that_is_only_a_name_says_where_to_save_it(tmp_path):
    with pytest.raises(InputError, match=r"SmolTalk\.jsonl") as caught:
        find_tasks("SmolTalk", tmp_path)
    assert "nothing is downloaded" in caught.value.hint


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"query": "Why?"}, "1 no 'expected_answer'"),
        ({"query": "Why?", "expected_answer": "So.", "relevant_docs": "a"}, "it is a list"),
        ({"segments": [{"label": True, "text": "x"}]}, "rendered segments"),
        ({"messages": []}, "messages is an empty list"),
        ({"prompt": "Why?"}, "no conversation"),
    ],
)
def test_a_bad_row_of_a_task_is_named_with_its_line(row, said, tmp_path):
    file = write_rows(tmp_path / "bad.jsonl", row)
    with pytest.raises(InputError, match=said) as caught:
        list(read_tasks(file))
    assert f"{file}:1" in str(caught.value)


def test_an_empty_task_is_refused(tmp_path):
    (tmp_path / "empty.jsonl").touch()
    with pytest.raises(InputError, match="empty"):
        read_tasks(Path(tmp_path / "empty.jsonl"))
