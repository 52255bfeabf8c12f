"""``wellread check calibrate``: probabilities and thresholds for one's own documents."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wellread.cli.output import Json, Quiet, console, print_json, progress, say, table

if TYPE_CHECKING:
    from wellread.pipelines.calibrate import CalibrationReport, CalibrationSettings, Sizes
    from wellread.pipelines.detectors import DetectorOptions

_MEASURES = ("answers", "cases", "ECE", "AUROC", "precision", "recall", "F1", "false flags")
_THRESHOLDS = ("answers", "threshold", "over the folds", "curve")


def calibrate(
    source: Annotated[
        Path,
        typer.Argument(
            help="Documents, a knowledge base, or a .jsonl of questions, contexts and answers."
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder to put the calibration's own folder in.")
    ] = Path("calibrations"),
    detector: Annotated[str, typer.Option(help="The detector to calibrate.")] = "lexical",
    goal: Annotated[
        str,
        typer.Option(help="f1, precision=0.9 or false-flags=0.05: what thresholds are for."),
    ] = "f1",
    prior: Annotated[
        float, typer.Option(help="Share of answers you expect to be unsupported, between 0 and 1.")
    ] = 0.2,
    kinds: Annotated[
        str, typer.Option(help="Comma-separated kinds of errors to plant; all without.")
    ] = "",
    most: Annotated[int, typer.Option(min=1, help="Most chunks or rows to make cases from.")] = 600,
    reworded: Annotated[
        float, typer.Option(help="Share of right answers put into other words by rule.")
    ] = 0.5,
    rewritten: Annotated[
        float | None,
        typer.Option(help="Share of long answers taken far from the passages' words."),
    ] = None,
    method: Annotated[str, typer.Option(help="isotonic, platt, or auto.")] = "auto",
    seed: Annotated[int, typer.Option(help="Seed of all draws.")] = 0,
    config: Annotated[
        Path | None, typer.Option(help="A wellread.yaml: its models.large judges.")
    ] = None,
    device: Annotated[str, typer.Option(help="Of an encoder: auto, cpu or cuda.")] = "auto",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what cases there would be, and stop.")
    ] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Fit probabilities and thresholds of a detector to your documents.

    Right answers are made from the documents, errors planted in copies of them. What is reported
    is measured on documents that were not fitted on.

    Example: wellread check calibrate manuals --goal precision=0.9 --prior 0.15
    """
    from wellread.pipelines import calibrate as pipeline
    from wellread.pipelines.calibrate_items import require
    from wellread.pipelines.detectors import open_detector

    require(source)
    settings = _settings(
        goal=goal,
        prior=prior,
        kinds=kinds,
        most=most,
        reworded=reworded,
        rewritten=rewritten,
        method=method,
        seed=seed,
    )
    if dry_run:
        sizes = pipeline.plan(source, settings, detector)
        if as_json:
            import dataclasses

            print_json(dataclasses.asdict(sizes))
        else:
            _show_sizes(sizes)
        return
    options = _options(config, device, output)
    with open_detector(detector, options) as opened, progress(quiet) as shown:
        report = pipeline.calibrate(source, opened, settings, progress=shown)
    own = pipeline.write_calibration(report, output)
    if as_json:
        print_json(report.to_dict())
    elif not quiet:
        _show(report)
    say(f"Written: {own}")


def _settings(**given: object) -> CalibrationSettings:
    """The settings, with mistakes told by the names of the options."""
    from wellread.config import combine_settings
    from wellread.pipelines.calibrate import CalibrationSettings

    named = [kind.strip() for kind in str(given.pop("kinds")).split(",") if kind.strip()]
    chosen = {**given, "kinds": named} if named else given
    return combine_settings(None, CalibrationSettings, chosen)


def _options(config: Path | None, device: str, output: Path) -> DetectorOptions:
    """What a detector may need: a judge its model, an encoder its device."""
    from wellread.pipelines.detectors import DetectorOptions
    from wellread.pipelines.project import read_project

    endpoint = read_project(config).models.get("large") if config else None
    return DetectorOptions(device=device, endpoint=endpoint, journal=output / "judge.sqlite")


def _show_sizes(sizes: Sizes) -> None:
    planted = sum(sizes.cases.values()) - sizes.cases["gold"]
    title = (
        f"{sizes.items:,} right answers and {planted:,} wrong ones, made from {sizes.made_from}; "
        f"{sizes.documents:,} documents"
    )
    console().print(title)
    table("", ("kind", "cases"), sizes.cases.items(), stderr=False)
    for reason, count in sizes.left_out.items():
        console().print(f"left out: {count:,} {reason}")


def _show(report: CalibrationReport) -> None:
    """The tables for a person, on stdout."""
    calibration = report.calibration
    rows = [
        (
            f"{part.name}, {name}",
            sum(rate.count for rate in measures.rates.values()),
            f"{measures.calibration_error:.3f}",
            f"{measures.auroc:.3f}",
            *(f"{value:.3f}" for value in (measures.precision, measures.recall, measures.f1)),
            _share(measures.rates["gold"].share),
        )
        for part in report.parts
        for name, measures in (("before", part.before), ("after", part.after))
    ]
    title = (
        f"{calibration.detector} on {report.sizes.documents:,} documents, goal {calibration.goal}, "
        f"prior {calibration.prior:g}; measured on held-out documents"
    )
    console().print(title)
    table("", _MEASURES, rows, stderr=False)
    everything = report.parts[0]
    caught = [
        (kind, rate.count, _share(rate.share), _share(everything.after.rates[kind].share))
        for kind, rate in everything.before.rates.items()
        if kind != "gold"
    ]
    table("\nErrors caught", ("kind", "cases", "before", "after"), caught, stderr=False)
    thresholds = [
        (bucket.name, f"{bucket.threshold:.3f}", f"{low:.3f} to {high:.3f}", bucket.method)
        for bucket in calibration.buckets
        for _, low, high in [report.thresholds[bucket.name]]
    ]
    table("\nGrounded from", _THRESHOLDS, thresholds, stderr=False)
    if report.unscored:
        console().print(f"{report.unscored:,} cases were abstained or unscored")


def _share(share: float) -> str:
    return f"{share:.1%}"
