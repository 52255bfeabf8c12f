"""The command line as a user types it: every documented example, every error, every exit code."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pipelines.corpora import write_corpus
from tests.pipelines.scripted import answer_on_the_wire
from wellread.llm.server import LoopbackServer


def wellread(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "wellread", *words],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), **environment},
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=120,
    )


GROUPS = ("kb", "train")
# A verb by itself, and a group.
BOTH = ("check",)
# What would take minutes is shortened.
SHORTER = {
    "train sft": ["--max-iters", "1", "--samples", "0"],
    "world": ["--conversations", "9", "--lessons", "9"],
    "measure": ["--max-questions", "1", "--max-tokens", "2"],
    "loop": ["--steps", "1", "--lesson-steps", "1", "1", "--entities", "4"],
}
NEEDS_TORCH = ("train sft", "chat", "measure", "loop")


def verbs() -> list[tuple[str, ...]]:
    """Every verb, from the help itself."""

    def listed(*group: str) -> list[str]:
        shown = wellread(Path.cwd(), *group, "--help").stdout
        return re.findall(r"(?m)^  ([a-z][a-z-]*)  ", shown.split("Commands:")[1])

    plain = [(verb,) for verb in listed() if verb not in GROUPS]
    return [*plain, *((group, verb) for group in (*GROUPS, *BOTH) for verb in listed(group))]


def example(verb: tuple[str, ...]) -> str:
    shown = wellread(Path.cwd(), *verb, "--help").stdout
    found = re.search(r"Example: (wellread [^\n]+(?:\n  [^\n]+)*)", shown)
    assert found, f"wellread {' '.join(verb)} --help ends without an example"
    return " ".join(found[1].split())


def test_the_help_lists_the_verbs_and_where_to_start():
    shown = wellread(Path.cwd(), "--help").stdout
    assert "wellread demo" in shown
    for verb in ("demo", "init", "plan", "rag-data", "inspect", "doctor", "kb", "train", "chat"):
        assert f"  {verb}  " in shown


def test_the_example_of_every_verb_works(tmp_path):
    """In the order of the journey, in one folder."""
    write_corpus(tmp_path / "docs" / "guides", 3)
    (tmp_path / "docs" / "guides" / "old.md").write_text("The Old press weighs 99 kg. " * 3)
    write_corpus(tmp_path / "more_docs", 1, first=8)
    write_corpus(tmp_path / "manuals", 4)
    told = {"context": "Pump 4 was built in 1960.", "question": "When was pump 4 built?"}
    (tmp_path / "questions.jsonl").write_text(json.dumps({**told, "answer": "1960"}))
    asked = {"query": "How heavy is the Brisk kiln?", "relevant_docs": ["guides/product0001.md"]}
    (tmp_path / "queries_train.jsonl").write_text(json.dumps(asked))
    order = ["read", "chunk", "init", "plan", "rag-data", "inspect", "doctor", "schema", "demo"]
    order += ["check", "check calibrate", "experiment"]
    order += ["prepare", "train sft", "world", "measure", "loop"]
    order += ["kb build", "kb snapshot", "kb add", "kb search", "kb remove", "kb update", "kb info"]
    order += ["kb compare", "kb reindex", "kb doctor", "kb example", "kb eval", "chat"]
    known = {" ".join(verb) for verb in verbs()}
    assert known == set(order)
    for verb in order:
        if verb in NEEDS_TORCH and not importlib.util.find_spec("torch"):
            continue
        command = example(tuple(verb.split()))
        words, _, target = command.partition(" > ")
        ended = wellread(tmp_path, *shlex.split(words)[1:], *SHORTER.get(verb, ()))
        assert ended.returncode == 0, f"{command}\n{ended.stdout}\n{ended.stderr}"
        if target:
            (tmp_path / target).write_text(ended.stdout)
    assert (tmp_path / "wellread-output" / "axolotl_rag_conversations.jsonl").stat().st_size > 1000
    assert (tmp_path / "demo-output" / "manifest.json").exists()


def test_the_written_configuration_is_the_default_one(tmp_path):
    write_corpus(tmp_path / "docs", 2)
    wellread(tmp_path, "init", "docs")
    config = tmp_path / "wellread.yaml"
    assert wellread(tmp_path, "rag-data", "-q", "wellread.yaml").returncode == 0
    full = (tmp_path / "wellread-output" / "config.json").read_bytes()
    config.write_text("path: {input_dir: docs}\n")
    assert wellread(tmp_path, "rag-data", "-q", "wellread.yaml").returncode == 0
    assert (tmp_path / "wellread-output" / "config.json").read_bytes() == full


def test_every_option_of_the_written_configuration_is_known(tmp_path):
    """Uncommented, the whole file is still a valid configuration."""
    write_corpus(tmp_path / "docs", 1)
    wellread(tmp_path, "init", "docs")
    text = (tmp_path / "wellread.yaml").read_text()
    live = []
    for line in text.splitlines()[3:]:
        # A block within a section is indented below its name, those of `models` are an example.
        option = re.match(r"^(\s+)# ( *\w+:(?: .*)?)$|^()# (\w+:(?: .*)?)$", line)
        live.append(
            "".join(filter(None, option.groups())) if option and "..." not in line else line
        )
    whole = "\n".join(line for line in live if not line.lstrip().startswith("#"))
    whole = re.sub(r"(?m)^models:$", "", whole)
    (tmp_path / "wellread.yaml").write_text(whole)
    ended = wellread(tmp_path, "plan", "wellread.yaml")
    assert "unknown option" not in ended.stderr, ended.stderr
    assert ended.returncode == 0, ended.stderr


def test_init_does_not_write_over_a_configuration(tmp_path):
    (tmp_path / "docs").mkdir()
    assert wellread(tmp_path, "init", "docs").returncode == 0
    again = wellread(tmp_path, "init", "docs")
    assert again.returncode == 2
    assert "--force" in again.stderr
    assert wellread(tmp_path, "init", "docs", "--force").returncode == 0


def test_a_typo_in_the_configuration_is_shown_with_its_place_and_no_traceback(tmp_path):
    (tmp_path / "wellread.yaml").write_text(
        "path: {input_dir: docs}\nrag_data:\n    rag_max_chunk: 3\n"
    )
    ended = wellread(tmp_path, "rag-data", "wellread.yaml")
    assert ended.returncode == 2
    assert ended.stderr.startswith(
        "error: wellread.yaml:3:5 rag_data.rag_max_chunk: unknown option; "
        "did you mean 'rag_max_chunks'?"
    )
    assert "Traceback" not in ended.stderr
    assert "Traceback" in wellread(tmp_path, "--debug", "rag-data", "wellread.yaml").stderr


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("rag_data: {rag_failure_percentage: 1.5}", "rag_data.rag_failure_percentage"),
        ("rag_data: {rag_failure_percentage: 0.9, rag_abstain_percentage: 0.3}", "at most 1"),
        ("rag_data: {final_assistant_prompts: ['no place']}", "{data}"),
        ("rag_data: {user_format: 'nothing'}", "user_format"),
        ("system: {teacher: model}", "models.large"),
        ("models: {large: {base_url: 'ftp://x', model: m}}", "base_url"),
        ("models: {large: {base_url: 'http://x', model: m, api_key: sk-CANARY}}", "${NAME}"),
        ("ingest: {chunk_size: 0}", "chunk_size"),
    ],
)
def test_a_value_that_cannot_work_is_refused_before_the_run(tmp_path, line, said):
    write_corpus(tmp_path / "docs", 1)
    (tmp_path / "wellread.yaml").write_text(f"path: {{input_dir: docs}}\n{line}\n")
    ended = wellread(tmp_path, "rag-data", "wellread.yaml")
    assert ended.returncode == 2
    assert said in ended.stderr
    assert "wellread.yaml:2:" in ended.stderr
    assert "CANARY" not in ended.stderr


def test_results_for_programs_are_json_on_stdout_and_words_go_to_stderr(tmp_path):
    write_corpus(tmp_path / "docs", 3)
    wellread(tmp_path, "init", "docs")
    planned = json.loads(wellread(tmp_path, "plan", "wellread.yaml", "--json").stdout)
    made = wellread(tmp_path, "rag-data", "wellread.yaml", "--json")
    report = json.loads(made.stdout)
    assert planned["chunks"] == report["counts"]["stages"]["chunk"]["on"]
    assert "What was made" in made.stderr
    shown = json.loads(wellread(tmp_path, "inspect", "wellread-output", "--json").stdout)
    assert shown[0]["example"]["provenance"]["teacher"] == "extractive"
    findings = json.loads(wellread(tmp_path, "doctor", "wellread.yaml", "--json").stdout)
    assert {"what": "configuration", "state": "ok"}.items() <= findings[1].items()
    schema = json.loads(wellread(tmp_path, "schema").stdout)
    assert "rag_data" in schema["properties"]


def test_a_plan_with_models_says_calls_tokens_money_and_time_and_makes_no_call(tmp_path):
    write_corpus(tmp_path / "docs", 4)
    (tmp_path / "wellread.yaml").write_text(
        "path: {input_dir: docs}\n"
        "ingest: {chunk_size: 90, min_chunk_tokens: 10}\n"
        "models:\n"
        "  large: {base_url: 'http://127.0.0.1:9/v1', model: big, cost_per_million_input: 2.0,\n"
        "          cost_per_million_output: 4.0}\n"
        "  small: {base_url: 'http://127.0.0.1:9/v1', model: little}\n"
    )
    planned = json.loads(wellread(tmp_path, "plan", "wellread.yaml", "--json").stdout)
    small, large = planned["models"]
    assert small["calls"] == large["calls"] == planned["chunks"] == 12
    assert large["input_tokens"] > 12 * 300
    priced = (2 * large["input_tokens"] + 4 * large["output_tokens"]) / 1e6
    assert large["money"] == pytest.approx(priced, rel=0.01)
    assert large["minutes"] > 0
    assert "Together about" in wellread(tmp_path, "plan", "wellread.yaml").stdout


def test_records_that_are_lost_are_told_by_the_exit_code(tmp_path):
    write_corpus(tmp_path / "docs", 2)
    (tmp_path / "docs" / "broken.pdf").write_bytes(b"%PDF-1.4\nnothing\n%%EOF")
    wellread(tmp_path, "init", "docs")
    ended = wellread(tmp_path, "rag-data", "wellread.yaml")
    assert ended.returncode == 3
    assert "broken.pdf" in (tmp_path / "wellread-output" / "rejected.jsonl").read_text()
    assert "rejected.jsonl" in ended.stderr


def test_a_budget_that_is_used_up_ends_with_its_own_code(tmp_path):
    write_corpus(tmp_path / "docs", 4)
    with LoopbackServer(answer_on_the_wire) as server:
        (tmp_path / "wellread.yaml").write_text(
            "path: {input_dir: docs}\nbudget: {max_calls: 2}\n"
            f"models: {{large: {{base_url: '{server.base_url}', model: m}}}}\n"
        )
        ended = wellread(tmp_path, "rag-data", "wellread.yaml")
    assert ended.returncode == 4
    assert "max_calls" in ended.stderr


def test_doctor_finds_a_missing_key_and_a_wrong_model_name(tmp_path):
    write_corpus(tmp_path / "docs", 1)
    with LoopbackServer(key="right", models=("big",)) as server:
        (tmp_path / "wellread.yaml").write_text(
            "path: {input_dir: docs}\n"
            f"models: {{large: {{base_url: '{server.base_url}', "
            "model: other, api_key: '${K}'}}\n"
        )
        missing = wellread(tmp_path, "doctor", "wellread.yaml")
        wrong = wellread(tmp_path, "doctor", "wellread.yaml", K="wrong")
        other = wellread(tmp_path, "doctor", "wellread.yaml", K="right")
        text = (tmp_path / "wellread.yaml").read_text().replace("other", "big")
        (tmp_path / "wellread.yaml").write_text(text)
        fine = wellread(tmp_path, "doctor", "wellread.yaml", K="right")
    assert "export K=" in missing.stderr
    assert (missing.returncode, wrong.returncode, other.returncode) == (1, 1, 1)
    assert "big" in other.stderr
    assert fine.returncode == 0, fine.stderr


def test_inspect_shows_the_mask_without_colour_and_explains(tmp_path):
    write_corpus(tmp_path / "docs", 3)
    wellread(tmp_path, "init", "docs")
    wellread(tmp_path, "rag-data", "-q", "wellread.yaml")
    shown = wellread(
        tmp_path, "inspect", "wellread-output", "--kind", "success", "--explain"
    ).stdout
    learned = [line for line in shown.splitlines() if line.startswith("┃ ")]
    assert learned[0].startswith("┃ Human: ")
    assert "retriever asked" in shown
    assert "grounded" in shown
    nothing = wellread(tmp_path, "inspect", "wellread-output", "--line", "9999")
    assert nothing.returncode == 2
    assert "line 9999" in nothing.stderr


def test_inspect_shows_a_file_of_segments_from_elsewhere_and_refuses_others(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"segments": [{"label": true, "text": "Hi"}]}\n')
    assert "┃ Hi" in wellread(tmp_path, "inspect", "a.jsonl").stdout
    (tmp_path / "b.jsonl").write_text('{"text": "Hi"}\n')
    refused = wellread(tmp_path, "inspect", "b.jsonl")
    assert refused.returncode == 2
    assert "b.jsonl:1" in refused.stderr
    assert wellread(tmp_path, "inspect", "none.jsonl").returncode == 2


# -- chunk: what it takes


def test_chunk_takes_a_document_or_a_folder_and_makes_of_them_what_read_would(tmp_path):
    write_corpus(tmp_path / "docs", 3)
    first = next((tmp_path / "docs").glob("*.md"))
    for words in (
        ("read", "docs", "documents.jsonl"),
        ("chunk", "documents.jsonl", "by-read.jsonl"),
        ("chunk", "docs", "by-folder.jsonl"),
        ("chunk", f"docs/{first.name}", "by-file.jsonl"),
    ):
        ended = wellread(tmp_path, *words)
        assert ended.returncode == 0, ended.stderr
    by_read = (tmp_path / "by-read.jsonl").read_text()
    assert (tmp_path / "by-folder.jsonl").read_text() == by_read
    lines = (tmp_path / "by-file.jsonl").read_text().splitlines()
    assert lines == [
        line for line in by_read.splitlines() if json.loads(line)["document_id"] == first.name
    ]


def test_chunk_of_a_folder_does_not_read_what_it_wrote_there_before(tmp_path):
    write_corpus(tmp_path / "docs", 2)
    wellread(tmp_path, "chunk", "docs", "docs/chunks.jsonl")
    once = (tmp_path / "docs/chunks.jsonl").read_bytes()
    wellread(tmp_path, "chunk", "docs", "docs/chunks.jsonl")
    assert once
    assert (tmp_path / "docs/chunks.jsonl").read_bytes() == once


def test_chunk_takes_documents_of_read_whatever_their_file_is_called(tmp_path):
    write_corpus(tmp_path / "docs", 2)
    for name in ("documents.txt", "documents", "documents.jsonl"):
        wellread(tmp_path, "read", "docs", name)
        wellread(tmp_path, "chunk", name, f"{name}.chunks")
    made = {(tmp_path / f"documents{end}.chunks").read_bytes() for end in ("", ".txt", ".jsonl")}
    assert len(made) == 1
    assert b"docs" not in made.pop()[:20]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("notes.xyz", "Some words.", "notes.xyz: unsupported_format"),
        ("empty.txt", "", "empty.txt: empty_file"),
        ("broken.pdf", "no pdf", "broken.pdf: wrong_format"),
        ("gone.txt", None, "gone.txt: no such file or folder"),
        ("gone.jsonl", None, "gone.jsonl: no such file or folder"),
        ("rows.jsonl", "words\n", "rows.jsonl:1 not JSON"),
    ],
)
def test_chunk_says_of_what_it_cannot_take_what_to_type(tmp_path, name, text, said):
    if text is not None:
        (tmp_path / name).write_text(text)
    ended = wellread(tmp_path, "chunk", name, "chunks.jsonl")
    assert ended.returncode == 2
    assert said in ended.stderr
    assert "wellread read" in ended.stderr
    assert not (tmp_path / "chunks.jsonl").exists()
