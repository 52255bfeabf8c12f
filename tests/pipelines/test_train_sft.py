"""Training from a knowledge base: its dataset is made first, and the model is found as `rag`."""

import json
import shutil

import pytest

pytest.importorskip("torch", reason="training needs the extra: pip install 'wellread[train]'")

from wellread.config import combine_settings
from wellread.demo import EXAMPLE
from wellread.errors import ConfigError, InputError
from wellread.knowledge.manager import prepare_knowledge_base
from wellread.pipelines import train_sft as module
from wellread.pipelines.train_sft import RagTrainSettings, training_settings
from wellread.train.settings import TrainSettings


@pytest.fixture
def example(tmp_path, monkeypatch):
    """A working folder with a knowledge base and its questions."""
    prepare_knowledge_base(EXAMPLE / "documents.jsonl", tmp_path / "kb", "bm25")
    shutil.copy(EXAMPLE / "queries_train.jsonl", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read(**given) -> RagTrainSettings:
    return combine_settings(None, RagTrainSettings, given)


def test_a_given_dataset_is_taken_as_it_is(tmp_path):
    settings = training_settings(read(dataset_dir=tmp_path, model_name="m", knowledge_base="kb"))
    assert type(settings) is TrainSettings
    assert (settings.dataset_dir, settings.knowledge_base) == (tmp_path, "kb")


def test_a_knowledge_base_becomes_a_dataset_in_the_output_folder(example):
    told = []
    settings = training_settings(read(knowledge_base="kb", top_k=3), tell=told.append)
    assert str(settings.folder) == "models/rag"
    assert settings.dataset_dir == settings.folder / "base_tasks" / "dataset"
    assert (settings.dataset_dir / "dataset_metadata.json").is_file()
    rows = (settings.folder / "base_tasks" / "conversations.jsonl").read_text("utf-8")
    assert max(len(json.loads(row)["messages"][0]["documents"]) for row in rows.splitlines()) <= 3
    assert any("conversations.jsonl" in line for line in told)


def test_other_processes_wait_for_the_dataset_of_the_first(example, monkeypatch):
    wanted = read(knowledge_base="kb")
    made = training_settings(wanted)
    monkeypatch.setenv("RANK", "1")
    assert training_settings(wanted) == made
    monkeypatch.setattr(module, "_PATIENCE_S", 0.0)
    with pytest.raises(InputError, match="first process made no dataset"):
        training_settings(read(knowledge_base="kb", top_k=1))


def test_the_options_of_the_dataset_do_not_decide_about_the_weights(example):
    settings = training_settings(read(knowledge_base="kb"))
    assert "base_tasks" not in settings.decides()


def test_base_tasks_come_by_commas():
    chosen = read(knowledge_base="kb", base_tasks="SmolTalk, a.jsonl,own-questions")
    assert chosen.base_tasks == ("SmolTalk", "a.jsonl", "own-questions")


def test_the_tokenizer_is_that_of_the_model_to_start_from(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models" / "mid").mkdir(parents=True)
    chosen = read(knowledge_base="kb", init_from="mid")
    assert (chosen.init_from, chosen.tasks().tokenization) == ("models/mid", "models/mid")
    assert read(knowledge_base="kb").tasks().tokenization == "bpe"
    assert read(knowledge_base="kb", init_from="org/name").init_from == "org/name"


def test_without_dataset_and_knowledge_base_it_says_what_to_give():
    with pytest.raises(ConfigError, match=r"dataset_dir.*or knowledge_base"):
        read(model_name="m")
