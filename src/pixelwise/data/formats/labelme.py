"""LabelMe's json, one beside each picture: polygons, rectangles, circles and masks."""

from __future__ import annotations

import base64
import binascii
import io
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pixelwise.data.formats.base import Export, Format, Record, Shape, Size, knowing
from pixelwise.data.formats.outlines import box, ellipse, placed, polygons
from pixelwise.data.formats.source import Source, has_words, number, read_json
from pixelwise.errors import DataError, shown
from pixelwise.imaging.files import pixel_limit

KEYS = ("shapes", "imagePath")
EMBEDDED = (
    "A picture inside the json (imageData) is not read: save it as a file beside the json, as imagePath names it."
)
NO_AREA = ("point", "points", "line", "linestrip")
Group = tuple[str, str, tuple[dict[str, Any], ...]]  # label, place for messages, shapes


def labelme() -> Format:
    """LabelMe's json for each picture: polygons, rectangles, circles, masks; flags are labels of the picture."""
    return Format(_recognises, _read)


def _recognises(source: Source) -> str | None:
    found = next((file for file in source.some(".json") if has_words(file, *KEYS)), None)
    return f"{source.told(found)} has shapes and imagePath" if found else None


def _read(source: Source) -> Export:
    records: list[Record] = []
    names, flags, left_out = Counter[str](), dict[str, None](), Counter[str]()
    drawn = False
    for file in source.of_kind(".json"):
        read = read_json(file)
        if source.file is None and not (isinstance(read, dict) and all(key in read for key in KEYS)):
            continue
        if not isinstance(read, dict) or not isinstance(read.get("shapes"), list) or "imagePath" not in read:
            raise DataError("is not LabelMe's json: it has no list of shapes, or no imagePath.", where=str(file))
        groups = _groups(read["shapes"], file, left_out)
        names.update(label for label, _, _ in groups)
        drawn = drawn or any(one["shape_type"] != "rectangle" for _, _, shapes in groups for one in shapes)
        told = read.get("flags")
        labels = tuple(str(flag) for flag, is_set in told.items() if is_set is True) if isinstance(told, dict) else ()
        flags |= dict.fromkeys(map(str, told) if isinstance(told, dict) else ())
        picture = source.picture(str(read["imagePath"]), file.parent, EMBEDDED if read.get("imageData") else "")
        split = source.split_of(file)
        size = _size(read, file)
        records.append(Record(source.name_of(file), picture, file, split, size, partial(_shapes, groups), None, labels))
    knows = knowing(drawn=drawn, boxes=bool(names), labels=bool(flags))
    classes = dict.fromkeys([*sorted(names), *flags])
    return Export(tuple(classes), tuple(records), knows, left_out=left_out)


def _size(read: dict[str, Any], file: Path) -> Size | None:
    sides = (read.get("imageHeight"), read.get("imageWidth"))
    if sides == (None, None):
        return None
    height, width = sides
    if type(height) is not int or type(width) is not int or min(height, width) < 1:
        raise DataError(
            f"read {shown(list(sides))} for imageHeight and imageWidth; they must be whole numbers above 0.",
            where=str(file),
        )
    return height, width


def _groups(shapes: Sequence[Any], file: Path, left_out: Counter[str]) -> tuple[Group, ...]:
    """The shapes of each object: those with one label and one group_id are parts of one object."""
    together: dict[Any, list[dict[str, Any]]] = {}
    for at, one in enumerate(shapes):
        where = f"{file}: shape {at}"
        if (
            not isinstance(one, dict)
            or not isinstance(one.get("label"), str)
            or not isinstance(one.get("points"), list)
        ):
            raise DataError("a shape has a label and a list of points.", where=where)
        kind = one.get("shape_type") or "polygon"
        if kind in NO_AREA:
            left_out[f"shapes without area ({kind})"] += 1
            continue
        if kind not in ("polygon", "rectangle", "circle", "mask"):
            left_out[f"shapes of the kind {shown(kind)}"] += 1
            continue
        group = one.get("group_id")
        is_group = isinstance(group, int | str) and group != "" and kind != "mask"
        key = (one["label"], str(group), kind) if is_group else (at,)
        kept = {"shape_type": kind, "mask": one.get("mask"), "where": where}
        kept |= {"label": one["label"], "points": one["points"]}
        together.setdefault(key, []).append(kept)
    return tuple((some[0]["label"], some[0]["where"], tuple(some)) for some in together.values())


def _shapes(groups: Sequence[Group], size: Size) -> list[Shape]:
    return [Shape(label, _drawn(shapes, size), where) for label, where, shapes in groups]


def _drawn(shapes: Sequence[dict[str, Any]], size: Size) -> dict[str, Any]:
    first = shapes[0]
    points = [_points(one) for one in shapes]
    if first["shape_type"] == "polygon":
        return polygons(points)
    if len(shapes) == 1 and len(points[0]) != 2:
        what = f"a {first['shape_type']} has two points; this one has {len(points[0])}."
        raise DataError(what, where=first["where"])
    if first["shape_type"] == "circle":
        parts = []
        for (x, y), (x1, y1) in points:
            radius = ((x1 - x) ** 2 + (y1 - y) ** 2) ** 0.5
            parts += ellipse(x, y, radius, radius)["segmentation"]
        return {"segmentation": parts}
    if first["shape_type"] == "mask":
        return _mask(first, points[0][0], size)
    corners = [point for some in points for point in some]
    across, down = zip(*corners, strict=True)
    return box(min(across), min(down), max(across), max(down))


def _points(one: dict[str, Any]) -> list[tuple[float, float]]:
    where = one["where"]
    if not all(isinstance(point, list) and len(point) == 2 for point in one["points"]):
        raise DataError("a point has two numbers, x and y.", where=where)
    return [(number(x, where), number(y, where)) for x, y in one["points"]]


def _mask(one: dict[str, Any], corner: tuple[float, float], size: Size) -> dict[str, Any]:
    """The run lengths of a mask that is stored as a PNG of its box."""
    from PIL import Image as Pillow

    try:
        packed = base64.b64decode(str(one["mask"]), validate=True)
        with Pillow.open(io.BytesIO(packed), formats=("PNG",)) as picture:
            if picture.width * picture.height > pixel_limit():
                raise DataError("its mask has too many pixels.", where=one["where"])
            pixels = np.asarray(picture.convert("L")) != 0
    except (binascii.Error, OSError, SyntaxError, ValueError) as error:
        raise DataError(f"its mask is not a PNG in base64: {error}.", where=one["where"]) from error
    return placed(pixels, round(corner[0]), round(corner[1]), size, one["where"])
