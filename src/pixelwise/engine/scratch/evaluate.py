"""Scores of the NumPy network on a split: one pass, memory that does not grow with the number of pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from pixelwise.data.cache import CachedSplit
from pixelwise.engine.scoring.evaluation import Evaluation, Look, refuse_strange
from pixelwise.engine.scratch.tasks import Task
from pixelwise.errors import ShapeError
from pixelwise.metrics.base import Metric
from pixelwise.run.progress import quotients
from pixelwise.scratch.checks import Array
from pixelwise.scratch.fit import TERM, Examples
from pixelwise.scratch.network import Network
from pixelwise.types import Prediction, Sample

AT_ONCE = 64  # pictures, where they are small; the scores do not depend on it beyond rounding


def evaluate(
    task: Task,
    network: Network,
    split: CachedSplit,
    metrics: Sequence[Metric],
    *,
    batch: int = AT_ONCE,
    look: Look | None = None,
) -> Evaluation:
    """Losses and scores over a whole split; `look` is shown every picture with its prediction.

    Raises TrainingError that names the pictures whose loss is not finite.
    """
    for metric in metrics:
        metric.reset()
    total = [0.0, 0.0]
    strange: list[str] = []
    for start in range(0, len(split), batch):
        samples = [split[index] for index in range(start, min(start + batch, len(split)))]
        examples = task.batch(samples)
        scores = forward(network, examples)
        if task.loss is not None:
            (top, below), _ = task.loss.forward(scores, examples.targets)
            total = [total[0] + top, total[1] + below]
            if not math.isfinite(top):
                strange += examples.names
                continue  # what is not a number has no class
        for offset, (sample, prediction) in enumerate(zip(samples, task.decode(scores), strict=True)):
            for metric in metrics:
                metric.update(sample, prediction)
            if look is not None:
                look(start + offset, sample, prediction)
        split.release()
    refuse_strange(split, [strange])
    losses = {} if task.loss is None else quotients({TERM: (total[0], total[1])})
    return Evaluation(losses, [score for metric in metrics for score in metric.scores()])


def batch_for(task: Task, training: int) -> int:
    """Pictures at once in an evaluation, where a training takes `training` a step."""
    return max(training, AT_ONCE) if task.unit == "picture" else training


def predict(task: Task, network: Network, sample: Sample) -> Prediction:
    """What the network says of one picture."""
    return task.decode(forward(network, task.batch([sample])))[0]


def forward(network: Network, examples: Examples) -> Array:
    """The network's scores in prediction. Raises ShapeError where they are not of the targets' shape."""
    with np.errstate(over="ignore", invalid="ignore"):
        scores, _ = network.forward(examples.images)
    targets = examples.targets.shape
    if (scores.shape[0], *scores.shape[2:]) != targets:
        found, wanted = (("C", *shape[1:]) for shape in ((0, *scores.shape[2:]), targets))
        raise ShapeError(
            f"the network gives scores {'×'.join(map(str, found))} a picture; the task needs {'×'.join(map(str, wanted))}.",
            where="model",
            hint="A classifier ends in Linear, a network for segmentation in scores of the picture's size (fcn).",
        )
    return scores
