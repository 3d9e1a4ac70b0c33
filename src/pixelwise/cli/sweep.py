"""`pixelwise sweep`"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pixelwise.terminal.output import WARN, result_console, say, show_line
from pixelwise.terminal.table import show_table

if TYPE_CHECKING:
    from pixelwise.experiments.folder import Folder, Planned

INTERRUPTED = 130
MOST_COLUMNS = 5  # of a table in the terminal


def sweep(
    recipe: Annotated[str | None, typer.Argument(help="Name of a shipped recipe, or a YAML file.")] = None,
    factors: Annotated[
        list[str] | None, typer.Argument(help="Values to try, e.g. train.batch=32,64 train.seed=0,1,2.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the sweep. Default: runs/sweeps/RECIPE.")] = None,
    resume: Annotated[Path | None, typer.Option(help="Folder of a sweep to resume.", metavar="DIR")] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Runs at a time.")] = 1,
    data: Annotated[
        Path | None, typer.Option(help="Data folder. Default: PIXELWISE_DATA, else ~/.cache/pixelwise.")
    ] = None,
) -> None:
    """Train a recipe over a grid of values, each combination as a run of its own.

    Separate values by commas; a comma within brackets, braces or quotes belongs to its value. Everything is checked before
    the first run begins. The same command again, or --resume DIR, continues: finished runs are left alone, half-done ones
    are resumed. A run that fails does not stop the others. Writes DIR/sweep.html; the exit code is 1 if a run failed.
    """
    from pixelwise.errors import RecipeError
    from pixelwise.experiments.folder import Folder
    from pixelwise.experiments.runner import check_data
    from pixelwise.experiments.settings import plan

    if (recipe is None) == (resume is None):
        raise RecipeError(
            "name a recipe with the values to try, or a sweep to continue with --resume.",
            hint="e.g. pixelwise sweep quickstart train.batch=8,16 train.seed=0,1,2",
        )
    if recipe is not None:
        grid, runs = plan(recipe, factors or ())
        folder = Folder(out or Path("runs/sweeps") / Path(recipe).with_suffix(""))
        data = None if data is None else data.expanduser().absolute()
        check_data(runs, data)
        folder.begin(runs, recipe, [{"path": path, "values": values} for path, values in grid.items()], data)
    else:
        folder = Folder(resume or Path())
        runs = folder.plan()
        recorded = folder.record().get("data")
        data = data or (None if recorded is None else Path(recorded))
        check_data(runs, data)
    _run(folder, runs, jobs, data)


def _run(folder: Folder, runs: tuple[Planned, ...], jobs: int, data: Path | None) -> None:
    from pixelwise.experiments.display import ExperimentDisplay, follow
    from pixelwise.experiments.runner import run_all

    try:
        with folder.writing():
            waiting = folder.unfinished(runs)
            done = {name: outcome for name, outcome in folder.outcomes().items() if outcome.state == "done"}
            display = ExperimentDisplay("runs", len(runs), before=done, jobs=jobs)
            follow(run_all(folder, waiting, jobs=jobs, data=data), display)
            _show_end(folder)
    except KeyboardInterrupt:
        say(f"Stopped; the runs in progress are saved. Resume with: pixelwise sweep --resume {folder.path}", err=True)
        raise typer.Exit(INTERRUPTED) from None


def _show_end(folder: Folder) -> None:
    """The table of the sweep, its page, and what failed."""
    from pixelwise.experiments.page import build_sweep_page

    failed = {name: outcome for name, outcome in folder.outcomes().items() if outcome.state == "failed"}
    page = build_sweep_page(folder.path)
    _show_scores(folder)
    say(f"page     {page}")
    if failed:
        count = "1 run" if len(failed) == 1 else f"{len(failed)} runs"
        say(f"\n{count} failed; the same command again retries them:", err=True)
        for name, outcome in failed.items():
            say(f"  - {name}: {outcome.message} Log: {folder.log_file(name)}", err=True)
        raise typer.Exit(1)


def _show_scores(folder: Folder) -> None:
    """The finished settings in a table, the best one set off."""
    from pixelwise.experiments.page import compare_finished, score_tables

    comparison, console = compare_finished(folder.path), result_console()
    if comparison is None:
        return
    for note in comparison.notes:
        show_line(console, (f"note: {note}", WARN))
    for caption, table in score_tables(comparison):
        show_table(console, table.only(*range(1, min(MOST_COLUMNS, len(table.headings)))), caption)
    say()
