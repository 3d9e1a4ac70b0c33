"""What the values in masks are, from a sample of them: classes, black and white, colours, or the numbers of objects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixelwise.data.pairing.classes import read_classes
from pixelwise.errors import PixelwiseError, listing
from pixelwise.imaging.colour import as_hex
from pixelwise.imaging.files import is_in_colour, read_image, read_mask
from pixelwise.types import RGB

LOOKED_AT = 40  # masks
MOST_COLOURS = 40  # classes of masks in colour
ONE_PIECE = 0.8  # share of regions of one value that are in one piece, where values are objects


@dataclass
class Masks:
    """options: of the data set; instances: whether values number objects; said, keys: as in Found."""

    options: dict[str, Any] = field(default_factory=dict)
    instances: bool = False
    said: list[str] = field(default_factory=list)
    keys: dict[str, str] = field(default_factory=dict)


def look_at_masks(files: Sequence[Path], classes: Path) -> Masks:
    """What a sample of the masks says. classes: `classes.txt`, which wins where it is there."""
    some = files[:: max(1, -(-len(files) // LOOKED_AT))]
    if classes.is_file():
        names = read_classes(classes).names
        return Masks(said=[f"classes.txt names {len(names)} classes: {listing(names, 8)}."])
    if some and sum(map(is_in_colour, some)) * 2 > len(some):
        return _colours(some)
    masks = []
    for file in some:
        try:
            masks.append(read_mask(file, lossy=True))
        except PixelwiseError:  # reading the sample says why
            continue
    values = [np.unique(mask).tolist() for mask in masks]
    seen = sorted(set().union(*values))
    if are_objects(masks, values):
        return _instances(seen)
    return _classes(seen)


def are_objects(masks: Sequence[NDArray[Any]], values: Sequence[Sequence[int]]) -> bool:
    """Whether values number objects: each mask has 0..n, n differs between masks, and regions are in one piece."""
    from scipy.ndimage import label

    counts = [len(there) - 1 for there in values]
    if (
        not masks
        or any(there != list(range(len(there))) for there in values)
        or len(set(counts)) < 2
        or max(counts) < 3
    ):
        return False
    pieces = [label(mask == value)[1] for mask, there in zip(masks, values, strict=True) for value in there[1:]]
    return bool(sum(count == 1 for count in pieces) >= ONE_PIECE * len(pieces))


def _instances(seen: Sequence[int]) -> Masks:
    found = Masks({"values": {"background": 0, "object": "> 0"}}, instances=True)
    found.said += [
        f"The masks number objects (0 to {seen[-1]}, each value in one piece): instance maps.",
        "They are read as one class, 'object', against 'background': the training does not tell objects apart. "
        "Tasks that do, such as separate, need a data set that knows objects (`pixelwise list datasets`).",
    ]
    found.keys["data.dataset.values"] = "which values are which class"
    return found


def _classes(seen: Sequence[int]) -> Masks:
    found = Masks()
    found.keys["data.dataset.values"] = "which values are which class, and their names"
    if len(seen) == 2 and seen[1] in (1, 255):
        found.options["values"] = {"background": 0, "object": seen[1]}
        found.said.append(f"The masks have two values: 0 is taken as 'background', {seen[1]} as 'object'.")
        found.keys["data.dataset.void=255"] = "say that 255 means 'not labelled'"
        return found
    void = [value for value in seen if value == 255 and len(seen) > 2]
    values: dict[str, Any] = {
        "background" if value == 0 else f"class {value}": value for value in seen if value not in void
    }
    if void:
        values["void"] = 255
        found.said.append("The value 255 is taken as 'not labelled', because there are other values above 0.")
    found.options["values"] = values
    found.said.append(
        f"There is no classes.txt: the values {listing(map(str, seen), 12)} are classes named by their numbers."
    )
    return found


def _colours(files: Sequence[Path]) -> Masks:
    """Masks in colour: each frequent colour is a class."""
    pixels: Counter[RGB] = Counter()
    for file in files:
        try:
            image = read_image(file)
        except PixelwiseError:
            continue
        packed = image.reshape(-1, 3).astype(np.uint32) @ np.array([65536, 256, 1], np.uint32)
        for value, count in zip(*np.unique(packed, return_counts=True), strict=True):
            pixels[int(value) >> 16, (int(value) >> 8) & 255, int(value) & 255] += int(count)
    colours = sorted(pixels)
    if len(colours) > MOST_COLOURS:
        kept = [colour for colour, _ in pixels.most_common(3)]
        what = f"The masks have {len(colours):,} colours (most frequent: {listing(map(as_hex, kept))}): too many for classes."
        return Masks({"mask_values": "colour", "classes": [], "colours": []}, said=[what])
    names = ["background" if colour == (0, 0, 0) else as_hex(colour) for colour in colours]
    found = Masks({"mask_values": "colour", "classes": names, "colours": [list(colour) for colour in colours]})
    found.said.append(
        f"The masks are in {len(colours)} colours; each is a class, named by its colour: {listing(names, 6)}."
    )
    found.keys["data.dataset.classes"] = "their names, in the order of data.dataset.colours"
    return found
