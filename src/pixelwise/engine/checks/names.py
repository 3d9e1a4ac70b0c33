"""Names of scores in a recipe, which only the metrics that it builds can judge.

Looked at before the first step, because a slip of the pen should not cost an epoch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pixelwise.errors import Problem, did_you_mean
from pixelwise.metrics.base import Metric
from pixelwise.recipe.schema import Recipe
from pixelwise.types import Score

EPOCH = "epoch"  # the later the better: the last weights are kept, whatever they score
LOSS = "loss"  # the validation loss may be followed like a score; less of it is better


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
