"""The meaning of the values in masks, from a sample of them: classes, black and white, colours, or numbers of objects."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixelwise.data.checks.outlines import between
from pixelwise.data.folder import UNLABELLED
from pixelwise.data.pairing.classes import VOID, read_classes
from pixelwise.data.pairing.lists import MOST_BYTES
from pixelwise.errors import DataError, PixelwiseError, listing
from pixelwise.imaging.channels import Reading
from pixelwise.imaging.colour import as_hex
from pixelwise.imaging.files import is_in_colour, is_stored_with_loss, read_image, read_mask
from pixelwise.types import RGB

LOOKED_AT = 40  # masks
OTHER_NAMES = ("codes.txt", "labels.txt", "class_names.txt", "dataset.json")  # of the classes: fastai's, nnU-Net's
MOST_CLASSES = 40  # that masks without classes.txt may have
NEAR, MOST_NEAR = 40, 0.97  # of 0 or 255, and the share of pixels that are, of black and white masks stored with loss
NEIGHBOURS = 5  # pixels: a grey of a smooth outline has 0 and 255 in a square of this side
FEWEST_GREYS, OUTLINES = 8, 0.95  # different greys of smooth outlines, and the share of grey pixels that lie there
ONE_PIECE = 0.8  # share of regions of one value that are in one piece, where values are objects

CITYSCAPES = "_instanceIds"  # end of the names of Cityscapes' instance maps: label * 1000 + number, and labels alone
THINGS = ("person", "rider", "car", "truck", "bus", "caravan", "trailer", "train", "motorcycle", "bicycle")
FIRST_THING, BELOW_THINGS = 24, "0-23"  # labels of Cityscapes (cityscapesscripts/helpers/labels.py)


@dataclass
class Masks:
    """options: of the data set; said, keys: as in Found."""

    options: dict[str, Any] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    keys: dict[str, str] = field(default_factory=dict)


def look_at_masks(files: Sequence[Path], classes: Path, objects: bool = False) -> Masks:
    """The options that a sample of the masks suggests.

    classes: `classes.txt`, which takes precedence; the files of fastai and nnU-Net beside it can name the classes too
    objects: whether objects are to be told apart
    """
    some = files[:: max(1, -(-len(files) // LOOKED_AT))]
    names = read_classes(classes).names if classes.is_file() else ()
    in_colour = bool(some) and sum(map(_has_colours, some)) * 2 > len(some)
    if in_colour and not names:
        return _with_components(_colours(some)) if objects else _colours(some)
    masks = []
    for file in () if in_colour else some:
        try:
            masks.append(read_mask(file, lossy=True))
        except PixelwiseError:  # reading the sample says why
            continue
    values = [np.unique(mask).tolist() for mask in masks]
    seen = sorted(set().union(*values))
    if len(names) <= 2 and (are_objects(masks, values) or (objects and len(seen) > 2 and _in_one_piece(masks, values))):
        return _instances(seen, names, objects)
    if not in_colour and len(names) in (0, 2) and _is_blurred(some, masks):
        found = _blurred(names or ("background", "object"), lossy=is_stored_with_loss(some[0]))
    elif names:
        found = _named(seen, names)
    else:
        found = _named_elsewhere(seen, classes.parent) or _classes(seen)
    return _with_components(found) if objects else found


def _has_colours(file: Path) -> bool:
    """Whether a file is in red, green and blue that are not equal."""
    if not is_in_colour(file):
        return False
    try:
        read_mask(file, lossy=True)
    except PixelwiseError:
        return True
    return False


def _is_blurred(files: Sequence[Path], masks: Sequence[NDArray[Any]]) -> bool:
    """Whether masks are black and white, with greys that are stored with loss or that lie along outlines."""
    if not masks or len(masks) < len(files):
        return False
    if not any(map(is_stored_with_loss, files)):
        return _has_grey_outlines(masks)
    if not all(map(is_stored_with_loss, files)):
        return False
    near = [float(((mask < NEAR) | (mask > 255 - NEAR)).mean()) for mask in masks]
    return min(near) > MOST_NEAR and len(set().union(*(np.unique(mask).tolist() for mask in masks))) > 2


def _has_grey_outlines(masks: Sequence[NDArray[Any]]) -> bool:
    """Whether nearly all values besides 0 and 255 are many greys between the two, as smooth outlines have."""
    from scipy.ndimage import maximum_filter, minimum_filter

    greys, inside = set[int](), [0, 0]
    for mask in masks:
        grey = (mask > 0) & (mask < 255)
        greys |= set(np.unique(mask[grey]).tolist())
        outline = (maximum_filter(mask, NEIGHBOURS) == 255) & (minimum_filter(mask, NEIGHBOURS) == 0)
        inside = [inside[0] + int((grey & outline).sum()), inside[1] + int(grey.sum())]
    return len(greys) >= FEWEST_GREYS and inside[0] > OUTLINES * inside[1]


def _blurred(names: Sequence[str], lossy: bool) -> Masks:
    dark, bright = names
    how = "stored with loss" if lossy else "with greys along outlines"
    what = f"The masks are black and white, {how}: below 128 is '{dark}', from 128 on '{bright}'."
    found = Masks({"values": {dark: "< 128", bright: ">= 128"}}, said=[what])
    found.keys["data.dataset.values"] = "which values are which class"
    return found


def are_objects(masks: Sequence[NDArray[Any]], values: Sequence[Sequence[int]]) -> bool:
    """Whether values number objects: each is in one piece, and there are many of them, or each mask has 0..n with its own n."""
    counts = [len(there) - 1 for there in values]
    in_order = all(there == list(range(len(there))) for there in values) and len(set(counts)) > 1 and max(counts) > 2
    many = len(set().union(*values)) > MOST_CLASSES
    return bool(masks) and (in_order or many) and _in_one_piece(masks, values)


def _in_one_piece(masks: Sequence[NDArray[Any]], values: Sequence[Sequence[int]]) -> bool:
    """Whether nearly all regions of one value above 0 are connected."""
    from scipy.ndimage import find_objects, label

    pieces = []
    for mask, there in zip(masks, values, strict=True):
        boxes = find_objects(mask.astype(np.int32))
        pieces += [label(mask[boxes[value - 1]] == value)[1] for value in there if value]
    return bool(sum(count == 1 for count in pieces) >= ONE_PIECE * len(pieces))


def _instances(seen: Sequence[int], names: Sequence[str], objects: bool) -> Masks:
    """Masks that number objects. names: of the background and the objects, or none."""
    what = names[-1] if names else "object"
    said = [f"The masks number objects (0 to {seen[-1]}, each value in one piece): instance maps."]
    if objects:
        said.append(f"Each number is an object of the class '{what}'.")
        return Masks({"kind": "instances"}, said=said)
    background = names[0] if len(names) == 2 else "background"
    said.append(
        f"They are read as one class, '{what}', against '{background}': the training does not tell objects apart. "
        "With --instances it does."
    )
    found = Masks({"values": {background: 0, what: "> 0"}}, said=said)
    found.keys["--instances"] = "tell objects apart: a mask and a score for each"
    found.keys["data.dataset.values"] = "which values are which class"
    return found


def objects_of_cityscapes() -> Masks:
    """The options for Cityscapes' instance maps: its ten kinds of objects, and all else as background."""
    things = {name: label for label, name in enumerate(THINGS, start=FIRST_THING)}
    found = Masks({"kind": "instances", "divisor": 1000, "values": {"background": BELOW_THINGS, **things}})
    found.said.append(
        "The masks are Cityscapes' instance maps: label times 1000 plus a number for each object. Labels without a number, "
        "such as a group of cars, are neither learnt nor counted."
    )
    found.keys["data.dataset.values"] = "which labels are objects of which class"
    return found


def _with_components(found: Masks) -> Masks:
    """The same masks of classes with an object for each connected part of a class."""
    found.options["kind"] = "components"
    found.said.append(
        "Every connected part of a class but the first is taken as an object: objects that touch count as one."
    )
    found.keys["data.dataset.kind=instances"] = "say that the values number objects"
    return found


def _named(seen: Sequence[int], names: Sequence[str]) -> Masks:
    """Classes of classes.txt, and the value that has to be void if these are the values from 0 or from 1 on."""
    count = "1 class" if len(names) == 1 else f"{len(names)} classes"
    found = Masks(said=[f"classes.txt names {count}: {listing(names, 8)}."])
    others = [value for value in seen if value >= len(names)]
    if others == [len(names)]:
        found.options["void"] = 0
        found.said.append(f"The values are 1 to {len(names)} in this order; 0 is taken as 'not labelled'.")
    elif others == [255] and len(seen) > 2:
        found.options["void"] = 255
        found.said.append("The value 255 is taken as 'not labelled', because classes.txt does not name it.")
    if found.options:
        found.keys["data.dataset.void"] = "the value that means 'not labelled'"
    return found


def _named_elsewhere(seen: Sequence[int], folder: Path) -> Masks | None:
    """Classes by the files of other programs, where these name every value from 0 on; 255 beside them is void."""
    for file in (folder / name for name in OTHER_NAMES if (folder / name).is_file()):
        try:
            names = _nnunet(file) if file.suffix == ".json" else read_classes(file).names
        except PixelwiseError:
            continue
        if not names or len(set(names)) < len(names) or any(value >= len(names) and value != 255 for value in seen):
            continue
        if set(map(str.lower, names)) & set(UNLABELLED):
            return _with_unlabelled(names, file.name)
        found = _named(seen, names)
        found.options["classes"] = list(names)
        found.said = [line.replace("classes.txt", file.name) for line in found.said]
        found.keys["data.dataset.classes"] = "their names, in the order of the values"
        return found
    return None


def _with_unlabelled(names: Sequence[str], file: str) -> Masks:
    """Classes of which one, such as fastai's `Void` or nnU-Net's `ignore`, means "not labelled"; so does 255."""
    void = [value for value, name in enumerate(names) if name.lower() in UNLABELLED]
    kept = {name: value for value, name in enumerate(names) if value not in void}
    found = Masks({"values": {**kept, VOID: [*void, 255]}})
    found.said.append(f"{file} names {len(kept)} {'class' if len(kept) == 1 else 'classes'}: {listing(kept, 8)}.")
    found.said.append(f"The value {void[0]} is taken as 'not labelled', because {file} calls it '{names[void[0]]}'.")
    found.keys["data.dataset.values"] = "which values are which class, and their names"
    return found


def _nnunet(file: Path) -> tuple[str, ...]:
    """The labels in a dataset.json of nnU-Net in the order of their values; none if they are not 0, 1, 2, ..."""
    from pixelwise.yaml_text import read_file

    try:
        read = json.loads(read_file(file, DataError, MOST_BYTES))
    except (ValueError, RecursionError):
        return ()
    labels = read.get("labels") if isinstance(read, dict) else None
    if not isinstance(labels, dict):
        return ()
    pairs = [(value, name) if isinstance(value, int) else (name, value) for name, value in labels.items()]
    by_value = {int(value): name for value, name in pairs if str(value).isdecimal() and isinstance(name, str)}
    in_order = sorted(by_value) == list(range(len(labels)))
    return tuple(by_value[value] for value in sorted(by_value)) if in_order else ()


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
        f"classes.txt is missing: the values {listing(map(str, seen), 12)} are classes named by their numbers."
    )
    return found


def _colours(files: Sequence[Path]) -> Masks:
    """Masks in colour: each frequent colour is a class."""
    pixels: Counter[RGB] = Counter()
    areas: Counter[RGB] = Counter()
    for file in files:
        try:
            image = read_image(file, reading=Reading(alpha=False))
        except PixelwiseError:
            continue
        packed = (image.astype(np.uint32) @ np.array([65536, 256, 1], np.uint32)).astype(np.int64)
        for counts, some in ((pixels, packed), (areas, packed[~between(packed)])):
            for value, count in zip(*np.unique(some, return_counts=True), strict=True):
                counts[int(value) >> 16, (int(value) >> 8) & 255, int(value) & 255] += int(count)
    colours = sorted(pixels)
    drawn = [colour for colour in colours if 2 * areas[colour] > pixels[colour]]
    if 1 < len(drawn) <= MOST_CLASSES and len(colours) > 3 * len(drawn):
        found = _by_colour(drawn)
        what = f"{len(colours) - len(drawn):,} other colours lie only along outlines: they are not classes."
        found.said.append(what)
        return found
    if len(colours) > MOST_CLASSES:
        kept = [colour for colour, _ in pixels.most_common(3)]
        what = f"The masks have {len(colours):,} colours (most frequent: {listing(map(as_hex, kept))}): too many for classes."
        return Masks({"mask_values": "colour", "classes": [], "colours": []}, said=[what])
    return _by_colour(colours)


def _by_colour(colours: Sequence[RGB]) -> Masks:
    names = ["background" if colour == (0, 0, 0) else as_hex(colour) for colour in colours]
    found = Masks({"mask_values": "colour", "classes": names, "colours": [list(colour) for colour in colours]})
    found.said.append(
        f"The masks are in {len(colours)} colours; each is a class, named by its colour: {listing(names, 6)}."
    )
    found.keys["data.dataset.classes"] = "their names, in the order of data.dataset.colours"
    return found
