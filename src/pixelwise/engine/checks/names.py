"""Names in a recipe that only the built model and the metrics can judge: scores to follow, parts of the model to freeze.

Looked at before the first step, because a slip of the pen should not cost an epoch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from pixelwise.errors import Problem, did_you_mean, listing
from pixelwise.metrics.base import Metric
from pixelwise.recipe.schema import Recipe
from pixelwise.types import Score

if TYPE_CHECKING:
    from torch import nn

EPOCH = "epoch"  # the later the better: the last weights are kept, whatever they score
LOSS = "loss"  # the validation loss may be followed like a score; less of it is better


def is_frozen(name: str, freeze: Iterable[str]) -> bool:
    """Whether a module or parameter is one of the parts to freeze, or lies within one."""
    return any(name == part or name.startswith(f"{part}.") for part in freeze)


def pick_score(scores: Sequence[Score], wanted: str) -> Score | None:
    """The score of that name or key; a plain name means the first score of that name."""
    return next((score for score in scores if wanted in (score.key, score.name)), None)


def unknown_score(scores: Sequence[Score], wanted: str, where: str) -> Problem:
    """What to say where `pick_score` finds nothing."""
    names = list(dict.fromkeys(score.name for score in scores))
    keys = [score.key for score in scores]
    what = f"no metric of the recipe gives a score '{wanted}'; there is {', '.join(names)}."
    return Problem(where, what, did_you_mean(wanted, [*names, *keys]))


def unknown_scores(recipe: Recipe, metrics: Sequence[Metric]) -> Iterator[Problem]:
    """A problem for every score that the recipe follows and no metric gives."""
    scores = [*(score for metric in metrics for score in metric.scores()), Score(LOSS, None), Score(EPOCH, None)]
    rule = recipe.train.early_stopping
    for where, wanted in (("train.best", recipe.train.best), ("train.early_stopping.metric", rule and rule.metric)):
        if wanted and pick_score(scores, wanted) is None:
            yield unknown_score(scores, wanted, where)


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
