"""Scores of a finished run on any split of its data set, kept in the run's folder under evaluations/, for both engines.

Nothing here imports torch: how a picture is labelled is given as a function.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from pixelwise.data.base import Dataset
from pixelwise.data.cache import CachedSplit
from pixelwise.engine.build import CachingProgress, build_dataset, build_metrics, build_task, open_for
from pixelwise.engine.conclude import metric_record, split_record
from pixelwise.engine.opening import Opened
from pixelwise.engine.scoring.evaluation import Evaluation, Look
from pixelwise.errors import RunError
from pixelwise.metrics.base import Metric
from pixelwise.metrics.pictures import Recorder, keep_pictures
from pixelwise.run.environment import environment
from pixelwise.types import Image, Prediction

Scored = tuple[dict[str, Any], Path]  # the record, and the file it was written to
Scorer = Callable[[CachedSplit, Sequence[Metric], Look], Evaluation]
Labeller = Callable[[Image], Prediction]  # a picture of any size → what is predicted for it at that size


def count_recipe(
    trained: Opened, split: str, score: Scorer, *, data: Path | None = None, progress: CachingProgress | None = None
) -> Scored:
    """Losses and scores over a split at the size of the training pictures.

    Raises DataError where the data are not there, RunError where they have other classes than the run.
    """
    _, cached, metrics = _open(trained, split, data, progress)
    recorder = Recorder(metrics)
    result = score(cached, metrics, lambda index, sample, prediction: recorder.look(index))
    record = {**split_record(cached, metrics), "losses": result.losses}
    return _keep(trained, cached, "recipe", record, recorder)


def count_own(
    trained: Opened, split: str, label: Labeller, *, data: Path | None = None, progress: CachingProgress | None = None
) -> Scored:
    """Scores over a split at each picture's own size, against its mask as it was drawn, which was never resized.

    One picture is in memory at a time. There are no losses: they belong to the recipe's size.
    """
    dataset, cached, metrics = _open(trained, split, data, progress)
    for metric in metrics:
        metric.reset()
    recorder, places = Recorder(metrics), {name: index for index, name in enumerate(cached.names)}
    for index, name in enumerate(dataset.names(split)):
        if name in places:  # what on_corrupt: skip left
            sample = dataset.read(split, index)
            prediction = label(sample.image)
            for metric in metrics:
                metric.update(sample, prediction)
            recorder.look(places[name])
    record = {
        "resolution": "each picture's own size",
        "pictures": len(cached),
        "metrics": [metric_record(metric) for metric in metrics],
    }
    return _keep(trained, cached, "own", record, recorder)


def _open(
    trained: Opened, split: str, data: Path | None, progress: CachingProgress | None
) -> tuple[Dataset, CachedSplit, Sequence[Metric]]:
    """The data set, its split with every file known to be sound, and the recipe's metrics."""
    dataset = build_dataset(trained.recipe, data)
    findings = trained.run.read("setup").get("findings", {})
    info = build_task(trained.recipe, dataset.info, None, findings).info  # as the task sees the data set
    if info.classes != trained.info.classes or info.void != trained.info.void:
        raise RunError(
            f"the run was trained on the classes {_classes(trained.info.classes, trained.info.void)}; the data set "
            f"'{info.name}' now has {_classes(info.classes, info.void)}.",
            where=str(trained.run.path),
            hint="Name the data folder that it was trained on with --data.",
        )
    cached = open_for(trained.recipe, dataset, split, root=data, progress=progress)
    return dataset, cached, build_metrics(trained.recipe, trained.info)


def _classes(names: Sequence[str], void: int | None) -> str:
    return ", ".join(names) + ("" if void is None else f" (void {void})")


def _keep(
    trained: Opened,
    split: CachedSplit,
    resolution: Literal["recipe", "own"],
    record: dict[str, Any],
    recorder: Recorder,
) -> Scored:
    whole = {
        "split": split.split,
        "checkpoint": trained.checkpoint,
        "epoch": trained.epoch,
        "step": trained.step,
        **record,
        "skipped": [{"where": p.where, "what": p.what} for p in split.skipped],
        "key": split.key,
        "environment": environment(),
    }
    name = f"evaluations/{split.split}-{trained.checkpoint}-{resolution}"
    keep_pictures(trained.run.path / f"{name}.npz", split.names, [recorder.rows], recorder.metrics)
    trained.run.write(name, whole)
    return whole, trained.run.path / f"{name}.json"
