"""``wellread experiment``: does retrieval make a model's answers better?"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wellread.cli.output import Json, Quiet, print_json, progress, say
from wellread.cli.server import ApiKeyEnv, ApiModel, BaseUrl, named_server

if TYPE_CHECKING:
    from wellread.llm.endpoint import Endpoint
    from wellread.pipelines.rag4rag import Experiment, ExperimentSettings


def experiment(
    questions: Annotated[
        Path, typer.Argument(help="Questions with contexts and answers: SQuAD .json, or .jsonl.")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for everything that is made.")
    ] = Path("experiment"),
    arms: Annotated[
        str,
        typer.Option(help="Comma-separated: closed_book, reroll, context, rag, rag_repair; all."),
    ] = "",
    max_questions: Annotated[
        int | None, typer.Option("--max-questions", min=1, help="Only so many, drawn at random.")
    ] = None,
    top_k: Annotated[int, typer.Option("--top-k", "-k", min=1, help="Passages to retrieve.")] = 3,
    repairs: Annotated[
        int, typer.Option(min=0, help="How often an answer that fails its check is asked again.")
    ] = 2,
    knowledge_base: Annotated[
        Path | None,
        typer.Option("--knowledge-base", "--kb", help="Search this, not the contexts."),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="A wellread.yaml: its models.large, budget, knowledge.")
    ] = None,
    base_url: BaseUrl = None,
    api_model: ApiModel = None,
    api_key_env: ApiKeyEnv = None,
    temperature: Annotated[
        float, typer.Option(min=0, help="How freely the model draws, in every arm.")
    ] = 0.7,
    max_answer_tokens: Annotated[
        int, typer.Option("--max-answer-tokens", min=1, help="Of one answer, in every arm.")
    ] = 300,
    detector: Annotated[
        str, typer.Option(help="Who checks: lexical, answer, encoder:FOLDER or judge.")
    ] = "lexical",
    repair_detector: Annotated[
        str | None,
        typer.Option("--repair-detector", help="Who lets repairs pass, if not who measures."),
    ] = None,
    calibration: Annotated[
        Path | None, typer.Option(help="Its calibration, of wellread check calibrate.")
    ] = None,
    threshold: Annotated[
        float | None, typer.Option(min=0, max=1, help="Flag answers with a lower score.")
    ] = None,
    max_calls: Annotated[
        int | None, typer.Option("--max-calls", min=1, help="Stop before more calls.")
    ] = None,
    max_tokens: Annotated[
        int | None, typer.Option("--max-tokens", min=1, help="Stop before more tokens.")
    ] = None,
    max_money: Annotated[
        float | None, typer.Option("--max-money", help="Stop before more is spent.")
    ] = None,
    seed: Annotated[
        int, typer.Option(help="Of the questions drawn, swapped answers and intervals.")
    ] = 0,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Count calls and tokens; ask nothing.")
    ] = False,
    retry_failures: Annotated[
        bool, typer.Option("--retry-failures", help="Ask again what failed for good before.")
    ] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Ask the same questions closed-book, in context and with RAG, and measure the difference.

    Without a server or a configuration answers are extracted by rule, which tries everything out
    and says nothing about any model. Killed or stopped, run it again: what was answered is kept.

    Example: wellread experiment questions.jsonl --max-questions 200
    """
    from wellread.pipelines.detectors import DetectorOptions, open_detector
    from wellread.pipelines.experiment.plan import plan_experiment
    from wellread.pipelines.rag4rag import run_experiment

    budget = {"max_calls": max_calls, "max_tokens": max_tokens, "max_money": max_money}
    given = {
        "arms": [name.strip() for name in arms.split(",") if name.strip()],
        "top_k": top_k,
        "repairs": repairs,
        "max_questions": max_questions,
        "temperature": temperature,
        "max_answer_tokens": max_answer_tokens,
        "threshold": threshold,
        "seed": seed,
        "budget": {name: value for name, value in budget.items() if value is not None},
    }
    settings, writer, judge = _settings(config, given)
    endpoint = named_server(config, base_url, api_model, api_key_env) or writer
    if dry_run:
        plan = plan_experiment(questions, settings, endpoint, knowledge_base)
        print_json(plan) if as_json else typer.echo(plan.text())
        return
    options = DetectorOptions(
        calibration=calibration,
        endpoint=judge or endpoint,
        journal=output / "judge.sqlite",
        prompts=settings.prompts,
    )
    plain = dataclasses.replace(options, calibration=None)
    with contextlib.ExitStack() as held:
        measures = held.enter_context(open_detector(detector, options))
        passes = open_detector(repair_detector, plain) if repair_detector else None
        made = run_experiment(
            questions,
            output,
            settings,
            measures,
            endpoint=endpoint,
            knowledge_base=knowledge_base,
            repair_detector=held.enter_context(passes) if passes else None,
            retry_failures=retry_failures,
            progress=held.enter_context(progress(quiet)),
        )
    _show(made, as_json=as_json, quiet=quiet)


def _show(made: Experiment, *, as_json: bool, quiet: bool) -> None:
    """The report on stdout, and where everything is on stderr."""
    from wellread.pipelines.experiment.text import text_of

    if as_json:
        print_json(made.report.to_dict())
    elif not quiet:
        typer.echo(text_of(made.report))
    if not quiet:
        statuses = ", ".join(f"{n:,} {status}" for status, n in sorted(made.files.statuses.items()))
        say(f"Data set {made.files.dataset}: {statuses}")
        say(f"Look at {made.files.page}")
    if made.failed:
        say(f"{made.failed:,} questions were lost: see {made.files.rejected}")
        raise typer.Exit(3)


def _settings(
    config: Path | None, given: Mapping[str, Any]
) -> tuple[ExperimentSettings, Endpoint | None, Endpoint | None]:
    """The options as settings over those of a configuration; the model that answers and a judge."""
    from wellread.config import combine_settings
    from wellread.pipelines.project import read_project
    from wellread.pipelines.rag4rag import ExperimentSettings

    chosen = {name: value for name, value in given.items() if value not in (None, [], {})}
    if config is None:
        return combine_settings(None, ExperimentSettings, chosen), None, None
    project = read_project(config)
    own = {
        "knowledge": project.knowledge.model_dump(),
        "concurrency": project.system.concurrency_limit,
        "prompts": project.path.prompts,
    }
    budget = {**project.budget.model_dump(), **given["budget"]}
    settings = combine_settings(None, ExperimentSettings, {**own, **chosen, "budget": budget})
    writes = project.models.get("large") if project.teacher == "model" else None
    return settings, writes, project.models.get("judge")
