"""Where the data set of a recipe is: its option `path`, or that of the data set that it wraps (`of`)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pixelwise.errors import RecipeError
from pixelwise.recipe.schema import Item, Recipe


def place_of(recipe: Recipe) -> str | None:
    """The path of the recipe's data set as it is written; None if the data set has no option `path`."""
    return _found(recipe.data.dataset.model_dump())


def innermost(recipe: Recipe) -> dict[str, Any]:
    """The options of the recipe's data set, or of the one that it wraps; empty for one that is not of a folder."""
    item = recipe.data.dataset.model_dump()
    while isinstance(item.get("of"), dict):
        item = item["of"]
    return item if item.get("name") == "folder" else {}


def moved(recipe: Recipe, path: Path | str) -> Recipe:
    """The recipe with its data set at another path. Raises RecipeError if the data set has no option `path`.

    path:  a Path is made absolute; a text stays as written in a recipe
    """
    item = recipe.data.dataset.model_dump()
    if _found(item) is None:
        raise RecipeError(
            f"data set '{item['name']}' has no option 'path'.",
            where="--path",
            hint="Name the data folder that contains it with --data.",
        )
    there = Item(**_at(item, path if isinstance(path, str) else str(path.expanduser().absolute())))
    return recipe.model_copy(update={"data": recipe.data.model_copy(update={"dataset": there})})


def _found(item: Mapping[str, Any]) -> str | None:
    if "path" in item:
        return str(item["path"])
    of = item.get("of")
    return _found(of) if isinstance(of, Mapping) else None


def _at(item: Mapping[str, Any], path: str) -> dict[str, Any]:
    return {**item, "path": path} if "path" in item else {**item, "of": _at(item["of"], path)}
