"""`pixelwise evaluate`, `pixelwise report` and `pixelwise compare`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from pixelwise.cli.options import (
    Allow,
    AsJson,
    Cache,
    Checkpoint,
    Data,
    DataPath,
    Device,
    Flips,
    MaxPixels,
    Run,
    Scales,
)
from pixelwise.terminal.output import clean, result_console, say, show_json


def evaluate(
    run: Run,
    split: Annotated[str, typer.Option(help="Split of the run's data set. Default: the one it was validated on.")] = "",
    checkpoint: Checkpoint = "best",
    resolution: Annotated[
        Literal["recipe", "own"],
        typer.Option(help="Count at the recipe's size (data.size), or at each picture's own against its own mask."),
    ] = "recipe",
    data: Data = None,
    data_path: DataPath = None,
    device: Device = "auto",
    flips: Flips = False,
    scales: Scales = "1",
    as_json: AsJson = False,
    allow: Allow = None,
    cache: Cache = None,
    max_pixels: MaxPixels = None,
) -> None:
    """Score a trained run on a split.

    Prints every score with its convention and the resolution it was counted at, and writes the same as
    RUN/evaluations/SPLIT-CHECKPOINT-RESOLUTION.json. With --flips or --scales, the file's name also has the views.
    """
    from pixelwise.predict.predictor import score_run
    from pixelwise.terminal.bars import Line
    from pixelwise.terminal.scores import show_scores

    with Line("reading") as line:
        record, file = score_run(
            run,
            split,
            checkpoint=checkpoint,
            resolution=resolution,
            data=data,
            data_path=data_path,
            device=device,
            flips=flips,
            scales=scales,
            progress=line.show,
        )
    if as_json:
        show_json(record)
        return
    show_scores({"splits": {record["split"]: record}}, run=run)
    say(f"scores  {file}")


def report(
    run: Annotated[Path, typer.Argument(help="The run's folder, e.g. runs/quickstart.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the run's summary as JSON as well.")] = False,
) -> None:
    """Build RUN/report.html and RUN/plots/ again, also for a run that is not finished.

    The same folder gives the same bytes. Baselines that were trained beside the run since are added. Without --json the scores
    are printed as a table, with their conventions.
    """
    from pixelwise.report.baselines import keep_baselines, lines
    from pixelwise.report.page import build_report
    from pixelwise.run.folder import RunFolder

    folder = RunFolder.open(run)
    keep_baselines(folder)
    page = build_report(folder)
    summary = folder.read("summary") if folder.has("summary") else {}
    if as_json:
        show_json({**summary, "report": str(page)})
        return
    from pixelwise.terminal.scores import show_scores

    show_scores(summary, report=page, beside=tuple(lines(folder, summary)))


def compare(
    runs: Annotated[
        list[Path], typer.Argument(help="Run folders. A sweep's folder means all its finished runs.", metavar="RUN...")
    ],
    html: Annotated[Path | None, typer.Option(help="Write a page with curves and pictures, e.g. compare.html.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Write a table with a row per run, e.g. compare.csv.")] = None,
    as_json: AsJson = False,
    score: Annotated[
        list[str] | None, typer.Option(help="Name or key of a score or loss to take differences in; may be repeated.")
    ] = None,
    over: Annotated[
        Literal["epochs", "updates", "minutes"], typer.Option(help="With --html: horizontal axis of the curves.")
    ] = "epochs",
    split: Annotated[
        str, typer.Option(help="Compare the scores on this split, of `pixelwise evaluate` or of the training's end.")
    ] = "",
    checkpoint: Annotated[Literal["best", "last"], typer.Option(help="With --split: which weights.")] = "best",
    resolution: Annotated[
        Literal["recipe", "own"], typer.Option(help="With --split: counted at the recipe's size, or the pictures' own.")
    ] = "recipe",
) -> None:
    """Compare runs: recipes, scores, losses, cost, and whether a difference is more than chance.

    Runs that differ only in their seed are one group. Each group is compared with the first, with one interval over seeds and
    one over pictures. If there is not enough data for an interval, the output says what is missing.
    """
    from pixelwise.compare.runs import compare_runs
    from pixelwise.run.atomic import write_text

    _check_files(html, csv)
    compared = compare_runs(
        runs, scores=score or (), split=split, checkpoint=checkpoint, resolution=resolution, over=over
    )
    if csv is not None:
        write_text(csv, clean(compared.as_csv()))
    if html is not None:
        compared.write_html(html)
    if as_json:
        show_json(compared.as_json())
        return
    compared.show(result_console())
    for name, file in (("page", html), ("table", csv)):
        if file is not None:
            say(f"{name:<7} {file}")


def _check_files(html: Path | None, csv: Path | None) -> None:
    """Raise RunError where a file to be written has another ending: no record of a run is to be written over."""
    from pixelwise.errors import RunError

    for option, file, suffixes in (("--html", html, (".html", ".htm")), ("--csv", csv, (".csv",))):
        if file is not None and (file.suffix.lower() not in suffixes or file.is_dir() or file.name == "report.html"):
            raise RunError(f"{option} writes a file such as compare{suffixes[0]}, not {file}.")
