"""The small training in colours that several pages share: 12 colours for 320 grey drawn scenes of 32×32, and what it gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lesson
import numpy as np

PALETTE = Path(__file__).with_name("palette.txt")  # found by k-means in the training pictures, once for all pages
COLOURS, BATCH = 12, 16
RECIPE = (
    f"task={{name: colourize, colours: {COLOURS}, palette: {PALETTE}}}",
    "data.dataset={name: scenes, size: 32, train: 320, val: 160}",
    "augment=[]",
    f"train.batch={BATCH}",
    "train.optimizer={name: adam, learning_rate: 2e-3}",
    "train.phases=[{epochs: 12}]",
)


def trained(*changes: str) -> tuple[Any, list[lesson.Row]]:
    """A training of this page's recipe with changes."""
    return lesson.trained("scenes/colourize", [*RECIPE, *changes])


def score(row: lesson.Row, name: str) -> float:
    """A score of an epoch by its short name, e.g. `accuracy`."""
    found: float = next(value for key, value in row["scores"].items() if key.partition("[")[0] == name)
    return found


def samples(parts: Any) -> list[Any]:
    """The validation scenes."""
    split = parts.material.validation
    return [split[index] for index in range(len(split))]


def probabilities(parts: Any) -> np.ndarray:
    """Of every colour, pixel and validation scene, (N, H, W, Q), in evaluation mode."""
    import torch

    from pixelwise.engine.torch.model import inputs_of

    model, task = parts.learner.model.eval(), parts.learner.task
    found, scenes = [], samples(parts)
    with torch.no_grad():
        for begin in range(0, len(scenes), 40):
            batch = parts.learner.encode(scenes[begin : begin + 40])
            found.append(model(inputs_of(batch.images, task.input)).softmax(dim=1).permute(0, 2, 3, 1).numpy())
    return np.concatenate(found)


def as_lab(images: np.ndarray) -> np.ndarray:
    """Pictures (N, H, W, 3) uint8 in CIELAB."""
    from skimage.color import rgb2lab

    found: np.ndarray = rgb2lab(images)
    return found


def near_outlines(mask: np.ndarray) -> np.ndarray:
    """Pixels that have another class among their eight neighbours, (H, W)."""
    around = np.pad(mask, 1, mode="edge")
    height, width = mask.shape
    moved = [around[row : row + height, column : column + width] for row in range(3) for column in range(3)]
    return np.any([one != mask for one in moved], axis=0)
