"""Your own pictures: images and masks paired by name, classes from a text file, splits as folders, lists or drawn."""

from __future__ import annotations

import os.path
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any, Literal

import numpy as np
from annotated_types import Ge, Le, Lt

from pixelwise.data.alike import find_groups
from pixelwise.data.base import Dataset, data_root, find_folder
from pixelwise.data.instance_maps import sample_of, with_components
from pixelwise.data.pairing.classes import VOID, Classes, as_colour, read_classes
from pixelwise.data.pairing.lists import SPLITS
from pixelwise.data.pairing.matching import Naming
from pixelwise.data.pairing.values import ValueTable, value_table
from pixelwise.data.splits import Drawing, Paired, drawing_remark, find_splits, group_by
from pixelwise.errors import DataError, PixelwiseError, Problem, listing
from pixelwise.imaging.channels import Reading
from pixelwise.imaging.files import read_image, read_mask
from pixelwise.imaging.palettes import distinct_colours
from pixelwise.shelf import declares
from pixelwise.types import BACKGROUND, RGB, DatasetInfo, Sample

Kind = Literal["classes", "instances", "components"]
OBJECT = "object"  # the class of all objects of instance maps whose classes are not named
LATER = (
    "image_suffix",
    "image_prefix",
    "mask_prefix",
    "case",
    "values",
    "stretch",
    "exif",
    "alpha",
    "channels",
    "kind",
    "divisor",
    "unpaired",
    "alike",
)  # options that version 0.1 did not have
UNLABELLED = ("void", "unlabelled", "unlabeled", "ignore", "ignored", "not labelled")
LOOKED_AT = 8  # masks that show whether masks are black and white


class Folder(Paired):
    """Pairs of an image and a mask. Files without a partner are in `problems`: `folder` refuses them, `data check` lists them.

    `options` are those of `folder`, with its defaults; `root` is the data folder. Raises DataError if there is no such
    folder.
    """

    def __init__(self, path: Path, root: Path | None = None, **options: Any) -> None:
        if not path.is_dir():
            raise DataError("this folder does not exist.", where=str(path))
        self.path, self.root, self.options = path, root, {**(folder.__kwdefaults__ or {}), **options}
        layout = SimpleNamespace(**self.options)
        classes = _classes(path, layout)
        values = _values(classes, layout, path)
        void = layout.void or None
        if void is None and (layout.void_colour is not None or VOID in (values or {})):
            void = 255 if len(classes.names) <= 255 else 65535
        name = Path(os.path.abspath(path)).name or "folder"  # of a path such as `pets/..`
        self.info = DatasetInfo(
            name=name,
            classes=classes.names,
            colours=classes.colours or distinct_colours(len(classes.names)),
            knows=frozenset({"mask"} if layout.kind == "classes" else {"mask", "objects"}),
            void=void,
            source=f"the folder {name}",
        )
        if layout.mask_values == "colour":
            self._colours = _colour_table(self.info, layout, classes.colours is not None)
        elif classes.colours is not None and len(set(classes.colours)) == len(classes.names):
            self._fallback = _colour_table(self.info, layout, True)
        self._given = None if values is None else value_table(values, classes.names, void, str(path))
        self._reading = Reading.of(self.options)
        if min(self._reading.channels, default=0) < 0 or layout.channels == 0:
            raise DataError(f"read channels {layout.channels}; they are counted from 0.", where=str(path))
        self.info = replace(self.info, channels=self._reading.depth)
        naming = Naming(layout.image_prefix, layout.image_suffix, layout.mask_prefix, layout.mask_suffix, layout.case)
        drawing = _drawing(layout, root or data_root(), self._reading)
        found = find_splits(
            path, layout.images, layout.masks, naming, layout.lists, drawing, skip=layout.unpaired == "skip"
        )
        self._pairs, self.problems, self.drawn = found.splits, tuple(found.problems), found.drawn
        self._layout_notices = tuple(found.notices)

    def values(self) -> ValueTable | None:
        return self._table

    @cached_property
    def _table(self) -> ValueTable | None:
        """The class of each value: as the options or classes.txt say, or 0 and 255 where masks are black and white."""
        if (
            self._given is not None
            or self._colours is not None
            or self.info.void is not None
            or len(self.info.classes) != 2
        ):
            return self._given
        if self.options["kind"] == "instances":
            return None
        pairs = [pair for pairs in self._pairs.values() for pair in pairs]
        seen: set[int] = set()
        for pair in pairs[:: max(1, len(pairs) // LOOKED_AT)]:
            try:
                seen |= set(np.unique(read_mask(pair.mask, fallback=self._fallback)).tolist())
            except PixelwiseError:  # reading the sample says why
                continue
        first, second = self.info.classes
        return value_table({first: 0, second: 255}, self.info.classes, None, "") if seen == {0, 255} else None

    def read(self, split: str, index: int) -> Sample:
        pair, kind = self._pairs[split][index], self.options["kind"]
        if kind == "instances":
            image, ids, divisor = (
                read_image(pair.image, reading=self._reading),
                read_mask(pair.mask),
                self.options["divisor"],
            )
            void, classes, where = self.info.void, self._given, str(pair.mask)
            return sample_of(pair.name, image, ids, divisor=divisor, void=void, classes=classes, where=where)
        sample = super().read(split, index)
        return with_components(sample, self.info.void) if kind == "components" else sample

    def notices(self) -> tuple[Problem, ...]:
        found = [*self._layout_notices]
        if self._given is None and self._table is not None:
            what = f"masks are black and white: 0 is '{self.info.classes[0]}', and 255 is '{self.info.classes[1]}'."
            found.append(Problem(str(self.path), what, "If that is wrong, set the option values."))
        if self.info.channels > 3:
            drawn = listing(map(str, self._reading.channels[:3]))
            what = f"the model reads {self.info.channels} channels; drawings show {drawn} as red, green and blue."
            found.append(Problem(str(self.path), what, "The order is that of the option channels."))
        return tuple(found)

    def remarks(self) -> tuple[str, ...]:
        """Shares, seed and groups are for splits that are drawn: neither folders nor lists may say which picture is where."""
        defaults = folder.__kwdefaults__ or {}
        given = {name: self.options[name] for name in ("val", "test", "seed", "group", "alike")}
        reason = "the folder has subfolders or lists that say which picture is in which split"
        return () if self.drawn else drawing_remark(given, defaults, reason)

    def settings(self) -> dict[str, object]:
        """The options, and what classes.txt says of colours and values, by which masks are read."""
        defaults = folder.__kwdefaults__ or {}
        kept = {k: v for k, v in self.options.items() if k not in LATER or v != defaults[k]}
        if colours := self._colours or self._fallback:
            kept["colour_table"] = [[*colour, index] for colour, index in colours.items()]
        if self._table is not None:
            kept["value_table"] = self._table.settings()
        return {**kept, "path": str(self.path)}


@declares(
    knows=("mask",),
    knows_with={"objects": "kind=instances,components"},
    draws=("val", "test"),
    only_with={"void_colour": "mask_values=colour", "divisor": "kind=instances"},
)
def folder(
    root: Path,
    *,
    path: str,
    images: str = "images",
    masks: str = "masks",
    mask_suffix: str = "",
    mask_prefix: str = "",
    image_suffix: str = "",
    image_prefix: str = "",
    case: Literal["exact", "ignore"] = "exact",
    lists: str = "splits",
    classes: list[str] | None = None,
    colours: list[list[int]] | None = None,
    mask_values: Literal["index", "colour"] = "index",
    values: dict[str, int | str | list[int | str]] | None = None,
    void: Annotated[int, Ge(0), Lt(65536)] | None = None,
    void_colour: list[int] | None = None,
    stretch: Annotated[int, Ge(8), Le(16)] = 16,
    exif: Literal["apply", "ignore"] = "apply",
    alpha: Literal["transparency", "ignore"] = "transparency",
    channels: Annotated[int, Ge(1), Le(1024)] | list[int] | None = None,
    val: Annotated[float, Ge(0), Lt(1)] = 0.2,
    test: Annotated[float, Ge(0), Lt(1)] = 0.0,
    seed: Annotated[int, Ge(0)] = 0,
    group: str = "",
    alike: Literal["anywhere", "together"] = "anywhere",
    kind: Kind = "classes",
    divisor: Annotated[int, Ge(0)] = 0,
    unpaired: Literal["refuse", "skip"] = "refuse",
) -> Dataset:
    """Pictures of your own: every image has a mask of the same name in another folder.

    path:         the folder, absolute, in the working folder, or else in the data folder
    images:       folder of the images (PNG, JPEG, TIFF, WebP, BMP, GIF), or a pattern such as `*.jpg`
    masks:        folder of the masks, or a pattern; palette, grey of 8 or 16 bits, or RGB
    mask_suffix, mask_prefix, image_suffix, image_prefix:  the part of the names of masks, or of images, after or before
                  the part that both share, e.g. mask_suffix `_mask`
    case:         `ignore`: names that differ in upper and lower case pair, and lists may write them in any case
    lists:        folder of the lists `train.txt`, `val.txt`, ... (a name a line), if there are any
    classes:      their names in the order of the mask's values; without it those of `values`, or `classes.txt` (a name a
                  line, then optionally its red, green and blue; or the value, then the name)
    colours:      one [red, green, blue] a class, for drawings and for masks in colour
    mask_values:  `index`: a pixel holds the number of its class; `colour`: it has the colour of its class
    values:       class → its value, values, range or bound, e.g. {void: 0, road: [7, 8], car: 26-28}, or
                  {ground: 0, disc: '> 0'}. Without it a class has its place in the order as value; masks of two classes that
                  have 0 and 255 only are read as such
    void:         the value that means "not labelled"; with `void: 0` the first class has the value 1
    void_colour:  the colour that means "not labelled"
    stretch:      bits that 16-bit pictures use, e.g. 12 for a camera
    exif:         `ignore`: pictures are not turned as their EXIF orientation says, for masks drawn over the stored pixels
    alpha:        `ignore`: the fourth channel is not transparency, and is not used
    channels:     the channels of a TIFF or PNG that the model reads, counted from 0, or how many from the first on. One is read
                  as grey. Of more than three, drawings show the first three
    val, test:    shares of the pictures that are drawn for these splits where there are neither folders `train/`,
                  `val/`, `test/` nor lists
    seed:         seed of that draw
    group:        pattern with one group, e.g. `^(scene\\d+)_`: pictures with the same match stay in one split
    alike:        `together`: pictures that look alike as a whole (copies, frames of one scene) stay in one split too.
                  All are read for it, once
    kind:         what masks hold: `classes`; `instances`: each object has its own number, up to 65,535, and 0 is
                  background; `components`: classes, and every connected part of one but the first is an object
    divisor:      an object's class is its number // divisor, e.g. 1000; 0: all objects are of one class. `values` then says
                  which quotients are which class; the first class has no objects, and numbers below the divisor
                  of another class are crowds
    unpaired:     `skip`: pictures without a mask and masks without a picture are left out, and the training names them
    """
    options = {name: value for name, value in locals().items() if name not in ("root", "path")}
    dataset = Folder(find_folder(path, root), root, **options)
    if dataset.problems:
        raise DataError.all(dataset.problems)
    return dataset


# -- classes ---------------------------------------------------------------------------------------------------------


def _classes(path: Path, layout: SimpleNamespace) -> Classes:
    """Names, and colours and values where they are given: by option, else from classes.txt."""
    given = None if layout.colours is None else tuple(as_colour(c, str(path)) for c in layout.colours)
    if layout.classes is not None:
        return Classes(tuple(layout.classes), given)
    file = path / "classes.txt"
    if file.is_file():
        read = read_classes(file)
        return Classes(read.names, given or read.colours, None if layout.values is not None else read.values)
    if layout.values is not None:
        return Classes(tuple(name for name in layout.values if name != VOID), given)
    if layout.kind == "instances" and not layout.divisor:
        return Classes((BACKGROUND, OBJECT), given)
    hint = "Write one name per line, in the order of the mask's values (0 first), or give the option `classes`."
    raise DataError("the classes are not known: classes.txt is missing.", where=str(path), hint=hint)


def _values(classes: Classes, layout: SimpleNamespace, path: Path) -> Mapping[str, Any] | None:
    """Class → values in index masks, where they are not simply the classes' places in their order."""
    if layout.values is not None:
        return dict(layout.values)
    if classes.values is not None:
        by_name: dict[str, list[int]] = {}
        for value, name in classes.values.items():
            by_name.setdefault(name, []).append(value)
        in_order = [by_name.get(name) for name in classes.names] == [[i] for i in range(len(classes.names))]
        return None if in_order and VOID not in by_name else by_name
    if layout.void != 0:
        return None
    if classes.names[0].lower() in UNLABELLED:
        what = f"void is 0, but '{classes.names[0]}' also has the value 0."
        raise DataError(
            what, where=str(path), hint="Leave that name out: with void: 0 the first class has the value 1."
        )
    return {VOID: 0, **{name: number for number, name in enumerate(classes.names, start=1)}}


def _colour_table(info: DatasetInfo, layout: SimpleNamespace, known: bool) -> dict[RGB, int]:
    if not known:
        hint = "Give `colours`, or write red, green and blue after each name in classes.txt."
        raise DataError(
            "the masks are in colour, and the class of each colour is not known.", where=info.name, hint=hint
        )
    table = {colour: index for index, colour in enumerate(info.colours)}
    if layout.void_colour is not None and info.void is not None:
        table[as_colour(layout.void_colour, info.name)] = info.void
    if len(table) < len(info.colours) + (layout.void_colour is not None):
        raise DataError("two classes have the same colour, so masks in colour cannot be read.", where=info.name)
    return table


def _drawing(layout: SimpleNamespace, root: Path, reading: Reading) -> Drawing:
    """Shares, seed and grouping for splits that are drawn."""
    shares = {split: share for split, share in zip(SPLITS[1:], (layout.val, layout.test), strict=True) if share}
    alike = partial(find_groups, root=root, reading=reading) if layout.alike == "together" else None
    return Drawing(shares, layout.seed, group_by(layout.group), alike)
