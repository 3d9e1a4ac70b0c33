"""A network of a run or of a recipe with a few training pictures: what is to be looked at closely."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixelwise.engine.build import CachingProgress, build_loss, build_task, open_material
from pixelwise.engine.scratch.train import build_network, load_network
from pixelwise.errors import RecipeError, RunError
from pixelwise.recipe.load import check_recipe, load_recipe
from pixelwise.recipe.schema import Recipe
from pixelwise.run.checkpoint import load_checkpoint
from pixelwise.run.folder import RunFolder
from pixelwise.scratch.checks import Array
from pixelwise.scratch.loss import CrossEntropy
from pixelwise.scratch.network import Network
from pixelwise.yaml_text import parse

Opened = tuple[Network, Array, NDArray[Any], CrossEntropy]


def open_twin(
    named: str,
    overrides: Sequence[str],
    pictures: int,
    dtype: str,
    *,
    data: Path | None = None,
    caching: CachingProgress | None = None,
) -> Opened:
    """(network, images, targets, loss): the best weights of a run, or the first weights of a recipe.

    Raises RecipeError where neither has that name, or where it is not of the NumPy network.
    """
    run = RunFolder.open(Path(named)) if (Path(named) / "recipe.yaml").is_file() else None
    if run is not None and overrides:
        raise RunError("is as it is: a run takes no overrides.", where=named, hint="Name its recipe instead.")
    recipe = load_recipe(named, overrides) if run is None else check_recipe(parse(run.recipe_file), where=named)
    if recipe.engine != "scratch":
        raise RecipeError(
            "is computed by torch already; only networks of `engine: scratch` have a twin.",
            where=named,
            hint="Try scenes/scratch_fcn.",
        )
    network, images, targets, loss = _open(recipe, pictures, data, caching)
    if run is not None:
        arrays, _ = load_checkpoint(run.path / "best", "model")
        load_network(network, arrays["model"], where=str(run.path / "best"))
    kind = np.dtype(dtype)
    for layer in network.layers:
        for held in (layer.parameters, layer.statistics):
            held.update({name: value.astype(kind) for name, value in held.items()})
    return network, images.astype(kind), targets, loss


def _open(recipe: Recipe, pictures: int, data: Path | None, caching: CachingProgress | None) -> Opened:
    material = open_material(recipe, root=data, progress=caching)
    loss: Any = build_loss(recipe, material.counts)
    task: Any = build_task(recipe, material.info, loss, material.findings)
    network = build_network(recipe, task, material.train.size)
    split = material.train
    examples = task.batch([split[index] for index in range(min(pictures, len(split)))])
    return network, examples.images, examples.targets, loss
