"""`pixelwise check` and `pixelwise train`"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pixelwise.cli.options import Allow, AsJson, Changes, Data, RecipeName, RecipeOrNone
from pixelwise.terminal.output import say, show_json

if TYPE_CHECKING:
    from pixelwise.recipe.schema import Recipe
    from pixelwise.run.events import Event

    Caching = Callable[[str, int, int], None] | None


def check(
    recipe: RecipeName,
    overrides: Changes = None,
    as_json: AsJson = False,
) -> None:
    """Check a recipe without loading anything.

    Every problem is shown at once, each with its path and, where something is near, a suggestion. Exit code 0: sound,
    2: not. To check the data set too, use `pixelwise data check`.
    """
    from pixelwise.errors import PixelwiseError
    from pixelwise.recipe.load import load_recipe, not_allowed

    try:
        checked = load_recipe(recipe, overrides or ())
    except PixelwiseError as error:
        if not as_json:
            raise
        problems = [{"where": p.where, "what": p.what, "hint": p.hint} for p in error.problems]
        show_json({"recipe": recipe, "sound": False, "problems": problems})
        raise typer.Exit(2) from None
    outside = [{"where": where, "name": name} for where, name in not_allowed(checked).items()]
    if as_json:
        record = {"recipe": recipe, "sound": True, "problems": [], "resolved": checked.model_dump(mode="json")}
        show_json({**record, "not_allowed": outside})
        return
    length = " and ".join(_lengths(checked))
    say(f"{recipe} is sound: {checked.title}")
    say(
        f"  {checked.task.name} with {checked.model.name} on {checked.data.dataset.name}, {length} in batches of "
        f"{checked.train.batch}; the best checkpoint is chosen by {checked.train.best}"
    )
    if names := list(dict.fromkeys(one["name"] for one in outside)):
        modules = dict.fromkeys(name.partition(":")[0] for name in names)
        say(f"  it names code outside pixelwise: {', '.join(names)}")
        say(f"  if you trust that code, add --allow {','.join(modules)} to the training")


def _lengths(recipe: Recipe) -> Iterator[str]:
    """`25 epochs`, `1,125 steps`, or both where the phases are given in different units."""
    phases = recipe.train.phases
    for unit, counts in (("epoch", [p.epochs for p in phases]), ("step", [p.steps for p in phases])):
        if total := sum(count or 0 for count in counts):
            yield f"1 {unit}" if total == 1 else f"{total:,} {unit}s"


def train(
    recipe: RecipeOrNone = None,
    overrides: Changes = None,
    out: Annotated[Path | None, typer.Option(help="Run folder to make. Default: runs/RECIPE, numbered.")] = None,
    resume: Annotated[Path | None, typer.Option(help="Run folder to resume.", metavar="RUN")] = None,
    data: Data = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON at the end.")] = False,
    allow: Allow = None,
) -> None:
    """Train a recipe, or resume an interrupted run.

    Ends with the scores of the best weights and a report. Ctrl-C saves and says how to resume. Under
    `torchrun --nproc-per-node N -m pixelwise train ...` N processes train together.
    """
    from pixelwise.errors import RecipeError
    from pixelwise.recipe.load import check_allowed, load_recipe

    if recipe is None and resume is None:
        raise RecipeError(
            "name a recipe to train, or a run to resume with --resume.",
            hint="`pixelwise list recipes` names the recipes; `pixelwise train quickstart` needs no data.",
        )
    checked = None if recipe is None else check_allowed(load_recipe(recipe, overrides or ()), recipe)
    path = resume or out or free_folder(recipe or "")
    going_on = resume is not None
    _train(checked, path, data, going_on=going_on, as_json=as_json)


def engine_of(path: Path) -> str:
    """The engine of a run; torch where it does not say, or names none that there is: whoever checks the recipe says so."""
    from pixelwise.recipe.engines import ENGINES
    from pixelwise.run.folder import RunFolder

    named = RunFolder.open(path).recipe_tree().get("engine")
    return named if isinstance(named, str) and named in ENGINES else "torch"


def free_folder(recipe: str, under: Path = Path("runs")) -> Path:
    """runs/quickstart, or runs/quickstart-2 where that is taken, and so on. Under torchrun all processes take the first's."""
    stem = recipe.removesuffix(".yaml").removesuffix(".yml").strip("/.")
    name = stem if "/" not in stem or not Path(recipe).suffix else Path(stem).name
    number = 1
    while True:
        path = under / (name if number == 1 else f"{name}-{number}")
        if not path.exists():
            return path
        number += 1


def _train(recipe: Recipe | None, path: Path, data: Path | None, *, going_on: bool, as_json: bool) -> None:
    from pixelwise.engine.hardware.allocator import keep_large_buffers

    keep_large_buffers()  # before torch allocates anything
    from pixelwise.engine import train as engine
    from pixelwise.engine.base import engine_named

    learner = engine_named(engine_of(path) if recipe is None else recipe.engine)
    with learner.join("auto" if recipe is None else recipe.hardware.device) as joined:
        path = joined.from_first(lambda: path)

        def begin(caching: Caching) -> Iterator[Event]:
            if going_on or recipe is None:
                return engine.resume(path, data=data, processes=joined, recipe=recipe, caching=caching)
            return engine.train(recipe, path, data=data, processes=joined, caching=caching)

        if joined.first:
            _follow(begin, path, as_json)
        else:
            for _ in begin(None):
                pass


def _follow(begin: Callable[[Caching], Iterator[Event]], path: Path, as_json: bool) -> None:
    """Show a training from its first event to its scores; with `as_json` the summary as JSON in their place."""
    from pixelwise.outside import again
    from pixelwise.run.folder import RunFolder
    from pixelwise.terminal.bars import Line
    from pixelwise.terminal.scores import show_scores
    from pixelwise.terminal.training import Display

    with Line("reading") as line:
        events = begin(line.show)
        last = next(events)  # everything is read and checked before the first event
    run = RunFolder.open(path)
    with Display(batch=run.recipe_tree()["train"]["batch"]) as display:
        display.show(last)
        for last in events:
            display.show(last)
    if getattr(last, "reason", "") == "interrupted":
        say(f"Saved. Resume with: pixelwise train --resume {path}{again()}", err=True)
        raise typer.Exit(130)
    if as_json:
        show_json({**run.read("summary"), "run": str(path)})
    else:
        show_scores(run.read("summary"), run=path, report=run.report_file)
