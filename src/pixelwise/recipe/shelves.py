"""Every shelf of the house by kind. Tables only: nothing on them is imported here."""

from __future__ import annotations

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
        "adam": "pixelwise.engine.optim:adam",
        "adamw": "pixelwise.engine.optim:adamw",
        "sgd": "pixelwise.engine.optim:sgd",
    },
)

SCHEDULES = Shelf(
    "schedule",
    {
        "constant": "pixelwise.engine.schedule:constant",
        "step": "pixelwise.engine.schedule:step",
        "cosine": "pixelwise.engine.schedule:cosine",
        "poly": "pixelwise.engine.schedule:poly",
    },
)

SHELVES = {
    shelf.kind: shelf for shelf in (DATASETS, TASKS, MODELS, LOSSES, METRICS, AUGMENTATIONS, OPTIMIZERS, SCHEDULES)
}
