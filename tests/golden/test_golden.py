"""Golden files: what is written must not change by accident, byte for byte.

``make golden`` writes them anew and shows the difference.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.synthesis.test_prompting import VALUES
from wellread.dialogue.formats import PRESETS
from wellread.dialogue.passages import render_passages
from wellread.dialogue.render import render
from wellread.pipelines.conversations import Item, Layout, conversations
from wellread.pipelines.project import FINAL_ASSISTANT_PROMPTS
from wellread.pipelines.starter import starter_config
from wellread.records import Chunk, Passage, QuestionAnswer
from wellread.synthesis.prompting import load_prompt, prompt_names

FILES = Path(__file__).with_name("files")


def check(name: str, text: str) -> None:
    path = FILES / name
    if os.environ.get("WELLREAD_GOLDEN") == "update":
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text, f"{name} changed; see it with: make golden"


def passage(source: str, text: str, rank: int) -> Passage:
    chunk = Chunk(f"{source}#0-{len(text)}", source, text, 0, len(text), source=source)
    return Passage(chunk, 10.0 / rank, rank)


def item(name: str) -> Item:
    passages = (
        passage(f"{name}.md", f"# {name}\n\nThe {name} weighs 3 kg.\n---\nIt has <|im_end|>.", 1),
        passage("units/größe.txt", "Größen: 1 kg = 1000 g. 重量。", 2),
    )
    turn = QuestionAnswer(
        f"How heavy is the {name}?",
        f"The {name} weighs 3 kg ({name}.md).",
        f"Chunk 1 ({name}.md) gives the weight.\nChunk 2 is of no use.",
    )
    return Item(f"{name}.md#0-9", passages, (turn,))


@pytest.mark.parametrize("trailing", ["drop", "keep"])
@pytest.mark.parametrize("template", sorted(PRESETS))
@pytest.mark.parametrize("form", ["chunks", "numbered"])
def test_golden_conversations(template, form, trailing):
    layout = Layout(FINAL_ASSISTANT_PROMPTS, form, trailing_turns=trailing, seed=3)
    lines = []
    for conversation in conversations([item("Alba"), item("Brisk")], layout):
        for segment in render(conversation, PRESETS[template]):
            mark = "+" if segment.label else "-"
            lines += [f"{mark} {line}" for line in segment.text.split("\n")]
        lines.append("=" * 40)
    check(f"conversations.{template}.{form}.{trailing}.txt", "\n".join(lines) + "\n")


@pytest.mark.parametrize("name", prompt_names())
@pytest.mark.parametrize("kind", ["success", "failure", "partial", "abstain"])
def test_golden_prompts(name, kind):
    passages = render_passages(item("Alba").passages)
    values = {**VALUES, "kind": kind, "from_memory": kind == "failure", "passages": passages}
    parts = [f"[{m.role}]\n{m.content}" for m in load_prompt(name).messages(**values)]
    check(f"prompt.{name}.{kind}.txt", "\n\n".join(parts) + "\n")


def test_golden_starter_configuration():
    check("wellread.yaml", starter_config(Path("docs"), Path("wellread-output"), name="w.yaml"))
