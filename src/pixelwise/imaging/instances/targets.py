"""Target maps of objects: functions of the instance map alone, so they also fit an augmented one.

An instance map (H, W) holds 0 outside and the number 1..n of the object at each pixel. The edge of the picture is not a
boundary: an object that it cuts continues behind it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

# Bai & Urtasun 2017: level k holds the distances from EDGES[k] up to EDGES[k + 1]; the last one has no upper edge
EDGES = (0, 1, 2, 3, 4, 5, 7, 9, 12, 15, 19, 24, 30, 37, 45, 54)
Numbers = NDArray[Any]  # (H, W) of whole numbers


def distances(numbers: Numbers) -> NDArray[np.float32]:
    """(H, W) the Euclidean distance in pixels from each pixel to the nearest one that is not of its object; 0 outside.

    Distances are between the centres of pixels, so that they begin at 1. An object that fills the whole picture is measured
    to the picture's edge, because it has no other.
    """
    found = np.zeros(numbers.shape, np.float32)
    for window, own in _objects(numbers):
        found[window][own] = _to_boundary(own)[own]
    return found


def normalised_distances(numbers: Numbers) -> NDArray[np.float32]:
    """(H, W) `distances` divided by the largest one of the same object: 0 outside, 1 at the deepest place of each."""
    found = np.zeros(numbers.shape, np.float32)
    for window, own in _objects(numbers):
        deep = _to_boundary(own)[own]
        found[window][own] = deep / deep.max()
    return found


def directions(numbers: Numbers) -> NDArray[np.float32]:
    """(2, H, W) down and right: the unit vector away from the nearest pixel that is not of the object; 0 outside.

    It is the gradient of `distances`, which has length 1, without the error of finite differences (Bai & Urtasun 2017, eq. 1).
    """
    found = np.zeros((2, *numbers.shape), np.float32)
    for window, own in _objects(numbers):
        padded, (top, left) = _closed(own)
        nearest = ndimage.distance_transform_edt(padded, return_distances=False, return_indices=True)
        away = (np.indices(padded.shape) - nearest)[:, top:, left:][:, : own.shape[0], : own.shape[1]][:, own]
        found[(slice(None), *window)][:, own] = away / np.hypot(*away)
    return found


def levels(numbers: Numbers) -> NDArray[np.int32]:
    """(H, W) the energy level 0..15 of each pixel: its distance to the boundary, in the intervals that begin at EDGES.

    The boundary runs half a pixel before the nearest pixel that is not of the object, so that the outermost pixels of an
    object, at a distance of ½, are of level 0; so is everything outside.
    """
    places = np.searchsorted(EDGES, np.maximum(distances(numbers) - 0.5, 0), side="right") - 1
    return np.asarray(places, np.int32)


def areas(numbers: Numbers) -> NDArray[np.int32]:
    """(H, W) how many pixels the object at each pixel has; 0 outside."""
    counts = np.bincount(numbers.ravel())
    counts[0] = 0
    found: NDArray[np.int32] = counts.astype(np.int32)[numbers]
    return found


def centres(numbers: Numbers, spread: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """((H, W), (2, H, W)): bells at the objects' centres of mass, and from each pixel of an object the way to its centre.

    bells:  exp(−d² / 2σ²) with the distance d to the nearest centre and σ = `spread` pixels (Cheng et al. 2020)
    way:    down and right, in pixels; nan outside, where there is no centre to go to
    """
    bells = np.zeros(numbers.shape, np.float32)
    way = np.full((2, *numbers.shape), np.nan, np.float32)
    rows, columns = (np.arange(side, dtype=np.float32) for side in numbers.shape)
    for window, own in _objects(numbers):
        places = np.argwhere(own)
        row, column = places.mean(axis=0) + [axis.start for axis in window]
        bell = np.exp(-((rows - row) ** 2) / (2 * spread**2))[:, None] * np.exp(
            -((columns - column) ** 2) / (2 * spread**2)
        )
        np.maximum(bells, bell, out=bells)
        here = way[(slice(None), *window)]
        here[0][own] = row - window[0].start - places[:, 0]
        here[1][own] = column - window[1].start - places[:, 1]
    return bells, way


def _objects(numbers: Numbers) -> Iterator[tuple[tuple[slice, slice], NDArray[np.bool_]]]:
    """The window around each object, a pixel larger than its box where the picture allows it, and its pixels in there.

    The nearest pixel that is not of the object always lies in this window: any other one, moved straight to the window's
    rim, is nearer and still not of the object.
    """
    for number, box in enumerate(ndimage.find_objects(numbers), start=1):
        if box is not None:
            rows, columns = (
                slice(max(0, side.start - 1), min(size, side.stop + 1))
                for side, size in zip(box, numbers.shape, strict=True)
            )
            yield (rows, columns), numbers[rows, columns] == number


def _closed(own: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], tuple[int, int]]:
    """The pixels of an object, with a rim where it fills the whole window, and how wide the rim is."""
    return (np.pad(own, 1), (1, 1)) if own.all() else (own, (0, 0))


def _to_boundary(own: NDArray[np.bool_]) -> NDArray[Any]:
    padded, (top, left) = _closed(own)
    deep: NDArray[Any] = ndimage.distance_transform_edt(padded)
    return deep[top : top + own.shape[0], left : left + own.shape[1]]
