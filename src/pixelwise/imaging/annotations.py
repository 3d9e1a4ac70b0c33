"""An annotation of COCO's json as an object, what is odd about it, and an object as an annotation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixelwise.errors import DataError
from pixelwise.rle import RLE, Box
from pixelwise.types import Object

Size = tuple[int, int]


def object_of(annotation: dict[str, Any], label: int, size: Size, *, where: str) -> Object | None:
    """The object of an annotation in a picture of `size` (H, W), or None for one without area.

    Raises DataError for a polygon of fewer than three points, numbers that are not finite, and run lengths of another size.
    """
    drawn, crowd = annotation.get("segmentation"), bool(annotation.get("iscrowd", 0))
    if drawn:
        mask = _mask_of(drawn, size, where)
        return Object.of(label, mask, crowd=crowd) if mask.area else None
    x0, y0, x1, y1 = _clipped(_box_of(annotation, where), size)
    return Object(label, None, (x0, y0, x1, y1), crowd=crowd) if x0 < x1 and y0 < y1 else None


def annotation_of(one: Object) -> dict[str, Any]:
    """An object as COCO's json has it. Its mask is in compressed run lengths, which keep every pixel, holes and parts."""
    x0, y0, x1, y1 = one.box
    made: dict[str, Any] = {
        "bbox": [x0, y0, x1 - x0, y1 - y0],
        "area": (x1 - x0) * (y1 - y0),
        "iscrowd": int(one.crowd),
    }
    if one.mask is not None:
        made["segmentation"] = {"size": [*one.mask.size], "counts": one.mask.to_coco()["counts"].decode("ascii")}
        made["area"] = one.mask.area
    return made


def oddities_of(annotations: Sequence[dict[str, Any]], size: Size) -> Iterator[str]:
    """What is odd about the annotations of a picture: `no area`, `outside` (more than a pixel of it), once for each object."""
    height, width = size
    for one in annotations:
        try:
            made, box = object_of(one, 0, size, where=""), _extent(one)
        except DataError:
            continue  # reading the picture says so
        if made is None:
            yield "no area"
        elif box[0] < -1 or box[1] < -1 or box[2] > width + 1 or box[3] > height + 1:
            yield "outside"


def _extent(annotation: dict[str, Any]) -> Box:
    """The box of the polygons' points, else the box in the file."""
    drawn = annotation.get("segmentation")
    if not drawn or isinstance(drawn, dict):
        return (0.0, 0.0, 0.0, 0.0) if drawn else _box_of(annotation, "")
    points = np.concatenate([_points(polygon, "") for polygon in drawn])
    (x0, y0), (x1, y1) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    return x0, y0, x1, y1


def _mask_of(drawn: Any, size: Size, where: str) -> RLE:
    if isinstance(drawn, dict):
        told, counts = drawn.get("size"), drawn.get("counts")
        if told != [*size] or not isinstance(counts, str | list):
            what = f"its run lengths are for {told} (height, width), but the picture is {[*size]}."
            raise DataError(what, where=where)
        try:
            return RLE.from_coco(size, counts)
        except DataError as error:
            raise DataError(f"{error.problems[0].what}.", where=where) from error
    if not isinstance(drawn, list):
        raise DataError(
            f"a segmentation must be a list of polygons or run lengths, not {type(drawn).__name__}.", where=where
        )
    from pycocotools import mask as coco

    polygons = [_points(polygon, where).ravel().tolist() for polygon in drawn]
    return RLE.from_coco(size, coco.merge(coco.frPyObjects(polygons, *size))["counts"].decode("ascii"))


def _points(polygon: Any, where: str) -> NDArray[np.float64]:
    """(N, 2), x and y."""
    try:
        points = np.array(polygon, np.float64)
    except (TypeError, ValueError) as error:
        raise DataError("a polygon must be a list of numbers x, y, x, y, …", where=where) from error
    if points.ndim != 1 or len(points) % 2 or len(points) < 6:
        raise DataError(
            f"a polygon needs three points or more, x and y in turn; this one has {points.size} numbers.", where=where
        )
    if not (np.abs(points) < 1e6).all():
        raise DataError("a polygon has a point that is not finite, or far outside of every picture.", where=where)
    return points.reshape(-1, 2)


def _box_of(annotation: dict[str, Any], where: str) -> Box:
    """x0 y0 x1 y1 of COCO's x, y, width, height."""
    try:
        x, y, across, down = (float(side) for side in annotation["bbox"])
    except (KeyError, TypeError, ValueError) as error:
        raise DataError("an annotation has neither a segmentation nor a bbox of four numbers.", where=where) from error
    if not np.isfinite([x, y, across, down]).all():
        raise DataError("a bbox has a number that is not finite.", where=where)
    return x, y, x + max(across, 0.0), y + max(down, 0.0)


def _clipped(box: Box, size: Size) -> Box:
    x0, x1 = (min(max(x, 0.0), float(size[1])) for x in (box[0], box[2]))
    y0, y1 = (min(max(y, 0.0), float(size[0])) for y in (box[1], box[3]))
    return x0, y0, x1, y1
