"""How a picture is brought to a size of another shape: squashed, in a letterbox, or cropped.

squash      height and width change each by its own factor
letterbox   the whole picture keeps its shape; what is left of the size is grey, and void in masks
crop        the picture keeps its shape and covers the size; what is outside, on two sides, is cut off
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from statistics import median
from typing import Literal

import numpy as np

from pixelwise.imaging.resize import resize_image, resize_mask
from pixelwise.types import Image, IndexMap

Fit = Literal["squash", "letterbox", "crop"]
STEP, LONGEST = 32, 512  # sides that are proposed are multiples of this, and at most so long
GREY = 128  # around a picture in a letterbox


@dataclass(frozen=True)
class Placement:
    """Where a picture of size `inner` (height, width), after resizing, lies in the size: from row `top`, column `left`.

    Both are negative, or 0, where the picture covers the size.
    """

    inner: tuple[int, int]
    top: int = 0
    left: int = 0

    @property
    def window(self) -> tuple[slice, slice]:
        """Rows and columns of the picture in its letterbox."""
        return slice(self.top, self.top + self.inner[0]), slice(self.left, self.left + self.inner[1])


def placed(own: tuple[int, int], size: tuple[int, int], fit: Fit) -> Placement:
    """Where a picture of size `own` lies in `size`, both (height, width).

    >>> placed((40, 80), (64, 64), "letterbox"), placed((40, 80), (64, 64), "crop")
    (Placement(inner=(32, 64), top=16, left=0), Placement(inner=(64, 128), top=0, left=-32))
    """
    if fit == "squash":
        return Placement(size)
    (height, width), (tall, wide) = own, size
    low = tall * width <= wide * height  # the height is what limits the whole picture
    if low == (fit == "letterbox"):
        inner = (tall, max(1, (2 * width * tall + height) // (2 * height)))
    else:
        inner = (max(1, (2 * height * wide + width) // (2 * width)), wide)
    inner = (
        (min(inner[0], tall), min(inner[1], wide)) if fit == "letterbox" else (max(inner[0], tall), max(inner[1], wide))
    )
    return Placement(inner, (tall - inner[0]) // 2, (wide - inner[1]) // 2)


def fit_image(image: Image, size: tuple[int, int], fit: Fit) -> Image:
    """The picture (H, W, 3) uint8 at `size`."""
    place = placed((image.shape[0], image.shape[1]), size, fit)
    resized = resize_image(image, place.inner)
    if fit == "letterbox":
        whole = np.full((*size, 3), GREY, np.uint8)
        whole[place.window] = resized
        return whole
    return resized[-place.top : size[0] - place.top, -place.left : size[1] - place.left]


def fit_mask(mask: IndexMap, size: tuple[int, int], fit: Fit, void: int) -> IndexMap:
    """The index map (H, W) at `size`; void around it in a letterbox."""
    place = placed((mask.shape[0], mask.shape[1]), size, fit)
    resized = resize_mask(mask, place.inner)
    if fit == "letterbox":
        whole: IndexMap = np.full(size, void, np.uint16) if void > 255 else np.full(size, void, np.uint8)
        whole[place.window] = resized
        return whole
    cut: IndexMap = resized[-place.top : size[0] - place.top, -place.left : size[1] - place.left]
    return cut


# -- sizes -------------------------------------------------------------------------------------------------------


def extremes(counts: Counter[tuple[int, int]]) -> str:
    """`from 41×83 to 90×20`: the smallest and the largest size by area, as width × height."""
    ordered = sorted(counts, key=lambda size: (size[0] * size[1], size))
    (height, width), (last_height, last_width) = ordered[0], ordered[-1]
    return f"from {width}×{height} to {last_width}×{last_height}"


def proposal(counts: Counter[tuple[int, int]]) -> str:
    """What to set for pictures of these sizes."""
    height, width = proposed_size(counts)
    cure = f"Choose one to train at, e.g. data.size: [{height}, {width}] (height, width)."
    return f"{cure} data.fit: letterbox keeps shapes."


def proposed_size(counts: Counter[tuple[int, int]]) -> tuple[int, int]:
    """(height, width) near the middle of the sizes, in multiples of 32 and not above 512."""
    height = median(size[0] for size in counts.elements())
    width = median(size[1] for size in counts.elements())
    scale = min(1.0, LONGEST / max(height, width))
    return max(STEP, round(height * scale / STEP) * STEP), max(STEP, round(width * scale / STEP) * STEP)
