"""What a run records of its data and its model before the first step, and what is read of it again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from pixelwise.data.cache import CachedSplit
from pixelwise.engine.base import Learner
from pixelwise.engine.build import Material
from pixelwise.errors import RunError
from pixelwise.metrics.base import Metric
from pixelwise.recipe.schema import Item, Recipe
from pixelwise.run.folder import RunFolder
from pixelwise.shown import shown_as
from pixelwise.tasks.base import Counts
from pixelwise.types import DatasetInfo


def setup_record(learner: Learner, material: Material) -> dict[str, Any]:
    """What was found out before the first step: setup.json, whichever engine trains."""
    recipe, task, info, weights = learner.recipe, learner.task, learner.task.info, learner.class_weights
    splits = {
        split.split: {
            "pictures": len(split),
            "key": split.key,
            "skipped": [{"where": p.where, "what": p.what} for p in split.skipped],
        }
        for split in material.splits
    }
    return {
        "task": recipe.task.name,
        "recipe": recipe.model_dump(mode="json"),
        "choices": learner.choices.as_record(),
        "data": {
            "name": info.name,
            "source": info.source,
            "classes": list(info.classes),
            "colours": [list(colour) for colour in info.colours],
            "void": info.void,
            "knows": sorted(info.knows),
            "frequencies": None if info.frequencies is None else list(info.frequencies),
            "size": list(material.train.size),
            "splits": splits,
        },
        "findings": dict(material.findings),
        "kind": task.kind,
        "counts": _lists(material.counts),
        "unit": shown_as(task.kind).unit,
        "weights": weights,
        "weighting": _weighting(recipe, weights),
        "model": learner.describe(),
    }


def recorded_data(run: RunFolder, setup: Mapping[str, Any]) -> tuple[DatasetInfo, tuple[int, int]]:
    """The classes that a run was trained on and the (H, W) of its pictures: the data set itself need not be there.

    Raises RunError where setup.json does not say.
    """
    with says(run, "what the run was trained on"):
        data = setup["data"]
        info = DatasetInfo(
            name=data["name"],
            classes=tuple(data["classes"]),
            colours=tuple((red, green, blue) for red, green, blue in data["colours"]),
            knows=frozenset(data["knows"]),
            void=data["void"],
            source=data["source"],
            frequencies=None if (told := data.get("frequencies")) is None else tuple(told),
        )
        height, width = data["size"]
        return info, (int(height), int(width))


@contextmanager
def says(run: RunFolder, what: str) -> Iterator[None]:
    """Around what reads setup.json: RunError where it does not say `what`, instead of the reader's own error."""
    try:
        yield
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(
            f"does not say {what} ({type(error).__name__}: {error}).",
            where=str(run.path / "setup.json"),
            hint="Was it changed by hand, or written by another version?",
        ) from error


def recorded_counts(run: RunFolder) -> Counts:
    """How often each class occurs in the training set, as the run recorded it."""
    with says(run, "how often each class occurs"):
        counts = run.read("setup")["counts"]
        if isinstance(counts, Mapping):
            return {head: np.asarray(some, np.int64) for head, some in counts.items()}
        return np.asarray(counts, np.int64)


def _lists(counts: Counts) -> Any:
    if isinstance(counts, Mapping):
        return {head: some.tolist() for head, some in counts.items()}
    return counts.tolist()


def _weighting(recipe: Recipe, weights: Sequence[float] | None) -> str:
    """How the loss weighs classes: its option of that name, else (where it always does) its own name."""
    loss = recipe.loss if isinstance(recipe.loss, Item) else next(iter((recipe.loss or {}).values()), None)
    if weights is None or loss is None:
        return "none"
    return str(loss.options.get("weights", loss.name))


# -- what metrics counted ----------------------------------------------------------------------------------------------


def split_record(split: CachedSplit, metrics: Sequence[Metric]) -> dict[str, Any]:
    """What the metrics counted on a split, as JSON values with their conventions."""
    height, width = split.size
    return {
        "resolution": f"{width}×{height}",
        "pictures": len(split),
        "metrics": [metric_record(metric) for metric in metrics],
    }


def metric_record(metric: Metric) -> dict[str, Any]:
    guess = metric.constant_guess()
    return {
        "name": type(metric).__name__.lower(),
        "scores": [score.as_record() for score in metric.scores()],
        "constant_guess": None if guess is None else {"class": guess.name, "scores": dict(guess.scores)},
        "per_class": [{"class": row.name, "support": row.support, **row.values} for row in metric.per_class()],
        "figures": metric.figures(),
    }
