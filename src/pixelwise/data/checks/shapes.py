"""What is odd about the shapes of a picture's objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pixelwise.imaging.draw import number_objects, touching_pairs
from pixelwise.types import Object

SPECK = 16  # pixels: an object, or a part of one, that is smaller
APART = 0.2  # of an object's pixels: of a second part that is so large two objects may have one number


def count_oddities(objects: Sequence[Object], size: tuple[int, int]) -> Mapping[str, int]:
    """How many objects there are, and how many of them are odd.

    `specks`: fewer than SPECK pixels; `parts`: not connected, `several`: and the second largest part has a share of APART or
    more; `touching`: next to another one, also at a corner
    """
    from scipy.ndimage import label

    kept = [one for one in objects if not one.crowd]
    counts = {"objects": len(kept), "specks": 0, "parts": 0, "several": 0}
    for one in kept:
        if one.mask is None:
            continue
        x0, y0, x1, y1 = (int(side) for side in one.box)
        parts, number = label(one.mask.mask()[y0:y1, x0:x1], structure=np.ones((3, 3), int))
        areas = np.sort(np.bincount(parts.ravel())[1:])
        counts["specks"] += int(one.mask.area < SPECK)
        counts["parts"] += int(number > 1)
        counts["several"] += int(number > 1 and areas[-2] >= max(SPECK, APART * one.mask.area))
    counts["touching"] = len(np.unique(touching_pairs(number_objects(kept, size))))
    return counts
