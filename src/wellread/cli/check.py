"""``wellread check FILE``: are the answers of a file supported by their passages?"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import typer.core

from wellread.cli.check_calibrate import calibrate
from wellread.cli.kb_parts import with_hyphens
from wellread.cli.output import Json, Quiet, console, print_json, progress, say, table
from wellread.cli.server import ApiKeyEnv, ApiModel, BaseUrl, named_server

if TYPE_CHECKING:
    from rich.text import Text

    from wellread.checks.agreement import Agreed, Rates
    from wellread.llm.endpoint import Endpoint
    from wellread.pipelines.check_file import CheckReport, Worst

_FILE = "file"
_SHOWN = 12
_WIDTH = 300


class _FileFirst(typer.core.TyperGroup):
    """A first word that names no verb is a file to check: ``wellread check FILE``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] != "--help":
            args = [_FILE, *args]
        return super().parse_args(ctx, args)

    def format_usage(self, ctx: Any, formatter: Any) -> None:
        formatter.write_usage(ctx.command_path, "FILE [OPTIONS]")
        for verb in self._others():
            formatter.write_usage(f"{ctx.command_path} {verb}", "[OPTIONS] …")

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Those of checking a file, which is what the verb does without another word."""
        file = self.commands[_FILE]
        file.format_options(type(ctx)(file, info_name=ctx.info_name, parent=ctx.parent), formatter)
        if verbs := self._others():
            with formatter.section("Commands"):
                formatter.write_dl([(v, self.commands[v].get_short_help_str(60)) for v in verbs])

    def _others(self) -> list[str]:
        return [verb for verb in self.commands if verb != _FILE]


check = typer.Typer(
    cls=_FileFirst,
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    context_settings={"token_normalize_func": with_hyphens},
)


@check.callback()
def _kinds() -> None:
    """Check whether answers are supported by their passages.

    A verdict for each answer of FILE goes to FILE.verdicts.jsonl, and what they come to is shown.

    Example: wellread check wellread-output/rag_examples.jsonl
    """


@check.command(name=_FILE, hidden=True)
def check_file(
    file: Annotated[
        Path,
        typer.Argument(help="Answers and passages: conversations, RAGTruth, RAGAS, SQuAD, …"),
    ],
    detector: Annotated[
        str, typer.Option(help="Who checks: lexical, answer, encoder:FOLDER or judge.")
    ] = "lexical",
    calibration: Annotated[
        Path | None,
        typer.Option(help="Id or folder of one that `wellread check calibrate` made."),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Score from which an answer is grounded."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File for the verdicts; FILE.verdicts.jsonl without."),
    ] = None,
    group_by: Annotated[
        str, typer.Option("--group-by", help="Field of the rows to count by, such as model.")
    ] = "",
    limit: Annotated[int | None, typer.Option(min=1, help="Only so many answers.")] = None,
    worst: Annotated[int, typer.Option(min=0, help="How many bad answers to show.")] = 3,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave bad rows out and count them.")
    ] = False,
    fill_gaps: Annotated[
        bool,
        typer.Option("--fill-gaps", help="Let rules speak where an encoder is half sure."),
    ] = False,
    ask_again: Annotated[
        bool,
        typer.Option("--ask-again", help="answer: compare with what a model answers."),
    ] = False,
    device: Annotated[str, typer.Option(help="Of an encoder: auto, cpu or cuda.")] = "auto",
    config: Annotated[
        Path | None, typer.Option(help="A wellread.yaml: its models.large is asked.")
    ] = None,
    base_url: BaseUrl = None,
    api_model: ApiModel = None,
    api_key_env: ApiKeyEnv = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Check every answer of a file; write a verdict for each, and show what they come to.

    Example: wellread check wellread-output/rag_examples.jsonl
    """
    from wellread.errors import InputError, RowError
    from wellread.pipelines.check_file import CheckSettings, default_output, rows_text
    from wellread.pipelines.check_file import check_file as run
    from wellread.pipelines.detectors import DetectorOptions, open_detector

    if not file.is_file():
        raise InputError(f"{file}: no such file", hint="see: wellread check --help")
    settings = CheckSettings(
        threshold=threshold, limit=limit, group_by=group_by, skip_bad=skip_bad, worst=worst
    )
    target = output or default_output(file)
    if output is None and not os.access(target.parent, os.W_OK):
        raise InputError(
            f"{target.parent} may not be written to", hint="name a file: --output verdicts.jsonl"
        )
    options = DetectorOptions(
        threshold=threshold,
        calibration=calibration,
        fill_gaps=fill_gaps,
        ask_again=ask_again,
        device=device,
        endpoint=_endpoint(config, base_url, api_model, api_key_env),
        journal=target.with_suffix(".journal.sqlite"),
    )
    try:
        with open_detector(detector, options) as opened, progress(quiet) as shown:
            report = run(file, opened, settings, output=target, progress=shown)
    except RowError as error:
        error.hint = error.hint or "mend the row, or leave such rows out with --skip-bad"
        raise
    if as_json:
        print_json(report.to_dict())
    elif not quiet:
        _show(report)
    if report.left_out:
        say(f"{rows_text(report.left_out)} left out, the first: {report.bad[0]}")
        raise typer.Exit(3)


def _endpoint(
    config: Path | None, base_url: str | None, api_model: str | None, api_key_env: str | None
) -> Endpoint | None:
    """The model that judges, where one is named."""
    server = named_server(config, base_url, api_model, api_key_env)
    if server is not None or config is None:
        return server
    from wellread.pipelines.project import read_project

    return read_project(config).models.get("large")


def _show(report: CheckReport) -> None:
    """The tables for a person, on stdout."""
    _show_outcomes(report)
    if report.categories:
        shown = list(report.categories.items())[:_SHOWN]
        table("\nWhat is not supported", ("category", "spans"), shown, stderr=False)
    if report.reasons:
        table("\nNot scored, and why", ("reason", "answers"), report.reasons.items(), stderr=False)
    if report.gold is not None:
        _show_gold(report.gold)
    for number, one in enumerate(report.worst, start=1):
        _show_worst(number, one)
    say(f"\nA verdict for each answer: {report.output}")


def _show_outcomes(report: CheckReport) -> None:
    low, high = report.thresholds
    limits = f"{low:.2f}" if low == high else f"{low:.2f} to {high:.2f}, by length"
    said = f"{report.answers:,} answers of {report.file}\nchecked by {report.detector or 'nobody'}"
    if high > 0:
        said += f", grounded from a score of {limits}"
    if report.calibration:
        said += f", calibration {report.calibration}"
    typer.echo(said + "\n")
    rows = [
        (group or "all", sum(counts.values()), *(_share(n, counts) for n in counts.values()))
        for group, counts in sorted(report.groups.items())
    ]
    if len(rows) > 1:
        counts = report.outcomes
        rows.append(("all", report.answers, *(_share(n, counts) for n in counts.values())))
    table("", ("", "answers", *report.outcomes), rows, stderr=False)
    if report.by_design:
        typer.echo("failure: made to decline or to answer from memory; not among the worst below")


def _share(count: int, counts: dict[str, int]) -> str:
    return f"{count:,} ({count / sum(counts.values()):.0%})" if count else "-"


def _show_gold(gold: Agreed) -> None:
    spans = gold.spans
    rows = [("answers", *_rates(gold.answers))]
    if spans is not None:
        rows.append(("characters", *_rates(spans)))
    typer.echo(
        f"\nBeside the labels of the file: {gold.labelled:,} answers with a label, "
        f"{gold.unsupported:,} not supported"
    )
    table("", ("flagged", "precision", "recall", "F1"), rows, stderr=False)
    if gold.auroc is not None:
        typer.echo(f"AUROC of the scores: {gold.auroc:.3f}")
    if gold.false_flags is not None:
        typer.echo(f"supported, yet flagged: {gold.false_flags:.1%}")
    if gold.unscored:
        typer.echo(f"{gold.unscored:,} more labelled answers were not scored")


def _rates(rates: Rates) -> tuple[str, ...]:
    values = (rates.precision, rates.recall, rates.f1)
    return tuple("-" if value is None else f"{value:.3f}" for value in values)


def _show_worst(number: int, one: Worst) -> None:
    said = console()
    where = f"{one.id} (line {one.line}), score {one.verdict.score:.2f}"
    said.print(f"\nLeast supported {number}: {where}", markup=False)
    if one.question:
        said.print(f"  asked     {_short(one.question)}", markup=False)
    said.print("  answer    ", _marked(one, colour=said.is_terminal), sep="")
    for span in one.verdict.spans[:3]:
        said.print(f"  {span.category}: {_short(span.reason)}", markup=False)
    if one.evidence:
        said.print(f"  nearest   {_short(one.evidence)}", markup=False)


def _marked(one: Worst, *, colour: bool) -> Text:
    """The answer around the first thing that is not supported; marked red, or ``>>so<<``."""
    from rich.text import Text

    spans = one.verdict.spans
    start, end = _around(one.answer, spans[0].start if spans else 0)
    made, at = Text("… " if start else ""), start
    for span in spans:
        if at <= span.start < end:
            marked = one.answer[span.start : min(span.end, end)]
            made.append(one.answer[at : span.start])
            made.append(marked if colour else f">>{marked}<<", "bold red")
            at = span.start + len(marked)
    made.append(one.answer[at:end])
    if end < len(one.answer):
        made.append(" …")
    return Text(" ").join(line for line in made.split("\n") if line.plain.strip())


def _around(text: str, place: int) -> tuple[int, int]:
    """A stretch about `place`, cut between words where there are any near."""
    start = max(0, place - _WIDTH // 3)
    if start:
        space = text.find(" ", start, place)
        start = space + 1 if space >= 0 else start
    end = min(len(text), start + _WIDTH)
    if end < len(text):
        space = text.rfind(" ", start + _WIDTH // 2, end)
        end = space if space >= 0 else end
    return start, end


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _WIDTH else flat[: _WIDTH - 1] + "…"


check.command(name="calibrate", context_settings={"token_normalize_func": with_hyphens})(calibrate)
