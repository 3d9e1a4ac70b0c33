"""What a recipe may say, and the NumPy network does not have: refused, because an option must not do nothing."""

from __future__ import annotations

from collections.abc import Iterator

from pixelwise.errors import Problem
from pixelwise.recipe.schema import Recipe

TORCH = "Leave it out, or train a torch model (without `engine: scratch`)."


def engine_problems(recipe: Recipe) -> list[Problem]:
    """A problem for everything in the recipe that its engine does not have."""
    return [] if recipe.engine == "torch" else [Problem(where, what, TORCH) for where, what in _lacking(recipe)]


def _lacking(recipe: Recipe) -> Iterator[tuple[str, str]]:
    if recipe.augment:
        yield "augment", "the NumPy network has no augmentations."
    if recipe.data.workers:
        yield "data.workers", f"read {recipe.data.workers}; the NumPy network makes its batches itself."
    for number, phase in enumerate(recipe.train.phases):
        if phase.freeze:
            yield f"train.phases.{number}.freeze", "the NumPy network trains as a whole."
        if phase.loss is not None:
            yield f"train.phases.{number}.loss", "the NumPy network has one loss throughout."
    allowed = {"device": ("auto", "cpu"), "precision": ("auto", "fp32"), "layout": ("auto",), "deterministic": (False,)}
    for name, values in allowed.items():
        value = getattr(recipe.hardware, name)
        if value not in values:
            yield f"hardware.{name}", f"read {value}; the NumPy network computes in float32 on the CPU."
