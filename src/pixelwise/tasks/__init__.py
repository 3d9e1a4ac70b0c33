"""The tasks: each is a bridge from samples to batches and from outputs back to predictions."""

from dataclasses import dataclass

from pixelwise.shelf import Shelf

TASKS = Shelf(
    "task",
    {
        "segment": "pixelwise.tasks.segment:segment",
        "classify": "pixelwise.tasks.classify:classify",
        "colourize": "pixelwise.tasks.colourize:colourize",
    },
)


@dataclass(frozen=True)
class Defaults:
    """What a recipe of this task gets where it says nothing: names on the shelves, and the score that decides."""

    loss: str
    metrics: tuple[str, ...]
    best: str


DEFAULTS = {
    "segment": Defaults(loss="cross_entropy", metrics=("confusion",), best="mean_iou"),
    "classify": Defaults(loss="cross_entropy", metrics=("accuracy",), best="accuracy"),
    "colourize": Defaults(loss="cross_entropy", metrics=("colour",), best="accuracy"),
}
