"""`pixelwise sweep`"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pixelwise.engine.sweep.folder import SweepFolder
    from pixelwise.engine.sweep.grid import Planned

INTERRUPTED = 130


def sweep(
    recipe: Annotated[str | None, typer.Argument(help="Name of a shipped recipe, or a YAML file.")] = None,
    factors: Annotated[
        list[str] | None, typer.Argument(help="Values to try, e.g. train.batch=32,64 train.seed=0,1,2.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the sweep. Default: runs/sweeps/RECIPE.")] = None,
    resume: Annotated[Path | None, typer.Option(help="Folder of a sweep to go on with.", metavar="DIR")] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Runs at a time.")] = 1,
    data: Annotated[
        Path | None, typer.Option(help="Data folder. Default: PIXELWISE_DATA, else ~/.cache/pixelwise.")
    ] = None,
) -> None:
    """Train a recipe over a grid of values, each point as a run of its own.

    Values stand between commas; one within brackets, braces or quotes belongs to its value. Everything is checked before the
    first run begins. The same command again, or --resume DIR, goes on: what is finished is left alone, what was half done is
    resumed. A run that fails stops no other. Ends with DIR/sweep.html, and exit code 1 where a run failed.
    """
    from pixelwise.engine.sweep.folder import SweepFolder
    from pixelwise.engine.sweep.grid import plan
    from pixelwise.errors import RecipeError

    if (recipe is None) == (resume is None):
        raise RecipeError(
            "name a recipe with the values to try, or a sweep to go on with by --resume.",
            hint="e.g. pixelwise sweep quickstart train.batch=8,16 train.seed=0,1,2",
        )
    if recipe is not None:
        grid, runs = plan(recipe, factors or ())
        folder = SweepFolder(out or Path("runs/sweeps") / Path(recipe).with_suffix(""))
        data = None if data is None else data.expanduser().absolute()
        _check_data(runs, data)
        folder.begin(recipe, grid, runs, data)
    else:
        folder = SweepFolder(resume or Path())
        runs = folder.plan()
        recorded = folder.record().get("data")
        data = data or (None if recorded is None else Path(recorded))
        _check_data(runs, data)
    _run(folder, runs, jobs, data)


def _check_data(runs: tuple[Planned, ...], data: Path | None) -> None:
    """Raise DataError where the data set of a run is not there: once and now, not by every run in turn."""
    from pixelwise.data import DATASETS
    from pixelwise.data.root import data_root
    from pixelwise.errors import PixelwiseError, Problem

    problems: dict[str, Problem] = {}
    checked: list[object] = []
    for run in runs:
        asked = run.recipe.data
        if (key := (asked.dataset.model_dump(), asked.train, asked.validation)) in checked:
            continue
        checked.append(key)
        try:
            dataset = DATASETS.build(asked.dataset.name, data_root(data), **asked.dataset.options)
            dataset.check_split(asked.train)
            dataset.check_split(asked.validation)
        except PixelwiseError as error:
            problems |= {str(problem): problem for problem in error.problems}
            kind = type(error)
    if problems:
        raise kind.all(list(problems.values()))


def _run(folder: SweepFolder, runs: tuple[Planned, ...], jobs: int, data: Path | None) -> None:
    from contextlib import closing

    from pixelwise.engine.checks.guard import terminable
    from pixelwise.engine.sweep.display import SweepDisplay
    from pixelwise.engine.sweep.runner import run_all

    try:
        with terminable(), folder.writing():
            standing = [folder.standing(run) for run in runs]
            with (
                SweepDisplay([run.name for run in runs], standing.count("done"), jobs) as display,
                closing(run_all(folder, runs, jobs=jobs, data=data)) as changes,
            ):
                for change in changes:
                    display.show(change)
            _tell_end(folder)
    except KeyboardInterrupt:
        typer.echo(f"Stopped; runs that were at work are saved. Go on with: pixelwise sweep --resume {folder.path}")
        raise typer.Exit(INTERRUPTED) from None


def _show_scores(folder: SweepFolder) -> None:
    """The finished settings in a table, the best one set off."""
    from rich.console import Console

    from pixelwise.compare.tables import without
    from pixelwise.report.comparison.sweep_page import compare_finished, score_tables
    from pixelwise.terminal.output import show_line
    from pixelwise.terminal.table import show_table

    comparison, console = compare_finished(folder.path), Console()
    if comparison is None:
        return
    for note in comparison.notes:
        show_line(console, (f"note: {note}", "yellow"))
    for caption, table in score_tables(comparison):
        while len(table.headings) > 5:
            table = without(table, len(table.headings) - 1)
        show_table(console, without(table, 0), caption)
    typer.echo("")


def _tell_end(folder: SweepFolder) -> None:
    """The table of the sweep, its page, and what failed."""
    from pixelwise.report.comparison.sweep_page import build_sweep_page

    failed = {name: outcome for name, outcome in folder.outcomes().items() if outcome.state == "failed"}
    page = build_sweep_page(folder.path)
    _show_scores(folder)
    typer.echo(f"page     {page}")
    if failed:
        count = "1 run" if len(failed) == 1 else f"{len(failed)} runs"
        typer.echo(f"\n{count} failed; the same command again tries them once more:", err=True)
        for name, outcome in failed.items():
            typer.echo(f"  - {name}: {outcome.message} Log: {folder.log_file(name)}", err=True)
        raise typer.Exit(1)
