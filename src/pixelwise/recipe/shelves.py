"""All shelves by kind. These are tables of names: nothing on them is imported here."""

from __future__ import annotations

from pixelwise.augment import AUGMENTATIONS
from pixelwise.data import DATASETS
from pixelwise.losses import LOSSES
from pixelwise.metrics import METRICS
from pixelwise.models import MODELS
from pixelwise.models.encoders import ENCODERS
from pixelwise.shelf import Shelf
from pixelwise.tasks import TASKS

OPTIMIZERS = Shelf(
    "optimizer",
    {
        "adam": "pixelwise.engine.torch.optim:adam",
        "adamw": "pixelwise.engine.torch.optim:adamw",
        "sgd": "pixelwise.engine.torch.optim:sgd",
    },
)

SCHEDULES = Shelf(
    "schedule",
    {
        "constant": "pixelwise.engine.schedule:constant",
        "step": "pixelwise.engine.schedule:step",
        "cosine": "pixelwise.engine.schedule:cosine",
        "poly": "pixelwise.engine.schedule:poly",
        "decay": "pixelwise.engine.schedule:decay",
    },
)

SHELVES = {
    shelf.kind: shelf
    for shelf in (DATASETS, TASKS, MODELS, ENCODERS, LOSSES, METRICS, AUGMENTATIONS, OPTIMIZERS, SCHEDULES)
}

# Parts that only the NumPy network has; tasks, data sets, metrics and schedules are the same.
SCRATCH = {
    "model": Shelf(
        "NumPy network",
        {
            "conv_pool": "pixelwise.scratch.presets:conv_pool",
            "lenet": "pixelwise.scratch.presets:lenet",
            "fcn": "pixelwise.scratch.presets:fcn",
        },
    ),
    "loss": Shelf("NumPy loss", {"cross_entropy": "pixelwise.engine.numpy.losses:cross_entropy"}),
    "optimizer": Shelf(
        "NumPy optimizer",
        {
            "sgd": "pixelwise.scratch.presets:sgd",
            "adam": "pixelwise.scratch.presets:adam",
        },
    ),
}
