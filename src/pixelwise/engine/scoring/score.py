"""Scores of a finished run of the torch engine on any split of its data set."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pixelwise.engine.build import CachingProgress, build_loss
from pixelwise.engine.predict import Trained, predict_resized
from pixelwise.engine.scoring.evaluate import evaluate
from pixelwise.engine.scoring.record import Scored, count_own, count_recipe
from pixelwise.tasks.base import Task


def score_recipe(
    trained: Trained, split: str, *, data: Path | None = None, progress: CachingProgress | None = None
) -> Scored:
    """Losses and scores over a split at the size of the training pictures.

    For the validation split and the best checkpoint these are the scores of the run's summary, to the bit on the same
    machine. Raises DataError where the data are not there, RunError where they have other classes than the run.
    """
    task, batch = _with_loss(trained), trained.recipe.train.batch
    return count_recipe(
        trained,
        split,
        lambda cached, metrics, look: evaluate(
            task, trained.model, cached, metrics, choices=trained.choices, batch=batch, look=look
        ),
        data=data,
        progress=progress,
    )


def score_own(
    trained: Trained, split: str, *, data: Path | None = None, progress: CachingProgress | None = None
) -> Scored:
    """Scores over a split at each picture's own size, against its mask as it was drawn, which was never resized.

    The network still reads pictures of the recipe's size; its scores are enlarged (`predict_resized`). One picture is
    in memory at a time. There are no losses: they belong to the recipe's size.
    """
    return count_own(trained, split, lambda image: predict_resized(trained, image), data=data, progress=progress)


def _with_loss(trained: Trained) -> Task:
    """The task with the loss of the training, weighted by the classes of the training set as the run recorded them."""
    counts = np.asarray(trained.run.read("setup")["counts"], np.int64)
    loss = build_loss(trained.recipe, counts).to(trained.choices.torch_device)
    return trained.task.with_loss(loss)
