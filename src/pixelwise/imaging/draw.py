"""Drawings of class maps: coloured, over their picture, with a legend; all (H, W, 3) uint8, RGB."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from pixelwise.errors import DataError, ShapeError
from pixelwise.imaging.palettes import VOC_VOID
from pixelwise.types import RGB, Image, IndexMap, Object

PAPER: RGB = (255, 255, 255)
INK: RGB = (34, 40, 49)
MOST_NUMBERED = 2**16 - 1  # objects of an instance map of 16 bits
ROWS = 256  # rows blended at a time, so that a large picture needs little memory beside itself


def colourise(indices: IndexMap, colours: Sequence[RGB], *, void: int | None = None) -> Image:
    """A class map (H, W) as a picture (H, W, 3): class i in `colours[i]`, void in cream.

    Raises DataError for an index that is neither a class nor void.
    """
    table = np.empty((max(len(colours), (void or 0) + 1), 3), np.uint8)
    table[: len(colours)] = np.reshape(colours, (-1, 3))
    known = np.zeros(len(table), bool)
    known[: len(colours)] = True
    if void is not None:
        table[void], known[void] = VOC_VOID, True
    largest = int(indices.max(initial=0))
    if largest >= len(table) or not known[indices].all():
        allowed = [f"0..{len(colours) - 1}"] if colours else []
        allowed += [] if void is None else [f"{void} (void)"]
        needed = f"its values must be {' or '.join(allowed)}" if allowed else "no class is known"
        strange = next(int(value) for value in np.unique(indices) if value >= len(table) or not known[value])
        raise DataError(f"the class map contains {strange}, but {needed}.")
    return table[indices]


def borders(indices: IndexMap) -> NDArray[np.bool_]:
    """Pixels (H, W) whose right or lower neighbour belongs to another class."""
    edge = np.zeros(indices.shape, bool)
    edge[:, :-1] |= indices[:, :-1] != indices[:, 1:]
    edge[:-1] |= indices[:-1] != indices[1:]
    return edge


def number_objects(objects: Sequence[Object], size: tuple[int, int]) -> NDArray[np.uint16]:
    """(H, W) uint16: the number of the object at each pixel, from 1, the first one on top; 0 for pixels of no object.

    Raises DataError for more objects than 16 bits can number.
    """
    if len(objects) > MOST_NUMBERED:
        what = f"{len(objects):,} objects in one picture; an instance map of 16 bits numbers at most {MOST_NUMBERED:,}"
        raise DataError(what, hint="Raise the task's option `smallest`, or cut the picture into parts.")
    plane = np.zeros(size, np.uint16)
    for number, one in reversed([*enumerate(objects, start=1)]):
        if one.mask is not None:
            plane[one.mask.mask()] = number
    return plane


def touching_pairs(ids: IndexMap) -> NDArray[np.int64]:
    """(P, 2), the numbers of objects that are neighbours in an instance map, also at a corner; the lower one first."""
    found = []
    for here, there in _neighbours(ids):
        meet = (here != there) & (here > 0) & (there > 0)
        found.append(np.stack([np.minimum(here[meet], there[meet]), np.maximum(here[meet], there[meet])], axis=1))
    return np.unique(np.concatenate(found).astype(np.int64), axis=0)


def _neighbours(ids: IndexMap) -> tuple[tuple[IndexMap, IndexMap], ...]:
    """Each pixel and its neighbour to the right, below, and on both diagonals."""
    return (
        (ids[:, :-1], ids[:, 1:]), (ids[:-1], ids[1:]), (ids[:-1, :-1], ids[1:, 1:]), (ids[:-1, 1:], ids[1:, :-1]),
    )  # fmt: skip


def overlay(
    image: Image,
    indices: IndexMap,
    colours: Sequence[RGB],
    *,
    opacity: float = 0.5,
    clear: Collection[int] = (),
    void: int | None = None,
) -> Image:
    """The picture with its class map laid over it, and a line in the class's own colour where classes meet.

    opacity:  0 = only the picture, 1 = only the colours
    clear:    classes (a background, say) and void through which the picture stays unchanged

    Raises ShapeError if picture and class map differ in size.
    """
    if image.shape[:2] != indices.shape:
        raise ShapeError(
            f"the picture is {image.shape[1]}×{image.shape[0]}, its class map {indices.shape[1]}×{indices.shape[0]} "
            "(width × height)"
        )
    paint = round(256 * min(max(opacity, 0.0), 1.0))
    see_through = [*clear] if void is None else [*clear, void]
    edge = borders(indices)
    drawn = np.empty_like(image)
    for top in range(0, len(image), ROWS):
        rows = slice(top, top + ROWS)
        colour = colourise(indices[rows], colours, void=void)
        mixed = (image[rows].astype(np.uint16) * (256 - paint) + colour.astype(np.uint16) * paint + 128) >> 8
        block = np.where(edge[rows, :, None], colour, mixed.astype(np.uint8))
        drawn[rows] = np.where(np.isin(indices[rows], see_through)[..., None], image[rows], block)
    return drawn


def legend(
    classes: Sequence[str], colours: Sequence[RGB], *, width: int = 640, text_size: int = 14, void: bool = False
) -> Image:
    """Class names beside their colours, in as many lines as `width` pixels need.

    Raises ShapeError unless each class has a colour.
    """
    if len(classes) != len(colours):
        raise ShapeError(f"{len(classes)} classes but {len(colours)} colours")
    font = ImageFont.load_default(text_size)
    swatch, gap = text_size, text_size // 2
    entries = [*zip(classes, colours, strict=True), *([("void", VOC_VOID)] if void else [])]
    places, left, top = [], gap, gap
    for name, _ in entries:
        needed = swatch + gap + round(font.getlength(name)) + 2 * gap
        if left > gap and left + needed > width:
            left, top = gap, top + text_size + gap
        places.append((left, top))
        left += needed
    canvas = Pillow.new("RGB", (width, top + text_size + gap), PAPER)
    pen = ImageDraw.Draw(canvas)
    for (name, colour), (x, y) in zip(entries, places, strict=True):
        pen.rectangle((x, y, x + swatch - 1, y + swatch - 1), fill=tuple(colour), outline=INK)
        pen.text((x + swatch + gap, y + swatch / 2), name, fill=INK, font=font, anchor="lm")
    return np.asarray(canvas)
