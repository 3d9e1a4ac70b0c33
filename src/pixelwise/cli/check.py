"""`pixelwise check`"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from pixelwise.terminal.output import say, show_json

if TYPE_CHECKING:
    from pixelwise.recipe.schema import Recipe


def check(
    recipe: Annotated[str, typer.Argument(help="Name of a shipped recipe, or a YAML file.")],
    overrides: Annotated[list[str] | None, typer.Argument(help="Changes, e.g. train.batch=8 model.width=32.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs instead.")] = False,
) -> None:
    """Check a recipe without loading anything.

    Every problem is shown at once, each with its path and, where something is near, a suggestion. Exit code 0: sound,
    2: not. Whether the data are there, and sound, `pixelwise data check` tells.
    """
    from pixelwise.errors import PixelwiseError
    from pixelwise.recipe.load import load_recipe

    try:
        checked = load_recipe(recipe, overrides or ())
    except PixelwiseError as error:
        if not as_json:
            raise
        problems = [{"where": p.where, "what": p.what, "hint": p.hint} for p in error.problems]
        show_json({"recipe": recipe, "sound": False, "problems": problems})
        raise typer.Exit(2) from None
    if as_json:
        record = {"recipe": recipe, "sound": True, "problems": [], "resolved": checked.model_dump(mode="json")}
        show_json(record)
        return
    length = " and ".join(_lengths(checked))
    say(f"{recipe} is sound: {checked.title}")
    say(
        f"  {checked.task.name} with {checked.model.name} on {checked.data.dataset.name}, {length} in batches of "
        f"{checked.train.batch}; the best checkpoint is chosen by {checked.train.best}"
    )


def _lengths(recipe: Recipe) -> Iterator[str]:
    """`25 epochs`, `1,125 steps`, or both where the phases are given in different units."""
    phases = recipe.train.phases
    for unit, counts in (("epoch", [p.epochs for p in phases]), ("step", [p.steps for p in phases])):
        if total := sum(count or 0 for count in counts):
            yield f"1 {unit}" if total == 1 else f"{total:,} {unit}s"
