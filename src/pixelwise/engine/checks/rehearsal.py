"""Two samples through everything that a training does, before the run folder exists: so that a misfit shows up there."""

from __future__ import annotations

import copy
from collections.abc import Sequence

from pixelwise.engine.base import Learner
from pixelwise.engine.build import Material
from pixelwise.engine.checks.explain import explain
from pixelwise.engine.evaluate import needs_of
from pixelwise.errors import PixelwiseError, RecipeError, TrainingError
from pixelwise.metrics.base import Metric
from pixelwise.types import Prediction

SAMPLES = 2  # batch normalisation needs two


def rehearse(learner: Learner, material: Material, metrics: Sequence[Metric]) -> None:
    """Forward, loss, decode and update of two samples on throw-away copies: the learner stays as it is, to the bit.

    Raises PixelwiseError with one clear line where model, task, losses and metrics do not fit together.
    """
    recipe = learner.recipe
    try:
        with learner.copied() as copied, copied.computing():
            copied.begin(0)
            train, validation = material.train, material.validation
            batch = copied.encode([train[min(index, len(train) - 1)] for index in range(SAMPLES)])
            copied.step(batch, recipe.train.phases[0].learning_rate or 1e-3, 0)
            sample = validation[0]
            batch = copied.encode([sample])
            outputs = copied.forward(batch)
            copied.terms(outputs, batch)
            prediction = copied.task.decode(copied.reduced(outputs, needs_of(metrics))[0])
            for item, metric in zip(recipe.metrics, copy.deepcopy(metrics), strict=True):
                _check_kind(item.name, metric, recipe.task.name, prediction)
                metric.update(sample, prediction)
    except TrainingError:
        pass  # a loss that is not finite is the training's to report, with its pictures
    except PixelwiseError:
        raise
    except Exception as error:
        if (explained := explain(error, recipe)) is not None:
            raise explained from error
        said = (str(error).strip().splitlines() or [""])[0]
        raise RecipeError(
            f"two pictures did not get through a training step: {type(error).__name__}: {said}",
            where=f"model '{recipe.model.name}' with task '{recipe.task.name}'",
            hint="Do model, task, loss and metrics fit together?",
        ) from error


def _check_kind(name: str, metric: Metric, task: str, prediction: Prediction) -> None:
    """`check` compares what both declare; a task that declares nothing shows only here what it predicts."""
    if metric.counts and prediction.kind not in metric.counts:
        what = f"metric '{name}' counts {' or '.join(metric.counts)}, but task '{task}' predicts {prediction.kind}."
        raise RecipeError(what, where="metrics")
