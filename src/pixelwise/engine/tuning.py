"""Options of decoding chosen for a trained run, on pictures that are not scored: the run's tuned.json.

Every later opening of the run, to evaluate it or to predict, decodes with them. The recipe and the summary stay unchanged.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from pixelwise.data.cache import CachedSplit
from pixelwise.engine.base import Opened
from pixelwise.engine.build import CachingProgress, build_dataset, build_metrics, open_for
from pixelwise.engine.evaluate import EPOCH, LOSS, find_score, needs_of, pick_score
from pixelwise.engine.setup import check_splits, recorded_task
from pixelwise.errors import RecipeError, RunError
from pixelwise.metrics.base import Metric
from pixelwise.recipe.schema import Recipe
from pixelwise.run.environment import environment
from pixelwise.tasks.base import Task
from pixelwise.types import Score

Told = Callable[[int, int], None]  # (pictures done, in all)


def tune(
    opened: Opened,
    split: str = "",
    *,
    pictures: int | None = None,
    data: Path | None = None,
    caching: CachingProgress | None = None,
    told: Told | None = None,
) -> dict[str, Any]:
    """Try every grid of the task (`Task.tunes`), one after the other, keep the best options, and write tuned.json.

    split:     by default the training split; never one that the recipe scores
    pictures:  how many of the split are looked at, evenly spread; by default all
    told:      called after each picture

    Options begin with the recipe's values, also in a run that was tuned before, so that equal scores change nothing. The
    score is the one that chose the best weights; where the epoch or the loss chose them, the first score of the recipe.
    Raises RunError for a split that is scored, and for a task without such options; RecipeError if no metric gives a score.
    """
    recipe, run = opened.recipe, opened.run
    setup = run.read("setup")
    task = recorded_task(run, recipe, setup)  # the learner's own may have the options of an earlier tuning
    split = split or recipe.data.train
    if not task.tunes:
        raise RunError(
            f"task '{recipe.task.name}' decodes without options, so there is nothing to tune.", where=str(run.path)
        )
    if split in (recipe.data.validation, recipe.data.test):
        what = f"the split '{split}' is scored; options that are chosen on it would make its scores too good."
        raise RunError(
            what, where="--split", hint=f"Take '{recipe.data.train}', or a split that the recipe does not name."
        )
    cached = open_for(recipe, build_dataset(recipe, data), split, root=data, progress=caching)
    check_splits(run, setup, [cached])
    wanted = _score_key(recipe, build_metrics(recipe, opened.info))
    chosen = _spread(len(cached), pictures)
    options: dict[str, Any] = {}
    tried: list[dict[str, Any]] = []
    first: float | None = None
    best: Score | None = None
    with opened.learner.computing():
        for place, grid in enumerate(task.tunes):
            candidates = [options, *({**options, **one} for one in _combinations(grid))]
            scores = _scored(opened, cached, chosen, [task.tuned(one) for one in candidates], wanted, place, told)
            tried += [{"options": one, "value": _value(score)} for one, score in zip(candidates, scores, strict=True)]
            first = _value(scores[0]) if place == 0 else first
            order = [_rank(score) for score in scores]
            winner = order.index(max(order))  # the first of equals
            options, best = candidates[winner], scores[winner]
    assert best is not None
    record = {
        "split": split,
        "pictures": len(chosen),
        "checkpoint": opened.checkpoint,
        "epoch": opened.epoch,
        "metric": best.key,
        "before": first,
        "value": _value(best),
        "options": options,
        "tried": tried,
        "environment": environment(),
    }
    with run.adding():
        run.write("tuned", record)
    return record


def _score_key(recipe: Recipe, metrics: Sequence[Metric]) -> str:
    """The score that options are compared by. Decoding changes neither the loss nor the epoch, so it is never one of them."""
    scores = [score for metric in metrics for score in metric.scores()]
    if pick_score(scores, recipe.train.best) is None and recipe.train.best in (EPOCH, LOSS):
        if not scores:
            what = "no metric of the recipe gives a score, so options cannot be compared."
            raise RecipeError(what, where="metrics", hint="Train with a metric of the task.")
        return scores[0].key
    return find_score(scores, recipe.train.best).key


def _value(score: Score) -> float | None:
    return score.value if score.value is not None and math.isfinite(score.value) else None


def _rank(score: Score) -> float:
    """The larger the better; an undefined score is below every other."""
    if (value := _value(score)) is None:
        return -math.inf
    return value if score.higher_is_better else -value


def _scored(
    opened: Opened,
    split: CachedSplit,
    chosen: Sequence[int],
    tasks: Sequence[Task],
    wanted: str,
    place: int,
    told: Told | None,
) -> list[Score]:
    """The score `wanted` of each task: the network computes every picture once, and each task decodes it."""
    learner, recipe = opened.learner, opened.recipe
    metrics: list[tuple[Metric, ...]] = [build_metrics(recipe, opened.info) for _ in tasks]
    learner.ragged = split.ragged
    size, needs = learner.evaluation_batch, needs_of(metrics[0])
    for start in range(0, len(chosen), size):
        samples = [split[index] for index in chosen[start : start + size]]
        _, outputs = learner.evaluated(samples)
        for sample, reduced in zip(samples, learner.reduced(outputs, needs), strict=True):
            for task, own in zip(tasks, metrics, strict=True):
                prediction = task.decode(reduced)
                for metric in own:
                    metric.update(sample, prediction)
        split.release()
        if told is not None:
            grids = len(opened.task.tunes)
            told(place * len(chosen) + min(start + size, len(chosen)), grids * len(chosen))
    return [find_score([s for metric in own for s in metric.scores()], wanted) for own in metrics]


def _combinations(grid: Mapping[str, Sequence[Any]]) -> Iterator[dict[str, Any]]:
    for values in product(*grid.values()):
        yield dict(zip(grid, values, strict=True))


def _spread(total: int, wanted: int | None) -> list[int]:
    count = total if wanted is None else min(total, wanted)
    return [(2 * number + 1) * total // (2 * count) for number in range(count)]
