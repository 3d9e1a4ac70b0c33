"""The training loop of both engines: one plain generator of events, in time order.

    for event in fit(parts, progress):
        ...

Everything that decides the next step is in `parts` (made from the recipe) and in `progress` (kept in the checkpoint). So a
loop that starts again from a checkpoint gives the same bytes as an uninterrupted one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from pixelwise.engine.base import Learner
from pixelwise.engine.build import Material
from pixelwise.engine.evaluate import Evaluation, add, evaluate, find_score
from pixelwise.engine.schedule import Factor
from pixelwise.metrics.base import Metric
from pixelwise.recipe.schema import EarlyStopping, Recipe
from pixelwise.run.events import EpochDone, Event, Finished, PhaseBegan, Saved, Started, StepDone
from pixelwise.run.length import Length
from pixelwise.run.progress import Progress, improves, quotients
from pixelwise.types import Score

Save = Callable[[Literal["last", "best"], Progress], None]


@dataclass(frozen=True)
class Stage:
    """A phase of the recipe with its place in the training: epochs begin (inclusive) to end (exclusive), counted from 0."""

    number: int
    begin: int
    end: int
    rate: float
    schedule: Factor


@dataclass(frozen=True)
class Parts:
    """Everything a training is made of. `save` writes a checkpoint of the progress so far."""

    recipe: Recipe
    material: Material
    learner: Learner
    metrics: tuple[Metric, ...]
    stages: tuple[Stage, ...]
    length: Length
    save: Save


def fit(parts: Parts, progress: Progress) -> Iterator[Event]:
    """Train from `progress` to the end of the recipe, and keep `progress` up to date."""
    train, length, learner = parts.recipe.train, parts.length, parts.learner
    yield Started(progress.step, progress.epoch, length.epochs, length.per_epoch, length.phases)
    stage = None
    while progress.epoch < length.epochs and not is_stale(progress, train.early_stopping):
        if stage is None or progress.epoch >= stage.end:
            stage = next(s for s in parts.stages if progress.epoch < s.end)
            trainable = learner.begin(stage.number)
            if progress.epoch == stage.begin and not progress.batch:
                yield PhaseBegan(stage.number, stage.begin, trainable)
        rate = yield from train_epoch(parts, progress, stage)
        if learner.stopped and progress.batch < length.steps_of(progress.epoch):
            yield from save_last(parts, progress)
            yield finished("interrupted", progress)
            return
        yield from close_epoch(parts, progress, rate)
        yield from save_last(parts, progress)
        if learner.stopped and progress.epoch < length.epochs and not is_stale(progress, train.early_stopping):
            yield finished("interrupted", progress)  # asked for in the last step of the epoch, perhaps the only one
            return
    yield finished("complete" if progress.epoch >= length.epochs else "early stopping", progress)


def train_epoch(parts: Parts, progress: Progress, stage: Stage) -> Generator[Event, None, float]:
    """The rest of the epoch under way, one update at a time; returns the last learning rate."""
    train, steps, learner = parts.recipe.train, parts.length.steps_of(progress.epoch), parts.learner
    rate, clock = stage.rate, time.perf_counter()
    for batch in learner.batches(progress.epoch, skip=progress.batch, steps=steps):
        # the middle of the step, so that neither the first nor the last one has the rate zero
        done = progress.epoch - stage.begin + (progress.batch + 0.5) / parts.length.per_epoch
        rate = stage.rate * stage.schedule(done)
        sums = learner.step(batch, rate, progress.step)
        progress.step += 1
        progress.batch += 1
        add(progress.sums, sums)
        progress.spend("train", time.perf_counter() - clock)
        yield StepDone(progress.step, progress.epoch + 1, quotients(sums), rate)
        clock = time.perf_counter()
        if learner.stopped:
            break
        if train.checkpoint_steps and progress.step % train.checkpoint_steps == 0 and progress.batch < steps:
            yield from save_last(parts, progress)
    return rate


def close_epoch(parts: Parts, progress: Progress, rate: float) -> Iterator[Event]:
    """Validate, report the epoch, and keep the weights if they are the best so far."""
    train, length = parts.recipe.train, parts.length
    parts.learner.check_weights(progress.step)
    losses = quotients({name: (top, below) for name, (top, below) in progress.sums.items()})
    cut = length.is_cut(progress.epoch)
    pictures = progress.batch * train.batch if cut else len(parts.material.train)
    progress.epoch += 1
    progress.batch, progress.sums = 0, {}
    clock = time.perf_counter()
    due = cut or progress.epoch % train.validate_every == 0 or progress.epoch == length.epochs
    result = replace(validate(parts), epoch=progress.epoch) if due else Evaluation({}, [])
    progress.spend("validation", time.perf_counter() - clock)
    values = {score.key: score.value for score in result.scores}
    seconds, progress.epoch_seconds = progress.epoch_seconds, {"train": 0.0, "validation": 0.0}
    yield EpochDone(progress.epoch, progress.step, losses, result.losses, values, rate, pictures, seconds)
    if due:
        count_stale(progress, result.candidates, train.early_stopping, train.best)
        yield from keep_best(parts, progress, find_score(result.candidates, train.best))


def validate(parts: Parts) -> Evaluation:
    """Losses and scores of the current weights, or of their average."""
    with parts.learner.averaged():
        return evaluate(parts.learner, parts.material.validation, parts.metrics)


def keep_best(parts: Parts, progress: Progress, score: Score) -> Iterator[Event]:
    """Write the best checkpoint if this score is better than every earlier one."""
    if not is_better(score, progress.best_value, 0.0):
        return
    progress.best_value, progress.best_epoch, progress.best_step = score.value, progress.epoch, progress.step
    yield Saved("best", progress.epoch, progress.step, score.key, score.value)
    parts.save("best", progress)


def save_last(parts: Parts, progress: Progress) -> Iterator[Event]:
    """Write the last checkpoint. The event comes first, so that a resume finds it among the events kept."""
    parts.learner.check_weights(progress.step)
    yield Saved("last", progress.epoch, progress.step)
    parts.save("last", progress)


def count_stale(progress: Progress, scores: list[Score], rule: EarlyStopping | None, best: str) -> None:
    """Count validations in a row without a better score."""
    if rule is None:
        return
    score = find_score(scores, rule.metric or best, where="train.early_stopping.metric")
    if is_better(score, progress.stop_value, rule.least_gain):
        progress.stop_value, progress.stale = score.value, 0
    else:
        progress.stale += 1


def is_stale(progress: Progress, rule: EarlyStopping | None) -> bool:
    """Whether early stopping ends the training here."""
    return rule is not None and progress.stale >= rule.patience


def is_better(score: Score, before: float | None, least_gain: float) -> bool:
    """Whether a score is defined, and better than an earlier one by more than `least_gain`."""
    return improves(score.value, before, score.higher_is_better, least_gain)


def finished(reason: Literal["complete", "early stopping", "interrupted"], progress: Progress) -> Finished:
    return Finished(reason, progress.epoch, progress.step, progress.best_epoch, progress.best_value)
