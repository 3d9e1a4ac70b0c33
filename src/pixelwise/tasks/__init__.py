"""The tasks: each is a bridge from samples to batches and from outputs back to predictions."""

from pixelwise.shelf import Shelf

TASKS = Shelf(
    "task",
    {
        "segment": "pixelwise.tasks.segment:segment",
        "classify": "pixelwise.tasks.classify:classify",
        "colourize": "pixelwise.tasks.colourize:colourize",
    },
)
