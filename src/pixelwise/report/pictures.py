"""The parts of pages about a data set: its pictures with masks laid over, the shares of its classes, its sizes."""

from __future__ import annotations

import base64
import io
from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw

from pixelwise.data.checks.survey import Survey
from pixelwise.imaging.draw import number_objects, overlay
from pixelwise.imaging.fit import extremes
from pixelwise.imaging.palettes import distinct_colours
from pixelwise.imaging.resize import resize_image, resize_mask
from pixelwise.types import RGB, DatasetInfo, Image, IndexMap, Sample

SIDE = 280  # the longest side of a picture, in pixels
MOST_CLASSES = 60
MOST_PLACES, MARK = 8, (255, 90, 0)  # rectangles around places in one picture, and their colour
NEAR = 0.04  # of the picture's side: places that are so near each other have one rectangle


@dataclass(frozen=True)
class Tile:
    """A picture as it is put into a page."""

    uri: str
    caption: str
    height: int
    width: int


@dataclass(frozen=True)
class Share:
    """A class: its colour, and its share of each split as a number of 0 to 1; None if no mask or label could be read."""

    name: str
    colour: RGB
    shares: tuple[float | None, ...]


def sample_tile(sample: Sample, split: str, info: DatasetInfo, place: NDArray[np.bool_] | None = None) -> Tile:
    """A sample with its mask, or its objects, laid over. place: pixels around which rectangles are drawn."""
    size = _within(sample.size)
    image = resize_image(sample.seen, size)
    if sample.mask is not None:
        mask, colours = _without_strange(sample.mask, info), info.colours
        clear = [number for number, name in enumerate(info.classes) if name == "background"]
        if sample.objects is not None:
            mask, clear = number_objects(sample.objects, sample.size), [0]
            colours = distinct_colours(len(sample.objects) + 1)
        image = overlay(image, resize_mask(mask, size), colours, clear=clear, void=info.void)
    label = "" if sample.label is None else f" · {info.classes[sample.label]}"
    return image_tile(image, f"{split}/{sample.name}{label}", place)


def image_tile(image: Image, caption: str, place: NDArray[np.bool_] | None = None) -> Tile:
    """A picture with rectangles around the places that are marked."""
    size = _within((image.shape[0], image.shape[1]))
    picture = Pillow.fromarray(resize_image(image, size))
    if place is not None and place.any():
        pen = ImageDraw.Draw(picture)
        for top, left, bottom, right in _boxes(place, size):
            pen.rectangle((left, top, right, bottom), outline=MARK, width=2)
    stream = io.BytesIO()
    picture.save(stream, format="JPEG", quality=85, subsampling=0)
    uri = f"data:image/jpeg;base64,{base64.b64encode(stream.getvalue()).decode('ascii')}"
    return Tile(uri, caption, *size)


def class_shares(seen: Survey) -> list[Share]:
    """The share of each class in each split, most frequent first."""
    if not seen.info.knows:
        return []
    counts = {split: seen.class_counts(split) for split in seen.splits}
    rows = []
    for number, (name, colour) in enumerate(zip(seen.info.classes, seen.info.colours, strict=True)):
        shares = [counts[split][number] / total if (total := sum(counts[split])) else None for split in seen.splits]
        rows.append(Share(name, colour, tuple(shares)))
    return sorted(rows, key=lambda row: -max((share or 0 for share in row.shares), default=0))[:MOST_CLASSES]


def extent(seen: Survey) -> str:
    """`46 sizes, from 41×83 to 90×20; width / height 0.49 to 4.5.`; empty if all pictures have one size."""
    sizes = _sizes(seen)
    if len(sizes) < 2:
        return ""
    shapes = [width / height for height, width in sizes]
    return f"{len(sizes):,} sizes, {extremes(sizes)}; width / height {min(shapes):.2g} to {max(shapes):.2g}."


def size_rows(seen: Survey) -> list[tuple[str, str, int]]:
    """The most frequent sizes: `width×height`, width / height, pictures."""
    sizes = _sizes(seen)
    rows = [(f"{width}×{height}", f"{width / height:.2f}", n) for (height, width), n in sizes.most_common(8)]
    rest = sum(sizes.values()) - sum(count for *_, count in rows)
    return [*rows, (f"{len(sizes) - 8} other sizes", "", rest)] if rest else rows


def _sizes(seen: Survey) -> Counter[tuple[int, int]]:
    return Counter(facts.size for facts in seen.readable if facts.size is not None)


def _within(size: tuple[int, int]) -> tuple[int, int]:
    scale = min(1.0, SIDE / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _without_strange(mask: IndexMap, info: DatasetInfo) -> IndexMap:
    """The mask with class 0 where a value is neither a class nor void; such places are marked."""
    strange = mask >= len(info.classes)
    if info.void is not None:
        strange &= mask != info.void
    if not strange.any():
        return mask
    cleaned = mask.copy()
    cleaned[strange] = 0
    return cleaned


def _boxes(place: NDArray[np.bool_], size: tuple[int, int]) -> list[tuple[int, int, int, int]]:
    """(top, left, bottom, right) in a picture of `size` around the largest places; near ones together."""
    from scipy.ndimage import find_objects, label, maximum_filter

    down, across = size[0] / place.shape[0], size[1] / place.shape[1]
    reach = max(1, round(NEAR * max(place.shape)))
    found, _ = label(maximum_filter(place, 2 * reach + 1))
    found[~place] = 0
    counts = np.bincount(found.ravel())
    slices, boxes = find_objects(found), []
    for number in np.argsort(-counts[1:], kind="stable")[:MOST_PLACES] + 1:
        rows, columns = slices[number - 1]
        top, left = max(0, round(rows.start * down) - 3), max(0, round(columns.start * across) - 3)
        bottom, right = (
            min(size[0] - 1, round(rows.stop * down) + 2),
            min(size[1] - 1, round(columns.stop * across) + 2),
        )
        boxes.append((top, left, max(top, bottom), max(left, right)))
    return boxes
