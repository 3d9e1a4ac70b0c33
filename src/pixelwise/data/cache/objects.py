"""Objects in the cache: a row for each object, and the run lengths of all masks in one array.

objects.npy (M,) ROW    runs.npy (R,) uint32    object_ends.npy (N, 2) int64: where each sample ends in the other two
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixelwise.imaging.resize import resize_mask
from pixelwise.types import RLE, IndexMap, Object

ROW = np.dtype([("label", "<i8"), ("box", "<f8", 4), ("score", "<f8"), ("crowd", "?"), ("runs", "<i8")])
RAGGED = ("objects", "runs")  # arrays with any number of rows for a sample


def resize_object(one: Object, old: tuple[int, int], new: tuple[int, int]) -> Object:
    """The object of a picture of size `old` (H, W) in the same picture at size `new`; a mask decides its box."""
    if one.mask is not None:
        mask = one.mask if old == new else RLE.of(resize_mask(one.mask.mask().view(np.uint8), new))
        return one if mask is one.mask else Object.of(one.label, mask, score=one.score, crowd=one.crowd)
    down, across = new[0] / old[0], new[1] / old[1]
    x0, y0, x1, y1 = one.box
    return Object(one.label, None, (x0 * across, y0 * down, x1 * across, y1 * down), one.score, one.crowd)


def pack(objects: Sequence[Object]) -> dict[str, NDArray[Any]]:
    """The rows and runs of one sample; an object whose mask has no pixel is left out."""
    kept = [one for one in objects if one.mask is None or one.mask.area]
    runs = [np.zeros(0, np.uint32) if one.mask is None else one.mask.counts for one in kept]
    rows = [(one.label, one.box, one.score, one.crowd, len(own)) for one, own in zip(kept, runs, strict=True)]
    return {"objects": np.array(rows, ROW), "runs": np.concatenate([np.zeros(0, np.uint32), *runs])}


def unpack(rows: NDArray[Any], runs: NDArray[np.uint32], size: tuple[int, int]) -> list[Object]:
    """The objects that `pack` was given, of a picture of `size` (H, W)."""
    ends = np.cumsum(rows["runs"]).tolist()
    return [
        Object(label, RLE(size, runs[end - count : end]) if count else None, tuple(box), score, crowd)
        for (label, box, score, crowd, count), end in zip(rows.tolist(), ends, strict=True)
    ]


def says_all(plane: NDArray[np.uint16], mask: IndexMap | None, void: int | None, objects: Sequence[Object]) -> bool:
    """Whether the index map, with the class of each pixel, says as much as the objects do."""
    for number, one in enumerate(objects, start=1):
        if one.mask is None or one.crowd or one.score != 1 or mask is None:
            return False
        own = plane == number
        if int(own.sum()) != one.mask.area or not np.isin(mask[own], [one.label, -1 if void is None else void]).all():
            return False
    return True
