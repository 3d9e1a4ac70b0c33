"""Finished runs that a person has already: those that count for a course, and those that do not, with the reason."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from pixelwise.courses.course import Course
from pixelwise.errors import PixelwiseError
from pixelwise.recipe.load import check_recipe, load_recipe
from pixelwise.recipe.schema import Recipe
from pixelwise.run.folder import RunFolder
from pixelwise.run.identity import deciding, differences
from pixelwise.run.records.plain import is_plain_file
from pixelwise.run.words import ABSENT, listed

MOST_FOLDERS, DEPTH = 1000, 5  # that are looked into, and folders within folders
MOST_DIFFERENCES, LONGEST = 3, 40  # that are named, and characters of a value

Found = Mapping[str, tuple[RunFolder, ...]]  # recipe → finished runs of it


@dataclass(frozen=True)
class Unused:
    """Runs that have the title or the name of a recipe of the course and do not count, and why, in words."""

    recipe: str
    why: str
    runs: tuple[Path, ...]

    def __str__(self) -> str:
        verb = "is" if len(self.runs) == 1 else "are"
        return f"{listed(list(map(str, self.runs)))} {verb} not used for {self.recipe}: {self.why}"


@dataclass(frozen=True)
class Earlier:
    """What was found. unused: of recipes for which no run counts."""

    found: Found
    unused: tuple[Unused, ...] = ()


def folder_name(recipe: str, seed: int) -> str:
    """The name of a recipe's run in the folder of a course."""
    return f"{recipe.replace('/', '.')}-s{seed}"


def earlier_runs(course: Course, place: Path) -> Earlier:
    """The finished runs in a folder that are of the course's recipes as they are shipped, whatever their seed and hardware."""
    shipped = {name: load_recipe(name) for name in course.recipes}
    wanted = {_identity(recipe): name for name, recipe in shipped.items()}
    titles = {recipe.title: name for name, recipe in shipped.items()}
    found: dict[str, list[RunFolder]] = {}
    unused: dict[tuple[str, str], list[Path]] = {}
    for path in islice(_run_folders(place), MOST_FOLDERS):
        run, named = RunFolder(path), _named(path, shipped)
        setup: Mapping[str, Any] = {}
        with suppress(PixelwiseError, OSError):
            setup = run.read("setup").get("recipe") or {}
        named = named or titles.get(str(setup.get("title")), "")
        try:
            made = check_recipe(setup, where="recipe")
            name = wanted.get(_identity(made), "")
            if name and run.has("summary") and "splits" in run.read("summary"):
                found.setdefault(name, []).append(run)
            elif name or named:
                why = _why(run, made, None if name else shipped[named])
                unused.setdefault((name or named, why), []).append(path)
        except (PixelwiseError, OSError) as error:
            if named:
                why = f"the recipe cannot be read by this version ({str(error).splitlines()[0]})."
                unused.setdefault((named, why), []).append(path)
    missing = (Unused(*key, tuple(paths)) for key, paths in unused.items() if key[0] not in found)
    return Earlier({name: tuple(runs) for name, runs in found.items()}, tuple(missing))


def _why(run: RunFolder, made: Recipe, shipped: Recipe | None) -> str:
    """Why a run does not count. shipped: the recipe that it has the name of, where its own one differs."""
    if shipped is None:
        return f"it is not finished. `pixelwise train --resume {run.path}` continues it."
    before, after = (
        _by_name(deciding(one.model_dump(mode="json"), "hardware", "train.seed")) for one in (made, shipped)
    )
    told = [_difference(*one) for one in differences(before, after)]
    more = f", and {len(told) - MOST_DIFFERENCES} more" if len(told) > MOST_DIFFERENCES else ""
    return f"the recipe differs from the shipped one ({'; '.join(told[:MOST_DIFFERENCES])}{more})."


def _by_name(value: Any) -> Any:
    """A recipe with its lists of named items as maps: `metrics.confusion`, and `metrics.confusion 2` where it comes twice."""
    if isinstance(value, Mapping):
        return {key: _by_name(inner) for key, inner in value.items()}
    if not isinstance(value, list) or not value or not all(isinstance(one, Mapping) and "name" in one for one in value):
        return value
    found: dict[str, Any] = {}
    for one in value:
        count = sum(name.partition(" ")[0] == one["name"] for name in found)
        found[f"{one['name']} {count + 1}" if count else str(one["name"])] = _by_name(one)
    return found


def _difference(path: str, old: Any, new: Any) -> str:
    """`train.batch 3, now 8`, or which of the two has a part at all."""
    if isinstance(old or new, Mapping) and None in (old, new):
        return f"{path} is {'new' if old is None else 'no longer'} in it"
    return f"{path} {_short(old)}, now {_short(new)}"


def _short(value: Any) -> str:
    text = ABSENT if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _named(path: Path, recipes: Mapping[str, Recipe]) -> str:
    """The recipe that a run folder is named after: `voc2007.unet-s0`, or `voc2007/unet` within its folder."""
    name = re.sub(r"-s\d+$", "", path.name)
    return next((one for one in recipes if name == one.replace("/", ".") or f"{path.parent.name}/{name}" == one), "")


def _run_folders(place: Path, depth: int = DEPTH) -> Iterator[Path]:
    """The run folders below a folder, by name: `pixelwise train voc2007/unet` makes runs/voc2007/unet."""
    with suppress(PixelwiseError, OSError):
        for path in sorted(place.iterdir()):
            if path.is_symlink() or not path.is_dir():
                continue
            if is_plain_file(RunFolder(path).recipe_file):
                yield path
            elif depth > 1:
                yield from _run_folders(path, depth - 1)


def _identity(recipe: Recipe) -> str:
    return json.dumps(deciding(recipe.model_dump(mode="json"), "hardware", "train.seed"), sort_keys=True)
