"""Parts of a model that stand still for a phase, by their names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from torch import nn

from pixelwise.errors import Problem, did_you_mean, listing
from pixelwise.recipe.schema import Recipe


def is_frozen(name: str, freeze: Iterable[str]) -> bool:
    """Whether a module or parameter is one of the parts to freeze, or lies within one."""
    return any(name == part or name.startswith(f"{part}.") for part in freeze)


def unknown_parts(recipe: Recipe, model: nn.Module) -> Iterator[Problem]:
    """A problem for every part that the recipe freezes and the model does not have."""
    parameters = [name for name, _ in model.named_parameters()]
    known = [*(name for name, _ in model.named_modules() if name), *parameters]
    for number, phase in enumerate(recipe.train.phases):
        where = f"train.phases.{number}.freeze"
        for part in phase.freeze:
            if part not in known:
                largest = [name for name, child in model.named_children() if any(True for _ in child.parameters())]
                what = f"the model has no part '{part}'; its largest parts are {listing(largest)}."
                yield Problem(where, what, did_you_mean(part, known))
        if parameters and all(is_frozen(name, phase.freeze) for name in parameters):
            yield Problem(where, "freezes the whole model, so that nothing learns.", "Leave out one of the parts.")
