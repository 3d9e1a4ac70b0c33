"""Scores of a finished run of the NumPy network on any split of its data set: the same record as the torch engine's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pixelwise.data.cache import CachedSplit
from pixelwise.engine.build import CachingProgress, build_loss, build_task
from pixelwise.engine.scoring.evaluation import Evaluation, Look
from pixelwise.engine.scoring.record import Scored, count_own, count_recipe
from pixelwise.engine.scratch.evaluate import batch_for, evaluate
from pixelwise.engine.scratch.predict import Trained, predict_labels, predict_resized
from pixelwise.engine.scratch.tasks import Task
from pixelwise.imaging.resize import resize_image
from pixelwise.metrics.base import Metric
from pixelwise.types import Image, Prediction


def score_recipe(
    trained: Trained, split: str, *, data: Path | None = None, progress: CachingProgress | None = None
) -> Scored:
    """Losses and scores over a split at the size of the training pictures.

    For the validation split and the best checkpoint these are the scores of the run's summary, to the bit on the same
    machine. Raises DataError where the data are not there, RunError where they have other classes than the run.
    """
    from threadpoolctl import threadpool_limits

    task = _with_loss(trained)
    batch = batch_for(task, trained.recipe.train.batch)

    def score(cached: CachedSplit, metrics: Sequence[Metric], look: Look) -> Evaluation:
        with threadpool_limits(1, user_api="blas"):  # as in training
            return evaluate(task, trained.network, cached, metrics, batch=batch, look=look)

    return count_recipe(trained, split, score, data=data, progress=progress)


def score_own(
    trained: Trained, split: str, *, data: Path | None = None, progress: CachingProgress | None = None
) -> Scored:
    """Scores over a split at each picture's own size, against its mask as it was drawn, which was never resized.

    The network still reads pictures of the recipe's size; the scores of pixels are enlarged. There are no losses: they
    belong to the recipe's size.
    """

    def label(image: Image) -> Prediction:
        if trained.task.unit == "pixel":
            return predict_resized(trained, image)
        return predict_labels(trained, [resize_image(image, trained.size)])[0]

    return count_own(trained, split, label, data=data, progress=progress)


def _with_loss(trained: Trained) -> Task:
    """The task with the loss of the training, weighted by the classes of the training set as the run recorded them."""
    setup = trained.run.read("setup")
    loss = build_loss(trained.recipe, np.asarray(setup["counts"], np.int64))
    task: Task = build_task(trained.recipe, trained.info, loss, setup.get("findings", {}))  # type: ignore[assignment]
    return task
