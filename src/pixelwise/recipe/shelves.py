"""Every shelf of the house by kind. Tables only: nothing on them is imported here."""

from __future__ import annotations

from collections.abc import Mapping

from pixelwise.augment import AUGMENTATIONS
from pixelwise.data import DATASETS
from pixelwise.losses import LOSSES
from pixelwise.metrics import METRICS
from pixelwise.models import MODELS
from pixelwise.shelf import Shelf
from pixelwise.tasks import TASKS

OPTIMIZERS = Shelf(
    "optimizer",
    {
        "adam": "pixelwise.engine.descent.optim:adam",
        "adamw": "pixelwise.engine.descent.optim:adamw",
        "sgd": "pixelwise.engine.descent.optim:sgd",
    },
)

SCHEDULES = Shelf(
    "schedule",
    {
        "constant": "pixelwise.engine.descent.schedule:constant",
        "step": "pixelwise.engine.descent.schedule:step",
        "cosine": "pixelwise.engine.descent.schedule:cosine",
        "poly": "pixelwise.engine.descent.schedule:poly",
        "decay": "pixelwise.engine.descent.schedule:decay",
    },
)

SHELVES = {
    shelf.kind: shelf for shelf in (DATASETS, TASKS, MODELS, LOSSES, METRICS, AUGMENTATIONS, OPTIMIZERS, SCHEDULES)
}

# What the NumPy network has of its own; data sets, metrics and schedules are the same.
SCRATCH = {
    "task": Shelf(
        "NumPy task",
        {
            "classify": "pixelwise.engine.scratch.tasks:classify",
            "segment": "pixelwise.engine.scratch.tasks:segment",
        },
    ),
    "model": Shelf(
        "NumPy network",
        {
            "conv_pool": "pixelwise.scratch.presets:conv_pool",
            "lenet": "pixelwise.scratch.presets:lenet",
            "fcn": "pixelwise.scratch.presets:fcn",
        },
    ),
    "loss": Shelf("NumPy loss", {"cross_entropy": "pixelwise.engine.scratch.losses:cross_entropy"}),
    "optimizer": Shelf(
        "NumPy optimizer",
        {
            "sgd": "pixelwise.scratch.presets:sgd",
            "adam": "pixelwise.scratch.presets:adam",
        },
    ),
}


def shelves(engine: str) -> Mapping[str, Shelf]:
    """The shelves that a recipe for this engine takes its items from."""
    return {**SHELVES, **SCRATCH} if engine == "scratch" else SHELVES
