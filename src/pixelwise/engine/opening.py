"""A finished run opened for evaluation and prediction, by the engine that trained it."""

from __future__ import annotations

from typing import Literal

from pixelwise.engine.base import Opened, engine_named
from pixelwise.engine.build import build_task, cache_folder
from pixelwise.engine.setup import recorded_data, says
from pixelwise.recipe.load import check_recipe
from pixelwise.run.checkpoint import load_checkpoint
from pixelwise.run.folder import RunFolder
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
