"""Rows of other people's files to cases: an answer, its question, what it rests on, gold labels.

    RAGTruth      {"question", "passages", "response", "labels": [{"start", "end", …}, …]}
    RAGAS-like    {"question", "contexts": [text, …], "answer"}
                  {"user_input", "retrieved_contexts", "response"}
    SQuAD-like    {"context", "question", "answers": {"text": [text, …], "answer_start": […]}}
    SQuAD nested  {"data": [{"paragraphs": [{"context", "qas": [{"question", "answers"}, …]}]}]}

1. find each of the three texts under one of its names; a row without an answer, or without a place
   for passages, is an error that shows the names it has
2. make passages of a text, of a list of texts, or of a list of objects that hold one
3. read gold labels: marked spans, or whether the answer is supported as a whole

An empty answer or an empty list of passages is no error here: a detector says `unscored`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wellread.checks.detector import Case
from wellread.errors import RowError
from wellread.records import Chunk, Passage, Span

# The first name that a row has counts.
PASSAGES = ("passages", "contexts", "retrieved_contexts", "context", "documents", "knowledge")
ANSWERS = ("answer", "response", "output", "prediction")
QUESTIONS = ("question", "user_input", "query")
_TEXTS = ("text", "content", "page_content", "passage")
_SUPPORTED = {"yes": False, "no": True, "true": False, "false": True}
_RAGTRUTH_PASSAGE = re.compile(r"(?m)^passage (\d{1,3}):[ \t]*")


@dataclass(frozen=True, slots=True)
class Gold:
    """What people said of an answer: `spans` are not supported, None where nobody marked any."""

    supported: bool
    spans: tuple[Span, ...] | None = None


@dataclass(frozen=True, slots=True)
class CheckRow:
    """One answer of a file: the `line` it stands on, and the `group` it is counted under.

    `by_design` marks an answer that was made not to rest on its passages.
    """

    id: str
    line: int
    case: Case
    group: str = ""
    gold: Gold | None = None
    by_design: bool = False


def read_flat(value: Mapping[str, Any], where: str, line: int) -> CheckRow:
    """The case of a row that holds one answer; RowError starts with `where`."""
    answer, of_gold = _answer(value, where)
    name = _first(value, PASSAGES)
    if name is None:
        raise RowError(
            "no_passages",
            f"{where} nothing the answer could rest on: the row holds {_names(value)}",
            hint=f"passages stand under {_or(PASSAGES)}, as text or as a list",
        )
    passages = passages_of(value[name], f"{where} {name}")
    gold = gold_of(value, answer, where) or (Gold(True) if of_gold else None)
    return CheckRow(row_id(value, line), line, Case(_question(value, where), passages, answer),
                    gold=gold)  # fmt: skip


def read_nested(value: Mapping[str, Any], where: str) -> Iterator[CheckRow]:
    """The cases of a whole SQuAD file: one a question, with its first gold answer."""
    articles = value.get("data")
    number = 0
    for a, article in enumerate(_objects(articles, f"{where} data")):
        place = f"{where} data[{a}].paragraphs"
        for p, paragraph in enumerate(_objects(article.get("paragraphs"), place)):
            here = f"{place}[{p}]"
            context, title = paragraph.get("context"), article.get("title")
            for q, asked in enumerate(_objects(paragraph.get("qas"), f"{here}.qas")):
                number += 1
                row = {"context": context, **asked}
                case = read_flat(row, f"{here}.qas[{q}]", number)
                yield case if "id" in asked else _named(case, str(title or "paragraph"), number)


def is_nested(value: Any) -> bool:
    """Whether a JSON value is a whole SQuAD file."""
    return isinstance(value, Mapping) and isinstance(value.get("data"), list)


def row_id(value: Mapping[str, Any], line: int) -> str:
    """The row's own id, else its line."""
    for name in ("id", "_id", "qid"):
        identifier = value.get(name)
        if isinstance(identifier, str | int) and not isinstance(identifier, bool):
            return str(identifier)
    return f"line {line}"


def passages_of(value: Any, where: str) -> tuple[Passage, ...]:
    """Passages of a text, a list of texts, or a list of objects; RowError starts with `where`.

    A text of the form "passage 1:… passage 2:…" holds several. Empty ones are left out.
    """
    if value is None:
        return ()
    if isinstance(value, str):
        texts = list(_split(value))
        return tuple(passage(text, at) for at, text in enumerate(texts, start=1) if text.strip())
    if not isinstance(value, list | tuple):
        raise RowError("not_text", f"{where} is {_seen(value)}; it is text or a list of texts")
    made = (_passage(one, f"{where}[{at}]", at + 1) for at, one in enumerate(value))
    return tuple(one for one in made if one.content.strip())


def passage(text: str, number: int, *, name: str = "", source: str = "") -> Passage:
    """A passage that has no more than its text and its place among the others, from 1."""
    identifier = name or f"passage {number}"
    chunk = Chunk(identifier, source or identifier, text, 0, len(text), source=source)
    return Passage(chunk, 0.0, number)


def gold_of(value: Mapping[str, Any], answer: str, where: str) -> Gold | None:
    """The labels of a row: `labels` or `spans` with places, `supported`, or `hallucination`."""
    for name in ("labels", "spans"):
        marks = value.get(name)
        if isinstance(marks, list) and all(isinstance(mark, dict) for mark in marks):
            spans = tuple(
                _span(mark, answer, f"{where} {name}[{at}]") for at, mark in enumerate(marks)
            )
            said = value.get("supported")
            return Gold(said if isinstance(said, bool) else not spans, spans)
    if isinstance(value.get("supported"), bool):
        return Gold(value["supported"])
    said = value.get("hallucination")
    if isinstance(said, bool):
        return Gold(not said)
    if isinstance(said, str) and said.casefold() in _SUPPORTED:
        return Gold(_SUPPORTED[said.casefold()])
    return None


def _span(mark: Mapping[str, Any], answer: str, where: str) -> Span:
    start, end = mark.get("start"), mark.get("end")
    if not isinstance(start, int) or not isinstance(end, int) or not 0 <= start <= end:
        raise RowError(
            "bad_label",
            f"{where} runs from {start!r:.20} to {end!r:.20}; both are places in the answer",
        )
    kind = mark.get("label_type") or mark.get("category") or mark.get("label") or ""
    return Span(start, min(end, len(answer)), answer[start:end], str(kind), "")


def _answer(value: Mapping[str, Any], where: str) -> tuple[str, bool]:
    """The answer, and whether it is a gold one."""
    name = _first(value, ANSWERS)
    if name is not None:
        return _text(value[name], f"{where} {name}"), False
    if "answers" not in value:
        raise RowError(
            "no_answer",
            f"{where} no answer to check: the row holds {_names(value)}",
            hint=f"an answer stands under {_or((*ANSWERS, 'answers'))}, or in messages",
        )
    answers = value["answers"]
    if isinstance(answers, Mapping):
        answers = answers.get("text")
    if isinstance(answers, str):
        return answers, True
    if not isinstance(answers, list):
        raise RowError("not_text", f"{where} answers is {_seen(answers)}; it is a list")
    first = answers[0] if answers else ""
    if isinstance(first, Mapping):
        first = first.get("text")
    return _text(first, f"{where} answers[0]"), bool(answers)


def _question(value: Mapping[str, Any], where: str) -> str:
    """A row may do without: a summary answers no question."""
    name = _first(value, QUESTIONS)
    if name is None or value[name] is None:
        return ""
    return _text(value[name], f"{where} {name}")


def _text(value: Any, where: str) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise RowError("not_text", f"{where} is {_seen(value)}; it is text")
    return value


def _passage(value: Any, where: str, number: int) -> Passage:
    if isinstance(value, str):
        return passage(value, number)
    if not isinstance(value, Mapping):
        raise RowError("not_text", f"{where} is {_seen(value)}; it is text, or an object with text")
    chunk = value.get("chunk")
    inner = chunk if isinstance(chunk, Mapping) else value
    name = _first(inner, _TEXTS)
    if name is None or not isinstance(inner[name], str):
        hint = f"the text of a passage stands under {_or(_TEXTS)}"
        raise RowError("not_text", f"{where} has no text: it holds {_names(inner)}", hint=hint)
    known = {key: str(inner.get(key) or "") for key in ("id", "source")}
    return passage(inner[name], number, name=known["id"], source=known["source"])


def _split(text: str) -> Iterator[str]:
    """The passages of RAGTruth's one text; any other text is one passage."""
    marks = list(_RAGTRUTH_PASSAGE.finditer(text))
    if not marks or text[: marks[0].start()].strip() or marks[0][1] != "1":
        yield text
        return
    ends = [*(mark.start() for mark in marks[1:]), len(text)]
    for mark, end in zip(marks, ends, strict=True):
        yield text[mark.end() : end].rstrip()


def _objects(value: Any, where: str) -> Sequence[Mapping[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise RowError("not_squad", f"{where} is {_seen(value)}; it is a list of objects")
    return value


def _named(row: CheckRow, title: str, number: int) -> CheckRow:
    return CheckRow(f"{title}/{number}", row.line, row.case, row.group, row.gold)


def _first(value: Mapping[str, Any], names: Sequence[str]) -> str | None:
    """The first name that holds something, else the first that is there."""
    there = [name for name in names if name in value]
    return next((name for name in there if value[name] is not None), there[0] if there else None)


def _seen(value: Any) -> str:
    return "null" if value is None else f"{type(value).__name__}: {value!r:.40}"


def _names(value: Mapping[str, Any]) -> str:
    return ", ".join(repr(str(key))[:40] for key in list(value)[:8]) or "nothing"


def _or(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}"
