"""What a run records about its data and model before the first step. Opens a run to evaluate, predict or resume."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np

from pixelwise.data.base import cache_folder
from pixelwise.data.cache import CachedSplit
from pixelwise.engine.base import Learner, Opened, engine_named
from pixelwise.engine.build import Material, build_task
from pixelwise.errors import PixelwiseError, Problem, RunError
from pixelwise.metrics.base import Metric
from pixelwise.recipe.effects import remarks
from pixelwise.recipe.load import check_allowed, check_recipe
from pixelwise.recipe.place import moved, place_of
from pixelwise.recipe.schema import Recipe
from pixelwise.run.checkpoint import load_checkpoint
from pixelwise.run.environment import environment
from pixelwise.run.folder import RunFolder
from pixelwise.run.identity import deciding, differences, without_place
from pixelwise.run.progress import Progress
from pixelwise.shown import shown_as
from pixelwise.tasks.base import Counts, Task
from pixelwise.types import DatasetInfo


def setup_record(learner: Learner, material: Material) -> dict[str, Any]:
    """What was found out before the first step: setup.json, whichever engine trains."""
    recipe, task, info = learner.recipe, learner.task, learner.task.info
    seen = {"training": (material.train, learner.training_size(material))}
    seen["validation"] = (material.validation, material.validation.size)
    splits = {
        split.split: {
            "pictures": len(split),
            "key": split.key,
            "skipped": [{"where": p.where, "what": p.what} for p in split.skipped],
        }
        for split in material.splits
    }
    return {
        "task": recipe.task.name,
        "recipe": recipe.model_dump(mode="json"),
        "choices": learner.choices.as_record(),
        "notes": [*remarks(recipe), *material.notes],
        "data": {
            **info.as_record(),
            "size": list(material.train.size),
            "seen": {
                part: {"size": None if size is None else list(size), "aspect": split.aspect}
                for part, (split, size) in seen.items()
            },
            "splits": splits,
            **({"fatal": list(material.fatal)} if material.fatal else {}),
        },
        "findings": dict(material.findings),
        "kind": task.kind,
        "counts": _lists(material.counts),
        "unit": shown_as(task.kind).unit,
        **_class_weights(learner, material.counts),
        "model": learner.describe(),
    }


def _class_weights(learner: Learner, counts: Counts) -> dict[str, Any]:
    """The weights of the classes in the loss and how they were made; by their head where each head has its own classes."""
    if learner.weighted is None:
        return {"weights": None, "weighting": "none"}
    head, loss = learner.weighted
    weights = [float(weight) for weight in loss.weights]
    return {"weights": {head: weights} if isinstance(counts, Mapping) else weights, "weighting": loss.weighting}


def recorded_recipe(run: RunFolder) -> Recipe:
    """The run's recipe, to be built. Raises RecipeError if it names code that may not be imported."""
    where = str(run.recipe_file)
    return check_allowed(check_recipe(run.recipe_tree(), where=where), where)


def recorded_data(run: RunFolder, setup: Mapping[str, Any]) -> tuple[DatasetInfo, tuple[int, int]]:
    """The classes that a run was trained on and the (H, W) that its pictures were resized to: no data set is needed.

    Raises RunError if setup.json does not say.
    """
    with says(run, "what the run was trained on"):
        height, width = setup["data"]["size"]
        return DatasetInfo.from_record(setup["data"]), (int(height), int(width))


@contextmanager
def says(run: RunFolder, what: str) -> Iterator[None]:
    """Around what reads setup.json: RunError where it does not say `what`, instead of the reader's own error."""
    try:
        yield
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(
            f"does not say {what} ({type(error).__name__}: {error}).",
            where=str(run.path / "setup.json"),
            hint="It may have been changed by hand, or written by another version.",
        ) from error


@contextmanager
def builds(run: RunFolder) -> Iterator[None]:
    """Around what builds a run's model: RunError where its recipe does not allow it, instead of the builder's own error."""
    try:
        yield
    except PixelwiseError:
        raise
    except Exception as error:  # a builder raises what it likes, and torch where there is not enough memory
        said = (str(error).strip().splitlines() or [""])[0]
        what = f"its model cannot be built: {type(error).__name__}: {said}"
        raise RunError(what, where=str(run.recipe_file), hint="It may have been changed by hand.") from error


def recorded_task(run: RunFolder, recipe: Recipe, setup: Mapping[str, Any]) -> Task:
    """The run's task, which knows what was found in the training pictures. Raises RunError if setup.json does not say."""
    info, (height, width) = recorded_data(run, setup)
    with says(run, "what was found in the training pictures"), np.errstate(over="ignore"):
        task = build_task(recipe, info, setup.get("findings", {}))
        mean = task.input.mean_image
        if mean is not None and (mean.shape != (height, width, 3) or not np.isfinite(mean).all()):
            raise ValueError(f"a mean picture of shape {mean.shape}, for pictures of {(height, width, 3)}")
    return task


def tuned_task(run: RunFolder, task: Task) -> Task:
    """The task with the options that `pixelwise tune` chose for the run. Raises RunError if it cannot decode with them."""
    if not run.has("tuned"):
        return task
    try:
        return task.tuned(run.read("tuned").get("options", {}))
    except ValueError as error:
        hint = "If it was changed by hand, delete it to return to the recipe's options."
        raise RunError(
            f"does not say how to decode: {error}.", where=str(run.path / "tuned.json"), hint=hint
        ) from error


def recorded_counts(run: RunFolder) -> Counts:
    """How often each class occurs in the training set, as the run recorded it."""
    with says(run, "how often each class occurs"):
        counts = run.read("setup")["counts"]
        if isinstance(counts, Mapping):
            return {head: np.asarray(some, np.int64) for head, some in counts.items()}
        return np.asarray(counts, np.int64)


def _lists(counts: Counts) -> Any:
    if isinstance(counts, Mapping):
        return {head: some.tolist() for head, some in counts.items()}
    return counts.tolist()


# -- what metrics counted ----------------------------------------------------------------------------------------------


def split_record(split: CachedSplit, metrics: Sequence[Metric]) -> dict[str, Any]:
    """What the metrics counted on a split, as JSON values with their conventions."""
    height, width = split.size
    return {
        "resolution": "each picture's own size" if split.ragged else f"{width}×{height}",
        "pictures": len(split),
        "metrics": [metric_record(metric) for metric in metrics],
    }


def metric_record(metric: Metric) -> dict[str, Any]:
    guess = metric.constant_guess()
    return {
        "name": metric.name,
        "ranks_by": metric.ranks_by,
        "scores": [score.as_record() for score in metric.scores()],
        "constant_guess": None if guess is None else {"class": guess.name, "scores": dict(guess.scores)},
        "per_class": [{"class": row.name, "support": row.support, **row.values} for row in metric.per_class()],
        "figures": metric.figures(),
    }


# -- a run opened again --


def open_learner(run: RunFolder, *, checkpoint: Literal["best", "last"] = "best", device: str = "auto") -> Opened:
    """The run's task and model with the weights of a checkpoint. torch is imported for its own runs alone.

    Precision and layout are those of the run, as are the threads of a NumPy run. On another CPU bf16 is tried first.
    Raises RunError if the checkpoint is missing, cut short or of another architecture, DeviceError if there is no
    such device, or the engine does not compute on it.
    """
    recipe = recorded_recipe(run)
    engine, setup = engine_named(recipe.engine), run.read("setup")
    info, size = recorded_data(run, setup)
    folder = run.path / checkpoint
    part = "ema" if checkpoint == "last" and recipe.train.ema else "model"
    arrays, state = load_checkpoint(folder, part)
    progress, _ = Progress.from_state(state, where=str(folder / "state.json"))
    with says(run, "how the run was computed"):
        choices = engine.choose_again(setup["choices"], device=device, memory=cache_folder(None))
    choices.apply()
    task = tuned_task(run, recorded_task(run, recipe, setup))
    with builds(run):
        learner = engine(recipe, task, size, choices)
    learner.load({"model": arrays[part]}, where=str(folder))
    return Opened(run, recipe, checkpoint, progress.step, progress.epoch, info, size, task, learner)


# -- resuming: what must be as it was, and what is only reported --


def check_resume(run: RunFolder, wanted: Recipe | None) -> tuple[Recipe, Recipe, tuple[str, ...]]:
    """The recipe that the run began with, the one that it continues with, and a line for each version that has changed.

    The two differ at most in words, and in where the data lie. Raises RunError with the differences if `wanted`, or
    the run's recipe.yaml, is not what the run began with. A run that was killed before its first step has only its recipe.
    """
    run.check_plain()
    recipe = recorded_recipe(run)
    setup, where = run.read("setup") if run.has("setup") else {}, str(run.path / "setup.json")
    began = recipe
    if setup:
        with says(run, "which recipe the run began with"):
            tree = setup["recipe"]
        began = check_recipe(tree, where=where)  # options that were added since have their defaults
    changes = setup.get("changes") or ()
    if changes and _deciding(recipe) == _deciding(check_recipe(changes[-1]["recipe"], where=where)):
        recipe = check_allowed(began, where)  # a kill came between the two files of a change
    for name, found in (("its recipe.yaml", recipe), ("the recipe given", wanted)):
        if found is None:
            continue
        then, now = (without_place(_deciding(one)) for one in (began, found))
        changed = [
            Problem(where, f"the run began with {before!r}, {name} says {after!r}.")
            for where, before, after in differences(then, now)
        ]
        if changed:
            what, hint = "cannot be resumed with another recipe.", "Restore the recipe, or train a new run with --out."
            raise RunError.all([*changed, Problem(str(run.path), what, hint)])
    if wanted is not None and (place := place_of(wanted)) is not None:
        recipe = moved(recipe, place)
    return began, recipe, tuple(_changed_versions(run)) if setup else ()


def _deciding(recipe: Recipe) -> dict[str, Any]:
    return deciding(recipe.model_dump(mode="json"))


def check_splits(run: RunFolder, setup: Mapping[str, Any], splits: Sequence[CachedSplit]) -> None:
    """Raise RunError where the pictures of a split are not those that the run began with, as far as it recorded them."""
    for split in splits:
        with says(run, f"which pictures the split '{split.split}' has"):
            recorded = str(setup["data"]["splits"].get(split.split, {}).get("key", split.key))
        if split.key != recorded:
            raise RunError(
                f"the split '{split.split}' is not the one that this run began with: {split.key[:12]}, then {recorded[:12]}.",
                where=str(run.path),
                hint="Name the data that it began with by --data or --path, or train a new run.",
            )


def _changed_versions(run: RunFolder) -> Iterator[str]:
    then = run.read("environment")
    now = environment(then.get("packages", {}))
    for package, version in now["packages"].items():
        before = then.get("packages", {}).get(package)
        if before != version:
            yield f"{package} was {before} when this run began and is {version} now: the last bits may differ"
    if then.get("blas", now["blas"]) != now["blas"]:
        yield f"NumPy's matrix products were made by {then['blas']} and are by {now['blas']} now: the last bits may differ"
    if then.get("processor") != now["processor"]:
        yield f"the processor was {then.get('processor')} and is {now['processor']} now: the last bits may differ"
