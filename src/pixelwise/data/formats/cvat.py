"""CVAT's xml (CVAT for images 1.1): polygons, masks, boxes, ellipses, and tags as labels of pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pixelwise.data.formats.base import Export, Format, Record, Shape, Size, knowing
from pixelwise.data.formats.outlines import box, ellipse, placed, polygons, turned_box
from pixelwise.data.formats.source import Source, number, read_xml
from pixelwise.errors import DataError, shown

AREA = ("polygon", "mask", "ellipse", "box")
MOST_SIDE = 1 << 20  # of a picture, in pixels
Attributes = Mapping[str, str]
Group = tuple[str, str, tuple[tuple[str, Attributes], ...]]  # label, place for messages, elements


def cvat() -> Format:
    """CVAT's xml for images: polygons, masks, boxes, ellipses; tags are labels of the picture."""
    return Format(_recognises, _read)


def _recognises(source: Source) -> str | None:
    found = next((file for file in source.some(".xml") if _is_cvat(file)), None)
    return f"{source.told(found)} has the elements of CVAT" if found else None


def _is_cvat(file: Path) -> bool:
    with open(file, "rb") as opened:
        start = opened.read(1 << 20)
    return b"<annotations" in start and any(word in start for word in (b"<image ", b"<track ", b"<meta>"))


def _read(source: Source) -> Export:
    records: list[Record] = []
    declared, used, left_out, kinds = dict[str, None](), Counter[str](), Counter[str](), set[str]()
    for file in source.of_kind(".xml"):
        if not _is_cvat(file):
            continue
        for image, elements in _images(file, declared):
            where = f"{file}: picture {shown(image.get('name', ''))}"
            if not image.get("name"):
                raise DataError("a picture has no name.", where=str(file))
            size = (_whole(image, "height", where), _whole(image, "width", where))
            labels = tuple(attributes.get("label", "") for tag, attributes in elements if tag == "tag")
            groups = _groups(elements, where, left_out)
            used.update([*labels, *(label for label, _, _ in groups)])
            kinds |= {tag for _, _, some in groups for tag, _ in some} | ({"tag"} if labels else set())
            near = file.parent / "images" if (file.parent / "images").is_dir() else file.parent
            picture = source.picture(image["name"], near)
            name, split = source.name_of(picture, near), image.get("subset", "").lower().replace("default", "")
            records.append(Record(name, picture, file, split, size, partial(_shapes, groups), None, labels))
    knows = knowing(drawn=bool(kinds - {"box", "tag"}), boxes="box" in kinds, labels="tag" in kinds)
    return Export(tuple(dict.fromkeys([*declared, *sorted(used)])), tuple(records), knows, left_out=left_out)


def _images(file: Path, declared: dict[str, None]) -> Iterator[tuple[Attributes, list[tuple[str, Attributes]]]]:
    """The attributes of each picture, and the elements in it. The names of labels are put into `declared`."""
    above: list[str] = []
    tracks = 0
    image: Attributes | None = None
    elements: list[tuple[str, Attributes]] = []
    for tag, attributes, text in read_xml(file):
        if attributes is None:
            above.pop()
            if tag == "name" and above[-1:] == ["label"]:
                declared[text] = None
            elif tag == "image" and image is not None:
                yield image, elements
                image = None
        else:
            tracks += tag == "track"
            if tag == "image":
                image, elements = attributes, []
            elif image is not None and above[-1] == "image":
                elements.append((tag, attributes))
            above.append(tag)
    if tracks:
        what = f"has {tracks:,} {'track' if tracks == 1 else 'tracks'} of a video, without names of pictures."
        raise DataError(what, where=str(file), hint="Export it as 'CVAT for images 1.1'.")


def _groups(elements: Sequence[tuple[str, Attributes]], where: str, left_out: Counter[str]) -> tuple[Group, ...]:
    """The elements of each object: polygons with one label and one group are its parts."""
    together: dict[Any, list[tuple[str, Attributes]]] = {}
    for at, (tag, attributes) in enumerate(elements):
        if tag == "tag":
            continue
        if tag not in AREA:
            left_out[f"shapes without area ({tag})"] += 1
            continue
        if "label" not in attributes:
            raise DataError(f"a {tag} has no label.", where=where)
        group = attributes.get("group_id", "0")
        key = (attributes["label"], group) if tag == "polygon" and group not in ("", "0") else at
        together.setdefault(key, []).append((tag, attributes))
    return tuple((some[0][1]["label"], f"{where}, {some[0][0]}", tuple(some)) for some in together.values())


def _shapes(groups: Sequence[Group], size: Size) -> list[Shape]:
    return [Shape(label, _drawn(elements, where, size), where) for label, where, elements in groups]


def _drawn(elements: Sequence[tuple[str, Attributes]], where: str, size: Size) -> dict[str, Any]:
    tag, first = elements[0]
    if tag == "polygon":
        return polygons(_points(attributes.get("points", ""), where) for _, attributes in elements)
    if tag == "mask":
        return _mask(first, where, size)
    turn = number(first.get("rotation", "0"), where, "rotation")
    if tag == "ellipse":
        x, y, across, down = (number(first.get(side), where, side) for side in ("cx", "cy", "rx", "ry"))
        return ellipse(x, y, across, down, turn)
    x0, y0, x1, y1 = (number(first.get(side), where, side) for side in ("xtl", "ytl", "xbr", "ybr"))
    middle = ((x0 + x1) / 2, (y0 + y1) / 2)
    return turned_box(x0, y0, x1 - x0, y1 - y0, turn, middle) if turn else box(x0, y0, x1, y1)


def _points(text: str, where: str) -> list[list[float]]:
    points = [[number(side, where) for side in point.split(",")] for point in text.split(";") if point.strip()]
    if any(len(point) != 2 for point in points):
        raise DataError("points must be written as x,y;x,y;…", where=where)
    return points


def _whole(attributes: Attributes, name: str, where: str, least: int = 1) -> int:
    text = attributes.get(name, "")
    made = int(text) if text.isascii() and text.isdigit() and len(text) < 8 else -1
    if not least <= made <= MOST_SIDE:
        raise DataError(f"read {shown(text)} for {name}; it must be a whole number of at least {least}.", where=where)
    return made


def _mask(attributes: Attributes, where: str, size: Size) -> dict[str, Any]:
    """COCO's run lengths of those of CVAT, which go row by row through the mask's box and begin with zeros."""
    left, top = (_whole(attributes, name, where, 0) for name in ("left", "top"))
    width, height = (_whole(attributes, name, where) for name in ("width", "height"))
    words = attributes.get("rle", "").split(",")
    runs = [int(word) if word.strip().isdecimal() and len(word) < 12 else -1 for word in words]
    if min(runs) < 0 or sum(runs) != width * height or width * height > size[0] * size[1]:
        what = f"read run lengths for {sum(runs):,} pixels; its box has {width * height:,}, its picture {size[0] * size[1]:,}."
        raise DataError(what if min(runs) >= 0 else "its run lengths are not whole numbers.", where=where)
    ones = np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(height, width)
    return placed(ones, left, top, size, where)
