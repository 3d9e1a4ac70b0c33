"""`pixelwise find-lr`"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from pixelwise.cli.options import Allow, AsJson, Cache, Changes, Data, DataPath, MaxPixels, RecipeName
from pixelwise.terminal.output import clean_line, say, show_json

NAME = "find-lr"  # of the files in --out
ENDED = {
    "all": "",
    "grown": ", and had grown to four times that at {last:.2g}",
    "not finite": ", and was not finite after {last:.2g}",
}


def find_lr(
    recipe: RecipeName,
    overrides: Changes = None,
    lowest_rate: Annotated[float, typer.Option(metavar="RATE", help="Learning rate of the first update.")] = 1e-6,
    highest_rate: Annotated[float, typer.Option(metavar="RATE", help="Learning rate of the last update.")] = 1.0,
    steps: Annotated[int, typer.Option(min=10, max=10_000, help="Number of updates.")] = 100,
    phase: Annotated[int, typer.Option(min=0, help="Phase of the recipe (its loss, its frozen parts), from 0.")] = 0,
    from_run: Annotated[
        Path | None, typer.Option("--from", help="Start from the best weights of this run.", metavar="RUN")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for find-lr.svg and find-lr.json. Default: none.")] = None,
    data: Data = None,
    data_path: DataPath = None,
    as_json: AsJson = False,
    allow: Allow = None,
    cache: Cache = None,
    max_pixels: MaxPixels = None,
) -> None:
    """Find a learning rate by a range test (Smith 2017).

    Makes one update at each of many rates, from small to large, with the recipe's model, data, loss, batch and optimizer, and
    prints where the loss falls fastest, where it is lowest, and a suggestion: the middle of the longest stretch in which the
    smoothed loss falls. No run folder is made, and the weights are thrown away. Without --out no file is written.
    """
    from pixelwise.errors import Problem, RecipeError
    from pixelwise.recipe.load import check_allowed, load_recipe
    from pixelwise.recipe.place import moved

    if not 0 < lowest_rate < highest_rate < float("inf"):
        what = f"read {lowest_rate:g} and {highest_rate:g}; the lowest rate must be above 0 and below the highest one."
        raise RecipeError.all([Problem("--lowest-rate, --highest-rate", what)])
    checked = check_allowed(load_recipe(recipe, overrides or ()), recipe)
    checked = checked if data_path is None else moved(checked, data_path)
    files = _files(out)
    from pixelwise.engine.hardware.allocator import keep_large_buffers

    keep_large_buffers()  # before torch allocates anything
    from pixelwise.engine.rates import spread_rates, try_rates
    from pixelwise.engine.train import prepare
    from pixelwise.terminal.bars import Line

    with Line("reading") as line:
        parts = prepare(checked, data=data, from_run=from_run, caching=line.show)
    with Line("trying", unit="rates") as line:
        rates = spread_rates(lowest_rate, highest_rate, steps)
        found = try_rates(parts, phase, rates, lambda done, total: line.show("", done, total))
    own = checked.train.phases[phase].learning_rate is not None
    key = f"train.phases.{phase}.learning_rate" if own else "train.optimizer.learning_rate"
    record = {"recipe": recipe, "title": checked.title, "phase": phase, "key": key, **found.as_record()}
    _write(files, record)
    if as_json:
        show_json({**record, "files": {name: str(file) for name, file in files.items()}})
        return
    _print(record, files)


def _files(out: Path | None) -> dict[str, Path]:
    """What is to be written. Raises RecipeError if one of the files is there already."""
    from pixelwise.errors import RecipeError

    files = {} if out is None else {"plot": out / f"{NAME}.svg", "record": out / f"{NAME}.json"}
    for file in files.values():
        if os.path.lexists(file):
            raise RecipeError("is there already.", where=str(file), hint="Choose another --out.")
    return files


def _write(files: Mapping[str, Path], record: Mapping[str, Any]) -> None:
    from pixelwise.run.atomic import write_json

    if files:
        from pixelwise.report.plotting import write_svg
        from pixelwise.report.rates import draw_rates

        write_json(files["record"], record)
        write_svg(files["plot"], lambda width: draw_rates(record, width))


def _print(record: Mapping[str, Any], files: Mapping[str, Path]) -> None:
    tried, lowest = record["tried"], record["lowest"]
    span = f"{tried[0]['rate']:.2g} to {tried[-1]['rate']:.2g}"
    say(clean_line(f"{len(tried)} updates at rates from {span}, phase {record['phase']} of {record['title']}"))
    ended = ENDED[record["ended"]].format(last=tried[-1]["rate"])
    say(
        f"the smoothed loss falls fastest at {record['steepest']['rate']:.2g}, is lowest at {lowest['rate']:.2g} "
        f"({lowest['smooth']:.3g}){ended}"
    )
    if record["suggestion"] is not None:
        say(f"suggestion  {record['key']}={record['suggestion']:.2g}  ({record['rule']})")
    if record["remark"]:
        say(record["remark"])
    for name, file in files.items():
        say(f"{name:<10}  {file}")
