"""Every command that stands beside one of another guide runs, on tiny data."""

from __future__ import annotations

import io
import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pipelines.corpora import write_corpus
from wellread.demo import EXAMPLE
from wellread.knowledge.manager import prepare_knowledge_base

PAGE = Path(__file__).parents[2] / "docs" / "commands-of-the-guides.md"
TEXT = PAGE.read_text("utf-8")
COMMANDS = [
    command
    for line in TEXT.splitlines()
    if line.startswith("| ") and line.count(" | ") == 1
    for command in re.findall(r"`([^`]+)`", line.split(" | ")[1])
    if command.startswith(("wellread ", "torchrun "))
]
FILES = dict(re.findall(r"(?ms)\(`(configs/[\w./]+)`\):\n\n```\w+\n(.*?)^```", TEXT))
TRAINS = re.compile(r" (train sft|chat) ")
STEPS = re.compile(r"(--max[_-]iters[ =])\d+")


def is_training(command: str) -> bool:
    return bool(TRAINS.search(command))


@pytest.fixture(scope="module")
def knowledge(tmp_path_factory):
    """What both guides take for granted: documents, conversations, a knowledge base."""
    folder = tmp_path_factory.mktemp("guide")
    data = folder / "data"
    data.mkdir()
    for name in ("my_documents", "faq_docs", "tech_docs"):
        shutil.copy(EXAMPLE / "documents.jsonl", data / f"{name}.jsonl")
    write_corpus(folder / "workspace" / "docs", 3)
    prepare_knowledge_base(data / "my_documents.jsonl", data / "kb", "hybrid", embedder="lsa")
    shutil.copy(EXAMPLE / "queries_train.jsonl", data)
    rows = [
        {
            "system": "Answer from the context.",
            "context": f"[1] (a{n}.md) Pump {n} runs at {60 + n} psi.",
            "messages": [
                {"role": "user", "content": f"At what pressure does pump {n} run?"},
                {"role": "assistant", "content": f"At {60 + n} psi [1]."},
            ],
        }
        for n in range(12)
    ]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (data / "conversations.jsonl").write_text(lines, "utf-8")
    (data / "my_qa_pairs.jsonl").write_text(lines, "utf-8")
    talk = {
        "messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hi!"}]
    }
    (folder / "tasks").mkdir()
    (folder / "tasks" / "SmolTalk.jsonl").write_text((json.dumps(talk) + "\n") * 3, "utf-8")
    for name, content in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, "utf-8")
    return folder


@pytest.fixture(scope="module")
def models(knowledge):
    """The same with a prepared dataset and a model `mid` of it, which is `rag` as well."""
    pytest.importorskip("torch", reason="training needs the extra: pip install 'wellread[train]'")
    from wellread.pipelines.prepare import prepare_dataset
    from wellread.pipelines.prepare_options import PrepareSettings
    from wellread.train.presets import NewModel
    from wellread.train.settings import TrainSettings
    from wellread.train.sft import train_sft

    dataset = knowledge / "data" / "prepared"
    rows = (knowledge / "data" / "conversations.jsonl",)
    prepare_dataset(PrepareSettings(input=rows, output_dir=dataset, tokenization="bpe"))
    mid = knowledge / "models" / "mid"
    train_sft(
        TrainSettings(
            dataset_dir=dataset, output_dir=mid, model=NewModel(preset="nano"), max_iters=1
        )
    )
    shutil.copytree(mid, knowledge / "models" / "rag")
    return knowledge


def run(command: str, folder: Path, monkeypatch) -> None:
    """Run a command line of ours in this process, torchrun's as its one process."""
    from wellread.cli import main

    words = shlex.split(command)
    if words[0] == "torchrun":
        words = words[words.index("wellread") :]
    if " train sft" in command and " --model" not in command:
        shutil.rmtree(folder / "models" / "rag", ignore_errors=True)
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", words)
    monkeypatch.setattr(sys, "stdin", io.StringIO("What does express delivery cost?\n"))
    try:
        main()
    except SystemExit as ended:
        assert ended.code in (0, None), command


@pytest.mark.parametrize("command", [c for c in COMMANDS if not is_training(c)])
def test_a_command_of_the_table_runs(command, knowledge, tmp_path, monkeypatch):
    if "dense" in command or "hybrid" in command:
        pytest.importorskip("onnxruntime", reason="needs the extra: pip install 'wellread[dense]'")
    if " prepare " in command:
        pytest.importorskip("tokenizers", reason="needs: pip install 'wellread[tokenizers]'")
    folder = shutil.copytree(knowledge, tmp_path / "guide")
    run(command, folder, monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("command", [c for c in COMMANDS if is_training(c)])
def test_a_command_of_the_table_that_trains_or_answers_runs(command, models, tmp_path, monkeypatch):
    folder = shutil.copytree(models, tmp_path / "guide")
    if "rag_examples" in command:
        run("wellread kb example data/rag_examples", folder, monkeypatch)
    command = STEPS.sub(r"\g<1>2", command)
    # Sample answers of an untrained model are as long as they may be, which takes a while.
    run(command + " --samples 0" * (" train sft" in command), folder, monkeypatch)
    if " train sft" in command:
        named = re.search(r"--model_name (\w+)", command)
        made = folder / "models" / (named[1] if named else "rag")
        assert (made / "model.safetensors").is_file()


@pytest.mark.slow
def test_the_multi_process_command_runs_in_two_processes(models, tmp_path):
    folder = shutil.copytree(models, tmp_path / "guide")
    shutil.rmtree(folder / "models" / "rag")
    (command,) = [c for c in COMMANDS if c.startswith("torchrun") and "_size 4" in c]
    words = shlex.split(command.replace("nproc_per_node=8", "nproc_per_node=2"))
    words[0:1] = [sys.executable, "-m", "torch.distributed.run"]
    ended = subprocess.run(
        words, cwd=folder, capture_output=True, text=True, check=False, timeout=280
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    assert (folder / "models" / "rag" / "model.safetensors").is_file()


def test_the_page_shows_every_flag_form_and_each_row_has_a_command_of_ours():
    assert len(COMMANDS) > 25
    assert set(FILES) == {
        "configs/rag_hybrid.yaml", "configs/sft1/micro.json", "configs/sft1/small.json",
    }  # fmt: skip
    told = " ".join(COMMANDS)
    assert all(form in told for form in ("--top_k 5", "--top-k", "--source=mid", "_mask false"))
