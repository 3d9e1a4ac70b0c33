"""What must be the same for a run to go on, and what is only worth a word."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pixelwise.data.cache import CachedSplit
from pixelwise.errors import Problem, RunError, TrainingError
from pixelwise.recipe.load import check_recipe
from pixelwise.recipe.schema import Recipe
from pixelwise.run.environment import environment
from pixelwise.run.folder import RunFolder
from pixelwise.run.identity import deciding, differences
from pixelwise.yaml_text import parse


def check_resume(run: RunFolder, wanted: Recipe | None) -> tuple[Recipe, tuple[str, ...]]:
    """The recipe that the run goes on with, and one line for each version that is another than when it began.

    Raises RunError that lists what differs where `wanted`, or the run's recipe.yaml, is not what the run began with.
    """
    if not run.has("setup"):
        raise RunError(
            "stopped before its first step: there is nothing to go on with.",
            where=str(run.path),
            hint="Remove the folder and train anew.",
        )
    recipe = check_recipe(parse(run.recipe_file), where=str(run.recipe_file))
    # options that the recipe has learned since stand at their defaults, which is what the run did
    began = check_recipe(run.read("setup")["recipe"], where=str(run.path / "setup.json")).model_dump(mode="json")
    for name, found in (("its recipe.yaml", recipe), ("the recipe given", wanted)):
        if found is None:
            continue
        changes = [
            Problem(where, f"the run began with {before!r}, {name} says {after!r}.")
            for where, before, after in differences(deciding(began), deciding(found.model_dump(mode="json")))
        ]
        if changes:
            what, hint = "cannot go on with another recipe.", "Put it back, or train anew with --out."
            raise RunError.all([*changes, Problem(str(run.path), what, hint)])
    return recipe, tuple(_changed_versions(run))


def check_splits(run: RunFolder, setup: Mapping[str, Any], splits: Sequence[CachedSplit]) -> None:
    """Raise TrainingError where the pictures of a split are not those that the run began with."""
    for split in splits:
        recorded = setup["data"]["splits"][split.split]["key"]
        if split.key != recorded:
            raise TrainingError(
                f"the split '{split.split}' is not the one that this run began with: {split.key[:12]}, then {recorded[:12]}.",
                where=str(run.path),
                hint="Bring the data back, or train anew.",
            )


def _changed_versions(run: RunFolder) -> Iterator[str]:
    then, now = run.read("environment"), environment()
    for package, version in now["packages"].items():
        before = then["packages"].get(package)
        if before != version:
            yield f"{package} was {before} when this run began and is {version} now: the last bits may differ"
    if then.get("blas", now["blas"]) != now["blas"]:
        yield f"NumPy's matrix products were made by {then['blas']} and are by {now['blas']} now: the last bits may differ"
    if then["processor"] != now["processor"]:
        yield f"the processor was {then['processor']} and is {now['processor']} now: the last bits may differ"
