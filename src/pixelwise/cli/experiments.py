"""`pixelwise sweep` and `pixelwise search`"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pixelwise.cli.options import Allow, Cache, Data, DataPath, Jobs, MaxPixels, RecipeOrNone, allow_typed
from pixelwise.terminal.output import QUIET, WARN, result_console, say, show_json, show_line
from pixelwise.terminal.table import show_table

if TYPE_CHECKING:
    from pixelwise.experiments.folder import Folder, Planned
    from pixelwise.experiments.search import Aim
    from pixelwise.experiments.settings import Space

MOST_COLUMNS = 5  # of a sweep's table in the terminal
MOST_FAILED = 8  # trials that are named when they failed


def sweep(
    recipe: RecipeOrNone = None,
    factors: Annotated[
        list[str] | None,
        typer.Argument(help="Values to try, e.g. train.batch=32,64 train.seed=0,1,2.", callback=allow_typed),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the sweep. Default: runs/sweeps/RECIPE.")] = None,
    resume: Annotated[Path | None, typer.Option(help="Folder of a sweep to resume.", metavar="DIR")] = None,
    jobs: Jobs = 1,
    data: Data = None,
    data_path: DataPath = None,
    allow: Allow = None,
    cache: Cache = None,
    max_pixels: MaxPixels = None,
) -> None:
    """Train a recipe over a grid of values, each combination as its own run.

    Separate values by commas; a comma within brackets, braces or quotes belongs to its value. Everything is checked before
    the first run begins. To continue, repeat the command or give --resume DIR: finished runs are kept, unfinished runs
    are resumed. A run that fails does not stop the others. Writes DIR/sweep.html; the exit code is 1 if a run failed.
    """
    from pixelwise.data.base import data_root
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
        grid, planned = plan(recipe, factors or ())
        runs = _moved(planned, data_path)
        folder = Folder(out or Path("runs/sweeps") / Path(recipe).with_suffix(""))
        data = None if data is None else data_root(data)
        check_data(runs, data)
        with stopping(folder, "runs"), folder.writing():
            runs = folder.named(runs)
            folder.begin(runs, recipe, [{"path": path, "values": values} for path, values in grid.items()], data)
            _run_sweep(folder, runs, jobs, data)
    else:
        folder = Folder(resume or Path())
        folder.record()  # else it is not a sweep
        with stopping(folder, "runs"), folder.writing():
            runs = _moved(folder.plan(), data_path)
            recorded = folder.record().get("data")
            data = data or (None if recorded is None else Path(recorded))
            check_data(runs, data)
            _run_sweep(folder, runs, jobs, data)


def _moved(runs: tuple[Planned, ...], data_path: Path | None) -> tuple[Planned, ...]:
    """The runs with their data set at another path; unchanged if none is given."""
    from pixelwise.recipe.place import moved

    if data_path is None:
        return runs
    return tuple(run if run.recipe is None else replace(run, recipe=moved(run.recipe, data_path)) for run in runs)


def _run_sweep(folder: Folder, runs: tuple[Planned, ...], jobs: int, data: Path | None) -> None:
    from pixelwise.experiments.display import ExperimentDisplay, follow
    from pixelwise.experiments.runner import run_all

    for run in runs:
        folder.keep_recipe(run)
    waiting = folder.unfinished(runs)
    done = {name: outcome for name, outcome in folder.outcomes().items() if outcome.state == "done"}
    display = ExperimentDisplay("runs", len(runs), before=done, jobs=jobs)
    follow(run_all(folder, waiting, jobs=jobs, data=data), display)
    _show_sweep(folder)


def _show_sweep(folder: Folder) -> None:
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
    """The finished settings in a table; the best ones in bold."""
    from pixelwise.experiments.page import compare_finished, score_tables

    comparison, console = compare_finished(folder.path), result_console()
    if comparison is None:
        return
    for note in comparison.notes:
        show_line(console, (f"note: {note}", WARN))
    for caption, table, words in score_tables(comparison):
        show_table(console, table.only(*range(1, min(MOST_COLUMNS, len(table.headings)))), caption)
        show_line(console, (words, QUIET))
    say()


@contextmanager
def stopping(folder: Folder, runs: str) -> Iterator[None]:
    """Say how to resume after Ctrl-C, a termination or a closed terminal."""
    from pixelwise.engine.checks.guard import exit_code
    from pixelwise.outside import again

    try:
        yield
    except KeyboardInterrupt as stopped:
        say(f"Stopped; the {runs} in progress are saved. Resume with: {folder.again}{again()}", err=True)
        raise typer.Exit(exit_code(getattr(stopped, "number", None))) from None


class Pruner(StrEnum):
    """Which trials are stopped early."""

    MEDIAN = "median"
    NONE = "none"


def search(
    recipe: RecipeOrNone = None,
    ranges: Annotated[
        list[str] | None,
        typer.Argument(
            help="What to search, e.g. train.optimizer.learning_rate=log(1e-4,1e-1) model.width=int(8,64).",
            callback=allow_typed,
        ),
    ] = None,
    trials: Annotated[
        int | None, typer.Option(min=1, help="Number of trials, including those before a resume. Default: 20.")
    ] = None,
    metric: Annotated[
        str,
        typer.Option(help="Score to search by, on the validation split. Default: what chooses the best checkpoint."),
    ] = "",
    out: Annotated[Path | None, typer.Option(help="Folder of the search. Default: runs/searches/RECIPE.")] = None,
    resume: Annotated[Path | None, typer.Option(help="Folder of a search to resume.", metavar="DIR")] = None,
    jobs: Jobs = 1,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the draws. Each recipe keeps its own train.seed.")] = 0,
    pruner: Annotated[
        Pruner, typer.Option(help="Stop a trial that is worse than the median of the others at its epoch, or none.")
    ] = Pruner.MEDIAN,
    storage: Annotated[
        str, typer.Option(help="URL of a database that several machines share. Default: a file in the folder.")
    ] = "",
    study: Annotated[str, typer.Option(help="Name of the study in the database. Default: the recipe's name.")] = "",
    data: Data = None,
    data_path: DataPath = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON at the end.")] = False,
    allow: Allow = None,
    cache: Cache = None,
    max_pixels: MaxPixels = None,
) -> None:
    """Search for a recipe's best values with Optuna, each trial as its own run.

    Ranges are uniform(0,1), log(1e-4,1e-1), int(8,64), logint(8,64) and choice(32,64,128), in the shell's quotes; a plain
    a.b=value is the same in every trial. Everything is checked before the first trial. To continue, repeat the command
    or give --resume DIR: finished trials are not repeated, unfinished trials are resumed. Writes the best recipe as
    DIR/best.yaml, which `pixelwise train` takes, and DIR/search.html. The search never uses the test split.
    """
    from pixelwise.data.base import data_root
    from pixelwise.errors import RecipeError
    from pixelwise.experiments.folder import Folder

    if (recipe is None) == (resume is None):
        raise RecipeError(
            "name a recipe with what to search, or a search to continue with --resume.",
            hint="e.g. pixelwise search quickstart 'train.optimizer.learning_rate=log(1e-4,1e-1)' --trials 20",
        )
    where = None if data is None else str(data_root(data))
    path = {} if data_path is None else {"path": str(data_path.expanduser().absolute())}
    if recipe is not None:
        folder = Folder(out or Path("runs/searches") / Path(recipe).with_suffix(""), "search")
        asked: dict[str, Any] = {"recipe": recipe, "texts": list(ranges or ()), "metric": metric}
        asked |= {"trials": trials or 20, "seed": seed, "pruner": pruner.value, "data": where}
        asked |= {"storage": storage, "study": study or recipe}
        asked |= path
        checked = _check_search(asked)
        with folder.writing():
            _run_trials(folder, asked, *checked, jobs)
            _show_search(folder, as_json)
        return
    folder = Folder(resume or Path(), "search")
    folder.record()  # else it is not a search
    with folder.writing():
        asked = {key: value for key, value in folder.record().items() if key not in ("format", "worker")}
        asked |= {} if trials is None else {"trials": trials}
        asked |= {} if where is None else {"data": where}
        asked |= {"storage": storage or _known_storage(asked["storage"])}
        asked |= path
        _run_trials(folder, asked, *_check_search(asked), jobs)
        _show_search(folder, as_json)


def _known_storage(url: str) -> str:
    """The database of a search that is resumed; its password is never written down."""
    from pixelwise.errors import RunError
    from pixelwise.run.passwords import HIDDEN

    if HIDDEN in url:
        hint = "Give the URL again with --storage."
        raise RunError("the password in the database's URL is not recorded.", where=f"--storage {url}", hint=hint)
    return url


def _check_search(asked: dict[str, Any]) -> tuple[Space, Aim, Path | None]:
    """What is searched, for what, and the data folder. Raises PixelwiseError if anything of it cannot be used."""
    from pixelwise.experiments.runner import open_data
    from pixelwise.experiments.search import find_aim
    from pixelwise.experiments.settings import read_space
    from pixelwise.experiments.study import require_optuna

    require_optuna()
    place = None if asked.get("path") is None else Path(asked["path"])
    space = replace(read_space(asked["recipe"], asked["texts"]), place=place)
    base = space.recipe_at({one.path: one.ends[0] for one in space.ranges})
    data = None if asked["data"] is None else Path(asked["data"])
    return space, find_aim(base, open_data(base, data), asked["metric"]), data


def _run_trials(folder: Folder, asked: dict[str, Any], space: Space, aim: Aim, data: Path | None, jobs: int) -> None:
    """Train trials until there are enough."""
    from pixelwise.experiments.display import ExperimentDisplay, follow
    from pixelwise.experiments.runner import run_all
    from pixelwise.experiments.search import STUDY, Search, begin_search
    from pixelwise.experiments.study import open_study
    from pixelwise.run.passwords import hide_passwords

    identity = {**space.record(), "metric": aim.key, "higher_is_better": aim.higher_is_better, "split": aim.split}
    place = asked["storage"] or folder.path / STUDY
    record = {**asked, "storage": hide_passwords(asked["storage"])}
    if not folder.exists and not asked["storage"]:  # before the study's file: a kill between them leaves a search
        begin_search(folder, record)
    study = open_study(place, asked["study"], space, identity, seed=asked["seed"], pruner=asked["pruner"])
    begin_search(folder, record)
    search = Search(folder, study, space, aim)
    trials = search.proposals(asked["trials"], alone=not asked["storage"])
    display = ExperimentDisplay("trials", asked["trials"], before=search.before(), jobs=jobs, aim=aim)
    with stopping(folder, "trials"):
        follow(run_all(folder, trials, jobs=jobs, data=data, ended=search.ended, watch=search.watch), display)


def _show_search(folder: Folder, as_json: bool) -> None:
    """The best trials, the best recipe, the page; exit code 1 where no trial finished."""
    from pixelwise.experiments.page import best_table, build_search_page
    from pixelwise.experiments.search import BEST
    from pixelwise.run.folder import read_part

    page, record = build_search_page(folder.path), read_part(folder.path, "trials")
    best = record["best"]
    best_file = str(folder.path / BEST) if best else None
    if as_json:
        show_json({**record, "best_recipe": best_file, "page": str(page)})
    else:
        if best:
            show_table(result_console(), best_table(record, folder.path, rows=5), "the best trials")
            say(f"\nrecipe   {best_file}")
        say(f"page     {page}")
    failed = [trial for trial in record["trials"] if trial["state"] == "failed"]
    if failed:
        say(f"\n{len(failed)} of {len(record['trials'])} trials failed:", err=True)
        for trial in failed[:MOST_FAILED]:
            say(f"  - {trial['name']}: {trial['message']} Log: {folder.log_file(trial['name'])}", err=True)
    if not best:
        say("No trial finished, so there is no best recipe.", err=True)
        raise typer.Exit(1)
