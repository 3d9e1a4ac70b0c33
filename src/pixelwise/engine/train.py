"""A training from recipe to finished run folder: set up or resume, fit, score the best weights, keep pictures, report."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from pixelwise.data.base import cache_folder
from pixelwise.engine.base import Choices, Learner, Processes, engine_named
from pixelwise.engine.build import (
    CachingProgress,
    Material,
    build,
    build_metrics,
    build_task,
    open_material,
)
from pixelwise.engine.changes import extend, keep_changes, length_of, move
from pixelwise.engine.checks.guard import Interruption, explained
from pixelwise.engine.checks.rehearsal import rehearse
from pixelwise.engine.evaluate import unknown_scores
from pixelwise.engine.finish import finish
from pixelwise.engine.fit import Parts, Save, Stage, fit
from pixelwise.engine.fitted import may_give, take_pretrained
from pixelwise.engine.origin import excepted, take_weights
from pixelwise.engine.pretrained import find_weights, found_with
from pixelwise.engine.setup import check_resume, check_splits, recorded_task, says, setup_record
from pixelwise.errors import RecipeError, RunError, naming, shown
from pixelwise.recipe.effects import remarks
from pixelwise.recipe.load import as_yaml, check_allowed, check_ranges
from pixelwise.recipe.schema import Recipe
from pixelwise.run.checkpoint import has_checkpoint, load_checkpoint, load_state, save_checkpoint
from pixelwise.run.environment import environment
from pixelwise.run.events import Event, Finished, Noted
from pixelwise.run.folder import RunFolder
from pixelwise.run.length import Length
from pixelwise.run.progress import Progress
from pixelwise.tasks.base import Counts


def train(
    recipe: Recipe,
    path: Path,
    *,
    data: Path | None = None,
    from_run: Path | None = None,
    except_for: Sequence[str] = (),
    processes: Processes | None = None,
    caching: CachingProgress | None = None,
    interruption: Interruption | None = None,
) -> Generator[Event, None, None]:
    """Train a recipe into a new run folder, event by event.

    from_run:      a run whose best weights the training starts from; every array has to fit
    except_for:    parts of the model, or patterns of names, that keep their first weights: random, or of `model.weights`
    processes:     those that `Learner.join` gave; none: this one alone
    interruption:  what the training asks whether to stop, and learns which signal asked it to

    All checks are made before the folder is created: of the recipe, the data (every file is decoded once into the cache),
    the device, and a training step with two samples. Raises the subclass of PixelwiseError that fits.
    """
    engine, run = engine_named(check_ranges(check_allowed(recipe)).engine), RunFolder(path)
    processes, interruption = processes or engine.alone(), interruption or Interruption()
    processes.from_first(lambda: RunFolder.check_free(path))
    new = _new(run, recipe, data, processes, caching, interruption, from_run, except_for)
    with _held(run.beginning(as_yaml(recipe), new.setup.get("origin")), processes):
        yield from _begin(run, new, interruption)


def resume(
    path: Path,
    *,
    data: Path | None = None,
    data_path: Path | None = None,
    epochs: int | None = None,
    steps: int | None = None,
    processes: Processes | None = None,
    recipe: Recipe | None = None,
    caching: CachingProgress | None = None,
    interruption: Interruption | None = None,
) -> Generator[Event, None, None]:
    """Continue a run from its last checkpoint, to the same bytes as if it had never stopped.

    data_path:      where the run's data set is now, in place of the recipe's data.dataset.path
    epochs, steps:  the new length of the whole run, if it is to be longer than its recipe says

    The run is locked before anything of it is read that another process might still change. Raises RunError if another
    process holds it, or if the recipe, the data or the checkpoint is not what the run began with; other versions of
    packages, which may change the last bits, are named in an event. Data count as the same if their content is the same,
    in any place. A run that becomes longer, or whose data were moved, records it.
    """
    run, interruption = RunFolder.open(path), interruption or Interruption()
    with _held(run.writing(), processes):
        began, recipe, notes = check_resume(run, recipe)
        recipe, changes = move(began, recipe, data_path)
        engine = engine_named(recipe.engine)
        processes = processes or engine.alone()
        if processes.from_first(run.has_not_begun):
            if epochs or steps:
                what, hint = "stopped before its first step, so it cannot be made longer yet.", "Resume it first."
                raise RunError(what, where=str(path), hint=hint)
            new = _new(run, recipe, data, processes, caching, interruption)
            processes.from_first(run.tidy)
            yield from _begin(run, new, interruption)
            return
        setup = run.read("setup")
        recorded_task(run, recipe, setup)  # a damaged record is refused before the data are opened
        material = _open_together(recipe, data, processes, caching, findings=setup.get("findings", {}))
        check_splits(run, setup, material.splits)
        with says(run, "how the run was computed"):
            choices = engine.recall(setup["choices"], processes=processes)
        choices.apply()
        done, per_epoch = _progress_of(run), updates_per_epoch(recipe, material)
        changes += extend(recipe, done, per_epoch, epochs=epochs, steps=steps, where=str(path))
        recipe = changes[-1].recipe if changes else recipe
        parts = _parts(run, engine, recipe, material, choices, processes, interruption)
        progress, length = _take_last(run, parts)

        def cut() -> None:
            run.tidy()
            run.cut_events(length)
            keep_changes(run, setup, recipe, changes, progress)

        processes.from_first(cut)
        yield from _run(run, parts, progress, interruption, (*notes, *(change.note for change in changes)))


@contextmanager
def _held(hold: AbstractContextManager[None], processes: Processes | None) -> Iterator[None]:
    """Within `hold`, which the first process enters; where it raises PixelwiseError, every process does."""
    with ExitStack() as held:
        (processes or Processes()).from_first(lambda: held.enter_context(hold))
        yield


def prepare(
    recipe: Recipe,
    *,
    data: Path | None = None,
    from_run: Path | None = None,
    except_for: Sequence[str] = (),
    caching: CachingProgress | None = None,
) -> Parts:
    """What a training of the recipe would begin with, everything checked as for one. It has no folder: nothing is saved."""
    engine = engine_named(check_ranges(check_allowed(recipe)).engine)
    return _new(RunFolder(Path()), recipe, data, engine.alone(), caching, Interruption(), from_run, except_for).parts


@dataclass(frozen=True)
class New:
    """A training that has not begun: what it works with, what setup.json will say, a line for each choice made by trying."""

    parts: Parts
    setup: Mapping[str, Any]
    notes: tuple[str, ...]


def _new(
    run: RunFolder,
    recipe: Recipe,
    data: Path | None,
    processes: Processes,
    caching: CachingProgress | None,
    interruption: Interruption,
    from_run: Path | None = None,
    except_for: Sequence[str] = (),
) -> New:
    """Everything before the first step that may refuse the training."""
    found = None if from_run is not None else processes.from_first(lambda: find_weights(recipe, data))
    engine, material = engine_named(recipe.engine), _open_together(recipe, data, processes, caching)
    choices = engine.choose(recipe.hardware, memory=cache_folder(data), processes=processes)
    choices.apply()
    if from_run is not None and _needs_pretrained(recipe, engine, material, choices, except_for):
        found = processes.from_first(lambda: find_weights(recipe, data))
    material = replace(material, findings={**material.findings, **found_with(recipe, found, from_run)})
    parts = _parts(run, engine, recipe, material, choices, processes, interruption)
    came = {}
    if found is not None:
        came["pretrained"] = take_pretrained(parts.learner, found)
    if from_run is not None:
        came["origin"] = take_weights(parts.learner, from_run, except_for)
    tried = rehearse(parts.learner, material, parts.metrics, parts.length)
    material = replace(material, notes=(*material.notes, *tried))
    setup = processes.from_first(lambda: setup_record(parts.learner, material))
    notes = (*choices.notes, *remarks(recipe), *material.notes, *(record["note"] for record in came.values()))
    return New(parts, {**setup, **came}, notes)


def _needs_pretrained(
    recipe: Recipe, engine: type[Learner], material: Material, choices: Choices, except_for: Sequence[str]
) -> bool:
    """Whether a training with --from keeps pretrained weights: of parts that it does not take from the run (--except).

    The names of these parts are known only from the model, which is built for them.
    """
    if not except_for or recipe.model.weights == "none":
        return False
    task = build_task(recipe, material.info, material.findings)
    own = engine(recipe, task, material.train.size, choices).state("best")["model"]
    return bool(excepted(may_give(recipe, own), except_for))


def _parts(
    run: RunFolder,
    engine: type[Learner],
    recipe: Recipe,
    material: Material,
    choices: Choices,
    processes: Processes,
    interruption: Interruption,
) -> Parts:
    """What the loop works with. Raises RecipeError if a name in the recipe is not one of the model's or the metrics'."""
    task = build_task(recipe, material.info, material.findings)
    learner = engine(recipe, task, material.train.size, choices)
    learner.weigh(material.counts)
    metrics = build_metrics(recipe, task.info)
    if problems := [*unknown_scores(recipe, metrics), *learner.problems()]:
        raise RecipeError.all(problems)
    length = length_of(recipe, updates_per_epoch(recipe, material))
    stages = _stages(recipe, length)
    learner.equip(material, processes, lambda: interruption.asked)
    return Parts(recipe, material, learner, metrics, stages, length, _saver(run, learner))


def updates_per_epoch(recipe: Recipe, material: Material) -> int:
    """Updates in which as many pictures are shown as there are; a short last batch counts too."""
    return -(-len(material.train) // recipe.train.batch)


def _stages(recipe: Recipe, length: Length) -> tuple[Stage, ...]:
    train, stages = recipe.train, []
    for number, (phase, (begin, end)) in enumerate(zip(train.phases, length.spans(), strict=True)):
        rate = phase.learning_rate or train.optimizer.options.get("learning_rate")
        if not isinstance(rate, int | float) or not rate > 0:
            what = f"optimizer '{train.optimizer.name}' does not take a learning rate (read {shown(rate)})."
            raise RecipeError(what, where="train.optimizer", hint=f"Set train.phases.{number}.learning_rate.")
        # not a whole number where a phase in steps ends within an epoch
        epochs = (phase.steps or 0) / length.per_epoch if phase.epochs is None else phase.epochs
        item = phase.schedule or train.schedule
        stages.append(Stage(number, begin, end, rate, build("schedule", item, epochs)))
        _check_factor(stages[-1], item.name)
    return tuple(stages)


def _check_factor(stage: Stage, name: str) -> None:
    """Raise RecipeError where a schedule does not give numbers of 0 or more: at the beginning of an epoch, and at the end."""
    where = f"schedule '{name}'"
    for place in (*range(stage.end - stage.begin), stage.end - stage.begin - 1e-3):
        with naming(where):
            factor = stage.schedule(place)
        if isinstance(factor, bool) or not isinstance(factor, int | float) or not 0 <= factor < math.inf:
            what = f"gives {shown(factor)} after {place:g} epochs; a factor of the learning rate must be a number of 0 or more."
            raise RecipeError(what, where=where)


def _saver(run: RunFolder, learner: Learner) -> Save:
    """What writes checkpoints: the first process alone."""

    def save(which: Literal["last", "best"], progress: Progress) -> None:
        if learner.processes.first:
            state = {"progress": progress.as_record(), "events_length": run.events_length()}
            save_checkpoint(run.path / which, learner.state(which), state, step=progress.step)

    return save


def _progress_of(run: RunFolder) -> Progress:
    """How far the last checkpoint is; the beginning if there is none."""
    last = run.path / "last"
    if not has_checkpoint(last):
        return Progress()
    return Progress.from_state(load_state(last), where=str(last / "state.json"))[0]


def _take_last(run: RunFolder, parts: Parts) -> tuple[Progress, int]:
    """Where the last checkpoint left the training, and how long its events were; the beginning if there is none.

    The best checkpoint is read too: a damaged one is refused now, not when its scores are wanted at the end.
    """
    last = run.path / "last"
    if not has_checkpoint(last):
        return Progress(), 0
    averaged = ["ema"] if parts.recipe.train.ema else []
    arrays, state = load_checkpoint(last, "model", "optimizer", *averaged)
    parts.learner.load(arrays, where=str(last))
    progress, events = Progress.from_state(state, where=str(last / "state.json"))
    progress.check(parts.length, where=str(last / "state.json"))
    if has_checkpoint(run.path / "best"):
        load_checkpoint(run.path / "best", "model")
    return progress, events


def _open_together(
    recipe: Recipe,
    data: Path | None,
    processes: Processes,
    caching: CachingProgress | None,
    findings: Mapping[str, Any] | None = None,
) -> Material:
    """The data in every process; the first one builds the cache, finds and counts what the task needs; the others wait.

    A run that continues, whose `findings` are known, has every byte of its cache verified.
    """
    opened: list[Material] = []

    def first() -> tuple[Mapping[str, Any], Counts]:
        verify = findings is not None
        opened.append(open_material(recipe, root=data, progress=caching, findings=findings, verify=verify))
        return opened[0].findings, opened[0].counts

    found, counts = processes.from_first(first)
    return opened[0] if opened else open_material(recipe, root=data, findings=found, counts=counts)


def _begin(run: RunFolder, new: New, interruption: Interruption) -> Iterator[Event]:
    """Record what is known before the first step, and train.

    Weights that came from elsewhere are kept as the first checkpoint: to resume, they need not be there.
    """

    def record() -> None:
        run.write("environment", environment())
        if {"origin", "pretrained"} & new.setup.keys():
            new.parts.save("last", Progress())
        run.begin(new.setup)

    new.parts.learner.processes.from_first(record)
    yield from _run(run, new.parts, Progress(), interruption, new.notes)


def _run(
    run: RunFolder, parts: Parts, progress: Progress, interruption: Interruption, notes: tuple[str, ...]
) -> Iterator[Event]:
    """Fit, and keep every event; then score, draw and report what came out. The first process holds the run."""
    first = parts.learner.processes.first
    with interruption.listening(), explained(run, parts.recipe), parts.learner.computing():
        for note in notes:
            yield Noted(note)
        last: Event | None = None
        for last in fit(parts, progress):
            if first:
                run.append(last)
            yield last
        if isinstance(last, Finished) and last.reason != "interrupted":
            finish(run, parts, progress, last)
