"""A training from recipe to finished run folder: set up or resume, fit, score the best weights, keep pictures, report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from torch import nn

from pixelwise.engine.build import (
    CachingProgress,
    Material,
    build,
    build_augmentation,
    build_loss,
    build_metrics,
    build_model,
    build_task,
    cache_folder,
    model_record,
    open_material,
    place,
)
from pixelwise.engine.checkpoint import load_model, load_optimizer, model_arrays, optimizer_arrays
from pixelwise.engine.conclude import conclude
from pixelwise.engine.descent.length import planned_length, schedule_length
from pixelwise.engine.faults.guard import Interruption, explained
from pixelwise.engine.faults.names import check_names
from pixelwise.engine.feed.loader import Loader
from pixelwise.engine.fit import Parts, Save, Stage, fit
from pixelwise.engine.hardware.device import Choices, choose
from pixelwise.engine.hardware.distributed import Processes
from pixelwise.engine.resume import check_resume, check_splits
from pixelwise.engine.setup import setup_record
from pixelwise.metrics.base import Metric
from pixelwise.recipe.load import as_yaml
from pixelwise.recipe.schema import Recipe
from pixelwise.run.checkpoint import load_checkpoint, save_checkpoint
from pixelwise.run.environment import environment
from pixelwise.run.events import Event, Finished, Noted
from pixelwise.run.folder import RunFolder
from pixelwise.run.length import Length
from pixelwise.run.progress import Progress
from pixelwise.tasks.base import Task


def train(
    recipe: Recipe,
    path: Path,
    *,
    data: Path | None = None,
    processes: Processes = Processes(),  # noqa: B008 - frozen
    caching: CachingProgress | None = None,
) -> Iterator[Event]:
    """Train a recipe into a new run folder, event by event.

    Everything that can be refused is refused before the folder is made: the recipe, the data (every file is decoded once
    into the cache), the device. Raises PixelwiseError of the kind that fits.
    """
    processes.from_first(lambda: RunFolder.check_free(path))
    material = _open_together(recipe, data, processes, caching)
    memory = cache_folder(data)
    choices = _local(processes.from_first(lambda: choose(recipe.hardware, memory=memory)), processes)
    choices.apply()
    made = _make(recipe, material, choices)
    processes.from_first(lambda: _begin(path, recipe, material, choices, made))
    yield from _run(RunFolder(path), recipe, material, choices, made, Progress(), processes, notes=choices.notes)


def resume(
    path: Path,
    *,
    data: Path | None = None,
    processes: Processes = Processes(),  # noqa: B008 - frozen
    recipe: Recipe | None = None,
    caching: CachingProgress | None = None,
) -> Iterator[Event]:
    """Go on with a run from its last checkpoint, to the same bytes as if it had never stopped.

    Raises RunError where the recipe, the data or the checkpoint is not what the run began with; other versions of
    packages, which may change the last bits, are named in an event.
    """
    run = RunFolder.open(path)
    recipe, notes = check_resume(run, recipe)
    setup = run.read("setup")
    material = _open_together(recipe, data, processes, caching, findings=setup.get("findings", {}))
    check_splits(run, setup, material.splits)
    choices = _local(Choices.from_record(setup["choices"]), processes)
    choices.apply()
    made = _make(recipe, material, choices)
    progress, length = _take_last(run, made)
    processes.from_first(lambda: run.cut_events(length))
    yield from _run(run, recipe, material, choices, made, progress, processes, notes=notes)


@dataclass(frozen=True)
class Made:
    """What a recipe's names became."""

    task: Task
    model: nn.Module
    optimizer: Any
    metrics: tuple[Metric, ...]
    stages: tuple[Stage, ...]
    length: Length
    labels: NDArray[np.int64] | None
    weights: list[float] | None


def _make(recipe: Recipe, material: Material, choices: Choices) -> Made:
    loss = build_loss(recipe, material.counts)
    task = build_task(recipe, material.info, loss, material.findings)
    model = place(build_model(recipe, task), choices)
    loss.to(choices.torch_device)
    metrics = build_metrics(recipe, task.info)
    check_names(recipe, model, metrics)
    labels = material.labels_to_balance(recipe.data.sampling)
    length = planned_length(recipe, len(material.train))
    stages = _stages(recipe, material, choices, task, length)
    weights = None if loss.weights is None else [float(w) for w in loss.weights]
    optimizer = build("optimizer", recipe.train.optimizer, model)
    return Made(task, model, optimizer, metrics, stages, length, labels, weights)


def _take_last(run: RunFolder, made: Made) -> tuple[Progress, int]:
    """Where the last checkpoint left the training, and how long its events were; the beginning where there is none."""
    last = run.path / "last"
    if not (last / "state.json").is_file():
        return Progress(), 0
    arrays, state = load_checkpoint(last, "model", "optimizer")
    load_model(made.model, arrays["model"], where=str(last))
    load_optimizer(made.optimizer, arrays["optimizer"])
    return Progress(**state["progress"]), state["events_length"]


def _open_together(
    recipe: Recipe,
    data: Path | None,
    processes: Processes,
    caching: CachingProgress | None,
    findings: Mapping[str, Any] | None = None,
) -> Material:
    """The data in every process; the first one builds the cache and looks for what the task needs while the others wait."""

    def found() -> Mapping[str, Any]:
        return open_material(recipe, root=data, progress=caching, findings=findings).findings

    return open_material(recipe, root=data, findings=processes.from_first(found))


def _local(choices: Choices, processes: Processes) -> Choices:
    """The same choices on this process's own GPU; a process that is alone has the one that was chosen."""
    if processes.count == 1 or not choices.device.startswith("cuda"):
        return choices
    return replace(choices, device=f"cuda:{processes.local_rank}")


def _begin(path: Path, recipe: Recipe, material: Material, choices: Choices, made: Made) -> None:
    """Make the run folder, with what is known before the first step."""
    run = RunFolder.create(path, as_yaml(recipe))
    run.write("environment", environment())
    model = model_record(recipe, made.task, made.model, material.train.size)
    task, told = made.task, choices.as_record()
    record = setup_record(recipe, material, task.info, choices=told, unit=task.unit, weights=made.weights, model=model)
    run.write("setup", record)


def _stages(recipe: Recipe, material: Material, choices: Choices, task: Task, length: Length) -> tuple[Stage, ...]:
    train = recipe.train
    losses = [build_loss(recipe, material.counts, phase).to(choices.torch_device) for phase in train.phases]
    return tuple(
        Stage(
            number,
            phase,
            begin,
            end,
            phase.learning_rate or train.optimizer.options["learning_rate"],
            build("schedule", phase.schedule or train.schedule, schedule_length(phase, length.per_epoch)),
            task if phase.loss is None else task.with_loss(losses[number]),
        )
        for number, (phase, (begin, end)) in enumerate(zip(train.phases, length.spans(), strict=True))
    )


def _saver(run: RunFolder, made: Made, processes: Processes) -> Save:
    """What writes checkpoints: the first process alone."""

    def save(which: Literal["last", "best"], progress: Progress) -> None:
        if not processes.first:
            return
        parts = {"model": model_arrays(made.model)}
        if which == "last":
            parts["optimizer"] = optimizer_arrays(made.optimizer)
        state = {"progress": progress.as_record(), "events_length": run.events_length()}
        save_checkpoint(run.path / which, parts, state, step=progress.step)

    return save


def _parts(
    run: RunFolder,
    recipe: Recipe,
    material: Material,
    choices: Choices,
    made: Made,
    processes: Processes,
    interruption: Interruption,
) -> Parts:
    """What the loop works with."""
    loader = Loader(
        material.train,
        made.task,
        build_augmentation(recipe, material.info),
        batch=recipe.train.batch,
        seed=recipe.train.seed,
        sampling=recipe.data.sampling,
        workers=recipe.data.workers,
        labels=made.labels,
        rank=processes.rank,
        processes=processes.count,
        device=choices.torch_device,
    )
    freezes = any(phase.freeze for phase in recipe.train.phases)
    return Parts(
        recipe,
        choices,
        processes,
        made.task,
        made.model,
        processes.share(made.model, choices.torch_device, freezes=freezes),
        made.optimizer,
        made.stages,
        made.length,
        loader,
        material.validation,
        made.metrics,
        _saver(run, made, processes),
        material.test,
        stop=lambda: interruption.asked,
    )


def _run(
    run: RunFolder,
    recipe: Recipe,
    material: Material,
    choices: Choices,
    made: Made,
    progress: Progress,
    processes: Processes,
    notes: tuple[str, ...],
) -> Iterator[Event]:
    """Fit, and keep every event; then score, draw and report what came out."""
    interruption = Interruption()
    parts = _parts(run, recipe, material, choices, made, processes, interruption)
    with _only_writer(run, processes), interruption.listening(), explained(run, recipe):
        for note in notes:
            yield Noted(note)
        last: Event | None = None
        for last in fit(parts, progress):
            if processes.first:
                run.append(last)
            yield last
        if isinstance(last, Finished) and last.reason != "interrupted":
            conclude(run, recipe, parts, progress, last)


@contextmanager
def _only_writer(run: RunFolder, processes: Processes) -> Iterator[None]:
    if not processes.first:
        yield
        return
    with run.writing():
        yield
