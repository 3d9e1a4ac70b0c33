"""The runs that a course needs: which of them exist, and how long the others take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pixelwise.courses.course import Course
from pixelwise.courses.earlier import Found, folder_name
from pixelwise.courses.recorded import Results, minutes
from pixelwise.experiments.folder import Folder, Planned
from pixelwise.recipe.load import check_recipe, load_recipe
from pixelwise.recipe.schema import Recipe
from pixelwise.run.folder import RunFolder
from pixelwise.run.words import duration
from pixelwise.terminal.table import Table

QUICK_PICTURES, QUICK_BATCH, QUICK_STEPS = 32, 8, 4


@dataclass(frozen=True)
class Needed:
    """A recipe of a course: its runs in the course's folder, and the results that can replace them.

    earlier:   finished runs in other folders, of the same recipe with any seed
    recorded:  whether the project's results stand in for it
    skipped:   why it is not trained; empty if it is
    """

    recipe: str
    runs: tuple[Planned, ...]
    earlier: tuple[RunFolder, ...] = ()
    recorded: bool = False
    skipped: str = ""

    @property
    def is_trained(self) -> bool:
        return not (self.earlier or self.recorded or self.skipped)


def needed(
    course: Course,
    folder: Folder,
    *,
    seeds: int = 1,
    quick: bool = False,
    long: bool = False,
    results: Results | None = None,
    found: Found | None = None,
) -> tuple[Needed, ...]:
    """The needed runs of each recipe of a course, in the course's order.

    seeds:    runs of each recipe, with its own seed and those after it
    quick:    trains a few steps on a few pictures of each split, only to see that everything runs
    long:     trains also what the course calls long
    results:  results of the project that stand in for recipes without a run
    found:    finished runs that are used and not repeated

    Raises RecipeError if a course names a recipe that is not shipped.
    """
    needs = []
    for name in course.recipes:
        recipe = load_recipe(name)
        first = recipe.train.seed
        recipes = [_with_seed(recipe, first + number) for number in range(1 if quick else seeds)]
        made = [quick_cut(one) if quick else one for one in recipes]
        runs = tuple(Planned(folder_name(name, one.train.seed), {}, one, words=one.title) for one in made)
        begun = any(folder.run(run.name).path.exists() for run in runs)
        earlier = () if begun or quick else (found or {}).get(name, ())
        recorded = not quick and not begun and not earlier and results is not None and name in results
        skipped = "" if long or begun or earlier or recorded else course.long.get(name, "")
        needs.append(Needed(name, runs, earlier, recorded, skipped))
    return tuple(needs)


def _with_seed(recipe: Recipe, seed: int) -> Recipe:
    return recipe.model_copy(update={"train": recipe.train.model_copy(update={"seed": seed})})


def quick_cut(recipe: Recipe) -> Recipe:
    """The recipe on a few pictures of each split for a few steps. Its scores mean nothing."""
    tree = recipe.model_dump(mode="json")
    data, train = tree["data"], tree["train"]
    if data["dataset"]["name"] != "first":  # that one is small already
        data["dataset"] = {"name": "cut", "of": data["dataset"], "count": QUICK_PICTURES}
        data.pop("exclude", None)
    train["batch"] = min(train["batch"], QUICK_BATCH)
    train["accumulate"] = 1
    for phase in train["phases"]:
        phase.pop("epochs", None)
        phase["steps"] = min(phase.get("steps") or QUICK_STEPS, QUICK_STEPS)
    tree["title"] = f"Quick cut: {tree['title']}"
    return check_recipe(tree, where="quick cut")


def begin(folder: Folder, name: str, needs: Sequence[Needed], data: Path | None) -> tuple[Planned, ...]:
    """Write the plan of a course's folder, or continue it; the runs that are to be trained now.

    Runs of an earlier call stay in the plan. Raises RunError if something else is in the folder.
    """
    asked = [run for need in needs if need.is_trained for run in need.runs]
    names = {run.name for run in asked}
    before = [run for run in folder.plan() if run.name not in names] if folder.exists else []
    folder.begin([*before, *asked], name, (), data)
    return tuple(asked)


def plan_table(needs: Sequence[Needed], folder: Folder, results: Results, quick: bool = False) -> Table:
    """A line for each run: its recipe, minutes where they were measured, and what is there."""
    rows = []
    for need in needs:
        measured = None if quick else minutes(results, need.recipe)
        time = "not measured" if measured is None else duration(60 * measured)
        if not need.is_trained:
            rows.append((need.recipe, "–", time, _instead(need)))
            continue
        for run in need.runs:
            there = {"new": "to train", "begun": "to resume", "done": "done"}[folder.standing(run)]
            rows.append((need.recipe, str(_seed(run)), time, there))
    return Table(("recipe", "seed", "time", "what is there"), tuple(rows), frozenset({1, 2}))


def _instead(need: Needed) -> str:
    if need.earlier:
        return f"finished: {', '.join(str(run.path) for run in need.earlier)}"
    return "results of the project" if need.recorded else f"not trained: {need.skipped} (--long trains it)"


def _seed(run: Planned) -> Any:
    return "–" if run.recipe is None else run.recipe.train.seed


def time_left(needs: Sequence[Needed], folder: Folder, results: Results) -> tuple[float, int]:
    """Measured minutes of all runs that are not done, one after the other, and how many of them were never measured."""
    left = [need.recipe for need in needs if need.is_trained for run in need.runs if folder.standing(run) != "done"]
    known = [minutes(results, recipe) for recipe in left]
    return sum(one for one in known if one is not None), known.count(None)
