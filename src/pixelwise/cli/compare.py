"""`pixelwise compare`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from pixelwise.terminal.output import result_console, say, show_json


def compare(
    runs: Annotated[
        list[Path], typer.Argument(help="Run folders. A sweep's folder means all its finished runs.", metavar="RUN...")
    ],
    html: Annotated[Path | None, typer.Option(help="Write a page with curves and pictures, e.g. compare.html.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Write a table with a row a run, e.g. compare.csv.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs instead.")] = False,
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
    one over pictures. Where there is not enough data for an interval, the output says what is missing.
    """
    from pixelwise.compare.runs import compare_runs
    from pixelwise.run.atomic import write_text

    _check_files(html, csv)
    compared = compare_runs(
        runs, scores=score or (), split=split, checkpoint=checkpoint, resolution=resolution, over=over
    )
    if csv is not None:
        write_text(csv, compared.as_csv())
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
