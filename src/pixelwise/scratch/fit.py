"""The training loop of the NumPy network: a plain generator of events, in time order.

    for event in fit(parts, progress):
        ...

The events are those of the torch engine, for the same run folder, console and report. Whatever decides the next step is in
`parts` and in `progress`: a loop started again from a checkpoint goes on as if nothing had happened.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pixelwise.errors import TrainingError, listing
from pixelwise.run.events import EpochDone, Event, Finished, PhaseBegan, Saved, Started, StepDone
from pixelwise.run.length import Length
from pixelwise.run.progress import Progress, Sums, improves, quotients
from pixelwise.scratch.checks import Array
from pixelwise.scratch.layers import Gradients
from pixelwise.scratch.loss import CrossEntropy
from pixelwise.scratch.network import Network
from pixelwise.scratch.optim import SGD, Adam

CALMER = "Lower the learning rate, warm up (train.schedule.warmup=1), or clip gradients (train.clip=1)."
TERM = "class"  # the name of the one loss


@dataclass(frozen=True, eq=False)
class Examples:
    """A batch: images (N, C, H, W), targets (N,) or (N, H, W), and the samples' names for messages."""

    images: Array
    targets: NDArray[Any]
    names: tuple[str, ...]


@dataclass(frozen=True)
class Watched:
    """A score that decides something, under its full name."""

    key: str
    value: float | None
    higher_is_better: bool


@dataclass(frozen=True)
class Judgement:
    """What a validation found: losses and scores by name, the score that chooses the best weights, and the one to stop by."""

    losses: Mapping[str, float | None]
    scores: Mapping[str, float | None]
    best: Watched
    stop: Watched


@dataclass(frozen=True)
class Stage:
    """A phase: epochs begin (inclusive) to end (exclusive), and the learning rate at each moment since its begin."""

    begin: int
    end: int
    rate: Callable[[float], float]


@dataclass(frozen=True)
class Parts:
    """Everything a training is made of.

    length:       updates of each phase and of a whole epoch
    pictures, batch: of the training set, and in one update
    batches:      (epoch, batches to skip, batches in all) → the batches of the epoch
    draws:        step → the generator of that step's random draws (dropout)
    judge:        the epochs done → scores of the weights as they are now
    save:         writes a checkpoint of the progress so far
    clip:         largest norm of all gradients together; None: any
    patience:     validations without a better score after which the training ends; None: never
    stop:         whether the process was asked to stop (Ctrl-C)
    """

    network: Network
    loss: CrossEntropy
    optimizer: SGD | Adam
    stages: tuple[Stage, ...]
    length: Length
    pictures: int
    batch: int
    batches: Callable[[int, int, int], Iterator[Examples]]
    draws: Callable[[int], np.random.Generator]
    judge: Callable[[int], Judgement]
    save: Callable[[Literal["last", "best"], Progress], None]
    clip: float | None = None
    patience: int | None = None
    least_gain: float = 0.0
    validate_every: int = 1
    checkpoint_steps: int | None = None
    stop: Callable[[], bool] = lambda: False


def fit(parts: Parts, progress: Progress) -> Iterator[Event]:
    """Train to the end of the last stage, from wherever `progress` stands, changing it on the way."""
    length = parts.length
    yield Started(progress.step, progress.epoch, length.epochs, length.per_epoch, length.phases)
    while progress.epoch < length.epochs and not _is_stale(parts, progress):
        number = next(i for i, stage in enumerate(parts.stages) if progress.epoch < stage.end)
        stage = parts.stages[number]
        if progress.epoch == stage.begin and not progress.batch:
            yield PhaseBegan(number, stage.begin, sum(value.size for value in parts.network.parameters.values()))
        rate, steps = 0.0, length.steps_of(progress.epoch)
        clock = time.perf_counter()
        for batch in parts.batches(progress.epoch, progress.batch, steps):
            # the middle of the step, so that neither the first nor the last one has the rate zero
            rate = stage.rate(progress.epoch - stage.begin + (progress.batch + 0.5) / length.per_epoch)
            sums = update(parts, batch, rate, progress.step)
            clock = _count(progress, sums, clock)
            yield StepDone(progress.step, progress.epoch + 1, quotients(sums), rate)
            if parts.stop() and progress.batch < steps:
                yield from _save_last(parts, progress)
                yield _finished("interrupted", progress)
                return
            every = parts.checkpoint_steps
            if every and progress.step % every == 0 and progress.batch < steps:
                yield from _save_last(parts, progress)
        yield from _close_epoch(parts, progress, rate)
        yield from _save_last(parts, progress)
    yield _finished("complete" if progress.epoch >= length.epochs else "early stopping", progress)


def update(parts: Parts, batch: Examples, rate: float, step: int) -> Sums:
    """One step: forward, loss, backward, and the optimizer. Raises TrainingError where the loss is not finite."""
    network = parts.network
    with np.errstate(over="ignore", invalid="ignore"):  # told below, with the names of the pictures
        scores, caches = network.forward(batch.images, parts.draws(step))
        (top, below), cache = parts.loss.forward(scores, batch.targets)
        if not math.isfinite(top):
            raise TrainingError(
                f"the loss became {top / below if below else top} with the pictures {listing(batch.names, 20)}.",
                where=f"step {step + 1}",
                hint=CALMER,
            )
        gradients = network.backward(parts.loss.backward(cache), caches)
        parts.optimizer.update(network.parameters, clipped(gradients, parts.clip), rate)
    return {TERM: (top, below)}


def clipped(gradients: Gradients, largest: float | None) -> Gradients:
    """The gradients, all scaled down alike where their common norm exceeds `largest` (Pascanu et al. 2013)."""
    if largest is None:
        return gradients
    norm = math.sqrt(sum(float(np.square(value, dtype=np.float64).sum()) for value in gradients.values()))
    return (
        {name: value * value.dtype.type(largest / norm) for name, value in gradients.items()}
        if norm > largest
        else gradients
    )


def _count(progress: Progress, sums: Sums, clock: float) -> float:
    """Note a step; the time now."""
    progress.step += 1
    progress.batch += 1
    for name, (top, below) in sums.items():
        pair = progress.sums.setdefault(name, [0.0, 0.0])
        pair[0] += top
        pair[1] += below
    now = time.perf_counter()
    progress.spend("train", now - clock)
    return now


def _close_epoch(parts: Parts, progress: Progress, rate: float) -> Iterator[Event]:
    """Validate, tell how the epoch went, and keep the weights where they are the best so far."""
    _check_weights(parts.network, progress.step)
    losses = quotients({name: (top, below) for name, (top, below) in progress.sums.items()})
    cut = parts.length.is_cut(progress.epoch)
    pictures = progress.batch * parts.batch if cut else parts.pictures
    progress.epoch += 1
    progress.batch, progress.sums = 0, {}
    clock = time.perf_counter()
    due = cut or progress.epoch % parts.validate_every == 0 or progress.epoch == parts.length.epochs
    found = parts.judge(progress.epoch) if due else None
    progress.spend("validation", time.perf_counter() - clock)
    seconds, progress.epoch_seconds = progress.epoch_seconds, {"train": 0.0, "validation": 0.0}
    told = ({}, {}) if found is None else (found.losses, found.scores)
    yield EpochDone(progress.epoch, progress.step, losses, *told, rate, pictures, seconds)
    if found is None:
        return
    if improves(found.stop.value, progress.stop_value, found.stop.higher_is_better, parts.least_gain):
        progress.stop_value, progress.stale = found.stop.value, 0
    else:
        progress.stale += 1
    if improves(found.best.value, progress.best_value, found.best.higher_is_better):
        progress.best_value, progress.best_epoch, progress.best_step = found.best.value, progress.epoch, progress.step
        yield Saved("best", progress.epoch, progress.step, found.best.key, found.best.value)
        parts.save("best", progress)


def _save_last(parts: Parts, progress: Progress) -> Iterator[Event]:
    """Write the last checkpoint. The event comes first, so that a resume finds it among the events kept."""
    _check_weights(parts.network, progress.step)
    yield Saved("last", progress.epoch, progress.step)
    parts.save("last", progress)


def _check_weights(network: Network, step: int) -> None:
    """Raise TrainingError, before they are scored or saved, where weights or statistics are not numbers."""
    broken = [name for name, value in network.state().items() if not np.isfinite(value).all()]
    if broken:
        what = f"the weights are no longer finite: {listing(broken, 4)}."
        raise TrainingError(what, where=f"step {step}", hint=CALMER)


def _is_stale(parts: Parts, progress: Progress) -> bool:
    return parts.patience is not None and progress.stale >= parts.patience


def _finished(reason: Literal["complete", "early stopping", "interrupted"], progress: Progress) -> Finished:
    return Finished(reason, progress.epoch, progress.step, progress.best_epoch, progress.best_value)
