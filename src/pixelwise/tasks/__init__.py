"""The tasks: each connects samples to what a model reads and learns, and its outputs to predictions. None imports torch."""

from pixelwise.shelf import Shelf

TASKS = Shelf(
    "task",
    {
        "segment": "pixelwise.tasks.segment:segment",
        "classify": "pixelwise.tasks.classify:classify",
        "colourize": "pixelwise.tasks.colourize:colourize",
        "detect": "pixelwise.tasks.detect:detect",
        "separate": "pixelwise.tasks.separate:separate",
        "separate_levels": "pixelwise.tasks.separate:separate_levels",
        "separate_centres": "pixelwise.tasks.separate:separate_centres",
    },
)
