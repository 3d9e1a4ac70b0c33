"""What a recipe's epochs and steps are for a training set of so many pictures: the same for every engine."""

from __future__ import annotations

from pixelwise.recipe.schema import Phase, Recipe
from pixelwise.run.length import Length


def planned_length(recipe: Recipe, pictures: int) -> Length:
    """The updates of the recipe's phases; the short last batch of an epoch is an update too."""
    per_epoch = -(-pictures // recipe.train.batch)
    return Length(tuple(phase.steps or (phase.epochs or 0) * per_epoch for phase in recipe.train.phases), per_epoch)


def schedule_length(phase: Phase, per_epoch: int) -> float:
    """The epochs over which a phase's schedule runs; of a phase that is given in steps, not a whole number."""
    return phase.epochs if phase.epochs is not None else (phase.steps or 0) / per_epoch
