"""How a picture is brought to a size of another shape: squashed, in a letterbox, or cropped.

squash      height and width change each by its own factor
letterbox   the whole picture keeps its shape; what is left of the size is grey, and void in masks
crop        the picture keeps its shape and covers the size; what is outside, on two sides, is cut off
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from statistics import median
from typing import Literal

import numpy as np

from pixelwise.imaging.resize import resize_image, resize_mask, resize_object
from pixelwise.rle import RLE
from pixelwise.types import Image, IndexMap, Object

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
    """The picture (H, W, C) uint8 at `size`."""
    place = placed((image.shape[0], image.shape[1]), size, fit)
    resized = resize_image(image, place.inner)
    if fit == "letterbox":
        whole = np.full((*size, image.shape[2]), GREY, np.uint8)
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


def fit_object(one: Object, own: tuple[int, int], size: tuple[int, int], fit: Fit) -> Object | None:
    """The object of a picture of size `own` in the same picture at `size`; None if nothing of it is left."""
    place = placed(own, size, fit)
    if one.mask is not None:
        mask = RLE.of(fit_mask(one.mask.mask().view(np.uint8), size, fit, 0))
        return Object.of(one.label, mask, score=one.score, crowd=one.crowd) if mask.area else None
    scaled = resize_object(one, own, place.inner)
    return _moved(scaled, (place.top, place.left), size)


def restore_object(one: Object, part: tuple[slice, slice], size: tuple[int, int]) -> Object | None:
    """The object of a picture that is `part` of its letterbox in the same picture at its own size; None if it is outside.

    A mask decides its box.
    """
    rows, columns = part
    inner = (rows.stop - rows.start, columns.stop - columns.start)
    if one.mask is not None:
        inside = RLE.of(one.mask.mask()[part])
        kept = Object.of(one.label, inside, score=one.score, crowd=one.crowd) if inside.area else None
    else:
        kept = _moved(one, (-rows.start, -columns.start), inner)
    found = None if kept is None else resize_object(kept, inner, size)
    return None if found is None or (found.mask is not None and not found.mask.area) else found


def _moved(one: Object, by: tuple[int, int], size: tuple[int, int]) -> Object | None:
    """An object without a mask, moved down and right and cut off at the edges of `size`; None if nothing is left."""
    x0, y0, x1, y1 = one.box
    down, right = by
    left, top = max(0.0, x0 + right), max(0.0, y0 + down)
    box = (left, top, min(float(size[1]), x1 + right), min(float(size[0]), y1 + down))
    return replace(one, box=box) if box[0] < box[2] and box[1] < box[3] else None


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
