"""`pixelwise check` and `pixelwise train`"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pixelwise.cli.options import Allow, AsJson, Cache, Changes, Data, DataPath, MaxPixels, RecipeName, RecipeOrNone
from pixelwise.terminal.output import clean_line, say, show_json

if TYPE_CHECKING:
    from pixelwise.engine.checks.guard import Interruption
    from pixelwise.recipe.schema import Recipe
    from pixelwise.run.events import Event

    Caching = Callable[[str, int, int], None] | None


def check(
    recipe: RecipeName,
    overrides: Changes = None,
    as_json: AsJson = False,
) -> None:
    """Check a recipe without loading data or PyTorch.

    All problems are shown at once, each with its path and, if a known name is similar, a suggestion. The exit code is 0 if
    the recipe is correct, else 2. To check the data set too, use `pixelwise data check`.
    """
    from pixelwise.errors import PixelwiseError
    from pixelwise.recipe.effects import remarks
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
        record = {"recipe": recipe, "sound": True, "problems": [], "notes": remarks(checked)}
        show_json({**record, "resolved": checked.model_dump(mode="json"), "not_allowed": outside})
        return
    length = " and ".join(_lengths(checked))
    say(clean_line(f"{recipe} is correct: {checked.title}"))
    say(
        f"  {checked.task.name} with {checked.model.name} on {checked.data.dataset.name}, {length} in batches of "
        f"{checked.train.batch}; the best checkpoint is chosen by {checked.train.best}"
    )
    if checked.data.test:
        say(f"  the split '{checked.data.test}' is scored once, at the end")
    for remark in remarks(checked):
        say(f"  note: {remark}")
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
    epochs: Annotated[
        int | None, typer.Option(min=1, help="With --resume: the new length of the whole run in epochs.")
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(min=1, help="The same in steps, if the recipe gives the last phase's length in steps."),
    ] = None,
    from_run: Annotated[
        Path | None, typer.Option("--from", help="Start from the best weights of this run.", metavar="RUN")
    ] = None,
    except_for: Annotated[
        list[str] | None,
        typer.Option(
            "--except",
            help="With --from: a part of the model, or a pattern of names such as 'head.*', that keeps its first weights; "
            "may be repeated. Without it everything has to fit.",
            metavar="PART",
        ),
    ] = None,
    data: Data = None,
    data_path: DataPath = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON at the end.")] = False,
    allow: Allow = None,
    cache: Cache = None,
    max_pixels: MaxPixels = None,
) -> None:
    """Train a recipe, or resume an interrupted run.

    Ends with the scores of the best weights and a report. Ctrl-C saves and says how to resume. --resume RUN --epochs N makes
    a run longer, also one that is finished. Under `torchrun --nproc-per-node N -m pixelwise train ...` N processes train
    together.
    """
    from pixelwise.errors import RecipeError
    from pixelwise.recipe.load import check_allowed, load_recipe
    from pixelwise.recipe.place import moved

    if recipe is None and resume is None:
        raise RecipeError(
            "name a recipe to train, or a run to resume with --resume.",
            hint="`pixelwise list recipes` names the recipes; `pixelwise train quickstart` needs no data.",
        )
    _check_options(resume, {"--epochs": epochs, "--steps": steps}, from_run, except_for)
    checked = None if recipe is None else check_allowed(load_recipe(recipe, overrides or ()), recipe)
    from pixelwise.engine import train as engine

    begin: Callable[..., Iterator[Event]]
    if resume is not None:
        path, name, device = resume, engine_of(resume), "auto" if checked is None else checked.hardware.device
        begin = partial(engine.resume, recipe=checked, data=data, data_path=data_path, epochs=epochs, steps=steps)
    elif checked is not None:
        checked = checked if data_path is None else moved(checked, data_path)
        path, name, device = out or free_folder(recipe or ""), checked.engine, checked.hardware.device
        begin = partial(engine.train, checked, data=data, from_run=from_run, except_for=except_for or ())
    _together(begin, path, name, device, data, as_json)


def _check_options(
    resume: Path | None, length: Mapping[str, int | None], from_run: Path | None, except_for: list[str] | None
) -> None:
    """Raise RecipeError with every option that does not go with the others."""
    from pixelwise.errors import Problem, RecipeError

    problems = []
    for option, value in length.items():
        if value is not None and resume is None:
            hint = f"For a new run write train.phases.0.{option.removeprefix('--')}={value}."
            problems.append(Problem(option, "needs --resume RUN, whose training it makes longer.", hint))
    if from_run is not None and resume is not None:
        problems.append(Problem("--from", "starts a new run, and --resume continues one.", "Leave out one of them."))
    if except_for and from_run is None:
        problems.append(
            Problem("--except", "names parts that are not taken from the run of --from.", "Add --from RUN.")
        )
    if problems:
        raise RecipeError.all(problems)


def engine_of(path: Path) -> str:
    """The engine of a run; torch if its record names none or an unknown one, which the check of the recipe reports."""
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


def _together(
    begin: Callable[..., Iterator[Event]], path: Path, engine: str, device: str, data: Path | None, as_json: bool
) -> None:
    """Follow a training in every process that takes part in it; the first one prints."""
    from pixelwise.engine.hardware.allocator import keep_large_buffers

    keep_large_buffers()  # before torch allocates anything
    from pixelwise.engine.base import engine_named
    from pixelwise.engine.checks.guard import Interruption
    from pixelwise.run.lock import adopt_lock

    adopt_lock()  # of a sweep or a search
    interruption = Interruption()
    with engine_named(engine).join(device) as joined:
        path = joined.from_first(lambda: path)
        together = partial(begin, path, processes=joined, interruption=interruption)
        if joined.first:
            _follow(lambda caching: together(caching=caching), path, data, as_json, interruption)
        else:
            for _ in begin(path, processes=joined):
                pass


def _follow(
    begin: Callable[[Caching], Iterator[Event]],
    path: Path,
    data: Path | None,
    as_json: bool,
    interruption: Interruption,
) -> None:
    """Show a training from its first event to its scores; with `as_json` the summary as JSON in their place."""
    from pixelwise.engine.checks.guard import exit_code
    from pixelwise.outside import again
    from pixelwise.report.baselines import lines
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
        command = ["pixelwise", "train", "--resume", str(path), *(["--data", str(data)] if data else [])]
        say(f"Saved. Resume with: {shlex.join(command)}{again()}", err=True)
        raise typer.Exit(exit_code(interruption.number))
    if as_json:
        show_json({**run.read("summary"), "run": str(path)})
    else:
        summary = run.read("summary")
        show_scores(summary, run=path, report=run.report_file, beside=tuple(lines(run, summary)))
