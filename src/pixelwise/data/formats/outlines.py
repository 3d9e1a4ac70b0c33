"""Objects as annotations of COCO: polygons, boxes, ellipses, masks of a part of the picture."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixelwise.errors import DataError
from pixelwise.rle import RLE


def polygons(parts: Iterable[Iterable[Sequence[float]]]) -> dict[str, Any]:
    """An object with one polygon for each of its parts, from (x, y) points in pixels."""
    return {"segmentation": [[side for point in part for side in point] for part in parts]}


def box(x0: float, y0: float, x1: float, y1: float) -> dict[str, Any]:
    """An object that has only a box."""
    return {"bbox": [min(x0, x1), min(y0, y1), abs(x1 - x0), abs(y1 - y0)]}


def ellipse(x: float, y: float, across: float, down: float, degrees: float = 0.0) -> dict[str, Any]:
    """An ellipse with the centre (x, y) and these radii, turned clockwise, as a polygon of 180 points."""
    turn, angle = np.deg2rad(degrees), np.linspace(0, 2 * np.pi, 180, endpoint=False)
    right, below = across * np.cos(angle), down * np.sin(angle)
    points = [x + right * np.cos(turn) - below * np.sin(turn), y + right * np.sin(turn) + below * np.cos(turn)]
    return polygons([np.stack(points, axis=1).tolist()])


def turned_box(
    x: float, y: float, across: float, down: float, degrees: float, about: Sequence[float]
) -> dict[str, Any]:
    """The box around a rectangle that is turned clockwise about a point."""
    corners = np.array([(x, y), (x + across, y), (x + across, y + down), (x, y + down)]) - np.array(about)
    turn = np.deg2rad(degrees)
    corners = corners @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]]) + np.array(about)
    (x0, y0), (x1, y1) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
    return box(x0, y0, x1, y1)


def placed(pixels: NDArray[np.bool_], left: int, top: int, size: tuple[int, int], where: str) -> dict[str, Any]:
    """An object with a mask that covers a part of the picture. Raises DataError if it leaves the picture."""
    height, width = pixels.shape
    if min(left, top) < 0 or top + height > size[0] or left + width > size[1]:
        what = (
            f"its mask of {width}×{height} at {left}, {top} leaves the picture of {size[1]}×{size[0]} (width × height)."
        )
        raise DataError(what, where=where)
    whole = np.zeros(size, bool)
    whole[top : top + height, left : left + width] = pixels
    return {"segmentation": {"size": [*size], "counts": RLE.of(whole).counts.tolist()}}
