"""A training of the NumPy network from recipe to finished run folder. torch is never imported."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pixelwise.data.cache import CachedSplit
from pixelwise.engine.build import (
    CachingProgress,
    Material,
    build,
    build_loss,
    build_metrics,
    build_task,
    open_material,
)
from pixelwise.engine.conclude import conclude
from pixelwise.engine.descent.length import planned_length, schedule_length
from pixelwise.engine.faults.guard import Interruption, explained
from pixelwise.engine.faults.names import unknown_scores
from pixelwise.engine.feed.order import draw_order
from pixelwise.engine.feed.seeds import seed_of
from pixelwise.engine.hardware.allocator import keep_large_buffers
from pixelwise.engine.resume import check_resume, check_splits
from pixelwise.engine.scoring.evaluation import Evaluation, Look, find_score
from pixelwise.engine.scratch.describe import model_record
from pixelwise.engine.scratch.evaluate import batch_for, evaluate, forward, predict
from pixelwise.engine.scratch.tasks import Task
from pixelwise.engine.setup import setup_record
from pixelwise.errors import Problem, RecipeError, RunError, ShapeError
from pixelwise.metrics.base import Metric
from pixelwise.recipe.load import as_yaml
from pixelwise.recipe.schema import Recipe
from pixelwise.run.checkpoint import load_checkpoint, save_checkpoint
from pixelwise.run.environment import cores, environment
from pixelwise.run.events import Event, Finished, Noted
from pixelwise.run.folder import RunFolder
from pixelwise.run.length import Length
from pixelwise.run.progress import Progress
from pixelwise.scratch.fit import Examples, Judgement, Parts, Stage, Watched, fit
from pixelwise.scratch.network import Network
from pixelwise.scratch.optim import SGD, Adam
from pixelwise.types import Prediction, Sample, Score


@dataclass(frozen=True)
class Alone:
    """The one process that a NumPy training has."""

    first: bool = True

    def gather(self, value: Any) -> list[Any]:
        return [value]

    def wait(self) -> None:
        """Nobody to wait for."""


@dataclass(frozen=True)
class Training:
    """What a recipe's names became, and what the loop and the conclusion ask of them."""

    recipe: Recipe
    material: Material
    task: Task
    network: Network
    optimizer: SGD | Adam
    metrics: tuple[Metric, ...]
    threads: int
    processes: Alone = field(default_factory=Alone)

    @property
    def validation(self) -> CachedSplit:
        return self.material.validation

    @property
    def test(self) -> CachedSplit | None:
        return self.material.test

    def load(self, arrays: Mapping[str, NDArray[Any]], where: str) -> None:
        """Put the weights of a checkpoint into the network. Raises RunError where they do not fit."""
        load_network(self.network, arrays, where)

    def evaluate(self, split: CachedSplit, metrics: Sequence[Metric], look: Look | None = None) -> Evaluation:
        """Losses and scores of the weights as they are now; `look` is shown every picture with its prediction."""
        batch = batch_for(self.task, self.recipe.train.batch)
        return evaluate(self.task, self.network, split, metrics, batch=batch, look=look)

    def predict(self, sample: Sample) -> Prediction:
        return predict(self.task, self.network, sample)

    def batches(self, epoch: int, skip: int, steps: int) -> Iterator[Examples]:
        """The batches of an epoch, from number `skip` up to `steps`, in the order that the torch engine takes too."""
        recipe, split = self.recipe, self.material.train
        sampling, seed = recipe.data.sampling, recipe.train.seed
        order = draw_order(len(split), seed, epoch, sampling, self.material.labels_to_balance(sampling))
        size = recipe.train.batch
        for start in range(skip * size, min(steps * size, len(order)), size):
            yield self.task.batch([split[index] for index in order[start : start + size]])
            split.release()

    def judge(self, epoch: int) -> Judgement:
        """The validation of an epoch."""
        found = self.evaluate(self.validation, self.metrics)
        candidates = Evaluation(found.losses, found.scores, epoch).candidates
        train = self.recipe.train
        rule = train.early_stopping
        best = find_score(candidates, train.best)
        stop = find_score(candidates, (rule and rule.metric) or train.best, where="train.early_stopping.metric")
        values = {score.key: score.value for score in found.scores}
        return Judgement(found.losses, values, _watched(best), _watched(stop))


def train(
    recipe: Recipe, path: Path, *, data: Path | None = None, caching: CachingProgress | None = None
) -> Iterator[Event]:
    """Train a recipe of the NumPy network into a new run folder, event by event.

    Everything that can be refused is refused before the folder is made. Raises PixelwiseError of the kind that fits.
    """
    RunFolder.check_free(path)
    material = open_material(recipe, root=data, progress=caching)
    training = _make(recipe, material, _threads(recipe.hardware.threads))
    run = RunFolder.create(path, as_yaml(recipe))
    run.write("environment", environment())
    run.write("setup", _setup(training))
    yield from _run(run, training, Progress(), ())


def resume(
    path: Path, *, data: Path | None = None, recipe: Recipe | None = None, caching: CachingProgress | None = None
) -> Iterator[Event]:
    """Go on with a run from its last checkpoint, to the same bytes as if it had never stopped.

    Raises RunError where the recipe, the data or the checkpoint is not what the run began with.
    """
    run = RunFolder.open(path)
    recipe, notes = check_resume(run, recipe)
    setup = run.read("setup")
    material = open_material(recipe, root=data, progress=caching, findings=setup["findings"])
    check_splits(run, setup, material.splits)
    if setup["choices"]["allocator"]:
        keep_large_buffers()
    training = _make(recipe, material, int(setup["choices"]["threads"]))
    progress, length = Progress(), 0
    last = run.path / "last"
    if (last / "state.json").is_file():
        arrays, state = load_checkpoint(last, "model", "optimizer")
        training.load(arrays["model"], where=str(last))
        training.optimizer.load_state(arrays["optimizer"])
        progress, length = Progress(**state["progress"]), state["events_length"]
    run.cut_events(length)
    yield from _run(run, training, progress, notes)


def build_network(recipe: Recipe, task: Task, size: tuple[int, int], threads: int = 1) -> Network:
    """The recipe's network with its first weights, drawn from the seed."""
    shape, outputs = (task.in_channels, *size), len(task.info.classes)
    network: Network = build("model", recipe.model, shape, outputs, recipe.train.seed, threads, engine="scratch")
    return network


def load_network(network: Network, arrays: Mapping[str, NDArray[Any]], where: str) -> None:
    """Put the weights of a checkpoint into a network. Raises RunError with all that does not fit."""
    try:
        network.load_state(arrays)
    except ShapeError as error:
        raise RunError.all(
            [Problem(f"{where}: {p.where}" if p.where else where, p.what, p.hint) for p in error.problems]
        ) from error


def _make(recipe: Recipe, material: Material, threads: int) -> Training:
    loss: Any = build_loss(recipe, material.counts)
    task: Any = build_task(recipe, material.info, loss, material.findings)
    network = build_network(recipe, task, material.train.size, threads)
    metrics = build_metrics(recipe, task.info)
    if problems := list(unknown_scores(recipe, metrics)):
        raise RecipeError.all(problems)
    forward(network, task.batch([material.train[0]]))  # scores of a wrong shape are told before the folder is made
    optimizer = build("optimizer", recipe.train.optimizer, engine="scratch")
    return Training(recipe, material, task, network, optimizer, metrics, threads)


def _threads(wanted: int | None) -> int:
    """The recipe's number, else that of OMP_NUM_THREADS, else one for each core."""
    said = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return wanted or (int(said) if said.isdecimal() else 0) or cores()


def _setup(training: Training) -> dict[str, Any]:
    recipe, weights = training.recipe, training.task.loss and training.task.loss.weights
    choices = {
        "engine": "NumPy",
        "device": "cpu",
        "precision": "fp32",
        "layout": "channels_last",
        "allocator": keep_large_buffers(),
        "threads": training.threads,
        "notes": [],
    }
    return setup_record(
        recipe,
        training.material,
        training.task.info,
        choices=choices,
        unit=training.task.unit,
        weights=None if weights is None else weights.tolist(),
        model=model_record(recipe, training.network),
    )


def _stages(recipe: Recipe, length: Length) -> tuple[Stage, ...]:
    train = recipe.train
    stages = []
    for phase, (begin, end) in zip(train.phases, length.spans(), strict=True):
        factor = build("schedule", phase.schedule or train.schedule, schedule_length(phase, length.per_epoch))
        top = phase.learning_rate or train.optimizer.options["learning_rate"]
        stages.append(Stage(begin, end, lambda epoch, top=top, factor=factor: top * factor(epoch)))
    return tuple(stages)


def _run(run: RunFolder, training: Training, progress: Progress, notes: tuple[str, ...]) -> Iterator[Event]:
    """Fit, and keep every event; then score, draw and report what came out."""
    from threadpoolctl import threadpool_limits

    interruption = Interruption()
    recipe = training.recipe
    limited = threadpool_limits(1, user_api="blas")  # the network divides the batch among its own threads
    with run.writing(), interruption.listening(), explained(run, recipe), limited:
        for note in notes:
            yield Noted(note)
        last: Event | None = None
        for last in fit(_parts(run, training, interruption), progress):
            run.append(last)
            yield last
        if isinstance(last, Finished) and last.reason != "interrupted":
            conclude(run, recipe, training, progress, last)


def _parts(run: RunFolder, training: Training, interruption: Interruption) -> Parts:
    """What the loop works with."""
    recipe, train = training.recipe, training.recipe.train
    rule, pictures = train.early_stopping, len(training.material.train)
    length = planned_length(recipe, pictures)
    network, optimizer = training.network, training.optimizer

    def save(which: Literal["last", "best"], progress: Progress) -> None:
        parts = {"model": network.state()}
        if which == "last":
            parts["optimizer"] = optimizer.state()
        state = {"progress": progress.as_record(), "events_length": run.events_length()}
        save_checkpoint(run.path / which, parts, state, step=progress.step)

    assert training.task.loss is not None  # every recipe has one
    return Parts(
        network,
        training.task.loss,
        optimizer,
        _stages(recipe, length),
        length,
        pictures=pictures,
        batch=train.batch,
        batches=training.batches,
        draws=lambda step: np.random.default_rng(seed_of(train.seed, "step", step)),
        judge=training.judge,
        save=save,
        clip=train.clip,
        patience=None if rule is None else rule.patience,
        least_gain=0.0 if rule is None else rule.least_gain,
        validate_every=train.validate_every,
        checkpoint_steps=train.checkpoint_steps,
        stop=lambda: interruption.asked,
    )


def _watched(score: Score) -> Watched:
    return Watched(score.key, score.value, score.higher_is_better)
