"""Change of size: pictures bilinear with antialias, masks always nearest, both with the same alignment of centres."""

from __future__ import annotations

import numpy as np

from pixelwise.errors import ShapeError
from pixelwise.rle import RLE
from pixelwise.types import Image, IndexMap, Object


def resize_image(image: Image, size: tuple[int, int]) -> Image:
    """The picture (H, W, C) uint8 at `size` (height, width).

    Bilinear; when it shrinks, the filter is widened by the same factor, so that every source pixel counts (antialias).
    """
    from PIL import Image as Pillow

    height, width = _checked(size)
    if image.shape[:2] == (height, width):
        return image
    if image.shape[2] != 3:  # Pillow would take the fourth channel for transparency
        planes = [Pillow.fromarray(np.ascontiguousarray(plane)) for plane in np.moveaxis(image, 2, 0)]
        return np.stack(
            [np.asarray(one.resize((width, height), Pillow.Resampling.BILINEAR)) for one in planes], axis=-1
        )
    resized = Pillow.fromarray(image).resize((width, height), Pillow.Resampling.BILINEAR)
    return np.asarray(resized)


def resize_mask(mask: IndexMap, size: tuple[int, int]) -> IndexMap:
    """The index map (H, W) at `size` (height, width): each pixel takes the index below its centre.

    Row i of h reads row ⌊(i + ½) · H / h⌋, in whole numbers ⌊(2i + 1) · H / 2h⌋: no index is ever mixed or made up.
    """
    height, width = _checked(size)
    if mask.shape == (height, width):
        return mask
    rows = (2 * np.arange(height) + 1) * mask.shape[0] // (2 * height)
    columns = (2 * np.arange(width) + 1) * mask.shape[1] // (2 * width)
    resized: IndexMap = mask[rows[:, None], columns]
    return resized


def _checked(size: tuple[int, int]) -> tuple[int, int]:
    height, width = size
    if height < 1 or width < 1:
        raise ShapeError(f"a picture of {height}×{width} (height × width) has no pixel; both must be at least 1")
    return height, width


def resize_object(one: Object, old: tuple[int, int], new: tuple[int, int]) -> Object:
    """The object of a picture of size `old` (H, W) in the same picture at size `new`; a mask decides its box."""
    if one.mask is not None:
        mask = one.mask if old == new else RLE.of(resize_mask(one.mask.mask().view(np.uint8), new))
        return one if mask is one.mask else Object.of(one.label, mask, score=one.score, crowd=one.crowd)
    down, across = new[0] / old[0], new[1] / old[1]
    x0, y0, x1, y1 = one.box
    return Object(one.label, None, (x0 * across, y0 * down, x1 * across, y1 * down), one.score, one.crowd)
