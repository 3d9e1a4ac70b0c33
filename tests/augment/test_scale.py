"""The mean magnification of augmentations, beside what they do to drawn squares."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pixelwise.augment import AUGMENTATIONS
from pixelwise.augment.pipeline import Augmentation
from pixelwise.augment.scale import magnification, matching_size
from pixelwise.recipe.effects import remarks
from pixelwise.recipe.load import load_recipe
from pixelwise.rle import RLE
from pixelwise.types import Object, Sample

SIZE = (120, 150)


def measured(items: list[dict[str, Any]], count: int = 120) -> tuple[float, float]:
    """Mean height and width of a square in the middle of a picture, by that of the square."""
    square = np.zeros(SIZE, bool)
    square[50:70, 65:85] = True
    sample = Sample("one", np.zeros((*SIZE, 3), np.uint8), objects=(Object.of(1, RLE.of(square)),))
    steps = [AUGMENTATIONS.build(item["name"], 255, **{k: v for k, v in item.items() if k != "name"}) for item in items]
    augmentation, sides = Augmentation(steps, 0), []
    for epoch in range(count):
        for one in augmentation(sample, epoch, 0).objects or ():
            x0, y0, x1, y1 = one.box
            if x0 > 0 and y0 > 0:
                sides.append((y1 - y0, x1 - x0))
    height, width = np.mean(sides, axis=0) / 20
    return float(height), float(width)


@pytest.mark.parametrize(
    ("items", "steps"),
    [
        (
            [{"name": "scale_crop", "size": (160, 160), "scale": (0.7, 1.3), "ratio": (0.8, 1.25)}],
            [((160, 160), (0.7, 1.3), (0.8, 1.25))],
        ),
        ([{"name": "flip"}, {"name": "resize", "size": (180, 300)}], [((180, 300), (1, 1), (1, 1))]),
        (
            [
                {"name": "resize", "size": (240, 240)},
                {"name": "scale_crop", "size": (120, 120), "scale": (1.0, 1.5), "ratio": (1.0, 1.0)},
            ],
            [((240, 240), (1, 1), (1, 1)), ((120, 120), (1.0, 1.5), (1, 1))],
        ),
        ([{"name": "crop", "padding": 9}], []),
    ],
)
def test_the_mean_size_of_a_square_is_the_one_that_is_computed(items: list[dict[str, Any]], steps: Any) -> None:
    assert measured(items) == pytest.approx(magnification(steps, SIZE), rel=0.03)


def test_at_the_matching_size_objects_are_alike() -> None:
    steps = [((384, 384), (0.4, 1.0), (0.8, 1.25))]
    vertical, horizontal = magnification(steps, (384, 480))
    assert (round(vertical, 2), round(horizontal, 2)) == (1.23, 0.98)
    size = matching_size((384, 480), (vertical, horizontal))
    assert size == (480, 480)
    assert magnification(steps, size) == pytest.approx((1, 1), abs=0.05)
    recipe = load_recipe("quickstart", ["augment=[{name: scale_crop, size: [64, 64]}]", "data.size=[85, 85]"])
    assert not [line for line in remarks(recipe) if "objects" in line.lower()]
