"""Evaluation alone, for two_checkouts.py: the validation split of a recipe scored by a network with its first weights.

    python benchmarks/evaluation_steps.py --serve unet|colour_unet|scratch_fcn

It runs under this version and under 0.1, whose functions had other names.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

from turns import serve

RECIPES = {
    "unet": ("voc2007/unet", ["model.width=8", "hardware.precision=fp32", "train.batch=16"]),
    "colour_unet": ("cifar10_horses/colour_unet", ["hardware.precision=fp32"]),
    "scratch_fcn": ("scenes/scratch_fcn", []),
}


def evaluations(name: str) -> Iterator[None]:
    from pixelwise.recipe.load import load_recipe

    recipe = load_recipe(*RECIPES[name])
    score = scored_by_0_1(recipe) if is_0_1() else scored(recipe)
    while True:
        score()
        yield


def is_0_1() -> bool:
    from importlib.util import find_spec

    return find_spec("pixelwise.engine.numpy") is None


def scored(recipe: object) -> Callable[[], object]:
    from pixelwise.data.base import cache_folder
    from pixelwise.engine.base import engine_named
    from pixelwise.engine.build import build_metrics, build_task, open_material
    from pixelwise.engine.evaluate import evaluate

    engine = engine_named(recipe.engine)
    choices = engine.choose(recipe.hardware, memory=cache_folder(None), processes=engine.alone())
    choices.apply()
    material = open_material(recipe, root=None)
    task = build_task(recipe, material.info, material.findings)
    learner = engine(recipe, task, material.train.size, choices)
    learner.weigh(material.counts)
    metrics = build_metrics(recipe, task.info)
    return lambda: evaluate(learner, material.validation, metrics)


def scored_by_0_1(recipe: object) -> Callable[[], object]:
    from pixelwise.engine.build import build_loss, build_metrics, build_task, open_material

    material = open_material(recipe, root=None)
    loss = build_loss(recipe, material.counts)
    task = build_task(recipe, material.info, loss, material.findings)
    metrics = build_metrics(recipe, task.info)
    if recipe.engine == "scratch":
        from pixelwise.engine.scratch import evaluate as numpy
        from pixelwise.engine.scratch.train import build_network

        network = build_network(recipe, task, material.train.size)
        batch = numpy.batch_for(task, recipe.train.batch)
        return lambda: numpy.evaluate(task, network, material.validation, metrics, batch=batch)
    from pixelwise.engine.scoring.evaluate import evaluate

    from pixelwise.data.base import cache_folder
    from pixelwise.engine.build import build_model, place
    from pixelwise.engine.hardware.device import choose

    choices = choose(recipe.hardware, memory=cache_folder(None))
    choices.apply()
    model = place(build_model(recipe, task), choices)
    batch = recipe.train.batch
    return lambda: evaluate(task, model, material.validation, metrics, choices=choices, batch=batch)


if __name__ == "__main__":
    serve(evaluations(sys.argv[2]))
