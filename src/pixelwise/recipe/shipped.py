"""The recipes that come with the package, and the file of a recipe by its name."""

from __future__ import annotations

import re
from pathlib import Path

from pixelwise.errors import RecipeError, did_you_mean, shown

SHIPPED = Path(__file__).resolve().parent.parent / "recipes"


def shipped_recipes() -> dict[str, Path]:
    """The recipes that come with the package, by name such as `voc2007/unet`."""
    names = {path.relative_to(SHIPPED).with_suffix("").as_posix(): path for path in SHIPPED.rglob("*.yaml")}
    return {name: names[name] for name in sorted(names, key=_with_numbers_in_order)}


def _with_numbers_in_order(name: str) -> list[tuple[str, int]]:
    """A key that puts `batch/32` before `batch/128`."""
    return [("", int(part)) if part.isdecimal() else (part, 0) for part in re.split(r"(\d+)", name)]


def find_recipe(name: str, beside: Path | None = None) -> Path:
    """The file of a recipe: a shipped name, or a path (relative to the recipe that names it)."""
    shipped = shipped_recipes()
    if name in shipped:
        return shipped[name]
    path = Path(name) if beside is None else beside.parent / name
    try:
        if path.is_file():
            return path
    except OSError:  # a name that is too long, a folder that may not be read: no recipe either
        pass
    raise RecipeError(
        f"recipe {shown(name)} was not found, neither shipped with pixelwise nor as a file.",
        where="" if beside is None else f"{beside}: extends",
        hint=did_you_mean(name, shipped) or "`pixelwise list recipes` names them all.",
    )
