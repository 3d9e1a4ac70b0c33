"""Options of decoding chosen for a trained run, on pictures that are not scored: the run's tuned.json.

Every later opening of the run, to evaluate it or to predict, decodes with them. The recipe and the summary stay unchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from pixelwise.data.cache import CachedSplit
from pixelwise.engine.base import Opened
from pixelwise.engine.build import CachingProgress, build_dataset, build_metrics, open_for
from pixelwise.engine.evaluate import find_score, needs_of
from pixelwise.engine.setup import check_splits
from pixelwise.errors import RunError
from pixelwise.metrics.base import Metric
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

    Options begin with the run's values, so that equal scores change nothing. The score is the one that chose the best weights.
    Raises RunError for a split that is scored, and for a task without such options.
    """
    recipe, task, run = opened.recipe, opened.task, opened.run
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
    check_splits(run, run.read("setup"), [cached])
    chosen = _spread(len(cached), pictures)
    options: dict[str, Any] = {}
    tried: list[dict[str, Any]] = []
    first: float | None = None
    best: Score | None = None
    with opened.learner.computing():
        for place, grid in enumerate(task.tunes):
            candidates = [options, *({**options, **one} for one in _combinations(grid))]
            scores = _scored(opened, cached, chosen, [task.tuned(one) for one in candidates], place, told)
            tried += [{"options": one, "value": score.value} for one, score in zip(candidates, scores, strict=True)]
            first = scores[0].value if place == 0 else first
            order = [-1.0 if s.value is None else s.value if s.higher_is_better else -s.value for s in scores]
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
        "value": best.value,
        "options": options,
        "tried": tried,
        "environment": environment(),
    }
    with run.adding():
        run.write("tuned", record)
    return record


def _scored(
    opened: Opened, split: CachedSplit, chosen: Sequence[int], tasks: Sequence[Task], place: int, told: Told | None
) -> list[Score]:
    """The score of each task: the network computes every picture once, and each task decodes it."""
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
    return [find_score([s for metric in own for s in metric.scores()], recipe.train.best) for own in metrics]


def _combinations(grid: Mapping[str, Sequence[Any]]) -> Iterator[dict[str, Any]]:
    for values in product(*grid.values()):
        yield dict(zip(grid, values, strict=True))


def _spread(total: int, wanted: int | None) -> list[int]:
    count = total if wanted is None else min(total, wanted)
    return [(2 * number + 1) * total // (2 * count) for number in range(count)]
