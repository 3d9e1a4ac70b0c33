"""How much larger objects are in training than in validation, because augmentation resizes windows of the pictures.

A network finds objects best at the size at which it has learnt them (Touvron et al. 2019, "Fixing the train-test resolution
discrepancy"). Nothing here imports torch.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import log, sqrt

Range = tuple[float, float]
Resized = tuple[tuple[int, int], Range, Range]  # size (H, W) that comes out, the window's area, and its shape
WHOLE: Range = (1.0, 1.0)
STEP, NEAR = 32, 0.05  # a proposed size is a multiple of this, if that changes it by less than this share


def magnification(steps: Iterable[Resized], size: tuple[int, int]) -> tuple[float, float]:
    """(vertical, horizontal): mean length of objects in training by that in validation.

    steps:  what augmentations resize, in their order, as `scale_crop` has it: the window's area is a share of the picture,
            drawn evenly, its shape (width / height over that of the picture) evenly in the logarithm
    size:   (H, W) of the pictures that are validated

    >>> [round(part, 3) for part in magnification([((64, 64), (0.25, 1.0), (1.0, 1.0))], (64, 64))]
    [1.333, 1.333]
    """
    vertical = horizontal = 1.0
    height, width = size
    for (rows, columns), area, shape in steps:
        mean = 2 / (sqrt(area[0]) + sqrt(area[1]))  # of 1/√a for an area a that is drawn evenly
        vertical *= rows / height * mean * _mean_power(shape, 0.5)
        horizontal *= columns / width * mean * _mean_power(shape, -0.5)
        height, width = rows, columns
    return vertical, horizontal


def matching_size(size: tuple[int, int], magnified: tuple[float, float]) -> tuple[int, int]:
    """The (H, W) at which objects have the same mean size in validation as in training."""
    height, width = (_proposed(side * factor) for side, factor in zip(size, magnified, strict=True))
    return height, width


def _proposed(side: float) -> int:
    near = round(side / STEP) * STEP
    return near if abs(near - side) < NEAR * side else max(1, round(side))


def _mean_power(bounds: Range, power: float) -> float:
    """The mean of x to a power for an x that is drawn evenly in its logarithm."""
    low, high = bounds
    return low**power if low == high else (high**power - low**power) / (power * log(high / low))
