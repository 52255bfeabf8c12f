"""Chats kept as training rows."""

from __future__ import annotations

import json
import multiprocessing
from pathlib import Path

import pytest

from wellread.chat.log import log_for_sft
from wellread.datasets.conversations import read_conversations
from wellread.errors import InputError, StorageError
from wellread.records import Chunk, Passage, Span, Verdict
from wellread.storage.append import append_jsonl


def passage(text: str, source: str) -> Passage:
    return Passage(Chunk(f"{source}#0", source, text, 0, len(text), source=source), 2.5, 1)


FOXES = "The quick brown fox\njumps over the lazy dog."
CONTEXT = (
    "[1] (document.md) The quick brown fox jumps over the lazy dog.\n[2] (facts.txt) Omnivores."
)
ASKED = ("What jumps?", "A fox [1].")


def rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_a_row_is_that_of_the_guide_whatever_form_the_documents_have(tmp_path):
    path = tmp_path / "data" / "rag_logs.jsonl"
    of_guide = [
        {"text": FOXES, "source": {"filename": "document.md"}},
        {"text": "Omnivores.", "source": {"filename": "facts.txt"}},
    ]
    passages = [passage(FOXES, "document.md"), passage("Omnivores.", "facts.txt")]
    for documents in (of_guide, passages, [p.to_dict() for p in passages]):
        row = log_for_sft(ASKED[0], documents, ASKED[1], path=path)
        assert row == {
            "context": CONTEXT,
            "messages": [
                {"role": "user", "content": ASKED[0]},
                {"role": "assistant", "content": ASKED[1]},
            ],
        }
    assert rows(path) == [row] * 3


def test_rows_are_read_as_training_data_with_a_part_a_passage(tmp_path):
    path = tmp_path / "log.jsonl"
    verdict = Verdict("partial", 0.4, "lexical-1", "why", (Span(0, 1, "A", "number", "no"),))
    documents = [passage(FOXES, "document.md"), passage("Omnivores.", "facts.txt")]
    log_for_sft(*ASKED[:1], documents, ASKED[1], path=path, system="Be.", verdict=verdict, by="me")
    log_for_sft("And without?", [], "Nothing.", path=path)
    assert rows(path)[0]["verdict"]["outcome"] == "partial"
    assert rows(path)[0]["by"] == "me"
    first, second = read_conversations(path)
    assert [t.role for t in first.conversation.turns] == ["system", "context", "user", "assistant"]
    assert [p.rank for p in first.conversation.turns[1].parts] == [1, 2]
    assert [t.role for t in second.conversation.turns] == ["user", "assistant"]


def test_what_could_not_be_learned_from_is_refused(tmp_path):
    path = tmp_path / "log.jsonl"
    for query, documents, answer in (("", [], "x"), ("x", [], " "), ("x", [{"id": "a"}], "x")):
        with pytest.raises(InputError):
            log_for_sft(query, documents, answer, path=path)
    with pytest.raises(InputError, match="'messages'"):
        log_for_sft("x", [], "y", path=path, messages=[])
    with pytest.raises(InputError, match="JSON"):
        log_for_sft("x", [], "y", path=path, more={1, 2})
    assert not path.exists()


def test_a_line_that_was_left_unfinished_is_closed_first(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_bytes(b'{"a": 1}\n{"torn')
    append_jsonl(path, {"b": 2})
    assert path.read_bytes() == b'{"a": 1}\n{"torn\n{"b":2}\n'


def test_a_folder_in_place_of_the_file_is_told(tmp_path):
    with pytest.raises(StorageError, match=str(tmp_path)):
        append_jsonl(tmp_path, {"a": 1})


def _write(path: str, writer: int, count: int) -> None:
    for number in range(count):
        append_jsonl(Path(path), {"writer": writer, "number": number, "text": "x" * 20_000})


def test_writers_at_the_same_time_do_not_tear_lines(tmp_path):
    path = tmp_path / "log.jsonl"
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write, args=(str(path), n, 40)) for n in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    found = rows(path)
    assert len(found) == 120
    for writer in range(3):
        assert [r["number"] for r in found if r["writer"] == writer] == list(range(40))
