"""Queries whose relevant documents or chunks are known, from the formats that carry them.

    .jsonl          {"query": …, "relevant": [ids]}, or the guide's {"query": …, "relevant_docs"}
    BEIR folder     queries.jsonl {"_id", "text"}, qrels/test.tsv: query-id, corpus-id, score
    TREC            qrels: query, 0, id, grade; queries as topics in XML, TSV or JSONL
    SQuAD           {"data": [{"paragraphs": [{"context", "qas"}]}]}: the paragraph is relevant

Ids name documents or chunks of the knowledge base. SQuAD names none: its paragraphs are p000,
p001, … in their order.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wellread.errors import InputError
from wellread.storage.files import read_jsonl

_ID_KEYS = ("id", "_id", "query_id", "qid")
_TEXT_KEYS = ("query", "question", "text")
_RELEVANT_KEYS = ("relevant", "relevant_docs", "relevant_ids")
_TOPIC = re.compile(r"<(top|topic|query|doc)\b.*?</\1>", re.DOTALL | re.IGNORECASE)
_FORMATS = "see the formats in docs/retrieval-evaluation.md"


@dataclass(frozen=True, slots=True)
class JudgedQueries:
    """Queries by id, and for each the grades of ids; `unjudged` had no relevant id."""

    queries: Mapping[str, str]
    grades: Mapping[str, Mapping[str, int]]
    unjudged: int = 0
    source: str = field(default="", compare=False)

    def __len__(self) -> int:
        return len(self.queries)


def read_queries(path: Path, qrels: Path | None = None) -> JudgedQueries:
    """Judged queries from a file or a BEIR folder; InputError names the line that is wrong."""
    if path.is_dir():
        return _judged(
            _texts(path / "queries.jsonl"), read_qrels(qrels or _beir_qrels(path)), str(path)
        )
    if not path.is_file():
        raise InputError(f"{path}: no such file of queries", hint=_FORMATS)
    if qrels is not None:
        texts = _texts(path)
        grades = read_qrels(qrels)
        return _judged(_named_as_judged(texts, grades), grades, str(path))
    if path.suffix == ".json":
        return _squad(path)
    return _rows(path)


def _beir_qrels(folder: Path) -> Path:
    for name in ("test", "dev", "train"):
        if (folder / "qrels" / f"{name}.tsv").is_file():
            return folder / "qrels" / f"{name}.tsv"
    raise InputError(f"{folder}: no qrels/test.tsv", hint=_FORMATS)


def _judged(
    texts: Mapping[str, str], grades: Mapping[str, Mapping[str, int]], source: str
) -> JudgedQueries:
    positive = {name: own for name, own in grades.items() if any(g > 0 for g in own.values())}
    known = {name: text for name, text in texts.items() if name in positive}
    if not known:
        raise InputError(
            f"{source}: none of its {len(texts):,} queries has a relevant id "
            f"(judged are {len(positive):,} others)",
            hint=_FORMATS,
        )
    return JudgedQueries(
        known, {name: positive[name] for name in known}, len(texts) - len(known), source
    )


def _rows(path: Path) -> JudgedQueries:
    """Queries that carry their relevant ids."""
    texts: dict[str, str] = {}
    grades: dict[str, dict[str, int]] = {}
    for number, row in read_jsonl(path):
        where = f"{path}:{number}"
        relevant = _first(row, _RELEVANT_KEYS)
        if not isinstance(relevant, list | dict):
            raise InputError(
                f"{where} no list of relevant ids under {_RELEVANT_KEYS[0]!r}",
                hint='write {"query": "…", "relevant": ["id", …]}, or name a file with --qrels',
            )
        name = str(_first(row, _ID_KEYS) or f"line {number}")
        if name in texts:
            raise InputError(f"{where} query id {name!r} occurs twice")
        texts[name] = _text(row, where)
        graded = relevant if isinstance(relevant, dict) else dict.fromkeys(relevant, 1)
        grades[name] = {str(key): _grade(value, where) for key, value in graded.items()}
    return _judged(texts, grades, str(path))


def _texts(path: Path) -> dict[str, str]:
    """Queries by id, from JSONL, TSV or XML topics."""
    if not path.is_file():
        raise InputError(f"{path}: no such file of queries", hint=_FORMATS)
    if path.suffix == ".xml":
        return dict(_topics(path))
    texts: dict[str, str] = {}
    rows = _tsv(path) if path.suffix in (".tsv", ".txt") else _jsonl_texts(path)
    for where, name, text in rows:
        if name in texts:
            raise InputError(f"{where} query id {name!r} occurs twice")
        texts[name] = text
    return texts


def _jsonl_texts(path: Path) -> Iterator[tuple[str, str, str]]:
    for number, row in read_jsonl(path):
        where = f"{path}:{number}"
        yield where, str(_first(row, _ID_KEYS) or number), _text(row, where)


def _tsv(path: Path) -> Iterator[tuple[str, str, str]]:
    for number, line in enumerate(_lines(path), 1):
        name, tab, text = line.partition("\t")
        if not tab:
            raise InputError(f"{path}:{number} no tab between id and query")
        yield f"{path}:{number}", name.strip(), text.strip()


def _topics(path: Path) -> Iterator[tuple[str, str]]:
    """TREC topics, by their number."""
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    for position, match in enumerate(_TOPIC.finditer(text), 1):
        number = _element(match[0], "num") or _element(match[0], "number") or str(position)
        yield number.removeprefix("Number:").strip(), _element(match[0], "title")


def _element(topic: str, name: str) -> str:
    found = re.search(rf"<{name}>(.*?)(?=<)", topic, re.DOTALL | re.IGNORECASE)
    return " ".join(found[1].split()) if found else ""


def _named_as_judged(texts: Mapping[str, str], grades: Mapping[str, Any]) -> Mapping[str, str]:
    """Some collections judge queries by position, whatever their topics are numbered."""
    positions = {str(number): text for number, text in enumerate(texts.values(), 1)}
    known = sum(name in texts for name in grades)
    if sum(name in positions for name in grades) > known:
        return positions
    return texts


def read_qrels(path: Path) -> dict[str, dict[str, int]]:
    """Grades by query and id, from TREC (four columns) or BEIR (three, with a header)."""
    if not path.is_file():
        raise InputError(f"{path}: no such file of judgements", hint=_FORMATS)
    grades: dict[str, dict[str, int]] = {}
    for number, line in enumerate(_lines(path), 1):
        parts = line.split("\t") if "\t" in line else line.split()
        if not parts or (number == 1 and parts[0] in ("query-id", "query_id")):
            continue
        if len(parts) not in (3, 4):
            raise InputError(
                f"{path}:{number} {len(parts)} columns; expected query, 0, id, grade (TREC) or "
                "query, id, grade (BEIR)"
            )
        query, document, grade = parts[0], parts[-2], parts[-1]
        grades.setdefault(query, {})[document] = _grade(grade, f"{path}:{number}")
    return grades


def _squad(path: Path) -> JudgedQueries:
    try:
        value = json.loads(path.read_text(encoding="utf-8-sig"))
        paragraphs = [p for article in value["data"] for p in article["paragraphs"]]
        asked = [
            (str(qa["id"]), str(qa["question"]), f"p{number:03}")
            for number, paragraph in enumerate(paragraphs)
            for qa in paragraph["qas"]
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: not a file like SQuAD's ({error!r})", hint=_FORMATS) from error
    return _judged(
        {name: text for name, text, _ in asked},
        {name: {paragraph: 1} for name, _, paragraph in asked},
        str(path),
    )


def _lines(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8-sig", errors="replace", newline=None) as file:
        for line in file:
            if line.strip():
                yield line.rstrip("\n")


def _first(row: Any, keys: tuple[str, ...]) -> Any:
    if not isinstance(row, dict):
        return None
    return next((row[key] for key in keys if row.get(key) not in (None, "")), None)


def _text(row: Any, where: str) -> str:
    text = _first(row, _TEXT_KEYS)
    if not isinstance(text, str) or not text.strip():
        raise InputError(f"{where} no text under {_TEXT_KEYS[0]!r}", hint=_FORMATS)
    return text


def _grade(value: Any, where: str) -> int:
    try:
        return int(value)
    except (TypeError, ValueError) as error:
        raise InputError(f"{where} grade {value!r} is no whole number") from error
