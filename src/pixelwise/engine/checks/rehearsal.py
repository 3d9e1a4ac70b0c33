"""Two samples pass every step of a training before the run folder exists, so that a misfit is reported early."""

from __future__ import annotations

import copy
from collections.abc import Sequence

from pixelwise.engine.base import Learner
from pixelwise.engine.build import Material
from pixelwise.engine.checks.guard import explain
from pixelwise.engine.evaluate import needs_of
from pixelwise.errors import PixelwiseError, RecipeError, TrainingError
from pixelwise.metrics.base import Metric
from pixelwise.types import Sample

CORNER = 32  # pixels
RATE = 1e-3  # not the recipe's: whether a training with that one is stable shows in the training


def rehearse(learner: Learner, material: Material, metrics: Sequence[Metric]) -> None:
    """Forward, loss, decode and update of two samples on throw-away copies: the learner stays as it is, to the bit.

    Two, because batch normalisation needs them. Of large pictures a corner is taken where the model accepts it, and every
    target is read from the picture, its mask or its label, so that a part of a picture has one too.

    Raises PixelwiseError with one clear line where model, task, losses and metrics do not fit together.
    """
    recipe = learner.recipe
    train, validation = material.train, material.validation
    samples = [train[0], train[min(1, len(train) - 1)], validation[0]]
    small = [_corner(sample) for sample in samples] if set(learner.task.targets) == set(learner.task.heads) else samples
    try:
        try:
            _rehearse(learner, small, metrics)
        except Exception:  # some models need more than a corner
            if small == samples:
                raise
            _rehearse(learner, samples, metrics)
    except TrainingError:
        pass  # a loss that is not finite is the training's to report, with its pictures
    except copy.Error:
        pass  # a model that holds a lock, say, trains all the same
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


def _rehearse(learner: Learner, samples: Sequence[Sample], metrics: Sequence[Metric]) -> None:
    """An update with all samples but the last one, which is then evaluated."""
    recipe, last = learner.recipe, samples[-1]
    with learner.copied() as copied, copied.computing():
        copied.begin(0)
        copied.step(copied.encode(samples[:-1]), RATE, 0)
        batch = copied.encode([last])
        outputs = copied.forward(batch)
        copied.terms(outputs, batch)
        prediction = copied.task.decode(copied.reduced(outputs, needs_of(metrics))[0])
        for item, metric in zip(recipe.metrics, copy.deepcopy(metrics), strict=True):
            # `check` compares declarations; what a task without one predicts is known only here
            if metric.counts and prediction.kind not in metric.counts:
                claim = f"metric '{item.name}' counts {' or '.join(metric.counts)}"
                raise RecipeError(
                    f"{claim}, but task '{recipe.task.name}' predicts {prediction.kind}.", where="metrics"
                )
            metric.update(last, prediction)


def _corner(sample: Sample) -> Sample:
    """A corner of a large picture, whose step takes little time."""
    part = slice(0, CORNER)
    mask = None if sample.mask is None else sample.mask[part, part]
    return Sample(sample.name, sample.image[part, part], mask, label=sample.label)
