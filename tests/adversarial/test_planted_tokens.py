"""Documents cannot steer: no special token comes out of content, and the mask stays as it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.adversarial.planted import (
    FRAMES,
    ODD_FAMILIES,
    ODD_TOKENS,
    ORDERS,
    TOKENS,
    planted_document,
)
from wellread.dialogue.escape import escape
from wellread.dialogue.formats import PRESETS, ChatFormat
from wellread.dialogue.passages import render_passages
from wellread.dialogue.render import render
from wellread.pipelines.project import Project
from wellread.pipelines.rag_data import make_rag_data
from wellread.records import Chunk, Conversation, Passage, Turn
from wellread.storage.files import read_jsonl

DOCUMENTS = 100


@pytest.fixture(scope="module")
def tokenizer():
    """A byte-level tokenizer that knows the special tokens of every family."""
    tokenizers = pytest.importorskip("tokenizers")
    alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    model = tokenizers.models.BPE(vocab={c: i for i, c in enumerate(sorted(alphabet))}, merges=[])
    made = tokenizers.Tokenizer(model)
    made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.add_special_tokens(TOKENS + ODD_TOKENS)
    return made


def specials(tokenizer, text: str) -> list[str]:
    """The special tokens that a trainer would find in `text`, in order."""
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    first = min(tokenizer.token_to_id(token) for token in TOKENS + ODD_TOKENS)
    return [tokenizer.id_to_token(i) for i in ids if i >= first]


def test_the_tokenizer_of_this_test_finds_every_planted_token(tokenizer):
    for token in TOKENS + ODD_TOKENS:
        assert specials(tokenizer, f"a {token} b") == [token]


@pytest.mark.parametrize("token", TOKENS)
def test_no_known_special_token_survives_in_content(tokenizer, token):
    tight = f"{token}{token}x{token}\n<{token}> {token[:-1]}{token}"
    assert specials(tokenizer, escape(tight)) == []


@pytest.mark.parametrize("family", ODD_FAMILIES)
def test_no_special_token_of_a_rarer_family_survives_in_content(tokenizer, family):
    for token in ODD_FAMILIES[family]:
        assert specials(tokenizer, escape(f"a{token}b {token}")) == []


def passages(number: int) -> tuple[Passage, ...]:
    text = planted_document(number, TOKENS)
    source = f"a{TOKENS[number % len(TOKENS)]}.md"
    chunk = Chunk(f"{source}#0-{len(text)}", source, text, 0, len(text), source=source)
    return (Passage(chunk, 1.0, 1), Passage(chunk, 1.0, 2))


def talk(data: str, question: str, answer: str) -> Conversation:
    return Conversation(
        (
            Turn("system", f"Use these.\n\n{data}"),
            Turn("user", "An earlier question?"),
            Turn("assistant", "An earlier answer."),
            Turn("user", question, learn=True),
            Turn("assistant", answer, learn=True),
        )
    )


@pytest.mark.parametrize("name", sorted(PRESETS))
@pytest.mark.parametrize("form", ["chunks", "numbered"])
def test_rendered_text_holds_the_special_tokens_of_its_format_and_no_others(tokenizer, name, form):
    style = PRESETS[name]
    clean = render(talk("Nothing.", "How heavy?", "12 kg."), style)
    for number in range(DOCUMENTS):
        token, order = TOKENS[number % len(TOKENS)], ORDERS[number % len(ORDERS)]
        frame = FRAMES[number % len(FRAMES)]
        data = render_passages(passages(number), form)
        segments = render(talk(data, f"{token} {frame}?", f"{order}{token}{frame}"), style)
        assert [(s.role, s.label) for s in segments] == [(s.role, s.label) for s in clean]
        for segment, plain in zip(segments, clean, strict=True):
            assert specials(tokenizer, segment.text) == specials(tokenizer, plain.text)
        joined = "".join(s.text for s in segments)
        assert specials(tokenizer, joined) == specials(tokenizer, "".join(s.text for s in clean))
        for marker in style.markers():
            assert joined.count(marker) == sum(s.text.count(marker) for s in clean)


@pytest.mark.parametrize("number", range(len(FRAMES)))
def test_a_passage_cannot_pass_itself_off_as_two(number):
    lines = render_passages(passages(number)).split("\n")
    frames = [
        at
        for at in range(len(lines) - 2)
        if lines[at].startswith("Chunk ")
        and lines[at + 1].startswith("Source: ")
        and lines[at + 2] == "---"
    ]
    assert len(frames) == 2
    assert lines.count("---") == 4
    numbered = render_passages(passages(number), "numbered").split("\n")
    assert [line.split(" ")[0] for line in numbered] == ["[1]", "[2]"]


def test_the_end_of_a_turn_stays_where_it_is_when_it_is_only_read():
    style = ChatFormat(end_of_turn="read")
    segments = render(talk("x", "q", "**Finished.** AI: and more"), style)
    assert [s.text for s in segments if s.role == "assistant" and not s.label][-1] == (
        " **Finished.**\n"
    )
    assert "**Finished.**" not in segments[-2].text


@pytest.mark.parametrize("template", ["atk", "chatml"])
def test_a_hundred_hostile_documents_make_data_without_one_foreign_token(
    tokenizer, tmp_path: Path, template: str
):
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(DOCUMENTS):
        text = planted_document(number)
        if number % 3:
            (folder / f"loom{number:03}.md").write_text(text, encoding="utf-8")
        else:
            row = {"id": f"<s>{number}", "title": f"<|im_end|>{number}", "text": text}
            (folder / f"loom{number:03}.jsonl").write_text(json.dumps(row), encoding="utf-8")
    config = Project.model_validate(
        {
            "path": {"input_dir": folder, "output_dir": tmp_path / "out"},
            "ingest": {"chunk_size": 120},
            "rag_data": {"template": template},
        }
    )
    report = make_rag_data(config)
    assert report.counts["training"]["examples"] > DOCUMENTS // 2
    expected = {"atk": [], "chatml": ["<|im_start|>", "<|im_end|>"]}[template]
    rendered = read_jsonl(tmp_path / "out" / "axolotl_rag_conversations.jsonl")
    explained = read_jsonl(tmp_path / "out" / "rag_examples.jsonl")
    for (_, line), (_, example) in zip(rendered, explained, strict=True):
        segments = line["segments"]
        turns = example["conversation"]["turns"]
        learned = [segment["text"] for segment in segments if segment["label"]]
        assert len(learned) == sum(turn["learn"] for turn in turns)
        for text in learned:
            assert specials(tokenizer, text) == {"atk": [], "chatml": ["<|im_end|>"]}[template]
        whole = specials(tokenizer, "".join(segment["text"] for segment in segments))
        start = ["<s>"] if template == "atk" else []
        written = sum(segment["text"].startswith("<|im_start|>") for segment in segments)
        assert whole == start + expected * written
