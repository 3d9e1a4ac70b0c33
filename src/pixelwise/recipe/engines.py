"""The engines by their names in recipes: the learner, the shelves of its own parts, and what it does not support.

An option that an engine does not support is an error, so that no option is silently ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from pixelwise.errors import Problem
from pixelwise.recipe.schema import Recipe
from pixelwise.recipe.shelves import SCRATCH, SHELVES
from pixelwise.shelf import Shelf

TORCH = "Leave it out, or train a torch model (without `engine: scratch`)."


@dataclass(frozen=True)
class Engine:
    """What a recipe's word for an engine means.

    learner:  `module:class` of what computes (engine/base.py), imported when something is computed
    shelves:  the kinds of parts for which it has its own shelf
    lacking:  (where, what) of everything in a recipe that it does not have
    """

    learner: str
    shelves: Mapping[str, Shelf] = field(default_factory=dict)
    lacking: Callable[[Recipe], Iterator[tuple[str, str]]] = lambda recipe: iter(())


def shelves(engine: str) -> Mapping[str, Shelf]:
    """The shelves that a recipe for this engine takes its items from; those of torch for a word that is not an engine."""
    return {**SHELVES, **ENGINES.get(engine, ENGINES["torch"]).shelves}


def engine_problems(recipe: Recipe) -> list[Problem]:
    """A problem for everything in the recipe that its engine does not have."""
    return [Problem(where, what, TORCH) for where, what in ENGINES[recipe.engine].lacking(recipe)]


def _scratch_lacks(recipe: Recipe) -> Iterator[tuple[str, str]]:
    if recipe.augment:
        yield "augment", "the NumPy network has no augmentations."
    if recipe.model.weights != "none":
        yield (
            "model.weights",
            f"read {recipe.model.weights}; the NumPy network begins with random weights, or with --from.",
        )
    if recipe.model.init != "own":
        yield (
            "model.init",
            f"read {recipe.model.init}; the layers of the NumPy network are initialised by He's rule with fan-in.",
        )
    if recipe.data.workers:
        yield "data.workers", f"read {recipe.data.workers}; the NumPy network makes its batches itself."
    if recipe.task.options.get("mixup"):
        yield "task.mixup", f"read {recipe.task.options['mixup']}; the NumPy network mixes no pictures."
    if recipe.train.accumulate > 1:
        yield "train.accumulate", f"read {recipe.train.accumulate}; the NumPy network computes each batch whole."
    if recipe.train.ema is not None:
        yield "train.ema", f"read {recipe.train.ema}; the NumPy network does not average its weights."
    for number, phase in enumerate(recipe.train.phases):
        for key in ("freeze", "freeze_statistics"):
            if getattr(phase, key):
                yield f"train.phases.{number}.{key}", "the NumPy network cannot freeze parts."
        if phase.loss is not None:
            yield f"train.phases.{number}.loss", "the NumPy network has the same loss in all phases."
    allowed = {"device": ("auto", "cpu"), "precision": ("auto", "fp32"), "layout": ("auto",), "deterministic": (False,)}
    for name, values in allowed.items():
        value = getattr(recipe.hardware, name)
        if value not in values:
            yield f"hardware.{name}", f"read {value}; the NumPy network computes in float32 on the CPU."


ENGINES = {
    "torch": Engine("pixelwise.engine.torch.learner:TorchLearner"),
    "scratch": Engine("pixelwise.engine.numpy.learner:NumpyLearner", SCRATCH, _scratch_lacks),
}
