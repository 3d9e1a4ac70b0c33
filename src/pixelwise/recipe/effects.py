"""Notes of `check` and `train`: settings of a recipe that have no effect, and effects that a reader may not expect.

Nothing here is an error: an inherited option may have an effect in a recipe that extends this one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import log
from typing import Any

from pixelwise.augment.scale import WHOLE, Resized, magnification, matching_size
from pixelwise.errors import PixelwiseError
from pixelwise.models.parts import lies_within
from pixelwise.recipe.engines import shelves
from pixelwise.recipe.misfits import parts_of
from pixelwise.recipe.schema import Item, Recipe
from pixelwise.shelf import Shelf

NOTICED, ALIKE = 0.1, 0.02  # from which difference in size a remark is made; a difference between their sides


def remarks(recipe: Recipe) -> list[str]:
    """One line for each option that does nothing in this recipe, and for a training at another size than data.size."""
    return [*_items_without_effect(recipe), *_training(recipe), *_sizes(recipe)]


def asks_for_test(recipe: Recipe) -> bool:
    """Whether the data set is given an option that says how large a test split to make (`declares(draws=...)`)."""
    shelf = shelves(recipe.engine)["dataset"]
    return any(
        "test" in shelf.declared(item.name).get("draws", ()) and item.options.get("test")
        for item in _nested(recipe.data.dataset)
    )


def _nested(item: Item) -> Iterator[Item]:
    """A data set, and those that it wraps."""
    yield item
    inner = item.options.get("of")
    if isinstance(inner, str | Mapping) and inner:
        yield from _nested(Item.model_validate({"name": inner} if isinstance(inner, str) else inner))


def _items(recipe: Recipe) -> Iterator[tuple[str, str, Item]]:
    """(where, kind, item) of everything that the recipe takes from a shelf."""
    train = recipe.train
    found: list[tuple[str, str, Any]] = [("task", "task", recipe.task), ("model", "model", recipe.model)]
    found += [("data.dataset" + ".of" * n, "dataset", one) for n, one in enumerate(_nested(recipe.data.dataset))]
    found += [(f"augment.{n}", "augmentation", one) for n, one in enumerate(recipe.augment)]
    found += [(f"metrics.{n}", "metric", one) for n, one in enumerate(recipe.metrics)]
    found += [("train.optimizer", "optimizer", train.optimizer), ("train.schedule", "schedule", train.schedule)]
    losses: list[tuple[str, Any]] = [("loss", recipe.loss)]
    for number, phase in enumerate(train.phases):
        found.append((f"train.phases.{number}.schedule", "schedule", phase.schedule))
        losses.append((f"train.phases.{number}.loss", phase.loss))
    for where, loss in losses:
        heads = loss.items() if isinstance(loss, Mapping) else [("", loss)]
        for head, one in heads:
            place, shelf = f"{where}.{head}" if head else where, shelves(recipe.engine)["loss"]
            for there, part in parts_of(place, one and one.model_dump(), shelf):
                found.append((there, "loss", part and Item.model_validate(part)))
    yield from ((where, kind, item) for where, kind, item in found if item is not None)


def _items_without_effect(recipe: Recipe) -> Iterator[str]:
    """Options that another option switches off, e.g. `beta` of a loss that does not weigh by the effective number."""
    known = shelves(recipe.engine)
    for where, kind, item in _items(recipe):
        for name, condition in _conditions(known[kind], item.name).items():
            other, _, wanted = condition.partition("=")
            options = known[kind].signature(item.name).options
            values = {key: option.default for key, option in options.items()} | dict(item)
            if values.get(name) != options[name].default and str(values.get(other)) != wanted:
                needed = f"{other}={wanted}" if wanted else f"an empty {other}"
                yield f"{where}.{name}={values[name]} has no effect: it is read only with {needed}."


def _conditions(shelf: Shelf, name: str) -> Mapping[str, str]:
    try:
        return dict(shelf.declared(name).get("only_with", {}))
    except PixelwiseError:  # `check` says so
        return {}


def _training(recipe: Recipe) -> Iterator[str]:
    train, data = recipe.train, recipe.data
    if data.test and data.test == data.validation:
        yield f"data.test={data.test} has no effect: it is the validation split, which is scored anyway."
    if all(phase.schedule for phase in train.phases) and (train.schedule.name, train.schedule.options) != (
        "constant",
        {"warmup": 0.0},
    ):
        yield f"train.schedule={train.schedule.name} has no effect: every phase has its own schedule."
    rate = train.optimizer.options.get("learning_rate")
    if rate is not None and all(phase.learning_rate for phase in train.phases):
        default = shelves(recipe.engine)["optimizer"].signature(train.optimizer.name).options["learning_rate"].default
        if rate != default:
            yield f"train.optimizer.learning_rate={rate} has no effect: every phase has its own learning rate."
    if train.accumulate > train.batch:
        yield f"train.accumulate={train.accumulate}: a batch of {train.batch} pictures is cut into {train.batch} pieces."
    if train.accumulate > 1:
        for where, kind, item in _items(recipe):
            if kind == "loss" and item.options.get("over") == "batch":
                yield f"{where}.over=batch takes the pictures of a piece together (train.accumulate={train.accumulate})."
    factors = train.optimizer.options.get("parts")
    for part, factor in factors.items() if isinstance(factors, Mapping) else ():
        if all(lies_within(part, phase.freeze) for phase in train.phases):
            yield f"train.optimizer.parts.{part}={factor} has no effect: the part is frozen in every phase."
    if train.phases[0].freeze and recipe.model.weights == "none" and _has_weights(recipe):
        parts = ", ".join(train.phases[0].freeze)
        yield f"the first phase freezes {parts} with random weights, unless --from brings others; see model.weights."
    epochs = [phase.epochs for phase in train.phases]
    if None in epochs:
        return
    total = sum(epoch or 0 for epoch in epochs)
    validations = -(-total // train.validate_every)
    if (rule := train.early_stopping) and rule.patience >= validations:
        yield (
            f"train.early_stopping.patience={rule.patience} has no effect: the training validates {validations} "
            f"time{'s' * (validations != 1)}."
        )


def _has_weights(recipe: Recipe) -> bool:
    """Whether there are published weights for the model."""
    try:
        return bool(shelves(recipe.engine)["model"].declared(recipe.model.name).get("weights"))
    except PixelwiseError:  # `check` says so
        return False


def _sizes(recipe: Recipe) -> Iterator[str]:
    """The last augmentation that makes pictures of one size decides what the model is trained at; and the size of objects."""
    if not recipe.data.size:
        return
    sizes = [tuple(item.options["size"]) for item in recipe.augment if item.options.get("size")]
    told = []
    if sizes and sizes[-1] != tuple(recipe.data.size):
        (height, width), (rows, columns) = sizes[-1], recipe.data.size
        told.append(
            f"the model is trained at {width}×{height} (augment) and validated at {columns}×{rows} (data.size); "
            f"predict uses {columns}×{rows} too."
        )
    factors = magnification(_resized(recipe), recipe.data.size)
    if any(abs(log(factor)) > log(1 + NOTICED) for factor in factors):
        vertical, horizontal = factors
        larger = f"{vertical:.2f} times as large"
        if abs(vertical / horizontal - 1) > ALIKE:
            larger = f"{vertical:.2f} times as high and {horizontal:.2f} times as wide"
        height, width = matching_size(recipe.data.size, factors)
        told.append(
            f"objects are on average {larger} in training (augment) as in validation (data.size); "
            f"with data.size=[{height}, {width}] they would be alike."
        )
    if told:
        yield " ".join([told[0], *(one.capitalize() for one in told[1:])])


def _resized(recipe: Recipe) -> Iterator[Resized]:
    """What augmentations resize, as their builders declare it."""
    shelf = shelves(recipe.engine)["augmentation"]
    for item in recipe.augment:
        try:
            signature = shelf.signature(item.name)
        except PixelwiseError:  # `check` says so
            continue
        values = {name: option.default for name, option in signature.options.items()} | item.options
        if size := values.get(signature.declared.get("resizes", "")):
            window = [values[name] for name in signature.declared.get("window", ())]
            area, shape = window or (WHOLE, WHOLE)
            yield (size[0], size[1]), (area[0], area[1]), (shape[0], shape[1])
