"""`pixelwise search`"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from pixelwise.engine.search.aim import Aim
    from pixelwise.engine.search.folder import SearchFolder
    from pixelwise.engine.search.ranges import Space

INTERRUPTED = 130


class Pruner(StrEnum):
    """Which trials are stopped early."""

    MEDIAN = "median"
    NONE = "none"


def search(
    recipe: Annotated[str | None, typer.Argument(help="Name of a shipped recipe, or a YAML file.")] = None,
    ranges: Annotated[
        list[str] | None,
        typer.Argument(help="What to search, e.g. train.optimizer.learning_rate=log(1e-4,1e-1) model.width=int(8,64)."),
    ] = None,
    trials: Annotated[
        int | None, typer.Option(min=1, help="Trials in all, those before a resume too. Default: 20.")
    ] = None,
    metric: Annotated[
        str,
        typer.Option(help="Score to search by, on the validation split. Default: what chooses the best checkpoint."),
    ] = "",
    out: Annotated[Path | None, typer.Option(help="Folder of the search. Default: runs/searches/RECIPE.")] = None,
    resume: Annotated[Path | None, typer.Option(help="Folder of a search to go on with.", metavar="DIR")] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Runs at a time.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Of what is drawn. Each recipe keeps its own train.seed.")] = 0,
    pruner: Annotated[
        Pruner, typer.Option(help="Stop a trial that is worse than the median of the others at its epoch, or none.")
    ] = Pruner.MEDIAN,
    storage: Annotated[
        str, typer.Option(help="URL of a database that several machines share. Default: a file in the folder.")
    ] = "",
    study: Annotated[str, typer.Option(help="Name of the study in the database. Default: the recipe's name.")] = "",
    data: Annotated[
        Path | None, typer.Option(help="Data folder. Default: PIXELWISE_DATA, else ~/.cache/pixelwise.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON at the end; progress goes to stderr.")] = False,
) -> None:
    """Search a recipe's best values by Optuna, each trial as a run of its own.

    Ranges are uniform(0,1), log(1e-4,1e-1), int(8,64), logint(8,64) and choice(32,64,128), in the shell's quotes; a plain
    a.b=value is the same in every trial. Everything is checked before the first trial. The same command again, or
    --resume DIR, goes on: finished trials are not repeated, half-done ones are resumed. Ends with the best recipe as
    DIR/best.yaml, which `pixelwise train` takes, and DIR/search.html. The test split is never looked at to choose.
    """
    from pixelwise.engine.search.folder import SearchFolder
    from pixelwise.errors import RecipeError

    if (recipe is None) == (resume is None):
        raise RecipeError(
            "name a recipe with what to search, or a search to go on with by --resume.",
            hint="e.g. pixelwise search quickstart 'train.optimizer.learning_rate=log(1e-4,1e-1)' --trials 20",
        )
    if recipe is not None:
        folder = SearchFolder(out or Path("runs/searches") / Path(recipe).with_suffix(""))
        told: dict[str, Any] = {
            "recipe": recipe,
            "texts": list(ranges or ()),
            "metric": metric,
            "trials": trials or 20,
            "seed": seed,
        }
        told |= {"pruner": pruner.value, "storage": storage, "study": study or recipe}
        told |= {"data": None if data is None else str(data.expanduser().absolute())}
    else:
        folder = SearchFolder(resume or Path())
        told = {key: value for key, value in folder.record().items() if key not in ("format", "worker")}
        told |= {} if trials is None else {"trials": trials}
        told |= {} if data is None else {"data": str(data.expanduser().absolute())}
        told |= {"storage": storage or _known_storage(told["storage"])}
    _search(folder, told, jobs, as_json)


def _known_storage(url: str) -> str:
    """The database of a search that goes on; a password is never written down."""
    from pixelwise.errors import RunError

    if ":***@" in url:
        hint = "Give the URL again with --storage."
        raise RunError("the database's password is not kept in the folder.", where=f"--storage {url}", hint=hint)
    return url


def _search(folder: SearchFolder, told: dict[str, Any], jobs: int, as_json: bool) -> None:
    """Check everything, then train trials until there are enough."""
    from pixelwise.data import DATASETS
    from pixelwise.data.root import data_root
    from pixelwise.engine.search.aim import find_aim
    from pixelwise.engine.search.ranges import read_space
    from pixelwise.engine.search.study import require_optuna

    require_optuna()
    space = read_space(told["recipe"], told["texts"])
    base = space.recipe_at({one.path: one.ends[0] for one in space.ranges})
    data = None if told["data"] is None else Path(told["data"])
    asked = base.data
    dataset = DATASETS.build(asked.dataset.name, data_root(data), **asked.dataset.options)
    dataset.check_split(asked.train)
    dataset.check_split(asked.validation)
    aim = find_aim(base, dataset, told["metric"])
    folder.check_free()
    with folder.runs.writing():
        _run(folder, told, space, aim, jobs, data, as_json)
    _tell_end(folder, as_json)


def _run(
    folder: SearchFolder, told: dict[str, Any], space: Space, aim: Aim, jobs: int, data: Path | None, as_json: bool
) -> None:
    from contextlib import closing

    from rich.console import Console

    from pixelwise.engine.checks.guard import terminable
    from pixelwise.engine.search.display import SearchDisplay
    from pixelwise.engine.search.runner import Searcher
    from pixelwise.engine.search.study import hide_password, open_study

    identity = {**space.record(), "metric": aim.key, "higher_is_better": aim.higher_is_better, "split": aim.split}
    place = told["storage"] or folder.study_file
    study = open_study(place, told["study"], space, identity, seed=told["seed"], pruner=told["pruner"])
    folder.begin({**told, "storage": hide_password(told["storage"])})
    searcher = Searcher(folder, study, space, aim, jobs=jobs, data=data)
    console = Console(stderr=as_json)
    try:
        with (
            terminable(),
            SearchDisplay(study.trials(), told["trials"], jobs, aim, console) as display,
            closing(searcher.run(told["trials"], alone=not told["storage"])) as changes,
        ):
            for change in changes:
                display.show(change)
    except KeyboardInterrupt:
        typer.echo(
            f"Stopped; trials at work are saved. Go on with: pixelwise search --resume {folder.path}", err=as_json
        )
        raise typer.Exit(INTERRUPTED) from None


def _tell_end(folder: SearchFolder, as_json: bool) -> None:
    """The best trials, the best recipe, the page; exit code 1 where no trial finished."""
    import json

    from rich.console import Console

    from pixelwise.report.comparison.search_page import best_table, build_search_page
    from pixelwise.run.atomic import read_json
    from pixelwise.terminal.table import show_table

    page, record = build_search_page(folder.path), read_json(folder.path / "trials.json")
    best = record["best"]
    files = {"best_recipe": str(folder.best_file) if best else None, "page": str(page)}
    if as_json:
        typer.echo(json.dumps({**record, **files}, indent=2, ensure_ascii=False))
    else:
        if best:
            show_table(Console(), best_table(record, rows=5), "the best trials")
            typer.echo(f"\nrecipe   {folder.best_file}")
        typer.echo(f"page     {page}")
    failed = [trial for trial in record["trials"] if trial["state"] == "failed"]
    if failed:
        typer.echo(f"\n{len(failed)} of {len(record['trials'])} trials failed:", err=True)
        for trial in failed[:8]:
            typer.echo(f"  - {trial['name']}: {trial['message']} Log: {folder.runs.log_file(trial['name'])}", err=True)
    if not best:
        typer.echo("No trial finished, so there is no best recipe.", err=True)
        raise typer.Exit(1)
