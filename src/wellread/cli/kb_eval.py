"""``wellread kb eval``: how well a knowledge base finds what is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wellread.cli.kb_parts import Base
from wellread.cli.output import Json, Quiet, console, print_json, progress, say, table

if TYPE_CHECKING:
    from wellread.engine.progress import Progress
    from wellread.knowledge.base import KnowledgeBase
    from wellread.knowledge.evaluation.judged import JudgedQueries
    from wellread.pipelines.kb_eval import Report


def evaluate(
    base: Base,
    queries: Annotated[
        Path | None,
        typer.Option(help="Queries with relevant ids (.jsonl, SQuAD .json, BEIR folder, topics)."),
    ] = None,
    qrels: Annotated[
        Path | None, typer.Option(help="Judgements of --queries, as TREC or BEIR write them.")
    ] = None,
    questions: Annotated[
        int, typer.Option(min=1, help="Without --queries: so many questions from the chunks.")
    ] = 100,
    retrievers: Annotated[
        str, typer.Option(help="Comma-separated; all that the base has indexes for.")
    ] = "",
    alpha: Annotated[
        str, typer.Option(help="Comma-separated weights of meaning to compare for hybrid.")
    ] = "",
    top_k: Annotated[
        int, typer.Option("--top-k", "-k", min=1, help="Deepest rank looked at.")
    ] = 10,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder for page, plot and figures.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the questions and intervals.")] = 0,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Measure recall, MRR and nDCG of each retriever, with intervals and latency.

    Example: wellread kb eval my_kb --queries queries_train.jsonl --output eval
    """
    from wellread.errors import InputError
    from wellread.knowledge.base import KnowledgeBase
    from wellread.knowledge.snapshots import locate
    from wellread.pipelines import kb_eval
    from wellread.pipelines.kb_eval_report import write_report

    if qrels is not None and queries is None:
        raise InputError("--qrels judges --queries, which is missing")
    folder = locate(base)
    with progress(quiet) as shown:
        with KnowledgeBase.open(folder) as opened:
            systems = kb_eval.systems_of(opened, _names(retrievers), _numbers(alpha))
            judged, notice = _judged(opened, queries, qrels, questions, seed, shown)
        made = kb_eval.evaluate(
            folder, judged, systems, top_k=top_k, seed=seed, notice=notice, progress=shown
        )
    if output is not None:
        paths = write_report(made, output)
        say(f"Written: {', '.join(str(path) for path in paths)}")
    if as_json:
        print_json(made.report.to_dict())
    else:
        _show(made.report)


def _judged(
    opened: KnowledgeBase,
    queries: Path | None,
    qrels: Path | None,
    count: int,
    seed: int,
    shown: Progress,
) -> tuple[JudgedQueries, str]:
    """The queries, and what has to be said of them."""
    if queries is not None:
        from wellread.knowledge.evaluation.judged import read_queries

        return read_queries(queries, qrels), ""
    from wellread.pipelines.kb_questions import NOTICE, own_questions

    with shown.stage("questions", count) as bar:
        return own_questions(opened, count, seed, bar), NOTICE


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _numbers(text: str) -> list[float]:
    from wellread.errors import InputError

    try:
        numbers = [float(part) for part in _names(text)]
    except ValueError as error:
        raise InputError(f"--alpha {text!r}: not numbers separated by commas") from error
    for number in numbers:
        if not 0 <= number <= 1:
            raise InputError(f"--alpha {number:g}: a weight lies between 0 and 1")
    return numbers


def _show(report: Report) -> None:
    """The tables for a person, on stdout."""
    measured = report.systems[0].measures
    names = [name for name in measured if name not in ("recall@1", "recall@5")]
    rows = [
        (
            system.name,
            *(f"{system.measures[name].mean:.3f}" for name in names),
            *(f"{v:.1f}" for v in (system.latency_p50_ms, system.latency_p99_ms)),
            system.empty,
        )
        for system in report.systems
    ]
    title = f"{report.queries:,} queries from {report.source}"
    table(title, ("retriever", *names, "ms p50", "ms p99", "empty"), rows, stderr=False)
    widest = max((v.high - v.low) / 2 for s in report.systems for v in s.measures.values())
    say(f"Intervals (95%) are at most ±{widest:.3f}; --output or --json has each.")
    if report.unjudged and not report.notice:
        say(f"{report.unjudged:,} queries without a relevant id were left out")
    if report.unknown:
        ids = "id is" if report.unknown == 1 else "ids are"
        say(f"{report.unknown:,} relevant {ids} not in the knowledge base and cannot be found")
    if report.notice:
        say(report.notice)
    for d in report.differences:
        chance = "" if d.value.excludes_zero else "  (may be chance)"
        console().print(
            f"{d.system} - {d.baseline}: {d.measure} {d.value.mean:+.3f} "
            f"\\[{d.value.low:+.3f}, {d.value.high:+.3f}]{chance}"
        )
    if report.worst:
        worst = report.worst[0]
        say(f"Worst: {worst.query!r} wanted {', '.join(worst.relevant)}, not {worst.found[:1]}")
