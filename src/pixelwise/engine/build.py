"""From a recipe to the things it names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pixelwise.data.base import Dataset
from pixelwise.data.cache import CachedSplit, ReadSplit, open_split
from pixelwise.data.root import data_root
from pixelwise.errors import DataError, RecipeError
from pixelwise.metrics.base import Metric
from pixelwise.recipe.schema import Engine, Item, Phase, Recipe
from pixelwise.recipe.shelves import shelves
from pixelwise.types import DatasetInfo

if TYPE_CHECKING:  # torch is imported where it is needed: recipes of the NumPy network come through here too
    from torch import nn

    from pixelwise.augment.pipeline import Augmentation
    from pixelwise.engine.hardware.device import Choices
    from pixelwise.losses.base import Loss
    from pixelwise.tasks.base import Task

CachingProgress = Callable[[str, int, int], None]  # (split, pictures done, pictures in all)
UNCOVERED = 255  # what augmentations put into a mask where there is no picture, for data sets without a void index


@dataclass(frozen=True)
class Material:
    """The data of a recipe: its splits, and what the task has to know of the training set.

    info:      the data set's
    findings:  what the task found in the training pictures, as JSON values
    counts:    how often each class of the task occurs in them
    """

    info: DatasetInfo
    train: CachedSplit
    validation: CachedSplit
    test: CachedSplit | None
    findings: Mapping[str, Any]
    counts: NDArray[np.int64]

    @property
    def splits(self) -> tuple[CachedSplit, ...]:
        """Every split that the recipe names, each once."""
        named = [self.train, self.validation, *([self.test] if self.test else [])]
        return tuple({split.split: split for split in named}.values())

    def labels_to_balance(self, sampling: str) -> NDArray[np.int64] | None:
        """The labels that class-balanced sampling draws by; None for any other."""
        if sampling != "balanced":
            return None
        if self.train.labels is None:
            raise DataError(
                "its pictures have no labels, so that none can be drawn by class.",
                where=self.info.name,
                hint="Leave out data.sampling.",
            )
        return np.asarray(self.train.labels, np.int64)


def build(kind: str, item: Item, *given: Any, engine: Engine = "torch") -> Any:
    """The thing of a kind that an item of a recipe for this engine names."""
    return shelves(engine)[kind].build(item.name, *given, **item.options)


def build_dataset(recipe: Recipe, root: Path | None = None) -> Dataset:
    """The recipe's data set under the data folder `root`."""
    dataset: Dataset = build("dataset", recipe.data.dataset, data_root(root))
    return dataset


def open_for(
    recipe: Recipe, dataset: Dataset, split: str, *, root: Path | None, progress: CachingProgress | None = None
) -> CachedSplit:
    """A split at the recipe's size, from the cache under the data folder."""
    size = recipe.data.size
    return open_split(
        dataset,
        split,
        None if size is None else (size[0], size[1]),
        folder=cache_folder(root),
        on_corrupt=recipe.data.on_corrupt,
        progress=None if progress is None else lambda done, total: progress(split, done, total),
    )


def cache_folder(root: Path | None) -> Path:
    """Where decoded pictures, and what was found out about this machine, are kept."""
    return data_root(root) / "cache"


def open_material(
    recipe: Recipe,
    *,
    root: Path | None,
    progress: CachingProgress | None = None,
    findings: Mapping[str, Any] | None = None,
) -> Material:
    """The splits of a recipe, and what its task finds in the training set, unless `findings` are there already.

    Raises DataError with every fault of a split, before anything is trained.
    """
    dataset = build_dataset(recipe, root)
    train = open_for(recipe, dataset, recipe.data.train, root=root, progress=progress)
    validation = open_for(recipe, dataset, recipe.data.validation, root=root, progress=progress)
    test = open_for(recipe, dataset, recipe.data.test, root=root, progress=progress) if recipe.data.test else None
    if findings is None:
        task: Any = build_task(recipe, dataset.info, None)
        findings = task.study(train if task.studied is None else ReadSplit(dataset, task.studied, train.size))
    counts = build_task(recipe, dataset.info, None, findings).counts(train)
    return Material(dataset.info, train, validation, test, findings, counts)


def build_task(recipe: Recipe, info: DatasetInfo, loss: Loss | None, findings: Mapping[str, Any] | None = None) -> Task:
    """The recipe's task over a data set, with what it found in the training pictures, if it did already."""
    task: Task = build("task", recipe.task, info, loss, engine=recipe.engine)
    return task if findings is None else task.informed(findings)


def build_loss(recipe: Recipe, counts: NDArray[np.int64], phase: Phase | None = None) -> Loss:
    """The loss of a phase, else the recipe's, weighted by how often each class occurs in the training set."""
    item = recipe.loss if phase is None or phase.loss is None else phase.loss
    if isinstance(item, dict) and len(item) == 1:
        (item,) = item.values()
    if not isinstance(item, Item):
        raise RecipeError("no loss is named.", where="loss")
    loss: Loss = build("loss", item, counts, engine=recipe.engine)
    return loss


def build_metrics(recipe: Recipe, info: DatasetInfo) -> tuple[Metric, ...]:
    """The recipe's metrics over the classes of its task.

    A confusion matrix counts void as the task trains on it, unless the recipe says otherwise.
    """
    return tuple(build("metric", item, info) for item in recipe.metrics)


def build_model(recipe: Recipe, task: Task) -> nn.Module:
    """The recipe's model with its first weights, drawn from the seed."""
    from pixelwise.engine.feed.keyed import keyed_random

    with keyed_random(recipe.train.seed, "weights"):
        model: nn.Module = build("model", recipe.model, task.in_channels, task.out_channels)
    return model


def place(model: nn.Module, choices: Choices) -> nn.Module:
    """The model on its device and in its memory layout."""
    return model.to(device=choices.torch_device, memory_format=choices.memory_format)  # type: ignore[call-overload]


def build_augmentation(recipe: Recipe, info: DatasetInfo) -> Augmentation | None:
    """The recipe's augmentations in their order, or None where there are none."""
    if not recipe.augment:
        return None
    from pixelwise.augment.pipeline import Augmentation  # brings torchvision, which takes as long as torch to import

    fill = _uncovered(info) if info.void is None else info.void
    return Augmentation([build("augmentation", item, fill) for item in recipe.augment], recipe.train.seed)


def _uncovered(info: DatasetInfo) -> int:
    """A mask value that no class has."""
    classes = len(info.classes)
    if classes == UNCOVERED + 1:
        raise DataError(
            f"has {classes} classes in masks of 8 bits, which leaves no value for what an augmentation uncovers.",
            where=info.name,
            hint="Declare a void index above 255, and masks are kept in 16 bits.",
        )
    return max(UNCOVERED, classes)


def model_record(recipe: Recipe, task: Task, model: nn.Module, size: tuple[int, int]) -> dict[str, Any]:
    """What the report says of the architecture."""
    from pixelwise.models.describe import describe

    shape = (task.in_channels, *size)
    named = {"path": "layer", "inputs": "in_channels", "outputs": "out_channels"}
    rows = [{named.get(k, k): v for k, v in row.as_record().items()} for row in describe(model, shape)]
    return {
        "name": recipe.model.name,
        "options": recipe.model.options,
        "input": list(shape),
        "parameters": sum(p.numel() for p in model.parameters()),
        "macs": sum(row["macs"] for row in rows),
        "layers": rows,
    }
