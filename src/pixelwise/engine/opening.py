"""A run opened again: to evaluate it and to predict, by the engine that trained it; or to go on with its training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from pixelwise.data.cache import CachedSplit
from pixelwise.engine.base import Opened, engine_named
from pixelwise.engine.build import build_task, cache_folder
from pixelwise.engine.setup import recorded_data, says
from pixelwise.errors import Problem, RunError, TrainingError
from pixelwise.recipe.load import check_recipe
from pixelwise.recipe.schema import Recipe
from pixelwise.run.checkpoint import load_checkpoint
from pixelwise.run.environment import environment
from pixelwise.run.folder import RunFolder
from pixelwise.run.identity import deciding, differences
from pixelwise.yaml_text import parse


def open_learner(run: RunFolder, *, checkpoint: Literal["best", "last"] = "best", device: str = "auto") -> Opened:
    """The run's task and model with the weights of a checkpoint. torch is imported for its own runs alone.

    Precision, layout and threads are the run's; where this is another machine, bf16 on a CPU is tried before it is used.
    Raises RunError where the checkpoint is missing, cut short or of another architecture, DeviceError where there is no
    such device, or the engine does not compute on it.
    """
    recipe = check_recipe(parse(run.recipe_file), where=str(run.recipe_file))
    engine, setup = engine_named(recipe.engine), run.read("setup")
    info, size = recorded_data(run, setup)
    folder = run.path / checkpoint
    arrays, state = load_checkpoint(folder, "model")
    with says(run, "how the run was computed"):
        choices = engine.choose_again(setup["choices"], device=device, memory=cache_folder(None))
    choices.apply()
    task = build_task(recipe, info, setup.get("findings", {}))
    learner = engine(recipe, task, size, choices)
    learner.load(arrays, where=str(folder))
    progress = state["progress"]
    return Opened(run, recipe, checkpoint, progress["step"], progress["epoch"], info, size, task, learner)


# -- what must be the same for a run to go on, and what is only worth a word --


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
