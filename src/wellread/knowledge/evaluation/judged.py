"""Queries whose relevant documents or chunks are known, from the formats that carry them.

    .jsonl          {"query": …, "relevant": [ids]}, or the guide's {"query": …, "relevant_docs"}
    BEIR folder     queries.jsonl {"_id", "text"}, qrels/test.tsv: query-id, corpus-id, score
    TREC            qrels: query, 0, id, grade; queries as topics in XML, TSV or JSONL
    SQuAD           {"data": [{"paragraphs": [{"context", "qas"}]}]}: the paragraph is relevant

Ids name documents or chunks of the knowledge base. SQuAD names none: its paragraphs are p000,
p001, … in their order. A grade above zero is relevant and counts as that gain, 0.5 as well as 2.

Judgements in a file of their own belong to the queries that have their ids. They are matched by
position only where nothing else is possible: see `_matched`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from wellread.errors import InputError
from wellread.knowledge.evaluation.metrics import Grades
from wellread.knowledge.evaluation.topics import topics
from wellread.storage.files import read_jsonl

_ID_KEYS = ("id", "_id", "query_id", "qid")
_TEXT_KEYS = ("query", "question", "text")
_RELEVANT_KEYS = ("relevant", "relevant_docs", "relevant_ids")
_FORMATS = "see the formats in docs/retrieval-evaluation.md"


@dataclass(frozen=True, slots=True)
class JudgedQueries:
    """Queries by id, and for each the grades of ids; `unjudged` had no relevant id."""

    queries: Mapping[str, str]
    grades: Mapping[str, Grades]
    unjudged: int = 0
    source: str = field(default="", compare=False)

    def __len__(self) -> int:
        return len(self.queries)


def read_queries(path: Path, qrels: Path | None = None) -> JudgedQueries:
    """Judged queries from a file or a BEIR folder; InputError names the line that is wrong."""
    if path.is_dir():
        texts, grades = _texts(path / "queries.jsonl"), read_qrels(qrels or _beir_qrels(path))
        _refuse_strangers(texts, grades, str(path))
        return _judged(texts, grades, str(path))
    if not path.is_file():
        raise InputError(f"{path}: no such file of queries", hint=_FORMATS)
    if qrels is not None:
        return _matched(_texts(path), read_qrels(qrels), f"{path} and {qrels}")
    if path.suffix == ".json":
        return _squad(path)
    return _rows(path)


def _beir_qrels(folder: Path) -> Path:
    for name in ("test", "dev", "train"):
        if (folder / "qrels" / f"{name}.tsv").is_file():
            return folder / "qrels" / f"{name}.tsv"
    raise InputError(f"{folder}: no qrels/test.tsv", hint=_FORMATS)


def _judged(texts: Mapping[str, str], grades: Mapping[str, Grades], source: str) -> JudgedQueries:
    positive = {name: own for name, own in grades.items() if any(g > 0 for g in own.values())}
    known = {name: text for name, text in texts.items() if name in positive}
    if not known:
        raise InputError(
            f"{source}: none of its {len(texts):,} queries has a relevant id",
            hint=_FORMATS,
        )
    return JudgedQueries(
        known, {name: positive[name] for name in known}, len(texts) - len(known), source
    )


def _matched(texts: Mapping[str, str], grades: Mapping[str, Grades], source: str) -> JudgedQueries:
    """The queries with the judgements of their ids, or of their positions where that is certain.

    Some collections (Cranfield's usual files) leave gaps in the numbers of the queries, 1, 2, 4,
    8, and judge them as 1, 2, 3, 4. That is certain where every position is judged and nothing
    else is, and the queries' own numbers rise from 1. Where more positions are judged than ids
    otherwise, the judgements are those of something else.
    """
    positions = {str(number): text for number, text in enumerate(texts.values(), 1)}
    more = len(grades.keys() & positions.keys()) > len(grades.keys() & texts.keys())
    if more and grades.keys() == positions.keys() and _rise_from_one(list(texts)):
        return _judged(positions, grades, f"{source}, matched by position")
    if more:
        raise _strangers(texts, grades, source)
    _refuse_strangers(texts, grades, source)
    return _judged(texts, grades, source)


def _rise_from_one(names: Sequence[str]) -> bool:
    if not all(name.isdecimal() for name in names):
        return False
    numbers = [int(name) for name in names]
    return numbers[0] == 1 and all(low < high for low, high in pairwise(numbers))


def _refuse_strangers(texts: Mapping[str, str], grades: Mapping[str, Grades], source: str) -> None:
    """Either may be a part of the other; where they hardly meet they are of two collections."""
    common = len(texts.keys() & grades.keys())
    if grades and 2 * common < min(len(texts), len(grades)):
        raise _strangers(texts, grades, source)


def _strangers(texts: Mapping[str, str], grades: Mapping[str, Grades], source: str) -> InputError:
    common = len(texts.keys() & grades.keys())
    judged = next((name for name in grades if name not in texts), next(iter(grades)))
    return InputError(
        f"{source}: the judgements are of another collection, it seems: they name {len(grades):,} "
        f"queries, such as {judged!r}, and {common:,} of the {len(texts):,} queries given, such as "
        f"{next(iter(texts))!r}",
        hint="give each query the id that its judgements use",
    )


def _rows(path: Path) -> JudgedQueries:
    """Queries that carry their relevant ids."""
    texts: dict[str, str] = {}
    grades: dict[str, dict[str, float]] = {}
    for number, row in read_jsonl(path):
        where = f"{path}:{number}"
        name = _id(row, where, or_else=f"line {number}")
        if name in texts:
            raise InputError(f"{where} query id {name!r} occurs twice")
        texts[name] = _text(row, where)
        grades[name] = _relevant(row, where)
    return _judged(texts, grades, str(path))


def _relevant(row: Mapping[str, Any], where: str) -> dict[str, float]:
    relevant = _first(row, _RELEVANT_KEYS)
    if isinstance(relevant, dict):
        return {key: _grade(value, where) for key, value in relevant.items()}
    if not isinstance(relevant, list):
        raise InputError(
            f"{where} no list of relevant ids under {_RELEVANT_KEYS[0]!r}",
            hint='write {"query": "…", "relevant": ["id", …]}, or name a file with --qrels',
        )
    for one in relevant:
        if not _is_id(one):
            raise InputError(
                f"{where} {one!r} among the relevant ids is no id (text or a whole number)",
                hint='write {"query": "…", "relevant": ["id", …]}, or grades: {"id": 2, …}',
            )
    return dict.fromkeys(map(str, relevant), 1)


def _texts(path: Path) -> dict[str, str]:
    """Queries by id, from JSONL, TSV or XML topics."""
    if not path.is_file():
        raise InputError(f"{path}: no such file of queries", hint=_FORMATS)
    if path.suffix == ".xml":
        rows = topics(path.read_text(encoding="utf-8-sig", errors="replace"), str(path))
    elif path.suffix in (".tsv", ".txt"):
        rows = _tsv(path)
    else:
        rows = _jsonl_texts(path)
    texts: dict[str, str] = {}
    for where, name, text in rows:
        if name in texts:
            raise InputError(f"{where} query id {name!r} occurs twice")
        texts[name] = text
    if not texts:
        raise InputError(f"{path}: no queries in it", hint=_FORMATS)
    return texts


def _jsonl_texts(path: Path) -> Iterator[tuple[str, str, str]]:
    for number, row in read_jsonl(path):
        where = f"{path}:{number}"
        yield where, _id(row, where), _text(row, where)


def _tsv(path: Path) -> Iterator[tuple[str, str, str]]:
    for number, line in _lines(path):
        name, _, text = (part.strip() for part in line.partition("\t"))
        where = f"{path}:{number}"
        if "\t" not in line:
            raise InputError(f"{where} no tab between id and query")
        if not name:
            raise InputError(f"{where} no id before the tab")
        if not text:
            raise InputError(f"{where} query {name!r} is empty")
        yield where, name, text


def read_qrels(path: Path) -> dict[str, dict[str, float]]:
    """Grades by query and id, from TREC (four columns) or BEIR (three, with a header)."""
    if not path.is_file():
        raise InputError(f"{path}: no such file of judgements", hint=_FORMATS)
    grades: dict[str, dict[str, float]] = {}
    header = True
    for number, line in _lines(path):
        parts = line.split("\t") if "\t" in line else line.split()
        first, header = header, False
        if first and parts[0] in ("query-id", "query_id"):
            continue
        if len(parts) not in (3, 4):
            raise InputError(
                f"{path}:{number} {len(parts)} columns; expected query, 0, id, grade (TREC) or "
                "query, id, grade (BEIR)"
            )
        query, document, grade = parts[0], parts[-2], _grade(parts[-1], f"{path}:{number}")
        before = grades.setdefault(query, {}).setdefault(document, grade)
        if before != grade:
            raise InputError(
                f"{path}:{number} {document!r} has two grades for query {query!r}: "
                f"{before:g} and {grade:g}"
            )
    if not grades:
        raise InputError(f"{path}: no judgements in it", hint=_FORMATS)
    return grades


def _squad(path: Path) -> JudgedQueries:
    """Questions on paragraphs; one that is marked impossible has no answer in its paragraph."""
    texts: dict[str, str] = {}
    grades: dict[str, dict[str, float]] = {}
    try:
        for where, paragraph, qa in _squad_questions(path):
            name = _id(qa, where)
            if name in texts:
                raise InputError(f"{where} query id {name!r} occurs twice")
            texts[name] = _text(qa, where)
            grades[name] = {f"p{paragraph:03}": int(not qa.get("is_impossible"))}
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: not a file like SQuAD's ({error!r})", hint=_FORMATS) from error
    return _judged(texts, grades, str(path))


def _squad_questions(path: Path) -> Iterator[tuple[str, int, Any]]:
    """Where each question stands, the number of its paragraph in the file, and the question."""
    value = json.loads(path.read_text(encoding="utf-8-sig"))
    paragraphs = (
        (f"{path}: data[{a}].paragraphs[{p}]", paragraph)
        for a, article in enumerate(value["data"])
        for p, paragraph in enumerate(article["paragraphs"])
    )
    for number, (where, paragraph) in enumerate(paragraphs):
        for q, qa in enumerate(paragraph["qas"]):
            yield f"{where}.qas[{q}]", number, qa


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Lines that are not blank, with their numbers."""
    with path.open(encoding="utf-8-sig", errors="replace", newline=None) as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                yield number, line.rstrip("\n")


def _first(row: Any, keys: tuple[str, ...]) -> Any:
    if not isinstance(row, dict):
        return None
    return next((row[key] for key in keys if row.get(key) not in (None, "")), None)


def _is_id(value: Any) -> bool:
    """Text or a whole number; 0 is as good as any."""
    return (isinstance(value, str) and bool(value.strip())) or type(value) is int


def _id(row: Any, where: str, or_else: str = "") -> str:
    """The id of a query as text."""
    value = _first(row, _ID_KEYS)
    if value is None and or_else:
        return or_else
    if value is None:
        raise InputError(f"{where} no id under {_ID_KEYS[0]!r}", hint=_FORMATS)
    if not _is_id(value):
        raise InputError(f"{where} id {value!r} is no id (text or a whole number)")
    return str(value).strip()


def _text(row: Any, where: str) -> str:
    text = _first(row, _TEXT_KEYS)
    if not isinstance(text, str) or not text.strip():
        raise InputError(f"{where} no text under {_TEXT_KEYS[0]!r}", hint=_FORMATS)
    return text


def _grade(value: Any, where: str) -> float:
    """A gain; whole numbers stay whole."""
    try:
        grade = float(value)
    except (TypeError, ValueError) as error:
        raise InputError(f"{where} grade {value!r} is no number") from error
    if not math.isfinite(grade):
        raise InputError(f"{where} grade {value!r} is no number that can be a gain")
    return int(grade) if grade.is_integer() else grade
