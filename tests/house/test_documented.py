"""What the documents tell a reader to type works, and what they show is valid."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pipelines.corpora import write_corpus
from wellread.pipelines.project import Project, read_project
from wellread.pipelines.rag_data import make_rag_data

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FRAGMENT = "models:\n  large:\n    base_url: http://localhost:8000/v1\n    model: m\n"


def blocks(language: str) -> list[tuple[str, str]]:
    found = re.compile(rf"(?ms)^```{language}\n(.*?)^```")
    return [(p.name, block) for p in PAGES for block in found.findall(p.read_text("utf-8"))]


def test_the_commands_of_the_readme_work_in_their_order(tmp_path):
    write_corpus(tmp_path / "my-documents", 4)
    commands = [
        line.split("#")[0].strip()
        for name, block in blocks("sh")
        for line in block.splitlines()
        if name == "README.md" and line.startswith("wellread ")
    ]
    assert len(commands) >= 5
    trains = ("wellread train", "wellread chat", "wellread loop")
    if not importlib.util.find_spec("torch"):
        commands = [command for command in commands if not command.startswith(trains)]
    # What takes a quarter of an hour is shortened.
    few = " --steps 1 --lesson-steps 1 1 --entities 4"
    commands = [command + few * command.startswith("wellread loop") for command in commands]
    for command in commands:
        ended = subprocess.run(
            [sys.executable, "-m", *shlex.split(command)],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 0, f"{command}\n{ended.stderr}"


def test_the_result_in_the_readme_is_that_of_the_demo(tmp_path):
    """Line by line; spaces between columns do not matter."""
    ended = subprocess.run(
        [sys.executable, "-m", "wellread", "demo", "-q"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=True,
    )
    shown = {" ".join(line.split()) for line in ended.stdout.splitlines()}
    readme = (ROOT / "README.md").read_text("utf-8")
    table = re.search(r"(?ms)^```\n(stage .*?)^```", readme)
    assert table
    lines = [" ".join(line.split()) for line in table[1].splitlines() if line.strip()]
    assert [line for line in lines if line not in shown] == []


# Their configurations are those of a training run, not of a project.
TRAINING = {"commands-of-the-guides.md", "train.md", "training-models.md", "train-rag.md"}


@pytest.mark.parametrize(("page", "block"), blocks("yaml"))
def test_every_configuration_shown_is_valid(tmp_path, page, block):
    if page in TRAINING:
        check_training_configuration(tmp_path / "train.yaml", block)
        return
    (tmp_path / "docs").mkdir()
    head = FRAGMENT if block.startswith(" ") else ""
    given = "" if "path:" in block else "path: {input_dir: docs}\n"
    config = tmp_path / "wellread.yaml"
    config.write_text(given + head + block, encoding="utf-8")
    assert isinstance(read_project(config), Project), page


def check_training_configuration(config, block):
    pytest.importorskip("torch", reason="training needs the extra: pip install 'wellread[train]'")
    from wellread.config import combine_settings
    from wellread.pipelines.train_sft import RagTrainSettings

    config.write_text(block, encoding="utf-8")
    given = {"output_dir": "models/any", "dataset_dir": "data/any"}
    assert combine_settings(config, RagTrainSettings, given)


def test_every_option_is_described():
    """`wellread init` writes these descriptions; one that is missing leaves a reader guessing."""

    def missing(model, where: str) -> list[str]:
        found = []
        for name, field in model.model_fields.items():
            if isinstance(field.annotation, type) and hasattr(field.annotation, "model_fields"):
                found += missing(field.annotation, f"{name}.")
            elif not field.description:
                found.append(where + name)
        return found

    assert missing(Project, "") == []


def test_every_option_of_rag_data_stands_on_its_page():
    page = (ROOT / "docs" / "rag-data.md").read_text("utf-8")
    options = Project.model_fields["rag_data"].annotation.model_fields
    assert [name for name in options if f"`{name}`" not in page] == []


def test_every_output_of_rag_data_stands_on_its_page(tmp_path):
    write_corpus(tmp_path / "in", 3)
    paths = {"input_dir": tmp_path / "in", "output_dir": tmp_path / "out"}
    make_rag_data(Project.model_validate({"path": paths}))
    page = (ROOT / "docs" / "rag-data.md").read_text("utf-8")
    names = [path.name for path in (tmp_path / "out").rglob("*") if path.is_file()]
    inside = {path.name for path in (tmp_path / "out" / "knowledge_base").rglob("*")}
    assert [name for name in names if name not in page and name not in inside] == []
