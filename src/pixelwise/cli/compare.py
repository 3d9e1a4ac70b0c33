"""`pixelwise compare`"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from pixelwise.terminal.output import say, show_json

if TYPE_CHECKING:
    from pixelwise.report.comparison.gather import Column, Comparison
    from pixelwise.report.comparison.verdict import Verdict


def compare(
    runs: Annotated[
        list[Path], typer.Argument(help="Run folders, or a sweep's folder for all its runs.", metavar="RUN...")
    ],
    html: Annotated[Path | None, typer.Option(help="Write a page with curves and pictures, e.g. compare.html.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Write a table with a row a run, e.g. compare.csv.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs instead.")] = False,
    score: Annotated[
        list[str] | None, typer.Option(help="Name or key of a score to take differences in; may be repeated.")
    ] = None,
    split: Annotated[
        str, typer.Option(help="Compare the scores on this split: of `pixelwise evaluate`, else of the training's end.")
    ] = "",
    checkpoint: Annotated[Literal["best", "last"], typer.Option(help="With --split: which weights.")] = "best",
    resolution: Annotated[
        Literal["recipe", "own"], typer.Option(help="With --split: counted at the recipe's size, or the pictures' own.")
    ] = "recipe",
) -> None:
    """Set runs beside each other: what differs, what they score, what they cost, and whether the difference is one.

    Runs that differ only in their seed are one group. Every group is held against the first, with an interval over seeds and
    one over pictures, and plain words where there is not enough data to say.
    """
    from pixelwise.engine.scoring.comparing import judge
    from pixelwise.errors import RunError
    from pixelwise.report.comparison.gather import Place, gather
    from pixelwise.run.atomic import write_text

    _check_files(html, csv)
    if not split and (checkpoint, resolution) != ("best", "recipe"):
        raise RunError("--checkpoint and --resolution go with --split.", hint="Say which split, e.g. --split val.")
    comparison = gather(_expanded(runs), Place(split, checkpoint, resolution))
    verdicts = judge(comparison, _chosen(comparison, score or []))
    if csv is not None:
        from pixelwise.report.comparison.export import as_csv

        write_text(csv, as_csv(comparison))
    if html is not None:
        from pixelwise.report.comparison.page import build_comparison_page

        build_comparison_page(comparison, verdicts, html)
    if as_json:
        from pixelwise.report.comparison.export import as_json as told

        show_json(told(comparison, verdicts))
        return
    _show(comparison, verdicts)
    for name, file in (("page", html), ("table", csv)):
        if file is not None:
            say(f"{name:<7} {file}")


def _check_files(html: Path | None, csv: Path | None) -> None:
    """Raise RunError where a file to be written has another ending: no record of a run is to be written over."""
    from pixelwise.errors import RunError

    for option, file, suffixes in (("--html", html, (".html", ".htm")), ("--csv", csv, (".csv",))):
        if file is not None and (file.suffix.lower() not in suffixes or file.is_dir() or file.name == "report.html"):
            raise RunError(f"{option} writes a file such as compare{suffixes[0]}, not {file}.")


def _expanded(paths: list[Path]) -> list[Path]:
    """The runs named, a sweep's folder standing for its finished runs."""
    from pixelwise.errors import RunError
    from pixelwise.run.atomic import read_json
    from pixelwise.run.folder import RunFolder

    found: list[Path] = []
    for path in paths:
        if not (path / "sweep.json").is_file():
            found.append(path)
            continue
        runs = [path / str(entry["name"]) for entry in read_json(path / "sweep.json")["runs"]]
        finished = [run for run in runs if RunFolder(run).has("summary")]
        if not finished:
            raise RunError("none of its runs is finished.", where=str(path))
        found += finished
    return found


def _chosen(comparison: Comparison, wanted: list[str]) -> list[Column]:
    """The columns to take differences in: those named, else the first of every split and resolution."""
    from pixelwise.errors import RunError, did_you_mean
    from pixelwise.report.comparison.tables import column_sets

    if not wanted:
        main = comparison.main
        return [column for column in comparison.columns if main is not None and column.key == main.key]
    chosen = []
    for name in wanted:
        found = [column for column in comparison.columns if column.key == name]
        if not found:
            first = next((c for _, columns in column_sets(comparison) for c in columns if _short(c) == name), None)
            found = [column for column in comparison.columns if first is not None and column.key == first.key]
        if not found:
            keys = list(dict.fromkeys(column.key for column in comparison.columns))
            known = ", ".join(keys) or "no score at all"
            hint = did_you_mean(name, [*keys, *map(_short, comparison.columns)])
            raise RunError(f"no run has a score '{name}'; there is {known}.", where="--score", hint=hint)
        chosen += [column for column in found if column not in chosen]
    return chosen


def _short(column: Column) -> str:
    return column.score.name


def _show(comparison: Comparison, verdicts: list[Verdict]) -> None:
    """The comparison as tables in the terminal."""
    from rich.console import Console

    from pixelwise.report.comparison.terminal import show_comparison

    show_comparison(comparison, verdicts, Console())
