"""The report of an experiment as text, and how its figures are written everywhere."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from wellread.knowledge.evaluation.bootstrap import Interval
from wellread.pipelines.experiment.arms import LABELS
from wellread.pipelines.experiment.health import Health, Truth
from wellread.pipelines.experiment.measures import ArmFigures, Comparison, Event, Retrieval
from wellread.pipelines.experiment.report import Report

TRUTH_LABELS: Mapping[Truth, str] = {
    "gold": "gold answers (flags are false)",
    "other_paragraph": "answers of another document",
    "same_paragraph": "other answers of the same text",
}
_ABSURD = 10.0
_EVENTS: Mapping[Event, str] = {
    "flagged": "Flagged, A against B on identical rows",
    "wrong": "Not exactly the gold answer (declining counts), A against B on identical rows",
}
_NAIVE = (
    "The last two columns are biased and stand here only because such figures are published.\n"
    "B | A: B's share of the rows on which A failed. They were chosen for having failed, so any\n"
    "second try lowers it; closed book against closed book again shows by how much.\n"
    "mixed: the change from A's share of all rows to B | A, which is of other rows."
)


def text_of(report: Report) -> str:
    """The whole report for a terminal."""
    setting = report.setting
    of = f" of {setting.of_questions:,}" if setting.questions < setting.of_questions else ""
    spent = report.spent
    parts = [
        f"{setting.questions:,}{of} questions from {setting.source}, about "
        f"{setting.documents:,} documents\n"
        f"answered by {setting.answerer}; checked by {report.checked_by}\n"
        f"{setting.retriever}, top {setting.top_k} of {setting.passages:,} passages; "
        f"seed {setting.seed}",
        _shares(report.arms),
        _answers(report.arms),
        _declining(report.arms),
        _retrieval(report.retrieval),
        *(_compared(report.comparisons, event) for event in _EVENTS),
        _NAIVE if report.comparisons else "",
        _health(report.health),
        f"In all {spent.calls:,} calls, {spent.input_tokens:,} tokens in and "
        f"{spent.output_tokens:,} out; {spent.new_calls:,} calls were new in this run."
        if spent.calls
        else "",
        "\n".join(f"Note: {note}" for note in report.notes),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def percent(value: float | None, signed: bool = False) -> str:
    """A share as a percentage, "-" where there is none.

    >>> percent(0.256), percent(-0.5131, True), percent(199.0, True), percent(None)
    ('25.6', '-51.3', '>+999', '-')
    """
    if value is None or math.isnan(value):
        return "-"
    if value >= _ABSURD:
        return ">+999"
    return f"{value * 100:+.1f}" if signed else f"{value * 100:.1f}"


def with_bounds(value: Interval) -> str:
    """A share with its interval, in percent.

    >>> with_bounds(Interval(0.25, 0.2, 0.3))
    '25.0 [20.0, 30.0]'
    """
    if math.isnan(value.mean):
        return "-"
    return f"{percent(value.mean)} [{percent(value.low)}, {percent(value.high)}]"


def p_value(p: float) -> str:
    """A p as far as anyone needs it."""
    return "<.0001" if p < 0.0001 else f"{p:.4f}"


def columns(title: str, rows: Sequence[Sequence[str]]) -> str:
    """Rows under a title; the first row heads the columns, the first column is left-aligned."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    return "\n".join((title, *lines))


def _shares(arms: Sequence[ArmFigures]) -> str:
    rows = [("% of rows", "flagged", "exact match", "F1", "declined")]
    for a in arms:
        flagged, exact, f1, declined = map(with_bounds, (a.flagged, a.exact, a.f1, a.abstained))
        rows.append((LABELS[a.arm], flagged, exact, f1, declined))
    return columns("The arms, all held against the same text, with 95% intervals", rows)


def _answers(arms: Sequence[ArmFigures]) -> str:
    rows = [
        ("", "answers", "flagged %", "wrong characters %", "copied %", "words", "calls", "in/out")
    ]
    for a in arms:
        flagged = percent(a.flagged_of_answered.mean)
        wrong, copied = percent(a.wrong_characters.mean), percent(a.copied.mean)
        tokens = f"{a.input_tokens:,}/{a.output_tokens:,}"
        words, calls = f"{a.words:.1f}", f"{a.calls:,}"
        rows.append(
            (LABELS[a.arm], f"{a.answered:,}", flagged, wrong, copied, words, calls, tokens)
        )
    return columns("Of the answers given; calls, tokens in and out", rows)


def _declining(arms: Sequence[ArmFigures]) -> str:
    rows = [
        (
            "",
            "rightly",
            "wrongly",
            "blind",
            "withdrawn",
            "repaired",
            "seen",
            "right",
            "wrong",
        )
    ]
    for a in arms:
        rightly, wrongly = f"{a.abstained_right:,}", f"{a.abstained_wrong:,}"
        blind, withdrawn = f"{a.blind:,}", f"{a.actions.get('withdrawn', 0):,}"
        repaired = f"{a.actions.get('repaired', 0):,}"
        seen = percent(a.flagged_seen.mean)
        right, wrong = percent(a.right_flagged.mean), percent(a.wrong_flagged.mean)
        rows.append(
            (LABELS[a.arm], rightly, wrongly, blind, withdrawn, repaired, seen, right, wrong)
        )
    title = (
        "Declined rightly and wrongly (nothing shown holds a gold answer, or something does), "
        "answered\nblind (nothing shown does); flagged % against what the arm saw, of exactly "
        "right answers, and\nof answers that share no word with the gold"
    )
    return columns(title, rows)


def _retrieval(found: Retrieval) -> str:
    return (
        f"Retrieval: right passage first {with_bounds(found.hit_1)}%, among {found.top_k} "
        f"{with_bounds(found.hit_k)}%;\na gold answer stands among them in "
        f"{with_bounds(found.held)}%"
    )


def _compared(made: Sequence[Comparison], event: Event) -> str:
    rows = [("A -> B", "neither", "only A", "only B", "both", "A %", "B %", "B - A, points",
             "change %", "p", "B | A %", "mixed %")]  # fmt: skip
    for c in (one for one in made if one.event == event):
        low, high = percent(c.difference.low, True), percent(c.difference.high, True)
        neither, one, other, both = (
            f"{count:,}" for count in (c.neither, c.only_first, c.only_second, c.both)
        )
        rows.append(
            (
                f"{LABELS[c.first]} -> {LABELS[c.second]}",
                *(neither, one, other, both),
                percent(c.first_share),
                percent(c.second_share),
                f"{percent(c.difference.mean, True)} [{low}, {high}]",
                percent(c.relative, True),
                p_value(c.p),
                percent(c.naive_second),
                percent(c.naive_relative, True),
            )
        )
    return columns(_EVENTS[event], rows) if len(rows) > 1 else ""


def _health(known: Sequence[Health]) -> str:
    if not known:
        return ""
    rows = [("", "answers", "flagged %", "AUROC against gold")]
    for one in known:
        area = "-" if one.auroc is None else f"{one.auroc:.3f}"
        rows.append((TRUTH_LABELS[one.truth], f"{one.rows:,}", with_bounds(one.flagged), area))
    return columns("The detector on answers whose truth is known, on the same rows", rows)
