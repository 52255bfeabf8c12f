"""A commented `wellread.yaml` to start from, written from the settings models themselves.

Every option of every stage stands there with its description and its default, so the file cannot
fall behind the code. Options that most people leave alone are commented out.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from wellread.llm.endpoint import Endpoint
from wellread.pipelines.project import Project

HEADER = """\
# wellread: documents in, a grounded expert model out.
# Check this file and see what it would cost:  wellread plan {name}
# Make the data:                               wellread rag-data {name}
"""
MODELS = """\
# Endpoints that speak the OpenAI protocol, by name: `small` filters chunks, `large` writes.
# Without them the extractive teacher writes by rule, offline: good for trying out only.
# Keys stay in the environment; write the variable's name, never the key.
# models:
#   small:
#     base_url: https://api.example.com/v1
#     model: a-small-instruct-model
#     api_key: ${EXAMPLE_API_KEY}
#     cost_per_million_input: 0.07
#     cost_per_million_output: 0.14
#   large:
#     base_url: http://127.0.0.1:8000/v1     # a server of your own needs no key
#     model: a-large-instruct-model
#     concurrency: 64
# Every option of an endpoint:
"""
# Shown as live options; all others are comments.
_LIVE = {
    "path.input_dir",
    "path.output_dir",
    "system.seed",
    "ingest.chunk_size",
    "rag_data.rag_failure_percentage",
    "rag_data.rag_partial_percentage",
    "rag_data.rag_abstain_percentage",
    "rag_data.rag_max_chunks",
    "rag_data.num_items_per_group",
}


def starter_config(input_dir: Path, output_dir: Path, *, name: str) -> str:
    """The text of a configuration file for the documents in `input_dir`."""
    given = {"path.input_dir": str(input_dir), "path.output_dir": str(output_dir)}
    parts = [HEADER.format(name=name)]
    for section, field in Project.model_fields.items():
        if section == "models":
            parts.append(MODELS + "".join(f"#   {line}\n" for line in _options(Endpoint, "", {})))
            continue
        model: Any = field.annotation
        lines = "".join(f"  {line}\n" if line else "\n" for line in _options(model, section, given))
        live = any(name.startswith(f"{section}.") for name in _LIVE)
        parts.append(f"{'' if live else '# '}{section}:\n{lines}")
    return "\n".join(parts).rstrip("\n") + "\n"


def _options(
    model: type[BaseModel], section: str, given: dict[str, str], mark: str = "# "
) -> Iterator[str]:
    """The lines of one section: each option under its description.

    `mark` makes an option a comment; a block within is a comment as a whole.
    """
    for name, field in model.model_fields.items():
        full = f"{section}.{name}"
        for line in textwrap.wrap(field.description or "", 88):
            yield f"# {line}"
        default = given.get(full, field.get_default(call_default_factory=True))
        if isinstance(default, BaseModel):
            yield f"# {name}:"
            yield from (f"#   {line}" for line in _options(type(default), full, {}, mark=""))
            continue
        value = "" if field.is_required() and full not in given else _yaml(default)
        comment = "" if full in _LIVE else mark
        yield f"{comment}{name}: {value}".rstrip()


def _yaml(value: Any) -> str:
    """A value as one line of YAML, which JSON is."""
    if isinstance(value, Path):
        value = str(value)
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json")
    if isinstance(value, tuple) and value and all(isinstance(item, str) for item in value):
        return "[" + ", ".join(json.dumps(str(item), ensure_ascii=False) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False, default=str)
