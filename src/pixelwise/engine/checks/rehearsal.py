"""A few samples pass every step of a training before the run folder exists, so that a misfit is reported early."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from pixelwise.data.cache import CachedSplit
from pixelwise.engine.base import Learner
from pixelwise.engine.build import Material
from pixelwise.engine.checks.guard import explain, explain_memory
from pixelwise.engine.evaluate import needs_of
from pixelwise.engine.order import count_pieces
from pixelwise.engine.setup import metric_record
from pixelwise.errors import DataError, PixelwiseError, RecipeError, TrainingError, naming, raised
from pixelwise.metrics.base import Metric
from pixelwise.recipe.schema import Phase, Recipe
from pixelwise.run.length import Length
from pixelwise.tasks.base import Task
from pixelwise.types import IGNORE, Sample

CORNER = 32  # pixels
FIT = "Check that model, task, loss and metrics fit together."
RATE = 1e-3  # not the recipe's: whether a training with that one is stable shows in the training


def rehearse(learner: Learner, material: Material, metrics: Sequence[Metric], length: Length) -> tuple[str, ...]:
    """Forward, loss, decode and update of two samples on throw-away copies: the learner stays unchanged, bit for bit.

    The update is repeated for each phase with another loss or other frozen parts.

    It takes two samples because batch normalisation needs two. It also tries a single sample if the training will have a
    batch of one. If the model accepts it and every target is read from the picture, its mask or its label, only a corner of
    large pictures is used. If augmentation gives pictures another size, an update with two of these follows.

    Returns a note if the model cannot be copied, so that nothing was tried; otherwise none.

    Raises PixelwiseError with one line if model, task, losses and metrics do not fit together, if a first update is not
    finite, or if a split has nothing to learn or to score.
    """
    recipe = learner.recipe
    for split in material.splits:
        _check_labelled(learner.task, split)
    train, validation = material.train, material.validation
    samples = [train[0], train[min(1, len(train) - 1)], validation[0]]
    small = [_corner(sample) for sample in samples] if set(learner.task.targets) == set(learner.task.heads) else samples
    augmented = [0, min(1, len(train) - 1)][: recipe.train.batch]
    try:
        try:
            _rehearse(learner, small, metrics, augmented if train.ragged else ())
        except Exception:  # some models need more than a corner
            if small == samples:
                raise
            _rehearse(learner, samples, metrics, augmented if train.ragged else ())
        if recipe.augment:
            learner.training_batch([0])
            if not train.ragged and learner.training_size(material) != learner.size:
                _try_augmented(learner, augmented)
        _try_one(learner, len(train), length)
    except copy.Error as error:  # a model that holds a lock, say, can still be trained
        return (f"no training step was tried beforehand: {error}",)
    except PixelwiseError:
        raise
    except Exception as error:
        if (explained := explain(error, recipe)) is not None:
            raise explained from error
        raise RecipeError(
            f"a training step with two pictures failed: {raised(error)}",
            where=f"model '{recipe.model.name}' with task '{recipe.task.name}'",
            hint=FIT,
        ) from error
    return ()


def _rehearse(learner: Learner, samples: Sequence[Sample], metrics: Sequence[Metric], augmented: Sequence[int]) -> None:
    """An update with all samples but the last one, in each phase that differs; after the first one the last is evaluated.

    augmented: if training pictures have different sizes, the indices of those that the update uses in place of the samples,
               as augmentation makes them
    """
    first, *later = _different(learner.recipe.train.phases)
    _evaluate_one(learner, samples, metrics, augmented, first)
    for number in later:  # one copy of the model at a time
        _update_in(learner, samples, augmented, number)


def _try_augmented(learner: Learner, indices: Sequence[int]) -> None:
    """An update with training pictures as augmentation makes them: a model may accept only the size before it."""
    try:
        with learner.copied() as copied, copied.computing():
            _update(copied, (), indices, 0)
    except (PixelwiseError, copy.Error):
        raise
    except Exception as error:
        if (explained := explain(error, learner.recipe)) is not None:
            raise explained from error
        height, width = learner.size
        raise RecipeError(
            f"a training step with two augmented pictures failed: {raised(error)}",
            where="augment",
            hint=f"Augmentation changes the size of the pictures, {width}×{height}, and other checks passed at that size: "
            "leave out the augmentation that changes it, or give it this size.",
        ) from error


def _evaluate_one(
    learner: Learner, samples: Sequence[Sample], metrics: Sequence[Metric], augmented: Sequence[int], phase: int
) -> None:
    recipe, last = learner.recipe, samples[-1]
    with learner.copied() as copied, copied.computing():
        _update(copied, samples, augmented, phase)
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
            with naming(f"metric '{item.name}'", "Two pictures were scored before the training."):
                metric.update(last, prediction)
                metric.sample_score(last, prediction)
                metric_record(metric)


def _update_in(learner: Learner, samples: Sequence[Sample], augmented: Sequence[int], phase: int) -> None:
    with learner.copied() as copied, copied.computing(), _naming_phase(phase, learner.recipe):
        _update(copied, samples, augmented, phase)


def _update(copied: Learner, samples: Sequence[Sample], augmented: Sequence[int], phase: int) -> None:
    """The first update of a phase, with the weights before the training."""
    try:
        copied.begin(phase)
        made = copied.training_batch(augmented) if augmented else copied.encode(samples[:-1])
        copied.step(made, RATE, 0)
        copied.check_weights(1)
    except TrainingError as error:
        raise TrainingError(
            f"the first update is not finite: {error.problems[0].what}",
            where=f"model '{copied.recipe.model.name}'",
            hint="No weight was changed yet: the model or the loss itself computes it.",
        ) from error


def _different(phases: Sequence[Phase]) -> list[int]:
    """The first phase, and each later one whose loss or frozen parts differ from those of all before it."""
    computed = [_computed(phase) for phase in phases]
    return [number for number, one in enumerate(computed) if one not in computed[:number]]


def _computed(phase: Phase) -> tuple[object, ...]:
    """What decides how an update of a phase is computed."""
    return phase.loss, phase.freeze, phase.freeze_statistics


@contextmanager
def _naming_phase(number: int, recipe: Recipe) -> Iterator[None]:
    """Around an update in a later phase: the error says in which one."""
    where = f"train.phases.{number}"
    try:
        yield
    except PixelwiseError as error:
        named = [replace(p, where=f"{where}: {p.where}" if p.where else where) for p in error.problems]
        raise type(error).all(named) from error
    except Exception as error:
        if (explained := explain(error, recipe)) is not None:
            raise explained from error
        raise RecipeError(
            f"a training step with two pictures failed: {raised(error)}", where=where, hint=FIT
        ) from error


def _corner(sample: Sample) -> Sample:
    """A corner of a large picture, whose step takes little time."""
    part = slice(0, CORNER)
    mask = None if sample.mask is None else sample.mask[part, part]
    return Sample(sample.name, sample.image[part, part], mask, label=sample.label)


# -- batches of one picture --


def _try_one(learner: Learner, pictures: int, length: Length) -> None:
    """A step with a single picture, in each phase that comes to one: batch normalisation may have too few values for it.

    Raises RecipeError that says where the single picture comes from.
    """
    processes, batch = learner.processes.count, learner.recipe.train.batch
    if processes > 1 and str(learner.choices.as_record()["device"]).startswith("cuda"):
        return  # statistics are taken over all processes there
    tried: list[tuple[object, ...]] = []
    for number, phase in enumerate(learner.recipe.train.phases):
        alike = (processes, length, number, learner.recipe.train.accumulate)
        if _computed(phase) in tried or 1 not in set(_shares(pictures, batch, *alike)):
            continue
        tried.append(_computed(phase))
        single = _single(pictures, batch, processes, learner.recipe.train.accumulate)
        made = learner.training_batch([0])
        try:
            with learner.copied() as copied, copied.computing():
                copied.begin(number)
                copied.step(made, RATE, 0)
                copied.check_weights(1)
        except Exception as error:
            if explain_memory(error, batch) is not None:
                raise
            said = error.problems[0].what if isinstance(error, PixelwiseError) else raised(error)
            fits = next((b for b in range(batch - 1, 1, -1) if 1 not in _shares(pictures, b, *alike)), 0)
            better = f"train.batch={fits}, " if fits else ""
            raise RecipeError(
                f"{single}, but the model cannot be trained on a single picture: {said}",
                where=f"train.batch={batch}",
                hint=f"Try {better}a larger data.size, or a model without batch normalisation.",
            ) from error


def _shares(
    pictures: int, batch: int, processes: int, length: Length, phase: int, accumulate: int = 1
) -> Iterator[int]:
    """How many pictures a process computes at once at least, of a whole batch and of the last one of an epoch."""
    begin, end = list(length.spans())[phase]
    sizes = {min(batch, pictures)}
    if pictures % batch and not all(length.is_cut(epoch) for epoch in range(begin, end)):
        sizes.add(pictures % batch)
    for size in sizes:
        share = max(1, size // processes)  # a process without a picture gets one as a stand-in
        yield share // count_pieces(share, batch, accumulate, processes)


def _single(pictures: int, batch: int, processes: int, accumulate: int) -> str:
    """Where a batch of one picture comes from, in words."""
    if accumulate > 1 and pictures > 1 and batch > 1:
        return f"train.accumulate={accumulate} cuts some batches into pieces of one picture"
    if pictures == 1:
        return "the training split has a single picture"
    if batch == 1:
        return "each batch is one picture"
    over = pictures % batch or batch
    said = f"{pictures:,} training pictures in batches of {batch} leave {over} over"
    return said if processes == 1 else f"{said}: among {processes} processes one gets a single picture"


# -- nothing to learn --


def _check_labelled(task: Task, split: CachedSplit) -> None:
    """Raise DataError if no target of a split counts. Stops at the first one that does."""
    known = False
    for index in range(len(split)):
        targets = task.encode(split[index])
        by_class = {head for head in targets if head in task.heads and task.heads[head].form == "categories"}
        if by_class < targets.keys() or any((targets[head] != IGNORE).any() for head in by_class) or not targets:
            return
        known = True
    if known:
        what = "pixel" if task.per == "pixel" else "picture"
        void = "" if split.info.void is None else f" Every {what} is void ({split.info.void})."
        raise DataError(
            f"the split '{split.split}' has no labelled {what}.{void}",
            where=split.info.name,
            hint="Look at the masks and the void value: `pixelwise data check` lists the classes of each split.",
        )
