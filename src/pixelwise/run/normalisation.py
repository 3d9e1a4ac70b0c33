"""How a run normalises pictures: by a mean and a standard deviation of pictures in 0..1, as recipes and records say them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pixelwise.errors import Problem, shown

NAMES = ("mean", "std")  # options of a task
INPUT = "input"  # the finding with those of the two that came with weights
# The defaults of the two options, if neither the recipe nor its weights give others.
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
TASKS = ("segment", "classify", "detect", "separate", "separate_levels", "separate_centres")  # whose defaults these are


def with_defaults(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """A run's recipe with the mean and std of its task, also where it states neither.

    Runs of earlier versions wrote the defaults into their recipes, so the two forms are the same training.
    """
    task = recipe.get("task")
    if not isinstance(task, Mapping) or task.get("name") not in TASKS:
        return dict(recipe)
    defaults = zip(NAMES, (IMAGENET_MEAN, IMAGENET_STD), strict=True)
    return {**recipe, "task": {**task, **{name: list(one) for name, one in defaults if name not in task}}}


def read_by(setup: Mapping[str, Any]) -> dict[str, Any]:
    """`mean` and `std` as a run's record has them: those that came with weights, else the recipe's, else the defaults."""
    recipe = setup.get("recipe")
    stated = with_defaults(recipe).get("task") if isinstance(recipe, Mapping) else None
    brought = (setup.get("findings") or {}).get(INPUT)
    known = {**_map(stated), **_map(brought)}
    return {name: known[name] for name in NAMES if name in known}


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def range_problem(name: str, numbers: Iterable[float], where: str) -> Problem | None:
    """What is wrong with the size of the numbers that a person states as `mean` or `std`; None if nothing is.

    The standard deviation of numbers in 0..1 is at most 0.5. 1 is allowed: it stands for no division.
    """
    numbers = list(numbers)
    if max(numbers) <= 1 and (min(numbers) >= 0 if name == "mean" else min(numbers) > 0):
        return None
    allowed = "from 0 to 1" if name == "mean" else "above 0 and at most 1"
    what = f"read {shown(numbers)}; the {name} is that of pictures in 0..1, so each of its numbers must be {allowed}."
    in_bytes = 1 < max(numbers) <= 255 and min(numbers) >= 0
    divided = [float(f"{number / 255:.4g}") for number in numbers]
    return Problem(where, what, f"Divide numbers on the scale 0..255 by 255: {shown(divided)}." if in_bytes else "")
