"""Scores of a model on a split: one pass, memory that does not grow with the number of pictures. For both engines."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pixelwise.data.base import Dataset
from pixelwise.data.cache import CachedSplit
from pixelwise.engine.base import Learner, Opened
from pixelwise.engine.build import CachingProgress, build_dataset, build_metrics, build_task, open_for
from pixelwise.engine.setup import check_splits, recorded_counts, split_record
from pixelwise.errors import Problem, RecipeError, RunError, TrainingError, did_you_mean, listing, naming
from pixelwise.metrics.base import Metric
from pixelwise.metrics.pictures import Recorder, add_intervals, keep_pictures
from pixelwise.recipe.schema import Recipe
from pixelwise.run.environment import environment
from pixelwise.run.folder import RunFolder
from pixelwise.run.progress import Sums, quotients
from pixelwise.tasks.base import Task
from pixelwise.types import Prediction, Sample, Score, current_key

EPOCH = "epoch"  # the later the better: the last weights are kept, whatever they score
LOSS = "loss"  # the validation loss may be followed like a score; less of it is better
Look = Callable[[int, Sample, Prediction], None]
Scored = tuple[dict[str, Any], Path]  # the record, and the file it was written to


@dataclass(frozen=True)
class Evaluation:
    """Mean losses by name and scores; both empty if nothing was evaluated."""

    losses: dict[str, float | None]
    scores: list[Score]
    epoch: int = 0

    @property
    def candidates(self) -> list[Score]:
        """The values that can choose the best checkpoint or stop a training: scores, the loss (less is better), the epoch."""
        loss = Score(LOSS, self.losses.get(LOSS), higher_is_better=False)
        return [*self.scores, loss, Score(EPOCH, float(self.epoch))]


def evaluate(
    learner: Learner,
    split: CachedSplit,
    metrics: Sequence[Metric],
    *,
    look: Look | None = None,
) -> Evaluation:
    """Losses and scores over a whole split; `look` is shown every picture with its prediction.

    Several processes share the split out in whole batches, so that each batch is computed as one process alone would;
    the metrics' states are then joined, and the batches' losses added in the order of the split. So equal weights give
    equal losses and scores, bit for bit, for any `train.batch` and number of processes, and no picture counts twice.
    Raises TrainingError, in every process, that names the pictures whose loss is not finite.
    """
    learner.synchronise()
    for metric in metrics:
        metric.reset()
    parts: list[tuple[int, Sums]] = []
    strange: list[str] = []
    learner.ragged = split.ragged
    size, processes, needs = learner.evaluation_batch, learner.processes, needs_of(metrics)
    for start in range(0, len(split), size)[processes.rank :: processes.count]:
        samples = [split[index] for index in range(start, min(start + size, len(split)))]
        made, outputs = learner.evaluated(samples)
        terms = learner.terms(outputs, made)
        parts.append((start, terms))
        if all(math.isfinite(top) for top, _ in terms.values()):
            for offset, (sample, reduced) in enumerate(zip(samples, learner.reduced(outputs, needs), strict=True)):
                prediction = learner.task.decode(reduced)
                for metric in metrics:
                    metric.update(sample, prediction)
                if look is not None:
                    look(start + offset, sample, prediction)
        else:  # what is not a number has no class
            strange += made.names
        split.release()
    for metric in metrics if processes.count > 1 else ():
        metric.state = metric.joined(processes.gather(metric.state))
    if broken := sorted({name for one in processes.gather(strange) for name in one}):
        raise TrainingError(
            f"the loss is not finite with the pictures {listing(broken, 20)}.",
            where=f"split '{split.split}'",
            hint="The weights have grown out of bounds: lower the learning rate, warm up, or clip gradients.",
        )
    sums: dict[str, list[float]] = {}
    for _, terms in sorted((part for one in processes.gather(parts) for part in one), key=lambda part: part[0]):
        add(sums, terms)
    losses = quotients({name: (top, below) for name, (top, below) in sums.items()}) if sums else {}
    return Evaluation(losses, [score for metric in metrics for score in metric.scores()])


def upper_bound(task: Task, split: CachedSplit, metrics: Sequence[Metric]) -> list[Score]:
    """The scores of what the task decodes from true maps (`Task.ideal`); empty for tasks without such a method.

    Their distance from a perfect score is lost by decoding: no network can do better. The rest is due to the network.
    """
    if not len(split) or task.ideal(split[0]) is None:
        return []
    own = copy.deepcopy(list(metrics))
    for metric in own:
        metric.reset()
    for index in range(len(split)):
        sample = split[index]
        prediction = task.ideal(sample)
        for metric in own if prediction is not None else ():
            metric.update(sample, prediction)
        split.release()  # picture by picture, so that memory does not grow with their number
    return [score for metric in own for score in metric.scores()]


def bound_record(task: Task, split: CachedSplit, metrics: Sequence[Metric]) -> dict[str, Any]:
    """The same for the record of a split: nothing if there is nothing to say."""
    scores = upper_bound(task, split, metrics)
    return {"upper_bound": [score.as_record() for score in scores]} if scores else {}


def add(total: dict[str, list[float]], sums: Sums) -> None:
    """Add the sums of one batch to those of all."""
    for name, (top, below) in sums.items():
        pair = total.setdefault(name, [0.0, 0.0])
        pair[0] += top
        pair[1] += below


def needs_of(metrics: Sequence[Metric]) -> tuple[str, ...]:
    """The reductions that metrics need besides those of the task."""
    return tuple(dict.fromkeys(need for metric in metrics for need in metric.needs))


def predict(learner: Learner, samples: Sequence[Sample], needs: Sequence[str] = ()) -> list[Prediction]:
    """Predictions for samples of one size."""
    return [learner.task.decode(one) for one in learner.reduced(learner.forward(learner.encode(samples)), needs)]


def pick_score(scores: Sequence[Score], wanted: str) -> Score | None:
    """The score of that name or key; a plain name means the first score of that name."""
    return next((score for score in scores if current_key(wanted) in (score.key, score.name)), None)


def unknown_score(scores: Sequence[Score], wanted: str, where: str) -> Problem:
    """The problem to report if `pick_score` finds nothing."""
    names = list(dict.fromkeys(score.name for score in scores))
    keys = [score.key for score in scores]
    what = f"no metric of the recipe gives a score '{wanted}'; choose from {', '.join(names)}."
    return Problem(where, what, did_you_mean(wanted, [*names, *keys]))


def unknown_scores(recipe: Recipe, metrics: Sequence[Metric]) -> Iterator[Problem]:
    """A problem for every score that the recipe names and no metric gives, found before the first epoch."""
    scores = [Score(LOSS, None), Score(EPOCH, None)]
    for item, metric in zip(reversed(recipe.metrics), reversed(metrics), strict=True):
        with naming(f"metric '{item.name}'"):
            scores[:0] = metric.scores()
    rule = recipe.train.early_stopping
    for where, wanted in (("train.best", recipe.train.best), ("train.early_stopping.metric", rule and rule.metric)):
        if wanted and pick_score(scores, wanted) is None:
            yield unknown_score(scores, wanted, where)


def find_score(scores: Sequence[Score], wanted: str, where: str = "train.best") -> Score:
    """The score of that name or key. Raises RecipeError if there is none."""
    if (score := pick_score(scores, wanted)) is None:
        raise RecipeError.all([unknown_score(scores, wanted, where)])
    return score


def chose_epoch(run: RunFolder, recipe: Recipe, split: str, checkpoint: str) -> bool:
    """Whether the pictures of a split chose the epoch whose weights are scored: as the best one, or by early stopping."""
    chosen = checkpoint == "best" and recipe.train.best != EPOCH
    several = sum(1 for _ in run.events("epoch")) > 1
    return split == recipe.data.validation and several and (chosen or recipe.train.early_stopping is not None)


# -- of a finished run, kept in its folder under evaluations/ ---------------------------------------------------------


def score_recipe(
    opened: Opened, split: str, *, data: Path | None = None, progress: CachingProgress | None = None
) -> Scored:
    """Losses and scores over a split at the size that the recipe resizes pictures to.

    For the validation split and the best checkpoint these are the scores of the run's summary, bit for bit on the same
    machine. Raises DataError if the data are not there, RunError if they have other classes than the run.
    """
    _, cached, metrics = _open(opened, split, data, progress)
    recorder = Recorder(metrics)
    opened.learner.weigh(recorded_counts(opened.run))
    with opened.learner.computing():
        result = evaluate(opened.learner, cached, metrics, look=lambda index, sample, prediction: recorder.look(index))
    bound = bound_record(opened.task, cached, metrics)
    record = {**split_record(cached, metrics), **bound, "losses": result.losses}
    return _keep(opened, cached, "recipe", record, recorder)


def score_own(
    opened: Opened,
    split: str,
    label: Callable[..., Prediction],
    *,
    data: Path | None = None,
    progress: CachingProgress | None = None,
) -> Scored:
    """Scores over a split at each picture's own size, against its mask as it was drawn, which was never resized.

    label: `label(image, needs=…)` predicts a picture of any size at that size, with the reductions that metrics need. One
    picture is in memory at a time. There are no losses: they belong to the recipe's size.
    """
    _, cached, metrics = _open(opened, split, data, progress)
    dataset = build_dataset(opened.recipe, data, fitted=False)
    for metric in metrics:
        metric.reset()
    recorder, places = Recorder(metrics), {name: index for index, name in enumerate(cached.names)}
    for index, name in enumerate(dataset.names(split)):
        if name in places:  # what on_corrupt: skip left
            sample = dataset.read(split, index)
            prediction = label(sample.image, needs=needs_of(metrics))
            for metric in metrics:
                metric.update(sample, prediction)
            recorder.look(places[name])
    record = {**split_record(cached, metrics), "resolution": "each picture's own size"}
    return _keep(opened, cached, "own", record, recorder)


def _open(
    opened: Opened, split: str, data: Path | None, progress: CachingProgress | None
) -> tuple[Dataset, CachedSplit, Sequence[Metric]]:
    """The data set, its split with every file checked, and the recipe's metrics.

    Raises RunError if the data set has other classes than the run, or the split other pictures than the run recorded.
    """
    opened.run.file("evaluations/scores.json")  # refused now, not when the scores are to be written
    dataset = build_dataset(opened.recipe, data)
    setup = opened.run.read("setup")
    findings = setup.get("findings", {})
    info = build_task(opened.recipe, dataset.info, findings).info  # as the task sees the data set
    if info.classes != opened.info.classes or info.void != opened.info.void:
        raise RunError(
            f"the run was trained on the classes {_classes(opened.info.classes, opened.info.void)}; the data set "
            f"'{info.name}' now has {_classes(info.classes, info.void)}.",
            where=str(opened.run.path),
            hint="Name the data that it was trained on by --data or --path.",
        )
    cached = open_for(opened.recipe, dataset, split, root=data, progress=progress)
    check_splits(opened.run, setup, [cached])
    return dataset, cached, build_metrics(opened.recipe, opened.info)


def _classes(names: Sequence[str], void: int | None) -> str:
    return ", ".join(names) + ("" if void is None else f" (void {void})")


def _keep(
    opened: Opened,
    split: CachedSplit,
    resolution: Literal["recipe", "own"],
    record: dict[str, Any],
    recorder: Recorder,
) -> Scored:
    views = opened.learner.views
    averaged = "" if views is None else "-" + views.short.replace("/", "-")
    name = f"evaluations/{split.split}-{opened.checkpoint}-{resolution}{averaged}"
    with opened.run.adding():
        file = opened.run.file(f"{name}.npz")
        states = keep_pictures(file, split.names, [recorder.rows], recorder.metrics)
        add_intervals(record["metrics"], recorder.metrics, states)
        whole = {
            "split": split.split,
            "checkpoint": opened.checkpoint,
            "epoch": opened.epoch,
            "step": opened.step,
            "chose_epoch": chose_epoch(opened.run, opened.recipe, split.split, opened.checkpoint),
            **(record if views is None else views.marked(record)),  # of an average every score says so
            **({"tuned": opened.run.read("tuned").get("options", {})} if opened.run.has("tuned") else {}),
            "skipped": [{"where": p.where, "what": p.what} for p in split.skipped],
            "key": split.key,
            "environment": environment(),
        }
        opened.run.write(name, whole)
    return whole, opened.run.file(f"{name}.json")
