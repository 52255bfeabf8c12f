"""The files that `wellread rag-data` leaves in its output folder.

    axolotl_rag_conversations.jsonl   {"segments": [{"label", "text"}, …]}, one conversation a line
    rag_examples.jsonl                the same lines explained: line n belongs to line n above
    held_out_rag_conversations.jsonl, held_out_rag_examples.jsonl    of documents kept for measuring
    rag_prepared_data.jsonl           the contexts: which passages were chosen for which chunk
    rejected.jsonl                    everything dropped, with its reason
    debug_outputs/*.yaml              every task's input and output, to read
    small_model_tokens.json, large_model_tokens.json
    meta_datagen/meta_dataset.jsonl   the teacher's own calls, where asked for
    config.json                       the configuration with its defaults
    manifest.json                     hashes and counts; written last

All appear at once when the run ends, each atomically; a run that stops leaves the old ones.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from wellread.llm.chat import Message
from wellread.pipelines.project import Project
from wellread.records import Example, Segment
from wellread.storage.files import (
    MANIFEST,
    JsonlWriter,
    read_jsonl,
    remove_leftovers,
    storage_errors,
    write_json,
    write_manifest,
)
from wellread.storage.ownership import sole_owner
from wellread.storage.yaml_log import YamlLog
from wellread.synthesis.tasks import Exchange

CONVERSATIONS = "axolotl_rag_conversations.jsonl"
EXAMPLES = "rag_examples.jsonl"
REJECTED = "rejected.jsonl"
PREPARED = "rag_prepared_data.jsonl"
META = "meta_datagen/meta_dataset.jsonl"
HELD_OUT_CONVERSATIONS = "held_out_rag_conversations.jsonl"
HELD_OUT_EXAMPLES = "held_out_rag_examples.jsonl"
# The seed's names of the steps.
_DEBUG = {
    "filter": "rag_convs",
    "success": "rag_success_convs",
    "failure": "rag_failed_convs",
    "partial": "rag_partial_convs",
    "abstain": "rag_abstain_convs",
}


class Side:
    """Training or held out: the conversations and their explanations, line by line."""

    def __init__(self, conversations: JsonlWriter, examples: JsonlWriter) -> None:
        self._conversations = conversations
        self._examples = examples

    def write(self, segments: Iterable[Segment], example: Example) -> None:
        """Write one conversation and what explains it."""
        line = {"segments": [{"label": s.label, "text": s.text} for s in segments]}
        self._conversations.write(line)
        self._examples.write(example)


class Outputs:
    """All writers of one run; a context manager that leaves nothing half-written."""

    def __init__(self, project: Project) -> None:
        self._meta_settings = project.meta_datagen
        self._config = portable(project)
        self._folder = project.path.output_dir
        self._stack = contextlib.ExitStack()
        self._ownership = contextlib.ExitStack()
        self._paths: list[Path] = []

    def __enter__(self) -> Self:
        with storage_errors(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as undo:
            undo.push(self._ownership)
            undo.push(self._stack)
            self._ownership.enter_context(sole_owner(self._folder / ".wellread"))
            self._ownership.callback(self._remove_empty_folders)
            remove_leftovers(self._folder)
            self.rejected = self._jsonl(REJECTED)
            self.training = Side(self._jsonl(CONVERSATIONS), self._jsonl(EXAMPLES))
            self.held_out = Side(
                self._jsonl(HELD_OUT_CONVERSATIONS), self._jsonl(HELD_OUT_EXAMPLES)
            )
            self.prepared = self._jsonl(PREPARED)
            self._debug = {step: self._yaml(name) for step, name in _DEBUG.items()}
            self._meta = self._jsonl(META) if self._meta_settings.do_meta_datagen else None
            undo.pop_all()
        return self

    def _jsonl(self, name: str) -> JsonlWriter:
        return self._stack.enter_context(JsonlWriter(self._noted(name)))

    def _yaml(self, name: str) -> YamlLog:
        return self._stack.enter_context(YamlLog(self._noted(f"debug_outputs/{name}.yaml")))

    def _noted(self, name: str) -> Path:
        self._paths.append(self._folder / name)
        return self._paths[-1]

    def _remove_empty_folders(self) -> None:
        """A run that stops leaves no folders in which nothing appeared."""
        for folder in {path.parent for path in self._paths} - {self._folder}:
            with contextlib.suppress(OSError):  # not empty, as a rule
                folder.rmdir()

    def debug(self, step: str, record: Mapping[str, Any], exchanges: Iterable[Exchange]) -> None:
        """Log one task: what it was about, each call in full, and what came of it."""
        log = self._debug[step]
        if not exchanges:
            log.write(record)
        for exchange in exchanges:
            log.write({**record, **_in_full(exchange)})
            self._add_meta(exchange)

    def _add_meta(self, exchange: Exchange) -> None:
        if self._meta and exchange.task in self._meta_settings.meta_datagen_keys:
            asked = [_sharegpt(message) for message in exchange.request.messages]
            said = {"from": "gpt", "value": exchange.reply.text}
            self._meta.write({"detail_key": exchange.task, "conversations": [*asked, said]})

    def finish(
        self, counts: Mapping[str, Any], inputs: Mapping[str, str], tokens: Mapping[str, Any]
    ) -> None:
        """Let all files appear, and write the manifest last."""
        if self._meta:
            for extra in self._meta_settings.meta_datagen_extras:
                for _, row in read_jsonl(extra):
                    self._meta.write(row)
        else:
            (self._folder / META).unlink(missing_ok=True)
        (self._folder / MANIFEST).unlink(missing_ok=True)
        self._stack.close()
        reports = {f"{name}_model_tokens.json": report for name, report in tokens.items()}
        for name, report in reports.items():
            write_json(self._folder / name, report)
        write_json(self._folder / "config.json", self._config)
        made = [*self._paths, *(self._folder / name for name in (*reports, "config.json"))]
        write_manifest(
            self._folder, config=self._config, inputs=inputs, counts=counts, outputs=made
        )

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._ownership:
            self._stack.__exit__(kind, error, trace)


def portable(project: Project) -> dict[str, Any]:
    """The configuration as JSON, without what depends on the machine it ran on."""
    config = project.model_dump(mode="json")
    config.pop("path")
    config["system"].pop("concurrency_limit")
    return config


def _in_full(exchange: Exchange) -> dict[str, Any]:
    asked = "\n\n".join(f"[{m.role}]\n{m.content}" for m in exchange.request.messages)
    return {
        "task": exchange.task,
        "full_input": asked,
        "full_response": exchange.reply.text,
        "completion_mode": exchange.request.completion,
    }


def _sharegpt(message: Message) -> dict[str, str]:
    return {
        "from": {"user": "human", "assistant": "gpt"}.get(message.role, message.role),
        "value": message.content,
    }
